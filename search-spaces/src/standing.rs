//! What counts of a row of metrics: objectives that can be compared, and how far it is from
//! meeting the outcome constraints.

use crate::constraint::OutcomeConstraint;
use crate::template::{Direction, Objective};

/// How good a trial is, or was when it reported: smaller is better in every part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// By how much it misses the outcome constraints, in all; 0 where it is feasible.
    pub violation: f64,
    /// One value per objective, signed such that smaller is better; all finite.
    pub objectives: Vec<f64>,
}

/// Turns metrics into standings.
#[derive(Clone, Debug)]
pub struct Measure {
    /// For each objective, the column of its metric and its direction.
    columns: Vec<(usize, Direction)>,
    constraints: Vec<OutcomeConstraint>,
}

impl Measure {
    /// The measure of these objectives and constraints, over metrics of these names.
    ///
    /// # Panics
    /// If an objective is no metric.
    #[must_use]
    pub fn new(
        metrics: &[String],
        objectives: &[Objective],
        constraints: &[OutcomeConstraint],
    ) -> Self {
        let column = |objective: &Objective| {
            let found = metrics.iter().position(|metric| *metric == objective.metric);
            (found.expect("every objective is a metric"), objective.direction)
        };
        let columns = objectives.iter().map(column).collect();
        Self { columns, constraints: constraints.to_vec() }
    }

    /// The standing of a row of metrics; none where an objective is not finite.
    #[must_use]
    pub fn standing(&self, metrics: &[f64]) -> Option<Standing> {
        let oriented = self.columns.iter().map(|(index, way)| way.orient(metrics[*index]));
        let objectives: Vec<f64> = oriented.collect();
        let violation = self.constraints.iter().map(|each| each.violation(metrics)).sum();
        let is_finite = objectives.iter().all(|value| value.is_finite());
        is_finite.then_some(Standing { violation, objectives })
    }

    /// An objective's value as its simulator gives it, from one of a standing.
    #[must_use]
    pub fn shown(&self, objective: usize, value: f64) -> f64 {
        self.columns[objective].1.orient(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standings_are_signed_such_that_smaller_is_better() {
        let metrics = ["cost", "gain"].map(String::from);
        let objectives = [
            Objective { metric: "gain".to_owned(), direction: Direction::Maximize },
            Objective { metric: "cost".to_owned(), direction: Direction::Minimize },
        ];
        let constraint = OutcomeConstraint::compile("cost <= 5", &metrics).unwrap();
        let measure = Measure::new(&metrics, &objectives, &[constraint]);
        let found = measure.standing(&[7.0, 3.0]).expect("finite");
        assert_eq!(found, Standing { violation: 2.0, objectives: vec![-3.0, 7.0] });
        assert_eq!(measure.shown(0, found.objectives[0]).to_bits(), 3.0_f64.to_bits());
        assert_eq!(measure.standing(&[f64::NAN, 3.0]), None);
        assert_eq!(measure.standing(&[1.0, f64::INFINITY]), None);
    }
}
