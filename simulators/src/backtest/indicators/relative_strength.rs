//! Relative strength index.
//!
//! With g and l the averages of the gains and of the losses (as positive numbers) from bar to bar,
//! RSI = 100 - 100 / (1 + g / l) = 100 g / (g + l), and 50 where the series stood still. The first
//! averages are the plain means of the first n changes, so values are known from bar n on (counted
//! from 0); then `g_i = (g_{i-1} (n - 1) + gain_i) / n`. A NaN in the series starts afresh.
//!
//! Source: J. W. Wilder, "New Concepts in Technical Trading Systems", Trend Research, 1978.

use crate::numbers::real;

/// The relative strength index of `series` over `length` changes, between 0 and 100.
pub(super) fn index(series: &[f64], length: usize) -> Vec<f64> {
    let count = real(length);
    let (mut gain, mut loss) = (0.0, 0.0);
    let mut changes = 0;
    let mut last = f64::NAN;
    let step = |bar: &f64| {
        let change = bar - last;
        last = *bar;
        if change.is_nan() {
            (gain, loss, changes) = (0.0, 0.0, 0);
            return f64::NAN;
        }
        changes += 1;
        let up = if change > 0.0 { change } else { 0.0 };
        let down = if change < 0.0 { -change } else { 0.0 };
        if changes <= length {
            (gain, loss) = (gain + up, loss + down);
            if changes < length {
                return f64::NAN;
            }
            (gain, loss) = (gain / count, loss / count);
        } else {
            gain = (gain * (count - 1.0) + up) / count;
            loss = (loss * (count - 1.0) + down) / count;
        }
        if gain + loss == 0.0 {
            return 50.0;
        }
        100.0 * gain / (gain + loss)
    };
    series.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_book() {
        // Changes +2, -1, +3; n = 2: g = 1, l = 1/2 at bar 2; then g = 2, l = 1/4.
        let values = index(&[10.0, 12.0, 11.0, 14.0], 2);
        assert!(values[..2].iter().all(|v| v.is_nan()));
        assert!((values[2] - 200.0 / 3.0).abs() < 1e-12);
        assert!((values[3] - 800.0 / 9.0).abs() < 1e-12);
    }

    #[test]
    fn the_ends_of_the_scale_and_gaps() {
        assert_eq!(index(&[1.0, 2.0, 3.0], 2)[2], 100.0);
        assert_eq!(index(&[3.0, 2.0, 1.0], 2)[2], 0.0);
        assert_eq!(index(&[3.0, 3.0, 3.0], 2)[2], 50.0);
        let gap = index(&[1.0, 2.0, f64::NAN, 3.0, 4.0, 5.0], 2);
        assert!(gap[..5].iter().all(|v| v.is_nan()) && gap[5] == 100.0);
    }
}
