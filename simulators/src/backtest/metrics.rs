//! The metrics of a run: definitions, names, and which facts each needs.
//!
//! All of them are fractions, not percent; durations are in days, money in cash. Symbols: `e_0 ..
//! e_{N-1}` the equity at each date, C the cash before the first trade, `r_i = e_i / e_{i-1} - 1`
//! the N - 1 returns (those after a ruin do not count), A = `periods_per_year`, Y the calendar
//! years of 365.25 days from the first date to the last; over trades, p the profit in cash after
//! commission and q the profit as a fraction of the entry value.
//!
//! - `total_return`: `e_{N-1} / C - 1`
//! - `cagr`: `(e_{N-1} / C)^(1 / Y) - 1`
//! - `annual_return`: arithmetic: `(e_{N-1} / e_0)^(A / N) - 1`; geometric: (1 + g)^A - 1 with 1 +
//!   g the geometric mean of 1 + r
//! - `volatility`: arithmetic: s sqrt(A) with s the sample deviation of r; geometric: sqrt((s^2 +
//!   (1 + g)^2)^A - (1 + g)^(2 A))
//! - `downside_risk`: d sqrt(A) with d^2 the mean of min(r, 0)^2
//! - `sharpe`: arithmetic: mean(r) / s sqrt(A); geometric: annual return / volatility; no risk-free
//!   rate
//! - `sortino`: arithmetic: mean(r) A / downside risk; geometric: annual return / downside risk
//! - `calmar`: annual return / maximal drawdown
//! - `max_drawdown`: deepest fall of e from a former peak, as a positive fraction of the peak; here
//!   and in the downside risk, less than 10^-12 is rounding, and 0
//! - `average_drawdown`: mean over the episodes below a peak of their deepest fall, positive
//! - `max_drawdown_days`, `average_drawdown_days`: from the peak to the recovery or the last date
//! - `exposure`: share of the bars with a position, entry and exit bars included
//! - `trades`: number of closed trades
//! - `win_rate`: share of the trades with p > 0
//! - `profit_factor`: arithmetic: gains / losses in cash; geometric: the same with q
//! - `turnover`: traded value of both sides / mean(e) / Y
//! - `equity_final`, `equity_peak`: `e_{N-1}` and max(e)
//! - `best_trade`, `worst_trade`: max(q), min(q)
//! - `average_trade`: geometric mean of 1 + q, minus 1; where a trade lost everything or more,
//!   arithmetic: NaN; geometric: 0
//! - `expectancy`: mean(q)
//! - `sqn`: sqrt(trades) mean(p) / sample deviation of p
//! - `kelly`: W - (1 - W) / (mean win / mean loss) with W the win rate
//! - `average_trade_days`, `max_trade_days`: from the entry date to the exit date
//! - `buy_and_hold`: last close / close of the first bar with all indicators known - 1; mean over
//!   symbols
//! - `beta`: covariance of the logarithmic returns with the market's / variance of the market's
//! - `alpha`: total return - beta `buy_and_hold`
//!
//! What is undefined (no trades, no variance, no time) is NaN; a ratio to zero stays infinite,
//! save `sharpe` and `calmar`, and the geometric `profit_factor`, which are NaN. With geometric
//! statistics and daily bars, durations are rounded up to whole days.
//!
//! Sources: arithmetic as in empyrical 0.5 (Quantopian), where the first bar, which has no return,
//! counts among the N periods; geometric as in backtesting.py 0.6.6. W. F. Sharpe, "The Sharpe
//! Ratio", Journal of Portfolio Management 21(1), 1994; F. A. Sortino, L. N. Price, "Performance
//! Measurement in a Downside Risk Framework", Journal of Investing 3(3), 1994; T. W. Young,
//! "Calmar Ratio: A Smoother Tool", Futures, October 1991; V. K. Tharp, "Trade Your Way to
//! Financial Freedom", McGraw-Hill, 1998 (SQN, expectancy); J. L. Kelly, "A New Interpretation of
//! Information Rate", Bell System Technical Journal 35, 1956.

use super::curve::Moments;
use super::facts::{self, Episodes, Outcome, TradeSums};
use super::settings::Statistics;
use crate::numbers::{canonical, real};

macro_rules! metrics {
    ($($variant:ident $name:literal,)*) => {
        /// A number that a run is reduced to; the definitions are at the top of this file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Metric { $($variant,)* }

        /// All metrics with their names.
        pub(super) const METRICS: &[(&str, Metric)] = &[$(($name, Metric::$variant),)*];
    };
}

