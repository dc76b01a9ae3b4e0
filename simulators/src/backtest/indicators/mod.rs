//! Technical indicators: functions of a column and a length that give a column.
//!
//! All of them are causal: the value at bar i depends on bars up to i only. A value is NaN until
//! enough bars are known, and wherever the window holds a NaN.

mod exponential;
mod extremes;
mod moving_average;
mod relative_strength;

use super::settings::Summation;

/// The indicators that strategies can call, each with a series and a length n >= 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indicator {
    SimpleAverage,
    ExponentialAverage,
    Highest,
    Lowest,
    RelativeStrength,
    Previous,
}

impl Indicator {
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("sma", Self::SimpleAverage),
        ("ema", Self::ExponentialAverage),
        ("highest", Self::Highest),
        ("lowest", Self::Lowest),
        ("rsi", Self::RelativeStrength),
        ("previous", Self::Previous),
    ];

    pub(crate) fn compute(self, series: &[f64], length: usize, summation: Summation) -> Vec<f64> {
        match self {
            Self::SimpleAverage if summation == Summation::Rolling => {
                moving_average::rolling(series, length)
            }
            Self::SimpleAverage => moving_average::exact(series, length),
            Self::ExponentialAverage => exponential::average(series, length),
            Self::Highest => extremes::extreme(series, length, |new, old| new >= old),
            Self::Lowest => extremes::extreme(series, length, |new, old| new <= old),
            Self::RelativeStrength => relative_strength::index(series, length),
            Self::Previous => previous(series, length),
        }
    }
}

/// The series `length` bars ago.
fn previous(series: &[f64], length: usize) -> Vec<f64> {
    let known = series.len().saturating_sub(length);
    let mut shifted = vec![f64::NAN; series.len() - known];
    shifted.extend_from_slice(&series[..known]);
    shifted
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: [f64; 8] = [4.0, 2.0, 5.0, 5.0, 1.0, 3.0, f64::NAN, 2.0];

    fn shown(values: &[f64]) -> String {
        let shown: Vec<String> = values.iter().map(f64::to_string).collect();
        shown.join(" ")
    }

    #[test]
    fn extremes_and_previous_on_a_small_series() {
        let compute =
            |indicator: Indicator| shown(&indicator.compute(&SERIES, 3, Summation::Exact));
        assert_eq!(compute(Indicator::Highest), "NaN NaN 5 5 5 5 NaN NaN");
        assert_eq!(compute(Indicator::Lowest), "NaN NaN 2 2 1 1 NaN NaN");
        assert_eq!(compute(Indicator::Previous), "NaN NaN NaN 4 2 5 5 1");
    }

    #[test]
    fn no_indicator_knows_the_future_or_panics_on_a_long_window() {
        let series: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 23)).collect();
        for (name, indicator) in Indicator::NAMES {
            for summation in [Summation::Exact, Summation::Rolling] {
                for length in [1, 2, 7, 59, 60, 61, 1000] {
                    let whole = indicator.compute(&series, length, summation);
                    assert_eq!(whole.len(), 60);
                    for end in 0..60 {
                        let part = indicator.compute(&series[..end], length, summation);
                        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                        assert_eq!(bits(&part), bits(&whole[..end]), "{name} {length}");
                    }
                }
            }
        }
    }
}
