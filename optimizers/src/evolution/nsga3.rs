//! NSGA-III: survival by non-dominated rank, then by how few share a direction.
//!
//! Deb and Jain, "An evolutionary many-objective optimization algorithm using
//! reference-point-based nondominated sorting approach, part I: solving problems with box
//! constraints", IEEE Trans. Evol. Comput. 18(4), 2014, algorithms 1 to 4; constraints as in part
//! II, Jain and Deb, same issue.
//!
//! In one respect other than the paper: the extreme points are looked for after scaling every
//! objective to its range, so that units do not matter.

use std::cmp::Ordering;

use rand_chacha::ChaCha8Rng;

use super::directions::directions;
use super::population::{Individual, Survival, Table, taken};
use super::variation::Variation;
use crate::draw::below;
use crate::pareto::{Scores, first_fronts, solve_for_ones};

/// Its rule of survival.
#[derive(Debug)]
pub(crate) struct Nsga3 {
    directions: Vec<Vec<f64>>,
    /// The best value of every objective so far.
    ideal: Vec<f64>,
    /// For every objective, the point found nearest to its axis.
    extremes: Vec<Vec<f64>>,
    /// The violation of each survivor.
    violations: Vec<f64>,
}

/// The distribution index of the crossover, table III.
const CROSSOVER: u32 = 30;

/// How much an objective other than the axis counts when the extreme points are looked for.
const OFF_AXIS: f64 = 1e-6;

/// A range smaller than this share of the largest coordinate is rounding error.
const FLAT: f64 = 1e-12;

/// A row that may survive: the direction that it is nearest to, and how far from it.
#[derive(Clone, Copy, Debug)]
struct Associated {
    index: usize,
    direction: usize,
    distance: f64,
}

/// Equation 4: the achievement scalarising function of the direction along one axis.
fn off_axis(shares: &[f64], axis: usize) -> f64 {
    let part = |(at, share): (usize, &f64)| if at == axis { *share } else { share / OFF_AXIS };
    shares.iter().enumerate().map(part).fold(f64::NEG_INFINITY, f64::max)
}

