//! Exponential moving average.
//!
//! `e_0 = x_0` and `e_i = e_{i-1} + a (x_i - e_{i-1})` with a = 2 / (n + 1): the recursion that
//! pandas calls `ewm(span=n, adjust=False)`. Values are known from the n-th bar on. A NaN in the
//! series starts the average afresh.

use crate::numbers::real;

/// The exponential moving average of `series` over `length` bars.
pub(super) fn average(series: &[f64], length: usize) -> Vec<f64> {
    let weight = 2.0 / (real(length) + 1.0);
    let mut average = f64::NAN;
    let mut known = 0;
    let step = |bar: &f64| {
        if bar.is_nan() {
            known = 0;
            return f64::NAN;
        }
        average = if known == 0 { *bar } else { average + weight * (bar - average) };
        known += 1;
        if known >= length { average } else { f64::NAN }
    };
    series.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_recursion_and_starts_afresh_after_a_gap() {
        let series = [2.0, 4.0, 8.0, f64::NAN, 1.0, 3.0];
        let averages = average(&series, 3);
        assert!(averages[..2].iter().all(|v| v.is_nan()));
        // a = 1/2: 2, 3, 5.5.
        assert_eq!(averages[2], 5.5);
        assert!(averages[3..].iter().all(|v| v.is_nan()));
        assert_eq!(average(&series, 1)[4..], [1.0, 3.0]);
    }
}
