//! What the metrics are made of: sums over the equity curve and over the trades.
//!
//! Long sums are kept in eight partial sums, so that no addition waits for the one before. Their
//! order is written out here and thus the same on every machine.

use super::date::Date;
use super::engine::Trade;
use crate::numbers::real;

const LANES: usize = 8;

/// A finished run, as the metrics see it.
pub(super) struct Outcome<'a> {
    /// The dates of the equity curve, ascending.
    pub dates: &'a [Date],
    /// Equity at the close of each date: never negative, and zero for good once it is zero.
    pub equity: &'a [f64],
    /// Cash before the first trade.
    pub cash: f64,
    /// The trades, symbol by symbol, each in order of time.
    pub trades: &'a [Trade],
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

    /// Equity at the last date.
    pub(super) fn last(&self) -> f64 {
        self.equity[self.equity.len() - 1]
    }
}

/// Adds up `term` of each value.
#[inline]
pub(super) fn sum(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += term(*value);
        }
    }
    let total = lanes.iter().fold(0.0, |a, b| a + b);
    rest.iter().fold(total, |total, value| total + term(*value))
}

/// The moments of the returns from bar to bar.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Returns {
    /// How many there are; those after a ruin do not count.
    pub count: f64,
    pub mean: f64,
    /// Sample variance, with count - 1 in the denominator.
    pub variance: f64,
    /// Mean of min(r, 0)^2.
    pub downside: f64,
}

impl Returns {
    /// The moments of `r_i = e_i / e_{i-1} - 1`; `scratch` is used for the returns.
    pub(super) fn of(equity: &[f64], scratch: &mut Vec<f64>) -> Self {
        // Zero is for good, so the last equity tells whether there was a ruin at all.
        let equity = match equity[equity.len() - 1] {
            0.0 => &equity[..=equity.partition_point(|equity| *equity > 0.0)],
            _ => equity,
        };
        scratch.clear();
        scratch.extend(equity.windows(2).map(|pair| pair[1] / pair[0] - 1.0));
        let count = real(scratch.len());
        let mean = sum(scratch, |r| r) / count;
        let variance = sum(scratch, |r| (r - mean) * (r - mean)) / (count - 1.0);
        let below = |r: f64| if r < 0.0 { r * r } else { 0.0 };
        let downside = sum(scratch, below) / count;
        Self { count, mean, variance, downside }
    }
}

/// The deepest fall from a peak of the curve, as a fraction of the peak.
pub(super) fn max_drawdown(equity: &[f64]) -> f64 {
    let mut fall = Fall { peak: equity[0], trough: equity[0], deepest: 0.0 };
    let (chunks, rest) = equity.as_chunks::<LANES>();
    for chunk in chunks {
        // Most stretches of a curve have no new peak, and then only their lowest point matters.
        let pairs = |join: fn(f64, f64) -> f64| {
            let four: [f64; 4] = std::array::from_fn(|i| join(chunk[i], chunk[i + 4]));
            join(join(four[0], four[2]), join(four[1], four[3]))
        };
        if pairs(|a, b| if a > b { a } else { b }) > fall.peak {
            for equity in chunk {
                fall.follow(*equity);
            }
        } else {
            let low = pairs(|a, b| if a < b { a } else { b });
            fall.trough = if low < fall.trough { low } else { fall.trough };
        }
    }
    for equity in rest {
        fall.follow(*equity);
    }
    fall.deepest.max(1.0 - fall.trough / fall.peak)
}

/// The present fall from a peak, and the deepest one before it.
struct Fall {
    peak: f64,
    trough: f64,
    deepest: f64,
}

