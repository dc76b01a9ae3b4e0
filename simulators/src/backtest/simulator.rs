//! The backtester as a simulator: one run from a point to metrics, and the same run in detail.

use std::path::Path;
use std::sync::Mutex;

use search_spaces::{Point, Section, Space};

use super::cache::{self, Cache};
use super::compile;
use super::data::{Price, Series};
use super::date::Date;
use super::engine::{self, AccountRules, Decision, NoRecorder, Recorder, Signals, Trade};
use super::evaluate::{Evaluator, Pool};
use super::expression::{Condition, Strategy};
use super::facts::Outcome;
use super::mask::Mask;
use super::metrics::{Calculator, Metric};
use super::portfolio::Calendar;
use super::read;
use super::settings::{self, Settings};
use crate::contract::{Failure, Session, Simulator, Trial, Watcher};
use crate::numbers::real;
use crate::open::OpenError;

/// Raised whenever a rule, an indicator or a metric changes its values.
const SEMANTICS: u32 = 1;

/// A strategy on historical prices, with fixed data and rules.
///
/// Settings, in the table `[backtest]` (defaults in brackets):
/// - `data`: "stocks-daily" (built in) or the path of a CSV file, from the template's folder;
/// - `symbols`: which of its symbols, in which order [all]; several share the cash equally, each
///   in an account of its own;
/// - `adjust`: scale prices for splits and dividends [true where the data allow it];
/// - `from`, `to`: first and last date [all bars];
/// - `cash` [10000], `commission`: fraction of the traded value at each side [0];
/// - `shares`: [`"whole"`] or `"fractional"`; `fill`: [`"next-open"`] or `"same-close"`;
///   `at_end`: [`"last-close"`] or `"last-open"`; `crossing`: [`"strict"`] or `"touch"`;
///   `summation`: [`"exact"`] or `"rolling"`; `statistics`: [`"arithmetic"`] or `"geometric"`;
/// - `metrics`: which to record, in which order [the twelve usual ones]; the definitions are in
///   `backtest/metrics.rs`;
/// - `periods_per_year` [252].
///
/// The table `[backtest.strategy]` holds the rules `long_entry`, `long_exit`, `short_entry`,
/// `short_exit`, at least one entry; an absent exit leaves the closing to the opposite entry.
/// They are conditions over `open`, `high`, `low`, `close`, `volume`, the parameters of the space
/// and numbers, with `sma`, `ema`, `highest`, `lowest`, `rsi`, `previous` (series, n),
/// `cross_above`, `cross_below`, `min`, `max` (a, b) and `abs` (x). A comparison with a value
/// that is not known (an indicator that warms up, an inactive parameter) is false.
pub struct Backtest {
    settings: Settings,
    strategy: Strategy,
    rules: Vec<Option<String>>,
    parameters: Vec<(String, Vec<String>)>,
    all: Vec<Series>,
    calendar: Calendar,
    market: Vec<f64>,
    names: Vec<String>,
    /// The data file, unless the data are built in.
    file: Option<String>,
    cache: Cache,
    /// Scratch memory of sessions that are gone, for those to come.
    idle: Mutex<Vec<Scratch>>,
}

/// A run in detail.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The closed trades, symbol by symbol, each in order of time.
    pub trades: Vec<Trade>,
    /// The equity at the close of each date.
    pub equity: Vec<(Date, f64)>,
    /// What was decided, symbol by symbol, each in order of time.
    pub decisions: Vec<Decision>,
    /// The metrics, as a session returns them.
    pub metrics: Vec<f64>,
}

#[derive(Debug, Default)]
struct Scratch {
    pool: Pool,
    trades: Vec<Trade>,
    equity: Vec<f64>,
    total: Vec<f64>,
    returns: Vec<f64>,
}

impl Backtest {
    /// Reads the table `[backtest]` for the points of `space`; paths start at `folder`.
    ///
    /// # Errors
    /// A fault in the table, in an expression or in the data.
    pub fn open(mut section: Section<'_>, space: &Space, folder: &Path) -> Result<Self, OpenError> {
        let settings = Settings::read(&mut section)?;
        let all = settings::data(&mut section, folder)?;
        let file = section.text("data")?.filter(|data| data != read::BUILT_IN);
        let has_volume = !all[0].price(Price::Volume)[0].is_nan();
        let Some(strategy) = section.section("strategy")? else {
            let allowed = "a table with long_entry, short_entry or both";
            return Err(section.missing("strategy", allowed).into());
        };
        let (strategy, rules) = compile::strategy(strategy, space, has_volume)?;
        section.finish()?;
        let parameters = space.parameters().iter();
        let parameters = parameters.map(|p| (p.name().to_owned(), p.labels().to_vec()));
        let calendar = Calendar::new(&all);
        let market = calendar.market(&all);
        let names = settings.metrics.iter().map(|metric| metric.name().to_owned());
        Ok(Self {
            names: names.collect(),
            file,
            settings,
            strategy,
            rules,
            parameters: parameters.collect(),
            calendar,
            market,
            all,
            cache: Cache::new(cache::BYTES),
            idle: Mutex::default(),
        })
    }

    /// The symbols, in the order in which trades and decisions count them.
    #[must_use]
    pub fn symbols(&self) -> Vec<&str> {
        self.all.iter().map(|series| series.symbol.as_str()).collect()
    }

    /// The same backtest with a cache of indicators of at most `bytes` bytes (64 MiB by default),
    /// or without one for 0. Results are the same with any.
    #[must_use]
    pub fn with_cache_bytes(self, bytes: usize) -> Self {
        Self { cache: Cache::new(bytes), ..self }
    }

