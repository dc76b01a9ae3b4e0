//! Statistics of the last n values, each window by itself: no rounding is carried along, so a
//! value depends on its window only. All are known from the n-th value on.

use crate::numbers::real;

/// A function of each window of `length` values, oldest first; NaN before there is one.
pub(super) fn over_windows(
    series: &[f64],
    length: usize,
    mut function: impl FnMut(&[f64]) -> f64,
) -> Vec<f64> {
    let mut values = vec![f64::NAN; series.len().min(length - 1)];
    values.extend(series.windows(length).map(|window| {
        let value = function(window);
        // Processors disagree on the sign of the NaN that an invalid operation gives.
        if value.is_nan() { f64::NAN } else { value }
    }));
    values
}

/// The sum, added from the oldest value to the newest.
pub(super) fn sum(series: &[f64], length: usize) -> Vec<f64> {
    over_windows(series, length, total)
}

fn total(window: &[f64]) -> f64 {
    window.iter().fold(0.0, |a, b| a + b)
}

/// The standard deviation with n - `lost` degrees of freedom, in two passes: first the mean, then
/// the squares around it.
pub(super) fn deviation(series: &[f64], length: usize, lost: usize) -> Vec<f64> {
    over_windows(series, length, |window| {
        let mean = total(window) / real(length);
        let squares = window.iter().fold(0.0, |a, b| a + (b - mean) * (b - mean));
        (squares / real(length - lost)).sqrt()
    })
}

/// The median: the middle value, or the mean of the two in the middle.
pub(super) fn median(series: &[f64], length: usize) -> Vec<f64> {
    let mut sorted = Vec::new();
    over_windows(series, length, |window| {
        if window.iter().any(|value| value.is_nan()) {
            return f64::NAN;
        }
        sorted.clear();
        sorted.extend_from_slice(window);
        let (below, upper, _) = sorted.select_nth_unstable_by(length / 2, f64::total_cmp);
        if length % 2 == 1 {
            return *upper;
        }
        let lower = below.iter().copied().max_by(f64::total_cmp).expect("two values at least");
        f64::midpoint(lower, *upper)
    })
}

/// The place of the newest value among all of its window, as a fraction up to 1: the share of the
/// values below it, with itself and its equals at the mean of their places. The same as pandas'
/// `rolling(n).rank(pct=True)`.
pub(super) fn rank(series: &[f64], length: usize) -> Vec<f64> {
    over_windows(series, length, |window| {
        let newest = window[length - 1];
        let (mut below, mut equal) = (0, 0);
        for value in window {
            if value.is_nan() {
                return f64::NAN;
            }
            below += usize::from(*value < newest);
            equal += usize::from(*value == newest);
        }
        (real(below) + f64::midpoint(real(equal), 1.0)) / real(length)
    })
}

/// The commodity channel index of the typical price: its distance from its mean, divided by 0.015
/// times the mean distance of the window; 0 where the window stood still.
///
/// Source: D. R. Lambert, "Commodity Channel Index", Commodities, October 1980.
pub(super) fn commodity_channel(typical: &[f64], length: usize) -> Vec<f64> {
    over_windows(typical, length, |window| {
        let mean = total(window) / real(length);
        let distance = window.iter().fold(0.0, |a, b| a + (b - mean).abs()) / real(length);
        if distance == 0.0 {
            return 0.0;
        }
        (window[length - 1] - mean) / (0.015 * distance)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_medians_and_ranks_of_a_small_series() {
        let series = [1.0, 3.0, 2.0, 2.0, f64::NAN, 5.0];
        assert_eq!(deviation(&series, 2, 1)[1], 2.0_f64.sqrt());
        assert_eq!(deviation(&series, 2, 0)[1..4], [1.0, 0.5, 0.0]);
        assert!(deviation(&series, 1, 1).iter().all(|value| value.is_nan()));
        assert_eq!(median(&series, 4)[3], 2.0);
        assert_eq!(median(&series, 2)[1], 2.0);
        assert_eq!(rank(&series, 3)[2..4], [2.0 / 3.0, 0.5]);
        for values in [median(&series, 2), rank(&series, 2)] {
            assert!(values[4].is_nan() && values[5].is_nan());
        }
    }

    #[test]
    fn a_channel_that_stands_still_is_at_zero() {
        assert_eq!(commodity_channel(&[4.0, 4.0, 7.0], 2)[1..], [0.0, 1.5 / (0.015 * 1.5)]);
    }
}
