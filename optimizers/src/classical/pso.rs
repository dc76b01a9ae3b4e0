//! A particle swarm: Kennedy and Eberhart, "Particle swarm optimization", ICNN 1995, with
//! inertia as of Shi and Eberhart, 1998, and one neighbourhood for all. The iterations are
//! `argmin`'s.
//!
//! A swarm moves as a whole: all its particles are asked for at once, and the next iteration begins
//! when the last of them is known. One that has come together, or that has found nothing better for
//! long, is followed by a fresh one.

use argmin::core::{PopulationState, State};
use argmin::solver::particleswarm::{Particle, ParticleSwarm};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use search_spaces::Point;

use super::axes::Axes;
use super::cost::Aim;
use super::generator::Generator;
use super::runs::{Run, Source};
use super::starts::Starts;
use super::stepwise::Stepwise;
use crate::draw::unit;
use crate::evolution::Genome;
use crate::optimizer::Told;

/// How a swarm moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motion {
    /// How many particles there are.
    pub size: usize,
    /// The share of its velocity that a particle keeps.
    pub inertia: f64,
    /// How strongly it is drawn to the best point that it has been at itself.
    pub cognitive: f64,
    /// How strongly it is drawn to the best point of the swarm.
    pub social: f64,
}

type Solver = ParticleSwarm<Vec<f64>, f64, Generator>;
type SwarmState = PopulationState<Particle<Vec<f64>, f64>, f64>;

/// A swarm whose particles are all this near to one of them has come together.
const TOGETHER: f64 = 1e-7;

/// A swarm that has found nothing better in so many iterations is over.
const PATIENCE: u32 = 50;

/// One swarm.
pub(crate) struct Swarm {
    axes: Axes,
    motion: Motion,
    generator: ChaCha8Rng,
    /// None before the first costs.
    solver: Option<Stepwise<Solver, SwarmState, f64, ()>>,
    asked: Vec<Vec<f64>>,
    best: f64,
    /// Iterations since something better was found.
    vain: u32,
}

impl Swarm {
    fn new(axes: &Axes, positions: Vec<Vec<f64>>, motion: Motion, generator: ChaCha8Rng) -> Self {
        let (axes, asked) = (axes.clone(), positions);
        Self { axes, motion, generator, solver: None, asked, best: f64::INFINITY, vain: 0 }
    }

    /// The swarm of particles whose costs are known, each on its way to somewhere in the cube.
    fn assembled(&mut self, costs: &[f64]) -> Stepwise<Solver, SwarmState, f64, ()> {
        let generator = &mut self.generator;
        let particle = |(position, cost): (&Vec<f64>, &f64)| {
            let velocity = position.iter().map(|x| 0.5 * (unit(generator) - x)).collect();
            Particle::new(position.clone(), *cost, velocity)
        };
        let particles = self.asked.iter().zip(costs).map(particle).collect();
        let axes = self.axes.len();
        let bounds = (vec![0.0; axes], vec![1.0; axes]);
        // Its own generator, which it takes from the system, is not used.
        let solver = ParticleSwarm::new(bounds, self.motion.size)
            .with_rng_generator(Generator(self.generator.clone()))
            .with_inertia_factor(self.motion.inertia)
            .and_then(|solver| solver.with_cognitive_factor(self.motion.cognitive))
            .and_then(|solver| solver.with_social_factor(self.motion.social))
            .expect("factors within their bounds");
        Stepwise::new(solver, PopulationState::new().population(particles), ())
    }

    fn is_together(&self) -> bool {
        let near = |point: &Vec<f64>| {
            point.iter().zip(&self.asked[0]).all(|(a, b)| (a - b).abs() < TOGETHER)
        };
        let first = self.axes.genome(&self.asked[0]);
        self.asked.iter().all(|point| near(point) || self.axes.genome(point) == first)
    }
}

impl Run for Swarm {
    fn questions(&mut self) -> Vec<Genome> {
        if let Some(swarm) = &mut self.solver {
            self.asked = swarm.advance();
            if self.is_together() || self.vain >= PATIENCE {
                return Vec::new();
            }
        }
        self.asked.iter().map(|point| self.axes.genome(point)).collect()
    }

    fn answer(&mut self, costs: &[f64]) {
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        self.vain = if least < self.best { 0 } else { self.vain + 1 };
        self.best = self.best.min(least);
        match &mut self.solver {
            Some(swarm) => swarm.tell(costs),
            None => self.solver = Some(self.assembled(costs)),
        }
    }
}

/// Swarms, one after the other.
pub(crate) struct Swarms {
    pub starts: Starts,
    pub motion: Motion,
}

impl Source for Swarms {
    fn start(&mut self, axes: &Axes, generator: &mut ChaCha8Rng) -> Option<(Box<dyn Run>, Aim)> {
        let mut positions = Vec::with_capacity(self.motion.size);
        while positions.len() < self.motion.size {
            let start = self.starts.next(axes, generator)?;
            positions.push(axes.coordinates(&start));
        }
        let own = ChaCha8Rng::seed_from_u64(generator.next_u64());
        Some((Box::new(Swarm::new(axes, positions, self.motion, own)), Aim::First))
    }

    fn offer(&mut self, axes: &Axes, point: &Point, told: &Told) {
        self.starts.offer(axes, point, told);
    }
}
