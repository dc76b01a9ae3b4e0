//! What a trial runs.
//!
//! This room evaluates points. A [`Simulator`] is opened from a template's own table with [`open`]
//! and is from then on a pure function: the same point and seed give the same bits, on any thread,
//! in any order, on any machine. Its fingerprint names everything else that an answer depends on.
//!
//! In the room:
//! - the contract between a worker and whatever evaluates a point ([`Simulator`], [`Session`],
//!   [`Trial`], [`Watcher`], [`Verdict`], [`Failure`]);
//! - closed-form test problems with known optima, with optional noise and learning curves
//!   ([`Problem`], [`problem_template`]);
//! - a backtester that runs a strategy, written as expressions over prices and parameters, on
//!   historical bars ([`Backtest`]), with prices to start with;
//! - programs in any language, as processes that stay or one process per trial ([`Command`]);
//! - replications of any of these, with other seeds or settings ([`open_template`]).
//!
//! ```
//! use search_spaces::{Document, Point, Template, Value};
//! use simulators::{Trial, Unwatched};
//! use std::path::Path;
//!
//! let text = simulators::problem_template("sphere").expect("a built-in problem");
//! let template = Template::read(Document::parse("sphere.toml", &text)?, Path::new("."))?;
//! let settings = template.settings()?;
//! let simulator =
//!     simulators::open(&template.simulator, settings, &template.space, &template.folder)?;
//! let point = Point::new(vec![Value::Float(3.0), Value::Float(-4.0)]);
//! let seed = 7;
//! let values = simulator.session().run(&Trial::new(&point, seed), &mut Unwatched)?;
//! assert_eq!((simulator.metrics(), values), (&["f".to_owned()][..], vec![25.0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Deliberately absent: threads, clocks and queues (the worker's business), directions of metrics
//! and constraints on outcomes (the study's), and any input or output after a simulator has been
//! opened, but for external programs: `command` is a shell, with processes and deadlines.

mod backtest;
mod command;
mod contract;
mod numbers;
mod open;
mod problem;
mod problems;
mod replicated;
mod sets;

pub use backtest::{Action, Backtest, DataError, Date, Decision, Engine, Reason, Trace, Trade};
pub use command::{Command, lines, sweep_files};
pub use contract::{
    Cell, Failure, FailureKind, List, Rehearsal, Report, Session, Simulator, Trial, Unwatched,
    Verdict, Watcher,
};
pub use open::{OpenError, Places, open, open_template, simulator_names};
pub use problem::{Problem, problem_names, problem_template, problem_template_of};
pub use sets::{
    ADJUSTED, BARS, Bars, Column, DataFolder, MANIFEST, Manifest, Origin, PRICES, SETS_FORMAT,
    Source, VOLUME, bar_fault, content_hash, time_text, write_bars,
};
