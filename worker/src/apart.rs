//! Jobs that may end the process that runs them.
//!
//! A job that was lost may have been lost with its worker, and for its own sake: a trial that
//! crashes the process, or has it killed for its memory, would do so to one worker after the
//! other. So a job that was lost is run trial by trial in a process of its own. The trial that
//! ends that process, and another one in which it is alone, has failed; its neighbours have not.

use std::sync::atomic::{AtomicBool, Ordering};

use jobs::{JobSpec, Outcome, TrialResult};

use crate::run::{MachineFault, Study};

/// A process that runs trials one by one.
pub trait Child {
    /// Runs a job of a single trial. Where the process ended over it, the answer is how it did.
    ///
    /// # Errors
    /// The machine cannot run the trial.
    fn run(&mut self, job: &JobSpec) -> Result<Result<TrialResult, String>, MachineFault>;
}

/// Starts processes that run the trials of a study.
pub trait Nursery: Send + Sync {
    /// A fresh one. It ends when it is dropped, and when the study is cancelled.
    ///
    /// # Errors
    /// It cannot be started, with the reason.
    fn child(&self, study: &Study) -> Result<Box<dyn Child>, String>;
}

/// Runs the trials of a job in processes of their own and returns their results in order; when
/// `stop` is set or the study cancelled, a prefix of them.
///
/// # Errors
/// The machine cannot run a trial.
pub fn run_apart(
    study: &Study,
    job: &JobSpec,
    nursery: &dyn Nursery,
    stop: &AtomicBool,
) -> Result<Vec<TrialResult>, MachineFault> {
    let mut results = Vec::new();
    let mut child = None;
    for offset in 0..job.len() {
        if stop.load(Ordering::Relaxed) || study.is_cancelled() {
            break;
        }
        let trial = job.single(offset);
        let attempt = |child: &mut Option<Box<dyn Child>>| {
            let mut process = match child.take() {
                Some(process) => process,
                None => nursery
                    .child(study)
                    .map_err(|message| MachineFault { trial: trial.id.0.0, message })?,
            };
            let answer = process.run(&trial)?;
            if answer.is_ok() {
                *child = Some(process);
            }
            Ok(answer)
        };
        let result = match attempt(&mut child)? {
            Ok(result) => result,
            Err(_) if stop.load(Ordering::Relaxed) || study.is_cancelled() => break,
            // Earlier trials may have spoilt the process, or somebody outside has ended it.
            Err(_) => match attempt(&mut child)? {
                Ok(result) => result,
                Err(how) => {
                    let message = format!("it ended the process that ran it, twice: {how}");
                    TrialResult { outcome: Outcome::Failed(message), reports: Vec::new() }
                }
            },
        };
        // A process that was ended because nobody wants its answer, or with this one, blames no
        // trial.
        let has_failed = matches!(result.outcome, Outcome::Failed(_));
        if study.is_cancelled() || (has_failed && stop.load(Ordering::Relaxed)) {
            break;
        }
        results.push(result);
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use jobs::{StudyId, TrialId, Work};
    use simulators::{Session, Simulator};

    use super::*;

    /// Processes that some trials end: always, or once the process has run another one.
    #[derive(Default)]
    struct Fakes {
        deadly: Vec<u64>,
        deadly_for_others: Vec<u64>,
        started: AtomicU64,
    }

    struct Fake {
        deadly: Vec<u64>,
        deadly_for_others: Vec<u64>,
        served: u64,
    }

    impl Nursery for Fakes {
        fn child(&self, _study: &Study) -> Result<Box<dyn Child>, String> {
            self.started.fetch_add(1, Ordering::Relaxed);
            let (deadly, others) = (self.deadly.clone(), self.deadly_for_others.clone());
            Ok(Box::new(Fake { deadly, deadly_for_others: others, served: 0 }))
        }
    }

    impl Child for Fake {
        fn run(&mut self, job: &JobSpec) -> Result<Result<TrialResult, String>, MachineFault> {
            let trial = job.id.0.0;
            assert_eq!(job.len(), 1);
            let spoilt = self.served > 0 && self.deadly_for_others.contains(&trial);
            self.served += 1;
            if spoilt || self.deadly.contains(&trial) {
                return Ok(Err("killed by signal 9".to_owned()));
            }
            Ok(Ok(complete(trial)))
        }
    }

    fn complete(trial: u64) -> TrialResult {
        TrialResult { outcome: Outcome::Complete(vec![trial as f64]), reports: Vec::new() }
    }

    struct Nothing;

    impl Simulator for Nothing {
        fn metrics(&self) -> &[String] {
            &[]
        }

        fn fingerprint(&self) -> [u8; 32] {
            [0; 32]
        }

        fn session(&self) -> Box<dyn Session + '_> {
            unreachable!("trials run elsewhere")
        }

        fn reports(&self) -> bool {
            false
        }
    }

    fn study() -> Study {
        Study {
            id: StudyId([1; 32]),
            simulator: Arc::new(Nothing),
            sequence: None,
            pruning_rules: Arc::new([]),
            measure: search_spaces::Measure::new(&[], &[], &[]),
            files: None,
            cancelled: Arc::default(),
        }
    }

    fn job(first: u64, len: u64) -> JobSpec {
        let job = JobSpec::new(StudyId([1; 32]), TrialId(first), 0, Work::Range { len });
        JobSpec { attempt: 1, ..job }
    }

    #[test]
    fn the_trial_that_ends_its_process_fails_and_no_other() {
        let fakes = Fakes { deadly: vec![13], deadly_for_others: vec![17], ..Fakes::default() };
        let results = run_apart(&study(), &job(10, 10), &fakes, &AtomicBool::new(false));
        let results = results.expect("it can be run");
        for (trial, result) in (10..).zip(&results) {
            if trial == 13 {
                let Outcome::Failed(message) = &result.outcome else { panic!("{result:?}") };
                assert_eq!(message, "it ended the process that ran it, twice: killed by signal 9");
            } else {
                assert_eq!(*result, complete(trial));
            }
        }
        assert_eq!(results.len(), 10);
        // One for the first three; one in which 13 is alone; one from 14; one for 17 and on.
        assert_eq!(fakes.started.into_inner(), 4);
    }

    #[test]
    fn who_is_told_to_stop_returns_a_prefix() {
        let stop = AtomicBool::new(true);
        assert_eq!(run_apart(&study(), &job(0, 5), &Fakes::default(), &stop), Ok(Vec::new()));
    }

    #[test]
    fn a_process_that_cannot_be_started_blames_no_trial() {
        struct None;
        impl Nursery for None {
            fn child(&self, _study: &Study) -> Result<Box<dyn Child>, String> {
                Err("no room".to_owned())
            }
        }
        let fault = run_apart(&study(), &job(3, 5), &None, &AtomicBool::new(false));
        assert_eq!(fault, Err(MachineFault { trial: 3, message: "no room".to_owned() }));
    }
}
