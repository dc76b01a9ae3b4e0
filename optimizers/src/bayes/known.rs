//! What both engines share: an even start, what was learnt, and when there is enough of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Point, Space};

use super::features::Features;
use super::records::Records;
use crate::optimizer::{Origin, Strategy, Told};
use crate::sampling::{Design, random_point};

/// Limits of what is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Proposals that are spread evenly before the first that is chosen.
    pub startup: u64,
    /// Points that a process is made of, at most.
    pub points: usize,
}

/// What is known of a space.
pub(crate) struct Known {
    pub space: Arc<Space>,
    pub features: Features,
    pub design: Design,
    pub limits: Limits,
    pub records: Records,
    /// The hashes of the points learnt.
    pub seen: BTreeSet<u128>,
    /// Whether the last point learnt was known before: then a model has nothing new to say.
    repeats: bool,
}

impl Known {
    pub fn new(space: &Arc<Space>, objectives: usize, seed: u64, limits: Limits) -> Self {
        Self {
            space: Arc::clone(space),
            features: Features::new(space),
            design: Design::new(space, seed),
            limits,
            records: Records::new(objectives),
            seen: BTreeSet::new(),
            repeats: false,
        }
    }
}

/// A way of choosing points by what is known.
pub(crate) trait Engine: Send {
    /// The point to evaluate next, as proposal of that number; none where there is none.
    fn chosen(
        &mut self,
        number: u64,
        known: &Known,
        generator: &mut ChaCha8Rng,
        pending: &[Point],
    ) -> Option<Point>;

    /// Hears of a result of a point that was not known before.
    fn hear(&mut self, _: &Told) {}
}

/// An engine with what it knows: a strategy.
pub(crate) struct Modelled<E> {
    pub known: Known,
    pub engine: E,
}

impl<E: Engine> Strategy for Modelled<E> {
    fn propose(
        &mut self,
        number: u64,
        generator: &mut ChaCha8Rng,
        pending: &[Point],
    ) -> Option<Point> {
        let known = &self.known;
        if known.features.len() == 0 || known.repeats {
            return random_point(&known.space, generator);
        }
        // With a large lag, the start is over before its results are there: then it goes on.
        if number < known.limits.startup || known.records.complete() < 3 {
            return known.design.point(number, generator);
        }
        self.engine.chosen(number, known, generator, pending)
    }

    fn learn(&mut self, _: Origin, point: &Point, told: &Told) {
        let known = &mut self.known;
        known.repeats = !known.seen.insert(point.hash());
        if !known.repeats {
            known.records.add(known.features.place(point), told);
            self.engine.hear(told);
        }
    }
}
