//! What a place promises: expected improvements, and the probability of being feasible, as
//! logarithms that stay exact where the promise is tiny.
//!
//! Ament, Daulton, Eriksson, Balandat and Bakshy, "Unexpected improvements to expected improvement
//! for Bayesian optimization", 2023 (equations 8 to 10; the ratio of Mills is taken from its
//! continued fraction, which needs no function that is not at hand). The expected improvement of
//! a hypervolume in two objectives is a sum of products over the steps of the front: Emmerich,
//! Deutz and Klinkenberg, "Hypervolume-based expected improvement: monotonicity properties and
//! exact computation", 2011.

use libm::{erfc, exp, expm1, log, log1p};

use super::feasibility::Border;
use super::process::{Expected, Process};

/// A function of a place whose maximum is proposed.
pub(crate) trait Promise {
    /// Its value; writes its gradient where one is wanted.
    fn at(&self, place: &[f64], gradient: Option<&mut [f64]>) -> f64;
}

const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7;

/// 1 - t R(t), where R is the ratio of Mills, and R(t): by the continued fraction for t > 0.
fn mills(t: f64) -> (f64, f64) {
    let fraction = (2..60).rev().fold(t, |rest, term| t + f64::from(term) / rest);
    let rest = 1.0 / fraction;
    (rest / (t + rest), 1.0 / (t + rest))
}

/// The logarithm of the standard normal distribution function, and its derivative.
pub(crate) fn log_normal_distribution(z: f64) -> (f64, f64) {
    let density = -0.5 * z * z - HALF_LOG_TAU;
    if z > -3.0 {
        let value = log(0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2));
        return (value, exp(density - value));
    }
    let (_, ratio) = mills(-z);
    (density + log(ratio), 1.0 / ratio)
}

/// The logarithm of the expected excess of a standard normal variable over `-z`, and its
/// derivative.
fn log_excess(z: f64) -> (f64, f64) {
    let density = -0.5 * z * z - HALF_LOG_TAU;
    if z > -3.0 {
        let below = 0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
        let value = exp(density) + z * below;
        return (log(value), below / value);
    }
    let (rest, ratio) = mills(-z);
    (density + log(rest), ratio / rest)
}

/// The logarithm of the expected improvement below `best`, and its derivatives by mean and
/// deviation.
fn log_improvement(expected: Expected, best: f64) -> (f64, f64, f64) {
    let Expected { mean, deviation } = expected;
    let z = (best - mean) / deviation;
    let (value, slope) = log_excess(z);
    (value + log(deviation), -slope / deviation, (1.0 - slope * z) / deviation)
}

/// The expected improvement below the best value.
pub(crate) struct Improvement<'a> {
    pub process: &'a Process,
    pub best: f64,
}

impl Promise for Improvement<'_> {
    fn at(&self, place: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let Some(gradient) = gradient else {
            return log_improvement(self.process.expected(place), self.best).0;
        };
        let (expected, by_mean, by_deviation) = self.process.expected_with_gradients(place);
        let (value, slope, other) = log_improvement(expected, self.best);
        for ((gradient, mean), deviation) in gradient.iter_mut().zip(&by_mean).zip(&by_deviation) {
            *gradient = slope * mean + other * deviation;
        }
        value
    }
}

/// How low a value is expected: greed.
pub(crate) struct Low<'a> {
    pub process: &'a Process,
}

impl Promise for Low<'_> {
    fn at(&self, place: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let Some(gradient) = gradient else {
            return -self.process.expected(place).mean;
        };
        let (expected, by_mean, _) = self.process.expected_with_gradients(place);
        gradient.iter_mut().zip(&by_mean).for_each(|(gradient, mean)| *gradient = -mean);
        -expected.mean
    }
}

/// The probability that a value lies below a level.
pub(crate) struct Below<'a> {
    pub process: &'a Process,
    pub level: f64,
}

