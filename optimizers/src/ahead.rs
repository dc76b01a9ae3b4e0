//! Given points in front of a plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use search_spaces::{Point, Sequence};

/// A sequence with points of the user's in front of it: they have the first numbers, and the
/// numbers at which the sequence itself comes to them again hold no point.
pub(crate) struct Ahead {
    first: Vec<Point>,
    hashes: BTreeSet<u128>,
    rest: Arc<dyn Sequence>,
}

impl Ahead {
    /// The sequence itself where there are no such points.
    pub fn of(first: &[Point], rest: Arc<dyn Sequence>) -> Arc<dyn Sequence> {
        if first.is_empty() {
            return rest;
        }
        let hashes = first.iter().map(Point::hash).collect();
        Arc::new(Self { first: first.to_vec(), hashes, rest })
    }
}

impl Sequence for Ahead {
    fn end(&self) -> Option<u64> {
        self.rest.end().map(|end| end + self.first.len() as u64)
    }

    fn point(&self, number: u64) -> Option<Point> {
        let given = self.first.len() as u64;
        match number.checked_sub(given) {
            None => Some(self.first[usize::try_from(number).expect("one of a list")].clone()),
            Some(number) => {
                self.rest.point(number).filter(|point| !self.hashes.contains(&point.hash()))
            }
        }
    }

    fn is_distinct(&self) -> bool {
        self.rest.is_distinct()
    }
}
