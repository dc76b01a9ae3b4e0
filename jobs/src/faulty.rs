//! A queue that misbehaves as much as the contract allows, from a seed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::embedded::EmbeddedQueue;
use crate::job::{JobId, JobResult, JobSpec};
use crate::queue::{Event, Lease, Queue, QueueError};

/// How often a [`FaultyQueue`] misbehaves: chances in 256.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// A pushed job vanishes; [`Event::Lost`] follows some time later.
    pub lose: u8,
    /// A pushed job is handed out twice.
    pub duplicate: u8,
    /// A result is held back until others have overtaken it.
    pub delay: u8,
    /// The worker dies with its result: it vanishes, and [`Event::Lost`] follows.
    pub drop_result: u8,
}

impl Default for Faults {
    fn default() -> Self {
        Self { lose: 40, duplicate: 40, delay: 100, drop_result: 40 }
    }
}

/// A queue for tests that loses, duplicates, delays and reorders, as a crashing fleet would.
#[derive(Debug)]
pub struct FaultyQueue {
    inner: EmbeddedQueue,
    faults: Faults,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    generator: ChaCha8Rng,
    /// Events that wait until so many more calls have been made.
    held: Vec<(u32, Event)>,
}

impl FaultyQueue {
    /// A queue whose faults are drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        let state = State { generator: ChaCha8Rng::seed_from_u64(seed), held: Vec::new() };
        Self { inner: EmbeddedQueue::new(), faults, state: Mutex::new(state) }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn happens(&mut self, chance: u8) -> bool {
        self.generator.next_u32() % 256 < u32::from(chance)
    }

    fn hold(&mut self, event: Event) {
        let calls = 1 + self.generator.next_u32() % 16;
        self.held.push((calls, event));
    }

    fn lose(&mut self, id: JobId) {
        self.hold(Event::Lost(id));
    }

    /// An event whose time has come; with `hurry`, the first one whose turn it is anyhow.
    fn due(&mut self, hurry: bool) -> Option<Event> {
        for (calls, _) in &mut self.held {
            *calls = calls.saturating_sub(1);
        }
        let due = self.held.iter().position(|(calls, _)| *calls == 0);
        let index = due.or((hurry && !self.held.is_empty()).then_some(0))?;
        Some(self.held.remove(index).1)
    }
}

impl Queue for FaultyQueue {
    fn push(&self, job: JobSpec) -> Result<(), QueueError> {
        let (lose, twice) = self.with(|state| {
            let lose = state.happens(self.faults.lose);
            if lose {
                state.lose(job.id);
            }
            (lose, state.happens(self.faults.duplicate))
        });
        if lose {
            return Ok(());
        }
        if twice {
            self.inner.push(job.clone())?;
        }
        self.inner.push(job)
    }

    fn next_event(&self, wait: Duration) -> Result<Option<Event>, QueueError> {
        if let Some(event) = self.with(|state| state.due(false)) {
            return Ok(Some(event));
        }
        match self.inner.next_event(wait)? {
            None => Ok(self.with(|state| state.due(true))),
            Some(event) => Ok(self.with(|state| {
                if state.happens(self.faults.delay) {
                    state.hold(event);
                    return state.due(false);
                }
                Some(event)
            })),
        }
    }

    fn take(&self, wait: Duration, most: usize) -> Result<Vec<Lease>, QueueError> {
        self.inner.take(wait, most)
    }

    fn finish(&self, lease: Lease, result: JobResult) -> Result<(), QueueError> {
        let dropped = self.with(|state| {
            let dropped = state.happens(self.faults.drop_result);
            if dropped {
                state.lose(result.id);
            }
            dropped
        });
        if dropped { Ok(()) } else { self.inner.finish(lease, result) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms_under_every_seed() {
        for seed in 0..20 {
            crate::conformance::check(&|| Box::new(FaultyQueue::new(seed, Faults::default())));
        }
    }

    #[test]
    fn it_does_lose_and_duplicate() {
        let queue = FaultyQueue::new(3, Faults::default());
        for number in 0..200 {
            queue.push(crate::conformance::job(number)).expect("in process");
        }
        let mut taken = Vec::new();
        for lease in queue.take(Duration::ZERO, 1000).expect("in process") {
            taken.push(lease.job.id);
        }
        let total = taken.len();
        taken.dedup();
        assert!(taken.len() < 200, "some were lost");
        assert!(total > taken.len(), "some were doubled");
    }
}
