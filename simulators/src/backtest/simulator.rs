//! The backtester as a simulator: opened from a template, and run in sessions or in detail.

use std::fmt::Display;
use std::sync::Mutex;

use search_spaces::{Point, Section, Space};

use super::broker::Finer;
use super::cache::{self, Cache};
use super::compile::{self, Texts};
use super::curve::{CurveSums, Terrain};
use super::data::{Price, Series};
use super::date::Date;
use super::detail;
use super::engine::{Decision, Record, Trade};
use super::evaluate::{Known, KnownMask, Pool};
use super::events::Events;
use super::expression::Strategy;
use super::facts::Tally;
use super::frames::Frames;
use super::orders::Size;
use super::portfolio::Calendar;
use super::read;
use super::rules::{SameBar, SizeAt};
use super::run::Input;
use super::sessions::Sessions;
use super::settings::{self, Settings, Shares};
use super::stored;
use crate::contract::{Cell, Failure, List, Session, Simulator, Trial, Unwatched, Watcher};
use crate::open::{OpenError, Places};

/// A bar of a mask takes a bit where one of a column takes 64: a part of the bytes is plenty.
const MASKS: usize = 4;

/// Raised whenever a rule, an indicator or a metric changes its values.
const SEMANTICS: u32 = 2;

/// A strategy on historical prices, with fixed data and rules.
///
/// Settings, in the table `[backtest]` (defaults in brackets):
/// - `data`: "stocks-daily" (built in), the name of a data set, or the path of a CSV file, from the
///   template's folder;
/// - `symbols`: which of its symbols, in which order [all]; several share the cash equally, each
///   in an account of its own;
/// - `adjust`: scale prices for splits and dividends [true where the data allow it];
/// - `from`, `to`: first and last date [all bars];
/// - `cash` [10000], `commission`: fraction of the traded value at each side [0];
/// - `shares`: [`"whole"`] or `"fractional"`; `fill`: [`"next-open"`], `"same-close"` or
///   `"next-close"`;
///   `at_end`: [`"last-close"`] or `"last-open"`; `crossing`: [`"strict"`] or `"touch"`;
///   `summation`: [`"exact"`] or `"rolling"`; `statistics`: [`"arithmetic"`] or `"geometric"`;
/// - `metrics`: which to record, in which order [the twelve usual ones]; the definitions are in
///   `backtest/metrics.rs`;
/// - `periods_per_year` [252]; `reports`: into how many parts a run is divided for reports [10];
/// - `preset`, `same_bar`, `entry_bar`, `gaps`, `trailing`, `targets`, `reentry`, `conflict`,
///   `size_at`, `unaffordable`, `accounts`, `detail`: how orders are filled; the tables `execution`
///   and `risk`. All are described in `docs/backtest.md`.
///
/// The table `[backtest.strategy]` holds the rules `long_entry`, `long_exit`, `short_entry`,
/// `short_exit`, at least one entry; an absent exit leaves the closing to the opposite entry.
/// They are conditions over `open`, `high`, `low`, `close`, `volume`, further columns of the data,
/// the parameters of the space and numbers, with indicators, on coarser bars (`close@1w`, for which
/// the table `sessions` says when there are bars), at other symbols (`close@'IBM'`) and across all
/// of them, and over the events of the file `events`. A comparison with a value that is not known
/// (an indicator that warms up, an inactive parameter) is false. Beside the rules stand the orders: `entry`, `expires`, `size`, `stop_loss`, `take_profit`,
/// `trailing_stop`, `trail`, `time_stop`, `partial_exits`.
pub struct Backtest {
    pub(super) settings: Settings,
    pub(super) strategy: Strategy,
    pub(super) texts: Texts,
    pub(super) parameters: Vec<(String, Vec<String>)>,
    pub(super) all: Vec<Series>,
    /// The closes of each symbol.
    pub(super) terrains: Vec<Terrain>,
    /// Whether a metric needs the whole curve.
    pub(super) needs_curve: bool,
    pub(super) frames: Frames,
    pub(super) events: Events,
    pub(super) calendar: Calendar,
    pub(super) market: Vec<f64>,
    pub(super) names: Vec<String>,
    /// The data files, but for data that are built in.
    pub(super) files: Vec<String>,
    /// The data sets.
    pub(super) sets: Vec<String>,
    /// For each symbol its finer bars, the coarsest of them first.
    pub(super) finer: Vec<Vec<Finer>>,
    /// What keeps the signals alone from deciding everything, if anything does.
    pub(super) beyond_signals: Option<&'static str>,
    /// The engine that was asked for, if any.
    pub(super) engine: Option<Engine>,
    pub(super) cache: Cache<Known>,
    pub(super) masks: Cache<KnownMask>,
    /// Scratch memory of sessions that are gone, for those to come.
    pub(super) idle: Mutex<Vec<Scratch>>,
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

/// Memory to work in, which one run leaves to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub pool: Pool,
    /// What accounts have left behind.
    pub records: Vec<Record>,
    /// The equity at each date so far, where it is kept.
    pub equity: Vec<f64>,
    /// The equity of one symbol among several.
    pub part: Vec<f64>,
    pub curve: CurveSums,
    pub tally: Tally,
}

