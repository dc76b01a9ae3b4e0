//! Points that meet the constraints, drawn at random.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Point, Space};

use crate::draw::unit;
use crate::sobol::SobolSequence;

/// So many points are drawn before the constraints are taken to leave none.
const ATTEMPTS: u32 = 20_000;

/// The first points of an algorithm: evenly spread, and where the constraints rule one out,
/// random ones instead.
pub(crate) struct Design {
    space: Arc<Space>,
    sobol: Option<SobolSequence>,
}

impl Design {
    /// The design of a space; none of its points depends on anything but the seed, its number
    /// and its generator.
    pub fn new(space: &Arc<Space>, seed: u64) -> Self {
        let dimensions = space.parameters().len();
        let sobol = (dimensions <= SobolSequence::MAX_DIMENSIONS)
            .then(|| SobolSequence::new(dimensions, seed));
        Self { space: Arc::clone(space), sobol }
    }

    /// Point number `number`; none where the constraints leave none that is found.
    pub fn point(&self, number: u64, generator: &mut ChaCha8Rng) -> Option<Point> {
        let point = self.sobol.as_ref().filter(|_| number < 1 << 32).map(|sobol| {
            let dimensions = 0..self.space.parameters().len();
            let unit: Vec<f64> = dimensions.map(|each| sobol.coordinate(number, each)).collect();
            self.space.decode(&unit)
        });
        point
            .filter(|point| self.space.satisfies(point))
            .or_else(|| random_point(&self.space, generator))
    }
}

/// A uniformly random point that meets the constraints; none where none is found.
pub(crate) fn random_point(space: &Space, generator: &mut ChaCha8Rng) -> Option<Point> {
    (0..ATTEMPTS).find_map(|_| {
        let unit: Vec<f64> = space.parameters().iter().map(|_| unit(generator)).collect();
        let point = space.decode(&unit);
        space.satisfies(&point).then_some(point)
    })
}
