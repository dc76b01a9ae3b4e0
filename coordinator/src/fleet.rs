//! Where a study's jobs go: to threads of this process, or to workers on any machine.

use std::sync::Arc;

use jobs::{EmbeddedQueue, Queue, RedisQueue};
use results::WorkerStatus;

/// Jobs that are under way before any worker has shown itself.
const FIRST_SLOTS: usize = 8;

/// Jobs for a worker beyond those of its threads, so that it never waits for the next: two per
/// thread where messages take their time, and one within a process.
const SPARE: usize = 3;

/// Those who run a study's trials.
#[derive(Clone)]
pub struct Fleet {
    queue: Arc<dyn Queue>,
    remote: Option<Arc<RedisQueue>>,
    /// Threads of this process that run trials.
    threads: usize,
}

impl Fleet {
    /// The threads of this process alone.
    #[must_use]
    pub fn embedded(threads: usize) -> Self {
        Self { queue: Arc::new(EmbeddedQueue::new()), remote: None, threads }
    }

    /// Workers that come and go, and `threads` of this process beside them.
    #[must_use]
    pub fn remote(queue: Arc<RedisQueue>, threads: usize) -> Self {
        Self { queue: Arc::<RedisQueue>::clone(&queue), remote: Some(queue), threads }
    }

    /// What carries the jobs.
    #[must_use]
    pub fn queue(&self) -> Arc<dyn Queue> {
        Arc::clone(&self.queue)
    }

    /// Threads of this process that run trials.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Whether workers elsewhere may run trials.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// Jobs that should be under way at a time.
    #[must_use]
    pub fn slots(&self) -> usize {
        let Some(remote) = &self.remote else { return self.threads + SPARE };
        let (workers, threads) = remote.size();
        (2 * threads + SPARE * workers).max(FIRST_SLOTS)
    }

    /// How often the queue has been begun anew.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.remote.as_ref().map_or(0, |remote| remote.epoch())
    }

    /// Whether there is nobody to run trials, as far as is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.size().0 == 0)
    }

    /// Threads among which the trials are divided; at least one.
    #[must_use]
    pub fn all_threads(&self) -> u64 {
        let (_, threads) = self.remote.as_ref().map_or((0, self.threads), |remote| remote.size());
        (threads as u64).max(1)
    }

    /// All that people are told of them.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let Some(remote) = &self.remote else {
            return Seen { workers: 1, threads: self.threads as u64, ..Seen::default() };
        };
        let workers = remote.workers();
        let threads = workers.iter().map(|worker| u64::from(worker.about.threads)).sum();
        let status = |seen: jobs::WorkerSeen| WorkerStatus {
            name: seen.name,
            host: seen.about.host,
            threads: seen.about.threads,
            silent_seconds: seen.silent.as_secs_f64(),
            jobs: seen.jobs,
            trials_per_second: seen.trials_per_second,
        };
        let fleet: Vec<WorkerStatus> = workers.into_iter().map(status).collect();
        Seen {
            workers: fleet.len() as u64,
            threads,
            epoch: remote.epoch(),
            lost: remote.lost(),
            refused: remote.refused(),
            fleet,
        }
    }
}

/// What people are told of those who run a study's trials.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Workers that are known; a process that runs its trials itself counts as one.
    pub workers: u64,
    /// Threads that they have.
    pub threads: u64,
    /// How often the queue has been begun anew.
    pub epoch: u64,
    /// Jobs that were lost so far, and so were pushed again.
    pub lost: u64,
    /// Messages that were not taken.
    pub refused: u64,
    /// The workers of a queue between machines.
    pub fleet: Vec<WorkerStatus>,
}
