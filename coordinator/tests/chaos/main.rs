//! Faults at random, applied to real processes and a real Redis server.
//!
//! Whatever happens, a study's results are those of one process that nothing happens to, nothing
//! is lost, nothing is run more often than the faults explain, and the fleet goes on in time.
//! `cargo test` runs a short campaign, and `scripts/chaos` longer ones; `docs/faults.md` says more.

mod faults;
mod fleet;
mod judge;
mod messages;
mod network;
mod process;
mod proxy;
mod recovery;
mod rooms;
#[path = "../../../jobs/tests/server/mod.rs"]
mod server;
mod studies;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use clap::Parser;
use coordinator::say;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use faults::{FAULTS, Fault, Miss, Need, any, between};
use fleet::{Fleet, Setting};
use judge::{Expected, Verdict};
use process::now;
use studies::Study;
use table::Entry;

/// Disturbs studies at random, and compares their results with those of undisturbed ones.
#[derive(Clone, Debug, Parser)]
#[command(name = "scripts/chaos", max_term_width = 100)]
struct Campaign {
    /// The seed of the first round; the next ones follow
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many rounds
    #[arg(long, value_name = "M", default_value_t = 20)]
    rounds: u64,
    /// Only these faults, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    faults: Vec<String>,
    /// Faults in each round
    #[arg(long, value_name = "N", default_value_t = 4)]
    each: usize,
    /// How long the studies are: 1 is about two seconds of two workers
    #[arg(long, value_name = "N", default_value_t = 3)]
    size: u64,
    /// All limits are multiplied by this
    #[arg(long, value_name = "X", default_value_t = 3.0)]
    slack: f64,
    /// The program [default: the one that was just built]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Add what was measured to this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Show the table of what was recorded in this file, and run nothing
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// List the faults
    #[arg(long)]
    list: bool,
}

/// The campaign of `cargo test`: short, and always the same.
const SHORT: [&str; 6] = ["chaos", "--seed=1", "--rounds=3", "--each=2", "--size=1", "--slack=3"];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let campaign = match words.split_first() {
        Some((first, rest)) if first == "campaign" => {
            Campaign::parse_from([&"scripts/chaos".to_owned()].into_iter().chain(rest))
        }
        _ if is_wanted(&words) => Campaign::parse_from(SHORT),
        _ => return ExitCode::SUCCESS,
    };
    if campaign.list {
        let line = |fault: &Fault| format!("{:20} {}\n", fault.name, fault.about);
        return print(&FAULTS.iter().map(line).collect::<String>());
    }
    if let Some(path) = &campaign.table {
        return print(&table::table(&table::read(path)));
    }
    campaign.run()
}

/// Whether `cargo test` with these words means this target: its filters are names of tests.
fn is_wanted(words: &[String]) -> bool {
    let mut filters = words.iter().filter(|word| !word.starts_with('-')).peekable();
    let is_listing = words.iter().any(|word| word == "--list");
    !is_listing && (filters.peek().is_none() || filters.any(|filter| "chaos".contains(filter)))
}