impl Scratch {
    /// Forgets the run before.
    pub(super) fn start(&mut self) {
        self.equity.clear();
        self.curve = CurveSums::default();
        self.tally.clear();
    }
}

/// What runs a backtest. Wherever several can, they give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// From signal to signal: for rules that are filled at the market, whole and at once.
    Signals,
    /// From one bar to the next at which anything can happen.
    Events,
    /// Bar by bar.
    EveryBar,
}

impl Backtest {
    /// Reads the table `[backtest]` for the points of `space`; files and data sets are looked for
    /// in `places`.
    ///
    /// # Errors
    /// A fault in the table, in an expression or in the data.
    pub fn open<'a>(
        mut section: Section<'_>,
        space: &Space,
        places: impl Into<Places<'a>>,
    ) -> Result<Self, OpenError> {
        let places = places.into();
        let mut all = settings::data(&mut section, places)?;
        let has_volume = !all[0].price(Price::Volume)[0].is_nan();
        let settings = Settings::read(&mut section, has_volume)?;
        let mut files = detail::files(&mut section, settings.orders.same_bar)?;
        let finer = detail::read(&mut section, places, &files, &all)?;
        files.insert(0, section.text("data")?.unwrap_or_default());
        files.retain(|file| file != read::BUILT_IN);
        let zone = stored::timezone(&section.text("data")?.unwrap_or_default(), places)?;
        let is_set = |file: &mut String| stored::folder_of(file, places).is_some();
        let sets = files.extract_if(.., is_set).collect();
        let sessions = Sessions::read(&mut section, zone.as_deref())?;
        let events = Events::read(&mut section, places.folder, &all, &sessions)?;
        let sessions = sessions.of(&all);
        files.extend(events.are_there().then(|| events.file.clone()));
        let Some(strategy) = section.section("strategy")? else {
            let allowed = "a table with long_entry, short_entry or both";
            return Err(section.missing("strategy", allowed).into());
        };
        let (strategy, texts, needs) =
            compile::strategy(strategy, space, &all, &events, settings.risk.max_gross)?;
        section.finish()?;
        for series in &mut all {
            series.forget_signals_but(&needs.signals);
            series.cast_shadows();
        }
        let mut frames = Frames::new(&all, &needs.timeframes, sessions);
        if settings.risk.counts_days() {
            frames = frames.with_days(&all);
        }
        let parameters = space.parameters().iter();
        let parameters = parameters.map(|p| (p.name().to_owned(), p.labels().to_vec()));
        let calendar = Calendar::new(&all);
        let market = calendar.market(&all);
        let names = settings.metrics.iter().map(|metric| metric.name().to_owned());
        let names = names.chain(events.metric_names()).collect();
        let beyond_signals = match strategy.orders.is_plain() {
            false => Some("the orders of [backtest.strategy]"),
            true => settings.beyond_signals(all.len()),
        };
        // Only accounts that trade one symbol by itself, and fractions of shares, use the sums.
        let with_sums = all.len() == 1 && settings.account.shares == Shares::Fractional;
        let terrains = all.iter().map(|series| Terrain::new(series, with_sums)).collect();
        let needs_curve = settings.metrics.iter().any(|metric| metric.needs_curve());
        Ok(Self {
            terrains,
            needs_curve,
            names,
            files,
            sets,
            finer,
            beyond_signals,
            engine: None,
            settings,
            strategy,
            texts,
            parameters: parameters.collect(),
            calendar,
            market,
            all,
            frames,
            events,
            cache: Cache::new(cache::BYTES),
            masks: Cache::new(cache::BYTES / MASKS),
            idle: Mutex::default(),
        })
    }

    /// The symbols, in the order in which trades and decisions count them.
    #[must_use]
    pub fn symbols(&self) -> Vec<&str> {
        self.all.iter().map(|series| series.symbol.as_str()).collect()
    }

    /// The same backtest with a cache of indicators of at most `bytes` bytes (64 MiB by default) and
    /// one of comparisons of a quarter of that, or without any for 0. Results are the same with any.
    #[must_use]
    pub fn with_cache_bytes(self, bytes: usize) -> Self {
        Self { cache: Cache::new(bytes), masks: Cache::new(bytes / MASKS), ..self }
    }

    /// The engine that runs it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match (self.beyond_signals, self.engine) {
            (None, None) => Engine::Signals,
            (None, Some(engine)) => engine,
            (Some(_), Some(Engine::EveryBar)) => Engine::EveryBar,
            (Some(_), _) => Engine::Events,
        }
    }

    /// What in the template keeps the engine of signals alone from running it; none if nothing
    /// does.
    #[must_use]
    pub fn beyond_signals(&self) -> Option<&str> {
        self.beyond_signals
    }

    /// The same backtest run by another engine, as far as that can. Results are the same with any.
    #[must_use]
    pub fn with_engine(self, engine: Engine) -> Self {
        Self { engine: Some(engine), ..self }
    }

    /// What of the features that are used has other values than it once had, while the results of
    /// all that do not use it are as they were: for the fingerprint.
    fn revisions(&self) -> impl Iterator<Item = &'static str> {
        let Settings { orders, execution, risk, .. } = &self.settings;
        let strategy = &self.strategy;
        let reverses = strategy.long_entry.is_some() && strategy.short_entry.is_some();
        let has_exit = strategy.long_exit.is_some() || strategy.short_exit.is_some();
        let is_limited = execution.volume_share.is_some();
        let waits = strategy.orders.waits();
        let orders_wait = waits || !execution.latency.is_empty() || is_limited;
        let is_shared = self.shares_one_account();
        // What the volume has kept back is so many shares as well.
        let is_of_shares = matches!(strategy.orders.size, Size::Shares(_) | Size::Risk(_))
            || orders.size_at == SizeAt::Decision
            || is_limited;
        let slippage = &execution.slippage;
        let slips = !slippage.is_none() || execution.spread > 0.0;
        let pays_more = is_of_shares && (slips || execution.fees.fixed() > 0.0);
        let may_lose_all =
            slippage.fixed > 0.0 || slippage.fraction + execution.spread / 2.0 >= 1.0;
        let drills = orders.same_bar == SameBar::DrillDown;
        let is_begun_or_reversed = is_shared || reverses || is_limited || drills;
        let is_cut_in_parts = strategy.orders.guards() && (is_limited || execution.failure > 0.0);
        let revisions = [
            (drills, "finer bars are held against those that they refine"),
            (is_shared, "holdings count at the opens of a fill's time"),
            (reverses && orders_wait, "reversals that wait are cancelled"),
            (execution.volume_share.is_some(), "what is held counts at the open"),
            (
                self.frames.are_coarser() && self.frames.sessions.are_within_days(),
                "bars of days are of their own sessions",
            ),
            (risk.counts_days() && self.frames.sessions != Sessions::default(), "trading days"),
            (may_lose_all || slippage.impact > 0.0, "slippage of what is traded, up to all"),
            (pays_more, "purchases pay their slippage and fees"),
            (reverses && orders_wait && has_exit, "entries beside a cancelled order"),
            (waits && is_begun_or_reversed, "what the open has passed is filled first"),
            (execution.failure > 0.0 && reverses, "reversals that fail leave the position"),
            (risk.max_shares.is_finite(), "max_shares before entries are scaled"),
            (is_cut_in_parts, "the rest of a stop is sold at the market"),
            (waits && reverses, "exits beside reversals that wait"),
            (reverses && has_exit, "an entry beside its exit cancels nothing"),
            (orders.same_bar == SameBar::NearestToOpen, "equal distances but for rounding"),
            (
                waits && (slips || execution.fees.maker.total_cmp(&execution.fees.taker).is_ne()),
                "limits that rest are makers",
            ),
            (is_shared && strategy.orders.guards(), "what the open has passed pays for entries"),
            (true, "rounding is no fall"),
        ];
        revisions.into_iter().filter_map(|(is_used, revision)| is_used.then_some(revision))
    }

    /// One run with all its trades and decisions, from the same engine as [`Session::run`] with
    /// the seed 0.
    ///
    /// # Errors
    /// The [`Failure`] that the run would have.
    ///
    /// # Panics
    /// When the point does not belong to the space for which the backtest was opened.
    pub fn trace(&self, point: &Point) -> Result<Trace, Failure> {
        self.trace_with_seed(point, 0)
    }

    /// Like [`Backtest::trace`], with what is left to chance drawn from `seed`.
    ///
    /// # Errors
    /// The [`Failure`] that the run would have.
    ///
    /// # Panics
    /// When the point does not belong to the space for which the backtest was opened.
    pub fn trace_with_seed(&self, point: &Point, seed: u64) -> Result<Trace, Failure> {
        let mut scratch = Scratch::default();
        let metrics = self.run(Input { point, seed }, &mut scratch, true, &mut Unwatched)?;
        let equity = self.calendar.dates.iter().copied().zip(scratch.equity).collect();
        let (mut trades, mut decisions) = (Vec::new(), Vec::new());
        for record in scratch.records {
            trades.extend(record.trades.iter().map(|trade| trade.dated(&self.all)));
            decisions.extend(record.decisions);
        }
        trades.sort_by_key(|trade| trade.symbol);
        decisions.sort_by_key(|decision| decision.symbol);
        Ok(Trace { trades, equity, decisions, metrics })
    }
}

