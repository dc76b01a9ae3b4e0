//! The lower-left boundary of points in the plane, kept while points arrive.

use std::collections::BTreeMap;

/// Mutually non-dominated pairs, first part ascending, so second part descending.
///
/// Parts are sort keys. Sweeps over three objectives keep one: after sorting by one objective,
/// a row is dominated exactly when an earlier row is nowhere worse in the other two
/// (Kung, Luccio & Preparata, "On finding the maxima of a set of vectors", J. ACM 22(4), 1975).
#[derive(Clone, Debug, Default)]
pub(super) struct Staircase {
    steps: BTreeMap<u64, u64>,
}

impl Staircase {
    /// Whether some step is nowhere worse than (x, y). O(log n).
    pub(super) fn covers(&self, x: u64, y: u64) -> bool {
        self.step_at_or_before(x).is_some_and(|(_, step)| step <= y)
    }

    /// The last step whose first part is at most `x`.
    pub(super) fn step_at_or_before(&self, x: u64) -> Option<(u64, u64)> {
        self.steps.range(..=x).next_back().map(|(&x, &y)| (x, y))
    }

    /// The first step whose first part is at least `x`.
    fn step_at_or_after(&self, x: u64) -> Option<(u64, u64)> {
        self.steps.range(x..).next().map(|(&x, &y)| (x, y))
    }

    /// The first step whose first part is above `x`.
    pub(super) fn step_after(&self, x: u64) -> Option<(u64, u64)> {
        x.checked_add(1).and_then(|next| self.step_at_or_after(next))
    }

    /// Adds a step that is not covered and takes out those that it covers, handing each
    /// to `removed` from left to right. O(log n) for the step and for each one taken out.
    pub(super) fn insert(&mut self, x: u64, y: u64, mut removed: impl FnMut(u64, u64)) {
        while let Some((covered_x, covered_y)) = self.step_at_or_after(x)
            && covered_y >= y
        {
            self.steps.remove(&covered_x);
            removed(covered_x, covered_y);
        }
        self.steps.insert(x, y);
    }
}
