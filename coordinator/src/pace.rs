//! How many trials to put into a job, where the study leaves that free.

use std::time::Duration;

/// A job should be so much work for one thread, in seconds: long enough that its handling is lost
/// in it, short enough that losing one costs nothing that counts.
const TARGET: f64 = 0.15;

/// The speed is averaged over about so many seconds.
const MEMORY: f64 = 0.2;

/// So many trials tell a speed.
const FEW: f64 = 16.0;

/// The results of a job may weigh so much, in reports; a trial weighs as four.
const MAX_WEIGHT: f64 = 65_536.0;

/// A job is never more than so many times as long as the longest so far: the first trials are
/// often not like the rest.
const GROWTH: f64 = 4.0;

/// Measures the speed of the fleet and divides the work by it.
#[derive(Debug)]
pub struct Pace {
    /// Trials per second, averaged over the last half second or so.
    rate: f64,
    /// Trials for a job, if the fleet were one thread.
    size: f64,
    /// The most reports per trial seen so far.
    reports: f64,
    /// Trials and seconds so far.
    seen: (f64, f64),
}

impl Default for Pace {
    fn default() -> Self {
        Self { rate: 0.0, size: 1.0, reports: 0.0, seen: (0.0, 0.0) }
    }
}

impl Pace {
    /// Takes note that `trials` more, with so many reports in all, were finished in the last
    /// `elapsed`.
    pub fn observe(&mut self, trials: u64, reports: u64, elapsed: Duration) {
        if elapsed.is_zero() {
            return;
        }
        let seconds = elapsed.as_secs_f64();
        let now = trials as f64 / seconds;
        self.seen.0 += trials as f64;
        self.seen.1 += seconds;
        let (all, time) = self.seen;
        // The first trials say little one by one, and slow ones say little for long.
        let memory = MEMORY.max(FEW / self.rate.max(now));
        self.rate = if all < FEW {
            all / time
        } else {
            self.rate + (1.0 - libm::exp(-seconds / memory)) * (now - self.rate)
        };
        self.reports = self.reports.max(reports as f64 / trials.max(1) as f64);
        self.size = (self.rate * TARGET).clamp(1.0, self.size * GROWTH);
    }

    /// Trials per second, lately.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Trials for the next job of a fleet of so many threads, when `left` are left in all for
    /// `slots` jobs at a time: towards the end jobs get smaller, so that all slots end together.
    #[must_use]
    pub fn next_size(&self, left: Option<u64>, slots: u64, threads: u64) -> u64 {
        let share = left.map_or(u64::MAX, |left| left / (2 * slots.max(1)));
        let most = MAX_WEIGHT / (4.0 + self.reports);
        ((self.size / threads.max(1) as f64).min(most) as u64).min(share).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_grow_with_the_speed_and_shrink_at_the_end() {
        let mut pace = Pace::default();
        assert_eq!(pace.next_size(None, 4, 2), 1);
        pace.observe(1_000_000, 0, Duration::from_secs(1));
        assert_eq!(pace.next_size(None, 4, 1), 4, "not at once");
        for _ in 0..10 {
            pace.observe(1_000_000, 0, Duration::from_secs(1));
        }
        assert_eq!(pace.next_size(None, 4, 1), 16_384);
        assert_eq!(pace.next_size(None, 4, 100), 1_500);
        assert_eq!(pace.next_size(Some(800), 4, 1), 100);
        assert_eq!(pace.next_size(Some(3), 4, 1), 1);
        for _ in 0..60 {
            pace.observe(1, 0, Duration::from_secs(10));
        }
        assert_eq!(pace.next_size(None, 4, 1), 1, "slow trials travel alone");
    }

    #[test]
    fn trials_that_report_much_travel_in_smaller_jobs() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.observe(1_000_000, 1_000_000_000, Duration::from_secs(1));
        }
        assert_eq!(pace.next_size(None, 4, 1), 65);
    }
}
