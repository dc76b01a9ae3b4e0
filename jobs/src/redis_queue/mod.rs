//! The queue between machines, on Redis 7.0 and later.
//!
//! Redis only carries: what a study knows is in the coordinator's ledger, and whatever happens to
//! Redis, results are the same. What keeps it so:
//!
//! * A job is an entry of a stream that workers read through a group. It stays until one script
//!   has put its result into the stream of results, in the same step.
//! * No clock of any machine decides anything. A worker moves a counter; the coordinator judges
//!   by its own monotonic clock that a counter stands still, and takes the worker's jobs back.
//! * A result stays in its worker's memory until the coordinator has deleted it from its stream,
//!   which it does once it is in the ledger.
//! * A random *generation* tells both sides that Redis has lost its memory. The coordinator then
//!   opens a new *epoch*: streams are made again, open jobs are pushed again, and workers send
//!   again what is not safe yet. Jobs of earlier epochs are not run.
//! * Messages carry a MAC of a key that only coordinators and workers know ([`crate::Key`]).
//!
//! Connections are blocking ones, each used by one thread: a blocking read holds up nobody else,
//! and no command is abandoned half-way.

mod beats;
mod board;
mod coordinator;
mod inspect;
mod keys;
mod link;
mod orders;
mod outbox;
mod rights;
mod server;
mod traffic;
mod worker;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::job::{JobId, JobResult, JobSpec, StudyId};
use crate::queue::{Event, Lease, Queue, QueueError};
use crate::seal::Key;

pub use board::{Board, file_hash};
use coordinator::Coordinator;
pub use inspect::{
    Denied, Inspection, Notice, Saving, ServerAbout, StudySeen, WorkerBeat, inspect,
};
pub use orders::Order;
pub use server::{Certificates, Server};
pub use traffic::{connections_lost, results_unconfirmed};
use worker::Worker;

/// How a [`RedisQueue`] is reached, and how patient it is.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Where.
    pub server: Server,
    /// The secret of coordinator and workers.
    pub key: Key,
    /// A worker whose counter stands still for so long is taken for dead.
    pub lease: Duration,
    /// What a worker says of itself.
    pub about: WorkerAbout,
}

/// What a worker says of itself, for people and for the size of jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerAbout {
    /// The name of its machine.
    pub host: String,
    /// Threads that run trials.
    pub threads: u32,
}

impl WorkerAbout {
    /// The text that a worker leaves in Redis, with the number of trials that it has returned.
    fn to_text(&self, trials: u64) -> String {
        format!("{} {trials} {}", self.threads, self.host)
    }

    /// Reads that text.
    fn read(text: &str) -> Option<(Self, u64)> {
        let (threads, rest) = text.split_once(' ')?;
        let (trials, host) = rest.split_once(' ')?;
        let about = Self { host: host.to_owned(), threads: threads.parse().ok()? };
        Some((about, trials.parse().ok()?))
    }
}

/// A worker as the coordinator sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSeen {
    /// Its name, new with every start.
    pub name: String,
    /// What it says of itself.
    pub about: WorkerAbout,
    /// How long its counter has stood still.
    pub silent: Duration,
    /// Jobs that it holds.
    pub jobs: u64,
    /// Trials that it returned, per second, between the last two looks at it.
    pub trials_per_second: f64,
}

/// What a coordinator shows of itself, apart from it: whoever looks does not wait for a server
/// that does not answer.
#[derive(Debug, Default)]
struct Shown {
    workers: Vec<WorkerSeen>,
    threads: usize,
    epoch: u64,
    refused: u64,
    lost: u64,
}

/// The queue of one study on a Redis server. A process uses one side of it: that of the
/// coordinator or that of a worker. Each side connects when it is first used.
#[derive(Debug)]
pub struct RedisQueue {
    study: StudyId,
    options: RedisOptions,
    coordinator: Mutex<Option<Coordinator>>,
    shown: Arc<Mutex<Shown>>,
    worker: OnceLock<Worker>,
    joining: Mutex<()>,
}

impl RedisQueue {
    /// The queue of a study. Nothing is connected yet.
    #[must_use]
    pub fn new(study: StudyId, options: RedisOptions) -> Self {
        let (coordinator, worker) = (Mutex::new(None), OnceLock::new());
        let (shown, joining) = (Arc::default(), Mutex::new(()));
        Self { study, options, coordinator, shown, worker, joining }
    }

    /// Begins the coordinator's side, which any other use of it would begin as well.
    ///
    /// # Errors
    /// The server is not there or refuses, or another coordinator works on the study.
    pub fn open(&self) -> Result<(), QueueError> {
        self.with_coordinator(|_| Ok(()))
    }

    /// The workers that the coordinator of this process knows.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerSeen> {
        lock(&self.shown).workers.clone()
    }

    /// How many workers the coordinator of this process knows, and how many threads they have.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let shown = lock(&self.shown);
        (shown.workers.len(), shown.threads)
    }

    /// The epoch that the coordinator of this process has begun last; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        lock(&self.shown).epoch
    }

    /// Messages that were not taken, here or by workers: forged, damaged, or of an earlier epoch.
    #[must_use]
    pub fn refused(&self) -> u64 {
        lock(&self.shown).refused
    }

    /// Jobs that were lost so far, and so were pushed again.
    #[must_use]
    pub fn lost(&self) -> u64 {
        lock(&self.shown).lost
    }

    fn with_coordinator<T>(
        &self,
        work: impl FnOnce(&mut Coordinator) -> Result<T, QueueError>,
    ) -> Result<T, QueueError> {
        let mut side = lock(&self.coordinator);
        if side.is_none() {
            let shown = Arc::clone(&self.shown);
            *side = Some(Coordinator::open(self.study, &self.options, shown)?);
        }
        work(side.as_mut().expect("opened above"))
    }

    fn worker(&self) -> Result<&Worker, QueueError> {
        let _one_at_a_time = lock(&self.joining);
        if let Some(worker) = self.worker.get() {
            return Ok(worker);
        }
        let worker = Worker::join(self.study, &self.options)?;
        Ok(self.worker.get_or_init(|| worker))
    }
}

impl Queue for RedisQueue {
    fn push(&self, job: JobSpec) -> Result<(), QueueError> {
        self.with_coordinator(|side| side.push(&job))
    }

    fn next_event(&self, wait: Duration) -> Result<Option<Event>, QueueError> {
        self.with_coordinator(|side| side.next_event(wait))
    }

    fn forget(&self, id: JobId, attempt: u32) {
        if let Some(side) = &mut *lock(&self.coordinator) {
            side.forget(id, attempt);
        }
    }

    fn confirm(&self) -> Result<(), QueueError> {
        self.with_coordinator(Coordinator::confirm)
    }

    fn take(&self, wait: Duration, most: usize) -> Result<Vec<Lease>, QueueError> {
        self.worker()?.take(wait, most)
    }

    fn finish(&self, lease: Lease, result: JobResult) -> Result<(), QueueError> {
        self.worker()?.finish(&lease, &result);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A text that nobody guesses and no other process has: 128 random bits.
///
/// # Errors
/// The system gives no random bytes.
pub fn random_text() -> Result<String, QueueError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| QueueError(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
