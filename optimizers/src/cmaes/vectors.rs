//! The little that is needed of vectors, each sum from the first entry to the last.

/// The scalar product.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds a multiple of a vector.
pub(crate) fn add(to: &mut [f64], factor: f64, vector: &[f64]) {
    for (to, entry) in to.iter_mut().zip(vector) {
        *to += factor * entry;
    }
}

/// Multiplies every entry.
pub(crate) fn scale(vector: &mut [f64], factor: f64) {
    for entry in vector {
        *entry *= factor;
    }
}

/// Sets the diagonal of a square matrix, given by rows, to one number and the rest to zero.
pub(crate) fn set_diagonal(matrix: &mut [f64], dimensions: usize, number: f64) {
    matrix.fill(0.0);
    for entry in matrix.iter_mut().step_by(dimensions + 1) {
        *entry = number;
    }
}

/// A number by itself.
pub(crate) fn square(x: f64) -> f64 {
    x * x
}