impl Simulator for Backtest {
    fn lists(&self, trial: &Trial<'_>) -> Result<Vec<List>, Failure> {
        let Trace { trades, equity, .. } = self.trace_with_seed(trial.point, trial.seed)?;
        let text = |text: &dyn Display| Cell::Text(text.to_string());
        // All with a time or none, so that a column has one format.
        let are_days = equity.iter().all(|(date, _)| date.is_midnight());
        let time =
            |date: Date| Cell::Text(if are_days { date.to_string() } else { date.with_time() });
        let trade = |trade: &Trade| {
            vec![
                text(&self.all[trade.symbol as usize].symbol),
                time(trade.entry_date),
                time(trade.exit_date),
                Cell::Number(trade.size),
                Cell::Number(trade.entry_price),
                Cell::Number(trade.exit_price),
                Cell::Number(trade.commission),
                Cell::Number(trade.profit()),
                Cell::Number(trade.profit_fraction()),
                text(&trade.reason.name()),
            ]
        };
        let columns = "symbol entry exit size entry_price exit_price commission profit \
            profit_fraction reason";
        let trades = List {
            name: "trades",
            columns: columns.split_whitespace().collect(),
            rows: trades.iter().map(trade).collect(),
        };
        let point = |(date, equity): &(Date, f64)| vec![time(*date), Cell::Number(*equity)];
        let equity = List {
            name: "equity",
            columns: vec!["date", "equity"],
            rows: equity.iter().map(point).collect(),
        };
        Ok(vec![trades, equity])
    }

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
        for rule in &self.texts.rules {
            hasher.update(&[u8::from(rule.is_some())]);
            text(&mut hasher, rule.as_deref().unwrap_or(""));
        }
        for order in &self.texts.orders {
            text(&mut hasher, order);
        }
        for revision in self.revisions() {
            text(&mut hasher, revision);
        }
        // The rules speak of parameters and labels by name, the points by index.
        for (name, labels) in &self.parameters {
            text(&mut hasher, name);
            hasher.update(&(labels.len() as u64).to_le_bytes());
            for label in labels {
                text(&mut hasher, label);
            }
        }
        for rule in self.frames.sessions.texts() {
            text(&mut hasher, &rule);
        }
        self.events.hash(&mut hasher);
        self.all.iter().for_each(|series| series.hash(&mut hasher));
        let finer = self.finer.iter().flatten();
        finer.for_each(|finer| finer.series().hash(&mut hasher));
        *hasher.finalize().as_bytes()
    }

    fn way(&self) -> Option<String> {
        let pace = match self.engine() {
            Engine::Signals => {
                return Some(
                    "by signals alone: rules are masks of 64 bars a word, and only bars at which a \
                     position changes are looked at"
                        .to_owned(),
                );
            }
            Engine::Events => "from event to event",
            Engine::EveryBar => "bar by bar",
        };
        let reason = self.beyond_signals.map_or("as was asked".to_owned(), |reason| {
            format!("because signals alone do not decide: {reason}")
        });
        Some(format!("by the broker of orders, {pace}, {reason}"))
    }

    fn reports(&self) -> bool {
        self.settings.reports > 0
    }

    fn steps(&self) -> Option<u64> {
        (self.settings.reports > 0).then_some(self.settings.reports)
    }

    fn files(&self) -> Vec<String> {
        self.files.clone()
    }

    fn data_sets(&self) -> Vec<String> {
        self.sets.clone()
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
    fn run(&mut self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Result<Vec<f64>, Failure> {
        // Prices of the past are what they are: only the execution of orders draws from the seed.
        let input = Input { point: trial.point, seed: trial.seed };
        self.backtest.run(input, &mut self.scratch, false, watcher)
    }
}

impl Drop for BacktestSession<'_> {
    fn drop(&mut self) {
        if let Ok(mut idle) = self.backtest.idle.lock() {
            idle.push(std::mem::take(&mut self.scratch));
        }
    }
}
