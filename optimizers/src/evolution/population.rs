//! The frame of the evolutionary algorithms: who breeds, who is learnt of, when survivors are chosen.
//!
//! A generation is every so many results, however the trials were scheduled: children are bred
//! from the last survivors at any time, so nothing ever waits. Where each trial is told before the
//! next is asked, and a generation is as large as the population, this is the textbook's algorithm
//! to the letter; with a lag, the first children of a generation have older parents.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use search_spaces::{Point, Space, Value};

use super::breeding::Breeding;
use super::genes::Genome;
use super::variation::Variation;
use crate::draw::{below, chance};
use crate::hashing::keyed;
use crate::optimizer::{Origin, Strategy, Told};
use crate::pareto::Scores;
use crate::sampling::Design;

/// A point that was evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Individual {
    pub genome: Genome,
    /// All minimised.
    pub objectives: Vec<f64>,
    pub violation: f64,
    /// By which a point is told from others at a glance.
    mark: u64,
}

impl Individual {
    /// What was learnt of a point, whose genome this is.
    pub fn new(genome: Genome, point: &Point, objectives: &[f64], violation: f64) -> Self {
        let mark = point.values().iter().fold(0, |mark, value| {
            let (kind, bits) = match *value {
                Value::Inactive => (0, 0),
                // Adding zero turns -0.0 into 0.0, which compares equal to it.
                Value::Float(value) => (1, (value + 0.0).to_bits()),
                Value::Int(value) => (2, value.cast_unsigned()),
                Value::Bool(value) => (3, u64::from(value)),
                Value::Label(index) => (4, u64::from(index)),
            };
            keyed(mark ^ kind, bits)
        });
        Self { genome, objectives: objectives.to_vec(), violation, mark }
    }

    /// Whether both are of the same point; genomes may differ where parameters are inactive.
    fn is_twin(&self, other: &Self) -> bool {
        self.mark == other.mark && self.objectives == other.objectives
    }
}

/// The objectives of a crowd, row after row, and its violations.
#[derive(Debug)]
pub(crate) struct Table {
    objectives: Vec<f64>,
    pub violations: Vec<f64>,
    pub width: usize,
}

impl Table {
    /// Of a crowd that has a member.
    pub fn of(crowd: &[Individual]) -> Self {
        Self {
            objectives: crowd.iter().flat_map(|each| &each.objectives).copied().collect(),
            violations: crowd.iter().map(|each| each.violation).collect(),
            width: crowd[0].objectives.len(),
        }
    }

    pub fn scores(&self) -> Scores<'_> {
        Scores::new(&self.objectives, self.width).with_violations(&self.violations)
    }
}

/// The objectives of one front, row after row.
pub(crate) fn rows(scores: Scores<'_>, front: &[usize]) -> Vec<f64> {
    front.iter().flat_map(|index| scores.row(*index)).copied().collect()
}

/// What makes a survivor a good parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitness {
    pub rank: usize,
    /// Its crowding distance within its front.
    pub crowding: f64,
}

impl Fitness {
    /// The crowded comparison of NSGA-II: the lesser rank first, then the lonelier.
    pub fn compare(self, other: Self) -> Ordering {
        self.rank.cmp(&other.rank).then(other.crowding.total_cmp(&self.crowding))
    }
}

/// These of a crowd, each at most once, in this order.
pub(crate) fn taken(crowd: Vec<Individual>, order: &[usize]) -> Vec<Individual> {
    let mut crowd: Vec<Option<Individual>> = crowd.into_iter().map(Some).collect();
    order.iter().map(|index| crowd[*index].take().expect("each survives once")).collect()
}

/// Chooses the survivors of a crowd.
pub(crate) trait Survival: Send {
    /// Keeps `size` of the crowd, which is at least as large.
    fn survivors(
        &mut self,
        crowd: Vec<Individual>,
        size: usize,
        generator: &mut ChaCha8Rng,
    ) -> Vec<Individual>;

    /// Which of two survivors of the last choice makes the better parent: the lesser one.
    fn compare(&self, a: usize, b: usize) -> Ordering;
}

/// A population under one rule of survival.
pub(crate) struct Evolution<S> {
    breeding: Breeding,
    design: Design,
    survival: S,
    /// How many survive, and after how many results survivors are chosen again.
    size: usize,
    generation: usize,
    /// For the choice of survivors, which no trial's own generator is there for.
    generator: ChaCha8Rng,
    pub(super) survivors: Vec<Individual>,
    /// What was learnt of since.
    young: Vec<Individual>,
    learnt: usize,
    /// The genomes of the proposals that are out.
    out: BTreeMap<u64, Genome>,
}

impl<S: Survival> Evolution<S> {
    /// A population of `size` before its first member.
    pub fn new(
        space: &Arc<Space>,
        seed: u64,
        size: usize,
        generation: usize,
        variation: Variation,
        survival: S,
    ) -> Self {
        Self {
            breeding: Breeding::new(space, variation),
            design: Design::new(space, seed),
            survival,
            size,
            generation,
            generator: ChaCha8Rng::seed_from_u64(seed),
            survivors: Vec::new(),
            young: Vec::new(),
            learnt: 0,
            out: BTreeMap::new(),
        }
    }

    fn child(&self, generator: &mut ChaCha8Rng) -> Option<(Genome, Point)> {
        self.breeding.child(generator, |generator| {
            let mother = self.parent(generator);
            let father = self.parent(generator);
            [mother, father].map(|index| &*self.survivors[index].genome)
        })
    }

    /// Binary tournament.
    fn parent(&self, generator: &mut ChaCha8Rng) -> usize {
        let [a, b] = [0, 1].map(|_| below(generator, self.survivors.len()));
        match self.survival.compare(a, b) {
            Ordering::Less => a,
            Ordering::Greater => b,
            Ordering::Equal => {
                if chance(generator, 0.5) {
                    a
                } else {
                    b
                }
            }
        }
    }

    /// Chooses the survivors anew where it is time.
    fn turn(&mut self) {
        let wanted = if self.survivors.is_empty() { self.size } else { self.generation };
        if self.learnt < wanted || self.young.is_empty() {
            return;
        }
        self.learnt = 0;
        let mut crowd = std::mem::take(&mut self.survivors);
        crowd.append(&mut self.young);
        let size = self.size.min(crowd.len());
        self.survivors = self.survival.survivors(crowd, size, &mut self.generator);
    }
}

impl<S: Survival> Strategy for Evolution<S> {
    fn propose(&mut self, number: u64, generator: &mut ChaCha8Rng, _: &[Point]) -> Option<Point> {
        let (genome, point) = if self.survivors.is_empty() {
            let point = self.design.point(number, generator)?;
            (self.breeding.genome(&point), point)
        } else {
            self.child(generator)?
        };
        self.out.insert(number, genome);
        Some(point)
    }

    fn learn(&mut self, origin: Origin, point: &Point, told: &Told) {
        let genome = match origin {
            Origin::Proposed(number) => self.out.remove(&number),
            Origin::Given => None,
        };
        self.learnt += 1;
        if let Told::Complete { objectives, violation } = told {
            let genome = genome.unwrap_or_else(|| self.breeding.genome(point));
            let newcomer = Individual::new(genome, point, objectives, *violation);
            if !self.survivors.iter().chain(&self.young).any(|each| each.is_twin(&newcomer)) {
                self.young.push(newcomer);
            }
        }
        self.turn();
    }
}
