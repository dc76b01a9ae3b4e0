//! Plans over the unit cube as plans over a space.

use std::sync::Arc;

use search_spaces::{Point, Sequence, Space};

use crate::latin_hypercube::LatinHypercube;
use crate::sobol::SobolSequence;

/// Coordinates in [0, 1) by number and dimension.
pub trait UnitPlan: Send + Sync {
    /// The first number beyond the plan.
    fn end(&self) -> u64;

    /// One coordinate of one number.
    fn coordinate(&self, number: u64, dimension: usize) -> f64;
}

impl UnitPlan for SobolSequence {
    /// The direction numbers have 32 bits.
    fn end(&self) -> u64 {
        1 << 32
    }

    fn coordinate(&self, number: u64, dimension: usize) -> f64 {
        self.coordinate(number, dimension)
    }
}

impl UnitPlan for LatinHypercube {
    fn end(&self) -> u64 {
        self.samples()
    }

    fn coordinate(&self, number: u64, dimension: usize) -> f64 {
        self.coordinate(number, dimension)
    }
}

/// A plan over the unit cube, seen through a space. Numbers whose point breaks a constraint are
/// passed over: drawing again would tear holes into the plan's even spread.
#[derive(Debug)]
pub struct CubeSearch<P> {
    space: Arc<Space>,
    plan: P,
}

impl<P: UnitPlan> CubeSearch<P> {
    /// The plan, seen through the space.
    #[must_use]
    pub fn new(space: Arc<Space>, plan: P) -> Self {
        Self { space, plan }
    }
}

impl<P: UnitPlan> Sequence for CubeSearch<P> {
    fn end(&self) -> Option<u64> {
        Some(self.plan.end())
    }

    fn point(&self, number: u64) -> Option<Point> {
        let dimensions = 0..self.space.parameters().len();
        let unit: Vec<f64> =
            dimensions.map(|dimension| self.plan.coordinate(number, dimension)).collect();
        let point = self.space.decode(&unit);
        self.space.satisfies(&point).then_some(point)
    }

    fn is_distinct(&self) -> bool {
        false
    }
}
