//! Gaussian processes: a kernel over the features, fitted to values.
//!
//! Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006: the posterior is
//! algorithm 2.1, the gradient of the marginal likelihood equation 5.9. The constant mean and the
//! variance of the process are found in closed form, as in kriging (Jones, Schonlau and Welch,
//! "Efficient global optimization of expensive black-box functions", 1998, equations 5 and 6). The
//! length scales have the prior of Hvarfner, Hellsten and Nardi, "Vanilla Bayesian optimization
//! performs great in high dimensions", 2024, which expects smoother functions in more dimensions;
//! its mean and its variance are this crate's.

use std::sync::Arc;

use libm::{exp, log, sqrt};

use super::cholesky::{Factor, Triangle, dot};
use super::descent;

/// How a kernel falls off with the distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Matérn 5/2: twice differentiable, for what is not known to be smoother.
    Matern,
    /// Squared exponential: for analytic functions.
    Smooth,
}

impl Shape {
    /// The correlation at a squared distance, and its derivative.
    fn at(self, square: f64) -> (f64, f64) {
        match self {
            Self::Matern => {
                let distance = sqrt(5.0 * square);
                let decay = exp(-distance);
                let value = decay * (1.0 + distance + 5.0 / 3.0 * square);
                (value, -5.0 / 6.0 * decay * (1.0 + distance))
            }
            Self::Smooth => {
                let value = exp(-0.5 * square);
                (value, -0.5 * value)
            }
        }
    }
}

/// What is not known beforehand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub shape: Shape,
    /// Per feature, the logarithm of one over the squared length scale.
    pub log_weights: Vec<f64>,
    /// The logarithm of the noise's share: its variance over that of the process.
    pub log_noise: f64,
}

/// Bounds of length scales, which are for features in [0, 1], and of the share of noise.
const LENGTHS: (f64, f64) = (0.005, 300.0);
const NOISE: (f64, f64) = (1e-14, 1.0);

impl Settings {
    /// A first guess for so many features.
    pub fn guess(shape: Shape, features: usize) -> Self {
        let length = 0.4 * sqrt(features as f64);
        Self { shape, log_weights: vec![-2.0 * log(length); features], log_noise: log(1e-2) }
    }

    fn flat(&self) -> Vec<f64> {
        self.log_weights.iter().copied().chain([self.log_noise]).collect()
    }

    fn from_flat(shape: Shape, flat: &[f64]) -> Self {
        let (log_noise, log_weights) = flat.split_last().expect("the noise comes last");
        Self { shape, log_weights: log_weights.to_vec(), log_noise: *log_noise }
    }

    /// Per feature, one over the squared length scale.
    pub fn weights(&self) -> Vec<f64> {
        self.log_weights.iter().map(|each| exp(*each)).collect()
    }
}

/// Points of feature space, whose squared distances per feature are kept.
#[derive(Debug)]
pub(crate) struct Inputs {
    rows: Vec<Vec<f64>>,
    /// Per feature, whether values are just equal or different.
    choices: Arc<[bool]>,
    /// Squared differences: all features of (1, 0), then of (2, 0), (2, 1) and so on.
    squares: Vec<f64>,
}

impl Inputs {
    pub fn new(rows: Vec<Vec<f64>>, choices: &Arc<[bool]>) -> Self {
        let mut squares = Vec::with_capacity(rows.len() * rows.len() / 2 * choices.len());
        for (index, row) in rows.iter().enumerate() {
            for other in &rows[..index] {
                let features = row.iter().zip(other).zip(&**choices);
                squares.extend(features.map(|((a, b), choice)| square(*a, *b, *choice)));
            }
        }
        Self { rows, choices: Arc::clone(choices), squares }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn features(&self) -> usize {
        self.choices.len()
    }

    /// The squared differences between two rows, `other < row`.
    fn squares(&self, row: usize, other: usize) -> &[f64] {
        let features = self.choices.len();
        &self.squares[(row * (row - 1) / 2 + other) * features..][..features]
    }
}

fn square(a: f64, b: f64, choice: bool) -> f64 {
    match choice {
        true => f64::from(u8::from(a != b)),
        false => (a - b) * (a - b),
    }
}

/// A process that has seen values.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    settings: Settings,
    weights: Vec<f64>,
    choices: Arc<[bool]>,
    rows: Vec<Vec<f64>>,
    factor: Factor,
    /// The inverse covariance times what the values differ from the mean.
    pulls: Vec<f64>,
    mean: f64,
    variance: f64,
}

