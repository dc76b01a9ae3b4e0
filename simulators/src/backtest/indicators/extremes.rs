//! The highest or lowest of the last n bars, the current one included (Donchian's channel).

use std::collections::VecDeque;

/// The extreme of each window of `length` bars; `beats(new, old)` says which of two wins.
///
/// The candidates of a window are kept in a queue in which each beats all after it: a bar that is
/// beaten by a later one can never win again. So the work does not grow with the length.
pub(super) fn extreme(series: &[f64], length: usize, beats: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let mut candidates: VecDeque<usize> = VecDeque::new();
    // Bars before this one cannot be part of a window without a gap.
    let mut gap_free = 0;
    let mut extremes = Vec::with_capacity(series.len());
    for (at, bar) in series.iter().enumerate() {
        if bar.is_nan() {
            gap_free = at + 1;
            candidates.clear();
            extremes.push(f64::NAN);
            continue;
        }
        while candidates.back().is_some_and(|old| beats(*bar, series[*old])) {
            candidates.pop_back();
        }
        candidates.push_back(at);
        if candidates[0] + length <= at {
            candidates.pop_front();
        }
        let whole = at + 1 >= gap_free + length;
        extremes.push(if whole { series[candidates[0]] } else { f64::NAN });
    }
    extremes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_plain_search() {
        let series: Vec<f64> = (0..300).map(|i| f64::from(i * 7919 % 41)).collect();
        for length in [1, 2, 5, 40] {
            let highest = extreme(&series, length, |new, old| new >= old);
            for end in length..=series.len() {
                let window = &series[end - length..end];
                let plain = window.iter().fold(f64::MIN, |a, b| a.max(*b));
                assert_eq!(highest[end - 1], plain);
            }
        }
    }
}
