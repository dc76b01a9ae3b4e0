//! Every combination of values, in order or shuffled.

use std::sync::Arc;

use search_spaces::{Grid, Point, Sequence, Space};

use crate::permutation::KeyedPermutation;

/// The grid over a space, as a plan.
#[derive(Debug)]
pub struct GridSearch {
    space: Arc<Space>,
    grid: Grid,
    order: Option<KeyedPermutation>,
}

impl GridSearch {
    /// The grid in the order of nested loops, the last parameter fastest, or, with a key, in an
    /// order shuffled by it, so that any prefix is spread over the whole.
    ///
    /// # Errors
    /// The space has no grid: it names the continuous parameter, or the size.
    pub fn new(space: Arc<Space>, shuffle: Option<u64>) -> Result<Self, String> {
        let grid = space.grid()?;
        let order = shuffle.map(|key| KeyedPermutation::new(grid.len(), key));
        Ok(Self { space, grid, order })
    }
}

impl Sequence for GridSearch {
    fn end(&self) -> Option<u64> {
        Some(self.grid.len())
    }

    fn point(&self, number: u64) -> Option<Point> {
        let index = self.order.as_ref().map_or(number, |order| order.apply(number));
        self.grid.point(&self.space, index)
    }

    fn is_distinct(&self) -> bool {
        true
    }
}
