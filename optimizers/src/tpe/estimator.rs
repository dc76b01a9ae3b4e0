//! The strategy: what is observed, what counts as good, what is proposed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Point, Sequence, Space, Value};

use super::elite::{Elite, Standing};
use super::group::Group;
use crate::grid::GridSearch;
use crate::optimizer::{Origin, Strategy, Told};
use crate::sampling::{Design, random_point};

/// The numbers that may be chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// So many trials are told before the first is proposed by the densities.
    pub startup: usize,
    /// So many candidates are compared for each proposal.
    pub candidates: usize,
    /// The share of all trials that is good, rounded up.
    pub gamma: f64,
    /// How many are good at most.
    pub good: usize,
    /// So many of the others are remembered.
    pub memory: usize,
    /// Whether every parameter has densities of its own.
    pub independent: bool,
}

/// For every candidate wanted, so many are drawn before constraints are taken to leave none.
const ATTEMPTS: usize = 20;

/// Tree-structured Parzen estimator.
pub(super) struct Estimator {
    space: Arc<Space>,
    settings: Settings,
    design: Design,
    groups: Vec<Group>,
    elite: Elite,
    /// The identities of the good observations, ascending.
    good: Vec<u64>,
    /// The next observation's identity.
    next: u64,
    /// How many trials were told, and how many of them have a standing.
    told: usize,
    ranked: usize,
    /// Proposals that are out: their identities and coordinates.
    out: BTreeMap<u64, (u64, Vec<f64>)>,
    known: Known,
}

/// What was proposed or given, where a point may come up again.
struct Known {
    /// None in spaces where every point has a parameter that is continuous.
    hashes: Option<BTreeSet<u128>>,
    /// All points of a finite space, in the seed's order, of which those before `next` are known.
    all: Option<GridSearch>,
    next: u64,
}

impl Estimator {
    /// One that knows nothing yet.
    pub fn new(space: &Arc<Space>, seed: u64, settings: Settings) -> Self {
        Self {
            space: Arc::clone(space),
            settings,
            design: Design::new(space, seed),
            groups: Group::of_space(space, settings.independent),
            elite: Elite::new(settings.good),
            good: Vec::new(),
            next: 0,
            told: 0,
            ranked: 0,
            out: BTreeMap::new(),
            known: Known::new(space, seed),
        }
    }

    /// Adds an observation to those that are not good, as which it counts until it is told.
    fn observe(&mut self, units: &[f64]) -> u64 {
        let identity = self.next;
        self.next += 1;
        for group in self.groups.iter_mut().filter(|group| group.is_at(units)) {
            group.others.insert(identity, units);
        }
        identity
    }

    /// Chooses anew which observations are good, and moves them between the densities.
    fn divide(&mut self) {
        let share = (self.settings.gamma * self.ranked as f64).ceil() as usize;
        let places = self.elite.best(share.clamp(1, self.settings.good));
        let members = self.elite.members();
        let mut good: Vec<u64> = places.iter().map(|place| members[*place].identity).collect();
        good.sort_unstable();
        if good == self.good {
            return;
        }
        for member in members {
            let was_good = self.good.binary_search(&member.identity).is_ok();
            let is_good = good.binary_search(&member.identity).is_ok();
            if was_good == is_good {
                continue;
            }
            for group in self.groups.iter_mut().filter(|group| group.is_at(&member.units)) {
                let [from, to] = if is_good {
                    [&mut group.others, &mut group.good]
                } else {
                    [&mut group.good, &mut group.others]
                };
                from.remove(member.identity);
                to.insert(member.identity, &member.units);
            }
        }
        self.good = good;
    }