metrics! {
    TotalReturn "total_return",
    Cagr "cagr",
    Sharpe "sharpe",
    Sortino "sortino",
    Calmar "calmar",
    MaxDrawdown "max_drawdown",
    Volatility "volatility",
    Exposure "exposure",
    Trades "trades",
    WinRate "win_rate",
    ProfitFactor "profit_factor",
    Turnover "turnover",
    EquityFinal "equity_final",
    EquityPeak "equity_peak",
    AnnualReturn "annual_return",
    DownsideRisk "downside_risk",
    AverageDrawdown "average_drawdown",
    BestTrade "best_trade",
    WorstTrade "worst_trade",
    AverageTrade "average_trade",
    Expectancy "expectancy",
    Sqn "sqn",
    Kelly "kelly",
    BuyAndHold "buy_and_hold",
    Alpha "alpha",
    Beta "beta",
    MaxDrawdownDays "max_drawdown_days",
    AverageDrawdownDays "average_drawdown_days",
    AverageTradeDays "average_trade_days",
    MaxTradeDays "max_trade_days",
}

/// What is recorded where the template does not say.
pub(super) const DEFAULTS: [Metric; 12] = [
    Metric::TotalReturn,
    Metric::Cagr,
    Metric::Sharpe,
    Metric::Sortino,
    Metric::Calmar,
    Metric::MaxDrawdown,
    Metric::Volatility,
    Metric::Exposure,
    Metric::Trades,
    Metric::WinRate,
    Metric::ProfitFactor,
    Metric::Turnover,
];

impl Metric {
    pub(super) fn name(self) -> &'static str {
        METRICS[self as usize].0
    }

    fn needs_annual_return(self) -> bool {
        use Metric::{AnnualReturn, Calmar, Sharpe, Sortino};
        matches!(self, AnnualReturn | Sharpe | Sortino | Calmar)
    }

    fn needs_episodes(self) -> bool {
        use Metric::{AverageDrawdown, AverageDrawdownDays, MaxDrawdownDays};
        matches!(self, AverageDrawdown | AverageDrawdownDays | MaxDrawdownDays)
    }

    /// Whether it is made of the equity at each date, and not of sums over it.
    pub(super) fn needs_curve(self) -> bool {
        self.needs_episodes() || matches!(self, Self::Alpha | Self::Beta)
    }
}

/// Computes the metrics that were asked for, and no facts beyond those that they need.
pub(super) struct Calculator<'a> {
    pub statistics: Statistics,
    pub periods_per_year: f64,
    pub outcome: Outcome<'a>,
}

/// The facts of one run.
struct Facts {
    returns: Moments,
    annual_return: f64,
    episodes: Episodes,
}