impl Promise for Below<'_> {
    fn at(&self, place: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let Some(gradient) = gradient else {
            let Expected { mean, deviation } = self.process.expected(place);
            return log_normal_distribution((self.level - mean) / deviation).0;
        };
        let (expected, by_mean, by_deviation) = self.process.expected_with_gradients(place);
        let z = (self.level - expected.mean) / expected.deviation;
        let (value, slope) = log_normal_distribution(z);
        for ((gradient, mean), deviation) in gradient.iter_mut().zip(&by_mean).zip(&by_deviation) {
            *gradient = -slope / expected.deviation * (mean + z * deviation);
        }
        value
    }
}

/// The product of several promises, as a sum of logarithms.
pub(crate) struct All<'a>(pub Vec<Box<dyn Promise + 'a>>);

impl<'a> All<'a> {
    /// What is promised, and that the place is feasible, each where it is known.
    pub fn of(promise: Option<Box<dyn Promise + 'a>>, border: Option<&'a Border>) -> Self {
        let below = border.map(|Border { process, level }| {
            Box::new(Below { process, level: *level }) as Box<dyn Promise>
        });
        Self(promise.into_iter().chain(below).collect())
    }
}

impl Promise for All<'_> {
    fn at(&self, place: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let Some(gradient) = gradient else {
            return self.0.iter().map(|each| each.at(place, None)).sum();
        };
        gradient.fill(0.0);
        let mut own = vec![0.0; place.len()];
        let mut sum = 0.0;
        for each in &self.0 {
            sum += each.at(place, Some(&mut own));
            gradient.iter_mut().zip(&own).for_each(|(to, each)| *to += each);
        }
        sum
    }
}

/// The expected improvement of the hypervolume of two objectives.
pub(crate) struct Hypervolume<'a> {
    processes: [&'a Process; 2],
    /// The steps below the front, from left to right: from where to where in the first objective,
    /// and how high in the second.
    steps: Vec<(f64, f64, f64)>,
}

impl<'a> Hypervolume<'a> {
    /// Over rows of which some are the front, and a reference that all of them dominate.
    pub fn new(processes: [&'a Process; 2], mut rows: Vec<[f64; 2]>, reference: [f64; 2]) -> Self {
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        let mut steps = Vec::new();
        let (mut from, mut height) = (f64::NEG_INFINITY, reference[1]);
        for [first, second] in rows {
            if second < height {
                steps.push((from, first, height));
                (from, height) = (first, second);
            }
        }
        steps.push((from, reference[0], height));
        Self { processes, steps }
    }

    /// The logarithm of the sum over the steps, and its derivatives by the means and deviations
    /// of both objectives.
    fn sum(&self, [first, second]: [Expected; 2]) -> (f64, [f64; 4]) {
        let mut terms: Vec<(f64, [f64; 4])> = Vec::with_capacity(self.steps.len());
        let mut left = (f64::NEG_INFINITY, 0.0, 0.0);
        for &(_, to, height) in &self.steps {
            let right = log_improvement(first, to);
            let below = log_improvement(second, height);
            // The logarithm of the difference of two improvements.
            let difference = left.0 - right.0;
            let rest = -expm1(difference.min(-1e-12));
            let share = exp(difference) / rest;
            let by = |right: f64, left: f64| right + share * (right - left);
            let width = right.0 + log(rest);
            let slopes = [by(right.1, left.1), by(right.2, left.2), below.1, below.2];
            terms.push((width + below.0, slopes));
            left = right;
        }
        let most = terms.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        let mut slopes = [0.0; 4];
        for (value, by) in &terms {
            let share = exp(value - most);
            total += share;
            slopes.iter_mut().zip(by).for_each(|(slope, by)| *slope += share * by);
        }
        (most + log1p(total - 1.0), slopes.map(|slope| slope / total))
    }
}

impl Promise for Hypervolume<'_> {
    fn at(&self, place: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let Some(gradient) = gradient else {
            return self.sum(self.processes.map(|each| each.expected(place))).0;
        };
        let [(first, first_mean, first_deviation), (second, second_mean, second_deviation)] =
            self.processes.map(|each| each.expected_with_gradients(place));
        let (value, slopes) = self.sum([first, second]);
        for (feature, gradient) in gradient.iter_mut().enumerate() {
            *gradient = slopes[0] * first_mean[feature]
                + slopes[1] * first_deviation[feature]
                + slopes[2] * second_mean[feature]
                + slopes[3] * second_deviation[feature];
        }
        value
    }
}
