//! Names and types of the view's columns.
//!
//! A metric keeps its name, and so does a parameter, unless a column of the same name (letter
//! case aside, as in SQL) is there already. Fixed columns come first in this, then metrics, then
//! parameters: a metric in conflict is called `metric_<name>`, a parameter `param_<name>`, and an
//! underscore is added for as long as even that is taken. Outcome constraints are
//! `violation_1`, `violation_2` and so on. The table `columns` says what each one is.
//!
//! `rank` and `knee` count as taken in `trials`, though it has no such columns: ranked output puts
//! them in front of those of `trials`, so a metric `rank` is `metric_rank` there, and a parameter
//! `knee` is `param_knee`.

use std::collections::BTreeSet;

use search_spaces::Domain;

use crate::table::StudySchema;

/// What a column of `trials` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Trial,
    Status,
    Parameter(usize),
    Metric(usize),
    Violation(usize),
    Seed,
    Attempts,
    Error,
    Origin,
}

/// A column of `trials`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) sql_type: &'static str,
}

/// The columns of all tables that depend on the study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Of `trials`, in order.
    pub(crate) trials: Vec<Column>,
    /// Of the metrics in `reports`.
    pub(crate) report_metrics: Vec<String>,
    /// Of the objectives in `frontier`.
    pub(crate) frontier_objectives: Vec<String>,
}

/// One row of the table `columns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) column: String,
    pub(crate) kind: &'static str,
    pub(crate) source: String,
    pub(crate) direction: Option<&'static str>,
    pub(crate) importance: Option<i32>,
}

/// Seeds have nothing in common that could be compressed, and looking for it takes its time.
const SEED: &str = "UBIGINT USING COMPRESSION uncompressed";

const FIXED: [(&str, Source, &str); 6] = [
    ("trial", Source::Trial, "UBIGINT"),
    ("status", Source::Status, "VARCHAR"),
    ("seed", Source::Seed, SEED),
    ("attempts", Source::Attempts, "UINTEGER"),
    ("error", Source::Error, "VARCHAR"),
    ("origin", Source::Origin, "UBIGINT"),
];

/// Columns that ranked output puts in front of these.
const RESERVED: [&str; 2] = ["rank", "knee"];

/// How many of the fixed columns stand before the study's own ones.
const LEADING: usize = 2;

impl Columns {
    pub(crate) fn new(schema: &StudySchema) -> Self {
        let mut names = Names::new(FIXED.iter().map(|(name, ..)| *name).chain(RESERVED));
        let violations = (0..schema.outcome_constraints().len()).map(|index| Column {
            name: names.claim(&format!("violation_{}", index + 1), "constraint_"),
            source: Source::Violation(index),
            sql_type: "DOUBLE",
        });
        let violations: Vec<Column> = violations.collect();
        let metrics = schema.metrics().iter().enumerate().map(|(index, metric)| Column {
            name: names.claim(metric, "metric_"),
            source: Source::Metric(index),
            sql_type: "DOUBLE",
        });
        let metrics: Vec<Column> = metrics.collect();
        let parameters = schema.parameters().iter().enumerate().map(|(index, parameter)| Column {
            name: names.claim(parameter.name(), "param_"),
            source: Source::Parameter(index),
            sql_type: match parameter.domain() {
                Domain::Float { .. } => "DOUBLE",
                Domain::Int { .. } => "BIGINT",
                Domain::Bool => "BOOLEAN",
                Domain::Labels { .. } => "VARCHAR",
            },
        });
        let parameters: Vec<Column> = parameters.collect();
        let fixed = |&(name, source, sql_type): &(&str, Source, &'static str)| Column {
            name: name.to_owned(),
            source,
            sql_type,
        };
        let leading = FIXED[..LEADING].iter().map(fixed);
        let trailing = FIXED[LEADING..].iter().map(fixed);
        let own = parameters.into_iter().chain(metrics).chain(violations);
        let mut names = Names::new(["trial", "step"]);
        let report = |metric: &String| names.claim(metric, "metric_");
        let report_metrics = schema.metrics().iter().map(report).collect();
        let mut names = Names::new(["trial", "ties", "knee"]);
        let objectives = schema.objectives().iter();
        let frontier = objectives.map(|each| names.claim(&each.metric, "metric_")).collect();
        Self {
            trials: leading.chain(own).chain(trailing).collect(),
            report_metrics,
            frontier_objectives: frontier,
        }
    }

    /// What the table `columns` says of each column of `trials`.
    pub(crate) fn described(&self, schema: &StudySchema) -> Vec<Described> {
        let describe = |column: &Column| {
            let (kind, source) = match column.source {
                Source::Parameter(index) => {
                    ("parameter", schema.parameters()[index].name().to_owned())
                }
                Source::Metric(index) => ("metric", schema.metrics()[index].clone()),
                Source::Violation(index) => {
                    ("constraint", schema.outcome_constraints()[index].source().to_owned())
                }
                _ => ("fixed", column.name.clone()),
            };
            let is_it = |each: &search_spaces::Objective| kind == "metric" && each.metric == source;
            let importance = schema.objectives().iter().position(is_it);
            Described {
                column: column.name.clone(),
                kind,
                direction: importance.map(|index| schema.objectives()[index].direction.name()),
                importance: importance
                    .map(|index| i32::try_from(index + 1).expect("a study has few objectives")),
                source,
            }
        };
        self.trials.iter().map(describe).collect()
    }

