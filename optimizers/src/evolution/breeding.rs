//! Children that lie in the space and meet its constraints.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Point, Space};

use super::genes::{Genes, Genome, Kind};
use super::variation::Variation;
use crate::draw::chance;

/// A child that breaks the constraints is drawn again so often.
const ATTEMPTS: u32 = 30;

/// And then moved towards a parent so often, by half of what is left.
const HALVINGS: u32 = 10;

/// The genes of a space and how they vary.
pub(crate) struct Breeding {
    genes: Genes,
    variation: Variation,
}

impl Breeding {
    /// Breeds in a space.
    pub fn new(space: &Arc<Space>, variation: Variation) -> Self {
        Self { genes: Genes::new(space), variation }
    }

    /// The genome of a point.
    pub fn genome(&self, point: &Point) -> Genome {
        self.genes.genome(point)
    }

    /// A child of two parents, which are chosen anew where their child breaks the constraints;
    /// none where the constraints leave no point that is found.
    pub fn child<'a>(
        &self,
        generator: &mut ChaCha8Rng,
        mut parents: impl FnMut(&mut ChaCha8Rng) -> [&'a [f64]; 2],
    ) -> Option<(Genome, Point)> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let parents = parents(generator);
            let child = self.variation.child(&self.genes, parents, generator);
            if let Some(point) = self.genes.point(&child) {
                return Some((child, point));
            }
            last = Some((parents[0], child));
        }
        let (mother, child) = last?;
        self.moved(child, mother, generator).or_else(|| self.genes.random(generator))
    }

    /// A genome that broke the constraints, moved towards one that meets them.
    fn moved(
        &self,
        mut child: Genome,
        towards: &[f64],
        generator: &mut ChaCha8Rng,
    ) -> Option<(Genome, Point)> {
        for _ in 0..HALVINGS {
            for (gene, kind) in self.genes.kinds().iter().enumerate() {
                let (own, other) = (child[gene], towards[gene]);
                child[gene] = match kind {
                    Kind::Fixed => own,
                    Kind::Choice => {
                        if chance(generator, 0.5) {
                            own
                        } else {
                            other
                        }
                    }
                    _ => self.genes.settled(gene, f64::midpoint(own, other)),
                };
            }
            if let Some(point) = self.genes.point(&child) {
                return Some((child, point));
            }
        }
        None
    }
}
