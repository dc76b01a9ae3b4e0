//! Refines the best trials of any plan with Nelder-Mead.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Point, Sequence, Space};

use crate::algorithm::Plan;
use crate::classical;
use crate::optimizer::{Asked, Optimizer, Told};
use crate::pareto::{Scores, non_dominated};
use crate::search::Search;

/// A plan, and then so many further trials on simplexes that start at its best ones.
///
/// The refinement begins when all trials of the plan are told, so that where it begins depends on
/// the plan alone. With one objective it starts at the best point, and where there are trials for
/// more than one simplex, at the next best that lie apart. With several it starts at the knee of the frontier, at its
/// extremes, and then at its other points; each start has a direction of its own, in which it
/// lowers all objectives.
///
/// Memory: about 200 bytes per trial of the plan where the space is finite, since no point is
/// evaluated twice; otherwise, its frontier or best trials alone.
pub(crate) struct Polish {
    plan: Plan,
    /// Trials of the plan: at most, and so far.
    limit: Option<u64>,
    asked: u64,
    /// Where the plan is a sequence: its next number.
    number: u64,
    /// Trials that are out.
    out: u64,
    /// What is known of the plan's trials.
    known: Vec<(Point, Told)>,
    /// With so many known, they are sifted again.
    sift_at: usize,
    space: Arc<Space>,
    seed: u64,
    /// Trials left for the refinement.
    left: u64,
    search: Option<Search>,
}

/// Of an endless space, so many of the best trials are kept at least.
const KEPT: usize = 4096;

impl Polish {
    /// A plan that ends by itself or has at most `limit` trials, and `trials` after it.
    pub fn new(
        plan: Plan,
        limit: Option<u64>,
        trials: u64,
        space: &Arc<Space>,
        seed: u64,
        known: Vec<(Point, Told)>,
    ) -> Self {
        let space = Arc::clone(space);
        Self {
            plan,
            limit,
            asked: 0,
            number: 0,
            out: 0,
            known,
            sift_at: 2 * KEPT,
            space,
            seed,
            left: trials,
            search: None,
        }
    }

    /// The next point of the plan.
    fn of_plan(&mut self, trial: u64, generator: &mut ChaCha8Rng, pending: &[Point]) -> Asked {
        if self.limit.is_some_and(|limit| self.asked >= limit) {
            return Asked::Exhausted;
        }
        let asked = match &mut self.plan {
            Plan::Optimizer { optimizer, .. } => optimizer.ask(trial, generator, pending),
            Plan::Sequence(sequence) => next_of(&**sequence, &mut self.number),
        };
        if let Asked::Point(_) = asked {
            self.asked += 1;
        }
        asked
    }

    fn refinement(&mut self) -> Search {
        let known = std::mem::take(&mut self.known);
        let strategy = classical::refinement(&self.space, self.seed, &known, self.left);
        Search::new(strategy, &self.space, self.seed, &known, Vec::new())
    }

    /// Drops what no refinement would start at.
    fn sift(&mut self) {
        if self.space.cardinality().is_some() || self.known.len() < self.sift_at {
            return;
        }
        let mut places = front(&self.known);
        if places.len() < KEPT {
            let mut others: Vec<usize> = (0..self.known.len()).collect();
            let cost = |place: &usize| classical::cost(&self.known[*place].1);
            others.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
            others.truncate(KEPT);
            places.extend(others);
            places.sort_unstable();
            places.dedup();
        }
        let mut place = 0;
        self.known.retain(|_| {
            place += 1;
            places.binary_search(&(place - 1)).is_ok()
        });
        self.sift_at = 2 * self.known.len().max(KEPT);
    }
}

fn next_of(sequence: &dyn Sequence, number: &mut u64) -> Asked {
    while sequence.end().is_none_or(|end| *number < end) {
        *number += 1;
        if let Some(point) = sequence.point(*number - 1) {
            return Asked::Point(point);
        }
    }
    Asked::Exhausted
}

/// The places of the feasible trials that none dominates.
pub(crate) fn front(known: &[(Point, Told)]) -> Vec<usize> {
    let feasible = |told: &Told| match told {
        Told::Complete { objectives, violation: 0.0 } => Some(objectives.clone()),
        _ => None,
    };
    let rows = known.iter().enumerate();
    let (places, rows): (Vec<usize>, Vec<Vec<f64>>) =
        rows.filter_map(|(place, (_, told))| Some((place, feasible(told)?))).unzip();
    let Some(width) = rows.first().map(Vec::len) else { return Vec::new() };
    let front = non_dominated(Scores::new(&rows.concat(), width));
    front.into_iter().map(|row| places[row]).collect()
}

impl Optimizer for Polish {
    fn ask(&mut self, trial: u64, generator: &mut ChaCha8Rng, pending: &[Point]) -> Asked {
        if self.search.is_none() {
            let asked = self.of_plan(trial, generator, pending);
            match asked {
                Asked::Point(_) => self.out += 1,
                Asked::Exhausted if self.out == 0 => self.search = Some(self.refinement()),
                Asked::Exhausted => return Asked::Wait,
                Asked::Wait => {}
            }
            if self.search.is_none() {
                return asked;
            }
        }
        let search = self.search.as_mut().filter(|_| self.left > 0);
        let asked = search.map_or(Asked::Exhausted, |search| search.ask(trial, generator, pending));
        if let Asked::Point(_) = asked {
            self.left -= 1;
        }
        asked
    }

    fn tell(&mut self, trial: u64, point: &Point, told: &Told) {
        if let Some(search) = &mut self.search {
            return search.tell(trial, point, told);
        }
        self.out -= 1;
        if let Plan::Optimizer { optimizer, .. } = &mut self.plan {
            optimizer.tell(trial, point, told);
        }
        self.known.push((point.clone(), told.clone()));
        self.sift();
    }

    fn revise(&mut self, point: &Point, told: &Told) {
        match (&mut self.search, &mut self.plan) {
            (Some(search), _) => return search.revise(point, told),
            (None, Plan::Optimizer { optimizer, .. }) => optimizer.revise(point, told),
            (None, Plan::Sequence(_)) => {}
        }
        self.known.push((point.clone(), told.clone()));
        self.sift();
    }
}