    /// The statements that create all tables.
    pub(crate) fn create_tables(&self) -> String {
        let trials = self.trials.iter().map(|each| (each.name.as_str(), each.sql_type));
        let trials = list(trials);
        let reports = list(self.report_metrics.iter().map(|name| (name.as_str(), "DOUBLE")));
        let frontier = list(self.frontier_objectives.iter().map(|name| (name.as_str(), "DOUBLE")));
        // No keys: an index makes inserts several times slower, and the high-water mark alone
        // makes that nothing is inserted twice.
        format!(
            "CREATE TABLE trials ({trials});
             CREATE TABLE reports (trial UBIGINT, step UBIGINT, {reports});
             CREATE TABLE frontier (trial UBIGINT, {frontier}, ties UBIGINT, knee BOOLEAN);
             CREATE TABLE telemetry (first_trial UBIGINT, trials UBIGINT, attempt UINTEGER,
                 worker VARCHAR, elapsed_ns UBIGINT);
             CREATE TABLE columns (position INTEGER, name VARCHAR, kind VARCHAR, source VARCHAR,
                 direction VARCHAR, importance INTEGER);
             CREATE TABLE studies (name VARCHAR, status VARCHAR, results_hash VARCHAR, tainted VARCHAR,
                 algorithm VARCHAR, seed UBIGINT, trials UBIGINT, chunk UBIGINT, lag UBIGINT,
                 fingerprint VARCHAR, data_hash VARCHAR, program_version VARCHAR,
                 git_commit VARCHAR, created_at TIMESTAMP, template VARCHAR);
             CREATE TABLE progress (format UINTEGER, fingerprint VARCHAR, high_water UBIGINT,
                 results_hash VARCHAR);"
        )
    }
}

/// An identifier as SQL writes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list<'a>(columns: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let columns: Vec<String> =
        columns.map(|(name, sql_type)| format!("{} {sql_type}", quoted(name))).collect();
    columns.join(", ")
}

/// The names of a table that are taken, in lower case.
struct Names(BTreeSet<String>);

impl Names {
    fn new<'a>(taken: impl IntoIterator<Item = &'a str>) -> Self {
        Self(taken.into_iter().map(str::to_lowercase).collect())
    }

    fn claim(&mut self, wanted: &str, prefix: &str) -> String {
        let mut name = wanted.to_owned();
        if self.0.contains(&name.to_lowercase()) {
            name.insert_str(0, prefix);
        }
        while !self.0.insert(name.to_lowercase()) {
            name.push('_');
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use search_spaces::{Direction, Objective, OutcomeConstraint, Parameter};

    use super::*;

    #[test]
    fn names_of_ranked_output_are_taken() {
        let parameters = ["Rank", "metric_knee"].map(|name| Parameter::new(name, Domain::Bool));
        let metrics = ["rank", "knee"].map(String::from);
        let objective = Objective { metric: "knee".into(), direction: Direction::Maximize };
        let schema = StudySchema::new(&parameters, &metrics, Vec::new(), vec![objective]);
        let columns = Columns::new(&schema);
        let names: Vec<&str> = columns.trials.iter().map(|column| column.name.as_str()).collect();
        let own = ["param_Rank", "param_metric_knee", "metric_rank", "metric_knee"];
        assert_eq!(names[LEADING..LEADING + own.len()], own);
        assert_eq!(columns.described(&schema)[4].source, "rank");
    }

    #[test]
    fn names_in_conflict_are_prefixed_and_described() {
        let parameters =
            ["seed", "Fast", "fast", "profit"].map(|n| Parameter::new(n, Domain::Bool));
        let metrics = ["profit", "error", "step", "ties"].map(String::from);
        let constraint = OutcomeConstraint::compile("step >= 3", &metrics).unwrap();
        let objective =
            |metric: &str| Objective { metric: metric.into(), direction: Direction::Maximize };
        let objectives = vec![objective("ties"), objective("profit")];
        let schema = StudySchema::new(&parameters, &metrics, vec![constraint], objectives);
        let columns = Columns::new(&schema);
        let names: Vec<&str> = columns.trials.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "trial",
                "status",
                "param_seed",
                "Fast",
                "param_fast",
                "param_profit",
                "profit",
                "metric_error",
                "step",
                "ties",
                "violation_1",
                "seed",
                "attempts",
                "error",
                "origin",
            ]
        );
        assert_eq!(columns.report_metrics, ["profit", "error", "metric_step", "ties"]);
        assert_eq!(columns.frontier_objectives, ["metric_ties", "profit"]);
        let described = columns.described(&schema);
        assert_eq!(described[5].kind, "parameter");
        assert_eq!(described[6].importance, Some(2));
        assert_eq!(described[10].source, "step >= 3");
    }
}
