//! Running a sample of trials a second time, to find simulators that are not deterministic.
//!
//! An audit job is an ordinary job of one trial that has its result already. Whichever worker is
//! free runs it, in another session or on another machine than the first time where there are
//! several, and what it gives is compared and thrown away: the table is the same with and without.

use std::collections::{BTreeMap, VecDeque};

use jobs::{JobId, JobResult, JobSpec, Outcome, Purpose, TrialResult, derived_seed};

use crate::driver::Released;

/// Audit jobs that may be in the queue before nothing else is pushed.
const MAX_OPEN: usize = 64;

/// Which share of the trials is run a second time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// Reads `1%`, or the same as a fraction: `0.01`.
    ///
    /// # Errors
    /// What is allowed, where it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let share = match text.strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| percent / 100.0),
            None => number(text),
        };
        match share {
            Some(share) if share > 0.0 && share <= 1.0 => Ok(Self(share)),
            _ => {
                Err("allowed: a share of the trials above 0, such as 1% or 0.01, up to 100%"
                    .to_owned())
            }
        }
    }
}

/// A second run that is due or under way.
#[derive(Clone, Debug)]
struct Repeat {
    job: JobSpec,
    first: TrialResult,
}

/// Which trials are run again, and which of those are under way.
#[derive(Debug)]
pub struct Audit {
    seed: u64,
    share: Option<Share>,
    /// Whether a trial has been chosen yet: the first one always is.
    has_begun: bool,
    due: VecDeque<Repeat>,
    open: BTreeMap<JobId, Repeat>,
    done: u64,
}

impl Audit {
    /// An audit of a study with this seed; of nothing where there is no share.
    #[must_use]
    pub fn new(seed: u64, share: Option<Share>) -> Self {
        let (due, open) = (VecDeque::new(), BTreeMap::new());
        Self { seed, share, has_begun: false, due, open, done: 0 }
    }

    /// Trials that were run again.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Trials that were chosen and have not been run again.
    #[must_use]
    pub fn left(&self) -> u64 {
        (self.due.len() + self.open.len()) as u64
    }

    /// Whether nothing is due or under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.left() == 0
    }

    /// Whether so much is under way that fresh trials should wait for it.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.open.len() >= MAX_OPEN
    }

    /// Chooses from trials that were run for the first time. The choice depends on the study's
    /// seed and the number of the trial alone.
    pub fn consider(&mut self, released: &Released) {
        let Some(Share(share)) = self.share else { return };
        for (offset, first) in (0..).zip(&released.result.trials) {
            let number = released.first() + offset;
            // What the clock ended marks the study by itself.
            if matches!(first.outcome, Outcome::Skipped | Outcome::TimedOut(_)) {
                continue;
            }
            let draw = derived_seed(self.seed, Purpose::Audit, number);
            if self.has_begun && search_spaces::unit_from_bits(draw) >= share {
                continue;
            }
            self.has_begun = true;
            let attempt = released.result.attempt + 1;
            let job = JobSpec { attempt, losses: 0, ..released.job.single(offset) };
            self.due.push_back(Repeat { job, first: first.clone() });
        }
    }

    /// The next job to push.
    pub fn next_job(&mut self) -> Option<JobSpec> {
        if self.is_busy() {
            return None;
        }
        let repeat = self.due.pop_front()?;
        let job = repeat.job.clone();
        self.open.insert(job.id, repeat);
        Some(job)
    }

    /// Takes a result that answers one of its jobs; the first result of that trial.
    pub fn accept(&mut self, result: &JobResult) -> Option<TrialResult> {
        let repeat = self.open.get(&result.id)?;
        if result.attempt < repeat.job.attempt || result.trials.len() > 1 {
            // The first result once more.
            return None;
        }
        if result.trials.is_empty() {
            // A worker that was told to stop has returned the job.
            let repeat = self.open.remove(&result.id)?;
            self.due.push_front(repeat);
            return None;
        }
        let repeat = self.open.remove(&result.id)?;
        self.done += 1;
        Some(repeat.first)
    }

    /// The job is held by nobody any more; whether it was one of the audit's.
    pub fn lost(&mut self, id: JobId, has_died: bool) -> bool {
        let Some(mut repeat) = self.open.remove(&id) else { return false };
        repeat.job.losses += u32::from(has_died);
        self.due.push_front(repeat);
        true
    }
}

