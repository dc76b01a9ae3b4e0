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

    /// Jobs that were lost so far, and so were pushed again.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.remote.as_ref().map_or(0, |remote| remote.lost())
    }

    /// Messages that were not taken.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.remote.as_ref().map_or(0, |remote| remote.refused())
    }

    /// Workers that are known; this process counts as one.
    #[must_use]
    pub fn workers(&self) -> u64 {
        let (workers, _) = self.remote.as_ref().map_or((1, 0), |remote| remote.size());
        (workers as u64).max(1)
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

    /// The workers, as people see them.
    #[must_use]
    pub fn seen(&self) -> Vec<WorkerStatus> {
        let Some(remote) = &self.remote else { return Vec::new() };
        let status = |seen: jobs::WorkerSeen| WorkerStatus {
            name: seen.name,
            host: seen.about.host,
            threads: seen.about.threads,
            silent_seconds: seen.silent.as_secs_f64(),
            jobs: seen.jobs,
            trials_per_second: seen.trials_per_second,
        };
        remote.workers().into_iter().map(status).collect()
    }
}