    /// The coordinates and the point that the densities propose; none where the constraints or
    /// what is known already leave none of the candidates.
    fn modelled(&mut self, generator: &mut ChaCha8Rng) -> Option<(Vec<f64>, Point)> {
        let mut units = vec![f64::NAN; self.space.parameters().len()];
        let mut values = vec![Value::Inactive; units.len()];
        let is_free = self.space.constraints().is_empty() && self.known.hashes.is_none();
        for group in &mut self.groups {
            if !group.is_active(&self.space, &Point::new(values.clone())) {
                continue;
            }
            group.refresh();
            let mut candidates: Vec<Vec<f64>> = Vec::with_capacity(self.settings.candidates);
            for _ in 0..ATTEMPTS * self.settings.candidates {
                group.draw(generator, &mut units);
                if !is_free {
                    // A constraint that mentions a parameter of a later group counts as met.
                    group.decode(&self.space, &units, &mut values);
                    let point = Point::new(values.clone());
                    if !self.space.satisfies(&point) || self.known.contains(&point) {
                        continue;
                    }
                }
                candidates.push(units.clone());
                if candidates.len() == self.settings.candidates {
                    break;
                }
            }
            if candidates.is_empty() {
                return None;
            }
            let best = group.likeliest(&candidates);
            units = candidates.swap_remove(best);
            group.decode(&self.space, &units, &mut values);
        }
        Some((units, Point::new(values)))
    }

    /// A point that is not known, at random; or any, where everything is.
    fn unknown(&mut self, generator: &mut ChaCha8Rng) -> Option<Point> {
        self.known.next_of_all().or_else(|| random_point(&self.space, generator))
    }

    /// The coordinates of a point; not a number where it is inactive.
    fn units(&self, point: &Point) -> Vec<f64> {
        let mut units = self.space.encode(point);
        for (unit, value) in units.iter_mut().zip(point.values()) {
            if *value == Value::Inactive {
                *unit = f64::NAN;
            }
        }
        units
    }
}

impl Strategy for Estimator {
    fn propose(&mut self, number: u64, generator: &mut ChaCha8Rng, _: &[Point]) -> Option<Point> {
        let has_model = self.told >= self.settings.startup && !self.good.is_empty();
        let modelled = if has_model { self.modelled(generator) } else { None };
        let (units, point) = match modelled {
            Some(found) => found,
            None => {
                let planned = (!has_model).then(|| self.design.point(number, generator)).flatten();
                let point = match planned.filter(|point| !self.known.contains(point)) {
                    Some(point) => point,
                    None => self.unknown(generator)?,
                };
                (self.units(&point), point)
            }
        };
        if self.known.add(&point) {
            let identity = self.observe(&units);
            for group in &mut self.groups {
                while group.others.len() > self.settings.memory {
                    group.others.thin(generator);
                }
            }
            self.out.insert(number, (identity, units));
        }
        Some(point)
    }

    fn learn(&mut self, origin: Origin, point: &Point, told: &Told) {
        let (identity, units) = match origin {
            Origin::Proposed(number) => match self.out.remove(&number) {
                Some(observation) => observation,
                // A repetition, which says nothing new.
                None => return,
            },
            Origin::Given => {
                self.known.add(point);
                let units = self.units(point);
                (self.observe(&units), units)
            }
        };
        self.told += 1;
        if let Some(standing) = Standing::new(told) {
            self.ranked += 1;
            self.elite.offer(identity, units, standing);
            self.divide();
        }
    }
}

impl Known {
    fn new(space: &Arc<Space>, seed: u64) -> Self {
        let is_finite = space.cardinality().is_some();
        let parameters = space.parameters();
        let may_repeat = !parameters
            .iter()
            .any(|each| each.when().is_none() && each.domain().levels().is_none());
        let all = is_finite.then(|| GridSearch::new(Arc::clone(space), Some(seed)).ok()).flatten();
        Self { hashes: may_repeat.then(BTreeSet::new), all, next: 0 }
    }

    fn contains(&self, point: &Point) -> bool {
        self.hashes.as_ref().is_some_and(|hashes| hashes.contains(&point.hash()))
    }

    /// Adds a point; false where it was there.
    fn add(&mut self, point: &Point) -> bool {
        self.hashes.as_mut().is_none_or(|hashes| hashes.insert(point.hash()))
    }

    /// The next point of a finite space that is not known.
    fn next_of_all(&mut self) -> Option<Point> {
        let all = self.all.as_ref()?;
        while self.next < all.end()? {
            self.next += 1;
            if let Some(point) = all.point(self.next - 1).filter(|point| !self.contains(point)) {
                return Some(point);
            }
        }
        None
    }
}
