//! `optimize doctor` on this machine and with real servers.

mod support;

#[path = "../../jobs/tests/server/mod.rs"]
mod server;

use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use server::{Server, free_port};
use support::{Place, Said};

/// Runs doctor with these words, in a place whose configuration and cache are its own.
fn doctor(place: &Place, words: &str) -> Said {
    let mut command = place.command(&format!("doctor {words}"));
    command.env("XDG_CONFIG_HOME", place.path().join("config"));
    command.env("XDG_CACHE_HOME", place.path().join("cache"));
    command.output().expect("the program starts").into()
}

/// The finding of a check.
#[track_caller]
fn finding(said: &Said, check: &str) -> Value {
    let document = said.json();
    let findings = document["findings"].as_array().expect("a list");
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("no {check}: {document:#}")).clone()
}

#[track_caller]
fn expect(said: &Said, check: &str, verdict: &str, part: &str) {
    let found = finding(said, check);
    assert_eq!(found["verdict"], verdict, "{found}");
    let text = format!("{} {}", found["found"], found["remedy"]);
    assert!(text.contains(part), "{found}");
}

fn set_mode(place: &Place, name: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(place.path().join(name), permissions).expect("ours");
}

#[test]
fn a_machine_is_looked_at_and_left_as_it_is() {
    let place = Place::new();
    let said = doctor(&place, "--template sma-crossover --format json").ended(0);
    for check in ["program", "store", "data cache", "DuckDB", "template", "simulator"] {
        assert_ne!(finding(&said, check)["verdict"], "problem", "{}", said.out);
    }
    assert_eq!(said.json()["problems"], 0);
    assert_eq!(said.json()["server"], Value::Null);
    let left = std::fs::read_dir(place.path()).expect("a folder").count();
    assert_eq!(left, 0, "nothing is made");
    let table = doctor(&place, "").ended(0).out;
    assert!(table.contains("this machine  ok"), "{table}");
    assert!(table.trim_end().lines().last().is_some_and(|line| !line.starts_with(' ')), "{table}");
}

#[test]
fn what_is_wrong_with_a_machine_is_a_problem() {
    let place = Place::new();
    place.write("file", "no folder");
    let said = doctor(&place, "--store file --template none.toml --format json").ended(1);
    expect(&said, "store", "problem", "--store");
    expect(&said, "template", "problem", "none.toml");
    expect(&said, "DuckDB", "ok", "v1.5");
    let table = doctor(&place, "--store file").ended(1).out;
    assert!(table.contains("→ ") && table.ends_with("1 problem\n"), "{table}");
    let said = doctor(&place, "--queue nowhere").ended(2);
    assert!(said.err.contains("allowed: redis://HOST:PORT"), "{}", said.err);
}

#[test]
fn a_key_is_compared_and_never_made() {
    let (place, server) = (Place::new(), Server::start(&[]));
    let with = |words: &str| {
        doctor(&place, &format!("--queue {} --format json {words}", server.address()))
    };
    let said = with("").ended(1);
    expect(&said, "key", "problem", "copy its file from that machine");
    assert!(!place.path().join("config").exists(), "a key was made");
    place.write("key", "a secret of the tests");
    set_mode(&place, "key", 0o600);
    let said = with("--key-file key").ended(0);
    expect(&said, "key", "ok", "21 characters, fingerprint ");
    assert!(!said.out.contains("a secret of the tests"), "{}", said.out);
    place.write("copy", "a secret of the tests\n");
    set_mode(&place, "copy", 0o644);
    let copy = with("--key-file copy").ended(0);
    expect(&copy, "key", "warning", "chmod 600 copy");
    let fingerprint = |said: &Said| {
        let found = finding(said, "key")["found"].as_str().expect("text").to_owned();
        found.rsplit_once(' ').expect("words").1.to_owned()
    };
    assert_eq!(fingerprint(&said), fingerprint(&copy), "both are the same key");
    place.write("other", "another secret of the tests");
    assert_ne!(fingerprint(&said), fingerprint(&with("--key-file other")));
    place.write("short", "tiny");
    expect(&with("--key-file short").ended(1), "key", "problem", "16 or more");
}

