//! What the bars of a symbol are like.

use serde::Serialize;
use simulators::{Bars, time_text};

/// What the bars of a symbol are like.
#[derive(Clone, Debug, Serialize)]
pub struct SymbolStatistics {
    /// The symbol.
    pub symbol: String,
    /// How many bars there are.
    pub bars: usize,
    /// The time of the first.
    pub first: String,
    /// The time of the last.
    pub last: String,
    /// Its columns.
    pub columns: Vec<ColumnStatistics>,
}

/// What the values of a column are like; without those that are missing.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnStatistics {
    /// The column.
    pub column: String,
    /// The smallest.
    pub min: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// How many are missing.
    pub missing: usize,
}

/// Looks at the bars of a symbol.
#[must_use]
pub fn statistics(bars: &Bars) -> SymbolStatistics {
    let columns = bars.columns.iter().map(|column| {
        let known = || column.values.iter().copied().filter(|value| !value.is_nan());
        let count = known().count();
        let mean = known().sum::<f64>() / count as f64;
        ColumnStatistics {
            column: column.name.clone(),
            min: known().reduce(f64::min),
            mean: (count > 0).then_some(mean),
            max: known().reduce(f64::max),
            missing: column.values.len() - count,
        }
    });
    let time = |time: Option<&i64>| time.map_or_else(String::new, |time| time_text(*time));
    SymbolStatistics {
        symbol: bars.symbol.clone(),
        bars: bars.times.len(),
        first: time(bars.times.first()),
        last: time(bars.times.last()),
        columns: columns.collect(),
    }
}
