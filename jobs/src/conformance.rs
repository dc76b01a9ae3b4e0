//! What every queue must do: one suite, run on all of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::job::{JobId, JobResult, JobSpec, Outcome, StudyId, TrialId, TrialResult, Work};
use crate::queue::{Event, Lease, Queue};

/// So many idle looks in a row mean that nothing more comes. A queue that holds an event back
/// releases it within a few looks.
const PATIENCE: u32 = 200;

const WAIT: Duration = Duration::from_millis(5);

/// Job number `number` of the suite.
#[must_use]
pub fn job(number: u64) -> JobSpec {
    JobSpec::new(StudyId([1; 32]), TrialId(number * 10), 5, Work::Range { len: 10 })
}

/// The result that the suite's workers return for a job.
fn result(job: &JobSpec) -> JobResult {
    let trial = |offset: u64| TrialResult {
        outcome: Outcome::Complete(vec![(job.id.0.0 + offset) as f64 / 3.0]),
        reports: Vec::new(),
    };
    JobResult {
        study: job.study,
        id: job.id,
        attempt: job.attempt,
        trials: (0..job.len()).map(trial).collect(),
        worker: "suite".to_owned(),
        elapsed_ns: 1,
    }
}

/// Checks a queue; `make` gives a fresh, empty one at every call.
///
/// # Panics
/// If the queue breaks the contract.
pub fn check(make: &dyn Fn() -> Box<dyn Queue>) {
    an_empty_queue_gives_nothing(&*make());
    no_more_is_taken_than_was_asked_for(&*make());
    jobs_arrive_unaltered(&*make());
    every_job_ends_with_one_worker(&*make());
    every_job_ends_with_many_workers(&*make());
}

fn an_empty_queue_gives_nothing(queue: &dyn Queue) {
    assert_eq!(queue.take(WAIT, 3), Ok(Vec::new()));
    assert_eq!(queue.next_event(WAIT), Ok(None));
}

/// Takes jobs until none has come for long, and says how many came; `look` sees what every single
/// take gave.
fn take_all(queue: &dyn Queue, most: usize, look: impl Fn(&[Lease])) -> usize {
    let (mut all, mut idle) = (0, 0);
    while idle < 20 {
        // Pushes may travel together with the coordinator's next look.
        let _ = queue.next_event(Duration::ZERO).expect("next_event");
        let leases = queue.take(WAIT, most).expect("take");
        look(&leases);
        all += leases.len();
        idle = if leases.is_empty() { idle + 1 } else { 0 };
    }
    all
}

fn no_more_is_taken_than_was_asked_for(queue: &dyn Queue) {
    for number in 0..50 {
        queue.push(job(number)).expect("push");
    }
    let all = take_all(queue, 4, |leases| assert!(leases.len() <= 4, "{} at once", leases.len()));
    // A queue may lose a few jobs, and not most of fifty.
    assert!(all > 10, "{all} jobs of 50");
}

fn jobs_arrive_unaltered(queue: &dyn Queue) {
    for number in 0..50 {
        queue.push(job(number)).expect("push");
    }
    take_all(queue, 1, |leases| {
        assert!(leases.iter().all(|lease| lease.job == job(lease.job.id.0.0 / 10)));
    });
}

fn every_job_ends_with_one_worker(queue: &dyn Queue) {
    let work = || {
        while let Some(lease) = queue.take(Duration::ZERO, 1).expect("take").pop() {
            let result = result(&lease.job);
            queue.finish(lease, result).expect("finish");
        }
    };
    collect(queue, 60, work);
}

fn every_job_ends_with_many_workers(queue: &dyn Queue) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for lease in queue.take(WAIT, 2).expect("take") {
                        let result = result(&lease.job);
                        queue.finish(lease, result).expect("finish");
                    }
                }
            });
        }
        collect(queue, 200, || {});
        stop.store(true, Ordering::Relaxed);
    });
}

/// Plays the coordinator: pushes jobs, pushes lost ones again, and checks that every job ends
/// and that all results of one job are the same.
fn collect(queue: &dyn Queue, jobs: u64, mut between: impl FnMut()) {
    for number in 0..jobs {
        queue.push(job(number)).expect("push");
    }
    let mut results: BTreeMap<JobId, JobResult> = BTreeMap::new();
    let mut idle = 0;
    while (results.len() as u64) < jobs {
        between();
        match queue.next_event(WAIT).expect("next_event") {
            Some(Event::Finished(found)) => {
                idle = 0;
                assert_eq!(found, result(&job(found.id.0.0 / 10)), "altered on the way");
                results.insert(found.id, found);
            }
            Some(Event::Lost(id) | Event::Dropped(id)) => {
                idle = 0;
                queue.push(job(id.0.0 / 10)).expect("push again");
            }
            None => {
                idle += 1;
                queue.confirm().expect("confirm");
            }
        }
        assert!(idle < PATIENCE, "{} of {jobs} jobs ended, no event comes", results.len());
    }
    // Workers need not keep them any longer.
    while queue.next_event(Duration::ZERO).expect("next_event").is_some() {}
    queue.confirm().expect("confirm");
}
