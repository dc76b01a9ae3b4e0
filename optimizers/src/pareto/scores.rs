//! The scores of many trials as one flat table.

use super::dominance::Scored;

/// A borrowed table of scores: one row per trial, one column per objective.
///
/// All objectives are minimised (see [`search_spaces::Direction::orient`]) and finite.
/// A flat table keeps a million rows next to each other in memory.
#[derive(Clone, Copy, Debug)]
pub struct Scores<'a> {
    objectives: &'a [f64],
    width: usize,
    /// One per row, or none at all when every trial is feasible.
    violations: &'a [f64],
}

impl<'a> Scores<'a> {
    /// Feasible trials with `width` objectives each, row after row.
    ///
    /// # Panics
    ///
    /// If `width` is 0, rows are incomplete, there are 2^32 rows or more, or a value is not
    /// finite.
    pub fn new(objectives: &'a [f64], width: usize) -> Self {
        assert!(width > 0, "scores need at least one objective");
        assert!(
            objectives.len().is_multiple_of(width),
            "{} values do not make rows of {width} objectives",
            objectives.len()
        );
        let rows = objectives.len() / width;
        assert!(u32::try_from(rows).is_ok(), "{rows} rows of scores: allowed are fewer than 2^32");
        assert!(objectives.iter().all(|value| value.is_finite()), "objectives must be finite");
        Self { objectives, width, violations: &[] }
    }

    /// The same trials with their total constraint violations: 0 means feasible.
    ///
    /// # Panics
    ///
    /// If there is not one violation per row, or one of them is negative or NaN.
    #[must_use]
    pub fn with_violations(self, violations: &'a [f64]) -> Self {
        assert_eq!(violations.len(), self.len(), "one violation per row");
        assert!(
            violations.iter().all(|&violation| violation >= 0.0),
            "violations must be zero or positive"
        );
        Self { violations, ..self }
    }

    /// How many trials there are.
    pub fn len(&self) -> usize {
        self.objectives.len() / self.width
    }

    /// Whether there are no trials.
    pub fn is_empty(&self) -> bool {
        self.objectives.is_empty()
    }

    /// How many objectives a trial has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The scores of one trial.
    pub fn get(&self, index: usize) -> Scored<'a> {
        Scored { objectives: self.row(index), violation: self.violation(index) }
    }

    pub(crate) fn row(&self, index: usize) -> &'a [f64] {
        &self.objectives[index * self.width..][..self.width]
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &'a [f64]> + Clone {
        self.objectives.chunks_exact(self.width)
    }

    pub(super) fn violation(&self, index: usize) -> f64 {
        self.violations.get(index).copied().unwrap_or(0.0)
    }

    /// The indices of the feasible trials, ascending.
    pub(super) fn feasible(&self) -> Vec<u32> {
        (0..self.len() as u32).filter(|&index| self.violation(index as usize) == 0.0).collect()
    }

    /// The chosen rows as sort keys (see [`sort_key`]), sorted lexicographically, with their
    /// indices; equal rows by index.
    pub(super) fn sorted_keys<const WIDTH: usize>(
        &self,
        chosen: &[u32],
    ) -> Vec<([u64; WIDTH], u32)> {
        assert_eq!(self.width, WIDTH, "the key has one part per objective");
        let mut keys: Vec<_> = chosen
            .iter()
            .map(|&index| {
                let row = self.row(index as usize);
                (std::array::from_fn(|column| sort_key(row[column])), index)
            })
            .collect();
        keys.sort_unstable();
        keys
    }
}

/// A float as an integer of the same order, in which both zeros are one.
///
/// Integers compare in one instruction and are totally ordered, so they can be sorted and
/// be keys of maps.
pub(super) fn sort_key(value: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    let bits = (value + 0.0).to_bits();
    // Negative floats are ordered backwards as integers, below the positive ones.
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The float of a sort key.
pub(super) fn from_sort_key(key: u64) -> f64 {
    const SIGN: u64 = 1 << 63;
    f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sort_keys_keep_the_order_and_the_value(a: f64, b: f64) {
            prop_assume!(a.is_finite() && b.is_finite());
            prop_assert_eq!(Some(sort_key(a).cmp(&sort_key(b))), a.partial_cmp(&b));
            prop_assert_eq!(from_sort_key(sort_key(a)), a);
        }
    }

    #[test]
    fn both_zeros_have_one_sort_key() {
        assert_eq!(sort_key(0.0), sort_key(-0.0));
        assert!(sort_key(-f64::MIN_POSITIVE) < sort_key(0.0));
    }

    #[test]
    #[should_panic(expected = "3 values do not make rows of 2 objectives")]
    fn incomplete_rows_are_refused() {
        Scores::new(&[1.0, 2.0, 3.0], 2);
    }

    #[test]
    #[should_panic(expected = "objectives must be finite")]
    fn values_that_are_not_finite_are_refused() {
        Scores::new(&[f64::NAN], 1);
    }

    #[test]
    #[should_panic(expected = "violations must be zero or positive")]
    fn negative_violations_are_refused() {
        let _ = Scores::new(&[1.0], 1).with_violations(&[-1.0]);
    }
}
