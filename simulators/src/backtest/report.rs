//! What a run tells on its way: its metrics as they stood at the close of some date.

use super::data::{Price, Series};
use super::engine::{AccountRules, Decision, Trade};
use super::events::Events;
use super::facts::Outcome;
use super::metrics::Calculator;
use super::portfolio::Calendar;
use super::settings::Settings;
use crate::numbers::real;

/// A finished run of which any beginning can be looked at. Nothing in it knew of later bars, so
/// its beginning is what would have been seen then; a position that was open counts by the price
/// of that date, and among the trades only once it was closed.
pub(super) struct Course<'a> {
    pub settings: &'a Settings,
    pub all: &'a [Series],
    pub calendar: &'a Calendar,
    pub market: &'a [f64],
    pub equity: &'a [f64],
    pub trades: &'a [Trade],
    pub events: &'a Events,
    /// In order of symbols, and of time for each.
    pub decisions: &'a [Decision],
    /// For each symbol the first bar at which all its indicators are known.
    pub warm_ups: &'a [usize],
}

impl Course<'_> {
    /// The metrics of the whole run.
    pub(super) fn metrics(&self, returns: &mut Vec<f64>) -> Vec<f64> {
        self.of(self.calendar.dates.len(), self.trades, returns)
    }

    /// The metrics of part `step` of `steps` equal parts and of all before it. `closed` is memory
    /// to work in.
    pub(super) fn metrics_at(
        &self,
        step: u64,
        steps: u64,
        closed: &mut Vec<Trade>,
        returns: &mut Vec<f64>,
    ) -> Vec<f64> {
        let all = self.calendar.dates.len();
        let dates = (u128::from(step) * all as u128).div_ceil(u128::from(steps)) as usize;
        let last = self.calendar.dates[dates - 1];
        closed.clear();
        closed.extend(self.trades.iter().filter(|trade| trade.exit_date <= last));
        self.of(dates, closed, returns)
    }

    fn of(&self, dates: usize, trades: &[Trade], returns: &mut Vec<f64>) -> Vec<f64> {
        let (mut buy_and_hold, mut bars) = (0.0, 0);
        for (index, series) in self.all.iter().enumerate() {
            let seen = self.calendar.bars(index, dates);
            let close = &series.price(Price::Close)[..seen];
            let first = close.get(self.warm_ups[index]).copied().unwrap_or(f64::NAN);
            buy_and_hold += close.last().copied().unwrap_or(f64::NAN) / first - 1.0;
            bars += seen;
        }
        let calculator = Calculator {
            statistics: self.settings.statistics,
            periods_per_year: self.settings.periods_per_year,
            outcome: Outcome {
                dates: &self.calendar.dates[..dates],
                equity: &self.equity[..dates],
                cash: self.settings.account.cash,
                trades,
                bars,
                buy_and_hold: buy_and_hold / real(self.all.len()),
                market: &self.market[..dates],
            },
        };
        let mut values = calculator.values(&self.settings.metrics, returns);
        let AccountRules { fill, cash, .. } = self.settings.account;
        self.events.metrics(trades, self.decisions, fill, cash, &mut values);
        values
    }
}
