//! External programs: any program that reads its parameters and writes its metrics.
//!
//! `settings` reads the table `[command]`, `launch` makes a process of it. `persistent` speaks
//! `protocol` with a child that stays, `once` runs one child per trial in a directory of `files`.
//! `process` is the child itself: group, pipes, deadline, end; `guard` ends it when we cannot.
//! `trace` is what a person sees of all that, `whereabouts` what messages must not say.

mod clock;
mod files;
mod format;
mod guard;
mod launch;
mod number;
mod once;
mod output;
mod persistent;
mod process;
mod protocol;
mod quantity;
mod settings;
mod simulator;
mod stream;
mod text;
mod trace;
mod trouble;
mod whereabouts;
mod words;

pub use files::sweep_files;
pub use simulator::Command;

/// The lines of JSON in which trials are asked for and answered, for whoever hands trials to
/// programs in another way.
pub mod lines {
    pub use super::number::{metrics_of, of_json, parse_json};
    pub use super::protocol::{LONGEST_LINE, Request, VERSION, complaint};
}
