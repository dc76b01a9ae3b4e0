//! MOEA/D: the front as many single-objective problems, each solved with the help of its
//! neighbours.
//!
//! Zhang and Li, "MOEA/D: A multiobjective evolutionary algorithm based on decomposition", IEEE
//! Trans. Evol. Comput. 11(6), 2007, with the two measures against too many copies of one good
//! solution of Li and Zhang, "Multiobjective optimization problems with complicated Pareto sets,
//! MOEA/D and NSGA-II", IEEE Trans. Evol. Comput. 13(2), 2009: now and then parents come from
//! everywhere, and one child replaces no more than so many. (The later paper has 2; on the problems
//! of the tests, as many as there are neighbours is better.)
//!
//! Objectives are shifted to the best values seen and divided by the range of the solutions at
//! hand. The Tchebycheff function divides by the shares of the direction instead of multiplying, so
//! that its optimum lies on the direction: Qi, Ma, Liu, Jiao, Sun and Wu, "MOEA/D with adaptive
//! weight adjustment", Evol. Comput. 22(2), 2014.
//!
//! Nothing waits: a child belongs to the subproblem that it was bred for, whenever it is learnt.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use search_spaces::{Point, Space};

use super::breeding::Breeding;
use super::directions::directions;
use super::genes::Genome;
use super::population::Individual;
use super::variation::Variation;
use crate::draw::{below, chance, shuffle};
use crate::optimizer::{Origin, Strategy, Told};
use crate::sampling::Design;

/// Turns several objectives into one, along a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalarisation {
    /// The largest objective, each divided by its share of the direction.
    Tchebycheff,
    /// The way along the direction and, as a penalty, five times the way off it.
    Boundary,
}

/// What can be chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub population: usize,
    /// How many subproblems nearest to one, itself included, are its neighbours.
    pub neighbours: usize,
    /// The probability that parents come from the neighbourhood, and the child returns to it.
    pub within: f64,
    /// How many solutions a child replaces at most.
    pub replaced: usize,
    pub scalarisation: Scalarisation,
}

impl Settings {
    /// Those of the paper. With three objectives or more, the boundary intersection spreads
    /// the front better than the Tchebycheff function, which is content next to a direction.
    pub fn of(objectives: usize) -> Self {
        let scalarisation =
            if objectives > 2 { Scalarisation::Boundary } else { Scalarisation::Tchebycheff };
        Self { population: 100, neighbours: 20, within: 0.9, replaced: 20, scalarisation }
    }
}

/// The distribution index of the crossover, section V-C.
const CROSSOVER: u32 = 20;

/// The penalty of the paper, section III-C.
const PENALTY: f64 = 5.0;

/// What stands for a share of 0, by which one cannot divide.
const NO_SHARE: f64 = 1e-6;

/// The algorithm.
pub(crate) struct Moead {
    settings: Settings,
    breeding: Breeding,
    design: Design,
    pub(super) subproblems: Vec<Subproblem>,
    /// The best value of every objective so far, and the range of the feasible solutions above it.
    ideal: Vec<f64>,
    ranges: Vec<f64>,
    /// The order in which the subproblems have their turns, shuffled for every round.
    turns: Vec<usize>,
    generator: ChaCha8Rng,
    out: BTreeMap<u64, Bred>,
}

pub(super) struct Subproblem {
    direction: Vec<f64>,
    /// The subproblems by their distance, itself first.
    neighbours: Vec<usize>,
    pub(super) solution: Option<Individual>,
}

/// A proposal that is out.
struct Bred {
    genome: Genome,
    home: usize,
    /// Whether it is offered to the neighbours of its home only.
    within: bool,
}

impl Moead {
    /// One subproblem for each of as many directions as make at most a population.
    pub fn new(space: &Arc<Space>, seed: u64, objectives: usize, settings: Settings) -> Self {
        let variation = Variation { crossover_index: CROSSOVER, ..Variation::default() };
        let directions = directions(objectives, settings.population);
        let subproblem = |direction: &Vec<f64>| {
            let square = |other: &Vec<f64>| -> f64 {
                direction.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
            };
            let mut near: Vec<(f64, usize)> = directions.iter().map(square).zip(0..).collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            near.truncate(settings.neighbours);
            let neighbours = near.into_iter().map(|(_, index)| index).collect();
            Subproblem { direction: direction.clone(), neighbours, solution: None }
        };
        let subproblems: Vec<Subproblem> = directions.iter().map(subproblem).collect();
        Self {
            settings,
            breeding: Breeding::new(space, variation),
            design: Design::new(space, seed),
            turns: (0..subproblems.len()).collect(),
            subproblems,
            ideal: vec![f64::INFINITY; objectives],
            ranges: vec![1.0; objectives],
            generator: ChaCha8Rng::seed_from_u64(seed),
            out: BTreeMap::new(),
        }
    }

    /// The subproblem whose turn it is at a proposal.
    fn home(&mut self, number: u64) -> usize {
        let turn = (number % self.turns.len() as u64) as usize;
        if turn == 0 {
            shuffle(&mut self.generator, &mut self.turns);
        }
        self.turns[turn]
    }

