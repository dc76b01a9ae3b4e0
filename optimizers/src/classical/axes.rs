//! The coordinates that a solver moves in, and the points that they stand for.

use std::sync::Arc;

use search_spaces::Space;

use crate::evolution::{Genes, Genome, Kind};

/// The coordinates of the parameters that can vary, each from 0 to 1. A solver without bounds may
/// leave the unit cube: it sees the cube mirrored at its faces over and over, so that what it
/// minimises has no edge and a simplex at a face does not collapse into it.
///
/// Discrete parameters have the coordinates of their levels' shares, so that the cost is constant
/// over each share. A solver that follows slopes can do no more with them.
#[derive(Clone, Debug)]
pub(crate) struct Axes {
    genes: Arc<Genes>,
    /// The genes that can vary.
    free: Arc<[usize]>,
    /// The coordinates of those that cannot.
    origin: Genome,
}

impl Axes {
    /// The axes of a space.
    pub fn new(space: &Arc<Space>) -> Self {
        let genes = Genes::new(space);
        let kinds = genes.kinds().iter().enumerate();
        let free = kinds.filter(|(_, kind)| **kind != Kind::Fixed).map(|(gene, _)| gene).collect();
        let origin = vec![0.5; genes.kinds().len()];
        Self { genes: Arc::new(genes), free, origin }
    }

    /// The genes behind the coordinates.
    pub fn genes(&self) -> &Genes {
        &self.genes
    }

    /// The genes that can vary.
    pub fn free(&self) -> &[usize] {
        &self.free
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.free.len()
    }

    /// The coordinates of a genome.
    pub fn coordinates(&self, genome: &[f64]) -> Vec<f64> {
        self.free.iter().map(|gene| genome[*gene]).collect()
    }

    /// The genome of coordinates, which may lie outside the cube.
    pub fn genome(&self, coordinates: &[f64]) -> Genome {
        let mut genome = self.origin.clone();
        for (gene, coordinate) in self.free.iter().zip(coordinates) {
            genome[*gene] = self.genes.settled(*gene, mirrored(*coordinate));
        }
        genome
    }

    /// The width of a level's share along an axis; 0 where it is continuous.
    pub fn share(&self, axis: usize) -> f64 {
        self.genes.levels(self.free[axis]).map_or(0.0, |levels| 1.0 / levels as f64)
    }
}

/// The coordinate within [0, 1] that one outside is the mirror image of.
pub(crate) fn mirrored(coordinate: f64) -> f64 {
    let within_two = coordinate - 2.0 * (coordinate / 2.0).floor();
    if within_two > 1.0 { 2.0 - within_two } else { within_two }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cube_is_mirrored_at_its_faces() {
        for (outside, inside) in
            [(0.25, 0.25), (-0.25, 0.25), (1.25, 0.75), (2.25, 0.25), (-1.25, 0.75), (1.0, 1.0)]
        {
            assert_eq!(mirrored(outside), inside, "{outside}");
        }
    }
}
