//! L-SHADE: differential evolution that learns its own scale and crossover from what succeeded.
//!
//! Tanabe and Fukunaga, "Improving the search performance of SHADE using linear population size
//! reduction", CEC 2014; with the mutation current-to-pbest/1 and the archive of Zhang and
//! Sanderson, "JADE: adaptive differential evolution with optional external archive", IEEE Trans.
//! Evol. Comput. 13(5), 2009. Constraints by violation (Deb's rules).
//!
//! Nothing waits: every trial challenges one individual, which it replaces as soon as it is learnt
//! to be as good. A generation, after which the memories are updated, is as many results as there
//! are individuals. Levels with an order vary like numbers and settle on a level; choices, which
//! have no differences, are taken over from one of the individuals that the difference is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use search_spaces::{Point, Space};

use super::genes::{Genes, Genome, Kind};
use super::history::{Control, History};
use crate::draw::{below, chance};
use crate::merit::Merit;
use crate::optimizer::{Origin, Strategy, Told};
use crate::sampling::Design;

/// An individual of the population.
#[derive(Clone, Debug)]
struct Individual {
    /// Its place in the first population, which its successors inherit.
    line: u64,
    genome: Genome,
    merit: Merit,
}

/// A proposal that is out.
#[derive(Clone, Debug)]
struct Challenge {
    genome: Genome,
    /// The line that it challenges, and how it was made; none in the first population.
    against: Option<(u64, Control)>,
}

/// Differential evolution over a space.
pub(crate) struct DifferentialEvolution {
    genes: Genes,
    design: Design,
    history: History,
    /// For what no trial's own generator is there for.
    generator: ChaCha8Rng,
    /// The size of the first population, and the number of trials over which it shrinks.
    size: usize,
    trials: Option<u64>,
    /// Kept in the order of their lines.
    population: Vec<Individual>,
    /// Those that were replaced.
    archive: Vec<Genome>,
    learnt: u64,
    generations: u64,
    /// How many points were made or given for the first population.
    founders: usize,
    /// The results until the generation ends.
    left: usize,
    /// The line that was challenged last.
    turn: u64,
    out: BTreeMap<u64, Challenge>,
}

/// The least population: mutation needs four individuals that differ.
pub(crate) const LEAST: usize = 4;

/// The archive holds so many times as many as the population (table 1 of the paper).
const ARCHIVE: f64 = 2.6;

/// The best part of the population, which steps lead towards.
const BEST: f64 = 0.11;

/// A challenger that breaks the constraints is made anew so often.
const ATTEMPTS: u32 = 30;

impl DifferentialEvolution {
    /// A population of `size` before its first member, which shrinks over `trials`.
    pub fn new(space: &Arc<Space>, seed: u64, size: usize, trials: Option<u64>) -> Self {
        Self {
            genes: Genes::new(space),
            design: Design::new(space, seed),
            history: History::default(),
            generator: ChaCha8Rng::seed_from_u64(seed),
            size,
            trials,
            population: Vec::new(),
            archive: Vec::new(),
            learnt: 0,
            generations: 0,
            founders: 0,
            left: size,
            turn: u64::MAX,
            out: BTreeMap::new(),
        }
    }

    /// The next individual in turn.
    fn challenged(&mut self) -> usize {
        let next = self.population.partition_point(|each| each.line <= self.turn);
        let index = if next == self.population.len() { 0 } else { next };
        self.turn = self.population[index].line;
        index
    }

    /// A challenger that meets the constraints, drawn anew where one breaks them.
    fn challenger(
        &self,
        index: usize,
        generator: &mut ChaCha8Rng,
    ) -> Option<(Genome, Control, Point)> {
        let mut best: Vec<usize> = (0..self.population.len()).collect();
        let count = ((BEST * best.len() as f64) as usize).clamp(2, best.len());
        best.select_nth_unstable_by_key(count - 1, |index| (self.population[*index].merit, *index));
        best.truncate(count);
        for _ in 0..ATTEMPTS {
            let control = self.history.draw(generator);
            let genome = self.varied(index, best[below(generator, best.len())], control, generator);
            if let Some(point) = self.genes.point(&genome) {
                return Some((genome, control, point));
            }
        }
        let (genome, point) = self.genes.random(generator)?;
        Some((genome, self.history.draw(generator), point))
    }

    /// Mutation current-to-pbest/1 and binomial crossover.
    fn varied(
        &self,
        index: usize,
        best: usize,
        control: Control,
        generator: &mut ChaCha8Rng,
    ) -> Genome {
        let own = &self.population[index].genome;
        let best = &self.population[best].genome;
        let (first, second) = self.others(index, generator);
        let certain = below(generator, own.len().max(1));
        let mut genome = own.clone();
        for (gene, kind) in self.genes.kinds().iter().enumerate() {
            if *kind == Kind::Fixed || !(gene == certain || chance(generator, control.crossover)) {
                continue;
            }
            genome[gene] = match kind {
                Kind::Choice => self.chosen([best, first, second], gene, own[gene], generator),
                _ => {
                    let pull = best[gene] - own[gene] + first[gene] - second[gene];
                    let mutant = inside(own[gene], own[gene] + control.scale * pull);
                    self.genes.settled(gene, mutant)
                }
            };
        }
        if genome == *own { self.elsewhere(genome, generator) } else { genome }
    }

