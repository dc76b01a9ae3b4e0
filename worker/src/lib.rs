//! The worker: takes jobs from a queue, runs their trials on all cores, returns the results.
//!
//! * [`Study`] is what a worker has to know beside the job: the simulator, and the sequence that
//!   turns numbers into points.
//! * [`run_job`] runs one job on the current rayon pool. It is a function of study and job: the
//!   number of threads, and which of them runs a trial, change nothing.
//! * A [`Desk`] hands out the next job, of one study ([`OneStudy`]) or of many.
//! * [`serve`] is the loop around it: it keeps a few jobs in the pool, so that no core waits for
//!   the queue, and stops where it is told to.
//!
//! * [`run_apart`] runs a job that was lost in processes of its own ([`Nursery`]), in case that one
//!   of its trials is what ended the worker.
//!
//! * A [`Hand`] runs jobs in the thread that asks for them, where that is quicker than to wait for
//!   another thread.
//!
//! A [`Meter`] counts what was done, for whoever watches the worker.
//!
//! A trial that fails, or panics, is a failed trial with a message; its neighbours go on. Where
//! the machine itself is at fault, nothing is said of the trial, and the worker ends.
//!
//! Deliberately absent: any decision. A worker does not choose points, compare trials or give
//! up on a study.

mod apart;
mod hand;
mod meter;
mod run;
mod serve;

pub use apart::{Child, Nursery, run_apart};
pub use hand::Hand;
pub use meter::{AtWork, Meter, Reading};
pub use run::{MachineFault, Study, Watch, is_in_trial, run_job};
pub use serve::{Assignment, Desk, OneStudy, Options, serve};
