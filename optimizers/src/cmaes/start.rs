//! Where a run begins: anywhere, or where points that were given say.
//!
//! Nomura, Watanabe, Akimoto, Ozaki and Onishi, "Warm starting CMA-ES for hyperparameter
//! optimization", AAAI 2021: of the best tenth of the given points, every one is taken for a
//! normal distribution around it, and the run begins with the one that is nearest to them all.

use std::collections::BTreeSet;

use libm::{exp, log};
use search_spaces::Point;

use super::coordinates::Coordinates;
use super::eigen::Eigen;
use super::vectors::{add, scale, set_diagonal};
use crate::merit::Merit;
use crate::strategies::Task;

/// The points that were given before the first run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    points: Vec<(Merit, Point)>,
    /// Those that are still to be evaluated before it begins.
    awaited: BTreeSet<u128>,
}

/// The mean, step size, covariance and labels that given points suggest.
#[derive(Clone, Debug)]
pub(crate) struct Suggestion {
    pub mean: Vec<f64>,
    /// None where too few were given to say.
    pub width: Option<(f64, Vec<f64>)>,
    pub labels: Vec<Vec<usize>>,
}

/// Of so many given points or more, one tenth says how wide the first distribution is.
const ENOUGH: usize = 10;

/// The standard deviation around each of them, in parts of the range.
const AROUND: f64 = 0.1;

impl Given {
    /// Before anything is learnt: a run waits for the points that the task evaluates first.
    pub fn new(task: &Task<'_>) -> Self {
        let mut awaited: BTreeSet<u128> = task.first.iter().map(Point::hash).collect();
        if !awaited.is_empty() {
            for (point, _) in &task.known {
                awaited.remove(&point.hash());
            }
        }
        Self { points: Vec::new(), awaited }
    }

    /// Whether points are still to come.
    pub fn is_awaited(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Learns what a given point is worth.
    pub fn learn(&mut self, point: &Point, merit: Merit) {
        if !self.awaited.is_empty() {
            self.awaited.remove(&point.hash());
        }
        if merit.objective().is_some() {
            self.points.push((merit, point.clone()));
        }
    }

    /// What the points suggest; none where there are none that are feasible.
    pub fn suggestion(&mut self, coordinates: &Coordinates) -> Option<Suggestion> {
        // Equal merits stay in the order in which the points were given.
        self.points.sort_by_key(|(merit, _)| *merit);
        let best = &self.points[..self.points.len().div_ceil(10)];
        let (places, labels): (Vec<_>, Vec<_>) =
            best.iter().map(|(_, point)| coordinates.of(point)).unzip();
        let (n, count) = (coordinates.dimensions(), places.len() as f64);
        let first = places.first()?;
        let mut mean = vec![0.0; n];
        for place in &places {
            add(&mut mean, 1.0 / count, place);
        }
        if self.points.len() < ENOUGH || n == 0 {
            return Some(Suggestion { mean: first.clone(), width: None, labels });
        }
        let mut covariance = vec![0.0; n * n];
        set_diagonal(&mut covariance, n, AROUND * AROUND);
        for place in &places {
            for (index, entry) in covariance.iter_mut().enumerate() {
                let (row, column) = (index / n, index % n);
                *entry += (place[row] - mean[row]) * (place[column] - mean[column]) / count;
            }
        }
        // The step size is the geometric mean of the axes, and the covariance has determinant 1.
        let mut eigen = Eigen::identity(n);
        eigen.decompose(&covariance);
        let sum: f64 = eigen.values.iter().map(|value| log(*value)).sum();
        let sigma = exp(0.5 * sum / n as f64);
        scale(&mut covariance, 1.0 / (sigma * sigma));
        Some(Suggestion { mean, width: Some((sigma, covariance)), labels })
    }
}
