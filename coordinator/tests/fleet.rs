//! Workers on a Redis server: the results are those of one process. `tests/chaos` disturbs them.

mod support;

#[path = "../../jobs/tests/server/mod.rs"]
mod server;

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use optimizers::{Algorithm, Pruning};
use server::Server;
use support::{Place, Said};

/// A study of several seconds on two cores.
const STUDY: &str = "--template sma-crossover --algorithm grid --set space.fast.int=[2,200] \
     --set space.slow.int=[10,900]";

/// A server, a place, and the processes of a fleet.
struct Fleet {
    place: Place,
    server: Server,
    workers: Vec<Child>,
    coordinator: Option<Child>,
}

impl Fleet {
    fn new() -> Self {
        let (place, server) = (Place::new(), Server::start(&[]));
        place.write("key", "a secret of the tests");
        Self { place, server, workers: Vec::new(), coordinator: None }
    }

    fn options(&self) -> String {
        format!("--queue {} --key-file key --lease 2s", self.server.address())
    }

    fn spawn(&self, words: &str) -> Child {
        let mut command = self.place.command(words);
        command.env("XDG_CACHE_HOME", self.place.path().join("cache"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    fn join(&mut self) {
        self.join_with("");
    }

    fn join_with(&mut self, words: &str) {
        let worker = self.spawn(&format!("worker {} --threads 1 {words}", self.options()));
        self.workers.push(worker);
    }

    fn start(&mut self, study: &str) {
        let words = format!("start {study} --name far --quiet --format json {}", self.options());
        self.coordinator = Some(self.spawn(&words));
    }

    fn resume(&mut self) {
        let words = format!("resume far --quiet --format json {}", self.options());
        self.coordinator = Some(self.spawn(&words));
    }

    /// What the coordinator says in the end.
    fn ended(&mut self) -> Said {
        let coordinator = self.coordinator.take().expect("it was started");
        coordinator.wait_with_output().expect("it ends").into()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for mut child in self.workers.drain(..).chain(self.coordinator.take()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .expect("kill is there");
    assert!(status.success(), "{name}");
}

#[expect(clippy::disallowed_methods, reason = "limits of a test")]
fn now() -> Instant {
    Instant::now()
}

fn expected(place: &Place, study: &str) -> String {
    place.run(&format!("start {study} --name near --quiet --format json")).ended(0).hash()
}

#[test]
fn workers_that_come_and_go_give_the_results_of_one_process() {
    let mut fleet = Fleet::new();
    let expected = expected(&fleet.place, STUDY);
    fleet.start(STUDY);
    fleet.join();
    fleet.join();
    sleep(Duration::from_millis(500));
    fleet.join();
    // One drains, and returns what it has begun.
    signal(&fleet.workers[0], "-TERM");
    let drained: Said = fleet.workers.remove(0).wait_with_output().expect("it ends").into();
    assert_eq!(drained.code, Some(0), "{}", drained.err);
    assert!(drained.err.contains("draining"), "{}", drained.err);
    assert_eq!(fleet.ended().ended(0).hash(), expected);
    // A worker's last beat may come after the end; it says good-bye within a second or two.
    let is_empty = |_| {
        sleep(Duration::from_millis(100));
        // Orders to workers are forgotten after a minute.
        let left: Vec<String> = fleet.server.give(&["KEYS", "*"]);
        left.iter().all(|name| name == "optimize:control")
    };
    assert!((0..200).any(is_empty), "something is left behind");
}

#[test]
fn optimizers_and_audits_work_through_workers_as_well() {
    let mut fleet = Fleet::new();
    let study = "--template problem:zdt1 --algorithm lhs --trials 3000 --seed 5";
    let expected = expected(&fleet.place, study);
    fleet.join();
    fleet.start(&format!("{study} --audit 5%"));
    let said = fleet.ended().ended(0);
    assert_eq!(said.hash(), expected);
    assert!(said.json()["audited"].as_u64() > Some(50), "{}", said.out);
}

#[test]
fn every_pruner_works_through_workers_of_which_one_is_killed() {
    for pruner in
        ["forecast", "median", "percentile", "patient", "wilcoxon", "asha", "halving", "hyperband"]
    {
        let mut fleet = Fleet::new();
        let study = format!(
            "--template problem:ackley --set problem.steps=27 --set problem.noise=1 --prune \
             {pruner} --algorithm de:population=10 --trials 800 --chunk 4 --lag 32"
        );
        let expected = expected(&fleet.place, &study);
        fleet.join();
        fleet.join();
        fleet.start(&study);
        sleep(Duration::from_millis(150));
        signal(&fleet.workers[0], "-KILL");
        assert_eq!(fleet.ended().ended(0).hash(), expected, "{pruner}");
    }
}

#[test]
fn every_pruner_works_with_every_algorithm_through_workers() {
    let mut fleet = Fleet::new();
    fleet.join();
    fleet.join();
    for (algorithm, _) in Algorithm::names() {
        for (pruner, _) in Pruning::names() {
            let study = format!(
                "--template problem:sphere --set problem.steps=9 --set problem.noise=1 \
                 --set space.x1.points=8 --set space.x2.points=8 --trials 24 --chunk 2 --lag 6 \
                 --algorithm {algorithm} --prune {pruner}"
            );
            let expected = expected(&fleet.place, &study);
            fleet.start(&study);
            assert_eq!(fleet.ended().ended(0).hash(), expected, "{algorithm}, {pruner}");
        }
    }
}

#[test]
fn programs_run_only_where_that_is_allowed() {
    let mut fleet = Fleet::new();
    fleet.place.write(
        "program.toml",
        "name = 'program'\nsimulator = 'command'\n[objectives]\ncost = 'minimize'\n[space]\n\
         x = { float = [0.0, 1.0] }\n[command]\nmode = 'once'\nrun = ['sh', 'sim.sh', '{x}']\n\
         metrics = ['cost']\noutput = 'lines'\n",
    );
    fleet.place.write("sim.sh", "echo \"cost = $1\"\n");
    let study = "--template program.toml --trials 50 --seed 3";
    let expected = expected(&fleet.place, study);
    fleet.start(study);
    fleet.join();
    let allowed = format!("worker {} --threads 1 --allow-commands", fleet.options());
    sleep(Duration::from_secs(2));
    let worker = fleet.spawn(&allowed);
    assert_eq!(fleet.ended().ended(0).hash(), expected);
    fleet.workers.push(worker);
    signal(&fleet.workers[0], "-TERM");
    let refused: Said = fleet.workers.remove(0).wait_with_output().expect("it ends").into();
    assert!(refused.err.contains("with --allow-commands only"), "{}", refused.err);
    assert!(refused.err.contains("worker: 0 jobs done"), "{}", refused.err);
}

/// A study of a shell script in the place, with its trials' numbers in `x` and `y`.
fn script(place: &Place, text: &str) {
    place.write(
        "program.toml",
        "name = 'program'\nsimulator = 'command'\n[objectives]\ncost = 'minimize'\n[space]\n\
         x = { int = [0, 39] }\n[command]\nmode = 'once'\nrun = ['sh', 'sim.sh', '{x}']\n\
         metrics = ['cost']\noutput = 'lines'\n",
    );
    place.write("sim.sh", text);
}

#[test]
fn a_trial_that_kills_its_worker_fails_and_no_other() {
    let mut fleet = Fleet::new();
    // Whoever runs trial 17 is killed, and so is the process that then runs it alone.
    script(&fleet.place, "[ $1 = 17 ] && kill -9 $PPID\necho \"cost = $1\"\n");
    fleet.start("--template program.toml --algorithm grid");
    let words = format!("worker {} --threads 1 --allow-commands", fleet.options());
    let first = fleet.spawn(&words).wait_with_output().expect("it dies");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&first.status), Some(9));
    let second = fleet.spawn(&words);
    fleet.workers.push(second);
    let said = fleet.ended().ended(0);
    assert_eq!(said.json()["failed"].as_u64(), Some(1), "{}", said.out);
    assert_eq!(said.json()["evaluated"].as_u64(), Some(40), "{}", said.out);
    let sql = "select trial, error from trials where error is not null";
    let said = fleet.place.run(&format!("results far --sql '{sql}' --format csv")).ended(0);
    assert!(said.out.contains("17,"), "{}", said.out);
    assert!(said.out.contains("ended the process that ran it, twice"), "{}", said.out);
    assert!(fleet.workers[0].try_wait().expect("a child").is_none(), "the second one lives");
}

#[test]
fn a_study_that_is_stopped_is_dropped_by_its_workers_at_once() {
    let mut fleet = Fleet::new();
    script(&fleet.place, "echo $$ >> pids\nsleep 1000\n");
    fleet.start("--template program.toml --algorithm grid");
    let words = format!("worker {} --threads 2 --allow-commands --idle 1s", fleet.options());
    let worker = fleet.spawn(&words);
    let begun = now();
    let is_at_work = |_| {
        sleep(Duration::from_millis(100));
        let said = fleet.place.run("status far --format json");
        said.code == Some(0) && said.json()["fleet"][0]["jobs"].as_u64() >= Some(2)
    };
    assert!((0..300).any(is_at_work), "no worker takes jobs");
    let stopped = fleet.place.run("stop far").ended(0);
    assert!(stopped.err.contains("study far: stopped, 0 trials"), "{}", stopped.err);
    assert_eq!(fleet.ended().json()["state"], "stopped");
    // Nothing keeps the worker from ending: not a trial of a quarter of an hour.
    let ended: Said = worker.wait_with_output().expect("it ends").into();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    let again = fleet.place.run("stop far");
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("does not run (it is stopped)"), "{}", again.err);
}

#[test]
fn a_study_that_is_put_up_twice_in_a_row_is_served_twice() {
    let mut fleet = Fleet::new();
    fleet.join();
    let study = "--template problem:zdt1 --algorithm sobol --trials 500 --seed 5 --quiet";
    let words = |name| format!("start {study} --name {name} --format json {}", fleet.options());
    let hashes = ["a", "b", "c"].map(|name| fleet.place.run(&words(name)).ended(0).hash());
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[1], hashes[2]);
}

#[test]
fn a_process_that_cannot_begin_blames_no_trial() {
    let mut fleet = Fleet::new();
    script(&fleet.place, "sleep 0.05\necho \"cost = $1\"\n");
    let study = "--template program.toml --algorithm grid --chunk 1";
    let expected = expected(&fleet.place, study);
    fleet.start(study);
    let words = format!("worker {} --threads 1 --allow-commands", fleet.options());
    let (mut first, second) = (fleet.spawn(&words), fleet.spawn(&words));
    fleet.workers.push(second);
    let cache = fleet.place.path().join("cache/optimize/studies");
    let is_cached = |_| {
        sleep(Duration::from_millis(50));
        fleet.place.run("status far --format json").json()["evaluated"].as_u64() > Some(2)
    };
    assert!((0..300).any(is_cached), "no trial is run");
    // Somebody cleans up, and a worker dies: what it held cannot be run apart here. The folder goes
    // at once: one without its script would be a program that fails.
    std::fs::rename(&cache, fleet.place.path().join("gone")).expect("it is there");
    first.kill().expect("alive");
    first.wait().expect("a child");
    sleep(Duration::from_secs(4));
    fleet.join_with("--allow-commands");
    let said = fleet.ended().ended(0);
    assert_eq!(said.hash(), expected, "{}", said.out);
}

#[test]
fn workers_drain_on_demand() {
    let mut fleet = Fleet::new();
    fleet.join();
    fleet.join();
    // Orders are heard by those who listen already.
    sleep(Duration::from_secs(1));
    let key = format!("--queue {} --key-file key", fleet.server.address());
    fleet.place.run(&format!("drain {key} --host nobody")).ended(0);
    sleep(Duration::from_secs(1));
    assert!(fleet.workers.iter_mut().all(|worker| worker.try_wait().expect("a child").is_none()));
    fleet.place.run(&format!("drain {key}")).ended(0);
    for worker in fleet.workers.drain(..) {
        let said: Said = worker.wait_with_output().expect("it ends").into();
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.err.contains("as `optimize drain` asks"), "{}", said.err);
    }
}

