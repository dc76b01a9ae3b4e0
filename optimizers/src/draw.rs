//! Draws from a generator, with the same bits on every platform.

use libm::{log, sqrt};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use search_spaces::unit_from_bits;

/// Uniform in [0, 1), with a resolution of 2^-53.
pub(crate) fn unit(generator: &mut ChaCha8Rng) -> f64 {
    unit_from_bits(generator.next_u64())
}

/// Uniform among `0..count`. (Off by less than one in 2^64 / count, which nobody can measure.)
pub(crate) fn below(generator: &mut ChaCha8Rng, count: usize) -> usize {
    assert!(count > 0, "something to choose from");
    ((u128::from(generator.next_u64()) * count as u128) >> 64) as usize
}

/// True with this probability.
pub(crate) fn chance(generator: &mut ChaCha8Rng, probability: f64) -> bool {
    unit(generator) < probability
}

/// Two independent draws of the standard normal distribution.
///
/// The polar method: Marsaglia and Bray, "A convenient method for generating normal variables",
/// SIAM Review 6(3), 1964.
pub(crate) fn normal_pair(generator: &mut ChaCha8Rng) -> [f64; 2] {
    loop {
        let [x, y] = [unit(generator), unit(generator)].map(|u| 2.0 * u - 1.0);
        let square = x * x + y * y;
        if square < 1.0 && square > 0.0 {
            let scale = sqrt(-2.0 * log(square) / square);
            return [x * scale, y * scale];
        }
    }
}

/// One draw of the standard normal distribution.
pub(crate) fn normal(generator: &mut ChaCha8Rng) -> f64 {
    normal_pair(generator)[0]
}

/// One draw of the standard Cauchy distribution: the quotient of two normal ones.
pub(crate) fn cauchy(generator: &mut ChaCha8Rng) -> f64 {
    let [x, y] = normal_pair(generator);
    x / y
}

/// Puts the items into a uniformly random order (Fisher and Yates).
pub(crate) fn shuffle<T>(generator: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(generator, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn normal_draws_have_the_moments_of_the_normal_distribution() {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<f64> = (0..100_000).flat_map(|_| normal_pair(&mut generator)).collect();
        let mean = |power: i32| {
            draws.iter().map(|x| (0..power).fold(1.0, |product, _| product * x)).sum::<f64>()
                / draws.len() as f64
        };
        assert!(mean(1).abs() < 0.01 && mean(3).abs() < 0.03, "{} {}", mean(1), mean(3));
        assert!((mean(2) - 1.0).abs() < 0.01 && (mean(4) - 3.0).abs() < 0.1);
    }

    #[test]
    fn every_choice_and_every_order_is_equally_likely() {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let mut first = [0; 5];
        for _ in 0..50_000 {
            let mut items = [0, 1, 2, 3, 4];
            shuffle(&mut generator, &mut items);
            first[items[0]] += 1;
        }
        assert!(first.iter().all(|count| (9_600..10_400).contains(count)), "{first:?}");
    }

    #[test]
    fn half_of_a_cauchy_distribution_lies_within_one() {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let within = (0..20_000).filter(|_| cauchy(&mut generator).abs() < 1.0).count();
        assert!((9_800..10_200).contains(&within), "{within}");
    }
}
