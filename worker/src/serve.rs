//! The loop of a worker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jobs::{JobResult, Lease, Queue, QueueError};

use crate::run::{Study, run_job};

/// How a worker runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that run trials; at least 1.
    pub threads: usize,
    /// The name that results carry, for people.
    pub name: String,
}

/// A job to be run, with what it belongs to.
pub struct Assignment {
    /// The study.
    pub study: Arc<Study>,
    /// The queue that the job came from, and its result goes to.
    pub queue: Arc<dyn Queue>,
    /// The job.
    pub lease: Lease,
}

/// Where a worker gets its next job: from one study, or from many.
pub trait Desk {
    /// The next job, waiting for one at most so long.
    ///
    /// # Errors
    /// The infrastructure fails.
    fn next(&mut self, wait: Duration) -> Result<Option<Assignment>, QueueError>;
}

/// The desk of a worker that serves one study only.
pub struct OneStudy {
    /// Its queue.
    pub queue: Arc<dyn Queue>,
    /// The study.
    pub study: Arc<Study>,
}

impl Desk for OneStudy {
    fn next(&mut self, wait: Duration) -> Result<Option<Assignment>, QueueError> {
        let assigned = |lease| {
            let (study, queue) = (Arc::clone(&self.study), Arc::clone(&self.queue));
            Assignment { study, queue, lease }
        };
        Ok(self.queue.take(wait)?.map(assigned))
    }
}

/// The worker looks up from waiting for a job this often, to see whether it should stop.
const LOOK_UP: Duration = Duration::from_millis(20);

/// What the loop and the jobs in the pool share.
struct Shared {
    in_pool: Mutex<usize>,
    left_pool: Condvar,
    failure: Mutex<Option<QueueError>>,
    finished: AtomicU64,
}

/// Takes jobs and runs them until `stop` is set, then finishes what it has begun; returns the
/// number of jobs finished.
///
/// One job more than there are threads is kept in the pool, so that the next one is at hand when
/// a thread falls idle; a single large job is spread over all threads.
///
/// # Errors
/// The queue fails, or the threads cannot be started.
pub fn serve(
    desk: &mut dyn Desk,
    options: &Options,
    stop: &Arc<AtomicBool>,
) -> Result<u64, QueueError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.max(1))
        .thread_name(|index| format!("trial-{index}"))
        .build()
        .map_err(|error| QueueError(format!("failed to start worker threads: {error}")))?;
    let shared = Arc::new(Shared {
        in_pool: Mutex::new(0),
        left_pool: Condvar::new(),
        failure: Mutex::new(None),
        finished: AtomicU64::new(0),
    });
    while !stop.load(Ordering::Relaxed) && !shared.failed() {
        if !shared.has_room(options.threads + 1) {
            continue;
        }
        let Some(assignment) = desk.next(LOOK_UP)? else { continue };
        *lock(&shared.in_pool) += 1;
        let (shared, stop) = (Arc::clone(&shared), Arc::clone(stop));
        let name = options.name.clone();
        pool.spawn(move || {
            if let Err(error) = run_assigned(assignment, name, &stop) {
                lock(&shared.failure).get_or_insert(error);
            }
            shared.finished.fetch_add(1, Ordering::Relaxed);
            *lock(&shared.in_pool) -= 1;
            shared.left_pool.notify_all();
        });
    }
    while !shared.has_room(1) {}
    match lock(&shared.failure).take() {
        Some(error) => Err(error),
        None => Ok(shared.finished.load(Ordering::Relaxed)),
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a job took is telemetry, never hashed")]
fn run_assigned(
    assignment: Assignment,
    worker: String,
    stop: &AtomicBool,
) -> Result<(), QueueError> {
    let Assignment { study, queue, lease } = assignment;
    let started = Instant::now();
    let trials = run_job(&study, &lease.job, stop)
        .map_err(|fault| QueueError(format!("{fault}; mend that and resume the study")))?;
    let result = JobResult {
        study: lease.job.study,
        id: lease.job.id,
        attempt: lease.job.attempt,
        trials,
        worker,
        elapsed_ns: u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX),
    };
    queue.finish(lease, result)
}

impl Shared {
    fn failed(&self) -> bool {
        lock(&self.failure).is_some()
    }

    /// Waits a moment for fewer than `limit` jobs to be in the pool.
    fn has_room(&self, limit: usize) -> bool {
        let (in_pool, _) = self
            .left_pool
            .wait_timeout_while(lock(&self.in_pool), LOOK_UP, |in_pool| *in_pool >= limit)
            .unwrap_or_else(PoisonError::into_inner);
        *in_pool < limit
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
