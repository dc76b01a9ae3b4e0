//! The normal distribution that CMA-ES samples from, and how it learns.
//!
//! Equations are those of Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772.

use libm::exp;
use rand_chacha::ChaCha8Rng;

use super::constants::Constants;
use super::eigen::Eigen;
use super::vectors::{add, dot, scale, set_diagonal, square};
use crate::draw::normal_pair;

/// N(mean, sigma² C).
#[derive(Clone, Debug)]
pub(crate) struct Distribution {
    pub constants: Constants,
    pub mean: Vec<f64>,
    pub sigma: f64,
    pub generations: u64,
    shape: Shape,
    /// The evolution paths of the step size, in which the distribution is isotropic, and of the
    /// covariance.
    sigma_path: Vec<f64>,
    shape_path: Vec<f64>,
    /// The standard deviation that no coordinate exceeds.
    widest: f64,
    normals: Vec<f64>,
    shift: Vec<f64>,
}

/// C.
#[derive(Clone, Debug)]
enum Shape {
    Full {
        /// By rows.
        covariance: Vec<f64>,
        /// As of the last decomposition.
        eigen: Eigen,
        /// The roots of its eigenvalues.
        lengths: Vec<f64>,
        /// Generations since, and after how many it is renewed.
        age: f64,
        lasting: f64,
    },
    /// Without correlations.
    Separable { variances: Vec<f64> },
}

/// A covariance whose longest axis is ten million times the shortest one is at the end of what
/// can be computed.
const CONDITION: f64 = 1e14;

impl Distribution {
    /// A distribution before its first generation, with C the identity.
    pub fn new(constants: Constants, separable: bool, mean: Vec<f64>, sigma: f64) -> Self {
        let n = constants.dimensions;
        assert_eq!(mean.len(), n, "a mean per dimension");
        let shape = if separable {
            Shape::Separable { variances: vec![1.0; n] }
        } else {
            // The tutorial, section B.2: so old, the decomposition is as good as new.
            let lasting = 0.1 / ((constants.rank_one + constants.rank_mu) * n as f64);
            let (mut covariance, eigen) = (vec![0.0; n * n], Eigen::identity(n));
            set_diagonal(&mut covariance, n, 1.0);
            Shape::Full { covariance, eigen, lengths: vec![1.0; n], age: 0.0, lasting }
        };
        Self {
            constants,
            mean,
            sigma,
            generations: 0,
            shape,
            sigma_path: vec![0.0; n],
            shape_path: vec![0.0; n],
            widest: sigma.max(1.0 / 3.0),
            normals: vec![0.0; n],
            shift: vec![0.0; n],
        }
    }

    /// The same with another covariance to begin with, given by rows; of a separable one only
    /// the diagonal counts.
    pub fn with_covariance(mut self, given: &[f64]) -> Self {
        let n = self.constants.dimensions;
        match &mut self.shape {
            Shape::Full { covariance, .. } => covariance.copy_from_slice(given),
            Shape::Separable { variances } => {
                for (variance, entry) in variances.iter_mut().zip(given.iter().step_by(n + 1)) {
                    *variance = *entry;
                }
            }
        }
        self.limit();
        self.decompose();
        self
    }

    /// The standard deviation of a coordinate.
    pub fn deviation(&self, coordinate: usize) -> f64 {
        let variance = match &self.shape {
            Shape::Full { covariance, .. } => {
                covariance[coordinate * (self.constants.dimensions + 1)]
            }
            Shape::Separable { variances } => variances[coordinate],
        };
        self.sigma * variance.sqrt()
    }

    /// How far the covariance's path would lead in a coordinate.
    pub fn trend(&self, coordinate: usize) -> f64 {
        self.sigma * self.shape_path[coordinate]
    }

