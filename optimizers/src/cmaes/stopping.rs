//! When a run has nothing more to give: the tutorial's section B.3 and pycma's criteria.

use std::collections::VecDeque;

use super::distribution::Distribution;
use crate::merit::Merit;

/// What a run remembers to see that it has ended.
#[derive(Clone, Debug)]
pub(crate) struct Stopping {
    dimensions: f64,
    population: f64,
    /// Generations at most.
    limit: f64,
    /// Generations without a difference that are put up with.
    patience: u64,
    flat: u64,
    /// The best merits of the last generations.
    recent: VecDeque<Merit>,
    /// The best and the median merit of every fifth generation, the last first.
    bests: VecDeque<Merit>,
    medians: VecDeque<Merit>,
    best: Merit,
    /// The generation that the best merit is of.
    best_since: u64,
    /// By how much the objectives of the first generation differ.
    first_range: f64,
    /// Where the mean was when it last moved, and in which generation.
    moved: (Vec<f64>, u64),
}

/// An objective that differs by no more than this, or by no more than this share of what it did
/// in the first generation, is the same.
const SAME: f64 = 1e-12;

/// The standard deviation, in parts of a parameter's range, below which nothing is to be found.
const NARROW: f64 = 1e-12;

/// The mean that moves by no more than this, in parts of the range, stands still.
const STILL: f64 = 1e-10;

/// A run whose objectives still differ by so small a part of what they lack to the best of the
/// runs before has settled on something worse.
const HOPELESS: f64 = 1e-3;

/// So many entries of every fifth generation are kept at most.
const HISTORY: usize = 20_000;

impl Stopping {
    /// A run's memory before its first generation. `limit` is a number of generations that ends
    /// it in any case. `ordered` is the share of coordinates that stand for levels, where equal
    /// merits say little.
    pub fn new(distribution: &Distribution, ordered: f64, limit: Option<f64>) -> Self {
        let (dimensions, population) =
            (distribution.mean.len() as f64, distribution.constants.population as f64);
        let width = dimensions + 3.0;
        let longest = 100.0 + 150.0 * width * width / population.sqrt();
        Self {
            dimensions,
            population,
            limit: limit.map_or(longest, |limit| limit.min(longest)),
            patience: 1 + if ordered > 0.0 { 2 + (30.0 * ordered) as u64 } else { 0 },
            flat: 0,
            recent: VecDeque::new(),
            bests: VecDeque::new(),
            medians: VecDeque::new(),
            best: Merit::WORST,
            best_since: 0,
            first_range: f64::INFINITY,
            moved: (distribution.mean.clone(), 0),
        }
    }

    /// Looks at a generation: its merits, in order, and the distribution after it. `ever` is the
    /// best merit of the runs before. True where the run has ended.
    pub fn ends(&mut self, merits: &[Merit], distribution: &Distribution, ever: Merit) -> bool {
        let generation = distribution.generations;
        let (best, worst) = (merits[0], merits[merits.len() - 1]);
        self.remember(merits, generation);
        let range = worst.distance(best).unwrap_or(f64::INFINITY);
        if generation <= 1 {
            self.first_range = range;
        }
        let is_flat = best == merits[merits.len() * 3 / 4];
        self.flat = if is_flat { self.flat + 1 } else { 0 };
        generation as f64 >= self.limit
            || self.flat > self.patience
            || self.is_settled(range, best, ever)
            || self.stands_still(distribution)
            || distribution.is_degenerate()
            || (generation.is_multiple_of(5) && self.stagnates(generation))
    }

    /// The best merit of the run.
    pub fn best(&self) -> Merit {
        self.best
    }

    fn remember(&mut self, merits: &[Merit], generation: u64) {
        if merits[0] < self.best {
            self.best = merits[0];
            self.best_since = generation;
        }
        self.recent.push_front(merits[0]);
        self.recent.truncate((10.0 + 30.0 * self.dimensions / self.population) as usize);
        if generation.is_multiple_of(5) {
            self.bests.push_front(merits[0]);
            self.medians.push_front(merits[merits.len() / 2]);
            self.bests.truncate(HISTORY);
            self.medians.truncate(HISTORY);
        }
    }

    /// Whether the objectives of the last generations are as good as equal.
    fn is_settled(&self, range: f64, best: Merit, ever: Merit) -> bool {
        if self.recent.len() < 10 {
            return false;
        }
        let (least, most) = (self.recent.iter().min(), self.recent.iter().max());
        let history = least.zip(most).and_then(|(least, most)| most.distance(*least));
        let Some(history) = history else { return false };
        let rounding = 4.0 * f64::EPSILON * best.objective().unwrap_or(0.0).abs();
        let same = SAME * self.first_range.min(1.0) + rounding;
        let lacking = self.best.distance(ever).unwrap_or(0.0);
        history <= same || history.max(range) < HOPELESS * lacking
    }

    /// Whether the distribution is a point, or its mean has stood still for long.
    fn stands_still(&mut self, distribution: &Distribution) -> bool {
        let generation = distribution.generations;
        if distribution.mean.is_empty() {
            return false;
        }
        let (place, since) = &mut self.moved;
        let moved: f64 = place.iter().zip(&distribution.mean).map(|(a, b)| (a - b) * (a - b)).sum();
        let waited = (generation - *since) as f64;
        let patience = 20.0 + 0.1 * generation as f64;
        if moved.sqrt() > STILL * (waited / patience).max(1.0).sqrt() {
            place.copy_from_slice(&distribution.mean);
            *since = generation;
        }
        let still = (generation - *since) as f64 > patience;
        still
            || (0..distribution.mean.len()).all(|coordinate| {
                distribution.deviation(coordinate) < NARROW
                    && distribution.trend(coordinate).abs() < NARROW
            })
    }

    /// Whether neither the best nor the median merit has become better over a long time.
    fn stagnates(&self, generation: u64) -> bool {
        let long = 100.0 + 100.0 * self.dimensions * self.dimensions.sqrt() / self.population;
        let since_best = (generation - self.best_since) as f64;
        let half = ((long / 10.0) as usize).max(self.bests.len() / 10);
        if generation as f64 <= self.dimensions * (5.0 + 100.0 / self.population)
            || since_best <= long / 2.0
            || self.bests.len() <= 100.max(2 * half)
        {
            return false;
        }
        let median = |merits: &VecDeque<Merit>, from: usize| {
            let mut merits: Vec<Merit> = merits.range(from..from + half).copied().collect();
            merits.sort();
            merits[half / 2]
        };
        [&self.bests, &self.medians].iter().all(|all| median(all, 0) >= median(all, half))
    }
}
