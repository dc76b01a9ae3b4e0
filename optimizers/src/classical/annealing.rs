//! Simulated annealing: Kirkpatrick, Gelatt and Vecchi, "Optimization by simulated annealing",
//! Science 220, 1983.
//!
//! A walker takes a step to a neighbour and stays there if it is better, or by a chance that falls
//! with the temperature if it is worse. Acceptance, exponential cooling and reannealing are
//! `argmin`'s. The neighbours are of every kind: a number moves by a Cauchy draw (Szu and Hartley,
//! "Fast simulated annealing", Physics Letters A 122, 1987), as wide as the temperature is high;
//! levels that have an order move to others nearby, and choices to any other.

use argmin::core::{Error, IterState, State};
use argmin::solver::simulatedannealing::{Anneal, SATempFunc, SimulatedAnnealing};
use libm::pow;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use search_spaces::Point;

use super::axes::{Axes, mirrored};
use super::cost::Aim;
use super::generator::Generator;
use super::portable::Portable;
use super::runs::{Run, Source};
use super::starts::Starts;
use super::stepwise::{Oracle, Stepwise};
use crate::draw::{below, cauchy, chance};
use crate::evolution::{Genome, Kind};
use crate::optimizer::Told;

/// How a walker cools.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cooling {
    /// The first temperature, as a share of how far the costs of the first points are apart.
    pub first: f64,
    /// The last temperature, as a share of the first.
    pub last: f64,
    /// After so many steps, the last temperature is reached and the walker is heated again.
    pub steps: u64,
}

/// How wide the steps are at the first temperature, in the unit cube.
const WIDTH: f64 = 0.25;

/// The width falls with this power of the temperature.
const NARROWING: f64 = 0.75;

/// A step that breaks the constraints is drawn again so often.
const ATTEMPTS: u32 = 30;

/// How a walker steps.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    axes: Axes,
    generator: ChaCha8Rng,
    first_temperature: f64,
}

impl Steps {
    fn neighbour(&mut self, genome: &[f64], temperature: f64) -> Genome {
        let width = WIDTH * pow(temperature / self.first_temperature, NARROWING);
        let mut neighbour = self.step(genome, width);
        for _ in 1..ATTEMPTS {
            if self.axes.genes().point(&neighbour).is_some() {
                break;
            }
            neighbour = self.step(genome, width);
        }
        neighbour
    }

    /// Moves one gene for certain, and each other with the chance that makes it one more on
    /// average.
    fn step(&mut self, genome: &[f64], width: f64) -> Genome {
        let mut neighbour = genome.to_vec();
        let free = self.axes.free().to_vec();
        let certain = below(&mut self.generator, free.len());
        for (axis, gene) in free.iter().enumerate() {
            if axis == certain || chance(&mut self.generator, 1.0 / free.len() as f64) {
                neighbour[*gene] = self.moved(*gene, genome[*gene], width);
            }
        }
        neighbour
    }

    fn moved(&mut self, gene: usize, own: f64, width: f64) -> f64 {
        let genes = self.axes.genes();
        let generator = &mut self.generator;
        if genes.kinds()[gene] == Kind::Choice {
            return genes.other_level(gene, own, generator);
        }
        // A draw far out is as good as uniform, and must stay a number that can be mirrored.
        let step = (width * cauchy(generator)).clamp(-1e6, 1e6);
        let moved = genes.settled(gene, mirrored(own + step));
        match genes.kinds()[gene] {
            Kind::Ordered if moved == own => genes.other_level(gene, own, generator),
            _ => moved,
        }
    }
}

impl Anneal for Oracle<Genome, Portable, Steps> {
    type Param = Genome;
    type Output = Genome;
    type Float = Portable;

    fn anneal(&self, genome: &Genome, temperature: Portable) -> Result<Genome, Error> {
        Ok(self.moves().neighbour(genome, temperature.0))
    }
}

type Solver = SimulatedAnnealing<Portable, Generator>;
type WalkerState = IterState<Genome, (), (), (), (), Portable>;

/// One walker. It never comes to an end.
pub(crate) struct Walker {
    walk: Stepwise<Solver, WalkerState, Portable, Steps>,
}

impl Walker {
    fn new(
        axes: &Axes,
        start: Genome,
        cooling: Cooling,
        spread: f64,
        mut generator: ChaCha8Rng,
    ) -> Self {
        let first = (cooling.first * spread).max(f64::MIN_POSITIVE);
        let factor = pow(cooling.last, 1.0 / cooling.steps as f64);
        let own = Generator(ChaCha8Rng::seed_from_u64(generator.next_u64()));
        let solver = SimulatedAnnealing::new_with_rng(Portable(first), own)
            .expect("a temperature above 0")
            .with_temp_func(SATempFunc::Exponential(Portable(factor)))
            .with_reannealing_fixed(cooling.steps);
        let steps = Steps { axes: axes.clone(), generator, first_temperature: first };
        Self { walk: Stepwise::new(solver, IterState::new().param(start), steps) }
    }
}

impl Run for Walker {
    fn questions(&mut self) -> Vec<Genome> {
        self.walk.advance()
    }

    fn answer(&mut self, costs: &[f64]) {
        self.walk.tell(costs);
    }
}

/// Walkers side by side.
pub(crate) struct Walkers {
    pub starts: Starts,
    pub cooling: Cooling,
}

impl Source for Walkers {
    fn scout(&mut self, axes: &Axes, generator: &mut ChaCha8Rng) -> Option<Genome> {
        self.starts.scout(axes, generator)
    }

    fn start(&mut self, axes: &Axes, generator: &mut ChaCha8Rng) -> Option<(Box<dyn Run>, Aim)> {
        let start = self.starts.next(axes, generator)?;
        let own = ChaCha8Rng::seed_from_u64(generator.next_u64());
        let spread = self.starts.spread();
        Some((Box::new(Walker::new(axes, start, self.cooling, spread, own)), Aim::First))
    }

    fn offer(&mut self, axes: &Axes, point: &Point, told: &Told) {
        self.starts.offer(axes, point, told);
    }
}
