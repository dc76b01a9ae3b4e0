//! What the metrics are made of beside the sums over the equity curve (`curve`): sums over the
//! trades, and what needs the whole curve.

use super::curve::CurveSums;
use super::data::Series;
use super::date::Date;
use super::engine::{Deal, Position};
use super::run::Trader;
use crate::numbers::real;

/// A run, or its beginning, as the metrics see it.
pub(super) struct Outcome<'a> {
    /// The dates of the equity curve, ascending.
    pub dates: &'a [Date],
    pub curve: &'a CurveSums,
    /// Equity at the close of each date, where a metric needs it: never negative, and zero for good
    /// once it is zero.
    pub equity: &'a [f64],
    /// Cash before the first trade.
    pub cash: f64,
    pub accounts: &'a [Trader<'a>],
    pub all: &'a [Series],
    pub trades: TradeSums,
    /// Bars of all symbols together.
    pub bars: usize,
    /// Growth of the market from the first bar at which all indicators are known, as a fraction.
    pub buy_and_hold: f64,
    /// The market's curve at each date.
    pub market: &'a [f64],
}

impl Outcome<'_> {
    /// Calendar years of 365.25 days from the first date to the last.
    pub(super) fn years(&self) -> f64 {
        let (first, last) = (self.dates[0], self.dates[self.dates.len() - 1]);
        last.days_since(first) / 365.25
    }

    /// The days that each trade took.
    pub(super) fn trade_days(&self) -> impl Iterator<Item = f64> {
        self.all_trades().map(|trade| {
            let dates = &self.all[trade.symbol as usize].dates;
            dates[trade.exit_bar].days_since(dates[trade.entry_bar])
        })
    }

    /// All closed trades.
    pub(super) fn all_trades(&self) -> impl Iterator<Item = &Deal> + Clone {
        self.accounts.iter().flat_map(|account| &account.record().trades)
    }
}

/// The episodes below a former peak, from the peak to its recovery, or to the last bar.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Episodes {
    pub count: f64,
    /// Sum over the episodes of their deepest fall, as a fraction of the peak.
    pub depths: f64,
    pub days: f64,
    pub longest_days: f64,
}

impl Episodes {
    pub(super) fn of(dates: &[Date], equity: &[f64]) -> Self {
        let mut all = Self::default();
        let (mut peak, mut top, mut deepest) = (equity[0], 0, 0.0_f64);
        for (bar, equity) in equity.iter().enumerate() {
            let last = bar + 1 == dates.len();
            let recovered = *equity >= peak;
            if !recovered {
                deepest = deepest.max(1.0 - equity / peak);
            }
            if !recovered && !last {
                continue;
            }
            // A fall that begins at the last bar has no length yet.
            if bar > top + 1 {
                let days = dates[bar].days_since(dates[top]);
                all.count += 1.0;
                all.depths += deepest;
                all.days += days;
                all.longest_days = all.longest_days.max(days);
            }
            (peak, top, deepest) = (peak.max(*equity), bar, 0.0);
        }
        all
    }
}

/// Sums over the trades; money in cash, returns as fractions.
#[derive(Clone, Copy, Debug)]
pub(super) struct TradeSums {
    pub count: f64,
    pub wins: f64,
    pub losses: f64,
    pub gained: f64,
    pub lost: f64,
    pub returns: f64,
    pub returns_gained: f64,
    pub returns_lost: f64,
    pub best: f64,
    pub worst: f64,
    /// Traded value of both sides.
    pub traded: f64,
    /// Bars with a position, entry and exit bars included, each bar of a symbol once.
    pub held: f64,
}

impl TradeSums {
    const NONE: Self = Self {
        count: 0.0,
        wins: 0.0,
        losses: 0.0,
        gained: 0.0,
        lost: 0.0,
        returns: 0.0,
        returns_gained: 0.0,
        returns_lost: 0.0,
        best: f64::NAN,
        worst: f64::NAN,
        traded: 0.0,
        held: 0.0,
    };

    fn add(&mut self, trade: &Deal) {
        let (profit, fraction) = (trade.profit(), trade.profit_fraction());
        self.count += 1.0;
        if profit > 0.0 {
            (self.wins, self.gained) = (self.wins + 1.0, self.gained + profit);
        } else if profit < 0.0 {
            (self.losses, self.lost) = (self.losses + 1.0, self.lost - profit);
        }
        self.returns += fraction;
        if fraction > 0.0 {
            self.returns_gained += fraction;
        } else {
            self.returns_lost -= fraction;
        }
        // Written out, because `f64::max` may return either of two zeros.
        if self.best.is_nan() || fraction > self.best {
            self.best = fraction;
        }
        if self.worst.is_nan() || fraction < self.worst {
            self.worst = fraction;
        }
        self.traded += trade.size.abs() * (trade.entry_price + trade.exit_price);
    }

