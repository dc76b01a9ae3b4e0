//! A sequence, point by point.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Point, Sequence};

use crate::optimizer::{Asked, Optimizer, Told};

/// After so many numbers in a row without a point, a sample has none that can be found.
const MISSES: u64 = 100_000;

/// Gives the points of a sequence one after the other; numbers that hold none are passed over.
pub(crate) struct InOrder {
    sequence: Arc<dyn Sequence>,
    next: u64,
}

impl InOrder {
    pub fn new(sequence: Arc<dyn Sequence>) -> Self {
        Self { sequence, next: 0 }
    }
}

impl Optimizer for InOrder {
    fn ask(&mut self, _: u64, _: &mut ChaCha8Rng, _: &[Point]) -> Asked {
        let end = self.sequence.end().unwrap_or(u64::MAX);
        // A grid ends by itself, and is worth going through.
        let patience = if self.sequence.is_distinct() { u64::MAX } else { MISSES };
        let last = end.min(self.next.saturating_add(patience));
        while self.next < last {
            self.next += 1;
            if let Some(point) = self.sequence.point(self.next - 1) {
                return Asked::Point(point);
            }
        }
        Asked::Exhausted
    }

    fn tell(&mut self, _: u64, _: &Point, _: &Told) {}
}