#[cfg(test)]
mod tests {
    use jobs::{StudyId, TrialId, Work};

    use super::*;

    fn released(first: u64, len: u64) -> Released {
        let trial = |number: u64| TrialResult {
            outcome: match number % 4 {
                0 => Outcome::Skipped,
                _ => Outcome::Complete(vec![number as f64]),
            },
            reports: Vec::new(),
        };
        let id = JobId(TrialId(first));
        Released {
            job: JobSpec::new(StudyId([1; 32]), id.0, 5, Work::Range { len }),
            result: JobResult {
                study: StudyId([1; 32]),
                id,
                attempt: 0,
                trials: (first..first + len).map(trial).collect(),
                worker: "w".to_owned(),
                elapsed_ns: 1,
            },
        }
    }

    fn chosen(share: &str, divisions: &[(u64, u64)]) -> Vec<u64> {
        let share = Share::parse(share).expect(share);
        let mut audit = Audit::new(5, Some(share));
        let mut numbers = Vec::new();
        for (first, len) in divisions {
            audit.consider(&released(*first, *len));
            while let Some(job) = audit.next_job() {
                assert_eq!(job.len(), 1);
                let number = job.id.0.0;
                numbers.push(number);
                let mut result = released(number, 1).result;
                result.attempt = job.attempt;
                let first = audit.accept(&result).expect("it is under way");
                assert_eq!(first.outcome, Outcome::Complete(vec![number as f64]));
                assert_eq!(audit.accept(&result), None, "a second answer is not asked for");
            }
        }
        assert!(audit.is_idle() && audit.done() == numbers.len() as u64);
        numbers
    }

    #[test]
    fn the_sample_has_the_share_that_was_asked_for_however_jobs_are_cut() {
        let whole = chosen("10%", &[(0, 10_000)]);
        assert!((600..900).contains(&whole.len()), "{} of 7,500", whole.len());
        assert!(whole.iter().all(|number| number % 4 != 0), "numbers without a point");
        assert_eq!(whole, chosen("0.1", &[(0, 1), (1, 37), (38, 9_962)]));
        assert_eq!(chosen("100%", &[(0, 100)]).len(), 75);
        assert_eq!(chosen("0.0001%", &[(0, 50)]), [1], "the first one always");
    }

    #[test]
    fn a_lost_job_and_one_cut_short_are_pushed_again() {
        let share = Share::parse("100%").expect("a share");
        let mut audit = Audit::new(5, Some(share));
        audit.consider(&released(1, 2));
        let job = audit.next_job().expect("two are due");
        assert!(audit.lost(job.id, true) && !audit.lost(job.id, true));
        let job = JobSpec { losses: 1, ..job };
        assert_eq!(audit.next_job(), Some(job.clone()));
        let answer = JobResult { attempt: job.attempt, ..released(1, 1).result };
        let empty = JobResult { trials: Vec::new(), ..answer.clone() };
        assert_eq!(audit.accept(&empty), None);
        assert_eq!(audit.next_job(), Some(job), "a draining worker has returned it");
        assert_eq!(audit.accept(&released(1, 1).result), None, "the first result, once more");
        assert!(audit.accept(&answer).is_some());
        assert!(!audit.is_idle(), "the other one is due");
    }

    #[test]
    fn shares_are_percentages_or_fractions() {
        assert_eq!(Share::parse("1%"), Share::parse("0.01"));
        assert_eq!(Share::parse(" 2.5 %"), Ok(Share(0.025)));
        for wrong in ["0", "0%", "101%", "2", "-1%", "x", "", "%", "nan"] {
            assert!(Share::parse(wrong).is_err(), "{wrong}");
        }
    }
}
