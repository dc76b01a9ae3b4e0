//! Jobs that are run where they are asked for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jobs::{JobResult, JobSpec, QueueError};

use crate::run::{Spread, Study};
use crate::serve::{Options, run_timed};

/// So many of the last jobs are looked at.
const LAST: usize = 32;

/// Jobs that take no longer than this on average, in nanoseconds, are done sooner than another
/// thread has woken up for them and handed back what came of it.
const TRIFLE: u64 = 10_000;

/// After one job that takes longer than this, in nanoseconds, all are for other threads: whoever
/// runs a job does nothing else meanwhile.
const SURPRISE: u64 = 50_000_000;

/// Runs a study's jobs in the thread that asks for them, while they are trifles.
///
/// Who runs a job changes nothing but how long that takes.
pub struct Hand {
    study: Arc<Study>,
    options: Options,
    stop: Arc<AtomicBool>,
    /// What the last jobs took, in nanoseconds.
    last: VecDeque<u64>,
    was_surprised: bool,
}

impl Hand {
    /// One that has yet to see a job; it begins no trial once `stop` is set.
    #[must_use]
    pub fn new(study: Arc<Study>, options: Options, stop: Arc<AtomicBool>) -> Self {
        Self { study, options, stop, last: VecDeque::new(), was_surprised: false }
    }

    /// Takes note of how long a job took, whoever ran it.
    pub fn note(&mut self, elapsed_ns: u64) {
        self.was_surprised |= elapsed_ns > SURPRISE;
        self.last.push_back(elapsed_ns);
        if self.last.len() > LAST {
            self.last.pop_front();
        }
    }

    /// Whether jobs are trifles, as far as the last ones tell.
    #[must_use]
    pub fn is_quicker(&self) -> bool {
        let most = TRIFLE * LAST as u64;
        !self.was_surprised && self.last.len() == LAST && self.last.iter().sum::<u64>() <= most
    }

    /// Runs a job.
    ///
    /// # Errors
    /// The machine cannot run a trial.
    ///
    /// # Panics
    /// If the job belongs to another study.
    pub fn run(&mut self, job: &JobSpec) -> Result<JobResult, QueueError> {
        self.options.meter.take();
        let result = run_timed(&self.study, job, &self.options, &self.stop, Spread::OneThread)?;
        self.note(result.elapsed_ns);
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_trifles_until_one_takes_its_time() {
        let study = Arc::new(Study {
            id: jobs::StudyId([0; 32]),
            simulator: Arc::new(Nothing),
            sequence: None,
            pruning_rules: Arc::from([]),
            measure: search_spaces::Measure::new(&[], &[], &[]),
            files: None,
            cancelled: Arc::default(),
        });
        let options =
            Options { threads: 1, name: "a".into(), nursery: None, meter: Arc::default() };
        let mut hand = Hand::new(study, options, Arc::default());
        for _ in 0..LAST {
            assert!(!hand.is_quicker(), "too little is known");
            hand.note(TRIFLE / 2);
        }
        assert!(hand.is_quicker());
        hand.note(TRIFLE * LAST as u64);
        assert!(!hand.is_quicker(), "one of the last ones was none");
        (0..LAST).for_each(|_| hand.note(0));
        assert!(hand.is_quicker(), "it was long ago");
        hand.note(SURPRISE + 1);
        (0..LAST).for_each(|_| hand.note(0));
        assert!(!hand.is_quicker(), "once is enough");
    }

    struct Nothing;

    impl simulators::Simulator for Nothing {
        fn metrics(&self) -> &[String] {
            &[]
        }

        fn fingerprint(&self) -> [u8; 32] {
            [0; 32]
        }

        fn session(&self) -> Box<dyn simulators::Session + '_> {
            unreachable!("no job is run")
        }

        fn reports(&self) -> bool {
            false
        }
    }
}
