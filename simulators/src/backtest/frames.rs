//! Numbers that are looked at elsewhere: on coarser bars, at another symbol, across all symbols.
//!
//! None of them looks ahead. A coarse bar counts from the bar on at whose close it is known. Of
//! another symbol the last bar counts that is not later than the bar of this one: bars of one time
//! close at one time. Across symbols those count that have a bar at the very time.

use super::data::Series;
use super::date::Date;
use super::evaluate::{Column, Evaluator, Unkept};
use super::expression::{Across, Number};
use super::sessions::Sessions;
use super::timeframe::{Coarse, Timeframe};
use crate::contract::Failure;
use crate::numbers::real;

/// The bars of all timeframes that a strategy needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    pub sessions: Sessions,
    /// For each symbol the number of the trading day of each bar, where an account asks for it.
    days: Vec<Vec<i64>>,
    /// For each timeframe the bars of each symbol.
    coarse: Vec<Vec<Coarse>>,
}

impl Frames {
    pub(super) fn new(all: &[Series], timeframes: &[Timeframe], sessions: Sessions) -> Self {
        let of_symbols = |timeframe: &Timeframe| {
            all.iter().map(|series| Coarse::new(series, *timeframe, &sessions)).collect()
        };
        let coarse = timeframes.iter().map(of_symbols).collect();
        Self { sessions, days: Vec::new(), coarse }
    }

    /// The same with the trading day of each bar.
    pub(super) fn with_days(mut self, all: &[Series]) -> Self {
        let number = |date: &Date| self.sessions.number(*date);
        self.days = all.iter().map(|series| series.dates.iter().map(number).collect()).collect();
        self
    }

    /// Whether anything is looked at on coarser bars.
    pub(super) fn are_coarser(&self) -> bool {
        !self.coarse.is_empty()
    }

    /// The numbers of the trading days of the bars of a symbol; none where nobody has asked.
    pub(super) fn days(&self, symbol: usize) -> &[i64] {
        self.days.get(symbol).map_or(&[], Vec::as_slice)
    }
}

impl<'a> Evaluator<'a, '_> {
    /// Evaluates a number on other bars.
    fn elsewhere(
        &mut self,
        symbol: usize,
        timeframe: Option<usize>,
        number: &Number,
    ) -> Result<Column<'a>, Failure> {
        let series = match timeframe {
            None => &self.world.all[symbol],
            Some(index) => &self.world.frames.coarse[index][symbol].series,
        };
        let world = self.world;
        let pool = &mut *self.pool;
        Evaluator { world, symbol, timeframe, series, pool, warm_up: 0, compared: Vec::new() }
            .number(number)
    }

    /// The number of the trading day of each bar.
    pub(super) fn sessions(&self) -> Vec<f64> {
        let sessions = &self.world.frames.sessions;
        self.series.dates.iter().map(|date| sessions.number(*date) as f64).collect()
    }

    /// A number on coarser bars, at each bar that of the last coarse bar that is known.
    pub(super) fn coarser(
        &mut self,
        timeframe: usize,
        number: &Number,
    ) -> Result<Vec<f64>, Unkept> {
        let column = self.elsewhere(self.symbol, Some(timeframe), number)?;
        let Coarse { known, .. } = &self.world.frames.coarse[timeframe][self.symbol];
        let at = |known: &u32| match known {
            0 => f64::NAN,
            known => column.at(*known as usize - 1),
        };
        let values = known.iter().map(at).collect();
        self.pool.take_back(column);
        Ok(values)
    }

    /// A number of another symbol, at each bar that of its last bar which is not later.
    pub(super) fn of(&mut self, symbol: usize, number: &Number) -> Result<Vec<f64>, Unkept> {
        let column = self.elsewhere(symbol, None, number)?;
        let mut bars = Walk::along(&self.world.all[symbol]);
        let at = |date: &Date| match bars.until(*date) {
            0 => f64::NAN,
            seen => column.at(seen - 1),
        };
        let values = self.series.dates.iter().map(at).collect();
        self.pool.take_back(column);
        Ok(values)
    }

    /// The rank of a number among those of all symbols, or their mean.
    pub(super) fn across(&mut self, across: Across, number: &Number) -> Result<Vec<f64>, Unkept> {
        let mut columns = Vec::with_capacity(self.world.all.len());
        for (symbol, series) in self.world.all.iter().enumerate() {
            columns.push((Walk::along(series), self.elsewhere(symbol, None, number)?));
        }
        let mut present = Vec::with_capacity(columns.len());
        let value = |date: &Date| {
            present.clear();
            let mut own = f64::NAN;
            for (symbol, (bars, column)) in columns.iter_mut().enumerate() {
                let seen = bars.until(*date);
                if seen == 0 || bars.dates[seen - 1] != *date {
                    continue;
                }
                let value = column.at(seen - 1);
                if symbol == self.symbol {
                    own = value;
                }
                if !value.is_nan() {
                    present.push(value);
                }
            }
            match across {
                Across::Mean if present.is_empty() => f64::NAN,
                Across::Mean => present.iter().fold(0.0, |a, b| a + b) / real(present.len()),
                Across::Rank if own.is_nan() => f64::NAN,
                Across::Rank => 1.0 + real(present.iter().filter(|value| **value > own).count()),
            }
        };
        let values = self.series.dates.iter().map(value).collect();
        for (_, column) in columns {
            self.pool.take_back(column);
        }
        Ok(values)
    }
}

/// A way along the bars of a series, in order of time.
struct Walk<'a> {
    dates: &'a [Date],
    seen: usize,
}

impl<'a> Walk<'a> {
    fn along(series: &'a Series) -> Self {
        Self { dates: &series.dates, seen: 0 }
    }

    /// How many bars are not later than `date`, which never goes back.
    fn until(&mut self, date: Date) -> usize {
        while self.dates.get(self.seen).is_some_and(|bar| *bar <= date) {
            self.seen += 1;
        }
        self.seen
    }
}
