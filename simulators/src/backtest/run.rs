//! One run of a backtest, from a point to metrics.

use search_spaces::Point;

use super::broker::{Book, Market, Rules};
use super::curve::{self, CurveSums};
use super::engine::{Account, AccountRules, Position, Record};
use super::evaluate::{Column, Evaluator, Pool, World};
use super::expression::Condition;
use super::mask::{self, Mask};
use super::orders::Orders;
use super::rules::{Accounts, Conflict};
use super::settings::Settings;
use super::signals::Signals;
use super::simulator::{Backtest, Engine, Scratch};
use crate::contract::{Failure, Report, Verdict, Watcher};
use crate::numbers::real;

impl Backtest {
    /// Runs one trial and tells the watcher how it goes; leaves the records of the accounts in
    /// `scratch`, and the curve if it `keeps_all`, and the decisions.
    ///
    /// # Errors
    /// A number of the point that an indicator or an order cannot have.
    pub(super) fn run(
        &self,
        input: Input<'_>,
        scratch: &mut Scratch,
        keeps_all: bool,
        watcher: &mut dyn Watcher,
    ) -> Result<Vec<f64>, Failure> {
        assert_eq!(
            input.point.values().len(),
            self.parameters.len(),
            "the point belongs to the space"
        );
        let mut inputs = Vec::with_capacity(self.all.len());
        for index in 0..self.all.len() {
            inputs.push(self.inputs(index, input.point, &mut scratch.pool)?);
        }
        let account = self.account();
        let keeps_decisions = keeps_all || !self.events.tags.is_empty();
        let mut accounts = self.accounts(&account, &inputs, input.seed, scratch, keeps_decisions);
        let warm_ups: Vec<usize> = inputs.iter().map(|inputs| inputs.warm_up).collect();
        let keeps_curve = keeps_all || self.needs_curve;
        scratch.start();
        let steps = self.settings.reports;
        let is_watched = steps > 0 && watcher.wants_reports();
        let dates = self.calendar.dates.len();
        let mut values = Vec::new();
        for step in if is_watched { 1..=steps } else { 1..=1 } {
            let to = match is_watched {
                true => (u128::from(step) * dates as u128).div_ceil(u128::from(steps)) as usize,
                false => dates,
            };
            let curve = self.advance(&mut accounts, to, keeps_curve, scratch);
            values = self.metrics_at(to, &accounts, &warm_ups, &curve, scratch);
            let report = || Report { step, values: values.clone() };
            if is_watched && watcher.report(report()) == Verdict::Stop {
                break;
            }
        }
        scratch.records.extend(accounts.into_iter().map(Trader::into_record));
        for inputs in inputs {
            inputs.recycle(&mut scratch.pool);
        }
        Ok(values)
    }

    /// The rules of each account.
    fn account(&self) -> AccountRules {
        let cash = self.settings.account.cash;
        let accounts = if self.shares_one_account() { 1 } else { self.all.len() };
        AccountRules { cash: cash / real(accounts), ..self.settings.account }
    }

