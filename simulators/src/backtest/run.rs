//! One run of a backtest, from a point to metrics.

use search_spaces::Point;

use super::broker::{Book, Market, Rules};
use super::engine::{self, AccountRules, Decision, Recorder, Signals};
use super::evaluate::{Column, Evaluator, Pool, World};
use super::expression::Condition;
use super::mask::Mask;
use super::orders::Orders;
use super::report::Course;
use super::rules::Accounts;
use super::settings::Settings;
use super::simulator::{Backtest, Engine, Scratch};
use crate::contract::{Failure, Report, Verdict, Watcher};
use crate::numbers::real;

impl Backtest {
    /// Runs one trial: tells the recorder of decisions and the watcher how it goes.
    ///
    /// # Errors
    /// A number of the point that an indicator or an order cannot have.
    pub(super) fn run(
        &self,
        input: Input<'_>,
        scratch: &mut Scratch,
        recorder: &mut impl Recorder,
        watcher: &mut dyn Watcher,
    ) -> Result<Vec<f64>, Failure> {
        assert_eq!(
            input.point.values().len(),
            self.parameters.len(),
            "the point belongs to the space"
        );
        scratch.trades.clear();
        scratch.warm_ups.clear();
        let mut decisions = std::mem::take(&mut scratch.decisions);
        decisions.clear();
        let mut recorder = Both { recorder, decisions, keeps: !self.events.tags.is_empty() };
        self.run_accounts(input, scratch, &mut recorder)?;
        scratch.decisions = recorder.decisions;
        Ok(self.concluded(scratch, watcher))
    }

    fn run_accounts(
        &self,
        input: Input<'_>,
        scratch: &mut Scratch,
        recorder: &mut impl Recorder,
    ) -> Result<(), Failure> {
        if self.shares_one_account() {
            self.run_together(input, scratch, recorder)?;
        } else {
            let cash = self.settings.account.cash / real(self.all.len());
            let account = AccountRules { cash, ..self.settings.account };
            if self.all.len() > 1 {
                scratch.total.clear();
                scratch.total.resize(self.calendar.dates.len(), 0.0);
            }
            for index in 0..self.all.len() {
                self.run_one(index, &account, input, scratch, recorder)?;
                if self.all.len() > 1 {
                    let Scratch { equity, total, .. } = scratch;
                    self.calendar.add(index, equity, account.cash, total);
                }
            }
        }
        Ok(())
    }

    /// Tells the watcher how the run went, and gives its metrics.
    fn concluded(&self, scratch: &mut Scratch, watcher: &mut dyn Watcher) -> Vec<f64> {
        let Scratch { trades, equity, total, returns, closed, warm_ups, decisions, .. } = scratch;
        decisions.sort_by_key(|decision| (decision.symbol, decision.bar));
        let course = Course {
            events: &self.events,
            decisions,
            settings: &self.settings,
            all: &self.all,
            calendar: &self.calendar,
            market: &self.market,
            equity: if self.all.len() == 1 { equity } else { total },
            trades,
            warm_ups,
        };
        let steps = self.settings.reports;
        let is_watched = steps > 0 && watcher.wants_reports();
        if is_watched {
            for step in 1..steps {
                let values = course.metrics_at(step, steps, closed, returns);
                if watcher.report(Report { step, values: values.clone() }) == Verdict::Stop {
                    return values;
                }
            }
        }
        let values = course.metrics(returns);
        if is_watched {
            watcher.report(Report { step: steps, values: values.clone() });
        }
        values
    }

    fn shares_one_account(&self) -> bool {
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
        let mut evaluator =
            Evaluator { world, symbol: index, timeframe: None, series, pool, warm_up: 0 };
        let mut mask = |rule: &Option<Condition>| -> Result<Option<Mask>, Failure> {
            rule.as_ref().map(|rule| evaluator.condition(rule)).transpose()
        };
        let masks = [
            mask(&self.strategy.long_entry)?,
            mask(&self.strategy.long_exit)?,
            mask(&self.strategy.short_entry)?,
            mask(&self.strategy.short_exit)?,
        ];
        let orders = self.strategy.orders.evaluated(&mut evaluator)?;
        Ok(Inputs { masks, orders, warm_up: evaluator.warm_up })
    }

    /// Trades one symbol in an account of its own.
    fn run_one(
        &self,
        index: usize,
        account: &AccountRules,
        input: Input<'_>,
        scratch: &mut Scratch,
        recorder: &mut impl Recorder,
    ) -> Result<(), Failure> {
        let series = &self.all[index];
        let inputs = self.inputs(index, input.point, &mut scratch.pool)?;
        let Scratch { trades, equity, .. } = scratch;
        equity.resize(series.len(), 0.0);
        match self.engine() {
            Engine::Signals => {
                let symbol = u32::try_from(index).expect("fewer symbols than 2^32");
                let signals = inputs.signals();
                engine::trade(account, series, symbol, &signals, trades, equity, recorder);
            }
            engine => {
                let market = [self.market_of(index, &inputs)];
                let rules = self.rules(account);
                let mut book = Book::new(rules, market.into_iter(), input.seed, trades, recorder);
                book.run(engine == Engine::Events, equity);
            }
        }
        scratch.warm_ups.push(inputs.warm_up);
        inputs.recycle(&mut scratch.pool);
        Ok(())
    }

    /// Trades all symbols in one account.
    fn run_together(
        &self,
        input: Input<'_>,
        scratch: &mut Scratch,
        recorder: &mut impl Recorder,
    ) -> Result<(), Failure> {
        let mut all = Vec::with_capacity(self.all.len());
        for index in 0..self.all.len() {
            all.push(self.inputs(index, input.point, &mut scratch.pool)?);
        }
        let markets = all.iter().enumerate().map(|(index, inputs)| self.market_of(index, inputs));
        let Scratch { trades, total, .. } = scratch;
        total.resize(self.calendar.dates.len(), 0.0);
        let rules = self.rules(&self.settings.account);
        Book::new(rules, markets, input.seed, trades, recorder).run_together(&self.calendar, total);
        for inputs in all {
            scratch.warm_ups.push(inputs.warm_up);
            inputs.recycle(&mut scratch.pool);
        }
        Ok(())
    }

    fn market_of<'a>(&'a self, index: usize, inputs: &'a Inputs<'a>) -> Market<'a> {
        Market {
            symbol: u32::try_from(index).expect("fewer symbols than 2^32"),
            series: &self.all[index],
            signals: inputs.signals(),
            orders: &inputs.orders,
            finer: &self.finer[index],
        }
    }

    fn rules<'a>(&'a self, account: &'a AccountRules) -> Rules<'a> {
        let Settings { orders, execution, risk, .. } = &self.settings;
        Rules { account, orders: *orders, execution, risk }
    }
}

/// Takes down decisions for whoever asked, and where trades are told apart by events, for that.
struct Both<'a, R> {
    recorder: &'a mut R,
    decisions: Vec<Decision>,
    keeps: bool,
}

impl<R: Recorder> Recorder for Both<'_, R> {
    #[inline]
    fn decision(&mut self, decision: Decision) {
        self.recorder.decision(decision);
        if self.keeps {
            self.decisions.push(decision);
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
