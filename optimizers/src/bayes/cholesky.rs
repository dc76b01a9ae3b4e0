//! Symmetric positive matrices by their Cholesky factors.
//!
//! Every inner loop is a dot product or a multiple of contiguous numbers, in an order that is
//! written down here: compilers may not reorder sums of floats, so the bits are the same everywhere.

use libm::{log, sqrt};

/// The lower triangle of a matrix, row by row: row `i` has `i + 1` numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Triangle {
    size: usize,
    entries: Vec<f64>,
}

impl Triangle {
    /// The triangle of `entry(row, column)` with `column <= row < size`.
    pub fn from_fn(size: usize, mut entry: impl FnMut(usize, usize) -> f64) -> Self {
        let mut entries = Vec::with_capacity(size * (size + 1) / 2);
        for row in 0..size {
            entries.extend((0..=row).map(|column| entry(row, column)));
        }
        Self { size, entries }
    }

    pub fn size(&self) -> usize {
        self.size
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.entries[row * (row + 1) / 2..][..=row]
    }

    /// Its Cholesky factor; none where it is not positive definite to rounding.
    pub fn factor(&self) -> Option<Factor> {
        let mut factor = Factor(Self { size: 0, entries: Vec::with_capacity(self.entries.len()) });
        (0..self.size).all(|row| factor.push(self.row(row))).then_some(factor)
    }
}

/// A lower triangle whose product with its own transpose is the matrix that it stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Factor(Triangle);

impl Factor {
    /// Adds a row of the matrix, its last number being on the diagonal. Leaves the factor as it
    /// was, and says no, where the matrix would cease to be positive definite.
    pub fn push(&mut self, row: &[f64]) -> bool {
        let Triangle { size, entries } = &mut self.0;
        assert_eq!(row.len(), *size + 1, "a row reaches to the diagonal");
        let start = entries.len();
        for (column, entry) in row.iter().enumerate() {
            let own = column * (column + 1) / 2;
            let (above, new) = entries.split_at(start);
            if column == *size {
                let rest = entry - dot(new, new);
                if rest.is_nan() || rest <= 1e-14 * entry {
                    entries.truncate(start);
                    return false;
                }
                entries.push(sqrt(rest));
            } else {
                let entry = (entry - dot(new, &above[own..][..column])) / above[own + column];
                entries.push(entry);
            }
        }
        *size += 1;
        true
    }

    pub fn size(&self) -> usize {
        self.0.size
    }

    /// The logarithm of the determinant of the matrix.
    pub fn log_determinant(&self) -> f64 {
        (0..self.size()).map(|row| 2.0 * log(self.0.row(row)[row])).sum()
    }

    /// Replaces `b` by the solution of `L x = b`, where `L` is the factor.
    pub fn solve_half(&self, b: &mut [f64]) {
        self.solve_half_from(0, b);
    }

    /// The same for a right side that is 0 before `first`.
    fn solve_half_from(&self, first: usize, b: &mut [f64]) {
        for row in first..self.size() {
            let entries = self.0.row(row);
            b[row] = (b[row] - dot(&entries[first..row], &b[first..row])) / entries[row];
        }
    }

    /// Replaces `b` by the solution of `L' x = b`, where `L'` is the factor's transpose.
    pub fn solve_other_half(&self, b: &mut [f64]) {
        for row in (0..self.size()).rev() {
            let entries = self.0.row(row);
            let value = b[row] / entries[row];
            b[row] = value;
            for (b, entry) in b[..row].iter_mut().zip(entries) {
                *b -= value * entry;
            }
        }
    }

    /// The inverse of the matrix.
    pub fn inverse(&self) -> Triangle {
        let size = self.size();
        // The columns of the factor's inverse, each from its diagonal downwards.
        let columns: Vec<Vec<f64>> = (0..size)
            .map(|column| {
                let mut solution = vec![0.0; size];
                solution[column] = 1.0;
                self.solve_half_from(column, &mut solution);
                solution
            })
            .collect();
        Triangle::from_fn(size, |row, column| dot(&columns[row][row..], &columns[column][row..]))
    }
}

/// The sum of products. Eight partial sums keep the processor busy.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let ((a_eights, a_rest), (b_eights, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a_eights.iter().zip(b_eights) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let pair = |first: usize| sums[first] + sums[first + 1];
    (pair(0) + pair(2)) + (pair(4) + pair(6)) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(size: usize) -> Triangle {
        let entry = |row: usize, column: usize| {
            let distance = (row - column) as f64;
            1.0 / (1.0 + distance * distance) + if row == column { 0.1 } else { 0.0 }
        };
        Triangle::from_fn(size, entry)
    }

    #[test]
    fn a_factor_solves_and_inverts() {
        let (matrix, size) = (matrix(23), 23);
        let factor = matrix.factor().unwrap();
        let inverse = factor.inverse();
        let symmetric =
            |of: &Triangle, row: usize, column: usize| of.row(row.max(column))[row.min(column)];
        for row in 0..size {
            let mut unit = vec![0.0; size];
            unit[row] = 1.0;
            factor.solve_half(&mut unit);
            factor.solve_other_half(&mut unit);
            for (column, found) in unit.iter().enumerate() {
                let product: f64 = (0..size)
                    .map(|k| symmetric(&matrix, row, k) * symmetric(&inverse, k, column))
                    .sum();
                let identity = if row == column { 1.0 } else { 0.0 };
                assert!((product - identity).abs() < 1e-12, "{row} {column} {product}");
                assert!((found - symmetric(&inverse, row, column)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_has_no_factor() {
        assert_eq!(Triangle::from_fn(2, |_, _| 1.0).factor(), None);
        let mut factor = matrix(3).factor().unwrap();
        let before = factor.clone();
        assert!(!factor.push(&[2.0, 0.0, 0.0, 1.0]));
        assert_eq!(factor, before);
        assert!(factor.push(&[0.0, 0.0, 0.0, 4.0]));
        assert!((factor.log_determinant() - before.log_determinant() - log(4.0)).abs() < 1e-12);
    }
}
