//! What a coordinator knows of its workers, from counters that they keep moving.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use redis::streams::StreamInfoConsumer;

use super::{WorkerAbout, WorkerSeen};

/// A worker's count of trials is looked at again after so long, even where it has not moved.
const STILL: f64 = 3.0;

/// The workers of a study.
#[derive(Default)]
pub(super) struct Beats {
    workers: BTreeMap<String, Beat>,
}

/// What is known of a worker.
struct Beat {
    count: Option<u64>,
    /// When the counter was last seen to move.
    since: Instant,
    about: WorkerAbout,
    /// Trials returned so far, and when that was read.
    trials: (u64, Instant),
    trials_per_second: f64,
    /// Jobs that it holds.
    jobs: u64,
}

#[expect(clippy::disallowed_methods, reason = "a monotonic clock judges whether workers live")]
pub(super) fn now() -> Instant {
    Instant::now()
}

impl Beats {
    /// Takes note of a look at the server: the counters, what workers say of themselves, and who
    /// holds how many jobs.
    pub(super) fn observe(
        &mut self,
        counts: &BTreeMap<String, u64>,
        about: &BTreeMap<String, String>,
        consumers: &[StreamInfoConsumer],
    ) {
        // A worker may die after its first read and before its first beat.
        for name in counts.keys().chain(consumers.iter().map(|each| &each.name)) {
            let known = self.workers.entry(name.clone()).or_insert_with(Beat::new);
            let count = counts.get(name).copied();
            if known.count != count && count.is_some() {
                (known.count, known.since) = (count, now());
            }
            if let Some((about, trials)) = about.get(name).and_then(|text| WorkerAbout::read(text))
            {
                if known.about != about {
                    let WorkerAbout { host, threads } = &about;
                    tracing::info!(worker = name, host, threads, "worker joined");
                }
                known.about = about;
                known.returned(trials);
            }
        }
        for consumer in consumers {
            if let Some(known) = self.workers.get_mut(&consumer.name) {
                known.jobs = consumer.pending as u64;
            }
        }
    }

    /// Workers that have said good-bye, or whose counter has stood still for the lease.
    pub(super) fn gone(&self, counts: &BTreeMap<String, u64>, lease: Duration) -> Vec<String> {
        let is_gone = |(name, beat): &(&String, &Beat)| {
            let has_left = beat.count.is_some() && !counts.contains_key(*name);
            has_left || beat.since.elapsed() >= lease
        };
        self.workers.iter().filter(is_gone).map(|(name, _)| name.clone()).collect()
    }

    /// Forgets a worker, and says on which machine it was.
    pub(super) fn forget(&mut self, name: &str) -> Option<String> {
        self.workers.remove(name).map(|beat| beat.about.host)
    }

    pub(super) fn clear(&mut self) {
        self.workers.clear();
    }

    pub(super) fn seen(&self) -> Vec<WorkerSeen> {
        let seen = |(name, beat): (&String, &Beat)| WorkerSeen {
            name: name.clone(),
            about: beat.about.clone(),
            silent: beat.since.elapsed(),
            jobs: beat.jobs,
            trials_per_second: beat.trials_per_second,
        };
        self.workers.iter().map(seen).collect()
    }

    /// The threads of all workers.
    pub(super) fn threads(&self) -> usize {
        self.workers.values().map(|beat| beat.about.threads as usize).sum()
    }
}

impl Beat {
    fn new() -> Self {
        Self {
            count: None,
            since: now(),
            about: WorkerAbout::default(),
            trials: (0, now()),
            trials_per_second: 0.0,
            jobs: 0,
        }
    }

    /// The worker has returned so many trials by now. Its own count moves once a second.
    fn returned(&mut self, trials: u64) {
        let (before, since) = self.trials;
        let seconds = since.elapsed().as_secs_f64();
        if trials != before || seconds > STILL {
            self.trials_per_second = trials.saturating_sub(before) as f64 / seconds.max(0.1);
            self.trials = (trials, now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn only_a_counter_that_stands_still_or_goes_away_ends_a_worker() {
        let mut beats = Beats::default();
        let none = BTreeMap::new();
        beats.observe(&counts(&[("a", 1), ("b", 1)]), &none, &[]);
        let hour = Duration::from_hours(1);
        assert!(beats.gone(&counts(&[("a", 1), ("b", 1)]), hour).is_empty());
        assert_eq!(beats.gone(&counts(&[("a", 2)]), hour), ["b"]);
        std::thread::sleep(Duration::from_millis(20));
        beats.observe(&counts(&[("a", 2), ("b", 1)]), &none, &[]);
        let gone = beats.gone(&counts(&[("a", 2), ("b", 1)]), Duration::from_millis(20));
        assert_eq!(gone, ["b"]);
    }

    #[test]
    fn a_consumer_without_a_counter_is_a_worker_for_a_while() {
        let mut beats = Beats::default();
        let consumer = StreamInfoConsumer {
            name: "a".to_owned(),
            pending: 3,
            ..StreamInfoConsumer::default()
        };
        beats.observe(&BTreeMap::new(), &BTreeMap::new(), &[consumer]);
        assert_eq!(beats.seen()[0].jobs, 3);
        assert!(beats.gone(&BTreeMap::new(), Duration::from_hours(1)).is_empty());
        assert_eq!(beats.gone(&BTreeMap::new(), Duration::ZERO), ["a"]);
    }

    #[test]
    fn what_workers_say_of_themselves_is_read() {
        let mut beats = Beats::default();
        let about = WorkerAbout { host: "a host".to_owned(), threads: 3 };
        let texts = [("a".to_owned(), about.to_text(7))].into();
        beats.observe(&counts(&[("a", 1)]), &texts, &[]);
        assert_eq!(beats.seen()[0].about, about);
        assert_eq!(beats.threads(), 3);
    }
}
