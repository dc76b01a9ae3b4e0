//! Results that came before they were asked for.
//!
//! Workers finish what they have begun while no coordinator is there to read it. The next one
//! finds these results before its driver has asked for their trials, and keeps them until then:
//! a trial that took hours is not run again for a restart of the coordinator.

use std::collections::BTreeMap;

use jobs::{JobId, JobResult, JobSpec, TrialId, Work};

/// Trials that are kept at most; what lies beyond is run again.
const MOST: u64 = 1 << 20;

/// Results by their first trial.
#[derive(Debug, Default)]
pub struct Unasked {
    results: BTreeMap<u64, JobResult>,
    trials: u64,
}

impl Unasked {
    /// Keeps a result until its trials are asked for.
    pub fn keep(&mut self, result: JobResult) {
        let len = result.trials.len() as u64;
        if len == 0 || self.trials + len > MOST {
            return;
        }
        let known = self.results.get(&result.id.0.0).map_or(0, |known| known.trials.len() as u64);
        if len > known {
            self.trials += len - known;
            self.results.insert(result.id.0.0, result);
        }
    }

    /// The length for a job that begins with `first`: so long that it is answered by what is
    /// kept, and otherwise no further than to where that begins.
    pub fn fit(&self, first: u64, hint: u64) -> u64 {
        match self.results.range(first..).next() {
            Some((at, result)) if *at == first => result.trials.len() as u64,
            Some((at, _)) => hint.min(at - first),
            None => hint,
        }
    }

    /// The result of a job, where it is kept. What is kept beyond the job stays.
    pub fn answer(&mut self, job: &JobSpec) -> Option<JobResult> {
        let first = job.id.0.0;
        // What lies before it has been answered by others.
        while let Some(entry) = self.results.first_entry()
            && *entry.key() < first
        {
            self.trials -= entry.remove().trials.len() as u64;
        }
        let len = usize::try_from(job.len()).ok()?;
        let kept = self.results.get(&first)?.trials.len();
        let is_whole = kept >= len || matches!(job.work, Work::Range { .. });
        let removed = self.results.remove(&first);
        self.trials -= kept as u64;
        let mut result = removed.filter(|_| is_whole)?;
        if let Some(rest) = split(&mut result, len) {
            self.keep(rest);
        }
        Some(result)
    }
}

/// Cuts a result off after `len` trials; what it holds beyond them.
pub fn split(result: &mut JobResult, len: usize) -> Option<JobResult> {
    if result.trials.len() <= len {
        return None;
    }
    let trials = result.trials.split_off(len);
    let id = JobId(TrialId(result.id.0.0 + len as u64));
    Some(JobResult { id, trials, worker: result.worker.clone(), ..*result })
}

#[cfg(test)]
mod tests {
    use jobs::{Outcome, StudyId, TrialResult};

    use super::*;

    fn result(first: u64, len: u64) -> JobResult {
        let trial = |number| TrialResult {
            outcome: Outcome::Complete(vec![number as f64]),
            reports: Vec::new(),
        };
        JobResult {
            study: StudyId([1; 32]),
            id: JobId(TrialId(first)),
            attempt: 0,
            trials: (first..first + len).map(trial).collect(),
            worker: String::new(),
            elapsed_ns: 0,
        }
    }

    fn job(first: u64, len: u64) -> JobSpec {
        JobSpec::new(StudyId([1; 32]), TrialId(first), 0, Work::Range { len })
    }

    #[test]
    fn jobs_are_fitted_to_what_is_kept_and_answered_by_it() {
        let mut unasked = Unasked::default();
        unasked.keep(result(10, 5));
        assert_eq!(unasked.fit(0, 100), 10, "up to it");
        assert_eq!(unasked.fit(10, 1), 5, "as long as it is");
        assert_eq!(unasked.fit(15, 100), 100);
        assert_eq!(unasked.answer(&job(0, 10)), None);
        assert_eq!(unasked.answer(&job(10, 5)), Some(result(10, 5)));
        assert_eq!(unasked.answer(&job(10, 5)), None, "once");
        assert_eq!(unasked.trials, 0);
    }

    #[test]
    fn what_lies_beyond_a_job_stays_and_what_lies_before_it_goes() {
        let mut unasked = Unasked::default();
        unasked.keep(result(2, 3));
        unasked.keep(result(10, 5));
        assert_eq!(unasked.answer(&job(10, 2)), Some(result(10, 2)));
        assert_eq!(unasked.answer(&job(12, 9)), Some(result(12, 3)), "a prefix of a range");
        assert!(unasked.results.is_empty() && unasked.trials == 0);
    }

    #[test]
    fn the_longer_of_two_results_is_kept() {
        let mut unasked = Unasked::default();
        unasked.keep(result(0, 5));
        unasked.keep(result(0, 3));
        unasked.keep(result(0, 7));
        assert_eq!((unasked.fit(0, 1), unasked.trials), (7, 7));
    }
}
