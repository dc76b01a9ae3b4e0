//! Eigenvalues and eigenvectors of a symmetric matrix.
//!
//! Golub and Van Loan, "Matrix Computations", 4th edition: Householder's tridiagonalisation
//! (algorithm 8.3.1), then the QL algorithm with implicit shifts (section 8.3.3; Dubrulle, Martin
//! and Wilkinson, "The implicit QL algorithm", Numer. Math. 12, 1968). Only additions,
//! multiplications, divisions and square roots, so the result is the same everywhere.

use super::vectors::{add, dot, set_diagonal, square};

/// A decomposition `C = Σ values[k] · vectors[k] · vectors[k]ᵀ`, in no particular order.
#[derive(Clone, Debug)]
pub(crate) struct Eigen {
    /// One per dimension.
    pub values: Vec<f64>,
    /// One row per eigenvalue, orthonormal.
    pub vectors: Vec<f64>,
    /// What the computation needs besides.
    work: Vec<f64>,
    off_diagonal: Vec<f64>,
    householder: Vec<f64>,
    product: Vec<f64>,
}

/// So many iterations are far more than any eigenvalue takes.
const ITERATIONS: u32 = 60;

impl Eigen {
    /// The decomposition of the identity of so many dimensions.
    pub fn identity(dimensions: usize) -> Self {
        let mut vectors = vec![0.0; dimensions * dimensions];
        set_diagonal(&mut vectors, dimensions, 1.0);
        Self {
            values: vec![1.0; dimensions],
            vectors,
            work: Vec::new(),
            off_diagonal: vec![0.0; dimensions],
            householder: vec![0.0; dimensions],
            product: vec![0.0; dimensions],
        }
    }

    /// Decomposes a symmetric matrix, given by rows.
    pub fn decompose(&mut self, matrix: &[f64]) {
        let dimensions = self.values.len();
        self.work.clear();
        self.work.extend_from_slice(matrix);
        set_diagonal(&mut self.vectors, dimensions, 1.0);
        self.tridiagonalise();
        for first in 0..dimensions {
            for _ in 0..ITERATIONS {
                let last = self.end_of_block(first);
                if last == first {
                    break;
                }
                self.step(first, last);
            }
        }
    }

    /// Leaves the diagonal in `values` and what is beside it in `off_diagonal`.
    fn tridiagonalise(&mut self) {
        let Self { values, vectors, work, off_diagonal, householder, product } = self;
        let dimensions = values.len();
        for column in 0..dimensions.saturating_sub(2) {
            let rest = column + 1..dimensions;
            let below: f64 =
                rest.clone().skip(1).map(|row| square(work[row * dimensions + column])).sum();
            let head = work[rest.start * dimensions + column];
            if below == 0.0 {
                off_diagonal[column] = head;
                continue;
            }
            // The reflection takes the column to a multiple of the first unit vector.
            let length = (head * head + below).sqrt();
            let image = if head > 0.0 { -length } else { length };
            for row in rest.clone() {
                householder[row] = work[row * dimensions + column];
            }
            householder[rest.start] -= image;
            off_diagonal[column] = image;
            let pivot = householder[rest.start];
            let scale = 2.0 / (pivot * pivot + below);
            for row in rest.clone() {
                let entries = &work[row * dimensions..][rest.clone()];
                product[row] = scale * dot(entries, &householder[rest.clone()]);
            }
            let half = 0.5 * scale * dot(&product[rest.clone()], &householder[rest.clone()]);
            for row in rest.clone() {
                product[row] -= half * householder[row];
            }
            for row in rest.clone() {
                let (v, w) = (householder[row], product[row]);
                let entries = &mut work[row * dimensions..][rest.clone()];
                for (entry, place) in entries.iter_mut().zip(rest.clone()) {
                    *entry -= v * product[place] + w * householder[place];
                }
            }
            reflect(vectors, dimensions, &householder[rest.clone()], scale, product);
        }
        for (row, value) in values.iter_mut().enumerate() {
            *value = work[row * dimensions + row];
        }
        if dimensions > 1 {
            off_diagonal[dimensions - 2] = work[(dimensions - 1) * dimensions + dimensions - 2];
            off_diagonal[dimensions - 1] = 0.0;
        }
    }

    /// The last index of the block that begins at `first`: beside it there is nothing left.
    fn end_of_block(&self, first: usize) -> usize {
        let small = |place: &usize| {
            let beside = self.values[*place].abs() + self.values[place + 1].abs();
            self.off_diagonal[*place].abs() <= f64::EPSILON * beside
        };
        (first..self.values.len() - 1).find(small).unwrap_or(self.values.len() - 1)
    }