/// The state of a process at some settings, while they are searched for.
struct Attempt {
    correlations: Triangle,
    /// Derivatives by the squared distance.
    slopes: Triangle,
    factor: Factor,
    pulls: Vec<f64>,
    mean: f64,
    variance: f64,
}

impl Attempt {
    /// None where the covariance is not positive definite to rounding.
    fn new(inputs: &Inputs, values: &[f64], settings: &Settings) -> Option<Self> {
        let (weights, noise) = (settings.weights(), exp(settings.log_noise));
        let count = inputs.len();
        let mut slopes = Vec::with_capacity(count * (count + 1) / 2);
        let correlations = Triangle::from_fn(count, |row, other| {
            if row == other {
                slopes.push(0.0);
                return 1.0 + noise;
            }
            let (value, slope) = settings.shape.at(dot(&weights, inputs.squares(row, other)));
            slopes.push(slope);
            value
        });
        let mut slopes = slopes.into_iter();
        let slopes = Triangle::from_fn(count, |_, _| slopes.next().expect("one per entry"));
        let factor = correlations.factor()?;
        let (mut ones, mut pulls) = (vec![1.0; count], values.to_vec());
        factor.solve_half(&mut ones);
        factor.solve_half(&mut pulls);
        let mean = dot(&ones, &pulls) / dot(&ones, &ones);
        pulls.iter_mut().zip(&ones).for_each(|(pull, one)| *pull -= mean * one);
        // The small addition is for values that are all equal.
        let variance = (dot(&pulls, &pulls) + 1e-9) / count as f64;
        factor.solve_other_half(&mut pulls);
        Some(Self { correlations, slopes, factor, pulls, mean, variance })
    }

    /// The negative logarithm of the likelihood, without its constants.
    fn misfit(&self) -> f64 {
        0.5 * (self.pulls.len() as f64 * log(self.variance) + self.factor.log_determinant())
    }

    /// Adds the gradient of the misfit by the logarithms of weights and noise.
    fn add_gradient(&self, inputs: &Inputs, settings: &Settings, gradient: &mut [f64]) {
        let inverse = self.factor.inverse();
        let features = settings.log_weights.len();
        let mut trace = 0.0;
        let mut sums = vec![0.0; features];
        for row in 0..self.correlations.size() {
            let (inverse, slopes) = (inverse.row(row), self.slopes.row(row));
            let pull = self.pulls[row] / self.variance;
            trace += inverse[row] - pull * self.pulls[row];
            for other in 0..row {
                let share = (inverse[other] - pull * self.pulls[other]) * slopes[other];
                let squares = inputs.squares(row, other);
                sums.iter_mut().zip(squares).for_each(|(sum, square)| *sum += share * square);
            }
        }
        for ((gradient, sum), weight) in gradient.iter_mut().zip(&sums).zip(settings.weights()) {
            *gradient += sum * weight;
        }
        gradient[features] += 0.5 * trace * exp(settings.log_noise);
    }
}

/// The negative logarithm of the prior of settings; adds its gradient.
fn prior(settings: &Settings, gradient: &mut [f64]) -> f64 {
    let features = settings.log_weights.len();
    // Of the logarithm of a length scale: mean log(sqrt(d) / 2), variance 1 / 2. Theirs is wider and
    // of longer scales, by which a few points make the process sure of too simple a function.
    let expected = 0.5 * log(features as f64) - std::f64::consts::LN_2;
    let mut surprise = 0.0;
    for (log_weight, gradient) in settings.log_weights.iter().zip(&mut *gradient) {
        let off = -0.5 * log_weight - expected;
        surprise += off * off;
        *gradient -= off;
    }
    // Of the logarithm of the noise, widely: most likely next to none.
    let off = settings.log_noise - log(1e-10);
    gradient[features] += off / 50.0;
    surprise + off * off / 100.0
}

