//! The money of an account: cash, positions, what they are worth, and what they cost.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::super::curve::Terrain;
use super::super::data::{Price, Series};
use super::super::engine::{AccountRules, Deal, Position, Reason, Record, whole_shares};
use super::super::evaluate::Column;
use super::super::execution::Execution;
use super::super::orders::Orders;
use super::super::risk::Risk;
use super::super::rules::OrderRules;
use super::super::settings::Shares;
use super::super::signals::Signals;
use super::fill::Entry;
use super::finer::Finer;
use super::guard::Guard;
use super::holding::{Holding, Ladder, NO_LADDER, NO_SCHEDULE, NO_STEPS, Schedule, Steps};
use super::order::{Leave, Order};
use super::pass::Passage;
use super::waiting::Touched;

/// The share of the equity that an entry uses; see `super::super::engine`.
pub(super) const INVESTED: f64 = 1.0 - f64::EPSILON;

/// Everything by which an account trades.
#[derive(Clone, Copy)]
pub(in super::super) struct Rules<'a> {
    pub account: &'a AccountRules,
    pub orders: OrderRules,
    pub execution: &'a Execution,
    pub risk: &'a Risk,
}

/// A symbol, as the account sees it in a run.
pub(in super::super) struct Market<'a> {
    /// Index of the symbol in the simulator's order.
    pub symbol: u32,
    pub series: &'a Series,
    pub terrain: &'a Terrain,
    pub signals: Signals<'a>,
    pub orders: &'a Orders<Column<'a>>,
    /// The number of the trading day of each bar, where the account's limits count days.
    pub days: &'a [i64],
    /// Finer bars, the coarsest of them first.
    pub finer: &'a [Finer],
}

/// What an account holds and has ordered in one symbol.
pub(super) struct Desk<'a> {
    pub market: Market<'a>,
    pub holding: Holding,
    pub ladder: Ladder,
    pub schedule: Schedule,
    pub steps: Steps,
    pub order: Option<Order>,
    /// What the order is on its way to become, in the order of arrival.
    pub moves: Vec<Order>,
    pub leave: Option<Leave>,
    /// Whether an order that the open has passed has opened the position, and as a stop without
    /// a limit, until the rest of that bar passes over it.
    pub opened: Option<bool>,
    /// Whether the levels that the open has passed were met before the rest of the bar.
    pub is_open_met: bool,
    /// The last price that is known.
    pub price: f64,
    /// The first bar at whose close an entry can be decided.
    pub free_from: usize,
    /// For longs and shorts, the last bar at which the entry rule is known to hold since it has
    /// opened a position, where a further one waits for the rule to become false.
    pub used: [Option<usize>; 2],
    /// Bars at which signals matter next, when flat, long, short: see `ahead`.
    pub signal_at: [Option<usize>; 3],
    /// Where several are traded, its next bar at which anything but a level can matter, as long as
    /// nothing has happened to it.
    pub change: Option<usize>,
}

impl Desk<'_> {
    pub(super) fn last_bar(&self) -> usize {
        self.market.series.len() - 1
    }

    /// Whether an order waits for a price that a bar may come to.
    pub(super) fn waits_at(&self, bar: usize) -> bool {
        self.order.as_ref().is_some_and(|order| order.waits_at(bar))
    }
}

/// An account: its cash does not count what positions are worth, but what was earned and lost.
pub(in super::super) struct Book<'a> {
    pub(super) rules: Rules<'a>,
    pub(super) desks: Vec<Desk<'a>>,
    pub(super) cash: f64,
    /// Value that has changed hands so far.
    pub(super) traded: f64,
    pub(super) guard: Guard,
    pub(super) generator: ChaCha8Rng,
    /// The entries of one time, gathered.
    pub(super) entries: Vec<Entry>,
    /// Memory for the bars of one time, and for the orders that they fill.
    pub(super) passages: Vec<Passage>,
    pub(super) touched: Vec<Touched>,
    pub(super) is_ruined: bool,
    /// The bar of the only symbol, or the date of several, that comes next.
    pub(super) next: usize,
    pub(in super::super) record: Record,
}

