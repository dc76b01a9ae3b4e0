//! A study written down: objectives, space and simulator, read from TOML.

use std::path::{Path, PathBuf};

use crate::document::Document;
use crate::enqueue::read_points;
use crate::error::TemplateError;
use crate::section::Section;
use crate::space::Space;
use crate::value::Point;

/// The key of the table that says how often each point is evaluated.
const REPLICATIONS: &str = "replications";

/// Which way an objective improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smaller is better.
    Minimize,
    /// Larger is better.
    Maximize,
}

impl Direction {
    /// The value with its sign such that smaller is better; applied twice it gives the value
    /// back. Zero stays positive, so that equal values keep equal bits.
    #[must_use]
    pub fn orient(self, value: f64) -> f64 {
        match self {
            Self::Minimize => value + 0.0,
            Self::Maximize => 0.0 - value,
        }
    }

    /// `minimize` or `maximize`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimize => "minimize",
            Self::Maximize => "maximize",
        }
    }
}

/// A metric to be improved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    /// The metric's name.
    pub metric: String,
    /// Which way it improves.
    pub direction: Direction,
}

/// A study as its template describes it, valid in all that does not depend on the simulator.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The name of the study, from which file and folder names are made.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// The simulator that evaluates points; its settings are the table of the same name.
    pub simulator: String,
    /// The objectives, in order of importance; at least one.
    pub objectives: Vec<Objective>,
    /// Conditions on the metrics (`trades >= 30`), as written; the metrics are not known here.
    pub outcome_constraints: Vec<String>,
    /// Conditions on reports at which a trial is pruned (`cost > 100`), as written.
    pub prune: Vec<String>,
    /// Conditions at which the study ends (`cost <= 1e-6`, `cost stalls 200`), as written.
    pub stop: Vec<String>,
    /// The space.
    pub space: Space,
    /// Points to be evaluated before all others.
    pub enqueue: Vec<Point>,
    /// The document that all of this was read from, overrides included.
    pub document: Document,
    /// The folder that relative paths in the template start from.
    pub folder: PathBuf,
}

impl Template {
    /// Gives meaning to a document.
    ///
    /// # Errors
    /// A missing, unknown or faulty key, naming file, line and what is allowed.
    pub fn read(document: Document, folder: &Path) -> Result<Self, TemplateError> {
        let mut root = document.section();
        let name = root.text("name")?.ok_or_else(|| {
            root.missing("name", "a name for the study, such as name = \"sma-crossover\"")
        })?;
        check_study_name(&name).map_err(|allowed| root.error("name", &*name, allowed))?;
        let description = root.text("description")?.unwrap_or_default();
        let simulator = root.text("simulator")?.ok_or_else(|| {
            root.missing("simulator", "the name of a simulator, such as \"backtest\"")
        })?;
        let objectives = objectives(&mut root)?;
        let outcome_constraints = root.texts("outcome_constraints")?.unwrap_or_default();
        let prune = root.texts("prune")?.unwrap_or_default();
        let stop = root.texts("stop")?.unwrap_or_default();
        let space = match root.section("space")? {
            Some(section) => Space::read(section)?,
            None => return Err(root.missing("space", "a table with a key for each parameter")),
        };
        let enqueue = read_points(&mut root, &space)?;
        root.section(&simulator)?;
        root.section(REPLICATIONS)?;
        root.finish()?;
        Ok(Self {
            name,
            description,
            simulator,
            objectives,
            outcome_constraints,
            prune,
            stop,
            space,
            enqueue,
            folder: folder.to_owned(),
            document,
        })
    }

    /// The simulator's own table, empty where the template has none.
    ///
    /// # Errors
    /// The key is there and no table.
    pub fn settings(&self) -> Result<Section<'_>, TemplateError> {
        self.document.section().section_or_empty(&self.simulator)
    }

    /// The table that says how often each point is evaluated, if there is one.
    ///
    /// # Errors
    /// The key is there and no table.
    pub fn replications(&self) -> Result<Option<Section<'_>>, TemplateError> {
        self.document.section().section(REPLICATIONS)
    }

    /// An error at a top-level key of the template.
    #[must_use]
    pub fn error(&self, key: &str, found: &str, allowed: &str) -> TemplateError {
        self.document.section().error(key, found, allowed)
    }
}

/// Study names become folder names.
///
/// # Errors
/// What is allowed, where the name is not.
pub fn check_study_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && name.len() <= 100 && name.chars().all(allowed) {
        return Ok(());
    }
    Err("up to 100 letters, digits, '-', '_' and '.', starting with a letter or digit".to_owned())
}

fn objectives(root: &mut Section<'_>) -> Result<Vec<Objective>, TemplateError> {
    let example = "a table [objectives] such as sharpe = \"maximize\"";
    let Some(mut section) = root.section("objectives")? else {
        return Err(root.missing("objectives", example));
    };
    let names = [
        ("minimize", Direction::Minimize),
        ("maximize", Direction::Maximize),
        ("min", Direction::Minimize),
        ("max", Direction::Maximize),
    ];
    let mut objectives = Vec::new();
    for metric in section.keys() {
        let direction = section.one_of(&metric, &names)?.expect("the key is there");
        objectives.push(Objective { metric, direction });
    }
    if objectives.is_empty() {
        return Err(root.error("objectives", "an empty table", example));
    }
    Ok(objectives)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Template, TemplateError> {
        Template::read(Document::parse("t.toml", text)?, Path::new("."))
    }

    const GOOD: &str = "name = 'a'\nsimulator = 'problem'\n[objectives]\nz = 'maximize'\n\
        a = 'minimize'\n[space]\nx = { int = [1, 2] }\n[problem]\nname = 'sphere'\n";

    #[test]
    fn objectives_keep_their_order_of_importance() {
        let template = read(GOOD).unwrap();
        let metrics: Vec<&str> = template.objectives.iter().map(|o| o.metric.as_str()).collect();
        assert_eq!(metrics, ["z", "a"]);
        assert_eq!(template.settings().unwrap().keys(), ["name"]);
    }

    #[test]
    fn faults_name_file_line_and_key() {
        for (from, to, message) in [
            ("'maximize'", "'up'", "t.toml:4: objectives.z: found \"up\", allowed: \"minimize\""),
            ("name = 'a'", "name = 'a/b'", "t.toml:1: name: found a/b, allowed: up to 100"),
            ("name = 'a'", "", "name: found nothing"),
            ("[space]", "[spaces]", "space: found nothing"),
            ("[objectives]", "seed = 3\n[objectives]", "t.toml:3: seed: found an unknown key"),
            ("[problem]", "[backtest]", "t.toml:8: backtest: found an unknown key"),
        ] {
            let error = read(&GOOD.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(message), "{to}: {error}");
        }
    }

    #[test]
    fn orientation_turns_twice_into_itself_and_keeps_zero_positive() {
        for direction in [Direction::Minimize, Direction::Maximize] {
            assert!((direction.orient(direction.orient(3.5)) - 3.5).abs() < 1e-12);
            assert!(direction.orient(0.0).is_sign_positive());
            assert!(direction.orient(-0.0).is_sign_positive());
        }
    }
}
