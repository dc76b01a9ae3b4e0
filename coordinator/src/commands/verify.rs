//! `optimize verify`.

use std::sync::atomic::AtomicBool;

use jobs::{JobSpec, Outcome, TrialResult};
use optimizers::KeyedPermutation;
use rayon::prelude::*;
use results::{Finished, Ledger, Record, Store};
use serde::Serialize;
use worker::{MachineFault, Meter};

use crate::cli::{Output, Verify};
use crate::commands::{chosen, json};
use crate::driver::{Mismatch, Released};
use crate::exit::{Exit, Failure};
use crate::frame::Frame;
use crate::progress::thousands;
use crate::say::print;
use crate::study::Study;
use crate::tally::Tally;

/// What came of a verification, as JSON tells it.
#[derive(Serialize)]
struct Report {
    name: String,
    /// Trials of the table: those before the first gap that a crash left.
    evaluated: u64,
    /// Of those, how many were run again.
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
    study.ready()?;
    let finished = ledger.finished()?;
    let mut threads = rayon::ThreadPoolBuilder::new();
    if let Some(count) = args.threads {
        threads = threads.num_threads(usize::try_from(count).unwrap_or(1));
    }
    let pool = threads
        .build()
        .map_err(|error| Failure::infrastructure(format!("failed to start threads: {error}")))?;
    // Where trials go on, the number of points does not say how many there are.
    let asked = study.choices.trials.filter(|_| !study.promotes());
    let mut checker = Checker {
        worker: study.for_worker(None),
        frame: Frame::from(&study),
        tally: study.tally(),
        sample: Sample::new(args.sample, evaluated(&ledger, asked, finished.as_ref())?),
        seen: 0,
        verified: 0,
        differences: Vec::new(),
    };
    let mut table = TablePrefix::new(asked, finished.as_ref());
    let mut hash_at_end = None;
    for record in ledger.records()? {
        let Some(record) = table.next(record?) else { break };
        pool.install(|| checker.check(record))?;
        if finished.as_ref().is_some_and(|end| end.trials == checker.tally.numbers) {
            hash_at_end = Some(checker.tally.hash());
        }
    }
    let Checker { tally, verified, differences, .. } = checker;
    let report = Report {
        name: folder.name().to_owned(),
        verified,
        differences,
        evaluated: tally.counts.evaluated,
        results_hash: hash_at_end.unwrap_or_else(|| tally.hash()),
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
            "{}: {} of {} trials run again, all equal to the bit\nresults hash {}",
            report.name,
            thousands(report.verified),
            thousands(report.evaluated),
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

/// Cuts the records of a ledger to the table that they stand for: no trial beyond the first gap,
/// none beyond the last one that was asked for, and none of a job beyond where the study ended.
struct TablePrefix {
    next: u64,
    left: Option<u64>,
    end: Option<u64>,
    /// Whether a goal was reached there, beyond which no run of the study goes.
    is_last: bool,
}

impl TablePrefix {
    fn new(trials: Option<u64>, finished: Option<&Finished>) -> Self {
        let end = finished.map(|finished| finished.trials);
        let is_last = finished.is_some_and(|finished| finished.reason.is_some());
        Self { next: 0, left: trials, end, is_last }
    }

    /// The record's part of the table; none where the table has ended.
    fn next(&mut self, mut record: Record) -> Option<Record> {
        let has_ended = self.is_last && self.end.is_some_and(|end| self.next >= end);
        if record.job.id.0.0 != self.next || self.left == Some(0) || has_ended {
            return None;
        }
        let trials = &mut record.result.trials;
        let end = self.end.filter(|end| *end > self.next).unwrap_or(u64::MAX);
        trials.truncate(usize::try_from(end - self.next).unwrap_or(usize::MAX));
        if let Some(left) = &mut self.left {
            let evaluated = |trial: &TrialResult| trial.outcome != Outcome::Skipped;
            let place = (0..trials.len()).filter(|at| evaluated(&trials[*at]));
            let places: Vec<usize> = place.take(usize::try_from(*left).unwrap_or(0)).collect();
            *left -= places.len() as u64;
            if let (0, Some(last)) = (*left, places.last()) {
                trials.truncate(last + 1);
            }
        }
        self.next += trials.len() as u64;
        Some(record)
    }
}

/// How many trials of the table were evaluated.
fn evaluated(
    ledger: &Ledger,
    trials: Option<u64>,
    finished: Option<&Finished>,
) -> Result<u64, Failure> {
    let mut table = TablePrefix::new(trials, finished);
    let mut count = 0;
    for record in ledger.records()? {
        let Some(record) = table.next(record?) else { break };
        let trials = record.result.trials.iter();
        count += trials.filter(|trial| trial.outcome != Outcome::Skipped).count() as u64;
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
}

impl Checker {
    fn check(&mut self, record: Record) -> Result<(), Failure> {
        let Record { job, result } = record;
        let first = job.id.0.0;
        let mut chosen = Vec::new();
        for (offset, trial) in result.trials.iter().enumerate() {
            if trial.outcome != Outcome::Skipped {
                // Another time, the clock may say something else.
                let is_timed = matches!(trial.outcome, Outcome::TimedOut(_));
                if self.sample.has(self.seen) && !is_timed {
                    chosen.push(offset);
                }
                self.seen += 1;
            }
        }
        let again: Result<Vec<TrialResult>, MachineFault> =
            chosen.par_iter().map(|offset| self.run_one(&job, *offset)).collect();
        let again = again.map_err(|fault| Failure::infrastructure(fault.to_string()))?;
        for (offset, now) in chosen.into_iter().zip(again) {
            self.verified += 1;
            let differing = self.frame.schema.difference(&result.trials[offset], &now);
            if let Some((recorded, now)) = differing {
                self.differences.push(Difference { trial: first + offset as u64, recorded, now });
            }
        }
        let released = Released { job, result };
        self.tally.take_up(&self.frame, &released);
        Ok(())
    }

    fn run_one(&self, job: &JobSpec, offset: usize) -> Result<TrialResult, MachineFault> {
        // From the beginning also where it was taken up where it had paused.
        let job = job.single(offset as u64).anew();
        let (stop, meter) = (AtomicBool::new(false), Meter::default());
        let mut results = worker::run_job(&self.worker, &job, &stop, &meter)?;
        Ok(results.pop().expect("one trial was asked for"))
    }
}
