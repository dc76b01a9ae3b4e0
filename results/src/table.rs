//! The results table: what a study is a function to.

use jobs::{Outcome, Report, TrialResult};
use search_spaces::{Measure, Objective, OutcomeConstraint, Parameter, Point};
use serde::{Deserialize, Serialize};

/// How a trial ended, as the results table tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// With metrics that meet every outcome constraint, and finite objectives.
    Complete,
    /// With metrics that violate an outcome constraint.
    Infeasible,
    /// With an error, or an objective that is not a finite number.
    Failed,
    /// Stopped by the clock. A study with such a trial need not be repeatable.
    Timeout,
    /// Stopped on account of a report; the message says for which rule, or by which pruner.
    Pruned,
}

impl Status {
    /// The word for it in tables, such as `complete`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Infeasible => "infeasible",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Pruned => "pruned",
        }
    }

    /// The code that is hashed; it never changes.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Infeasible => 1,
            Self::Failed => 2,
            Self::Timeout => 3,
            Self::Pruned => 4,
        }
    }
}

/// One trial of the results table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number.
    pub trial: u64,
    /// The seed of its own noise.
    pub seed: u64,
    /// The trial that it goes on with, which had paused, and whose point and seed it has; none
    /// where it is new. (The seed says the same, so that this is not hashed.)
    pub origin: Option<u64>,
    /// Its point.
    pub point: Point,
    /// How it ended.
    pub status: Status,
    /// One value per metric, in the order of the schema; empty where the trial ended without.
    pub metrics: Vec<f64>,
    /// How far each outcome constraint is missed, 0 where it is met; empty without metrics.
    pub violations: Vec<f64>,
    /// Why it failed, or which rule pruned it.
    pub message: Option<String>,
    /// What it reported on its way, in order.
    pub reports: Vec<Report>,
}

/// The columns of a study's results table, and what is wanted of them.
#[derive(Clone, Debug, PartialEq)]
pub struct StudySchema {
    parameters: Vec<Parameter>,
    metrics: Vec<String>,
    outcome_constraints: Vec<OutcomeConstraint>,
    objectives: Vec<Objective>,
    /// For each objective, which metric it is.
    objective_metrics: Vec<usize>,
}

impl StudySchema {
    /// The schema of a study.
    ///
    /// # Panics
    /// If there is no objective, an objective is no metric, or a name stands twice among the
    /// parameters or among the metrics.
    #[must_use]
    pub fn new(
        parameters: &[Parameter],
        metrics: &[String],
        outcome_constraints: Vec<OutcomeConstraint>,
        objectives: Vec<Objective>,
    ) -> Self {
        assert!(!objectives.is_empty(), "a study has at least one objective");
        let distinct = |names: Vec<&str>| {
            let mut sorted = names;
            sorted.sort_unstable();
            sorted.windows(2).all(|pair| pair[0] != pair[1])
        };
        assert!(distinct(parameters.iter().map(Parameter::name).collect()), "one name each");
        assert!(distinct(metrics.iter().map(String::as_str).collect()), "one name each");
        let position = |objective: &Objective| {
            let found = metrics.iter().position(|metric| *metric == objective.metric);
            found.unwrap_or_else(|| panic!("the objective {} is no metric", objective.metric))
        };
        Self {
            objective_metrics: objectives.iter().map(position).collect(),
            parameters: parameters.to_vec(),
            metrics: metrics.to_vec(),
            outcome_constraints,
            objectives,
        }
    }

    /// The parameters, in the order of the space.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The metrics, in the order of the simulator.
    #[must_use]
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// The conditions on the metrics.
    #[must_use]
    pub fn outcome_constraints(&self) -> &[OutcomeConstraint] {
        &self.outcome_constraints
    }

    /// The objectives, in order of importance.
    #[must_use]
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// What counts of the metrics.
    #[must_use]
    pub fn measure(&self) -> Measure {
        Measure::new(&self.metrics, &self.objectives, &self.outcome_constraints)
    }

    /// The row of a new trial; none where its number holds no point.
    ///
    /// A trial that ends with metrics is `infeasible` where a constraint is missed, otherwise
    /// `failed` where an objective is not finite (its metrics stay), otherwise `complete`.
    ///
    /// # Panics
    /// If the point has not one value per parameter, or the result not one value per metric.
    #[must_use]
    pub fn row(&self, trial: u64, seed: u64, point: Point, result: &TrialResult) -> Option<Row> {
        assert_eq!(point.values().len(), self.parameters.len(), "one value per parameter");
        let mut row = Row {
            trial,
            seed,
            origin: None,
            point,
            status: Status::Failed,
            metrics: Vec::new(),
            violations: Vec::new(),
            message: None,
            reports: result.reports.clone(),
        };
        match &result.outcome {
            Outcome::Skipped => return None,
            Outcome::Failed(message) => row.message = Some(message.clone()),
            Outcome::TimedOut(message) => {
                (row.status, row.message) = (Status::Timeout, Some(message.clone()));
            }
            Outcome::Pruned(rule) => {
                (row.status, row.message) = (Status::Pruned, Some(rule.clone()));
            }
            Outcome::Complete(metrics) => {
                assert_eq!(metrics.len(), self.metrics.len(), "one value per metric");
                row.metrics.clone_from(metrics);
                let constraints = self.outcome_constraints.iter();
                row.violations = constraints.map(|each| each.violation(metrics)).collect();
                (row.status, row.message) = self.judge(&row);
            }
        }
        Some(row)
    }

    fn judge(&self, row: &Row) -> (Status, Option<String>) {
        if row.violations.iter().any(|violation| *violation > 0.0) {
            return (Status::Infeasible, None);
        }
        let infinite = |metric: &&usize| !row.metrics[**metric].is_finite();
        match self.objective_metrics.iter().find(infinite) {
            Some(&metric) => {
                let (name, value) = (&self.metrics[metric], row.metrics[metric]);
                (Status::Failed, Some(format!("{name} is {value}, not a finite number")))
            }
            None => (Status::Complete, None),
        }
    }

    /// The objectives of a complete row, turned so that smaller is better; none for other rows.
    #[must_use]
    pub fn oriented_objectives(&self, row: &Row) -> Option<Vec<f64>> {
        (row.status == Status::Complete).then(|| {
            let values = self.objectives.iter().zip(&self.objective_metrics);
            // Adding zero keeps equal values equal to the bit: maximising gives 0.0 as -0.0.
            values.map(|(each, &metric)| each.direction.orient(row.metrics[metric]) + 0.0).collect()
        })
    }
}