    /// One run with all its trades and decisions, from the same engine as [`Session::run`].
    ///
    /// # Errors
    /// The [`Failure`] that the run would have.
    ///
    /// # Panics
    /// When the point does not belong to the space for which the backtest was opened.
    pub fn trace(&self, point: &Point) -> Result<Trace, Failure> {
        let mut scratch = Scratch::default();
        let mut decisions = Vec::new();
        let metrics = self.run(point, &mut scratch, &mut decisions)?;
        let equity = match self.all.len() {
            1 => &scratch.equity,
            _ => &scratch.total,
        };
        let equity = self.calendar.dates.iter().copied().zip(equity.iter().copied());
        Ok(Trace { equity: equity.collect(), trades: scratch.trades, decisions, metrics })
    }

    fn run(
        &self,
        point: &Point,
        scratch: &mut Scratch,
        recorder: &mut impl Recorder,
    ) -> Result<Vec<f64>, Failure> {
        assert_eq!(point.values().len(), self.parameters.len(), "the point belongs to the space");
        let cash = self.settings.account.cash;
        let account = AccountRules { cash: cash / real(self.all.len()), ..self.settings.account };
        scratch.trades.clear();
        scratch.total.clear();
        scratch.total.resize(self.calendar.dates.len(), 0.0);
        let mut buy_and_hold = 0.0;
        for (index, series) in self.all.iter().enumerate() {
            let warm_up = self.run_one(index, &account, point, scratch, recorder)?;
            let close = series.price(Price::Close);
            let first = close.get(warm_up).copied().unwrap_or(f64::NAN);
            buy_and_hold += close[close.len() - 1] / first - 1.0;
            if self.all.len() > 1 {
                let Scratch { equity, total, .. } = scratch;
                self.calendar.add(index, equity, account.cash, total);
            }
        }
        let equity = match self.all.len() {
            1 => &scratch.equity,
            _ => &scratch.total,
        };
        let calculator = Calculator {
            statistics: self.settings.statistics,
            periods_per_year: self.settings.periods_per_year,
            outcome: Outcome {
                dates: &self.calendar.dates,
                equity,
                cash,
                trades: &scratch.trades,
                bars: self.all.iter().map(Series::len).sum(),
                buy_and_hold: buy_and_hold / real(self.all.len()),
                market: &self.market,
            },
        };
        let metrics: &[Metric] = &self.settings.metrics;
        Ok(calculator.values(metrics, &mut scratch.returns))
    }

    /// Trades one symbol; gives the first bar at which all its indicators are known.
    fn run_one(
        &self,
        index: usize,
        account: &AccountRules,
        point: &Point,
        scratch: &mut Scratch,
        recorder: &mut impl Recorder,
    ) -> Result<usize, Failure> {
        let series = &self.all[index];
        let mut evaluator = Evaluator {
            series,
            symbol: index as u64,
            values: point.values(),
            summation: self.settings.summation,
            crossing: self.settings.crossing,
            cache: &self.cache,
            pool: &mut scratch.pool,
            warm_up: 0,
        };
        let mut mask = |rule: &Option<Condition>| -> Result<Option<Mask>, Failure> {
            rule.as_ref().map(|rule| evaluator.condition(rule)).transpose()
        };
        let masks = [
            mask(&self.strategy.long_entry)?,
            mask(&self.strategy.long_exit)?,
            mask(&self.strategy.short_entry)?,
            mask(&self.strategy.short_exit)?,
        ];
        let warm_up = evaluator.warm_up;
        let signals = Signals {
            long_entry: masks[0].as_ref(),
            long_exit: masks[1].as_ref(),
            short_entry: masks[2].as_ref(),
            short_exit: masks[3].as_ref(),
        };
        let Scratch { trades, equity, .. } = scratch;
        equity.resize(series.len(), 0.0);
        let symbol = u32::try_from(index).expect("fewer symbols than 2^32");
        engine::trade(account, series, symbol, &signals, trades, equity, recorder);
        for mask in masks.into_iter().flatten() {
            scratch.pool.recycle(mask);
        }
        Ok(warm_up)
    }
}

impl Simulator for Backtest {
    fn metrics(&self) -> &[String] {
        &self.names
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let text = |hasher: &mut blake3::Hasher, text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        text(&mut hasher, "backtest");
        hasher.update(&SEMANTICS.to_le_bytes());
        self.settings.hash(&mut hasher);
        for rule in &self.rules {
            hasher.update(&[u8::from(rule.is_some())]);
            text(&mut hasher, rule.as_deref().unwrap_or(""));
        }
        // The rules speak of parameters and labels by name, the points by index.
        for (name, labels) in &self.parameters {
            text(&mut hasher, name);
            hasher.update(&(labels.len() as u64).to_le_bytes());
            for label in labels {
                text(&mut hasher, label);
            }
        }
        self.all.iter().for_each(|series| series.hash(&mut hasher));
        *hasher.finalize().as_bytes()
    }

    fn reports(&self) -> bool {
        false
    }

    fn files(&self) -> Vec<String> {
        self.file.iter().cloned().collect()
    }

    fn session(&self) -> Box<dyn Session + '_> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        Box::new(BacktestSession { backtest: self, scratch: idle.unwrap_or_default() })
    }
}

struct BacktestSession<'a> {
    backtest: &'a Backtest,
    scratch: Scratch,
}

impl Session for BacktestSession<'_> {
    fn run(&mut self, trial: &Trial<'_>, _watcher: &mut dyn Watcher) -> Result<Vec<f64>, Failure> {
        // Prices of the past are what they are: nothing here is drawn from the seed.
        self.backtest.run(trial.point, &mut self.scratch, &mut NoRecorder)
    }
}

impl Drop for BacktestSession<'_> {
    fn drop(&mut self) {
        if let Ok(mut idle) = self.backtest.idle.lock() {
            idle.push(std::mem::take(&mut self.scratch));
        }
    }
}
