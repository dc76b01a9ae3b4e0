//! The Sobol sequence with random access and Owen scrambling.
//!
//! Coordinate `index` of dimension `d` is the XOR of the direction vectors of `d` picked by
//! the bits of `index` (Sobol 1967, in plain binary order rather than Gray code order). It is then
//! scrambled by a hash in which every bit depends only on itself and on the bits above it
//! (Laine & Karras, "Stratified sampling for stochastic transparency", EGSR 2011), the fast
//! stand-in for Owen's nested uniform scramble of Burley, "Practical Hash-based Owen
//! Scrambling", Journal of Computer Graphics Techniques 9(4), 2020.

use crate::hashing::keyed;
use crate::joe_kuo::{self, BITS, Directions};

/// The Sobol sequence in a given number of dimensions, scrambled by a seed.
///
/// Every prefix of a power of two points puts equally many points into each of as many
/// equal intervals, in every dimension. So a sequence may be stopped anywhere, best at a power
/// of two, and may be continued later.
#[derive(Clone, Debug)]
pub struct SobolSequence {
    dimensions: Vec<Dimension>,
}

#[derive(Clone, Debug)]
struct Dimension {
    directions: Directions,
    scramble: u32,
}

impl SobolSequence {
    /// The most dimensions for which there are direction numbers.
    pub const MAX_DIMENSIONS: usize = joe_kuo::MAX_DIMENSIONS;

    /// The number of points. Coordinates lie on a lattice of this many values; further points
    /// could only repeat it.
    pub const LENGTH: u64 = 1 << BITS;

    /// The sequence in `dimensions` dimensions, scrambled by `seed`.
    ///
    /// # Panics
    ///
    /// If there are more than [`SobolSequence::MAX_DIMENSIONS`] dimensions.
    pub fn new(dimensions: usize, seed: u64) -> Self {
        assert!(
            dimensions <= Self::MAX_DIMENSIONS,
            "cannot make a Sobol sequence in {dimensions} dimensions: allowed are at most {}",
            Self::MAX_DIMENSIONS
        );
        let dimensions = (0..)
            .zip(joe_kuo::directions(dimensions))
            .map(|(dimension, directions)| Dimension {
                directions,
                scramble: scramble_key(seed, dimension),
            })
            .collect();
        Self { dimensions }
    }

    /// How many coordinates a point has.
    pub fn dimensions(&self) -> usize {
        self.dimensions.len()
    }

    /// One coordinate of one point: a multiple of 2^-32 in [0, 1).
    ///
    /// # Panics
    ///
    /// If `index` is not below [`SobolSequence::LENGTH`] or `dimension` not below the dimensions.
    pub fn coordinate(&self, index: u64, dimension: usize) -> f64 {
        let dimension = &self.dimensions[dimension];
        let plain = plain(index, &dimension.directions);
        f64::from(scrambled(plain, dimension.scramble)) / Self::LENGTH as f64
    }
}

fn scramble_key(seed: u64, dimension: u64) -> u32 {
    (keyed(seed, dimension) >> 32) as u32
}

/// The unscrambled coordinate in units of 2^-32.
fn plain(index: u64, directions: &Directions) -> u32 {
    assert!(
        index < SobolSequence::LENGTH,
        "a Sobol sequence has 2^32 points: there is no point {index}"
    );
    let mut rest = index as u32;
    let mut sum = 0;
    while rest != 0 {
        sum ^= directions[rest.trailing_zeros() as usize];
        rest &= rest - 1;
    }
    sum
}

/// Owen scrambling of a coordinate in units of 2^-32 (Burley 2020, section 3: the hash works
/// on reversed bits).
fn scrambled(coordinate: u32, key: u32) -> u32 {
    laine_karras(coordinate.reverse_bits(), key).reverse_bits()
}

