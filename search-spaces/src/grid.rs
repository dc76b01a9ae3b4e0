//! The grid: an index for every combination of values, and the combination for every index.

use crate::space::Space;
use crate::value::Point;

/// A grid in mixed radix: the last parameter varies fastest, as in nested loops.
///
/// Nothing is laid out in memory: an index decodes to its point on its own, so that a grid of
/// 10^9 points starts as fast as one of ten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    radices: Vec<u64>,
    len: u64,
}

impl Grid {
    pub(crate) fn new(space: &Space) -> Result<Self, String> {
        let mut radices = Vec::new();
        let mut len: u64 = 1;
        for parameter in space.parameters() {
            let levels = parameter.domain().grid_levels().ok_or_else(|| {
                let name = parameter.name();
                format!(
                    "parameter '{name}' is continuous: a grid needs `points = N` or `step = S` \
                     beside it (for example --set space.{name}.points=20)"
                )
            })?;
            len = len
                .checked_mul(levels)
                .filter(|len| *len <= 1 << 63)
                .ok_or("the grid has more than 2^63 points; take fewer values")?;
            radices.push(levels);
        }
        Ok(Self { radices, len })
    }

    /// The number of indices. Some of them hold no point; see [`Grid::point`].
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a grid has at least one index")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The point at `index`; none where the constraints rule it out, or where it repeats
    /// another one because it differs from it in inactive parameters only.
    ///
    /// # Panics
    /// If the index lies beyond the grid.
    #[must_use]
    pub fn point(&self, space: &Space, index: u64) -> Option<Point> {
        assert!(index < self.len, "index {index} of {}", self.len);
        let mut rest = index;
        let mut levels = vec![0; self.radices.len()];
        for (level, radix) in levels.iter_mut().zip(&self.radices).rev() {
            *level = rest % radix;
            rest /= radix;
        }
        let value =
            |(parameter, level): (&crate::Parameter, &u64)| parameter.domain().grid_value(*level);
        let mut point = Point::new(space.parameters().iter().zip(&levels).map(value).collect());
        space.deactivate(&mut point);
        // Of all indices that differ in inactive parameters only, the one with level 0 counts.
        let inactive = |value: &crate::Value| *value == crate::Value::Inactive;
        let counts = point
            .values()
            .iter()
            .zip(&levels)
            .all(|(value, level)| !inactive(value) || *level == 0);
        (counts && space.satisfies(&point)).then_some(point)
    }
}