    /// The accounts, none of which has traded yet.
    fn accounts<'a>(
        &'a self,
        account: &'a AccountRules,
        inputs: &'a [Inputs<'a>],
        seed: u64,
        scratch: &mut Scratch,
        keeps_decisions: bool,
    ) -> Vec<Trader<'a>> {
        let mut record = || scratch.records.pop().unwrap_or_default().emptied(keeps_decisions);
        let markets =
            inputs.iter().enumerate().map(|(index, inputs)| self.market_of(index, inputs));
        let rules = self.rules(account);
        if self.shares_one_account() {
            return vec![Trader::Book(Book::new(rules, markets, seed, record()))];
        }
        let engine = self.engine();
        let trader = |market: Market<'a>| match engine {
            Engine::Signals => {
                let Market { symbol, series, terrain, signals, .. } = market;
                let account = Account::new(account, series, terrain, signals, symbol, record());
                Trader::Account(account)
            }
            _ => Trader::Book(Book::new(rules, std::iter::once(market), seed, record())),
        };
        markets.map(trader).collect()
    }

    /// Lets the accounts trade until before the date with the number `to`, and gives what has come
    /// of the curve until there.
    fn advance(
        &self,
        accounts: &mut [Trader<'_>],
        to: usize,
        keeps_curve: bool,
        scratch: &mut Scratch,
    ) -> CurveSums {
        let leaps = self.engine() == Engine::Events;
        let Scratch { equity, part, curve, .. } = scratch;
        let from = equity.len();
        if let ([account], [terrain]) = (&mut *accounts, &self.terrains[..]) {
            account.advance(to, leaps);
            let spans = &account.record().spans;
            if keeps_curve {
                curve::equity_of(spans, terrain.closes(), from, to, equity);
            }
            return curve.through(terrain, spans, to);
        }
        if let [Trader::Book(book)] = accounts {
            book.advance_together(&self.calendar, to, leaps, equity);
            return curve.along(equity, to);
        }
        equity.resize(to, 0.0);
        let cash = self.settings.account.cash / real(self.all.len());
        for (index, account) in accounts.iter_mut().enumerate() {
            let bars = |dates: usize| if dates == 0 { 0 } else { self.calendar.bars(index, dates) };
            let (seen, end) = (bars(from), bars(to));
            account.advance(end, leaps);
            // The last bar that was seen comes first: it counts where there is no other yet.
            let start = seen.saturating_sub(1);
            part.clear();
            let spans = &account.record().spans;
            curve::equity_of(spans, self.terrains[index].closes(), start, end, part);
            self.calendar.add(index, start, part, cash, from, equity);
        }
        curve.along(equity, to)
    }

    pub(super) fn shares_one_account(&self) -> bool {
        self.settings.orders.accounts == Accounts::Shared && self.all.len() > 1
    }

    /// Evaluates the rules and orders of a run on one symbol.
    fn inputs<'a>(
        &'a self,
        index: usize,
        point: &'a Point,
        pool: &mut Pool,
    ) -> Result<Inputs<'a>, Failure> {
        let world = World {
            all: &self.all,
            frames: &self.frames,
            events: &self.events,
            values: point.values(),
            summation: self.settings.summation,
            crossing: self.settings.crossing,
            cache: &self.cache,
            masks: &self.masks,
        };
        let series = &self.all[index];
        let mut evaluator = Evaluator {
            world,
            symbol: index,
            timeframe: None,
            series,
            pool,
            warm_up: 0,
            compared: Vec::new(),
        };
        let mut mask = |rule: &Option<Condition>| -> Result<Option<Mask>, Failure> {
            rule.as_ref().map(|rule| evaluator.condition(rule)).transpose()
        };
        let mut masks = [
            mask(&self.strategy.long_entry)?,
            mask(&self.strategy.long_exit)?,
            mask(&self.strategy.short_entry)?,
            mask(&self.strategy.short_exit)?,
        ];
        let [long_entry, long_exit, short_entry, short_exit] = &mut masks;
        for (entry, exit) in [(long_entry, long_exit), (short_entry, short_exit)] {
            if let (Some(entry), Some(exit)) = (entry, exit) {
                settle(self.settings.orders.conflict, entry, exit, series.len(), evaluator.pool);
            }
        }
        let orders = self.strategy.orders.evaluated(&mut evaluator)?;
        let warm_up = evaluator.finish();
        Ok(Inputs { masks, orders, warm_up })
    }

    fn market_of<'a>(&'a self, index: usize, inputs: &'a Inputs<'a>) -> Market<'a> {
        Market {
            symbol: u32::try_from(index).expect("fewer symbols than 2^32"),
            series: &self.all[index],
            terrain: &self.terrains[index],
            signals: inputs.signals(),
            orders: &inputs.orders,
            days: self.frames.days(index),
            finer: &self.finer[index],
        }
    }

    fn rules<'a>(&'a self, account: &'a AccountRules) -> Rules<'a> {
        let Settings { orders, execution, risk, .. } = &self.settings;
        Rules { account, orders: *orders, execution, risk }
    }
}

/// Takes out of the signals of one direction what does not count where entry and exit conflict.
fn settle(conflict: Conflict, entry: &mut Mask, exit: &mut Mask, bars: usize, pool: &mut Pool) {
    if conflict == Conflict::ByPosition {
        // The engines ask for whatever matters to the position that there is.
        return;
    }
    for mask in [&mut *entry, &mut *exit] {
        if let Mask::All(holds) = *mask {
            let mut bits = pool.mask();
            mask::fill(&mut bits, bars, |_| holds);
            *mask = Mask::Bits(bits);
        }
    }
    let (Mask::Bits(entry), Mask::Bits(exit)) = (entry, exit) else { return };
    for (entry, exit) in entry.iter_mut().zip(exit) {
        let both = *entry & *exit;
        *entry &= !both;
        if conflict == Conflict::Neither {
            *exit &= !both;
        }
    }
}

/// An account with the engine that runs it.
#[expect(clippy::large_enum_variant, reason = "one for each account of a run")]
pub(super) enum Trader<'a> {
    Account(Account<'a>),
    Book(Book<'a>),
}

impl Trader<'_> {
    fn advance(&mut self, to: usize, leaps: bool) {
        match self {
            Self::Account(account) => account.advance(to),
            Self::Book(book) => book.advance(to, leaps),
        }
    }

    pub(super) fn record(&self) -> &Record {
        match self {
            Self::Account(account) => &account.record,
            Self::Book(book) => &book.record,
        }
    }

    /// The positions that are open.
    pub(super) fn positions(&self) -> impl Iterator<Item = Position> {
        let (account, book) = match self {
            Self::Account(account) => (account.position(), None),
            Self::Book(book) => (None, Some(book.positions())),
        };
        account.into_iter().chain(book.into_iter().flatten())
    }

    fn into_record(self) -> Record {
        match self {
            Self::Account(account) => account.record,
            Self::Book(book) => book.record,
        }
    }
}

/// What a run starts from.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub point: &'a Point,
    pub seed: u64,
}

/// The rules and orders of a run on one symbol, evaluated.
struct Inputs<'a> {
    masks: [Option<Mask>; 4],
    orders: Orders<Column<'a>>,
    warm_up: usize,
}

impl Inputs<'_> {
    fn signals(&self) -> Signals<'_> {
        let [long_entry, long_exit, short_entry, short_exit] = &self.masks;
        Signals {
            long_entry: long_entry.as_ref(),
            long_exit: long_exit.as_ref(),
            short_entry: short_entry.as_ref(),
            short_exit: short_exit.as_ref(),
        }
    }

    fn recycle(self, pool: &mut Pool) {
        for mask in self.masks.into_iter().flatten() {
            pool.recycle(mask);
        }
        self.orders.recycle(pool);
    }
}
