//! The metrics of a run as they stand at the close of some date.

use super::curve::CurveSums;
use super::data::Price;
use super::engine::{AccountRules, Deal, Decision};
use super::facts::Outcome;
use super::metrics::Calculator;
use super::run::Trader;
use super::simulator::{Backtest, Scratch};
use crate::numbers::real;

impl Backtest {
    /// The metrics of accounts that have come to the end of the first `dates` dates: a position
    /// that is open counts by its price, its bars and its entry, and among the trades only once it
    /// is closed.
    pub(super) fn metrics_at(
        &self,
        dates: usize,
        accounts: &[Trader<'_>],
        warm_ups: &[usize],
        curve: &CurveSums,
        scratch: &mut Scratch,
    ) -> Vec<f64> {
        let (mut buy_and_hold, mut bars) = (0.0, 0);
        for (index, series) in self.all.iter().enumerate() {
            let seen = self.calendar.bars(index, dates);
            let close = &series.price(Price::Close)[..seen];
            let first = close.get(warm_ups[index]).copied().unwrap_or(f64::NAN);
            buy_and_hold += close.last().copied().unwrap_or(f64::NAN) / first - 1.0;
            bars += seen;
        }
        scratch.tally.count(accounts.iter().map(|account| &account.record().trades[..]));
        let positions = accounts.iter().flat_map(Trader::positions);
        let calculator = Calculator {
            statistics: self.settings.statistics,
            periods_per_year: self.settings.periods_per_year,
            outcome: Outcome {
                dates: &self.calendar.dates[..dates],
                curve,
                equity: &scratch.equity,
                cash: self.settings.account.cash,
                accounts,
                all: &self.all,
                trades: scratch.tally.sums(positions, |symbol| self.calendar.bars(symbol, dates)),
                bars,
                buy_and_hold: buy_and_hold / real(self.all.len()),
                market: &self.market[..dates],
            },
        };
        let mut values = calculator.values(&self.settings.metrics);
        if !self.events.tags.is_empty() {
            let records = || accounts.iter().map(Trader::record);
            let trades: Vec<Deal> = records().flat_map(|r| r.trades.iter().copied()).collect();
            let mut decisions: Vec<Decision> =
                records().flat_map(|record| record.decisions.iter().copied()).collect();
            decisions.sort_by_key(|decision| (decision.symbol, decision.bar));
            let AccountRules { fill, cash, .. } = self.settings.account;
            self.events.metrics(&trades, &decisions, fill, cash, &mut values);
        }
        values
    }
}
