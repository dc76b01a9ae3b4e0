//! The place that promises most: many places are looked at, and the best of them improved.

use std::collections::BTreeSet;

use libm::{pow, sqrt};
use rand_chacha::ChaCha8Rng;
use search_spaces::Point;

use super::descent;
use super::features::{Features, Kind};
use super::improvement::Promise;
use crate::draw::{below, unit};

/// How hard is looked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Places anywhere.
    pub anywhere: usize,
    /// Places near the best points.
    pub near: usize,
    /// Of either, so many are improved.
    pub starts: usize,
}

/// Iterations of one ascent along the gradient.
const ITERATIONS: usize = 60;

/// Rounds of ascents along the gradient and by levels.
const ROUNDS: u32 = 4;

/// Where the search goes.
pub(crate) struct Ascent<'a> {
    pub features: &'a Features,
    pub promise: &'a dyn Promise,
    /// Per feature, one over the squared length scale: the steps of an ascent are measured in it.
    pub weights: &'a [f64],
    /// Where the best points lie.
    pub best: &'a [Vec<f64>],
    /// Per feature, from where to where.
    pub region: &'a [(f64, f64)],
    /// A place to stay away from, and how far.
    pub away: Option<(&'a [f64], f64)>,
}

/// A place that was looked at.
struct Candidate {
    promise: f64,
    place: Vec<f64>,
    point: Point,
}

impl Ascent<'_> {
    /// The most promising point that is not among those `seen`; none where none was found.
    pub fn summit(
        &self,
        effort: Effort,
        seen: &BTreeSet<u128>,
        generator: &mut ChaCha8Rng,
    ) -> Option<Point> {
        let mut wide: Vec<Candidate> =
            (0..effort.anywhere).filter_map(|_| self.look(&self.anywhere(generator))).collect();
        let mut close = self.near(effort.near, generator);
        for candidates in [&mut wide, &mut close] {
            candidates.sort_by(|a, b| b.promise.total_cmp(&a.promise));
        }
        let starts = wide.iter().take(effort.starts).chain(close.iter().take(effort.starts));
        let mut all: Vec<Candidate> = starts.map(|start| self.improved(start)).collect();
        all.append(&mut wide);
        all.append(&mut close);
        all.sort_by(|a, b| b.promise.total_cmp(&a.promise));
        all.into_iter().map(|each| each.point).find(|point| !seen.contains(&point.hash()))
    }

    fn anywhere(&self, generator: &mut ChaCha8Rng) -> Vec<f64> {
        let place = self.features.anywhere(generator);
        let scaled = place.iter().zip(self.region).map(|(x, (low, high))| low + x * (high - low));
        scaled.collect()
    }

    /// Places about the best points, at distances from a tenth down to a hundred-thousandth.
    fn near(&self, count: usize, generator: &mut ChaCha8Rng) -> Vec<Candidate> {
        if self.best.is_empty() {
            return Vec::new();
        }
        let mut draw = |_| {
            let centre = &self.best[below(generator, self.best.len())];
            let reach = pow(10.0, -1.0 - 4.0 * unit(generator));
            self.look(&self.features.near(centre, reach, generator))
        };
        (0..count).filter_map(&mut draw).collect()
    }

    fn look(&self, place: &[f64]) -> Option<Candidate> {
        let (place, point) = self.features.settle(place)?;
        if let Some((centre, radius)) = self.away {
            let square: f64 = place.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum();
            if square < radius * radius {
                return None;
            }
        }
        let promise = self.promise.at(&place, None);
        (!promise.is_nan()).then_some(Candidate { promise, place, point })
    }

    /// Climbs from a place, along the gradient and level by level, until neither leads higher.
    fn improved(&self, start: &Candidate) -> Candidate {
        let Candidate { promise, place, point } = start;
        let mut best = Candidate { promise: *promise, place: place.clone(), point: point.clone() };
        for _ in 0..ROUNDS {
            self.climb(&mut best);
            if !self.step(&mut best) {
                break;
            }
        }
        best
    }

    /// Moves the continuous features along the gradient.
    fn climb(&self, best: &mut Candidate) {
        let features = 0..self.features.len();
        let real: Vec<usize> =
            features.filter(|feature| self.features.kind(*feature) == Kind::Real).collect();
        if real.is_empty() {
            return;
        }
        let lengths: Vec<f64> = real.iter().map(|each| 1.0 / sqrt(self.weights[*each])).collect();
        let mut place = best.place.clone();
        let mut gradient = vec![0.0; place.len()];
        let start: Vec<f64> = real.iter().zip(&lengths).map(|(i, l)| place[*i] / l).collect();
        let bounds: Vec<(f64, f64)> = real
            .iter()
            .zip(&lengths)
            .map(|(index, length)| {
                let (low, high) = self.region[*index];
                (low / length, high / length)
            })
            .collect();
        let end = descent::minimum(&start, &bounds, ITERATIONS, 1e-9, |scaled, slopes| {
            for ((index, length), scaled) in real.iter().zip(&lengths).zip(scaled) {
                place[*index] = scaled * length;
            }
            let promise = self.promise.at(&place, Some(&mut gradient));
            for ((index, length), slope) in real.iter().zip(&lengths).zip(slopes) {
                *slope = -gradient[*index] * length;
            }
            -promise
        });
        let mut place = best.place.clone();
        for ((index, length), scaled) in real.iter().zip(&lengths).zip(&end.place) {
            place[*index] = scaled * length;
        }
        // A constraint may lie between: then as far as it goes.
        for _ in 0..8 {
            if let Some(found) = self.look(&place) {
                if found.promise > best.promise {
                    *best = found;
                }
                return;
            }
            for (coordinate, from) in place.iter_mut().zip(&best.place) {
                *coordinate = f64::midpoint(*coordinate, *from);
            }
        }
    }

    /// Moves the discrete features one by one; whether that led higher.
    fn step(&self, best: &mut Candidate) -> bool {
        let mut stepped = false;
        for feature in 0..self.features.len() {
            if self.features.kind(feature) == Kind::Real {
                continue;
            }
            for other in self.features.others(feature, best.place[feature]) {
                let mut place = best.place.clone();
                place[feature] = other;
                if let Some(found) = self.look(&place)
                    && found.promise > best.promise
                {
                    *best = found;
                    stepped = true;
                }
            }
        }
        stepped
    }
}
