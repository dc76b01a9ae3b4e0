//! Conversions and comparisons that need a word of explanation, in one place.

/// A count as a number.
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}

/// The value, with every NaN made the same: processors disagree on the sign of the NaN that an
/// invalid operation gives, and results are hashed by their bits.
pub(crate) fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}
