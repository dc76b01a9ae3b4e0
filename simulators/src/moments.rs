//! Mean and spread of values that come one by one.

use crate::numbers::{canonical, real};

/// Mean and spread of the values so far (B. P. Welford, "Note on a Method for Calculating Corrected
/// Sums of Squares and Products", Technometrics 4(3), 1962).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    count: usize,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes up a further value.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / real(self.count);
        self.squares += before * (value - self.mean);
    }

    /// The standard error of the mean; undefined with fewer than two values.
    pub fn standard_error(&self) -> f64 {
        let variance = self.squares / real(self.count.max(1) - 1);
        canonical((variance / real(self.count)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_no_error() {
        let mut moments = Moments::default();
        assert!(moments.standard_error().is_nan());
        moments.add(0.1);
        assert!(moments.standard_error().is_nan());
        moments.add(0.1);
        assert_eq!(moments.standard_error().to_bits(), 0.0_f64.to_bits());
        moments.add(3.1);
        // The deviation of 0.1, 0.1, 3.1 is the root of 3, and that over the root of 3 is 1.
        assert!((moments.standard_error() - 1.0).abs() < 1e-12);
    }
}
