//! How a trial is expected to end, and what its reports had amounted to on the way.

/// A forecast of the end of a trial, from what its reports amounted to at two steps, and the ends
/// that are good enough.
///
/// It is made from trials that came to their end, and travels in the bars of a guard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// The earlier one of the two steps; the other is the one at which the forecast is made.
    pub earlier: u64,
    /// Objective by objective: a constant, the weight of the earlier amount, and that of the
    /// present one.
    pub weights: Vec<[f64; 3]>,
    /// What the last of the best finished trials ended with, further on by how far the forecast may
    /// be wrong: a trial may become as good as they are if none of these dominates what it is
    /// expected to end with.
    pub ends: Vec<Vec<f64>>,
}

impl Forecast {
    /// The expected end of a trial, objective by objective.
    pub fn of<'a>(
        &'a self,
        earlier: &'a [f64],
        present: &'a [f64],
    ) -> impl Iterator<Item = f64> + 'a {
        let amounts = earlier.iter().zip(present);
        let both = self.weights.iter().zip(amounts);
        both.map(|([constant, before, now], (earlier, present))| {
            constant + before * earlier + now * present
        })
    }

    /// Whether a trial may become as good as the best finished ones.
    #[must_use]
    pub fn is_promising(&self, earlier: &[f64], present: &[f64]) -> bool {
        let expected = || self.of(earlier, present);
        let is_dominated = |end: &Vec<f64>| dominates(end.iter().copied(), expected());
        // Nothing is expected of what is not known.
        expected().all(|value| !value.is_nan()) && !self.ends.iter().any(is_dominated)
    }

    /// The same for a trial whose reports amount to this, after what they had amounted to on its
    /// trail.
    pub(crate) fn promises(&self, trail: Option<&Trail>, present: &[f64]) -> bool {
        let earlier = trail.and_then(|trail| trail.at(self.earlier));
        earlier.is_some_and(|earlier| self.is_promising(earlier, present))
    }
}

/// Whether a row is nowhere worse than another and somewhere better; smaller is better.
pub(crate) fn dominates(row: impl Iterator<Item = f64>, other: impl Iterator<Item = f64>) -> bool {
    let mut is_better = false;
    let mut pairs = row.zip(other);
    pairs.all(|(mine, theirs)| {
        is_better |= mine < theirs;
        mine <= theirs
    }) && is_better
}

/// What the reports of a trial amounted to, report by report.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    steps: Vec<u64>,
    amounts: Vec<f64>,
}

/// Room for so many reports is made at once.
const USUAL_REPORTS: usize = 32;

impl Trail {
    /// Adds a report at a step beyond the last, and what all amount to with it.
    pub fn push(&mut self, step: u64, amount: &[f64]) {
        if self.steps.is_empty() {
            self.steps.reserve(USUAL_REPORTS);
            self.amounts.reserve(USUAL_REPORTS * amount.len());
        }
        self.steps.push(step);
        self.amounts.extend_from_slice(amount);
    }

    /// The amount at the first report at or beyond a step; none where the trial did not come there.
    #[must_use]
    pub fn at(&self, step: u64) -> Option<&[f64]> {
        let place = self.steps.partition_point(|known| *known < step);
        let width = self.amounts.len().checked_div(self.steps.len())?;
        self.amounts.get(place * width..(place + 1) * width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_knows_the_first_report_at_or_beyond_a_step() {
        let mut trail = Trail::default();
        assert_eq!(trail.at(1), None);
        trail.push(2, &[1.0, 5.0]);
        trail.push(7, &[2.0, 6.0]);
        assert_eq!(trail.at(1), Some(&[1.0, 5.0][..]));
        assert_eq!(trail.at(2), Some(&[1.0, 5.0][..]));
        assert_eq!(trail.at(3), Some(&[2.0, 6.0][..]));
        assert_eq!(trail.at(8), None);
    }

    #[test]
    fn what_falls_quickly_is_expected_to_end_low() {
        // The end is the present amount, less half of what it fell.
        let forecast =
            Forecast { earlier: 1, weights: vec![[0.0, -0.5, 1.5]], ends: vec![vec![2.0]] };
        assert_eq!(forecast.of(&[9.0], &[5.0]).collect::<Vec<_>>(), [3.0]);
        assert!(!forecast.is_promising(&[9.0], &[5.0]));
        assert!(forecast.is_promising(&[11.0], &[5.0]) && !forecast.is_promising(&[4.0], &[4.0]));
        assert!(!forecast.is_promising(&[f64::NAN], &[5.0]));
    }

    #[test]
    fn what_nothing_dominates_may_become_as_good_in_its_own_way() {
        let ends = vec![vec![1.0, 3.0], vec![3.0, 1.0]];
        let forecast = Forecast { earlier: 1, weights: vec![[0.0, 0.0, 1.0]; 2], ends };
        let promising = [[1.0, 3.0], [0.5, 9.0], [9.0, 0.5], [2.0, 2.0], [2.9, 2.9], [0.0, 0.0]];
        for present in promising {
            assert!(forecast.is_promising(&[0.0; 2], &present), "{present:?}");
        }
        for present in [[1.0, 3.1], [3.0, 3.0], [9.0, 1.0], [0.5, f64::NAN]] {
            assert!(!forecast.is_promising(&[0.0; 2], &present), "{present:?}");
        }
    }
}
