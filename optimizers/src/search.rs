//! What is the same for every algorithm that learns: points given first, repetitions, the end.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::Entry;
use rand_chacha::ChaCha8Rng;
use search_spaces::{Point, Sequence, Space};

use crate::grid::GridSearch;
use crate::optimizer::{Asked, Optimizer, Origin, Strategy, Told};
use crate::sampling::random_point;

/// After so many repetitions in a row, a strategy has converged on points that are known, and
/// the trial goes to one that is not.
const REPETITIONS: u32 = 250;

/// Makes an [`Optimizer`] of a [`Strategy`].
///
/// No point is evaluated twice: what a strategy proposes again is answered from memory at once,
/// or, while the first is still out, together with it. Once a finite space has been given whole,
/// it is exhausted.
///
/// Memory: about 100 bytes and the objectives per trial.
pub struct Search {
    strategy: Box<dyn Strategy>,
    space: Arc<Space>,
    /// Points to be evaluated before the strategy's own.
    first: VecDeque<Point>,
    memory: Memory,
    /// Of the trials that are out: the proposals that wait for them.
    out: BTreeMap<u64, Waiting>,
    /// Proposals so far.
    proposals: u64,
    /// The shuffled grid of a finite space, for when the strategy only repeats itself.
    rest: Option<GridSearch>,
    next_of_rest: u64,
}

/// Who waits for a trial.
#[derive(Debug)]
struct Waiting {
    /// Where the memory keeps the point.
    place: usize,
    origin: Option<u64>,
    /// Further proposals of the same point.
    repetitions: Vec<u64>,
}

impl Search {
    /// The optimizer that a strategy makes over a space.
    ///
    /// `known` are the results of an earlier study: learnt at once, and not evaluated again.
    /// `first` are evaluated before anything else. `seed` shuffles what is left of a finite space.
    #[must_use]
    pub fn new(
        mut strategy: Box<dyn Strategy>,
        space: &Arc<Space>,
        seed: u64,
        known: &[(Point, Told)],
        first: Vec<Point>,
    ) -> Self {
        let mut memory = Memory::default();
        for (point, told) in known {
            if let Ok(place) = memory.add(point) {
                memory.set(place, Known::Told(told.clone()));
                strategy.learn(Origin::Given, point, told);
            }
        }
        let is_finite = space.cardinality().is_some();
        Self {
            strategy,
            space: Arc::clone(space),
            first: first.into(),
            memory,
            out: BTreeMap::new(),
            proposals: 0,
            rest: is_finite.then(|| GridSearch::new(Arc::clone(space), Some(seed)).ok()).flatten(),
            next_of_rest: 0,
        }
    }

    /// Gives a point to a trial.
    fn give(&mut self, trial: u64, point: Point, place: usize, origin: Option<u64>) -> Asked {
        self.memory.set(place, Known::Out(trial));
        self.out.insert(trial, Waiting { place, origin, repetitions: Vec::new() });
        Asked::Point(point)
    }

    /// A point that has not been given, whatever the strategy thinks of it.
    fn unknown(&mut self, trial: u64, generator: &mut ChaCha8Rng) -> Asked {
        if let Some(rest) = &self.rest {
            let len = rest.end().expect("a grid has an end");
            while self.next_of_rest < len {
                self.next_of_rest += 1;
                let Some(point) = rest.point(self.next_of_rest - 1) else { continue };
                if let Ok(place) = self.memory.add(&point) {
                    return self.give(trial, point, place, None);
                }
            }
            return Asked::Exhausted;
        }
        for _ in 0..REPETITIONS {
            let Some(point) = random_point(&self.space, generator) else { break };
            if let Ok(place) = self.memory.add(&point) {
                return self.give(trial, point, place, None);
            }
        }
        Asked::Exhausted
    }
}

impl Optimizer for Search {
    fn ask(&mut self, trial: u64, generator: &mut ChaCha8Rng, pending: &[Point]) -> Asked {
        while let Some(point) = self.first.pop_front() {
            if let Ok(place) = self.memory.add(&point) {
                return self.give(trial, point, place, None);
            }
        }
        for _ in 0..REPETITIONS {
            let number = self.proposals;
            let Some(point) = self.strategy.propose(number, generator, pending) else {
                // With nothing to wait for, the strategy has found no point at all.
                if self.out.is_empty() {
                    break;
                }
                return Asked::Wait;
            };
            debug_assert!(self.space.contains(&point), "{point:?} lies outside the space");
            self.proposals += 1;
            match self.memory.add(&point) {
                Ok(place) => return self.give(trial, point, place, Some(number)),
                Err(Seen::Told(told)) => {
                    self.strategy.learn(Origin::Proposed(number), &point, &told);
                }
                Err(Seen::Out(first)) => {
                    let waiting = self.out.get_mut(&first).expect("the trial is out");
                    waiting.repetitions.push(number);
                }
            }
        }
        self.unknown(trial, generator)
    }

    fn tell(&mut self, trial: u64, point: &Point, told: &Told) {
        let waiting = self.out.remove(&trial).expect("trials are told after they were asked");
        self.memory.set(waiting.place, Known::Told(told.clone()));
        let origin = waiting.origin.map_or(Origin::Given, Origin::Proposed);
        self.strategy.learn(origin, point, told);
        for number in waiting.repetitions {
            self.strategy.learn(Origin::Proposed(number), point, told);
        }
    }

    fn revise(&mut self, point: &Point, told: &Told) {
        self.memory.revise(point, told);
        self.strategy.learn(Origin::Given, point, told);
    }
}

/// The points given so far, by their hash, and what came of them.
#[derive(Debug, Default)]
struct Memory {
    known: IndexMap<u128, Known, BuildHasherDefault<Digest>>,
}

#[derive(Debug)]
enum Known {
    /// The trial that it was given to.
    Out(u64),
    Told(Told),
}

/// What is known of a point that was seen before.
enum Seen {
    Out(u64),
    Told(Told),
}

impl Memory {
    /// Adds a point, unless it is there; says where it is kept.
    fn add(&mut self, point: &Point) -> Result<usize, Seen> {
        match self.known.entry(point.hash()) {
            Entry::Vacant(entry) => {
                let place = entry.index();
                entry.insert(Known::Out(u64::MAX));
                Ok(place)
            }
            Entry::Occupied(entry) => match entry.get() {
                Known::Out(trial) => Err(Seen::Out(*trial)),
                Known::Told(told) => Err(Seen::Told(told.clone())),
            },
        }
    }

    fn revise(&mut self, point: &Point, told: &Told) {
        self.known.insert(point.hash(), Known::Told(told.clone()));
    }

    fn set(&mut self, place: usize, known: Known) {
        self.known[place] = known;
    }
}

/// The hash of a point is a digest already: any part of it is as good as a hash of it.
#[derive(Debug, Default)]
struct Digest(u64);

impl Hasher for Digest {
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys are digests");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
