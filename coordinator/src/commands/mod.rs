//! The commands, one file each.

use ::results::{Store, StudyFolder};
use serde::Serialize;

use crate::cli::Named;
use crate::exit::Failure;

mod announcement;
pub mod ask;
mod changes;
pub mod check;
mod choices;
mod clock;
pub mod data;
pub mod doctor;
pub mod drain;
pub mod explain;
mod list;
mod points;
mod report;
pub mod results;
mod rung;
pub mod start;
pub mod status;
pub mod stop;
pub mod templates;
pub mod verify;
pub mod worker;

/// The study that was asked for: by name, or the latest.
fn chosen(store: &Store, named: &Named) -> Result<StudyFolder, Failure> {
    Ok(match named.wanted() {
        Some(name) => store.study(name)?,
        None => store.latest()?,
    })
}

/// How many threads run trials: as many as were asked for, or one per core.
fn threads(asked: Option<u64>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or(cores, |threads| usize::try_from(threads).unwrap_or(cores))
}

/// What carries signals and the clock beside the trials.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::infrastructure(format!("failed to start: {error}")))
}

/// A value as indented JSON.
fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Failure::infrastructure(format!("failed to write JSON: {error}")))
}

/// A table for people, without lines between the rows; plain text where nobody looks at it.
fn people_table(header: Vec<String>) -> comfy_table::Table {
    use std::io::IsTerminal;
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header);
    if !std::io::stdout().is_terminal() {
        table.force_no_tty();
    }
    table
}
