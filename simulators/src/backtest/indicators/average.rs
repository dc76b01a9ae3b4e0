//! The averages beside the simple and the exponential one.

use super::window::over_windows;
use crate::numbers::real;

/// The weighted moving average: the newest bar has the weight n, the oldest 1. Each window is added
/// by itself, oldest bar first; known from bar n - 1 on (counted from 0).
pub(super) fn weighted(series: &[f64], length: usize) -> Vec<f64> {
    let count = real(length);
    let weights = count * (count + 1.0) / 2.0;
    over_windows(series, length, |window| {
        let terms = window.iter().enumerate().map(|(place, bar)| real(place + 1) * bar);
        terms.fold(0.0, |a, b| a + b) / weights
    })
}

/// Wilder's average: the plain mean of the first n values, known at the n-th of them, and from
/// there on `a_i = (a_{i-1} (n - 1) + x_i) / n`. A NaN in the series starts afresh.
///
/// Source: J. W. Wilder, "New Concepts in Technical Trading Systems", Trend Research, 1978.
pub(super) fn wilder(series: &[f64], length: usize) -> Vec<f64> {
    let count = real(length);
    let (mut average, mut known) = (0.0, 0);
    let step = |value: &f64| {
        if value.is_nan() {
            (average, known) = (0.0, 0);
            return f64::NAN;
        }
        known += 1;
        if known > length {
            average = (average * (count - 1.0) + value) / count;
            return average;
        }
        average += value;
        if known < length {
            return f64::NAN;
        }
        average /= count;
        average
    };
    series.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_of_a_small_series() {
        let series = [3.0, 6.0, 9.0, 0.0, f64::NAN, 4.0, 2.0];
        let weighted = weighted(&series, 2);
        assert!(weighted[0].is_nan() && weighted[4].is_nan() && weighted[5].is_nan());
        assert_eq!([weighted[1], weighted[2], weighted[3]], [5.0, 8.0, 3.0]);
        // The mean of 3 and 6, then (4.5 + 9) / 2, then (6.75 + 0) / 2; afresh after the gap.
        let wilder = wilder(&series, 2);
        assert!(wilder[0].is_nan() && wilder[4].is_nan() && wilder[5].is_nan());
        assert_eq!([wilder[1], wilder[2], wilder[3], wilder[6]], [4.5, 6.75, 3.375, 3.0]);
    }
}
