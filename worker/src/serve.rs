//! The loop of a worker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jobs::{JobResult, Lease, Queue, QueueError};

use crate::apart::{Nursery, run_apart};
use crate::run::{Study, run_job};

/// How a worker runs.
#[derive(Clone)]
pub struct Options {
    /// Threads that run trials; at least 1.
    pub threads: usize,
    /// The name that results carry, for people.
    pub name: String,
    /// Starts processes for jobs that were lost. Where there is nothing of the kind, such as
    /// within the process of a coordinator, they are run like any other.
    pub nursery: Option<Arc<dyn Nursery>>,
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
    /// Does what has to be done beside handing out jobs; called every few moments, also while
    /// no job is asked for.
    fn tend(&mut self) {}

    /// Up to `most` jobs, waiting at most so long for the first.
    ///
    /// # Errors
    /// The infrastructure fails.
    fn next(&mut self, wait: Duration, most: usize) -> Result<Vec<Assignment>, QueueError>;
}

/// The desk of a worker that serves one study only.
pub struct OneStudy {
    /// Its queue.
    pub queue: Arc<dyn Queue>,
    /// The study.
    pub study: Arc<Study>,
}

impl Desk for OneStudy {
    fn next(&mut self, wait: Duration, most: usize) -> Result<Vec<Assignment>, QueueError> {
        let assigned = |lease| {
            let (study, queue) = (Arc::clone(&self.study), Arc::clone(&self.queue));
            Assignment { study, queue, lease }
        };
        Ok(self.queue.take(wait, most)?.into_iter().map(assigned).collect())
    }
}

/// The worker looks up from waiting for a job this often, to see whether it should stop.
const LOOK_UP: Duration = Duration::from_millis(20);

/// So much work should be at hand for every thread beside the job that it runs, in seconds: more
/// than a message takes to any server and back.
const AHEAD: f64 = 0.3;

/// Jobs that take longer, in seconds, are not fetched ahead: a thread that waits for the network
/// after such a job loses nothing that counts, while a job that waits behind it keeps it from
/// other workers.
const LONG: f64 = 5.0;

/// How many jobs to hold beyond one per thread, when a job takes so many seconds of one thread.
fn spare(seconds: Option<f64>, threads: usize) -> usize {
    match seconds {
        None => 1,
        Some(seconds) if seconds > LONG => 0,
        Some(seconds) => {
            let wanted = AHEAD * threads as f64 / seconds.max(1e-6);
            (wanted.ceil() as usize).clamp(1, threads + 1)
        }
    }
}

/// What the loop and the jobs in the pool share.
struct Shared {
    /// What a job takes of one thread, in seconds, lately.
    seconds: Mutex<Option<f64>>,
    in_pool: Mutex<usize>,
    left_pool: Condvar,
    failure: Mutex<Option<QueueError>>,
    finished: AtomicU64,
}

/// Takes jobs and runs them until `stop` is set, then finishes what it has begun; returns the
/// number of jobs finished.
///
/// More jobs than there are threads are kept in the pool, unless they are long, so that the next
/// one is at hand when a thread falls idle; a single large job is spread over all threads.
///
/// # Errors
/// The queue fails, or the threads cannot be started.
pub fn serve(
    desk: &mut dyn Desk,
    options: &Options,
    stop: &Arc<AtomicBool>,
) -> Result<u64, QueueError> {
    let threads = options.threads.max(1);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("trial-{index}"))
        .build()
        .map_err(|error| QueueError(format!("failed to start worker threads: {error}")))?;
    let shared = Arc::new(Shared {
        seconds: Mutex::new(None),
        in_pool: Mutex::new(0),
        left_pool: Condvar::new(),
        failure: Mutex::new(None),
        finished: AtomicU64::new(0),
    });
    while !stop.load(Ordering::Relaxed) && !shared.failed() {
        desk.tend();
        let limit = threads + spare(*lock(&shared.seconds), threads);
        let room = shared.room(limit);
        if room == 0 {
            continue;
        }
        for assignment in desk.next(LOOK_UP, room)? {
            *lock(&shared.in_pool) += 1;
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(stop));
            let options = options.clone();
            pool.spawn(move || {
                match run_assigned(assignment, options, &stop) {
                    Ok(seconds) => shared.learn(seconds),
                    Err(error) => _ = lock(&shared.failure).get_or_insert(error),
                }
                shared.finished.fetch_add(1, Ordering::Relaxed);
                *lock(&shared.in_pool) -= 1;
                shared.left_pool.notify_all();
            });
        }
    }
    while shared.room(1) == 0 {}
    match lock(&shared.failure).take() {
        Some(error) => Err(error),
        None => Ok(shared.finished.load(Ordering::Relaxed)),
    }
}

/// Runs a job and returns its result; how many seconds that took.
#[expect(clippy::disallowed_methods, reason = "how long a job took is telemetry, never hashed")]
fn run_assigned(
    assignment: Assignment,
    options: Options,
    stop: &AtomicBool,
) -> Result<f64, QueueError> {
    let Assignment { study, queue, lease } = assignment;
    let started = Instant::now();
    let trials = match &options.nursery {
        Some(nursery) if lease.job.attempt > 0 => run_apart(&study, &lease.job, &**nursery, stop),
        _ => run_job(&study, &lease.job, stop),
    };
    let trials =
        trials.map_err(|fault| QueueError(format!("{fault}; mend that and resume the study")))?;
    let elapsed = started.elapsed();
    let result = JobResult {
        study: lease.job.study,
        id: lease.job.id,
        attempt: lease.job.attempt,
        trials,
        worker: options.name,
        elapsed_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
    };
    queue.finish(lease, result)?;
    Ok(elapsed.as_secs_f64())
}

impl Shared {
    fn failed(&self) -> bool {
        lock(&self.failure).is_some()
    }

    /// Takes note of how long a job took; jobs that are much alike tell the next ones.
    fn learn(&self, seconds: f64) {
        let mut known = lock(&self.seconds);
        *known = Some(known.map_or(seconds, |known| 0.75 * known + 0.25 * seconds));
    }

    /// How many jobs fewer than `limit` are in the pool; waits a moment for one to leave it.
    fn room(&self, limit: usize) -> usize {
        let (in_pool, _) = self
            .left_pool
            .wait_timeout_while(lock(&self.in_pool), LOOK_UP, |in_pool| *in_pool >= limit)
            .unwrap_or_else(PoisonError::into_inner);
        limit.saturating_sub(*in_pool)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_jobs_are_fetched_ahead_and_long_ones_are_not() {
        assert_eq!(spare(None, 8), 1);
        assert_eq!(spare(Some(0.15), 1), 2);
        assert_eq!(spare(Some(0.15), 8), 9, "no more than are at work");
        assert_eq!(spare(Some(1.0), 8), 3);
        assert_eq!(spare(Some(4.0), 1), 1);
        assert_eq!(spare(Some(60.0), 8), 0);
    }
}
