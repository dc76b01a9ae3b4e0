//! What counts of a row of metrics: objectives that can be compared, and how far it is from
//! meeting the outcome constraints.

use crate::constraint::OutcomeConstraint;
use crate::guard::{Amount, Course};
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
    course: Course,
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
        Self { columns, constraints: constraints.to_vec(), course: Course::Last }
    }

    /// The same where reports up to a step amount to this, and not to the last one.
    #[must_use]
    pub fn over(self, course: Course) -> Self {
        Self { course, ..self }
    }

    /// What reports up to a step amount to.
    #[must_use]
    pub fn course(&self) -> Course {
        self.course
    }

    /// What a trial was worth when it made the last of these reports, objective by objective; none
    /// where that is not finite, or there are no reports.
    #[must_use]
    pub fn amount<'a>(
        &self,
        mut reports: impl DoubleEndedIterator<Item = &'a [f64]>,
    ) -> Option<Vec<f64>> {
        if self.course == Course::Last {
            return self.standing(reports.next_back()?).map(|standing| standing.objectives);
        }
        let mut amount = Amount::new(self.course);
        for standing in reports.filter_map(|report| self.standing(report)) {
            amount.after(&standing.objectives);
        }
        (!amount.values().is_empty()).then(|| amount.values().to_vec())
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
    use crate::Aggregate;

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

    #[test]
    fn reports_amount_to_the_last_one_or_to_their_mean() {
        let metrics = ["cost".to_owned()];
        let objective = Objective { metric: metrics[0].clone(), direction: Direction::Minimize };
        let last = Measure::new(&metrics, &[objective], &[]);
        let mean = last.clone().over(Course::All(Aggregate::Mean));
        let of = |measure: &Measure, reports: &[f64]| {
            measure.amount(reports.iter().map(std::slice::from_ref)).map(|values| values[0])
        };
        assert_eq!([of(&last, &[3.0, 5.0]), of(&mean, &[3.0, 5.0])], [Some(5.0), Some(4.0)]);
        assert_eq!([of(&last, &[]), of(&mean, &[])], [None, None]);
        let undefined = [3.0, f64::NAN];
        assert_eq!([of(&last, &undefined), of(&mean, &undefined)], [None, Some(3.0)]);
    }
}
