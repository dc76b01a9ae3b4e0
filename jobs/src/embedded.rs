//! The queue within one process.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::job::{JobResult, JobSpec};
use crate::queue::{Event, Lease, Queue, QueueError};

/// A queue between the threads of one process: no server, nothing lost, first in, first out.
///
/// Its worker and its coordinator live and die together, so that no job is ever lost: what a
/// crash interrupts, the ledger does not hold, and `resume` runs again.
#[derive(Debug, Default)]
pub struct EmbeddedQueue {
    jobs: Channel<Lease>,
    events: Channel<Event>,
}

#[derive(Debug)]
struct Channel<T> {
    items: Mutex<VecDeque<T>>,
    arrived: Condvar,
}

impl<T> Default for Channel<T> {
    fn default() -> Self {
        Self { items: Mutex::new(VecDeque::new()), arrived: Condvar::new() }
    }
}

impl<T> Channel<T> {
    /// A panic elsewhere cannot leave the deque half changed, so a poisoned lock is as good as
    /// another.
    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, item: T) {
        self.lock().push_back(item);
        self.arrived.notify_one();
    }

    /// Up to `most` items, waiting for the first.
    fn receive(&self, wait: Duration, most: usize) -> Vec<T> {
        let mut items = self.lock();
        // Not even the shortest wait comes without a call of the system.
        if !wait.is_zero() {
            (items, _) = self
                .arrived
                .wait_timeout_while(items, wait, |items| items.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
        }
        let count = most.min(items.len());
        items.drain(..count).collect()
    }
}

impl EmbeddedQueue {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Queue for EmbeddedQueue {
    fn push(&self, job: JobSpec) -> Result<(), QueueError> {
        // Leases need no tokens here: nothing ever takes a job from its holder.
        self.jobs.send(Lease { token: 0, job });
        Ok(())
    }

    fn next_event(&self, wait: Duration) -> Result<Option<Event>, QueueError> {
        Ok(self.events.receive(wait, 1).pop())
    }

    fn take(&self, wait: Duration, most: usize) -> Result<Vec<Lease>, QueueError> {
        Ok(self.jobs.receive(wait, most))
    }

    fn finish(&self, _lease: Lease, result: JobResult) -> Result<(), QueueError> {
        self.events.send(Event::Finished(result));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        crate::conformance::check(&|| Box::new(EmbeddedQueue::new()));
    }
}
