//! What has to be true of a round in the end, whatever happened in it.

use std::fmt::Write;
use std::thread::sleep;
use std::time::Duration;

use crate::fleet::{Fleet, Setting};
use crate::studies::Study;

/// What a study gives in one process without any fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The hash of its results.
    pub hash: String,
    /// Rows of its table, and different trials among them.
    pub rows: (u64, u64),
}

/// What is known of a round that is as it should be.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// Trials that were run more than once, and how many may have been; where that is known.
    pub repeated: Option<(u64, u64)>,
}

const COUNT: &str = "--format json --sql \
     'select count(*) as n, count(distinct trial) as trials from trials'";

fn rows(said: &crate::support::Said) -> (u64, u64) {
    let row = &said.json()[0];
    let number = |name: &str| row[name].as_u64().expect("a count");
    (number("n"), number("trials"))
}

/// Runs the study in one process.
pub fn expected(setting: &Setting) -> Expected {
    let place = setting.place();
    let words = setting.study.words(setting.size);
    let mut command = place.command(&format!("start {words} --name near --quiet --format json"));
    command.env("RUNS", "/dev/null").env_remove("OPTIMIZE_QUEUE");
    let said: crate::support::Said = command.output().expect("the program starts").into();
    let hash = said.ended(0).hash();
    let rows = rows(&place.run(&format!("results near {COUNT}")).ended(0));
    assert!(rows.0 > 0 && rows.0 == rows.1, "{rows:?}");
    Expected { hash, rows }
}

/// Waits for the end of a round and judges it. `repeats` is how often whatever is under way may
/// have been run again, `added` how many messages were put in beside the coordinator's.
pub fn judge(
    fleet: &mut Fleet,
    expected: &Expected,
    repeats: u64,
    added: u64,
) -> Result<Verdict, String> {
    let patience = |seconds| fleet.site.setting.patience(Duration::from_secs(seconds));
    let (study_limit, worker_limit, empty_limit) = (patience(60), patience(12), patience(10));
    if !fleet.coordinator.ends_within(study_limit) {
        return Err("the study does not come to its end".to_owned());
    }
    if fleet.coordinator.code() != Some(0) {
        return Err(format!("the coordinator ended with {:?}", fleet.coordinator.code()));
    }
    let status: serde_json::Value = serde_json::from_str(&fleet.coordinator.out())
        .map_err(|error| format!("{error}: {}", fleet.coordinator.out()))?;
    if status["results_hash"] != expected.hash.as_str() {
        return Err(format!("the hash is {}, not {}", status["results_hash"], expected.hash));
    }
    let found = rows(&fleet.site.run(&format!("results far {COUNT}")).ended(0));
    if found != expected.rows {
        return Err(format!("rows and trials are {found:?}, not {:?}", expected.rows));
    }
    dismiss_workers(fleet, worker_limit)?;
    if let Some(words) = fleet.everybody().find(|each| each.err().contains("panicked")) {
        return Err(format!("{} panicked", words.name));
    }
    let is_empty = |_| {
        sleep(Duration::from_millis(50));
        // Orders to workers are forgotten after a minute.
        let left: Option<Vec<String>> = fleet.site.ask(&["KEYS", "*"]);
        left.is_some_and(|left| left.iter().all(|name| name == "optimize:control"))
    };
    if !(0..empty_limit.as_millis() / 50).any(is_empty) {
        return Err("keys are left in Redis".to_owned());
    }
    let repeated = repeated(fleet, expected, repeats, added);
    match repeated {
        Some((found, most)) if found > most => Err(format!(
            "{found} trials were run more than once; the faults explain {most} at most"
        )),
        repeated => Ok(Verdict { repeated }),
    }
}

/// Workers that nobody killed are still there, and end when they are asked to.
fn dismiss_workers(fleet: &mut Fleet, limit: Duration) -> Result<(), String> {
    living(fleet)?;
    fleet.workers.iter_mut().for_each(|worker| worker.signal("-TERM"));
    for worker in &mut fleet.workers {
        if !worker.ends_within(limit) || worker.code() != Some(0) {
            let (name, code) = (&worker.name, worker.code());
            return Err(format!("{name} was asked to end, and did so with {code:?}"));
        }
    }
    Ok(())
}

/// Whether every worker lives.
pub fn living(fleet: &mut Fleet) -> Result<(), String> {
    for worker in &mut fleet.workers {
        if !worker.is_alive() {
            return Err(format!("{} ended by itself with {:?}", worker.name, worker.code()));
        }
    }
    Ok(())
}

/// How many trials were run more than once, and how many may have been. A process for each trial
/// leaves a line in a file.
fn repeated(fleet: &Fleet, expected: &Expected, repeats: u64, added: u64) -> Option<(u64, u64)> {
    if fleet.site.setting.study != Study::Program {
        return None;
    }
    let runs = std::fs::read_to_string(fleet.site.place.path().join("runs")).ok()?;
    let runs = runs.lines().count() as u64;
    // A coordinator keeps five jobs of a thread under way, eight at least, and those of workers
    // whose death it has not noticed yet.
    let under_way = (5 * (fleet.most_workers + 2)).max(8);
    Some((runs.saturating_sub(expected.rows.0), repeats * under_way + added))
}

/// What a person needs to find out what went wrong.
pub fn describe(fleet: &Fleet) -> String {
    let mut text = String::new();
    let mut say = |line: String| writeln!(text, "{line}").expect("a string");
    say(format!("status: {:?}", fleet.site.status()));
    for key in fleet.site.ask::<Vec<String>>(&["KEYS", "*"]).unwrap_or_default() {
        let kind: String = fleet.site.ask(&["TYPE", &key]).unwrap_or_default();
        let size = match kind.as_str() {
            "stream" => fleet.site.ask::<u64>(&["XLEN", &key]),
            "hash" => fleet.site.ask(&["HLEN", &key]),
            _ => fleet.site.ask(&["STRLEN", &key]),
        };
        say(format!("redis: {key}: {kind} of {}", size.unwrap_or_default()));
        if kind == "stream" {
            let groups: Option<redis::Value> = fleet.site.ask(&["XINFO", "GROUPS", &key]);
            say(format!("redis: {key}: {groups:?}"));
        }
    }
    for process in fleet.everybody() {
        say(format!("--- {} (process {}, ended {:?})", process.name, process.id(), process.code()));
        say(process.err());
    }
    text
}
