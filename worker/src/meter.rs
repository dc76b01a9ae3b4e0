//! What a worker has done so far, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jobs::{Outcome, TrialResult};

/// Counts the work of a worker. Its clock is read where a thread begins and ends a part of a job,
/// never for a single trial of many, and shapes no result.
#[derive(Debug)]
pub struct Meter {
    jobs: AtomicU64,
    finished_jobs: AtomicU64,
    complete: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    pruned: AtomicU64,
    work: Mutex<Work>,
}

/// Threads at work, summed up over time.
#[derive(Debug)]
struct Work {
    threads: u32,
    since: Instant,
    sum: Duration,
}

/// What a [`Meter`] shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Jobs taken.
    pub jobs: u64,
    /// Of those, the ones that were run, to their end or to that of the worker.
    pub finished_jobs: u64,
    /// Trials that gave metrics.
    pub complete: u64,
    /// Trials that failed.
    pub failed: u64,
    /// Trials that the clock ended.
    pub timed_out: u64,
    /// Trials that were pruned.
    pub pruned: u64,
    /// Threads that run trials now.
    pub threads_at_work: u32,
    /// How long threads have been running trials, all together.
    pub at_work: Duration,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            jobs: AtomicU64::new(0),
            finished_jobs: AtomicU64::new(0),
            complete: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
            pruned: AtomicU64::new(0),
            work: Mutex::new(Work { threads: 0, since: now(), sum: Duration::ZERO }),
        }
    }
}

impl Meter {
    /// What has been done by now, with what is under way.
    #[must_use]
    pub fn read(&self) -> Reading {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut work = self.lock();
        work.go_on();
        Reading {
            jobs: load(&self.jobs),
            finished_jobs: load(&self.finished_jobs),
            complete: load(&self.complete),
            failed: load(&self.failed),
            timed_out: load(&self.timed_out),
            pruned: load(&self.pruned),
            threads_at_work: work.threads,
            at_work: work.sum,
        }
    }

    /// The calling thread is at work until what is returned is dropped.
    #[must_use]
    pub fn at_work(&self) -> AtWork<'_> {
        let mut work = self.lock();
        work.go_on();
        work.threads += 1;
        AtWork { meter: self }
    }

    pub(crate) fn take(&self) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn finish(&self, trials: &[TrialResult]) {
        let (mut complete, mut failed, mut timed_out, mut pruned) = (0, 0, 0, 0);
        for trial in trials {
            match trial.outcome {
                Outcome::Complete(_) => complete += 1,
                Outcome::Failed(_) => failed += 1,
                Outcome::TimedOut(_) => timed_out += 1,
                Outcome::Pruned(_) => pruned += 1,
                Outcome::Skipped => {}
            }
        }
        self.complete.fetch_add(complete, Ordering::Relaxed);
        self.failed.fetch_add(failed, Ordering::Relaxed);
        self.timed_out.fetch_add(timed_out, Ordering::Relaxed);
        self.pruned.fetch_add(pruned, Ordering::Relaxed);
        self.finished_jobs.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn go_on(&mut self) {
        let now = now();
        self.sum += now.saturating_duration_since(self.since) * self.threads;
        self.since = now;
    }
}

/// A thread at work.
#[derive(Debug)]
pub struct AtWork<'a> {
    meter: &'a Meter,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut work = self.meter.lock();
        work.go_on();
        work.threads -= 1;
    }
}

#[expect(clippy::disallowed_methods, reason = "how busy a worker is decides no result")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_all_threads_is_summed_up_also_while_they_are_at_work() {
        let meter = Meter::default();
        let begun = now();
        let (first, second) = (meter.at_work(), meter.at_work());
        std::thread::sleep(Duration::from_millis(20));
        let reading = meter.read();
        assert_eq!(reading.threads_at_work, 2);
        assert!(reading.at_work >= Duration::from_millis(40), "{reading:?}");
        drop((first, second));
        let (ended, wall) = (meter.read(), begun.elapsed());
        assert_eq!(ended.threads_at_work, 0);
        assert!(ended.at_work >= reading.at_work && ended.at_work <= 2 * wall, "{ended:?}");
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(meter.read(), ended, "nobody is at work");
    }

    #[test]
    fn trials_are_counted_by_how_they_ended() {
        let meter = Meter::default();
        let trial = |outcome| TrialResult { outcome, reports: Vec::new() };
        meter.take();
        meter.take();
        meter.finish(&[
            trial(Outcome::Complete(vec![1.0])),
            trial(Outcome::Failed(String::new())),
            trial(Outcome::Skipped),
            trial(Outcome::Complete(vec![2.0])),
            trial(Outcome::Pruned(String::new())),
        ]);
        let reading = meter.read();
        assert_eq!((reading.jobs, reading.finished_jobs), (2, 1));
        assert_eq!((reading.complete, reading.failed, reading.pruned), (2, 1, 1));
        assert_eq!(reading.timed_out, 0);
    }
}
