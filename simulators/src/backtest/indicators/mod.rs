//! Technical indicators: functions of columns, lengths and factors that give a column.
//!
//! All of them are causal: the value at bar i depends on bars up to i only. A value is NaN until
//! enough bars are known, and wherever the window holds a NaN.

mod average;
mod directional;
mod exponential;
mod extremes;
mod moving_average;
mod relative_strength;
mod supertrend;
mod volume;
mod window;

use super::settings::Summation;

/// The indicators that are computed here. All others are formulas of these (`formulas.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indicator {
    SimpleAverage,
    ExponentialAverage,
    Highest,
    Lowest,
    RelativeStrength,
    Previous,
    WeightedAverage,
    WilderAverage,
    Sum,
    SampleDeviation,
    PopulationDeviation,
    Median,
    Rank,
    LastKnown,
    TrueRange,
    PlusDirection,
    MinusDirection,
    DirectionalIndex,
    CommodityChannel,
    OnBalanceVolume,
    MoneyFlow,
    SessionVwap,
    Supertrend,
    SupertrendDirection,
}

/// What an argument of a function has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any number, usually one that changes from bar to bar.
    Series,
    /// A number of bars: whole, from 1 on, and the same for a whole run.
    Length,
    /// A number that is the same for a whole run.
    Factor,
}

/// An argument of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument {
    pub name: &'static str,
    pub kind: Kind,
    /// Its value where it is left out.
    pub default: Option<f64>,
}

pub(crate) const fn series(name: &'static str) -> Argument {
    Argument { name, kind: Kind::Series, default: None }
}

pub(crate) const fn length(name: &'static str) -> Argument {
    Argument { name, kind: Kind::Length, default: None }
}

pub(crate) const fn factor(name: &'static str) -> Argument {
    Argument { name, kind: Kind::Factor, default: None }
}

impl Argument {
    /// The same argument, which may be left out.
    pub(crate) const fn or(self, default: f64) -> Self {
        Self { default: Some(default), ..self }
    }
}

/// An indicator as the language knows it: its series come first, then lengths and factors. A name
/// that begins with `_` is for formulas only.
pub(crate) struct Definition {
    pub name: &'static str,
    pub indicator: Indicator,
    pub arguments: &'static [Argument],
}

const fn define(
    name: &'static str,
    indicator: Indicator,
    arguments: &'static [Argument],
) -> Definition {
    Definition { name, indicator, arguments }
}

const X: Argument = series("x");
const N: Argument = length("n");
const HIGH: Argument = series("high");
const LOW: Argument = series("low");
const CLOSE: Argument = series("close");
const VOLUME: Argument = series("volume");

/// All indicators, in the order of the variants.
pub(crate) const DEFINITIONS: [Definition; 24] = [
    define("sma", Indicator::SimpleAverage, &[X, N]),
    define("ema", Indicator::ExponentialAverage, &[X, N]),
    define("highest", Indicator::Highest, &[X, N]),
    define("lowest", Indicator::Lowest, &[X, N]),
    define("rsi", Indicator::RelativeStrength, &[X, N]),
    define("previous", Indicator::Previous, &[X, N]),
    define("wma", Indicator::WeightedAverage, &[X, N]),
    define("rma", Indicator::WilderAverage, &[X, N]),
    define("sum", Indicator::Sum, &[X, N]),
    define("std", Indicator::SampleDeviation, &[X, N]),
    define("stddev", Indicator::PopulationDeviation, &[X, N]),
    define("median", Indicator::Median, &[X, N]),
    define("rank", Indicator::Rank, &[X, N]),
    define("ffill", Indicator::LastKnown, &[X]),
    define("_true_range", Indicator::TrueRange, &[HIGH, LOW, CLOSE]),
    define("_plus_di", Indicator::PlusDirection, &[HIGH, LOW, CLOSE, N]),
    define("_minus_di", Indicator::MinusDirection, &[HIGH, LOW, CLOSE, N]),
    define("_dx", Indicator::DirectionalIndex, &[HIGH, LOW, CLOSE, N]),
    define("_cci", Indicator::CommodityChannel, &[series("typical"), N]),
    define("_obv", Indicator::OnBalanceVolume, &[CLOSE, VOLUME]),
    define("_mfi", Indicator::MoneyFlow, &[series("typical"), VOLUME, N]),
    define("_vwap", Indicator::SessionVwap, &[series("typical"), VOLUME, series("session")]),
    define(
        "_supertrend",
        Indicator::Supertrend,
        &[HIGH, LOW, CLOSE, series("atr"), factor("factor")],
    ),
    define(
        "_supertrend_direction",
        Indicator::SupertrendDirection,
        &[HIGH, LOW, CLOSE, series("atr"), factor("factor")],
    ),
];

