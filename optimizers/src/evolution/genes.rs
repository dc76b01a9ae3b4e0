//! Points as genomes: one number of [0, 1) per parameter, every kind by its own rules.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Domain, Point, Space};

use crate::draw::{below, chance};
use crate::sampling::random_point;

/// One coordinate of the unit cube per parameter. Those of discrete parameters are the middles of
/// their levels' shares. Parameters that are inactive at the point keep theirs, so that what was
/// found out about them is there when a descendant makes use of them.
pub(crate) type Genome = Vec<f64>;

/// How a gene may vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not at all.
    Fixed,
    /// Continuously.
    Real,
    /// By levels, of which neighbours are alike.
    Ordered,
    /// By levels, of which none is nearer to another than the rest.
    Choice,
}

/// The genes of a space.
#[derive(Debug)]
pub(crate) struct Genes {
    space: Arc<Space>,
    kinds: Vec<Kind>,
}

impl Genes {
    /// Those of a space.
    pub fn new(space: &Arc<Space>) -> Self {
        let kind = |domain: &Domain| match (domain.levels(), domain) {
            (Some(1), _) => Kind::Fixed,
            (None, _) => Kind::Real,
            (_, Domain::Labels { ordered: false, .. } | Domain::Bool) => Kind::Choice,
            _ => Kind::Ordered,
        };
        let kinds = space.parameters().iter().map(|each| kind(each.domain())).collect();
        Self { space: Arc::clone(space), kinds }
    }

    /// How each gene may vary.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Of how many levels a gene is; none where it varies continuously.
    pub fn levels(&self, gene: usize) -> Option<u64> {
        self.domain(gene).levels()
    }

    /// The genome of a point.
    pub fn genome(&self, point: &Point) -> Genome {
        self.space.encode(point)
    }

    /// The point of a genome, if it meets the constraints.
    pub fn point(&self, genome: &[f64]) -> Option<Point> {
        let point = self.space.decode(genome);
        self.space.satisfies(&point).then_some(point)
    }

    /// A random point with its genome; none where the constraints leave none that is found.
    pub fn random(&self, generator: &mut ChaCha8Rng) -> Option<(Genome, Point)> {
        let point = random_point(&self.space, generator)?;
        Some((self.genome(&point), point))
    }

    /// The nearest coordinate that stands for a value: within [0, 1), and of a discrete parameter
    /// the middle of a level's share.
    pub fn settled(&self, gene: usize, unit: f64) -> f64 {
        let unit = unit.clamp(0.0, 1.0_f64.next_down());
        match self.kinds[gene] {
            Kind::Real => unit,
            _ => {
                let domain = self.domain(gene);
                domain.encode(domain.decode(unit))
            }
        }
    }

    /// Another level than that of `unit`: any, or where levels have an order, a neighbour.
    pub fn other_level(&self, gene: usize, unit: f64, generator: &mut ChaCha8Rng) -> f64 {
        let domain = self.domain(gene);
        let levels = domain.levels().expect("a discrete gene");
        let level = domain.level_of(domain.decode(unit)).expect("a value of the domain");
        let other = match self.kinds[gene] {
            Kind::Choice => {
                let pick = below(generator, levels as usize - 1) as u64;
                pick + u64::from(pick >= level)
            }
            _ if level == 0 => 1,
            _ if level + 1 == levels => level - 1,
            _ if chance(generator, 0.5) => level + 1,
            _ => level - 1,
        };
        domain.encode(domain.level_value(other))
    }

    fn domain(&self, gene: usize) -> &Domain {
        self.space.parameters()[gene].domain()
    }
}