impl Fall {
    fn follow(&mut self, equity: f64) {
        // One division for each peak that is left, not for each bar.
        if equity > self.peak {
            self.deepest = self.deepest.max(1.0 - self.trough / self.peak);
            (self.peak, self.trough) = (equity, equity);
        } else if equity < self.trough {
            self.trough = equity;
        }
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
    /// Sample standard deviation of the profits.
    pub deviation: f64,
    pub returns: f64,
    pub returns_gained: f64,
    pub returns_lost: f64,
    pub best: f64,
    pub worst: f64,
    /// Traded value of both sides.
    pub traded: f64,
    /// Bars with a position, entry and exit bars included, each bar of a symbol once.
    pub held: f64,
    pub days: f64,
    pub longest_days: f64,
}

impl TradeSums {
    pub(super) fn of(trades: &[Trade]) -> Self {
        let mut all = Self {
            count: real(trades.len()),
            wins: 0.0,
            losses: 0.0,
            gained: 0.0,
            lost: 0.0,
            deviation: f64::NAN,
            returns: 0.0,
            returns_gained: 0.0,
            returns_lost: 0.0,
            best: f64::NAN,
            worst: f64::NAN,
            traded: 0.0,
            held: 0.0,
            days: 0.0,
            longest_days: f64::NAN,
        };
        // The symbol whose trades are being counted, and its first bar that is not counted yet.
        let (mut symbol, mut uncounted) = (0, 0);
        for trade in trades {
            let (profit, fraction) = (trade.profit(), trade.profit_fraction());
            if profit > 0.0 {
                (all.wins, all.gained) = (all.wins + 1.0, all.gained + profit);
            } else if profit < 0.0 {
                (all.losses, all.lost) = (all.losses + 1.0, all.lost - profit);
            }
            all.returns += fraction;
            if fraction > 0.0 {
                all.returns_gained += fraction;
            } else {
                all.returns_lost -= fraction;
            }
            // Written out, because `f64::max` may return either of two zeros.
            if all.best.is_nan() || fraction > all.best {
                all.best = fraction;
            }
            if all.worst.is_nan() || fraction < all.worst {
                all.worst = fraction;
            }
            all.traded += trade.size.abs() * (trade.entry_price + trade.exit_price);
            if trade.symbol != symbol {
                (symbol, uncounted) = (trade.symbol, 0);
            }
            all.held += real(trade.exit_bar + 1 - trade.entry_bar.max(uncounted));
            uncounted = trade.exit_bar + 1;
            let days = trade.exit_date.days_since(trade.entry_date);
            all.days += days;
            all.longest_days = all.longest_days.max(days);
        }
        let mean = (all.gained - all.lost) / all.count;
        let square = |trade: &Trade| (trade.profit() - mean) * (trade.profit() - mean);
        let squares: f64 = trades.iter().map(square).sum();
        all.deviation = (squares / (all.count - 1.0)).sqrt();
        all
    }

    /// Mean profit in cash.
    pub(super) fn mean_profit(&self) -> f64 {
        (self.gained - self.lost) / self.count
    }
}

/// Geometric mean of the returns of the trades; 0 where a trade lost everything or more.
pub(super) fn geometric_mean_trade(trades: &[Trade]) -> f64 {
    let growth = |trade: &Trade| 1.0 + trade.profit_fraction();
    if trades.iter().any(|trade| growth(trade) <= 0.0) {
        return 0.0;
    }
    let logs = trades.iter().map(|trade| libm::log(growth(trade)));
    libm::exp(logs.sum::<f64>() / real(trades.len())) - 1.0
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
    let (equity_mean, market_mean) = (sum(&equity, |r| r) / count, sum(&market, |r| r) / count);
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
    fn sums_in_lanes_add_everything_once() {
        for count in [0, 1, 7, 8, 9, 100] {
            let values: Vec<f64> = (1..=count).map(f64::from).collect();
            assert_eq!(sum(&values, |v| 2.0 * v), f64::from(count * (count + 1)));
        }
    }

    #[test]
    fn the_deepest_drawdown_is_found_wherever_it_is() {
        assert_eq!(max_drawdown(&[1.0, 2.0, 3.0]), 0.0);
        assert_eq!(max_drawdown(&[4.0, 2.0, 8.0, 6.0]), 0.5);
        assert_eq!(max_drawdown(&[4.0, 3.0, 8.0, 2.0]), 0.75);
        assert_eq!(max_drawdown(&[4.0, 1.0, 0.0, 0.0]), 1.0);
        let curve: Vec<f64> = (1..500).map(|i| f64::from(i + i * 7919 % 401)).collect();
        for end in 1..curve.len() {
            let falls = (0..end).flat_map(|peak| (peak..end).map(move |low| (peak, low)));
            let plain = falls.map(|(peak, low)| 1.0 - curve[low] / curve[peak]).fold(0.0, f64::max);
            assert_eq!(max_drawdown(&curve[..end]), plain, "{end}");
        }
    }

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

    #[test]
    fn returns_end_with_a_ruin() {
        let returns = Returns::of(&[2.0, 1.0, 0.0, 0.0, 0.0], &mut Vec::new());
        assert_eq!((returns.count, returns.mean), (2.0, -0.75));
        assert_eq!((returns.variance, returns.downside), (0.125, 0.625));
    }
}