impl<'a> Book<'a> {
    /// An account that has not traded yet. Chance is drawn from `seed`, in a stream of its own for
    /// each account.
    pub(in super::super) fn new(
        rules: Rules<'a>,
        markets: impl Iterator<Item = Market<'a>>,
        seed: u64,
        record: Record,
    ) -> Self {
        let desk = |market: Market<'a>| Desk {
            price: market.series.price(Price::Open)[0],
            market,
            holding: Holding::NONE,
            ladder: NO_LADDER,
            schedule: NO_SCHEDULE,
            steps: NO_STEPS,
            order: None,
            moves: Vec::new(),
            leave: None,
            opened: None,
            is_open_met: false,
            free_from: 0,
            used: [None; 2],
            signal_at: [None; 3],
            change: None,
        };
        let desks: Vec<Desk<'a>> = markets.map(desk).collect();
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(desks.first().map_or(0, |desk| u64::from(desk.market.symbol)));
        let cash = rules.account.cash;
        Self {
            rules,
            desks,
            cash,
            traded: 0.0,
            guard: Guard::new(cash),
            generator,
            entries: Vec::new(),
            passages: Vec::new(),
            touched: Vec::new(),
            is_ruined: false,
            next: 0,
            record,
        }
    }

    /// The positions that are open.
    pub(in super::super) fn positions(&self) -> impl Iterator<Item = Position> {
        self.desks.iter().filter(|desk| desk.holding.is_open()).map(|desk| {
            let Holding { size, entry_bar, entry_price, .. } = desk.holding;
            Position { symbol: desk.market.symbol, size, entry_bar, entry_price }
        })
    }

    /// A number uniform on [0, 1).
    pub(super) fn draw(&mut self) -> f64 {
        search_spaces::unit_from_bits(self.generator.next_u64())
    }

    /// Whether a fill does not come about.
    pub(super) fn fails(&mut self) -> bool {
        let failure = self.rules.execution.failure;
        failure > 0.0 && self.draw() < failure
    }

    /// Bars that pass before an order reaches the market.
    pub(super) fn delay(&mut self) -> usize {
        if self.rules.execution.latency.is_empty() {
            return 0;
        }
        let draw = self.draw();
        let latency = &self.rules.execution.latency;
        latency.iter().position(|sum| draw < *sum).unwrap_or(latency.len() - 1)
    }

    /// Equity but for the prices of what is held: equity is this plus size times price for each
    /// position.
    pub(super) fn base(&self) -> f64 {
        let cost = |holding: &Holding| holding.size * holding.entry_price;
        self.desks.iter().fold(self.cash, |base, desk| base - cost(&desk.holding))
    }

    /// What the account is worth at the last known prices.
    pub(super) fn equity(&self) -> f64 {
        self.desks.iter().fold(self.base(), |sum, desk| sum + desk.holding.size * desk.price)
    }

    /// The value of all positions, longs and shorts added up, and longs less shorts.
    pub(super) fn gross_and_net(&self) -> (f64, f64) {
        let values = self.desks.iter().map(|desk| desk.holding.size * desk.price);
        values.fold((0.0, 0.0), |(gross, net), value| (gross + value.abs(), net + value))
    }

    /// What a fill costs in fees.
    pub(super) fn fees(&self, shares: f64, price: f64, is_maker: bool) -> f64 {
        let commission = shares * price * self.rules.account.commission;
        let fees = &self.rules.execution.fees;
        if !fees.at_fills() {
            return commission;
        }
        commission + fees.of(shares * price, shares, is_maker, self.traded)
    }

    /// What one share costs with its fees.
    pub(super) fn share_cost(&self, price: f64, is_maker: bool) -> f64 {
        let cost = price + price * self.rules.account.commission;
        let fees = &self.rules.execution.fees;
        if !fees.at_fills() {
            return cost;
        }
        cost + price * fees.rate(is_maker, self.traded) + fees.per_share
    }

    /// How many shares a budget buys.
    pub(super) fn affordable(&self, budget: f64, share_cost: f64) -> f64 {
        let fixed = self.rules.execution.fees.fixed();
        let mut available = if budget > 0.0 { budget } else { 0.0 } * INVESTED;
        if fixed > 0.0 {
            available = (available - fixed).max(0.0);
        }
        match self.rules.account.shares {
            Shares::Fractional => available / share_cost,
            Shares::Whole => whole_shares(available, share_cost),
        }
    }

    /// The number of shares as an account can have it.
    pub(super) fn tradable(&self, shares: f64) -> f64 {
        match self.rules.account.shares {
            Shares::Fractional => shares,
            Shares::Whole => shares.floor(),
        }
    }

    /// The most shares that one fill can have at a bar.
    pub(super) fn volume_limit(&self, symbol: usize, bar: usize) -> f64 {
        match self.rules.execution.volume_share {
            None => f64::INFINITY,
            Some(share) => {
                let volume = self.desks[symbol].market.series.price(Price::Volume)[bar];
                self.tradable(share * volume)
            }
        }
    }

    /// The price with what is lost to the market, at the worst all of it.
    pub(super) fn slipped(&self, symbol: usize, bar: usize, at: At, shares: f64) -> f64 {
        let Execution { slippage, spread, .. } = self.rules.execution;
        if at.is_maker || (slippage.is_none() && *spread == 0.0) {
            return at.price;
        }
        let mut lost = at.price * (spread / 2.0 + slippage.fraction) + slippage.fixed;
        if slippage.impact > 0.0 {
            let volume = self.desks[symbol].market.series.price(Price::Volume)[bar];
            // Nothing can be traded where nothing was; but a fill without a limit of volume is
            // taken at its word, at the price of one as large as the volume.
            let share = if volume > 0.0 { shares / volume } else { 1.0 };
            lost += at.price * slippage.impact * (share * share);
        }
        let price = at.price + at.sign * lost;
        if price > 0.0 { price } else { 0.0 }
    }

    /// Charges what holding has cost since the bar before.
    pub(super) fn carry(&mut self, symbol: usize, bar: usize) {
        let fees = &self.rules.execution.fees;
        let desk = &mut self.desks[symbol];
        let holding = &mut desk.holding;
        if !holding.is_open() || bar == 0 || (fees.funding == 0.0 && fees.borrow == 0.0) {
            return;
        }
        let dates = &desk.market.series.dates;
        let rate = if holding.size > 0.0 { fees.funding } else { fees.borrow };
        let value = holding.size.abs() * desk.price;
        let cost = value * rate * dates[bar].days_since(dates[bar - 1]);
        holding.fees += cost;
        self.cash -= cost;
    }

    /// Closes a part of a position, at most `shares` of it, and says whether all of that is gone.
    pub(super) fn close(
        &mut self,
        symbol: usize,
        bar: usize,
        at: At,
        shares: f64,
        reason: Reason,
    ) -> bool {
        let held = self.desks[symbol].holding;
        let limit = match reason {
            // These are not orders, but the end of the account's book.
            Reason::Ruin | Reason::End => f64::INFINITY,
            _ => self.volume_limit(symbol, bar),
        };
        let part = if limit < shares { limit } else { shares };
        if part <= 0.0 {
            return false;
        }
        let price = match reason {
            Reason::Ruin | Reason::End => at.price,
            _ => self.slipped(symbol, bar, at, part),
        };
        let whole = held.size.abs();
        let fee = self.fees(part, price, at.is_maker);
        let size = held.sign() * part;
        let entry_fees = if part == whole { held.fees } else { held.fees * (part / whole) };
        self.cash += size * (price - held.entry_price) - fee;
        self.traded += part * price;
        let desk = &mut self.desks[symbol];
        self.record.trades.push(Deal {
            symbol: desk.market.symbol,
            size,
            entry_bar: held.entry_bar,
            exit_bar: bar,
            entry_price: held.entry_price,
            exit_price: price,
            commission: fee + entry_fees,
            reason,
        });
        if part == whole {
            desk.holding = Holding::NONE;
            desk.leave = None;
            // What is left of the entry is of no use any more.
            desk.order = desk.order.filter(|order| !order.is_begun);
            let free_from = self.free_after(bar, reason);
            let desk = &mut self.desks[symbol];
            desk.free_from = desk.free_from.max(free_from);
        } else {
            desk.holding.size -= size;
            desk.holding.fees -= entry_fees;
        }
        part == shares
    }
}

/// Where and how a fill takes place.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub price: f64,
    /// 1 for a buyer, -1 for a seller.
    pub sign: f64,
    /// Whether it was a limit that the price came to.
    pub is_maker: bool,
}
