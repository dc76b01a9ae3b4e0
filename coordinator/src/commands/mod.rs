//! The commands, one file each.

use ::results::{Store, StudyFolder};
use serde::Serialize;

use crate::cli::Named;
use crate::exit::Failure;

pub mod check;
mod report;
pub mod results;
pub mod start;
pub mod status;
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