/// A bijection in which every bit depends on itself and the bits below it alone, since sums and
/// products carry only upwards.
///
/// The steps and constants are those of Vegdahl, "Building a Better LK Hash", 2021, because with
/// the constants of Burley 2020 the low bits of most pairs of points stay visibly related;
/// a test below measures this.
fn laine_karras(word: u32, key: u32) -> u32 {
    let word = word ^ word.wrapping_mul(0x3d20_adea);
    let word = word.wrapping_add(key);
    let word = word.wrapping_mul((key >> 16) | 1);
    let word = word ^ word.wrapping_mul(0x0552_6c56);
    word ^ word.wrapping_mul(0x53a2_2864)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Dimensions and rows of the golden table below.
    const GOLDEN_DIMENSIONS: [usize; 11] = [0, 1, 2, 3, 7, 31, 99, 255, 500, 999, 1023];

    /// Unscrambled coordinates in units of 2^-32, computed with the independent implementation
    /// of the `sobol` crate 1.0.2 and its own copy of the direction numbers.
    #[rustfmt::skip]
    const GOLDEN: [(u64, [u32; 11]); 6] = [
        (3, [
            3221225472, 1073741824, 1073741824, 1073741824, 3221225472, 1073741824,
            3221225472, 3221225472, 1073741824, 3221225472, 3221225472,
        ]),
        (100, [
            637534208, 3321888768, 2986344448, 4127195136, 2516582400, 771751936,
            3992977408, 1174405120, 570425344, 3187671040, 1845493760,
        ]),
        (1000, [
            398458880, 692060160, 1933574144, 3904897024, 2747269120, 2126512128,
            2151677952, 1413480448, 3997171712, 3871342592, 507510784,
        ]),
        (123456, [
            38240256, 1935245312, 3395780608, 1388609536, 2946203648, 2787147776,
            3219292160, 3768287232, 2987884544, 1964015616, 2502000640,
        ]),
        (250000, [
            151764992, 3940368384, 3918741504, 600293376, 16564224, 2881175552,
            926564352, 3738058752, 848347136, 3734159360, 2508767232,
        ]),
        (262144, [
            8192, 2684395520, 2388680704, 4226424832, 3300237312, 673193984,
            2646188032, 461725696, 1826693120, 520855552, 57663488,
        ]),
    ];

    #[test]
    fn plain_points_agree_with_the_published_ones() {
        let directions = joe_kuo::directions(2);
        let first: Vec<f64> = (0..8)
            .map(|index| f64::from(plain(index, &directions[0])) / SobolSequence::LENGTH as f64)
            .collect();
        assert_eq!(first, [0.0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875]);
        let second: Vec<f64> = (0..8)
            .map(|index| f64::from(plain(index, &directions[1])) / SobolSequence::LENGTH as f64)
            .collect();
        assert_eq!(second, [0.0, 0.5, 0.75, 0.25, 0.625, 0.125, 0.375, 0.875]);
    }

    #[test]
    fn plain_points_agree_with_an_independent_implementation() {
        let directions = joe_kuo::directions(SobolSequence::MAX_DIMENSIONS);
        for (index, row) in GOLDEN {
            let computed = GOLDEN_DIMENSIONS.map(|d| plain(index, &directions[d]));
            assert_eq!(computed, row, "point {index}");
        }
    }

    #[test]
    fn every_power_of_two_prefix_is_stratified_in_every_dimension() {
        let sequence = SobolSequence::new(SobolSequence::MAX_DIMENSIONS, 12);
        for dimension in 0..sequence.dimensions() {
            for exponent in [1, 4, 8] {
                let strata = 1usize << exponent;
                let mut used = vec![false; strata];
                for index in 0..strata as u64 {
                    let stratum = sequence.coordinate(index, dimension) * strata as f64;
                    assert!(!std::mem::replace(&mut used[stratum as usize], true));
                }
            }
        }
    }

    #[test]
    fn the_first_two_dimensions_are_a_net_after_scrambling() {
        // A (0, m, 2)-net: one point in each box of every shape of area 2^-m.
        const M: u32 = 10;
        let sequence = SobolSequence::new(2, 99);
        for across in 0..=M {
            let (columns, rows) = (1u64 << across, 1u64 << (M - across));
            let mut used = vec![false; 1 << M];
            for index in 0..1 << M {
                let column = (sequence.coordinate(index, 0) * columns as f64) as u64;
                let row = (sequence.coordinate(index, 1) * rows as f64) as u64;
                let cell = (column * rows + row) as usize;
                assert!(!std::mem::replace(&mut used[cell], true));
            }
        }
    }

    proptest! {
        #[test]
        fn scrambling_is_nested(a: u32, b: u32, key: u32) {
            // Two coordinates keep exactly as many leading bits in common as before.
            let before = (a ^ b).leading_zeros();
            let after = (scrambled(a, key) ^ scrambled(b, key)).leading_zeros();
            prop_assert_eq!(before, after);
        }

        #[test]
        fn coordinates_are_on_the_lattice(index in 0..SobolSequence::LENGTH, seed: u64) {
            let coordinate = SobolSequence::new(3, seed).coordinate(index, 2);
            prop_assert!((0.0..1.0).contains(&coordinate));
            prop_assert_eq!((coordinate * SobolSequence::LENGTH as f64).fract(), 0.0);
        }
    }

    #[test]
    fn bits_below_the_first_difference_of_two_points_are_unrelated() {
        const SEEDS: u64 = 3_200;
        let mut suspicious = 0;
        for a in 0..64u32 {
            for b in 0..a {
                // The pattern of the five bits after the first one in which the two differ.
                let first_difference = ((a ^ b) << 26).leading_zeros();
                let mut patterns = [0.0; 32];
                for key in (0..SEEDS).map(|seed| scramble_key(seed, 3)) {
                    let difference = scrambled(a << 26, key) ^ scrambled(b << 26, key);
                    patterns[(difference << (first_difference + 1) >> 27) as usize] += 1.0;
                }
                let squares = patterns.map(|n: f64| (n - 100.0) * (n - 100.0) / 100.0);
                // 31 degrees of freedom: 99.9 % lie below 61.1.
                suspicious += usize::from(squares.iter().sum::<f64>() > 61.1);
            }
        }
        // Two of the 2,016 pairs are expected to look suspicious. With the constants of
        // Burley 2020 all of them do.
        assert!(suspicious <= 10, "{suspicious}");
    }

    #[test]
    fn a_point_is_uniform_over_the_seeds() {
        let mut cells = [0.0; 64];
        for seed in 0..6_400 {
            let sequence = SobolSequence::new(2, seed);
            let cell = |dimension| (sequence.coordinate(0, dimension) * 8.0) as usize;
            cells[cell(0) * 8 + cell(1)] += 1.0;
        }
        let chi_square: f64 = cells.iter().map(|n: &f64| (n - 100.0) * (n - 100.0) / 100.0).sum();
        // 63 degrees of freedom: 99.9 % lie below 103.4.
        assert!(chi_square < 103.4, "{chi_square}");
    }

    /// Root mean square error, over seeds, of the mean of a smooth function of five variables.
    fn error(points: u64, coordinate: impl Fn(u64, u64, usize) -> f64) -> f64 {
        const SEEDS: u64 = 20;
        let squares: f64 = (0..SEEDS)
            .map(|seed| {
                let value = |index| {
                    (0..5).map(|d| 1.0 + (coordinate(seed, index, d) - 0.5)).product::<f64>()
                };
                let mean = (0..points).map(value).sum::<f64>() / points as f64;
                (mean - 1.0) * (mean - 1.0)
            })
            .sum();
        (squares / SEEDS as f64).sqrt()
    }

    #[test]
    fn means_converge_much_faster_than_at_random() {
        let sequences: Vec<_> = (0..20).map(|seed| SobolSequence::new(5, seed)).collect();
        let sobol = |seed: u64, index, d| sequences[seed as usize].coordinate(index, d);
        let random =
            |seed, index, d| keyed(keyed(seed, d as u64), index) as f64 / (u64::MAX as f64);
        assert!(error(4_096, sobol) * 50.0 < error(4_096, random));
        // For smooth functions the error falls about as n^-1.5, at random as n^-0.5; sixteen
        // times the points would then divide it by 64 and by 4.
        assert!(error(4_096, sobol) * 30.0 < error(256, sobol));
    }

    #[test]
    fn seeds_and_dimensions_are_scrambled_differently() {
        let [one, two] = [1, 2].map(|seed| SobolSequence::new(2, seed));
        let same = |a: &SobolSequence, d, b: &SobolSequence, e| {
            (0..100).filter(|&i| a.coordinate(i, d) == b.coordinate(i, e)).count()
        };
        assert_eq!(same(&one, 0, &two, 0), 0);
        assert_eq!(same(&one, 0, &one, 1), 0);
    }

    #[test]
    fn coordinates_never_change_between_versions() {
        // Computed with a second implementation, in Python.
        let sequence = SobolSequence::new(2, 42);
        let found = [(0, 0), (0, 1), (1, 0)].map(|(index, dimension)| {
            sequence.coordinate(index, dimension) * SobolSequence::LENGTH as f64
        });
        assert_eq!(found, [200_054_733.0, 58_735_893.0, 3_784_480_612.0]);
    }

    #[test]
    #[should_panic(expected = "in 1025 dimensions: allowed are at most 1024")]
    fn too_many_dimensions_are_refused() {
        SobolSequence::new(1_025, 0);
    }

    #[test]
    #[should_panic(expected = "there is no point 4294967296")]
    fn an_index_beyond_the_lattice_is_refused() {
        SobolSequence::new(1, 0).coordinate(SobolSequence::LENGTH, 0);
    }
}
