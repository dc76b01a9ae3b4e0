//! Workers on a Redis server: the results are those of one process. `tests/chaos` disturbs them.

mod support;

#[path = "../../jobs/tests/server/mod.rs"]
mod server;

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

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
        let worker = self.spawn(&format!("worker {} --threads 1", self.options()));
        self.workers.push(worker);
    }

    fn start(&mut self, study: &str) {
        let words = format!("start {study} --name far --quiet --format json {}", self.options());
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
        fleet.server.give::<u64>(&["DBSIZE"]) == 0
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
