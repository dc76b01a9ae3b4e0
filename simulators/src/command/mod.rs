//! External programs: any program that reads its parameters and writes its metrics.
//!
//! `settings` reads the table `[command]`, `persistent` speaks with a child that stays,
//! `once` runs one child per trial, `process` is the child itself: group, pipes, deadline, end.

mod format;
mod number;
mod once;
mod output;
mod persistent;
mod process;
mod quantity;
mod settings;
mod simulator;
mod text;

pub use simulator::Command;
