//! True range and directional movement.
//!
//! Source: J. W. Wilder, "New Concepts in Technical Trading Systems", Trend Research, 1978; sums
//! begin as TA-Lib's do.

use crate::numbers::real;

/// The largest of high - low and the ways of high and low from the close before; known from bar 1.
pub(super) fn true_range(high: &[f64], low: &[f64], close: &[f64]) -> Vec<f64> {
    let mut ranges = vec![f64::NAN; high.len().min(1)];
    ranges.extend((1..high.len()).map(|bar| range(high[bar], low[bar], close[bar - 1])));
    ranges
}

fn range(high: f64, low: f64, before: f64) -> f64 {
    let larger = |a: f64, b: f64| if b > a { b } else { a };
    larger(larger(high - low, (high - before).abs()), (low - before).abs())
}

/// The directional indicators, between 0 and 100, known from bar n on.
pub(super) struct Movement {
    pub plus: Vec<f64>,
    pub minus: Vec<f64>,
}

/// +DI and -DI: 100 times the smoothed movement up (down) divided by the smoothed true range, and
/// 0 where there was no range.
pub(super) fn movement(high: &[f64], low: &[f64], close: &[f64], length: usize) -> Movement {
    let count = real(length);
    let bars = high.len();
    let (mut up, mut down, mut ranges) = (0.0, 0.0, 0.0);
    let mut movement = Movement { plus: vec![f64::NAN; bars], minus: vec![f64::NAN; bars] };
    for bar in 1..bars {
        let (rise, fall) = (high[bar] - high[bar - 1], low[bar - 1] - low[bar]);
        let plus = if rise > 0.0 && rise > fall { rise } else { 0.0 };
        let minus = if fall > 0.0 && fall > rise { fall } else { 0.0 };
        let range = range(high[bar], low[bar], close[bar - 1]);
        if bar < length {
            // The first n - 1 changes are only added.
            (up, down, ranges) = (up + plus, down + minus, ranges + range);
            continue;
        }
        let smoothed = |sum: f64, new: f64| sum - sum / count + new;
        (up, down, ranges) = (smoothed(up, plus), smoothed(down, minus), smoothed(ranges, range));
        let part = |sum: f64| if ranges == 0.0 { 0.0 } else { 100.0 * (sum / ranges) };
        (movement.plus[bar], movement.minus[bar]) = (part(up), part(down));
    }
    movement
}

/// The directional index, whose average by Wilder is the ADX: 100 times the difference of +DI and
/// -DI divided by their sum, and 0 where nothing moved.
pub(super) fn index(high: &[f64], low: &[f64], close: &[f64], length: usize) -> Vec<f64> {
    let Movement { plus, minus } = movement(high, low, close, length);
    let part = |(plus, minus): (&f64, &f64)| {
        let sum = plus + minus;
        if sum == 0.0 { 0.0 } else { 100.0 * ((plus - minus).abs() / sum) }
    };
    plus.iter().zip(&minus).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_for_the_range_and_the_larger_movement_for_the_direction() {
        let (high, low, close) = ([3.0, 8.0, 8.0, 7.0], [2.0, 7.0, 6.0, 7.0], [2.5, 7.5, 6.5, 7.0]);
        assert_eq!(true_range(&high, &low, &close)[1..], [5.5, 2.0, 0.5]);
        let Movement { plus, minus } = movement(&high, &low, &close, 1);
        assert_eq!(plus[1..], [100.0 * (5.0 / 5.5), 0.0, 0.0]);
        assert_eq!(minus[1..], [0.0, 50.0, 0.0]);
        assert_eq!(index(&high, &low, &close, 1)[1..], [100.0, 100.0, 0.0]);
        assert!(plus[0].is_nan() && index(&high, &low, &close, 2)[1].is_nan());
    }
}
