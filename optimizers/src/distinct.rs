//! A plan over a finite space, without repetitions.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Point, Sequence, Space};

use crate::grid::GridSearch;
use crate::optimizer::{Asked, Optimizer, Told};

/// After so many repetitions in a row, the rest is taken from the grid.
const REPETITIONS: u32 = 200;

/// After so many numbers in a row without a point that meets the constraints, likewise.
const MISSES: u32 = 5000;

/// Turns a plan that may repeat itself into one that gives every point of a finite space at most
/// once, and every point of it in the end.
///
/// Points that were given before are passed over. Once nearly all that the plan gives are
/// repetitions, what is left is taken from the shuffled grid. Memory: 16 bytes and some per point.
pub struct Distinct {
    plan: Arc<dyn Sequence>,
    next: u64,
    given: BTreeSet<u128>,
    repetitions: u32,
    misses: u32,
    rest: Option<GridSearch>,
    next_of_rest: u64,
}

impl Distinct {
    /// The plan without its repetitions; `seed` shuffles the grid that completes it.
    #[must_use]
    pub fn new(plan: Arc<dyn Sequence>, space: &Arc<Space>, seed: u64) -> Self {
        // A space too large for a grid will never be exhausted either.
        let rest = GridSearch::new(Arc::clone(space), Some(seed)).ok();
        Self {
            plan,
            next: 0,
            given: BTreeSet::new(),
            repetitions: 0,
            misses: 0,
            rest,
            next_of_rest: 0,
        }
    }

    fn next_of_plan(&mut self) -> Option<Point> {
        // Without a grid to fall back on, the plan is all there is, and gets more patience.
        let patience = if self.rest.is_some() { 1 } else { 100 };
        while self.repetitions < REPETITIONS * patience && self.misses < MISSES * patience {
            if self.plan.end().is_some_and(|end| self.next >= end) {
                return None;
            }
            self.next += 1;
            match self.plan.point(self.next - 1) {
                Some(point) if self.given.insert(point.hash()) => {
                    (self.repetitions, self.misses) = (0, 0);
                    return Some(point);
                }
                Some(_) => self.repetitions += 1,
                None => self.misses += 1,
            }
        }
        None
    }

    fn next_of_grid(&mut self) -> Option<Point> {
        let rest = self.rest.as_ref()?;
        let len = rest.end().expect("a grid has an end");
        while self.next_of_rest < len {
            self.next_of_rest += 1;
            match rest.point(self.next_of_rest - 1) {
                Some(point) if self.given.insert(point.hash()) => return Some(point),
                _ => {}
            }
        }
        None
    }
}

impl Optimizer for Distinct {
    fn ask(&mut self, _: u64, _: &mut ChaCha8Rng, _: &[Point]) -> Asked {
        let point = self.next_of_plan().or_else(|| self.next_of_grid());
        point.map_or(Asked::Exhausted, Asked::Point)
    }

    fn tell(&mut self, _: u64, _: &Point, _: &Told) {}
}