    /// The subproblems with a solution among those that a child may come from and return to.
    fn solved(&self, home: usize, within: bool) -> Vec<usize> {
        let has_solution = |index: &usize| self.subproblems[*index].solution.is_some();
        match within {
            true => {
                self.subproblems[home].neighbours.iter().copied().filter(has_solution).collect()
            }
            false => (0..self.subproblems.len()).filter(has_solution).collect(),
        }
    }

    fn bred(&self, home: usize, generator: &mut ChaCha8Rng) -> Option<(Bred, Point)> {
        let within = chance(generator, self.settings.within);
        let mut parents = self.solved(home, within);
        if parents.len() < 2 {
            parents = self.solved(home, false);
        }
        let genome = |index: usize| {
            let solution = self.subproblems[index].solution.as_ref();
            &*solution.expect("only those with a solution are chosen").genome
        };
        let (genome, point) = self.breeding.child(generator, |generator| {
            // Two different ones, unless there is only one.
            let mother = below(generator, parents.len());
            let others = parents.len().saturating_sub(1).max(1);
            let father = (mother + 1 + below(generator, others)) % parents.len();
            [mother, father].map(|place| genome(parents[place]))
        })?;
        Some((Bred { genome, home, within }, point))
    }

    /// What a solution is worth to a subproblem; less is better, feasible before infeasible.
    fn worth(&self, subproblem: &Subproblem, individual: &Individual) -> (f64, f64) {
        if individual.violation > 0.0 {
            return (individual.violation, 0.0);
        }
        let direction = &subproblem.direction;
        let scaled = individual.objectives.iter().zip(&self.ideal).zip(&self.ranges);
        let scaled = scaled.map(|((value, best), range)| (value - best) / range);
        let value = match self.settings.scalarisation {
            Scalarisation::Tchebycheff => scaled
                .zip(direction)
                .map(|(part, share)| part / share.max(NO_SHARE))
                .fold(f64::NEG_INFINITY, f64::max),
            Scalarisation::Boundary => {
                let (mut along, mut square, mut length) = (0.0, 0.0, 0.0);
                for (part, share) in scaled.zip(direction) {
                    along += part * share;
                    square += part * part;
                    length += share * share;
                }
                let along = along / length.sqrt();
                along + PENALTY * (square - along * along).max(0.0).sqrt()
            }
        };
        (0.0, value)
    }

    /// Offers a solution to subproblems in random order, few of which it may replace.
    fn offer(&mut self, individual: &Individual, mut to: Vec<usize>) {
        shuffle(&mut self.generator, &mut to);
        let mut left = self.settings.replaced;
        for index in to {
            let subproblem = &self.subproblems[index];
            let is_better = subproblem
                .solution
                .as_ref()
                .is_none_or(|own| self.worth(subproblem, individual) < self.worth(subproblem, own));
            if left > 0 && is_better {
                self.subproblems[index].solution = Some(individual.clone());
                left -= 1;
            }
        }
    }

    /// Learns where the front lies.
    fn scale(&mut self, individual: &Individual) {
        if individual.violation > 0.0 {
            return;
        }
        for (best, value) in self.ideal.iter_mut().zip(&individual.objectives) {
            *best = best.min(*value);
        }
        let solutions = self.subproblems.iter().filter_map(|each| each.solution.as_ref());
        let feasible = solutions.filter(|each| each.violation == 0.0);
        let mut worst = individual.objectives.clone();
        for solution in feasible {
            for (worst, value) in worst.iter_mut().zip(&solution.objectives) {
                *worst = worst.max(*value);
            }
        }
        for ((range, worst), best) in self.ranges.iter_mut().zip(worst).zip(&self.ideal) {
            *range = if worst > *best { worst - best } else { 1.0 };
        }
    }
}

impl Strategy for Moead {
    fn propose(&mut self, number: u64, generator: &mut ChaCha8Rng, _: &[Point]) -> Option<Point> {
        let home = self.home(number);
        let is_empty = self.subproblems.iter().all(|each| each.solution.is_none());
        let (bred, point) = if number < self.subproblems.len() as u64 || is_empty {
            let point = self.design.point(number, generator)?;
            let genome = self.breeding.genome(&point);
            (Bred { genome, home, within: false }, point)
        } else {
            self.bred(home, generator)?
        };
        self.out.insert(number, bred);
        Some(point)
    }

    fn learn(&mut self, origin: Origin, point: &Point, told: &Told) {
        let bred = match origin {
            Origin::Proposed(number) => self.out.remove(&number),
            Origin::Given => None,
        };
        let Told::Complete { objectives, violation } = told else { return };
        let (home, within) =
            bred.as_ref().map_or((None, false), |bred| (Some(bred.home), bred.within));
        let genome = bred.map_or_else(|| self.breeding.genome(point), |bred| bred.genome);
        let individual = Individual::new(genome, point, objectives, *violation);
        self.scale(&individual);
        // The first solution of a subproblem is whatever was found for it.
        match home.filter(|home| self.subproblems[*home].solution.is_none()) {
            Some(home) => self.subproblems[home].solution = Some(individual),
            None => {
                let to = match home.filter(|_| within) {
                    Some(home) => self.subproblems[home].neighbours.clone(),
                    None => (0..self.subproblems.len()).collect(),
                };
                self.offer(&individual, to);
            }
        }
    }
}
