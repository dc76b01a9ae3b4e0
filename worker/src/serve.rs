//! The loop of a worker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jobs::{JobResult, JobSpec, Lease, Queue, QueueError};

use crate::apart::{Nursery, run_apart};
use crate::meter::Meter;
use crate::run::{Spread, Study, run_job_on};

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
    /// Counts what is done.
    pub meter: Arc<Meter>,
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

/// A thread may wait for its next job for such a share of the time that a job takes. A job that is
/// fetched ahead waits as well, and keeps other workers from it.
const LOSS: f64 = 0.005;

/// Jobs that take no longer than this, in seconds, are done sooner than another thread has woken up
/// for them. Several go to one thread together then, and none is divided.
const TINY: f64 = 30e-6;

/// So many tiny jobs go together.
const TOGETHER: usize = 16;

/// How long a job takes, and how long it takes to get one.
#[derive(Debug, Default)]
struct Times {
    /// What a job takes of one thread, in seconds, lately.
    job: Option<f64>,
    /// What the last ones took.
    jobs: VecDeque<f64>,
    /// The last times, in seconds, in which the desk gave a job. The shortest is how long the way
    /// is: the others waited for a job to be there.
    ways: VecDeque<f64>,
}

/// So many times are looked at.
const LAST: usize = 32;

/// Adds the latest time.
fn note(times: &mut VecDeque<f64>, seconds: f64) {
    times.push_back(seconds);
    if times.len() > LAST {
        times.pop_front();
    }
}

impl Times {
    fn took(&mut self, seconds: f64) {
        // Jobs that are much alike tell the next ones.
        self.job = Some(self.job.map_or(seconds, |known| 0.75 * known + 0.25 * seconds));
        note(&mut self.jobs, seconds);
    }

    fn came(&mut self, seconds: f64) {
        note(&mut self.ways, seconds);
    }

    /// How many jobs to give to a thread at once. One that is not tiny would keep those behind it
    /// waiting: all of the last ones have to be.
    fn together(&self) -> usize {
        let are_tiny = self.jobs.len() == LAST && self.jobs.iter().all(|seconds| *seconds <= TINY);
        if are_tiny { TOGETHER } else { 1 }
    }

    /// How many jobs to hold beyond one per thread.
    fn spare(&self, threads: usize) -> usize {
        let way = self.ways.iter().copied().min_by(f64::total_cmp);
        let (Some(job), Some(way)) = (self.job, way) else { return 1 };
        if way <= LOSS * job {
            return 0;
        }
        // The answer to one look may still be under way when the next job ends.
        let wanted = 2.0 * way * threads as f64 / job.max(1e-6);
        (wanted.ceil() as usize).clamp(1, threads + 1)
    }
}

/// What the loop and the jobs in the pool share.
struct Shared {
    times: Mutex<Times>,
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
        times: Mutex::default(),
        in_pool: Mutex::new(0),
        left_pool: Condvar::new(),
        failure: Mutex::new(None),
        finished: AtomicU64::new(0),
    });
    while !stop.load(Ordering::Relaxed) && !shared.failed() {
        desk.tend();
        let (limit, together) = {
            let times = lock(&shared.times);
            ((threads + times.spare(threads)) * times.together(), times.together())
        };
        let room = shared.room(limit);
        if room == 0 {
            continue;
        }
        let asked = now();
        let assignments = desk.next(LOOK_UP, room)?;
        if !assignments.is_empty() {
            lock(&shared.times).came(asked.elapsed().as_secs_f64());
        }
        let mut assignments = assignments.into_iter();
        while assignments.len() > 0 {
            let group: Vec<Assignment> = assignments.by_ref().take(together).collect();
            for _ in &group {
                options.meter.take();
            }
            *lock(&shared.in_pool) += group.len();
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(stop));
            let options = options.clone();
            let spread = if together > 1 { Spread::OneThread } else { Spread::AllThreads };
            pool.spawn(move || {
                for assignment in group {
                    match run_assigned(assignment, &options, &stop, spread) {
                        Ok(seconds) => lock(&shared.times).took(seconds),
                        Err(error) => _ = lock(&shared.failure).get_or_insert(error),
                    }
                    shared.finished.fetch_add(1, Ordering::Relaxed);
                    *lock(&shared.in_pool) -= 1;
                }
                shared.left_pool.notify_all();
            });
        }
    }
    while shared.room(1) == 0 {
        desk.tend();
    }
    match lock(&shared.failure).take() {
        Some(error) => Err(error),
        None => Ok(shared.finished.load(Ordering::Relaxed)),
    }
}

/// Runs a job and returns its result; how many seconds that took.
fn run_assigned(
    assignment: Assignment,
    options: &Options,
    stop: &AtomicBool,
    spread: Spread,
) -> Result<f64, QueueError> {
    let Assignment { study, queue, lease } = assignment;
    let result = run_timed(&study, &lease.job, options, stop, spread)?;
    let seconds = Duration::from_nanos(result.elapsed_ns).as_secs_f64();
    queue.finish(lease, result)?;
    Ok(seconds)
}

/// Runs a job, and says how long that took.
pub(crate) fn run_timed(
    study: &Study,
    job: &JobSpec,
    options: &Options,
    stop: &AtomicBool,
    spread: Spread,
) -> Result<JobResult, QueueError> {
    let started = now();
    let trials = match &options.nursery {
        Some(nursery) if job.losses > 0 => {
            let _at_work = options.meter.at_work();
            run_apart(study, job, &**nursery, stop)
        }
        _ => run_job_on(spread, study, job, stop, &options.meter),
    };
    let trials =
        trials.map_err(|fault| QueueError(format!("{fault}; mend that and resume the study")))?;
    let elapsed = started.elapsed();
    options.meter.finish(&trials);
    Ok(JobResult {
        study: job.study,
        id: job.id,
        attempt: job.attempt,
        trials,
        worker: options.name.clone(),
        elapsed_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
    })
}

#[expect(clippy::disallowed_methods, reason = "how long a job took is telemetry, never hashed")]
fn now() -> Instant {
    Instant::now()
}

impl Shared {
    fn failed(&self) -> bool {
        lock(&self.failure).is_some()
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
    fn tiny_jobs_go_to_a_thread_together_until_one_is_not() {
        let mut times = Times::default();
        for _ in 0..LAST {
            assert_eq!(times.together(), 1, "too little is known");
            times.took(5e-6);
        }
        assert_eq!(times.together(), TOGETHER);
        times.took(0.1);
        assert_eq!(times.together(), 1);
    }

    #[test]
    fn jobs_are_fetched_ahead_where_the_way_is_long_for_them() {
        let spare = |job: f64, way: f64, threads: usize| {
            let mut times = Times::default();
            times.took(job);
            // Some looks wait for a job to be there.
            for way in [way, 30.0 * way, 20.0 * way] {
                times.came(way);
            }
            times.spare(threads)
        };
        assert_eq!(Times::default().spare(8), 1, "nothing is known yet");
        assert_eq!(spare(0.15, 0.0002, 64), 0, "a server near by");
        assert_eq!(spare(0.15, 0.05, 1), 1, "one on another continent");
        assert_eq!(spare(0.15, 0.05, 8), 6);
        assert_eq!(spare(0.15, 0.5, 8), 9, "no more than are at work");
        assert_eq!(spare(60.0, 0.1, 8), 0, "long jobs are for whoever is free");
    }
}