/// The most likely settings that are found from a start, and how unlikely they are.
pub(crate) fn fit(
    inputs: &Inputs,
    values: &[f64],
    start: &Settings,
    iterations: usize,
) -> (Settings, f64) {
    let weight = |length: f64| -2.0 * log(length);
    let mut bounds = vec![(weight(LENGTHS.1), weight(LENGTHS.0)); start.log_weights.len()];
    bounds.push((log(NOISE.0), log(NOISE.1)));
    let found = descent::minimum(&start.flat(), &bounds, iterations, 1e-5, |flat, gradient| {
        let settings = Settings::from_flat(start.shape, flat);
        let Some(attempt) = Attempt::new(inputs, values, &settings) else { return f64::INFINITY };
        gradient.fill(0.0);
        attempt.add_gradient(inputs, &settings, gradient);
        attempt.misfit() + prior(&settings, gradient)
    });
    (Settings::from_flat(start.shape, &found.place), found.value)
}

/// What a process expects at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Expected {
    pub mean: f64,
    /// The standard deviation, without the noise.
    pub deviation: f64,
}

impl Process {
    /// The process at these settings. Where the covariance is not positive definite to rounding,
    /// noise is added until it is.
    pub fn new(inputs: &Inputs, values: &[f64], settings: &Settings) -> Self {
        let mut settings = settings.clone();
        let attempt = loop {
            match Attempt::new(inputs, values, &settings) {
                Some(attempt) => break attempt,
                None => settings.log_noise += log(10.0),
            }
        };
        let Attempt { factor, pulls, mean, variance, .. } = attempt;
        let weights = settings.weights();
        let (choices, rows) = (Arc::clone(&inputs.choices), inputs.rows.clone());
        Self { settings, weights, choices, rows, factor, pulls, mean, variance }
    }

    /// Per feature, one over the squared length scale.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The inverse of the correlations between the places, noise included.
    pub fn precision(&self) -> Triangle {
        self.factor.inverse()
    }

    /// Believes its own expectation at a place: the mean stays the same everywhere, and the
    /// uncertainty shrinks as if a value had come. (Ginsbourger, Le Riche and Carraro, "Kriging
    /// is well-suited to parallelize optimization", 2010: the Kriging believer.)
    pub fn believe(&mut self, place: &[f64]) {
        let mut row: Vec<f64> =
            self.correlations(place).into_iter().map(|(value, _)| value).collect();
        row.push(1.0 + exp(self.settings.log_noise));
        if self.factor.push(&row) {
            self.rows.push(place.to_vec());
            self.pulls.push(0.0);
        }
    }

    fn correlations(&self, place: &[f64]) -> Vec<(f64, f64)> {
        let at = |row: &Vec<f64>| {
            let mut distance = 0.0;
            for (feature, weight) in self.weights.iter().enumerate() {
                let difference = square(place[feature], row[feature], self.choices[feature]);
                distance += weight * difference;
            }
            self.settings.shape.at(distance)
        };
        self.rows.iter().map(at).collect()
    }

    pub fn expected(&self, place: &[f64]) -> Expected {
        let mut near: Vec<f64> =
            self.correlations(place).into_iter().map(|(value, _)| value).collect();
        let mean = self.mean + dot(&near, &self.pulls);
        self.factor.solve_half(&mut near);
        Expected { mean, deviation: self.deviation(dot(&near, &near)) }
    }

    fn deviation(&self, known: f64) -> f64 {
        sqrt(self.variance * (1.0 - known).max(1e-14))
    }

    /// What it expects at a place, and the gradients of mean and deviation there; those by
    /// choices are 0.
    pub fn expected_with_gradients(&self, place: &[f64]) -> (Expected, Vec<f64>, Vec<f64>) {
        let correlations = self.correlations(place);
        let mut near: Vec<f64> = correlations.iter().map(|(value, _)| *value).collect();
        let mean = self.mean + dot(&near, &self.pulls);
        self.factor.solve_half(&mut near);
        let deviation = self.deviation(dot(&near, &near));
        self.factor.solve_other_half(&mut near);
        let mut by_mean = vec![0.0; place.len()];
        let mut by_deviation = vec![0.0; place.len()];
        for (index, (_, slope)) in correlations.iter().enumerate() {
            let pull = 2.0 * slope * self.pulls[index];
            let known = 2.0 * slope * near[index];
            for feature in 0..place.len() {
                let away = self.weights[feature] * (place[feature] - self.rows[index][feature]);
                by_mean[feature] += pull * away;
                by_deviation[feature] += known * away;
            }
        }
        for feature in 0..place.len() {
            by_deviation[feature] *= -self.variance / deviation;
            if self.choices[feature] {
                (by_mean[feature], by_deviation[feature]) = (0.0, 0.0);
            }
        }
        (Expected { mean, deviation }, by_mean, by_deviation)
    }
}