#[test]
fn a_server_is_judged_by_what_it_is() {
    let place = Place::new();
    place.write("key", "a secret of the tests");
    let with =
        |address: &str| doctor(&place, &format!("--queue {address} --key-file key --format json"));
    let server = Server::start(&[]);
    let said = with(&server.address()).ended(0);
    for check in ["connection", "version", "role", "memory", "persistence", "user", "clock"] {
        assert_eq!(finding(&said, check)["verdict"], "ok", "{}", said.out);
    }
    expect(&said, "board", "ok", "no study is up");
    assert_eq!(said.json()["server"]["product"], "Redis");
    assert_eq!(server.give::<u64>(&["DBSIZE"]), 0, "nothing was written");

    let _: String = server.give(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    expect(&with(&server.address()).ended(1), "memory", "problem", "maxmemory-policy noeviction");
    let _: String = server.give(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
    expect(&with(&server.address()).ended(0), "memory", "ok", "volatile-lru");

    // It copies a server that is not there.
    let port = free_port().to_string();
    let _: String = server.give(&["REPLICAOF", "127.0.0.1", &port]);
    expect(&with(&server.address()).ended(1), "role", "problem", "the address of its primary");

    let nowhere = format!("redis://user:s3cret@127.0.0.1:{}", free_port());
    let said = with(&nowhere).ended(1);
    expect(&said, "connection", "problem", "is it running?");
    assert!(!said.out.contains("s3cret") && !said.err.contains("s3cret"), "{}", said.out);
    let help = place.command("doctor --help").env("OPTIMIZE_QUEUE", &nowhere).output();
    let help: Said = help.expect("the program starts").into();
    assert!(help.out.contains("OPTIMIZE_QUEUE") && !help.out.contains("s3cret"), "{}", help.out);
}

#[test]
fn a_server_that_cannot_save_is_a_problem() {
    let server = Server::start(&["--save", "3600", "1"]);
    // A folder in place of the file keeps it from being written.
    let folder: Vec<String> = server.give(&["CONFIG", "GET", "dir"]);
    std::fs::create_dir_all(format!("{}/dump.rdb/x", folder[1])).expect("a folder");
    let _: String = server.give(&["BGSAVE"]);
    let place = Place::new();
    place.write("key", "a secret of the tests");
    let words = format!("--queue {} --key-file key --format json", server.address());
    let is_found = |_| {
        std::thread::sleep(Duration::from_millis(100));
        let said = doctor(&place, &words);
        finding(&said, "persistence")["verdict"] == "problem" && said.code == Some(1)
    };
    assert!((0..100).any(is_found), "the failed snapshot is not found");
}

/// A process that ends with its test.
struct Process(Child);

impl Process {
    fn start(place: &Place, words: &str) -> Self {
        let mut command = place.command(words);
        command.env("XDG_CACHE_HOME", place.path().join("cache"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("the program starts"))
    }

    fn kill(&mut self) {
        self.0.kill().expect("a child");
        self.0.wait().expect("a child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn studies_are_seen_with_those_who_work_on_them() {
    let (place, server) = (Place::new(), Server::start(&[]));
    place.write("key", "a secret of the tests");
    let queue = format!("--queue {} --key-file key", server.address());
    // A lease that is not over while doctor looks.
    let study = "--template problem:zdt1 --trials 1000000000 --name far --quiet --lease 1h";
    let mut coordinator = Process::start(&place, &format!("start {study} {queue}"));
    let sees = |what: &str, is_so: &dyn Fn(&Value) -> bool| {
        let mut last = Value::Null;
        for _ in 0..60 {
            let said = doctor(&place, &format!("{queue} --format json"));
            last = said.json()["studies"].clone();
            if is_so(&last) {
                return said;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("{what} is never seen: {last:#}");
    };
    let said = sees("the study", &|all| all[0]["coordinated"] == true);
    expect(&said, "far", "warning", "`optimize worker`");
    let mut worker = Process::start(&place, &format!("worker {queue} --threads 1"));
    let said = sees("the worker", &|all| all[0]["workers"][0]["alive"] == true);
    expect(&said, "far", "ok", "1 worker with 1 thread");
    worker.kill();
    let said = sees("its death", &|all| all[0]["workers"][0]["alive"] == false);
    expect(&said, "far", "warning", "1 standing still");
    place.write("other", "another secret of the tests");
    let other = format!("--queue {} --key-file other --format json", server.address());
    let said = doctor(&place, &other).ended(0);
    let id = said.json()["studies"][0]["id"].as_str().expect("text")[..16].to_owned();
    expect(&said, &id, "warning", "another key");
    coordinator.kill();
    let said = sees("the coordinator's death", &|all| all[0]["coordinated"] == false);
    expect(&said, "far", "warning", "`optimize resume`");
}

#[test]
fn a_template_has_its_files_where_workers_can_have_them() {
    let (place, server) = (Place::new(), Server::start(&[]));
    place.write("key", "a secret of the tests");
    std::fs::create_dir(place.path().join("below")).expect("a folder");
    let template = |input: &str| {
        format!(
            "name = 'program'\nsimulator = 'command'\n[objectives]\ncost = 'minimize'\n[space]\n\
             x = {{ float = [0.0, 1.0] }}\n[command]\nmode = 'once'\nrun = ['sh', 'sim.sh', \
             '{{x}}']\nmetrics = ['cost']\noutput = 'lines'\ninputs = ['{input}']\n"
        )
    };
    place.write("below/sim.sh", "echo \"cost = $1\"\n");
    place.write("below/near.txt", "1");
    place.write("far.txt", "1");
    place.write("below/near.toml", &template("near.txt"));
    place.write("below/far.toml", &template("../far.txt"));
    let queue = format!("--queue {} --key-file key", server.address());
    let with = |words: &str| doctor(&place, &format!("--format json {words}"));
    let said = with(&format!("--template below/near.toml {queue}")).ended(0);
    expect(&said, "files", "ok", "2 files for workers");
    expect(&said, "simulator", "ok", "workers need --allow-commands");
    let said = with(&format!("--template below/far.toml {queue}")).ended(1);
    expect(&said, "files", "problem", "../far.txt");
    with("--template below/far.toml").ended(0);
}
