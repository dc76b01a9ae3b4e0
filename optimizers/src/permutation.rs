//! A keyed permutation of `0..size` with random access and no table.
//!
//! A balanced Feistel network (Luby & Rackoff, "How to construct pseudorandom permutations from
//! pseudorandom functions", SIAM J. Comput. 17, 1988) permutes the words of an even number of
//! bits; cycle walking (Black & Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002)
//! restricts it to `0..size`: a value that leaves the range is permuted again until it returns,
//! which it must, because the walk follows a cycle that started inside.

use crate::hashing::keyed;

/// Four rounds make a strong pseudorandom permutation of ideal round functions; eight leave
/// a margin for halves of only a few bits, where the round functions are far from ideal.
const ROUNDS: usize = 8;

/// The smallest half. Two halves of four bits permute 256 values, enough for the orders of a
/// tiny range to come out about equally often; the price is a longer walk for such ranges.
const SMALLEST_HALF_BITS: u32 = 4;

/// A bijection of `0..size`, chosen by a key; constant memory, constant expected time.
///
/// It orders things so that they look shuffled. It is not a cipher: nobody should rely on it to
/// keep the key secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedPermutation {
    size: u64,
    half_bits: u32,
    round_keys: [u64; ROUNDS],
}

impl KeyedPermutation {
    /// The largest range that can be permuted.
    pub const MAX_SIZE: u64 = 1 << 63;

    /// The permutation of `0..size` that belongs to `key`.
    ///
    /// # Panics
    ///
    /// If `size` is zero or above [`KeyedPermutation::MAX_SIZE`].
    pub fn new(size: u64, key: u64) -> Self {
        assert!(
            (1..=Self::MAX_SIZE).contains(&size),
            "cannot permute {size} values: allowed are 1 to 2^63"
        );
        // Bits of the largest value, rounded up to two equal halves. The network then permutes
        // fewer than 4 * size values, so a walk takes fewer than four steps on average.
        let value_bits = u64::BITS - (size - 1).leading_zeros();
        let half_bits = value_bits.div_ceil(2).max(SMALLEST_HALF_BITS);
        let round_keys = std::array::from_fn(|round| keyed(key, round as u64));
        Self { size, half_bits, round_keys }
    }

    /// How many values are permuted.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where `index` goes.
    ///
    /// # Panics
    ///
    /// If `index` is not below the size.
    pub fn apply(&self, index: u64) -> u64 {
        self.walk(index, |value| {
            let (left, right) = self.split(value);
            let (left, right) = self
                .round_keys
                .iter()
                .fold((left, right), |(left, right), &key| (right, left ^ self.round(right, key)));
            self.join(left, right)
        })
    }

    /// The index that [`KeyedPermutation::apply`] sends to `value`.
    ///
    /// # Panics
    ///
    /// If `value` is not below the size.
    pub fn invert(&self, value: u64) -> u64 {
        self.walk(value, |value| {
            let (left, right) = self.split(value);
            let (left, right) =
                self.round_keys.iter().rev().fold((left, right), |(left, right), &key| {
                    (right ^ self.round(left, key), left)
                });
            self.join(left, right)
        })
    }

    fn walk(&self, start: u64, step: impl Fn(u64) -> u64) -> u64 {
        assert!(start < self.size, "{start} is outside of the permuted range 0..{}", self.size);
        let mut value = step(start);
        while value >= self.size {
            value = step(value);
        }
        value
    }

    fn round(&self, half: u64, key: u64) -> u64 {
        keyed(key, half) >> (u64::BITS - self.half_bits)
    }

    fn split(&self, value: u64) -> (u64, u64) {
        (value >> self.half_bits, value & ((1 << self.half_bits) - 1))
    }

    fn join(&self, left: u64, right: u64) -> u64 {
        (left << self.half_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(size: u64, key: u64) -> Vec<u64> {
        let permutation = KeyedPermutation::new(size, key);
        (0..size).map(|index| permutation.apply(index)).collect()
    }

    fn assert_bijective(size: u64, key: u64) {
        let permutation = KeyedPermutation::new(size, key);
        let mut seen = vec![false; size as usize];
        for index in 0..size {
            let value = permutation.apply(index);
            assert_eq!(permutation.invert(value), index, "size {size}, key {key}");
            assert!(!std::mem::replace(&mut seen[value as usize], true));
        }
    }

    #[test]
    fn bijective_at_small_sizes_and_around_powers_of_two() {
        for size in 1..=70 {
            assert_bijective(size, 7);
        }
        for exponent in 7..=16 {
            for size in [(1 << exponent) - 1, 1 << exponent, (1 << exponent) + 1] {
                assert_bijective(size, exponent);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bijective(size in 1u64..5_000, key: u64) {
            assert_bijective(size, key);
        }

        #[test]
        fn inverse_holds_for_huge_ranges(size in 1u64..=1 << 63, key: u64, draw: u64) {
            let permutation = KeyedPermutation::new(size, key);
            let value = permutation.apply(draw % size);
            prop_assert!(value < size);
            prop_assert_eq!(permutation.invert(value), draw % size);
        }
    }

    #[test]
    fn different_keys_give_different_orders() {
        let orders: std::collections::BTreeSet<Vec<u64>> =
            (0..1_000).map(|key| order(100, key)).collect();
        assert_eq!(orders.len(), 1_000);
    }

    #[test]
    fn all_orders_of_four_values_are_about_equally_frequent() {
        let mut counts = std::collections::BTreeMap::new();
        for key in 0..24_000 {
            *counts.entry(order(4, key)).or_insert(0.0) += 1.0;
        }
        assert_eq!(counts.len(), 24);
        let chi_square: f64 = counts.values().map(|n: &f64| (n - 1e3) * (n - 1e3) / 1e3).sum();
        // 23 degrees of freedom: 99.9 % lie below 49.7.
        assert!(chi_square < 49.7, "{chi_square}");
    }

    #[test]
    fn every_index_lands_everywhere_about_equally_often() {
        const SIZE: usize = 37;
        const KEYS: u64 = 37_000;
        let mut counts = vec![[0.0; SIZE]; SIZE];
        for key in 0..KEYS {
            for (index, value) in order(SIZE as u64, key).into_iter().enumerate() {
                counts[index][value as usize] += 1.0;
            }
        }
        let expected = KEYS as f64 / SIZE as f64;
        let chi_square: f64 =
            counts.as_flattened().iter().map(|n| (n - expected) * (n - expected) / expected).sum();
        // 36 * 36 = 1,296 degrees of freedom, standard deviation 51.
        assert!((1_130.0..1_460.0).contains(&chi_square), "{chi_square}");
    }

    #[test]
    fn neighbours_are_not_kept_together() {
        const SIZE: u64 = 10_000;
        let moved = order(SIZE, 3);
        let kept = moved.windows(2).filter(|pair| pair[1] == pair[0] + 1).count();
        // A random order keeps one neighbouring pair on average (Poisson).
        assert!(kept <= 8, "{kept}");
    }

    #[test]
    fn orders_never_change_between_versions() {
        // Computed with a second implementation, in Python.
        assert_eq!(order(10, 42), [4, 2, 1, 7, 9, 3, 0, 5, 8, 6]);
    }

    #[test]
    #[should_panic(expected = "cannot permute 0 values")]
    fn an_empty_range_is_refused() {
        KeyedPermutation::new(0, 0);
    }

    #[test]
    #[should_panic(expected = "10 is outside of the permuted range 0..10")]
    fn an_index_outside_is_refused() {
        KeyedPermutation::new(10, 0).apply(10);
    }
}
