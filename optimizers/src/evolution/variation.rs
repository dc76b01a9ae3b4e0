//! How genomes vary: simulated binary crossover and polynomial mutation, and what stands for them
//! where a parameter is discrete.
//!
//! * Crossover: Deb and Agrawal, "Simulated binary crossover for continuous search space",
//!   Complex Systems 9(2), 1995, in the form for bounded variables of Deb and Beyer,
//!   "Self-adaptive genetic algorithms with simulated binary crossover", Evol. Comput. 9(2), 2001.
//! * Mutation: Deb and Goyal, "A combined genetic adaptive search (`GeneAS`) for engineering
//!   design", Computer Science and Informatics 26(4), 1996, bounded.
//!
//! Ordered levels vary like numbers, in the coordinate of their scale, and settle on a level; a
//! mutation that would settle where it began goes to a neighbour. Choices are inherited whole, and
//! mutate to any other.

use libm::pow;
use rand_chacha::ChaCha8Rng;

use super::genes::{Genes, Genome, Kind};
use crate::draw::{below, chance, unit};

/// How strongly genomes vary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variation {
    /// The distribution index of the crossover; larger stays nearer to the parents.
    pub crossover_index: u32,
    /// The distribution index of the mutation.
    pub mutation_index: u32,
    /// How many genes of a child mutate on average.
    pub mutations: f64,
}

/// What suits most.
impl Default for Variation {
    fn default() -> Self {
        Self { crossover_index: 15, mutation_index: 20, mutations: 0.9 }
    }
}

/// Genes are crossed one by one, each with this probability.
const CROSSED: f64 = 0.5;

/// Two coordinates nearer than this are taken for one.
const ALIKE: f64 = 1e-14;

impl Variation {
    /// A child of two parents, which differs from both.
    pub fn child(&self, genes: &Genes, parents: [&[f64]; 2], generator: &mut ChaCha8Rng) -> Genome {
        let mut child = parents[0].to_vec();
        self.cross(genes, &mut child, parents[1], generator);
        let free = genes.kinds().iter().filter(|kind| **kind != Kind::Fixed).count();
        let probability = (self.mutations / free.max(1) as f64).min(0.5);
        for (gene, kind) in genes.kinds().iter().enumerate() {
            if *kind != Kind::Fixed && chance(generator, probability) {
                child[gene] = self.mutated(genes, gene, child[gene], generator);
            }
        }
        if free > 0 && parents.contains(&&*child) {
            self.mutate_one(genes, &mut child, free, generator);
        }
        child
    }

    fn mutate_one(
        &self,
        genes: &Genes,
        child: &mut [f64],
        free: usize,
        generator: &mut ChaCha8Rng,
    ) {
        let pick = below(generator, free);
        let mut free = (0..child.len()).filter(|gene| genes.kinds()[*gene] != Kind::Fixed);
        let gene = free.nth(pick).expect("one of the free genes");
        child[gene] = self.mutated(genes, gene, child[gene], generator);
    }

    fn cross(&self, genes: &Genes, child: &mut [f64], other: &[f64], generator: &mut ChaCha8Rng) {
        for (gene, kind) in genes.kinds().iter().enumerate() {
            if *kind == Kind::Fixed || !chance(generator, CROSSED) {
                continue;
            }
            let (own, other) = (child[gene], other[gene]);
            if (own - other).abs() < ALIKE {
                continue;
            }
            child[gene] = match kind {
                Kind::Choice => {
                    if chance(generator, 0.5) {
                        other
                    } else {
                        own
                    }
                }
                _ => genes.settled(gene, self.between(own, other, generator)),
            };
        }
    }

    /// One of the two children that two coordinates have.
    fn between(&self, a: f64, b: f64, generator: &mut ChaCha8Rng) -> f64 {
        let (low, high) = (a.min(b), a.max(b));
        let draw = unit(generator);
        let spread = |room: f64| {
            let beta = 1.0 + 2.0 * room / (high - low);
            let alpha = 2.0 - 1.0 / power(beta, self.crossover_index + 1);
            let ratio = if draw <= 1.0 / alpha { draw * alpha } else { 1.0 / (2.0 - draw * alpha) };
            root(ratio, self.crossover_index + 1)
        };
        // The child near the lower parent spreads by the room below it, the other by that above.
        match chance(generator, 0.5) {
            true => 0.5 * ((low + high) - spread(low) * (high - low)),
            false => 0.5 * ((low + high) + spread(1.0 - high) * (high - low)),
        }
    }

    /// The coordinate after a mutation.
    pub fn mutated(&self, genes: &Genes, gene: usize, own: f64, generator: &mut ChaCha8Rng) -> f64 {
        if genes.kinds()[gene] == Kind::Choice {
            return genes.other_level(gene, own, generator);
        }
        let exponent = self.mutation_index + 1;
        let draw = unit(generator);
        let shift = if draw < 0.5 {
            let within = 2.0 * draw + (1.0 - 2.0 * draw) * power(1.0 - own, exponent);
            root(within, exponent) - 1.0
        } else {
            let beyond = 2.0 * (1.0 - draw) + (2.0 * draw - 1.0) * power(own, exponent);
            1.0 - root(beyond, exponent)
        };
        let settled = genes.settled(gene, own + shift);
        match settled == own && genes.kinds()[gene] == Kind::Ordered {
            true => genes.other_level(gene, own, generator),
            false => settled,
        }
    }
}

/// By repeated squaring, which is several times as fast as a power with any exponent.
fn power(base: f64, exponent: u32) -> f64 {
    let (mut power, mut square, mut exponent) = (1.0, base, exponent);
    while exponent > 0 {
        if exponent % 2 == 1 {
            power *= square;
        }
        square *= square;
        exponent /= 2;
    }
    power
}

/// Square roots as far as they go.
fn root(base: f64, degree: u32) -> f64 {
    let halvings = degree.trailing_zeros();
    let base = (0..halvings).fold(base, |base, _| base.sqrt());
    match degree >> halvings {
        1 => base,
        odd => pow(base, 1.0 / f64::from(odd)),
    }
}