#[test]
fn what_is_finished_while_no_coordinator_is_there_is_not_run_again() {
    let mut fleet = Fleet::new();
    script(&fleet.place, "echo $1 >> runs\nsleep 0.3\necho \"cost = $1\"\n");
    let runs = fleet.place.path().join("runs");
    let text = std::fs::read_to_string(fleet.place.path().join("program.toml")).expect("written");
    let run = format!("run = ['sh', 'sim.sh', '{{x}}', '{}']", runs.display());
    fleet.place.write("program.toml", &text.replace("run = ['sh', 'sim.sh', '{x}']", &run));
    fleet.place.write("sim.sh", "echo $1 >> $2\nsleep 0.3\necho \"cost = $1\"\n");
    fleet.start("--template program.toml --algorithm grid --chunk 1");
    let worker = fleet.spawn(&format!("worker {} --threads 2 --allow-commands", fleet.options()));
    fleet.workers.push(worker);
    let count = || std::fs::read_to_string(&runs).map_or(0, |text| text.lines().count());
    let has_begun = |_| {
        sleep(Duration::from_millis(50));
        count() >= 4
    };
    assert!((0..600).any(has_begun), "no trial begins");
    let mut coordinator = fleet.coordinator.take().expect("it was started");
    coordinator.kill().expect("alive");
    coordinator.wait().expect("a child");
    // The worker goes on with what it was given.
    sleep(Duration::from_secs(3));
    let meanwhile = count();
    fleet.resume();
    let said = fleet.ended().ended(0);
    assert_eq!(said.json()["evaluated"].as_u64(), Some(40), "{}", said.out);
    assert!(meanwhile >= 6, "{meanwhile} trials");
    assert_eq!(count(), 40, "no trial was run twice, {meanwhile} of them before the second start");
}

#[test]
fn workers_are_given_the_data_sets_of_a_study() {
    let mut fleet = Fleet::new();
    let mut prices = String::from("date,open,high,low,close\n");
    for day in 1..=28 {
        let price = 100 + (day * 17) % 23;
        prices += &format!("2020-02-{day:02},{price},{},{},{price}\n", price + 1, price - 1);
    }
    fleet.place.write("ABC.csv", &prices);
    fleet.place.run("data import ABC.csv --data sets --timeframe 1d").ended(0);
    let study = "--template sma-crossover --algorithm grid --set space.fast.int=[2,5] \
         --set space.slow.int=[3,9] --set backtest.data=abc-1d --set backtest.symbols=[\"ABC\"] \
         --data sets";
    let expected = expected(&fleet.place, study);
    fleet.join();
    fleet.start(study);
    assert_eq!(fleet.ended().ended(0).hash(), expected);
    let copies = fleet.place.path().join("cache/optimize/studies");
    let study = std::fs::read_dir(copies).expect("made").next().expect("one").expect("readable");
    assert!(study.path().join("data/abc-1d/bars.parquet").is_file());
}