impl Nsga3 {
    /// With directions for so many objectives and survivors.
    pub fn new(objectives: usize, size: usize) -> Self {
        Self {
            directions: directions(objectives, size),
            ideal: vec![f64::INFINITY; objectives],
            extremes: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// How its population varies.
    pub fn variation() -> Variation {
        Variation { crossover_index: CROSSOVER, ..Variation::default() }
    }

    /// Algorithm 2: how far the front reaches from the ideal on every axis, by which objectives
    /// are divided.
    fn intercepts(&mut self, scores: Scores<'_>, front: &[usize], all: &[usize]) -> Vec<f64> {
        for index in all {
            for (best, value) in self.ideal.iter_mut().zip(scores.row(*index)) {
                *best = best.min(*value);
            }
        }
        let ranges = self.ranges(scores, front, all);
        let shares = |row: &[f64]| -> Vec<f64> {
            let parts = row.iter().zip(&self.ideal).zip(&ranges);
            parts.map(|((value, best), range)| (value - best) / range).collect()
        };
        let candidates: Vec<(Vec<f64>, &[f64])> = front
            .iter()
            .map(|index| scores.row(*index))
            .chain(self.extremes.iter().map(Vec::as_slice))
            .map(|row| (shares(row), row))
            .collect();
        let extremes: Vec<&(Vec<f64>, &[f64])> = (0..ranges.len())
            .map(|axis| {
                let order = |a: &&(Vec<f64>, &[f64]), b: &&(Vec<f64>, &[f64])| {
                    off_axis(&a.0, axis).total_cmp(&off_axis(&b.0, axis))
                };
                candidates.iter().min_by(order).expect("a front has rows")
            })
            .collect();
        let corners: Vec<&[f64]> = extremes.iter().map(|(shares, _)| &**shares).collect();
        let plane = solve_for_ones(&corners).unwrap_or_default();
        self.extremes = extremes.iter().map(|(_, row)| row.to_vec()).collect();
        // Where the extreme points span no plane that cuts every axis within reach, the worst
        // values of the front stand in for its intercepts.
        let is_usable = |part: &f64| (OFF_AXIS..=1.0 / OFF_AXIS).contains(part);
        match plane.len() == ranges.len() && plane.iter().all(is_usable) {
            true => plane.iter().zip(&ranges).map(|(part, range)| range / part).collect(),
            false => ranges,
        }
    }

    /// The range of every objective from the ideal to the worst of the front. One in which the
    /// front is flat is as wide as everything in sight.
    fn ranges(&self, scores: Scores<'_>, front: &[usize], all: &[usize]) -> Vec<f64> {
        let range = |(at, best): (usize, &f64)| {
            let reach = |rows: &[usize]| {
                rows.iter().map(|index| scores.row(*index)[at] - best).fold(0.0, f64::max)
            };
            let flat = FLAT * best.abs();
            [reach(front), reach(all)].into_iter().find(|range| *range > flat).unwrap_or(1.0)
        };
        self.ideal.iter().enumerate().map(range).collect()
    }

    /// Algorithm 3: the direction that a row is nearest to, by perpendicular distance.
    fn associated(&self, scores: Scores<'_>, index: usize, intercepts: &[f64]) -> Associated {
        let row = scores.row(index).iter().zip(&self.ideal).zip(intercepts);
        let row: Vec<f64> = row.map(|((value, best), end)| (value - best) / end).collect();
        let square: f64 = row.iter().map(|part| part * part).sum();
        let of_direction = |direction: &Vec<f64>| {
            let along: f64 = row.iter().zip(direction).map(|(a, b)| a * b).sum();
            let length: f64 = direction.iter().map(|part| part * part).sum();
            square - along * along / length
        };
        let distances = self.directions.iter().map(of_direction).enumerate();
        let nearest = distances.reduce(|best, next| if next.1 < best.1 { next } else { best });
        let (direction, distance) = nearest.expect("there are directions");
        Associated { index, direction, distance }
    }

    /// Algorithm 4: of the front that does not fit in whole, those whose directions are the
    /// least crowded.
    fn niched(
        &self,
        mut last: Vec<Associated>,
        mut crowding: Vec<usize>,
        wanted: usize,
        generator: &mut ChaCha8Rng,
    ) -> Vec<usize> {
        let mut waiting = vec![0; self.directions.len()];
        for each in &last {
            waiting[each.direction] += 1;
        }
        let mut chosen = Vec::with_capacity(wanted);
        while chosen.len() < wanted {
            let open = || (0..waiting.len()).filter(|direction| waiting[*direction] > 0);
            let fewest = open().map(|direction| crowding[direction]).min().expect("some wait");
            let ties: Vec<usize> = open().filter(|each| crowding[*each] == fewest).collect();
            let direction = ties[below(generator, ties.len())];
            let mut members =
                last.iter().enumerate().filter(|(_, each)| each.direction == direction);
            let place = if fewest == 0 {
                let nearest = members.min_by(|a, b| a.1.distance.total_cmp(&b.1.distance));
                nearest.expect("some wait").0
            } else {
                members.nth(below(generator, waiting[direction])).expect("some wait").0
            };
            chosen.push(last.swap_remove(place).index);
            waiting[direction] -= 1;
            crowding[direction] += 1;
        }
        chosen
    }
}

impl Survival for Nsga3 {
    /// Algorithm 1.
    fn survivors(
        &mut self,
        crowd: Vec<Individual>,
        size: usize,
        generator: &mut ChaCha8Rng,
    ) -> Vec<Individual> {
        let table = Table::of(&crowd);
        let scores = table.scores();
        let mut fronts = first_fronts(scores, size);
        let is_feasible = |front: &Vec<usize>| table.violations[front[0]] == 0.0;
        let feasible: Vec<usize> =
            fronts.iter().filter(|front| is_feasible(front)).flatten().copied().collect();
        let intercepts = match fronts.first().filter(|front| is_feasible(front)) {
            Some(front) => self.intercepts(scores, front, &feasible),
            None => Vec::new(),
        };
        let last = fronts.pop().expect("somebody survives");
        let mut order = fronts.concat();
        let wanted = size - order.len();
        if wanted == last.len() || table.violations[last[0]] > 0.0 {
            order.extend(&last[..wanted]);
        } else {
            let mut crowding = vec![0; self.directions.len()];
            for index in &order {
                crowding[self.associated(scores, *index, &intercepts).direction] += 1;
            }
            let associate = |index| self.associated(scores, index, &intercepts);
            let last = last.into_iter().map(associate).collect();
            order.extend(self.niched(last, crowding, wanted, generator));
        }
        self.violations = order.iter().map(|index| table.violations[*index]).collect();
        taken(crowd, &order)
    }

    /// Feasible survivors are equally good parents.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.violations[a].total_cmp(&self.violations[b])
    }
}