    /// One QL step with an implicit shift on the block from `first` to `last`.
    fn step(&mut self, first: usize, last: usize) {
        let Self { values, vectors, off_diagonal, .. } = self;
        let dimensions = values.len();
        let ratio = (values[first + 1] - values[first]) / (2.0 * off_diagonal[first]);
        let root = (ratio * ratio + 1.0).sqrt();
        let shift = off_diagonal[first] / (ratio + if ratio < 0.0 { -root } else { root });
        let mut chased = values[last] - values[first] + shift;
        let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
        for place in (first..last).rev() {
            let bulge = sine * off_diagonal[place];
            let beside = cosine * off_diagonal[place];
            let length = (bulge * bulge + chased * chased).sqrt();
            off_diagonal[place + 1] = length;
            if length == 0.0 {
                values[place + 1] -= moved;
                off_diagonal[last] = 0.0;
                return;
            }
            (sine, cosine) = (bulge / length, chased / length);
            let base = values[place + 1] - moved;
            let turned = (values[place] - base) * sine + 2.0 * cosine * beside;
            moved = sine * turned;
            values[place + 1] = base + moved;
            chased = cosine * turned - beside;
            let (upper, lower) = vectors.split_at_mut((place + 1) * dimensions);
            let upper = &mut upper[place * dimensions..];
            for (a, b) in upper.iter_mut().zip(&mut lower[..dimensions]) {
                (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
            }
        }
        values[first] -= moved;
        off_diagonal[first] = chased;
        off_diagonal[last] = 0.0;
    }
}

/// Applies the reflection `I - scale · v · vᵀ` to the last rows, as many as `v` is long.
fn reflect(rows: &mut [f64], dimensions: usize, v: &[f64], scale: f64, sum: &mut [f64]) {
    let rows = &mut rows[(dimensions - v.len()) * dimensions..];
    sum.fill(0.0);
    for (row, weight) in rows.chunks_exact(dimensions).zip(v) {
        add(sum, *weight, row);
    }
    for (row, weight) in rows.chunks_exact_mut(dimensions).zip(v) {
        add(row, -scale * weight, sum);
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::draw::normal_pair;

    fn draws(generator: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
        (0..count).map(|_| normal_pair(generator)[0]).collect()
    }

    /// The largest entry of `C - Σ values[k] · vectors[k] · vectors[k]ᵀ`, relative to C's own.
    fn error(matrix: &[f64], eigen: &Eigen) -> f64 {
        let dimensions = eigen.values.len();
        let largest = matrix.iter().fold(0.0_f64, |most, entry| most.max(entry.abs()));
        let mut worst = 0.0_f64;
        for (place, entry) in matrix.iter().enumerate() {
            let (row, column) = (place / dimensions, place % dimensions);
            let sum: f64 = (0..dimensions)
                .map(|k| {
                    let vector = &eigen.vectors[k * dimensions..][..dimensions];
                    eigen.values[k] * vector[row] * vector[column]
                })
                .sum();
            worst = worst.max((sum - entry).abs());
        }
        worst / largest
    }

    fn orthogonality(eigen: &Eigen) -> f64 {
        let dimensions = eigen.values.len();
        let mut worst = 0.0_f64;
        for (i, a) in eigen.vectors.chunks_exact(dimensions).enumerate() {
            for (j, b) in eigen.vectors.chunks_exact(dimensions).enumerate() {
                worst = worst.max((dot(a, b) - if i == j { 1.0 } else { 0.0 }).abs());
            }
        }
        worst
    }

    #[test]
    fn random_matrices_are_put_together_again() {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        for dimensions in [1, 2, 3, 5, 10, 40] {
            let mut eigen = Eigen::identity(dimensions);
            for round in 0..20 {
                // The scales of the axes differ by up to eight orders of magnitude.
                let scale = |k: usize| if round % 2 == 0 { 1.0 } else { [1.0, 1e-4][k % 2] };
                let factor = draws(&mut generator, dimensions * dimensions);
                let mut matrix = vec![0.0; dimensions * dimensions];
                for k in 0..dimensions {
                    for (place, entry) in matrix.iter_mut().enumerate() {
                        let (row, column) = (place / dimensions, place % dimensions);
                        let (a, b) =
                            (factor[row * dimensions + k], factor[column * dimensions + k]);
                        *entry += scale(k) * scale(k) * a * b;
                    }
                }
                eigen.decompose(&matrix);
                assert!(error(&matrix, &eigen) < 1e-13, "{dimensions}: {}", error(&matrix, &eigen));
                assert!(orthogonality(&eigen) < 1e-13, "{dimensions}: {}", orthogonality(&eigen));
            }
        }
    }

    #[test]
    fn diagonal_and_equal_eigenvalues_are_no_trouble() {
        let mut eigen = Eigen::identity(3);
        eigen.decompose(&[2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1e-12]);
        let mut values = eigen.values.clone();
        values.sort_by(f64::total_cmp);
        assert_eq!(values, [1e-12, 2.0, 2.0]);
        eigen.decompose(&[1.0; 9]);
        assert!(error(&[1.0; 9], &eigen) < 1e-15 && orthogonality(&eigen) < 1e-15);
    }
}