fn print(text: &str) -> ExitCode {
    match coordinator::print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What happens in a round.
struct Plan {
    setting: Setting,
    workers: usize,
    faults: Vec<&'static Fault>,
}

/// What came of a round: its log, what was measured, and what is wrong.
#[derive(Default)]
struct Round {
    log: Vec<String>,
    entries: Vec<Entry>,
    repeats: u64,
    added: u64,
}

impl Campaign {
    fn run(&self) -> ExitCode {
        for name in &self.faults {
            if FAULTS.iter().all(|fault| fault.name != name) {
                let names: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
                say!("--faults: found {name:?}, allowed: {}", names.join(", "));
                return ExitCode::from(2);
            }
        }
        let mut expected: BTreeMap<Study, Expected> = BTreeMap::new();
        let mut entries = Vec::new();
        for seed in self.seed..self.seed + self.rounds {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let plan = self.plan(seed, &mut random);
            let study = plan.setting.study;
            let expected = expected.entry(study).or_insert_with(|| judge::expected(&plan.setting));
            let (mut round, begun) = (Round::default(), now());
            let mut fleet = Fleet::start(plan.setting.clone());
            let verdict = catch_unwind(AssertUnwindSafe(|| {
                round.play(seed, &plan, &mut fleet, &mut random)?;
                judge::judge(&mut fleet, expected, round.repeats, round.added)
            }));
            let seconds = begun.elapsed().as_secs_f64();
            let verdict = verdict.unwrap_or_else(|_| Err("the campaign panicked".to_owned()));
            round.tell(seed, &plan, seconds, verdict.as_ref().ok());
            if let Err(failure) = verdict {
                self.tell_failure(seed, &failure, &mut fleet);
                return ExitCode::FAILURE;
            }
            if let Some(path) = &self.record {
                table::append(path, &round.entries);
            }
            entries.append(&mut round.entries);
        }
        print(&table::table(&entries))
    }

    fn plan(&self, seed: u64, random: &mut ChaCha8Rng) -> Plan {
        let study = Study::ALL[seed as usize % Study::ALL.len()];
        let workers = 1 + any(random, 3);
        let persistence = [None, Some("everysec"), Some("always")][any(random, 3)];
        let is_wanted = |fault: &&Fault| {
            self.faults.is_empty() || self.faults.iter().any(|name| name == fault.name)
        };
        let wanted: Vec<&Fault> = FAULTS.iter().filter(is_wanted).collect();
        let faults: Vec<_> = (0..self.each).map(|_| wanted[any(random, wanted.len())]).collect();
        let needs = |need| faults.iter().any(|fault: &&Fault| fault.need == need);
        let setting = Setting {
            program: self.program.clone(),
            study,
            size: self.size,
            persistence,
            has_proxies: needs(Need::Proxies),
            has_disk: needs(Need::Disk),
            has_clocks: needs(Need::Clocks),
            slack: self.slack,
        };
        Plan { setting, workers, faults }
    }

    fn tell_failure(&self, seed: u64, failure: &str, fleet: &mut Fleet) {
        fleet.site.place.keep();
        say!("\nFAILED: {failure}\n\n{}", judge::describe(fleet));
        say!("everything is kept in {}", fleet.site.place.path().display());
        let mut again = format!("scripts/chaos --seed {seed} --rounds 1");
        let (each, size) = (self.each, self.size);
        again.push_str(&format!(" --each {each} --size {size}"));
        if !self.faults.is_empty() {
            again.push_str(&format!(" --faults {}", self.faults.join(",")));
        }
        say!("to do it again: {again}");
    }
}

impl Round {
    /// Starts workers and applies the faults, one after the other.
    fn play(
        &mut self,
        seed: u64,
        plan: &Plan,
        fleet: &mut Fleet,
        random: &mut ChaCha8Rng,
    ) -> Result<(), String> {
        (0..plan.workers).for_each(|_| fleet.join());
        let begun = now();
        while fleet.site.status().is_none() && fleet.is_running() {
            if begun.elapsed() > fleet.site.setting.patience(Duration::from_secs(20)) {
                return Err("the study does not begin".to_owned());
            }
            sleep(Duration::from_millis(10));
        }
        for fault in &plan.faults {
            sleep(between(random, 0, 800));
            // Every third fault meets a fleet that has not recovered from the one before.
            let waits = !random.next_u32().is_multiple_of(3);
            if !fleet.is_running() {
                self.log.push(format!("{}: the study had ended", fault.name));
                break;
            }
            let target = recovery::under_way(fleet);
            let begun = fleet.seconds();
            let strike = match (fault.strike)(fleet, random) {
                Ok(strike) => strike,
                Err(Miss::Skipped(why)) => {
                    self.log.push(format!("{}: skipped, {why}", fault.name));
                    continue;
                }
                Err(Miss::Failed(why)) => {
                    self.log.push(format!("{} at {begun:.1} s: FAILED", fault.name));
                    return Err(why);
                }
            };
            let end = fleet.seconds();
            (self.repeats, self.added) = (self.repeats + strike.repeats, self.added + strike.added);
            self.log.push(format!("{} at {begun:.1} s to {end:.1} s", strike.what));
            let limit = fleet.site.setting.patience(Duration::from_secs_f64(fault.limit));
            let found = if waits { recovery::await_recovery(fleet, target, limit)? } else { None };
            if let (Some(found), Some(line)) = (found, self.log.last_mut()) {
                let recovery::Recovery { first, whole } = found;
                line.push_str(&format!(", first result after {first:.2} s, whole {whole:.2} s"));
            }
            self.entries.push(Entry {
                seed,
                study: plan.setting.study.name().to_owned(),
                fault: fault.name.to_owned(),
                what: strike.what,
                first: found.map(|found| found.first),
                whole: found.map(|found| found.whole),
                limit: fault.limit,
            });
            judge::living(fleet)?;
        }
        Ok(())
    }

    fn tell(&self, seed: u64, plan: &Plan, seconds: f64, verdict: Option<&Verdict>) {
        let name = plan.setting.study.name();
        let end = match verdict {
            None => "FAILED".to_owned(),
            Some(Verdict { repeated: None }) => "same results".to_owned(),
            Some(Verdict { repeated: Some((found, most)) }) => {
                format!("same results, {found} trials run again (at most {most} explained)")
            }
        };
        say!("seed {seed}: {name}, {} workers, {seconds:.1} s: {end}", plan.workers);
        for line in &self.log {
            say!("    {line}");
        }
    }
}
