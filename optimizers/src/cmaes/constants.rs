//! What a run of CMA-ES holds constant: weights and learning rates.

use libm::{floor, log};

use super::vectors::scale;

/// Selection, recombination and learning rates for one dimension and one population size.
///
/// The tutorial's table 1 (equations 49 to 58), with the weights of pycma 4.5, which differ from
/// it in the learning rate of small populations only.
#[derive(Clone, Debug)]
pub(crate) struct Constants {
    pub dimensions: usize,
    pub population: usize,
    /// One per rank, the best first: the positive ones sum to one, and the negative ones, of the
    /// worse half, act on the covariance alone.
    pub weights: Vec<f64>,
    /// How many weights are positive.
    pub parents: usize,
    /// The variance effective selection mass of the positive weights.
    pub selection_mass: f64,
    /// Decay and damping of the step size's path.
    pub sigma_rate: f64,
    pub sigma_damping: f64,
    /// Decay of the covariance's path.
    pub path_rate: f64,
    /// Learning rates of the rank-one and of the rank-mu update.
    pub rank_one: f64,
    pub rank_mu: f64,
    /// The expected length of a standard normal vector.
    pub expected_length: f64,
}

/// The default population size, equation 48.
pub(crate) fn default_population(dimensions: usize) -> usize {
    4 + floor(3.0 * log(dimensions.max(1) as f64)) as usize
}

impl Constants {
    /// Those of a run. The learning rates of a separable model are larger by (n + 2) / 3, for
    /// the fewer numbers that it learns (Ros and Hansen, "A simple modification in CMA-ES
    /// achieving linear time and space complexity", PPSN X, 2008).
    pub fn new(dimensions: usize, population: usize, separable: bool) -> Self {
        let n = dimensions as f64;
        let half = log((population + 1) as f64 / 2.0);
        let mut weights: Vec<f64> = (1..=population).map(|rank| half - log(rank as f64)).collect();
        let parents = weights.iter().filter(|weight| **weight > 0.0).count();
        let positive: f64 = weights[..parents].iter().sum();
        scale(&mut weights, 1.0 / positive);
        let selection_mass = mass(&weights[..parents]);
        let adjusted = if separable { (n + 2.0) / 3.0 } else { 1.0 };
        let few = (population as f64 / 6.0).min(1.0);
        let width = n + 1.3;
        let rank_one = (adjusted * few * 2.0 / (width * width + selection_mass)).min(0.5);
        let gain = 0.25 + selection_mass + 1.0 / selection_mass - 2.0;
        let rank_mu =
            (adjusted * 2.0 * gain / ((n + 2.0) * (n + 2.0) + selection_mass)).min(1.0 - rank_one);
        scale_negative(&mut weights, parents, selection_mass, n, [rank_one, rank_mu]);
        let sigma_rate = (selection_mass + 2.0) / (n + selection_mass + 3.0);
        let beyond = (((selection_mass - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0);
        Self {
            dimensions,
            population,
            weights,
            parents,
            selection_mass,
            sigma_rate,
            sigma_damping: 1.0 + 2.0 * beyond + sigma_rate,
            path_rate: (4.0 + selection_mass / n) / (n + 4.0 + 2.0 * selection_mass / n),
            rank_one,
            rank_mu,
            expected_length: n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
        }
    }
}

/// Scales the negative weights, equations 50 to 53: their update does not shrink the covariance
/// on the whole, is not stronger than their number warrants, and leaves it positive definite.
fn scale_negative(
    weights: &mut [f64],
    parents: usize,
    selection_mass: f64,
    n: f64,
    [rank_one, rank_mu]: [f64; 2],
) {
    let negative = &mut weights[parents..];
    let sum: f64 = -negative.iter().sum::<f64>();
    if sum <= 0.0 {
        return;
    }
    let balanced = 1.0 + rank_one / rank_mu;
    let warranted = 1.0 + 2.0 * mass(negative) / (selection_mass + 2.0);
    let definite = (1.0 - rank_one - rank_mu) / (n * rank_mu);
    scale(negative, balanced.min(warranted).min(definite) / sum);
}

/// The square of the sum by the sum of the squares.
fn mass(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    sum * sum / weights.iter().map(|weight| weight * weight).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_of_ten_dimensions_are_those_of_pycma() {
        let constants = Constants::new(10, default_population(10), false);
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-4 * expected.abs();
        assert_eq!((constants.population, constants.parents), (10, 5));
        assert!(near(constants.selection_mass, 3.1673), "{}", constants.selection_mass);
        assert!(near(constants.rank_one, 0.015_284), "{}", constants.rank_one);
        assert!(near(constants.rank_mu, 0.023_552), "{}", constants.rank_mu);
        assert!(near(constants.path_rate, 0.294_99), "{}", constants.path_rate);
        assert!(near(constants.sigma_damping, 1.319_6), "{}", constants.sigma_damping);
        let total: f64 = constants.weights.iter().sum();
        assert!(near(total, -constants.rank_one / constants.rank_mu), "{total}");
    }

    #[test]
    fn no_update_takes_more_than_there_is() {
        for dimensions in [1, 2, 5, 40, 300] {
            for population in [4, 5, 20, 1000] {
                for separable in [false, true] {
                    let constants = Constants::new(dimensions, population, separable);
                    let worst: f64 = constants.weights[constants.parents..].iter().sum();
                    let left = 1.0 - constants.rank_one - constants.rank_mu
                        + constants.rank_mu * dimensions as f64 * worst;
                    assert!(left > -1e-12, "{dimensions} {population} {separable}: {left}");
                }
            }
        }
    }
}
