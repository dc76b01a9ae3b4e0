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
use super::population::{Individual, Survival, scores_of, taken};
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

    /// Algorithm 2: every objective shifted to the ideal and divided by its intercept, the end of
    /// the front on that axis.
    fn intercepts(&mut self, scores: Scores<'_>, front: &[usize], all: &[usize]) -> Vec<f64> {
        let width = self.ideal.len();
        for index in all {
            for (best, value) in self.ideal.iter_mut().zip(scores.row(*index)) {
                *best = best.min(*value);
            }
        }
        let ideal = &self.ideal;
        let shifted = |row: &[f64]| -> Vec<f64> {
            row.iter().zip(ideal).map(|(value, best)| value - best).collect()
        };
        let rows: Vec<Vec<f64>> = front.iter().map(|index| shifted(scores.row(*index))).collect();
        let worst: Vec<f64> =
            (0..width).map(|at| rows.iter().map(|row| row[at]).fold(0.0, f64::max)).collect();
        // An objective in which the front is flat is as wide as everything in sight.
        let ranges: Vec<f64> = (0..width)
            .map(|at| {
                let reach = all.iter().map(|index| scores.row(*index)[at] - ideal[at]);
                let reach = reach.fold(worst[at], f64::max);
                let flat = FLAT * ideal[at].abs().max(f64::MIN_POSITIVE);
                [worst[at], reach].into_iter().find(|range| *range > flat).unwrap_or(1.0)
            })
            .collect();
        let candidates: Vec<&[f64]> = front
            .iter()
            .map(|index| scores.row(*index))
            .chain(self.extremes.iter().map(Vec::as_slice))
            .collect();
        // Equation 4: the achievement scalarising function along each axis.
        let off_axis = |row: &[f64], axis: usize| {
            let part = |at: usize| {
                let share = (row[at] - ideal[at]) / ranges[at];
                if at == axis { share } else { share / OFF_AXIS }
            };
            (0..width).map(part).fold(f64::NEG_INFINITY, f64::max)
        };
        let extremes: Vec<Vec<f64>> = (0..width)
            .map(|axis| {
                let nearest = candidates
                    .iter()
                    .min_by(|a, b| off_axis(a, axis).total_cmp(&off_axis(b, axis)));
                nearest.expect("a front has rows").to_vec()
            })
            .collect();
        let scaled: Vec<Vec<f64>> = extremes
            .iter()
            .map(|row| shifted(row).iter().zip(&ranges).map(|(part, range)| part / range).collect())
            .collect();
        self.extremes = extremes;
        let scaled: Vec<&[f64]> = scaled.iter().map(Vec::as_slice).collect();
        // Where the extreme points span no plane that cuts every axis in front of the worst row
        // seen, the worst values of the front stand in for its intercepts.
        let plane = solve_for_ones(&scaled).unwrap_or_default();
        let intercepts: Vec<f64> = plane.iter().map(|part| 1.0 / part).collect();
        let is_usable = |intercept: &f64| *intercept > OFF_AXIS && *intercept <= 1.0 / OFF_AXIS;
        if intercepts.len() == width && intercepts.iter().all(is_usable) {
            return intercepts.iter().zip(&ranges).map(|(share, range)| share * range).collect();
        }
        ranges
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
        let (objectives, violations) = scores_of(&crowd);
        let scores = Scores::new(&objectives, self.ideal.len()).with_violations(&violations);
        let mut fronts = first_fronts(scores, size);
        let is_feasible = |front: &Vec<usize>| violations[front[0]] == 0.0;
        let feasible: Vec<usize> =
            fronts.iter().filter(|front| is_feasible(front)).flatten().copied().collect();
        let intercepts = match fronts.first().filter(|front| is_feasible(front)) {
            Some(front) => self.intercepts(scores, front, &feasible),
            None => Vec::new(),
        };
        let last = fronts.pop().expect("somebody survives");
        let mut order = fronts.concat();
        let wanted = size - order.len();
        if wanted == last.len() || violations[last[0]] > 0.0 {
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
        self.violations = order.iter().map(|index| violations[*index]).collect();
        taken(crowd, &order)
    }

    /// Feasible survivors are equally good parents.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.violations[a].total_cmp(&self.violations[b])
    }
}
