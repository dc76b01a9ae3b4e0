//! Jobs: the contract between the coordinator, which decides, and the workers, which compute.
//!
//! * A [`JobSpec`] is a run of consecutive trials and carries everything that their results
//!   depend on: the study's fingerprint and seed, and the points, as a range of numbers or as
//!   values. A worker never asks a question while it runs one; the same bytes give the same
//!   [`JobResult`] on every machine.
//! * Every random number comes from the study's seed, a [`Purpose`] and an index
//!   ([`derived_seed`], [`generator`]): which worker draws it, and when, changes nothing.
//! * A [`Queue`] carries jobs one way and results the other. There are two calls on either side,
//!   and delivery is at least once: a queue may lose, duplicate, delay and reorder, provided that
//!   it says what is lost. [`EmbeddedQueue`] does none of it, [`FaultyQueue`] all of it, and both
//!   pass [`conformance::check`].
//! * The bytes of a message are laid out in one file ([`WIRE_VERSION`]).
//!
//! Deliberately absent: deadlines, priorities between the jobs of one study, clocks, and
//! anything that could be mistaken for a command.

pub mod conformance;
mod embedded;
mod faulty;
mod job;
mod queue;
mod redis_queue;
mod seal;
mod seed;
mod wire;
mod wire_guard;

pub use embedded::EmbeddedQueue;
pub use faulty::{Faults, FaultyQueue};
pub use job::{
    JobId, JobResult, JobSpec, Origin, Outcome, Report, StudyId, TrialId, TrialResult, Work,
};
pub use queue::{Event, Lease, Queue, QueueError};
pub use redis_queue::{
    Board, Certificates, Denied, Inspection, Notice, Order, RedisOptions, RedisQueue, Saving,
    Server, ServerAbout, StudySeen, WorkerAbout, WorkerBeat, WorkerSeen, connections_lost,
    file_hash, inspect, random_text, results_unconfirmed,
};
pub use seal::{Key, Kind, SealError};
pub use seed::{Purpose, derived_seed, generator};
pub use wire::{WIRE_VERSION, WireError};
