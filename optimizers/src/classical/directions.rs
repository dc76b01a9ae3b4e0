//! Several objectives, refined one direction at a time.

use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use search_spaces::Point;

use super::axes::Axes;
use super::cost::Aim;
use super::nelder_mead::Simplex;
use super::runs::{Run, Source};
use crate::evolution::Genome;
use crate::optimizer::Told;
use crate::pareto::{Scores, crowding_distances, knee};

/// Simplexes at the points of a front, each on its way to where all objectives are lower in the
/// proportions that they have at the point.
pub(crate) struct Directions {
    /// Where simplexes start, and what they minimise.
    ahead: VecDeque<(Genome, Aim)>,
    edge: f64,
}

/// The ideal lies beyond the best value of an objective by this share of its range, so that the
/// best points have something to gain in it too.
const BEYOND: f64 = 0.05;

impl Directions {
    /// The directions of a front: its knee, its extremes, and then the others, the lonelier a point
    /// the earlier. There is one point to a row, and no row is dominated.
    pub fn new(axes: &Axes, points: &[Point], front: Scores<'_>, edge: f64) -> Self {
        let bounds = |objective: usize| {
            let values = || (0..front.len()).map(|row| front.row(row)[objective]);
            let least = values().fold(f64::INFINITY, f64::min);
            (least, values().fold(f64::NEG_INFINITY, f64::max) - least)
        };
        let bounds: Vec<(f64, f64)> = (0..front.width()).map(bounds).collect();
        let aim = |row: usize| {
            let ideal = bounds.iter().map(|(least, range)| least - BEYOND * unless_zero(*range));
            let ideal: Vec<f64> = ideal.collect();
            let distances = front.row(row).iter().zip(&ideal).map(|(value, ideal)| value - ideal);
            let weights = distances.map(|distance| 1.0 / unless_zero(distance)).collect();
            Aim::Tchebycheff { ideal, weights }
        };
        let ahead = in_order(front).into_iter();
        let ahead = ahead.map(|row| (axes.genes().genome(&points[row]), aim(row))).collect();
        Self { ahead, edge }
    }
}

fn unless_zero(number: f64) -> f64 {
    if number > 0.0 { number } else { 1.0 }
}

/// The rows of a front, in the order in which they are refined.
fn in_order(front: Scores<'_>) -> Vec<usize> {
    let least = |objective: usize| {
        let value = |row: &usize| front.row(*row)[objective];
        (0..front.len()).min_by(|a, b| value(a).total_cmp(&value(b)))
    };
    let distances = crowding_distances(front);
    let mut others: Vec<usize> = (0..front.len()).collect();
    others.sort_by(|a, b| distances[*b].total_cmp(&distances[*a]).then(a.cmp(b)));
    let mut order: Vec<usize> = Vec::with_capacity(front.len());
    for row in knee(front).into_iter().chain((0..front.width()).filter_map(least)) {
        if !order.contains(&row) {
            order.push(row);
            others.retain(|other| *other != row);
        }
    }
    order.extend(others);
    order
}

impl Source for Directions {
    fn start(&mut self, axes: &Axes, _: &mut ChaCha8Rng) -> Option<(Box<dyn Run>, Aim)> {
        let (start, aim) = self.ahead.pop_front()?;
        Some((Box::new(Simplex::new(axes, &start, self.edge)), aim))
    }

    fn offer(&mut self, _: &Axes, _: &Point, _: &Told) {}
}
