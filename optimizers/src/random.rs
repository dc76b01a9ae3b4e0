//! Random search: independent points, uniform over the unit cube.
//!
//! Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012).

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use search_spaces::{Point, Sequence, Space, unit_from_bits};

/// So many points are drawn for one number before the constraints rule the number out.
const ATTEMPTS: u32 = 1000;

/// Independent uniform points. Points that break a constraint are drawn again, so that the
/// sample is uniform over those that meet it.
#[derive(Debug)]
pub struct RandomSearch {
    space: Arc<Space>,
    generator: ChaCha8Rng,
}

impl RandomSearch {
    /// A random sample of the space.
    #[must_use]
    pub fn new(space: Arc<Space>, seed: u64) -> Self {
        Self { space, generator: ChaCha8Rng::seed_from_u64(seed) }
    }
}

impl Sequence for RandomSearch {
    fn end(&self) -> Option<u64> {
        None
    }

    fn point(&self, number: u64) -> Option<Point> {
        // Every number has a stream of its own, so that each can be reached alone.
        let mut generator = self.generator.clone();
        generator.set_stream(number);
        let mut unit = vec![0.0; self.space.parameters().len()];
        for _ in 0..ATTEMPTS {
            unit.fill_with(|| unit_from_bits(generator.next_u64()));
            let point = self.space.decode(&unit);
            if self.space.satisfies(&point) {
                return Some(point);
            }
        }
        None
    }

    fn is_distinct(&self) -> bool {
        false
    }
}
