//! `optimize verify`.

use std::sync::atomic::AtomicBool;

use jobs::{JobId, JobSpec, Outcome, TrialId, TrialResult, Work};
use optimizers::KeyedPermutation;
use results::{Ledger, Record, Store};
use serde::Serialize;

use crate::cli::{Output, Verify};
use crate::commands::{chosen, json};
use crate::driver::{Mismatch, Released};
use crate::exit::{Exit, Failure};
use crate::frame::Frame;
use crate::progress::thousands;
use crate::run::same;
use crate::say::print;
use crate::study::Study;
use crate::tally::Tally;

/// What came of a verification, as JSON tells it.
#[derive(Serialize)]
struct Report {
    name: String,
    /// Trials run again.
    verified: u64,
    /// Trials that gave another result, with both.
    differences: Vec<Difference>,
    /// The hash of the recorded table.
    results_hash: String,
    /// The hash that was stored when the study ended, where it has ended.
    stored_hash: Option<String>,
}

#[derive(Serialize)]
struct Difference {
    trial: u64,
    recorded: String,
    now: String,
}

/// `optimize verify`.
///
/// # Errors
/// The study is not there, runs, or cannot be opened any more; or a trial gave another result.
pub fn verify(args: &Verify) -> Result<Exit, Failure> {
    let folder = chosen(&Store::open(&args.store.store)?, &args.study)?;
    let ledger = Ledger::open(&folder)?;
    let study = Study::reopen(ledger.record())?;
    let finished = ledger.finished()?;
    let end = finished.as_ref().map_or(u64::MAX, |finished| finished.trials);

    let mut threads = rayon::ThreadPoolBuilder::new();
    if let Some(count) = args.threads {
        threads = threads.num_threads(usize::try_from(count).unwrap_or(1));
    }
    let pool = threads
        .build()
        .map_err(|error| Failure::infrastructure(format!("failed to start threads: {error}")))?;
    let mut checker = Checker {
        worker: study.for_worker(),
        frame: Frame::from(&study),
        tally: Tally::new(&study.schema),
        sample: Sample::new(args.sample, evaluated(&ledger, end)?),
        seen: 0,
        verified: 0,
        differences: Vec::new(),
        end,
    };
    for record in ledger.records()? {
        let record = record?;
        pool.install(|| checker.check(record));
    }
    let Checker { tally, verified, differences, .. } = checker;
    let report = Report {
        name: folder.name().to_owned(),
        verified,
        differences,
        results_hash: tally.hash(),
        stored_hash: finished.map(|finished| finished.results_hash),
    };
    conclude(&report, args.format)
}

fn conclude(report: &Report, format: Output) -> Result<Exit, Failure> {
    let hash_differs = report.stored_hash.as_ref().is_some_and(|hash| *hash != report.results_hash);
    if format == Output::Json {
        print(&json(report)?)?;
    } else if report.differences.is_empty() && !hash_differs {
        print(&format!(
            "{}: {} trials run again, all equal to the bit\nresults hash {}",
            report.name,
            thousands(report.verified),
            report.results_hash
        ))?;
    }
    if let Some(first) = report.differences.first() {
        return Err(Mismatch(format!(
            "{} of {} trials gave another result; trial {} gave {} and now gives {}",
            report.differences.len(),
            report.verified,
            first.trial,
            first.recorded,
            first.now
        ))
        .into());
    }
    if hash_differs {
        return Err(Mismatch(format!(
            "the recorded table has the hash {}, and had {} when the study ended",
            report.results_hash,
            report.stored_hash.as_deref().unwrap_or_default()
        ))
        .into());
    }
    Ok(Exit::Done)
}

/// How many trials of the table were evaluated.
fn evaluated(ledger: &Ledger, end: u64) -> Result<u64, Failure> {
    let mut count = 0;
    for record in ledger.records()? {
        let record = record?;
        let numbers = record.job.id.0.0..end;
        let trials = numbers.zip(&record.result.trials);
        count += trials.filter(|(_, trial)| trial.outcome != Outcome::Skipped).count() as u64;
    }
    Ok(count)
}

/// Which trials to run again: a random subset of the evaluated ones, always the same one.
struct Sample(Option<(KeyedPermutation, u64)>);

impl Sample {
    fn new(wanted: Option<u64>, evaluated: u64) -> Self {
        let wanted = wanted.filter(|wanted| *wanted < evaluated);
        Self(wanted.map(|wanted| (KeyedPermutation::new(evaluated, 0), wanted)))
    }

    /// Whether the evaluated trial of this place, counted from 0, is among them.
    fn has(&self, place: u64) -> bool {
        self.0.as_ref().is_none_or(|(order, wanted)| order.apply(place) < *wanted)
    }
}

struct Checker {
    worker: worker::Study,
    frame: Frame,
    tally: Tally,
    sample: Sample,
    /// Evaluated trials gone through so far.
    seen: u64,
    verified: u64,
    differences: Vec<Difference>,
    end: u64,
}

impl Checker {
    fn check(&mut self, record: Record) {
        let Record { job, mut result } = record;
        let first = job.id.0.0;
        // What lies beyond the table's end was computed, but is no part of the results.
        let kept = self.end.saturating_sub(first);
        result.trials.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        let mut chosen = Vec::new();
        for (offset, trial) in result.trials.iter().enumerate() {
            if trial.outcome != Outcome::Skipped {
                if self.sample.has(self.seen) {
                    chosen.push(offset);
                }
                self.seen += 1;
            }
        }
        let whole = chosen.len() == result.trials.len();
        let again = if whole { self.run(&job, &result.trials) } else { Vec::new() };
        for offset in chosen {
            let now = match again.get(offset) {
                Some(now) => now.clone(),
                None => self.run_one(&job, offset),
            };
            self.verified += 1;
            let recorded = &result.trials[offset];
            if !same(recorded, &now) {
                self.differences.push(Difference {
                    trial: first + offset as u64,
                    recorded: format!("{:?}", recorded.outcome),
                    now: format!("{:?}", now.outcome),
                });
            }
        }
        let released = Released { first, work: job.work, result };
        self.tally.take_up(&self.frame, &released);
    }

    fn run(&self, job: &JobSpec, trials: &[TrialResult]) -> Vec<TrialResult> {
        let work = match &job.work {
            Work::Range { .. } => Work::Range { len: trials.len() as u64 },
            points => points.clone(),
        };
        worker::run_job(&self.worker, &JobSpec { work, ..job.clone() }, &AtomicBool::new(false))
    }

    fn run_one(&self, job: &JobSpec, offset: usize) -> TrialResult {
        let work = match &job.work {
            Work::Range { .. } => Work::Range { len: 1 },
            Work::Points(points) => Work::Points(vec![points[offset].clone()]),
        };
        let id = JobId(TrialId(job.id.0.0 + offset as u64));
        let job = JobSpec { id, work, ..job.clone() };
        let mut results = worker::run_job(&self.worker, &job, &AtomicBool::new(false));
        results.pop().expect("one trial was asked for")
    }
}
