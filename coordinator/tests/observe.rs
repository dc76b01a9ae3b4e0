//! Metrics of coordinators and workers, and what they write to standard error for programs.

mod support;

#[path = "../../jobs/tests/server/mod.rs"]
mod server;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use server::Server;
use support::{Place, Said};

/// What people read of metrics.
const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// A study of a program whose last trial waits for the file `go`; trial 7 fails.
fn study(place: &Place) {
    place.write(
        "program.toml",
        "name = 'program'\nsimulator = 'command'\n[objectives]\ncost = 'minimize'\n[space]\n\
         x = { int = [0, 19] }\n[command]\nmode = 'once'\nrun = ['sh', 'sim.sh', '{x}']\n\
         metrics = ['cost']\noutput = 'lines'\n",
    );
    let go = place.path().join("go");
    let text = format!(
        "[ $1 = 7 ] && exit 3\nwhile [ $1 = 19 ] && [ ! -e {} ]; do sleep 0.05; done\n\
         echo \"cost = $1\"\n",
        go.display()
    );
    place.write("sim.sh", &text);
}

/// A program that runs, with the lines that it writes to standard error.
struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

/// A program that says nothing for so long says nothing any more.
const PATIENCE: Duration = Duration::from_mins(1);

impl Running {
    fn new(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let errors = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).for_each(|line| _ = sender.send(line));
        });
        Self { child, lines, said: Vec::new() }
    }

    /// Where it serves metrics: the address that it says.
    fn address(&mut self) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("it says where its metrics are");
            self.said.push(line.clone());
            if let Some((_, rest)) = line.split_once("http://") {
                return rest.split_once("/metrics").expect("a path").0.to_owned();
            }
        }
    }

    /// How it ended, and what it wrote.
    fn ended(mut self) -> Said {
        let mut out = String::new();
        self.child.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        let code = self.child.wait().expect("a child").code();
        self.said.extend(self.lines.iter());
        Said { code, out, err: std::mem::take(&mut self.said).join("\n") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is answered to a request: status line, header fields, body.
fn ask(address: &str, request: &str) -> (String, BTreeMap<String, String>, String) {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a stream");
    write!(stream, "{request} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an empty line");
    let mut head = head.split("\r\n");
    let status = head.next().expect("a status line").to_owned();
    let fields = head.map(|line| {
        let (name, value) = line.split_once(": ").expect("a field");
        (name.to_ascii_lowercase(), value.to_owned())
    });
    (status, fields.collect(), body.to_owned())
}

/// Samples by name and labels, as they are written.
type Samples = BTreeMap<String, f64>;

/// The metrics at an address. Everything that the format demands is checked.
fn scrape(address: &str) -> Samples {
    let (status, fields, body) = ask(address, "GET /metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(fields["content-type"], kind);
    assert_eq!(fields["content-length"], body.len().to_string());
    parse(&body)
}

fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn parse(text: &str) -> Samples {
    let mut samples = Samples::new();
    let mut families = Vec::new();
    let mut family: Option<(String, Option<String>)> = None;
    let body = text.strip_suffix("# EOF\n").expect("the end is marked");
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a name and a help");
            assert!(is_name(name) && help.ends_with('.'), "{line}");
            assert!(!families.contains(&name.to_owned()), "{name} comes twice");
            families.push(name.to_owned());
            family = Some((name.to_owned(), None));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            let known = family.as_mut().expect("HELP comes first");
            assert_eq!((&*known.0, &known.1), (name, &None), "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            known.1 = Some(kind.to_owned());
        } else {
            let (named, value) = line.rsplit_once(' ').expect("a value");
            let value: f64 = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(value.is_finite(), "{line}");
            let name = named.split_once('{').map_or(named, |(name, _)| name);
            if let Some((_, labels)) = named.split_once('{') {
                for label in labels.strip_suffix('}').expect("a brace").split(',') {
                    let (name, value) = label.split_once('=').expect("a label");
                    let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                    let is_plain = !value.expect("quotes").contains(['"', '\\']);
                    assert!(is_name(name) && is_plain, "{line}");
                }
            }
            let (of, kind) = family.as_ref().expect("HELP comes first");
            let suffix = if kind.as_deref() == Some("counter") { "_total" } else { "" };
            assert_eq!(name, format!("{of}{suffix}"), "{line}");
            assert!(kind.is_some() && (suffix.is_empty() || value >= 0.0), "{line}");
            assert!(samples.insert(named.to_owned(), value).is_none(), "{line} comes twice");
        }
    }
    samples
}

/// Waits until metrics are as they should be; those then.
#[track_caller]
fn until(address: &str, what: impl Fn(&Samples) -> bool) -> Samples {
    for _ in 0..600 {
        let samples = scrape(address);
        if what(&samples) {
            return samples;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("it never comes to that: {:#?}", scrape(address));
}

fn trials(samples: &Samples, outcome: &str) -> f64 {
    samples[&format!("optimize_trials_total{{study=\"far\",outcome=\"{outcome}\"}}")]
}

/// Counters never go back.
fn grown(before: &Samples, after: &Samples) {
    for (name, value) in before.iter().filter(|(name, _)| name.contains("_total")) {
        assert!(after[name] >= *value, "{name}: {value}, then {}", after[name]);
    }
}

#[test]
fn a_study_and_its_worker_tell_prometheus_what_the_status_says() {
    let (place, server) = (Place::new(), Server::start(&[]));
    place.write("key", "a secret of the tests");
    study(&place);
    let queue =
        format!("--queue {} --key-file key --metrics 127.0.0.1:0 --log json", server.address());
    let spawn = |words: &str| {
        let mut command = place.command(words);
        command.env("XDG_CACHE_HOME", place.path().join("cache"));
        Running::new(command)
    };
    let start = "start --template program.toml --algorithm grid --name far --chunk 1 --format json";
    let mut coordinator = spawn(&format!("{start} {queue}"));
    let at_study = coordinator.address();
    let first = scrape(&at_study);
    assert_eq!(trials(&first, "complete"), 0.0);
    let mut worker = spawn(&format!("worker --threads 2 --allow-commands {queue}"));
    let at_worker = worker.address();
    let of_study = until(&at_study, |samples| {
        trials(samples, "complete") == 18.0 && samples["optimize_workers{study=\"far\"}"] == 1.0
    });
    grown(&first, &of_study);
    assert_eq!(trials(&of_study, "failed"), 1.0);
    let told = |name: &str| of_study[&format!("{name}{{study=\"far\"}}")];
    assert_eq!((told("optimize_trials_done"), told("optimize_trials_goal")), (19.0, 20.0));
    assert_eq!((told("optimize_threads"), told("optimize_epoch")), (2.0, 1.0));
    assert_eq!((told("optimize_jobs_lost_total"), told("optimize_trials_left")), (0.0, 1.0));
    let of_worker = until(&at_worker, |samples| {
        samples["optimize_worker_jobs_finished_total"] == 19.0
            && samples["optimize_worker_threads_busy"] == 1.0
            && samples["optimize_worker_results_unconfirmed"] == 0.0
    });
    assert_eq!(of_worker["optimize_worker_trials_total{outcome=\"complete\"}"], 18.0);
    assert_eq!(of_worker["optimize_worker_trials_total{outcome=\"failed\"}"], 1.0);
    assert_eq!(of_worker["optimize_worker_studies_served"], 1.0);
    assert_eq!(of_worker["optimize_worker_threads"], 2.0);
    for name in of_study.keys().chain(of_worker.keys()) {
        let name = name.split_once('{').map_or(&**name, |(name, _)| name);
        assert!(OPERATIONS.contains(name), "{name} is not in docs/operations.md");
    }
    // The last trial waits, and is at work for as long.
    let busy = "optimize_worker_busy_seconds_total";
    let later = until(&at_worker, |samples| samples[busy] > of_worker[busy] + 0.2);
    grown(&of_worker, &later);
    // With nothing but that trial under way, the status file says the same.
    let status = place.run("status far --format json").ended(0).json();
    assert_eq!(status["evaluated"], 19);
    assert_eq!(status["failed"], 1);
    assert_eq!(status["done"].as_f64(), Some(told("optimize_trials_done")));
    assert_eq!(status["threads"], 2);
    assert_eq!(status["jobs_in_flight"].as_f64(), Some(told("optimize_jobs_in_flight")));
    place.write("go", "");
    let said = coordinator.ended().ended(0);
    assert_eq!(said.json()["evaluated"], 20);
    let events = events(&said);
    let started = event(&events, "study started");
    assert_eq!(
        (&started["study"], &started["seed"], &started["goal"]),
        (&json!("far"), &json!(1), &json!(20))
    );
    let joined = event(&events, "worker joined");
    assert_eq!(joined["threads"], 2);
    assert_eq!(joined["target"], "jobs::redis_queue::beats");
    assert_eq!(event(&events, "epoch begun: a coordinator begins")["epoch"], 1);
    let ended = event(&events, "study ended");
    assert_eq!(ended["hash"].as_str(), Some(&*said.hash()));
    assert_eq!((&ended["state"], &ended["trials"]), (&json!("complete"), &json!(20)));
    // People are told the same as ever, and nothing of the progress.
    event(&events, "study far: grid, 20 trials, seed 1");
    assert!(!said.err.contains("trials/s"), "{}", said.err);
    assert!(TcpStream::connect(&at_study).is_err(), "the endpoint ends with the study");
    until(&at_worker, |samples| {
        samples["optimize_worker_jobs_finished_total"] == 20.0
            && samples["optimize_worker_studies_served"] == 0.0
    });
    let killed = Command::new("kill").args(["-TERM", &worker.child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    let said = worker.ended().ended(0);
    let events = self::events(&said);
    assert_eq!(event(&events, "serving study program")["id"], started["id"]);
    assert_eq!(event(&events, "worker: 20 jobs done")["jobs"], 20);
}

/// The events on standard error: every line has to be one.
fn events(said: &Said) -> Vec<Value> {
    let event = |line: &str| {
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let time = event["timestamp"].as_str().expect("a time");
        let is_utc = time.len() >= 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z');
        assert!(is_utc && time.starts_with("20"), "{line}");
        let level = event["level"].as_str().expect("a level");
        assert!(["ERROR", "WARN", "INFO"].contains(&level), "{line}");
        assert!(event["message"].is_string() && event["target"].is_string(), "{line}");
        event
    };
    said.err.lines().map(event).collect()
}

/// The event with this message.
#[track_caller]
fn event<'a>(events: &'a [Value], message: &str) -> &'a Value {
    let found = events.iter().find(|event| event["message"] == message);
    found.unwrap_or_else(|| panic!("nothing says {message:?}: {events:#?}"))
}

#[test]
fn errors_are_events_as_well_also_those_of_a_command_line_that_cannot_be_read() {
    let place = Place::new();
    for (words, expected) in [
        ("start --template nowhere.toml --log json", "nowhere.toml"),
        ("--log json start --template problem:sphere --trials none", "--trials"),
        ("start --log=json --template problem:sphere --metrics nowhere", "allowed: HOST:PORT"),
        ("status none --log json --log-level error", "no study named none"),
    ] {
        let said = place.run(words).ended(2);
        let events = events(&said);
        let [event] = &events[..] else { panic!("{words}: {events:#?}") };
        assert_eq!((&event["level"], &event["exit_code"]), (&json!("ERROR"), &json!(2)), "{words}");
        assert!(event["message"].as_str().expect("text").contains(expected), "{event}");
    }
    let said = place.run("status --log-level verbose").ended(2);
    assert!(said.err.contains("allowed: error, warn, info or debug"), "{}", said.err);
}

#[test]
fn people_read_what_they_always_have_and_may_ask_for_more() {
    let place = Place::new();
    let start = "start --template problem:sphere --trials 20 --threads 1";
    let said = place.run(&format!("{start} --name a")).ended(0);
    let expected = "study a: random, 20 trials, seed 1\nmore: optimize results a\n";
    assert_eq!(said.err, expected);
    let said = place.run(&format!("{start} --name b --quiet")).ended(0);
    assert_eq!(said.err, "");
    let said = place.run(&format!("{start} --name c --quiet --log-level debug")).ended(0);
    assert!(said.err.starts_with("info: study started, study c, id "), "{}", said.err);
    assert!(said.err.contains(" [coordinator::commands::start]\n"), "{}", said.err);
    let mut command = place.command(&format!("{start} --name d"));
    let said: Said = command.env("OPTIMIZE_LOG", "error").output().expect("it starts").into();
    assert_eq!(said.ended(0).err, "");
    let said = place.run("status none").ended(2);
    assert!(said.err.starts_with("error: "), "{}", said.err);
}

#[test]
fn people_are_warned_of_a_worker_that_is_lost_and_of_a_server_that_is_away() {
    let (place, mut server) = (Place::new(), Server::start(&[]));
    place.write("key", "a secret of the tests");
    study(&place);
    let queue = format!("--queue {} --key-file key --lease 2s", server.address());
    let spawn = |words: &str| {
        let mut command = place.command(words);
        command.env("XDG_CACHE_HOME", place.path().join("cache"));
        Running::new(command)
    };
    let start = "start --template program.toml --algorithm grid --quiet --format json";
    let mut coordinator = spawn(&format!("{start} {queue} --metrics 127.0.0.1:0"));
    let address = coordinator.address();
    let worker_words = format!("worker --threads 1 --allow-commands {queue}");
    let worker = spawn(&worker_words);
    let at_work = |samples: &Samples| {
        samples["optimize_trials_total{study=\"program\",outcome=\"complete\"}"] == 18.0
    };
    until(&address, at_work);
    // It is killed as it is dropped, and its last trial with it.
    drop(worker);
    until(&address, |samples| samples["optimize_jobs_lost_total{study=\"program\"}"] > 0.0);
    server.kill();
    sleep(Duration::from_millis(500));
    server.launch();
    until(&address, |samples| samples["optimize_epoch{study=\"program\"}"] == 2.0);
    let samples = scrape(&address);
    assert!(samples["optimize_connections_lost_total"] >= 1.0, "{samples:#?}");
    place.write("go", "");
    let _worker = spawn(&worker_words);
    let said = coordinator.ended().ended(0);
    let lines: Vec<&str> = said.err.lines().collect();
    let has = |begins: &str| lines.iter().any(|line| line.starts_with(begins));
    assert!(has("warning: lost a worker on "), "{}", said.err);
    assert!(has("warning: Redis cannot be reached"), "{}", said.err);
    assert!(has("Redis can be reached again"), "{}", said.err);
    assert!(has("warning: Redis has forgotten the study"), "{}", said.err);
}

#[test]
fn the_endpoint_answers_what_it_is_asked_and_an_address_that_is_taken_is_refused() {
    let place = Place::new();
    study(&place);
    let start = "start --template program.toml --algorithm grid --threads 2 --quiet --metrics";
    let mut first = Running::new(place.command(&format!("{start} 127.0.0.1:0 --name one")));
    let address = first.address();
    assert_eq!(ask(&address, "GET /healthz").2, "ok\n");
    let (status, fields, body) = ask(&address, "HEAD /metrics");
    assert_eq!((&*status, &*body), ("HTTP/1.1 200 OK", ""));
    assert_ne!(fields["content-length"], "0");
    assert_eq!(ask(&address, "GET /").0, "HTTP/1.1 404 Not Found");
    let (status, fields, _) = ask(&address, "POST /metrics");
    assert_eq!((&*status, &*fields["allow"]), ("HTTP/1.1 405 Method Not Allowed", "GET, HEAD"));
    // Those who ask nothing take nothing from those who do, for longer than a few seconds.
    let idle: Vec<TcpStream> =
        (0..9).map(|_| TcpStream::connect(&address).expect("somebody listens")).collect();
    until(&address, |samples| samples["optimize_worker_threads_busy"] == 1.0);
    drop(idle);
    let second = place.run(&format!("{start} {address} --name two")).ended(3);
    let expected = format!("error: --metrics: failed to listen at {address}: ");
    assert!(second.err.starts_with(&expected), "{}", second.err);
    assert!(second.err.contains("in use"), "{}", second.err);
    assert!(!place.path().join("optimize-store/two").exists(), "nothing is started");
    let odd = place.run("worker --queue redis://127.0.0.1:1 --metrics 9184").ended(2);
    assert!(odd.err.contains("allowed: HOST:PORT"), "{}", odd.err);
    place.write("go", "");
    let said = first.ended().ended(0);
    assert_eq!(said.err.lines().next(), Some(&*format!("metrics at http://{address}/metrics")));
}