    /// Draws a step: N(0, C), to be multiplied by sigma (equations 38 and 39).
    pub fn draw(&mut self, generator: &mut ChaCha8Rng, step: &mut [f64]) {
        for pair in self.normals.chunks_mut(2) {
            pair.copy_from_slice(&normal_pair(generator)[..pair.len()]);
        }
        match &self.shape {
            Shape::Full { eigen, lengths, .. } => {
                step.fill(0.0);
                let axes = eigen.vectors.chunks_exact(self.normals.len().max(1));
                for ((axis, length), normal) in axes.zip(lengths).zip(&self.normals) {
                    add(step, length * normal, axis);
                }
            }
            Shape::Separable { variances } => {
                for ((step, variance), normal) in step.iter_mut().zip(variances).zip(&self.normals)
                {
                    *step = variance.sqrt() * normal;
                }
            }
        }
    }

    /// The length of a step where the distribution is isotropic, squared.
    pub fn length_squared(&self, step: &[f64]) -> f64 {
        match &self.shape {
            Shape::Full { eigen, lengths, .. } => {
                let axes = eigen.vectors.chunks_exact(step.len().max(1));
                axes.zip(lengths).map(|(axis, length)| square(dot(axis, step) / length)).sum()
            }
            Shape::Separable { variances } => {
                step.iter().zip(variances).map(|(step, variance)| step * step / variance).sum()
            }
        }
    }

    /// Learns from a generation: its steps, one row each, and their order, the best first.
    pub fn learn(&mut self, steps: &[f64], order: &[usize]) {
        let n = self.constants.dimensions;
        self.generations += 1;
        if n == 0 {
            return;
        }
        let step = |index: usize| &steps[index * n..][..n];
        // Recombination, equations 41 and 42.
        self.shift.fill(0.0);
        for (weight, index) in self.constants.weights[..self.constants.parents].iter().zip(order) {
            add(&mut self.shift, *weight, step(*index));
        }
        add(&mut self.mean, self.sigma, &self.shift);
        let (growth, steady) = self.follow_paths();
        // Covariance, equations 46 and 47.
        let negative = |rank: usize| self.constants.weights[rank] < 0.0;
        let weights: Vec<f64> = (0..order.len())
            .map(|rank| {
                let weight = self.constants.rank_mu * self.constants.weights[rank];
                if !negative(rank) {
                    return weight;
                }
                weight * n as f64 / (self.length_squared(step(order[rank])) + 1e-9)
            })
            .collect();
        let total: f64 = self.constants.weights.iter().sum();
        // The path that waits loses variance, which is given back here.
        let Constants { rank_one, rank_mu, path_rate, .. } = self.constants;
        let lost = if steady { 0.0 } else { path_rate * (2.0 - path_rate) };
        let keep = 1.0 - rank_mu * total - rank_one * (1.0 - lost);
        self.reshape(keep, &weights, |rank| step(order[rank]));
        // Step size, equation 44.
        self.sigma *= growth;
        self.limit();
        self.refresh();
    }

    /// Moves both paths along, equations 43 and 45; returns by how much the step size is to grow,
    /// and whether the covariance's path has moved.
    fn follow_paths(&mut self) -> (f64, bool) {
        let Constants { sigma_rate, selection_mass, path_rate, expected_length, .. } =
            self.constants;
        let n = self.constants.dimensions as f64;
        self.whiten();
        let gain = (sigma_rate * (2.0 - sigma_rate) * selection_mass).sqrt();
        for (path, white) in self.sigma_path.iter_mut().zip(&self.normals) {
            *path = (1.0 - sigma_rate) * *path + gain * white;
        }
        let length_squared = dot(&self.sigma_path, &self.sigma_path);
        // While the step size grows fast, the covariance's path waits (h_sigma).
        let unbiased = 1.0 - libm::pow(1.0 - sigma_rate, 2.0 * self.generations as f64);
        let steady = length_squared / unbiased / n < 2.0 + 4.0 / (n + 1.0);
        let gain = match steady {
            true => (path_rate * (2.0 - path_rate) * selection_mass).sqrt(),
            false => 0.0,
        };
        for (path, shift) in self.shape_path.iter_mut().zip(&self.shift) {
            *path = (1.0 - path_rate) * *path + gain * shift;
        }
        let surplus = length_squared.sqrt() / expected_length - 1.0;
        (exp((sigma_rate / self.constants.sigma_damping * surplus).min(1.0)), steady)
    }