    /// Adds the sums over other trades.
    fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.wins += other.wins;
        self.losses += other.losses;
        self.gained += other.gained;
        self.lost += other.lost;
        self.returns += other.returns;
        self.returns_gained += other.returns_gained;
        self.returns_lost += other.returns_lost;
        self.traded += other.traded;
        self.held += other.held;
        if self.best.is_nan() || other.best > self.best {
            self.best = other.best;
        }
        if self.worst.is_nan() || other.worst < self.worst {
            self.worst = other.worst;
        }
    }

    /// Mean profit in cash.
    pub(super) fn mean_profit(&self) -> f64 {
        (self.gained - self.lost) / self.count
    }
}

/// Counts the trades of a run while they come: those of each account by themselves, so that it makes
/// no difference when.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// For each account the sums, and how many of its trades are counted.
    accounts: Vec<(TradeSums, usize)>,
    /// For each symbol, its first bar that is not counted among those with a position.
    uncounted: Vec<usize>,
}

impl Tally {
    pub(super) fn clear(&mut self) {
        self.accounts.clear();
        self.uncounted.clear();
    }

    /// Counts what has come to the trades of the accounts.
    pub(super) fn count<'a>(&mut self, accounts: impl Iterator<Item = &'a [Deal]>) {
        for (account, trades) in accounts.enumerate() {
            if account == self.accounts.len() {
                self.accounts.push((TradeSums::NONE, 0));
            }
            let (sums, counted) = &mut self.accounts[account];
            for trade in &trades[*counted..] {
                sums.add(trade);
                let symbol = trade.symbol as usize;
                if symbol >= self.uncounted.len() {
                    self.uncounted.resize(symbol + 1, 0);
                }
                let from = trade.entry_bar.max(self.uncounted[symbol]);
                sums.held += real(trade.exit_bar + 1 - from);
                self.uncounted[symbol] = trade.exit_bar + 1;
            }
            *counted = trades.len();
        }
    }

    /// The sums over the trades of all accounts. Of positions that are open there are the bars, of
    /// which `seen` tells the number for each symbol, and the value of their entries.
    pub(super) fn sums(
        &self,
        open: impl Iterator<Item = Position>,
        seen: impl Fn(usize) -> usize,
    ) -> TradeSums {
        let mut all = TradeSums::NONE;
        for (sums, _) in &self.accounts {
            all.join(sums);
        }
        for position in open {
            let symbol = position.symbol as usize;
            let uncounted = self.uncounted.get(symbol).copied().unwrap_or(0);
            all.held += real(seen(symbol).saturating_sub(position.entry_bar.max(uncounted)));
            all.traded += position.size.abs() * position.entry_price;
        }
        all
    }
}

/// Sample standard deviation of the profits of trades.
pub(super) fn deviation<'a>(trades: impl Iterator<Item = &'a Deal>, sums: &TradeSums) -> f64 {
    let mean = sums.mean_profit();
    let square = |trade: &Deal| (trade.profit() - mean) * (trade.profit() - mean);
    (trades.map(square).sum::<f64>() / (sums.count - 1.0)).sqrt()
}

/// Geometric mean of the returns of the trades; none where a trade lost everything or more.
pub(super) fn geometric_mean_trade<'a>(
    trades: impl Iterator<Item = &'a Deal> + Clone,
) -> Option<f64> {
    let growth = |trade: &Deal| 1.0 + trade.profit_fraction();
    if trades.clone().any(|trade| growth(trade) <= 0.0) {
        return None;
    }
    let logs = trades.clone().map(|trade| libm::log(growth(trade)));
    Some(libm::exp(logs.sum::<f64>() / real(trades.count())) - 1.0)
}

/// The slope of the curve's logarithmic returns over the market's: their covariance divided by
/// the market's variance.
pub(super) fn beta(equity: &[f64], market: &[f64]) -> f64 {
    let logs = |values: &[f64]| -> Vec<f64> {
        let log = |pair: &[f64]| libm::log(pair[1] / pair[0]);
        values.windows(2).map(log).collect()
    };
    let (equity, market) = (logs(equity), logs(market));
    if equity.len() < 2 {
        return f64::NAN;
    }
    let count = real(equity.len());
    let mean = |logs: &[f64]| logs.iter().sum::<f64>() / count;
    let (equity_mean, market_mean) = (mean(&equity), mean(&market));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (equity, market) in equity.iter().zip(&market) {
        covariance += (equity - equity_mean) * (market - market_mean);
        variance += (market - market_mean) * (market - market_mean);
    }
    covariance / variance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn episodes_end_with_the_recovery_or_the_last_bar() {
        let day = |day: u32| Date::parse(&format!("2020-01-{day:02}")).expect("valid");
        let dates: Vec<Date> = (1..=9).map(day).collect();
        let equity = [10.0, 9.0, 10.0, 10.0, 8.0, 5.0, 11.0, 11.5, 11.0];
        let episodes = Episodes::of(&dates, &equity);
        assert_eq!((episodes.count, episodes.days, episodes.longest_days), (2.0, 5.0, 3.0));
        assert!((episodes.depths - 0.6).abs() < 1e-15);
        let unfinished = Episodes::of(&dates[..6], &equity[..6]);
        assert_eq!((unfinished.count, unfinished.days), (2.0, 4.0));
    }
}