impl Indicator {
    pub(crate) fn definition(self) -> &'static Definition {
        &DEFINITIONS[self as usize]
    }

    /// The name without the mark of what is for formulas only.
    pub(crate) fn name(self) -> &'static str {
        self.definition().name.trim_start_matches('_')
    }

    /// The column over all bars. `series` and `numbers` are those of the definition, in its order;
    /// all series have the same length, and lengths are whole numbers from 1 on.
    pub(crate) fn compute(
        self,
        series: &[&[f64]],
        numbers: &[f64],
        summation: Summation,
    ) -> Vec<f64> {
        let x = series[0];
        let n = numbers.first().map_or(1, |number| *number as usize);
        match self {
            Self::SimpleAverage if summation == Summation::Rolling => moving_average::rolling(x, n),
            Self::SimpleAverage => moving_average::exact(x, n),
            Self::ExponentialAverage => exponential::average(x, n),
            Self::Highest => extremes::extreme(x, n, |new, old| new >= old),
            Self::Lowest => extremes::extreme(x, n, |new, old| new <= old),
            Self::RelativeStrength => relative_strength::index(x, n),
            Self::Previous => previous(x, n),
            Self::WeightedAverage => average::weighted(x, n),
            Self::WilderAverage => average::wilder(x, n),
            Self::Sum => window::sum(x, n),
            Self::SampleDeviation => window::deviation(x, n, 1),
            Self::PopulationDeviation => window::deviation(x, n, 0),
            Self::Median => window::median(x, n),
            Self::Rank => window::rank(x, n),
            Self::LastKnown => last_known(x),
            Self::TrueRange => directional::true_range(x, series[1], series[2]),
            Self::PlusDirection => directional::movement(x, series[1], series[2], n).plus,
            Self::MinusDirection => directional::movement(x, series[1], series[2], n).minus,
            Self::DirectionalIndex => directional::index(x, series[1], series[2], n),
            Self::CommodityChannel => window::commodity_channel(x, n),
            Self::OnBalanceVolume => volume::on_balance(x, series[1]),
            Self::MoneyFlow => volume::money_flow(x, series[1], n),
            Self::SessionVwap => volume::session_vwap(x, series[1], series[2]),
            Self::Supertrend => supertrend::Bands::of(series, numbers[0]).line,
            Self::SupertrendDirection => supertrend::Bands::of(series, numbers[0]).direction,
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

/// The last value that is not NaN, the current one included.
fn last_known(series: &[f64]) -> Vec<f64> {
    let mut last = f64::NAN;
    let step = |value: &f64| {
        last = if value.is_nan() { last } else { *value };
        last
    };
    series.iter().map(step).collect()
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
    fn windows_and_shifts_of_a_small_series() {
        let compute =
            |indicator: Indicator| shown(&indicator.compute(&[&SERIES], &[3.0], Summation::Exact));
        assert_eq!(compute(Indicator::Highest), "NaN NaN 5 5 5 5 NaN NaN");
        assert_eq!(compute(Indicator::Lowest), "NaN NaN 2 2 1 1 NaN NaN");
        assert_eq!(compute(Indicator::Previous), "NaN NaN NaN 4 2 5 5 1");
        assert_eq!(compute(Indicator::Sum), "NaN NaN 11 12 11 9 NaN NaN");
        assert_eq!(compute(Indicator::Median), "NaN NaN 4 5 5 3 NaN NaN");
        assert_eq!(compute(Indicator::LastKnown), "4 2 5 5 1 3 3 2");
    }

    #[test]
    fn the_table_is_in_the_order_of_the_variants_and_series_come_first() {
        for (place, definition) in DEFINITIONS.iter().enumerate() {
            assert_eq!(definition.indicator as usize, place);
            let kinds: Vec<bool> =
                definition.arguments.iter().map(|a| a.kind != Kind::Series).collect();
            assert!(kinds.is_sorted() && !kinds[0], "{}", definition.name);
        }
    }

    #[test]
    fn no_indicator_knows_the_future_or_panics_on_a_long_window() {
        // Bars of which each is within its range, with flat stretches and volumes of zero.
        let middle: Vec<f64> = (0..60).map(|i| 30.0 + f64::from(i * 37 % 23 / 4)).collect();
        let high: Vec<f64> = middle.iter().zip(0..).map(|(m, i)| m + f64::from(i % 3)).collect();
        let low: Vec<f64> = middle.iter().zip(0..).map(|(m, i)| m - f64::from(i % 2)).collect();
        let other: Vec<f64> = (0..60).map(|i| f64::from(i * 17 % 5)).collect();
        for definition in &DEFINITIONS {
            let columns: Vec<&[f64]> = definition
                .arguments
                .iter()
                .filter(|argument| argument.kind == Kind::Series)
                .map(|argument| match argument.name {
                    "high" => &high[..],
                    "low" => &low,
                    "volume" | "atr" => &other,
                    _ => &middle,
                })
                .collect();
            for summation in [Summation::Exact, Summation::Rolling] {
                for length in [1.0, 2.0, 7.0, 59.0, 60.0, 61.0, 1000.0, 9e15] {
                    let compute = |end: usize| {
                        let columns: Vec<&[f64]> = columns.iter().map(|c| &c[..end]).collect();
                        definition.indicator.compute(&columns, &[length], summation)
                    };
                    let whole = compute(60);
                    assert_eq!(whole.len(), 60);
                    for end in 0..60 {
                        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                        let name = definition.name;
                        assert_eq!(bits(&compute(end)), bits(&whole[..end]), "{name} {length}");
                    }
                }
            }
        }
    }
}
