//! The standard normal distribution, in both directions.

use libm::{erfc, exp, log};

/// The probability of a value of at most `x`.
pub(crate) fn probability(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

/// The value that is exceeded with probability `tail`, which is above 0 and at most one half.
pub(crate) fn quantile_above(tail: f64) -> f64 {
    assert!(tail > 0.0 && tail <= 0.5, "{tail} is no upper tail");
    // Newton's method on the logarithm of the tail, which is concave: from a value that is too
    // large it cannot overshoot by much, and six steps leave nothing but rounding.
    let mut x = (-2.0 * log(2.0 * tail)).sqrt();
    for _ in 0..6 {
        let above = 0.5 * erfc(x / std::f64::consts::SQRT_2);
        let density = exp(-0.5 * x * x) / (2.0 * std::f64::consts::PI).sqrt();
        x += log(above / tail) * above / density;
    }
    x.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (tail, value) in
            [(0.5, 0.0), (0.25, 0.674_489_750_196_082), (0.025, 1.959_963_984_540_054)]
        {
            assert!((quantile_above(tail) - value).abs() < 1e-12, "{tail}");
        }
        for tail in [0.499_999, 0.3, 1e-3, 1e-8, 1e-30, 1e-200] {
            let back = probability(-quantile_above(tail));
            assert!((back / tail - 1.0).abs() < 1e-9, "{tail}: {back}");
        }
    }
}
