//! The coordinator: the driver of a study, the loop around it, and the program `optimize`.
//!
//! * [`driver`] is the scheduler, a pure state machine: which job comes next, what an optimizer
//!   is told and when, in which order results count. Everything that makes a study repeatable is
//!   decided there, without clock, thread or file.
//! * `study` opens what a template names: simulator, plan, columns, fingerprint.
//! * `run` is the loop: it pushes the driver's jobs into a queue, makes results durable in the
//!   ledger before the driver hears of them, and sends finished rows to the view.
//! * `commands` are what a person types; signals, progress and the clock live there.
//!
//! Deliberately absent: mathematics of any kind. Points come from `optimizers`, values from
//! `simulators`, rankings from `results`.

mod apart;
mod ask;
mod audit;
pub mod chooser;
pub mod cli;
pub mod commands;
mod commit;
mod control;
mod doctor;
pub mod driver;
mod ended;
mod exit;
mod fleet;
mod frame;
mod ingest;
mod key;
mod known;
mod library;
mod logs;
mod metrics;
mod notice;
mod pace;
mod progress;
mod remote;
mod run;
mod say;
mod scribe;
mod signals;
mod specification;
mod stopping;
mod study;
mod tally;
mod unasked;

pub use apart::run_apart;
pub use exit::{Exit, Failure};
pub use logs::{LogFormat, init as init_logs, is_json as logs_are_json};
pub use say::print;
pub use worker::is_in_trial;