    /// Leaves C^(-1/2) of the mean's shift in `normals`.
    fn whiten(&mut self) {
        let Self { shape, normals, shift, .. } = self;
        match shape {
            Shape::Full { eigen, lengths, .. } => {
                normals.fill(0.0);
                for (axis, length) in eigen.vectors.chunks_exact(shift.len()).zip(lengths) {
                    add(normals, dot(axis, shift) / *length, axis);
                }
            }
            Shape::Separable { variances } => {
                for ((white, shift), variance) in normals.iter_mut().zip(shift).zip(variances) {
                    *white = *shift / variance.sqrt();
                }
            }
        }
    }

    /// C becomes `keep` C, plus the rank-one update, plus the weighted steps.
    fn reshape<'a>(&mut self, keep: f64, weights: &[f64], step: impl Fn(usize) -> &'a [f64]) {
        let rank_one = self.constants.rank_one;
        let path = &self.shape_path;
        match &mut self.shape {
            Shape::Full { covariance, age, .. } => {
                *age += 1.0;
                let n = path.len();
                for row in 0..n {
                    let entries = &mut covariance[row * n..][..=row];
                    scale(entries, keep);
                    add(entries, rank_one * path[row], &path[..=row]);
                    for (rank, weight) in weights.iter().enumerate() {
                        let step = step(rank);
                        add(entries, weight * step[row], &step[..=row]);
                    }
                }
                mirror(covariance, n);
            }
            Shape::Separable { variances } => {
                for (place, variance) in variances.iter_mut().enumerate() {
                    let steps = weights.iter().enumerate();
                    let learnt: f64 = steps.map(|(rank, w)| w * square(step(rank)[place])).sum();
                    *variance = keep * *variance + rank_one * square(path[place]) + learnt;
                }
            }
        }
    }

    /// No coordinate's deviation exceeds the widest.
    fn limit(&mut self) {
        for coordinate in 0..self.constants.dimensions {
            let deviation = self.deviation(coordinate);
            if deviation <= self.widest {
                continue;
            }
            let factor = self.widest / deviation;
            self.shape_path[coordinate] *= factor;
            match &mut self.shape {
                Shape::Full { covariance, age, lasting, .. } => {
                    let n = self.mean.len();
                    for other in 0..n {
                        covariance[coordinate * n + other] *= factor;
                        covariance[other * n + coordinate] *= factor;
                    }
                    *age = *lasting;
                }
                Shape::Separable { variances } => variances[coordinate] *= factor * factor,
            }
        }
    }

    /// Decomposes C again where it is time.
    fn refresh(&mut self) {
        if let Shape::Full { age, lasting, .. } = &self.shape
            && age >= lasting
        {
            self.decompose();
        }
    }

    fn decompose(&mut self) {
        let Shape::Full { covariance, eigen, lengths, age, .. } = &mut self.shape else { return };
        eigen.decompose(covariance);
        *age = 0.0;
        // What rounding has made of the least eigenvalues is not to be trusted.
        let largest = eigen.values.iter().fold(0.0, |most: f64, value| most.max(*value));
        for (length, value) in lengths.iter_mut().zip(&mut eigen.values) {
            *value = value.max(largest / (10.0 * CONDITION));
            *length = value.sqrt();
        }
    }

    /// Whether numbers fail it: the axes too different, a mean that no step can move, or values
    /// that are none.
    pub fn is_degenerate(&self) -> bool {
        let n = self.constants.dimensions;
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        };
        let (least, most) = match &self.shape {
            Shape::Full { eigen, .. } => range(&mut eigen.values.iter().copied()),
            Shape::Separable { variances } => range(&mut variances.iter().copied()),
        };
        let stuck = (0..n).any(|coordinate| {
            self.mean[coordinate] == self.mean[coordinate] + 0.2 * self.deviation(coordinate)
        });
        stuck || !(self.sigma * most).is_finite() || most > CONDITION * least
    }
}

/// Copies what is below the diagonal above it.
fn mirror(matrix: &mut [f64], dimensions: usize) {
    for row in 0..dimensions {
        for column in 0..row {
            matrix[column * dimensions + row] = matrix[row * dimensions + column];
        }
    }
}