    /// Two further individuals that differ from one another and from the challenged one, the
    /// second of them perhaps from the archive.
    fn others(&self, index: usize, generator: &mut ChaCha8Rng) -> (&Genome, &Genome) {
        let count = self.population.len();
        if count < 3 {
            return (&self.population[0].genome, &self.population[count - 1].genome);
        }
        let first = (index + 1 + below(generator, count - 1)) % count;
        let second = loop {
            let drawn = below(generator, count + self.archive.len());
            if drawn != index && drawn != first {
                break drawn;
            }
        };
        let second = match second.checked_sub(count) {
            Some(place) => &self.archive[place],
            None => &self.population[second].genome,
        };
        (&self.population[first].genome, second)
    }

    /// A label for a choice: one that the difference brings in, and now and then any other.
    fn chosen(
        &self,
        donors: [&Genome; 3],
        gene: usize,
        own: f64,
        generator: &mut ChaCha8Rng,
    ) -> f64 {
        let free = self.genes.kinds().iter().filter(|kind| **kind != Kind::Fixed).count();
        if chance(generator, 1.0 / (2 * free.max(1)) as f64) {
            return self.genes.other_level(gene, own, generator);
        }
        donors[below(generator, donors.len())][gene]
    }

    /// A genome that has become that of its parent goes to a neighbour in one discrete gene, if
    /// it has any.
    fn elsewhere(&self, mut genome: Genome, generator: &mut ChaCha8Rng) -> Genome {
        let discrete =
            |gene: &usize| matches!(self.genes.kinds()[*gene], Kind::Choice | Kind::Ordered);
        let genes: Vec<usize> = (0..genome.len()).filter(discrete).collect();
        if !genes.is_empty() {
            let gene = genes[below(generator, genes.len())];
            genome[gene] = self.genes.other_level(gene, genome[gene], generator);
        }
        genome
    }

    /// The challenger against the one that it challenges.
    fn select(&mut self, genome: Genome, line: u64, control: Control, merit: Merit) {
        // Where the line has ended meanwhile, the worst individual is challenged.
        let index = self.population.binary_search_by_key(&line, |each| each.line).ok();
        let Some(index) = index.or_else(|| self.worst()) else { return };
        let own = &mut self.population[index];
        if merit > own.merit {
            return;
        }
        if merit < own.merit {
            let gain = own.merit.distance(merit).unwrap_or(f64::INFINITY);
            self.history.succeeded(control, gain);
            let replaced = std::mem::replace(&mut own.genome, genome);
            self.archive.push(replaced);
            own.merit = merit;
            self.shorten_archive();
        } else {
            own.genome = genome;
        }
    }

    fn worst(&self) -> Option<usize> {
        let indices = 0..self.population.len();
        indices.max_by_key(|index| (self.population[*index].merit, *index))
    }

    /// A point that challenges nobody: it joins the population, or when that is complete, takes
    /// the place of the worst where it is better.
    fn join(&mut self, genome: Genome, merit: Merit) {
        if self.population.len() < self.size && self.generations == 0 {
            let line = self.population.last().map_or(0, |last| last.line + 1);
            return self.population.push(Individual { line, genome, merit });
        }
        if let Some(worst) = self.worst().filter(|worst| merit < self.population[*worst].merit) {
            self.population[worst].genome = genome;
            self.population[worst].merit = merit;
        }
    }

    fn shorten_archive(&mut self) {
        let most = (ARCHIVE * self.population.len() as f64) as usize;
        while self.archive.len() > most {
            let drawn = below(&mut self.generator, self.archive.len());
            self.archive.swap_remove(drawn);
        }
    }

    /// Ends a generation: the memories learn, and the population shrinks (equation 10).
    fn turn_generation(&mut self) {
        self.history.learn();
        self.generations += 1;
        if let Some(trials) = self.trials {
            let share = (self.learnt as f64 / trials as f64).min(1.0);
            let size = self.size as f64 - share * (self.size - LEAST.min(self.size)) as f64;
            let size = libm::round(size) as usize;
            if self.population.len() > size {
                self.population.sort_by_key(|each| (each.merit, each.line));
                self.population.truncate(size.max(1));
                self.population.sort_by_key(|each| each.line);
                self.shorten_archive();
            }
        }
        self.left = self.population.len();
    }
}

/// A mutant that has left the unit interval is brought back half way between its parent and the
/// bound.
fn inside(own: f64, mutant: f64) -> f64 {
    if mutant < 0.0 {
        own / 2.0
    } else if mutant >= 1.0 {
        f64::midpoint(1.0, own)
    } else {
        mutant
    }
}

impl Strategy for DifferentialEvolution {
    fn propose(&mut self, number: u64, generator: &mut ChaCha8Rng, _: &[Point]) -> Option<Point> {
        let challenge;
        let point;
        if self.founders < self.size || self.population.len() < LEAST {
            self.founders += 1;
            point = self.design.point(number, generator)?;
            challenge = Challenge { genome: self.genes.genome(&point), against: None };
        } else {
            let index = self.challenged();
            let (genome, control, found) = self.challenger(index, generator)?;
            let line = self.population[index].line;
            challenge = Challenge { genome, against: Some((line, control)) };
            point = found;
        }
        self.out.insert(number, challenge);
        Some(point)
    }

    fn learn(&mut self, origin: Origin, point: &Point, told: &Told) {
        let merit = Merit::of(told);
        let challenge = match origin {
            Origin::Proposed(number) => self.out.remove(&number),
            Origin::Given => None,
        };
        let (genome, against) = match challenge {
            Some(Challenge { genome, against }) => (genome, against),
            None => {
                self.founders += 1;
                (self.genes.genome(point), None)
            }
        };
        self.learnt += 1;
        match against {
            Some((line, control)) => self.select(genome, line, control, merit),
            None => self.join(genome, merit),
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.turn_generation();
        }
    }
}