impl Calculator<'_> {
    /// The values of `metrics`, in their order.
    pub(super) fn values(&self, metrics: &[Metric]) -> Vec<f64> {
        let asked = |what: fn(Metric) -> bool| metrics.iter().any(|metric| what(*metric));
        let returns = self.outcome.curve.moments();
        let mut facts = Facts { returns, annual_return: f64::NAN, episodes: Episodes::default() };
        if asked(Metric::needs_annual_return) {
            facts.annual_return = self.annual_return(returns.count);
        }
        if asked(Metric::needs_episodes) {
            facts.episodes = Episodes::of(self.outcome.dates, self.outcome.equity);
        }
        metrics.iter().map(|metric| canonical(self.value(*metric, &facts))).collect()
    }

    fn value(&self, metric: Metric, facts: &Facts) -> f64 {
        match metric {
            Metric::AnnualReturn
            | Metric::Volatility
            | Metric::DownsideRisk
            | Metric::Sharpe
            | Metric::Sortino
            | Metric::Calmar => self.of_returns(metric, facts),
            Metric::MaxDrawdown => self.max_drawdown(),
            Metric::AverageDrawdown | Metric::MaxDrawdownDays | Metric::AverageDrawdownDays => {
                self.of_episodes(metric, &facts.episodes)
            }
            Metric::TotalReturn
            | Metric::Cagr
            | Metric::EquityFinal
            | Metric::EquityPeak
            | Metric::BuyAndHold
            | Metric::Alpha
            | Metric::Beta => self.of_curve(metric),
            _ => self.of_trades(metric, &self.outcome.trades),
        }
    }

    fn max_drawdown(&self) -> f64 {
        noticed(self.outcome.curve.max_drawdown)
    }

    /// The last equity as a multiple of the first.
    fn growth(&self) -> f64 {
        self.outcome.curve.last / self.outcome.curve.first
    }

    fn annual_return(&self, count: f64) -> f64 {
        let growth = self.growth();
        match self.statistics {
            Statistics::Arithmetic => {
                libm::pow(growth, self.periods_per_year / real(self.outcome.dates.len())) - 1.0
            }
            Statistics::Geometric => {
                libm::pow(1.0 + mean_growth(growth, count), self.periods_per_year) - 1.0
            }
        }
    }

    fn of_returns(&self, metric: Metric, facts: &Facts) -> f64 {
        let year = self.periods_per_year;
        let returns = &facts.returns;
        let downside_risk = noticed(returns.downside.sqrt()) * year.sqrt();
        let geometric = self.statistics == Statistics::Geometric;
        let volatility = || match self.statistics {
            Statistics::Arithmetic => returns.variance.sqrt() * year.sqrt(),
            Statistics::Geometric => {
                let mean = 1.0 + mean_growth(self.growth(), returns.count);
                let square = libm::pow(returns.variance + mean * mean, year);
                (square - libm::pow(mean, 2.0 * year)).sqrt()
            }
        };
        match metric {
            Metric::AnnualReturn => facts.annual_return,
            Metric::Volatility => volatility(),
            Metric::DownsideRisk => downside_risk,
            Metric::Sharpe if geometric => facts.annual_return / nonzero(volatility()),
            Metric::Sharpe => returns.mean / nonzero(returns.variance.sqrt()) * year.sqrt(),
            Metric::Sortino if geometric => facts.annual_return / downside_risk,
            Metric::Sortino => returns.mean * year / downside_risk,
            Metric::Calmar => facts.annual_return / nonzero(self.max_drawdown()),
            _ => unreachable!("{metric:?} is not made of returns"),
        }
    }

    fn of_episodes(&self, metric: Metric, episodes: &Episodes) -> f64 {
        match metric {
            Metric::AverageDrawdown => episodes.depths / episodes.count,
            Metric::AverageDrawdownDays => self.days(episodes.days / episodes.count),
            Metric::MaxDrawdownDays if episodes.count == 0.0 => f64::NAN,
            Metric::MaxDrawdownDays => self.days(episodes.longest_days),
            _ => unreachable!("{metric:?} is not made of episodes"),
        }
    }

    fn of_curve(&self, metric: Metric) -> f64 {
        let outcome = &self.outcome;
        let growth = outcome.curve.last / outcome.cash;
        match metric {
            Metric::TotalReturn => growth - 1.0,
            Metric::Cagr if outcome.years() == 0.0 => f64::NAN,
            Metric::Cagr => libm::pow(growth, 1.0 / outcome.years()) - 1.0,
            Metric::EquityFinal => outcome.curve.last,
            Metric::EquityPeak => outcome.curve.peak,
            Metric::BuyAndHold => outcome.buy_and_hold,
            Metric::Beta => facts::beta(outcome.equity, outcome.market),
            Metric::Alpha => {
                let beta = facts::beta(outcome.equity, outcome.market);
                growth - 1.0 - beta * outcome.buy_and_hold
            }
            _ => unreachable!("{metric:?} is not made of the curve"),
        }
    }

    fn of_trades(&self, metric: Metric, trades: &TradeSums) -> f64 {
        let outcome = &self.outcome;
        let win_rate = trades.wins / trades.count;
        match metric {
            Metric::Exposure => trades.held / real(outcome.bars),
            Metric::Trades => trades.count,
            Metric::WinRate => win_rate,
            Metric::ProfitFactor => match self.statistics {
                Statistics::Arithmetic => trades.gained / trades.lost,
                Statistics::Geometric => trades.returns_gained / nonzero(trades.returns_lost),
            },
            Metric::Turnover => {
                let mean = outcome.curve.total / real(outcome.dates.len());
                trades.traded / mean / nonzero(outcome.years())
            }
            Metric::BestTrade => trades.best,
            Metric::WorstTrade => trades.worst,
            Metric::AverageTrade => {
                let mean = facts::geometric_mean_trade(outcome.all_trades());
                match self.statistics {
                    Statistics::Arithmetic => mean.unwrap_or(f64::NAN),
                    Statistics::Geometric => mean.unwrap_or(0.0),
                }
            }
            Metric::Expectancy => trades.returns / trades.count,
            Metric::Sqn => {
                let deviation = facts::deviation(outcome.all_trades(), trades);
                trades.count.sqrt() * trades.mean_profit() / nonzero(deviation)
            }
            Metric::Kelly => {
                let (win, loss) = (trades.gained / trades.wins, trades.lost / trades.losses);
                win_rate - (1.0 - win_rate) / (win / loss)
            }
            Metric::AverageTradeDays => self.days(outcome.trade_days().sum::<f64>() / trades.count),
            Metric::MaxTradeDays => self.days(outcome.trade_days().fold(f64::NAN, f64::max)),
            _ => unreachable!("{metric:?} is not made of trades"),
        }
    }

    fn days(&self, days: f64) -> f64 {
        let daily = || self.outcome.dates.iter().all(|date| date.is_midnight());
        if self.statistics == Statistics::Geometric && daily() {
            return days.ceil();
        }
        days
    }
}

/// g where 1 + g is the geometric mean of `count` growth factors with this product; 0 after a
/// ruin.
fn mean_growth(product: f64, count: f64) -> f64 {
    if product <= 0.0 {
        return 0.0;
    }
    libm::pow(product, 1.0 / count) - 1.0
}

/// Falls of less than this part of the equity are rounding, which must not make the best ratio of
/// all.
const UNNOTICED: f64 = 1e-12;

fn noticed(fall: f64) -> f64 {
    if fall < UNNOTICED { 0.0 } else { fall }
}

/// The number, or NaN for zero: a divisor for ratios that are undefined rather than infinite.
fn nonzero(number: f64) -> f64 {
    if number == 0.0 { f64::NAN } else { number }
}
