//! The direction numbers of Joe & Kuo, "Constructing Sobol sequences with better two-dimensional
//! projections", SIAM J. Sci. Comput. 30, 2008: the set `new-joe-kuo-6`, cut to 1,024 dimensions.
//!
//! The numbers are used under the 3-clause BSD licence in `data/JOE-KUO-LICENSE.txt`.

/// One line per dimension from the second on: `d s a m_1 .. m_s`, after a line of headings.
const TABLE: &str = include_str!("../data/new-joe-kuo-6.1024.txt");

/// How many dimensions the table covers.
pub(crate) const MAX_DIMENSIONS: usize = 1_024;

/// The binary digits of an index and of a coordinate.
pub(crate) const BITS: usize = 32;

/// The direction vectors of one dimension: entry `k` is added (XOR) for index bit `k`;
/// the highest bit stands for one half.
pub(crate) type Directions = [u32; BITS];

/// The direction vectors of the first `dimensions` dimensions, at most [`MAX_DIMENSIONS`].
pub(crate) fn directions(dimensions: usize) -> Vec<Directions> {
    // The first dimension is the van der Corput sequence and has no line in the table.
    let van_der_corput = std::array::from_fn(|bit| 1 << (BITS - 1 - bit));
    std::iter::once(van_der_corput)
        .chain(TABLE.lines().skip(1).map(parse_line))
        .take(dimensions)
        .collect()
}

fn parse_line(line: &str) -> Directions {
    let mut numbers = line
        .split_ascii_whitespace()
        .map(|word| word.parse::<u32>().expect("the table holds only numbers"));
    let mut next = || numbers.next().expect("a line starts with d, s and a");
    let (_dimension, _degree, coefficients) = (next(), next(), next());
    let initial: Vec<u32> = numbers.collect();
    expand(coefficients, &initial)
}

/// Continues the initial numbers by the recurrence of the primitive polynomial
/// `x^s + a_1 x^(s-1) + .. + a_(s-1) x + 1` (Joe & Kuo 2008, eqs. 2 and 3), whose inner
/// coefficients are the bits of `coefficients`, `a_1` highest.
fn expand(coefficients: u32, initial: &[u32]) -> Directions {
    let degree = initial.len();
    let mut directions = [0; BITS];
    for bit in 0..BITS {
        directions[bit] = if bit < degree {
            initial[bit] << (BITS - 1 - bit)
        } else {
            let oldest = directions[bit - degree];
            (1..degree)
                .filter(|term| coefficients >> (degree - 1 - term) & 1 == 1)
                .fold(oldest ^ (oldest >> degree), |sum, term| sum ^ directions[bit - term])
        };
    }
    directions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_complete_and_well_formed() {
        assert_eq!(TABLE.lines().count(), MAX_DIMENSIONS);
        for (line, dimension) in TABLE.lines().skip(1).zip(2u32..) {
            let numbers: Vec<u32> =
                line.split_ascii_whitespace().map(|word| word.parse().expect("a number")).collect();
            assert_eq!(numbers[0], dimension);
            assert_eq!(numbers[1] as usize, numbers.len() - 3);
            for (bit, m) in numbers[3..].iter().enumerate() {
                assert!(m % 2 == 1 && *m < 2 << bit, "dimension {dimension}");
            }
        }
    }

    #[test]
    fn direction_matrices_are_upper_triangular() {
        // This is what makes every dimension a (0, 1)-sequence.
        for vectors in directions(MAX_DIMENSIONS) {
            for (bit, vector) in vectors.iter().enumerate() {
                assert_eq!(vector.trailing_zeros() as usize, BITS - 1 - bit);
            }
        }
    }
}
