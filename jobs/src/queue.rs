//! The seam between coordinator and workers.

use std::time::Duration;

use crate::job::{JobId, JobResult, JobSpec};

/// What a coordinator hears from a queue.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A result. The same job may be reported more than once, and in any order.
    Finished(JobResult),
    /// Whoever held the job has died, and no result is to be expected: push it again.
    Lost(JobId),
    /// The job is held by nobody, through no fault of its own: push it again.
    Dropped(JobId),
}

/// A worker's hold on a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// Tells this hold from every other one, also of the same job.
    pub token: u64,
    /// The job.
    pub job: JobSpec,
}

/// Infrastructure that does not work, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QueueError(pub String);

/// Carries jobs to workers and results back.
///
/// Delivery is *at least once* on both ways. Loss is allowed only if
/// [`Event::Lost`] or [`Event::Dropped`] follows. A
/// queue may reorder and delay as it likes: the driver is indifferent to it, since results are
/// told in the order of the jobs, and duplicates are compared.
///
/// Every queue passes [`crate::conformance::check`].
pub trait Queue: Send + Sync {
    /// Hands a job to whichever worker takes it. A queue between machines may let it wait for the
    /// next call of [`Queue::next_event`], so that jobs travel together.
    ///
    /// # Errors
    /// The infrastructure fails.
    fn push(&self, job: JobSpec) -> Result<(), QueueError>;

    /// The next event, waiting for one at most so long.
    ///
    /// # Errors
    /// The infrastructure fails.
    fn next_event(&self, wait: Duration) -> Result<Option<Event>, QueueError>;

    /// Says that nobody needs this attempt at a job any more: it was answered by another one.
    fn forget(&self, _id: JobId, _attempt: u32) {}

    /// Says that everything that [`Queue::next_event`] returned is durable: the worker's side may
    /// forget it. Queues within one process have nothing to forget.
    ///
    /// # Errors
    /// The infrastructure fails.
    fn confirm(&self) -> Result<(), QueueError> {
        Ok(())
    }

    /// Up to `most` jobs to work on, waiting at most so long for the first.
    ///
    /// # Errors
    /// The infrastructure fails.
    fn take(&self, wait: Duration, most: usize) -> Result<Vec<Lease>, QueueError>;

    /// Returns the result of a leased job. A queue between machines sends it when it can; it is
    /// kept until the coordinator has confirmed it.
    ///
    /// # Errors
    /// The infrastructure fails.
    fn finish(&self, lease: Lease, result: JobResult) -> Result<(), QueueError>;
}
