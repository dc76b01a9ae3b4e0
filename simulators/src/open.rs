//! From a template to a simulator: the one place that knows which simulators there are.

use std::path::Path;

use search_spaces::{Section, Space, Template, TemplateError};

use crate::backtest::{Backtest, DataError};
use crate::command::Command;
use crate::contract::Simulator;
use crate::problem::Problem;
use crate::replicated::Replicated;

const NAMES: [&str; 3] = ["backtest", "command", "problem"];

/// Where that is looked for which a template names. A path alone is the template's folder, without
/// data sets.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The template's folder, at which relative paths start.
    pub folder: &'a Path,
    /// The folder of the data sets, if there is one.
    pub data: Option<&'a Path>,
}

impl<'a, P: AsRef<Path> + ?Sized> From<&'a P> for Places<'a> {
    fn from(folder: &'a P) -> Self {
        Self { folder: folder.as_ref(), data: None }
    }
}

/// Why a simulator could not be opened. Nothing has run yet.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The template's own table is at fault; the message names file, line and key.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The data that the template points to are at fault; the message names file, line and column.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no simulator of that name.
    #[error(
        "unknown simulator {name:?}; allowed: {}",
        NAMES.map(|n| format!("\"{n}\"")).join(", ")
    )]
    UnknownSimulator {
        /// The name that was found.
        name: String,
    },
}

/// The names under which [`open`] knows the simulators, in alphabetical order. A simulator's
/// settings are in the template's table of the same name.
pub fn simulator_names() -> &'static [&'static str] {
    &NAMES
}

/// Opens the simulator called `name` ("problem", "backtest" or "command") with the `settings` of its table
/// and for the points of `space`. Files and data sets are looked for in `places`.
///
/// # Errors
/// [`OpenError`], with what was found, where, and what is allowed.
pub fn open<'a>(
    name: &str,
    settings: Section<'_>,
    space: &Space,
    places: impl Into<Places<'a>>,
) -> Result<Box<dyn Simulator>, OpenError> {
    let places = places.into();
    match name {
        "problem" => Ok(Box::new(Problem::open(settings, space)?)),
        "command" => Ok(Box::new(Command::open(settings, space, places.folder)?)),
        "backtest" => Ok(Box::new(Backtest::open(settings, space, places)?)),
        _ => Err(OpenError::UnknownSimulator { name: name.to_owned() }),
    }
}

/// Opens the simulator of a template; where that has a table `[replications]`, one that runs it
/// several times for each trial. The table's keys are:
/// - `seeds`: so many seeds [1];
/// - `vary`: other values for keys of the simulator's own table, as [`Section::variations`] reads
///   them;
/// - `aggregate`: what the values of an objective are made into [`"mean"`].
///
/// Files and data sets are looked for in `places`.
///
/// # Errors
/// As [`open`].
pub fn open_template<'a>(
    template: &Template,
    places: impl Into<Places<'a>>,
) -> Result<Box<dyn Simulator>, OpenError> {
    match template.replications()? {
        Some(section) => Ok(Box::new(Replicated::open(section, template, places.into())?)),
        None => open(&template.simulator, template.settings()?, &template.space, places),
    }
}

#[cfg(test)]
mod tests {
    use search_spaces::Document;

    use super::*;

    fn error(name: &str) -> OpenError {
        let text = "name = 't'\nsimulator = 'problem'\n[space]\nx = { float = [0, 1] }\n\
             [objectives]\nf = 'minimize'\n[problem]\n";
        let document = Document::parse("t.toml", text).expect("valid");
        let template = Template::read(document, Path::new("")).expect("valid");
        let settings = template.settings().expect("a table");
        match open(name, settings, &template.space, Path::new("")) {
            Ok(_) => panic!("{name} opened without its settings"),
            Err(error) => error,
        }
    }

    #[test]
    fn the_names_are_exactly_those_that_open_knows() {
        for name in simulator_names() {
            assert!(!matches!(error(name), OpenError::UnknownSimulator { .. }), "{name}");
        }
        let message = error("bactest\u{1b}").to_string();
        let expected = "unknown simulator \"bactest\\u{1b}\"; allowed: \"backtest\", \"command\", \
             \"problem\"";
        assert_eq!(message, expected);
        assert!(simulator_names().is_sorted());
    }
}
