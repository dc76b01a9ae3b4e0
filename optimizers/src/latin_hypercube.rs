//! Latin hypercube sampling with random access.
//!
//! McKay, Beckman & Conover, "A comparison of three methods for selecting values of input
//! variables in the analysis of output from a computer code", Technometrics 21, 1979: every
//! dimension is cut into as many strata as there are samples, each stratum is used exactly once
//! (in an order of its own per dimension), and the value lies anywhere inside its stratum.
//! The orders are keyed permutations, so that any sample can be computed alone.

use crate::hashing::keyed;
use crate::permutation::KeyedPermutation;

/// Binary digits of a coordinate that are shared by stratum and jitter. Three fewer than
/// an f64 holds, so that rounding in the division never pushes a value over its stratum's edge.
const COORDINATE_BITS: u32 = 50;

/// A Latin hypercube of `samples` points in the unit cube; memory grows with the dimensions only.
#[derive(Clone, Debug)]
pub struct LatinHypercube {
    samples: u64,
    jitter_bits: u32,
    /// One pair per dimension: the order of the strata and the key of the jitter.
    dimensions: Vec<(KeyedPermutation, u64)>,
}

impl LatinHypercube {
    /// The largest number of samples: beyond it an f64 has too few digits left for the jitter.
    pub const MAX_SAMPLES: u64 = 1 << 48;

    /// The hypercube of `samples` points in `dimensions` dimensions that belongs to `seed`.
    ///
    /// # Panics
    ///
    /// If `samples` is zero or above [`LatinHypercube::MAX_SAMPLES`].
    pub fn new(samples: u64, dimensions: usize, seed: u64) -> Self {
        assert!(
            (1..=Self::MAX_SAMPLES).contains(&samples),
            "cannot make a Latin hypercube of {samples} samples: allowed are 1 to 2^48"
        );
        let sample_bits = u64::BITS - (samples - 1).leading_zeros();
        let dimensions = (0..dimensions as u64)
            .map(|dimension| {
                let order = KeyedPermutation::new(samples, keyed(seed, 2 * dimension));
                (order, keyed(seed, 2 * dimension + 1))
            })
            .collect();
        Self { samples, jitter_bits: COORDINATE_BITS - sample_bits, dimensions }
    }

    /// How many points there are.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// How many coordinates a point has.
    pub fn dimensions(&self) -> usize {
        self.dimensions.len()
    }

    /// One coordinate of one point, in [0, 1).
    ///
    /// # Panics
    ///
    /// If `index` is not below the samples or `dimension` not below the dimensions.
    pub fn coordinate(&self, index: u64, dimension: usize) -> f64 {
        let (order, jitter_key) = &self.dimensions[dimension];
        let stratum = order.apply(index);
        let jitter = keyed(*jitter_key, index) >> (u64::BITS - self.jitter_bits);
        // The middles of a lattice inside the stratum: never on its edge.
        let inside = (jitter as f64 + 0.5) / (1u64 << self.jitter_bits) as f64;
        (stratum as f64 + inside) / self.samples as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_stratum_is_used_once(samples in 1u64..3_000, seed: u64) {
            let hypercube = LatinHypercube::new(samples, 3, seed);
            for dimension in 0..3 {
                let mut used = vec![false; samples as usize];
                for index in 0..samples {
                    let coordinate = hypercube.coordinate(index, dimension);
                    let stratum = (coordinate * samples as f64) as usize;
                    prop_assert!(!std::mem::replace(&mut used[stratum], true));
                }
            }
        }

        #[test]
        fn huge_hypercubes_stay_inside_their_strata(
            samples in 1u64..=LatinHypercube::MAX_SAMPLES, seed: u64, draw: u64
        ) {
            let hypercube = LatinHypercube::new(samples, 1, seed);
            let index = draw % samples;
            let coordinate = hypercube.coordinate(index, 0);
            prop_assert!((0.0..1.0).contains(&coordinate));
            let stratum = hypercube.dimensions[0].0.apply(index);
            prop_assert_eq!((coordinate * samples as f64) as u64, stratum);
        }
    }

    #[test]
    fn dimensions_are_not_correlated() {
        const SAMPLES: u64 = 4_000;
        let hypercube = LatinHypercube::new(SAMPLES, 6, 11);
        for first in 0..6 {
            for second in first + 1..6 {
                let covariance: f64 = (0..SAMPLES)
                    .map(|index| {
                        let x = hypercube.coordinate(index, first) - 0.5;
                        x * (hypercube.coordinate(index, second) - 0.5)
                    })
                    .sum::<f64>()
                    / SAMPLES as f64;
                // Correlation has standard deviation 1 / sqrt(samples) = 0.016.
                assert!((covariance * 12.0).abs() < 0.06, "{first}, {second}");
            }
        }
    }

    #[test]
    fn jitter_fills_the_stratum() {
        const SAMPLES: u64 = 20_000;
        let hypercube = LatinHypercube::new(SAMPLES, 1, 5);
        let mut tenths = [0.0; 10];
        for index in 0..SAMPLES {
            let inside = (hypercube.coordinate(index, 0) * SAMPLES as f64).fract();
            tenths[(inside * 10.0) as usize] += 1.0;
        }
        let chi_square: f64 = tenths.iter().map(|n: &f64| (n - 2e3) * (n - 2e3) / 2e3).sum();
        // 9 degrees of freedom: 99.9 % lie below 27.9.
        assert!(chi_square < 27.9, "{chi_square}");
    }

    #[test]
    fn an_additive_function_is_estimated_far_better_than_at_random() {
        const SAMPLES: u64 = 1_000;
        let worst = (0..20)
            .map(|seed| {
                let hypercube = LatinHypercube::new(SAMPLES, 5, seed);
                let sum: f64 = (0..SAMPLES)
                    .flat_map(|index| (0..5).map(move |dimension| (index, dimension)))
                    .map(|(index, dimension)| hypercube.coordinate(index, dimension))
                    .sum();
                (sum / SAMPLES as f64 - 2.5).abs()
            })
            .fold(0.0, f64::max);
        // Random sampling has a standard error of sqrt(5 / 12 / 1,000) = 0.02.
        assert!(worst < 1e-4, "{worst}");
    }

    #[test]
    fn coordinates_never_change_between_versions() {
        // Computed with a second implementation, in Python.
        let hypercube = LatinHypercube::new(5, 2, 42);
        let found: Vec<f64> = (0..5).map(|index| hypercube.coordinate(index, 1)).collect();
        let expected = [
            0.40381135584017824,
            0.24556160236831276,
            0.19401441781332168,
            0.6766106391728635,
            0.9120414839924045,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    #[should_panic(expected = "cannot make a Latin hypercube of 0 samples")]
    fn an_empty_hypercube_is_refused() {
        LatinHypercube::new(0, 1, 0);
    }
}
