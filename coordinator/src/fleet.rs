//! Where a study's jobs go: to threads of this process, or to workers on any machine.

use std::sync::Arc;

use jobs::{EmbeddedQueue, Queue, RedisQueue};
use results::WorkerStatus;

/// Jobs that are under way before any worker has shown itself.
const FIRST_SLOTS: usize = 8;

/// Jobs that a worker holds beyond one per thread: so that it never waits for the next.
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
        (threads + SPARE * workers).max(FIRST_SLOTS)
    }

    /// How often the queue has been begun anew.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.remote.as_ref().map_or(0, |remote| remote.epoch())
    }

    /// Workers among which the jobs are divided; at least one.
    #[must_use]
    pub fn workers(&self) -> u64 {
        let (workers, _) = self.remote.as_ref().map_or((1, 0), |remote| remote.size());
        (workers as u64).max(1)
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
        };
        remote.workers().into_iter().map(status).collect()
    }
}
