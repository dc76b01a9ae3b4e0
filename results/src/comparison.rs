//! Two results of one trial, side by side.

use jobs::{Outcome, Report, TrialResult};
use serde::{Deserialize, Serialize};

use crate::hash::canonical_bits;
use crate::table::StudySchema;

/// A trial that gave one result first and another one when it was run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contradiction {
    /// The trial.
    pub trial: u64,
    /// What the first result, which counts, says where the two differ.
    pub first: String,
    /// What the other one says there.
    pub again: String,
    /// Who computed the other one.
    pub worker: String,
}

impl StudySchema {
    /// What each of two results says where they differ to the bit; none where they are equal. A
    /// NaN equals a NaN. Where the clock ended one of the two, nothing can be said.
    #[must_use]
    pub fn difference(&self, a: &TrialResult, b: &TrialResult) -> Option<(String, String)> {
        if matches!((&a.outcome, &b.outcome), (Outcome::TimedOut(_), _) | (_, Outcome::TimedOut(_)))
        {
            return None;
        }
        if let (Outcome::Complete(first), Outcome::Complete(second)) = (&a.outcome, &b.outcome) {
            if let Some(differing) = self.differing(first, second) {
                return Some(differing);
            }
        } else if a.outcome != b.outcome {
            return Some((self.described(&a.outcome), self.described(&b.outcome)));
        }
        let longest = a.reports.len().max(b.reports.len());
        (0..longest)
            .find_map(|index| self.differing_reports(a.reports.get(index), b.reports.get(index)))
    }

    fn differing_reports(
        &self,
        a: Option<&Report>,
        b: Option<&Report>,
    ) -> Option<(String, String)> {
        if let (Some(a), Some(b)) = (a, b)
            && a.step == b.step
        {
            let (first, second) = self.differing(&a.values, &b.values)?;
            return Some((
                format!("{first} at step {}", a.step),
                format!("{second} at step {}", b.step),
            ));
        }
        let described = |report: Option<&Report>| {
            report.map_or("no further report".to_owned(), |report| {
                format!("a report at step {}", report.step)
            })
        };
        Some((described(a), described(b)))
    }

    /// The metrics that differ, with both values.
    fn differing(&self, a: &[f64], b: &[f64]) -> Option<(String, String)> {
        let differs = |index: &usize| canonical_bits(a[*index]) != canonical_bits(b[*index]);
        let places: Vec<usize> = (0..self.metrics().len()).filter(differs).collect();
        let listed = |values: &[f64]| {
            let each = places
                .iter()
                .map(|&index| format!("{} {:?}", self.metrics()[index], values[index]));
            each.collect::<Vec<_>>().join(", ")
        };
        (!places.is_empty()).then(|| (listed(a), listed(b)))
    }

    fn described(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Complete(values) => {
                let each = self.metrics().iter().zip(values);
                each.map(|(name, value)| format!("{name} {value:?}")).collect::<Vec<_>>().join(", ")
            }
            Outcome::Failed(message) => format!("failed: {message}"),
            Outcome::TimedOut(message) => format!("timed out: {message}"),
            Outcome::Pruned(rule) => format!("pruned: {rule}"),
            Outcome::Skipped => "no point".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use search_spaces::{Direction, Objective};

    use super::*;

    fn schema() -> StudySchema {
        let metrics = ["cost", "mass"].map(String::from);
        let objective = Objective { metric: "cost".to_owned(), direction: Direction::Minimize };
        StudySchema::new(&[], &metrics, Vec::new(), vec![objective])
    }

    fn complete(cost: f64, reports: &[(u64, f64)]) -> TrialResult {
        let report = |&(step, mass): &(u64, f64)| Report { step, values: vec![0.5, mass] };
        TrialResult {
            outcome: Outcome::Complete(vec![cost, f64::NAN]),
            reports: reports.iter().map(report).collect(),
        }
    }

    #[test]
    fn equal_to_the_bit_is_equal_and_everything_else_is_named() {
        let said = |a: &TrialResult, b: &TrialResult| schema().difference(a, b);
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        let one = complete(1.0, &[(1, 2.0)]);
        assert_eq!(said(&one, &one), None);
        let next = complete(1.0f64.next_up(), &[(1, 2.0)]);
        assert_eq!(said(&one, &next), pair("cost 1.0", "cost 1.0000000000000002"));
        let zeros = (complete(0.0, &[]), complete(-0.0, &[]));
        assert_eq!(said(&zeros.0, &zeros.1), pair("cost 0.0", "cost -0.0"));
        let report = complete(1.0, &[(1, 3.0)]);
        assert_eq!(said(&one, &report), pair("mass 2.0 at step 1", "mass 3.0 at step 1"));
        let longer = complete(1.0, &[(1, 2.0), (4, 2.0)]);
        assert_eq!(said(&one, &longer), pair("no further report", "a report at step 4"));
        let failed = TrialResult { outcome: Outcome::Failed("no mesh".into()), reports: vec![] };
        let late = TrialResult { outcome: Outcome::TimedOut("2s".into()), reports: vec![] };
        assert_eq!((said(&one, &late), said(&late, &one)), (None, None), "the clock says nothing");
        assert_eq!(said(&one, &failed), pair("cost 1.0, mass NaN", "failed: no mesh"));
    }
}
