//! The trading rules: from signals to trades and an equity curve, for one account in one symbol.
//!
//! - A signal is looked at when its bar closes; what it decides is filled at the open of the next
//!   bar, or at that same close (`fill`). Nothing is decided from a bar before it has closed, and
//!   no entry is filled after the last bar.
//! - An entry for a direction in which the account already is does nothing; an entry for the other
//!   direction reverses: closes, then opens at the same price. Two opposite entries at one bar
//!   cancel each other. Exits matter only while a position is open; an exit at the same bar as an
//!   entry in the same direction closes.
//! - An entry uses the whole equity: size = 0.9999999999999998 equity / (price (1 + commission)),
//!   rounded down for whole shares. An account that cannot pay for one share does not enter.
//! - Equity is marked at each close: cash + size (close - entry price). The proceeds of a short
//!   sale are not invested.
//! - When a mark is zero or less, the account is ruined: the position is closed at that close,
//!   equity is zero from that bar on, and nothing is traded any more.
//! - A position that is still open at the end is closed at the last bar's open or close (`at_end`).
//!
//! These are the conventions of backtesting.py 0.6.6 for whole shares and fills at the next open,
//! with one exception: there, a decision at the last bar is filled at that bar's own open.

use super::curve::{self, Span, Terrain};
use super::data::{Price, Series};
use super::date::Date;
use super::settings::{AtEnd, Fill, Shares};
use super::signals::Signals;

/// The share of the equity that an entry uses, 0.9999999999999998: just so much below 1 that
/// rounding cannot make the position dearer than the account.
const INVESTED: f64 = 1.0 - f64::EPSILON;

/// A finished trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Index of the symbol in the simulator's order.
    pub symbol: u32,
    /// Shares, negative for a short position.
    pub size: f64,
    /// The bar of the symbol, from 0, at which the position was opened.
    pub entry_bar: usize,
    /// The bar at which it was closed.
    pub exit_bar: usize,
    /// Date of the entry bar.
    pub entry_date: Date,
    /// Date of the exit bar.
    pub exit_date: Date,
    /// Price of a share at the entry, without commission.
    pub entry_price: f64,
    /// Price of a share at the exit, without commission.
    pub exit_price: f64,
    /// Commission and fees of both sides, and what holding has cost, in cash.
    pub commission: f64,
    /// Why it was closed.
    pub reason: Reason,
}

impl Trade {
    /// Profit in cash, after commission; negative for a loss.
    #[must_use]
    pub fn profit(&self) -> f64 {
        self.undated().profit()
    }

    /// Profit as a fraction of what was paid or received at the entry.
    #[must_use]
    pub fn profit_fraction(&self) -> f64 {
        self.undated().profit_fraction()
    }

    fn undated(&self) -> Deal {
        let Self { symbol, size, entry_bar, exit_bar, .. } = *self;
        let Self { entry_price, exit_price, commission, reason, .. } = *self;
        Deal { symbol, size, entry_bar, exit_bar, entry_price, exit_price, commission, reason }
    }
}

/// A finished trade without its dates, which are far away in memory and rarely asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deal {
    pub symbol: u32,
    pub size: f64,
    pub entry_bar: usize,
    pub exit_bar: usize,
    pub entry_price: f64,
    pub exit_price: f64,
    pub commission: f64,
    pub reason: Reason,
}

impl Deal {
    pub(super) fn profit(&self) -> f64 {
        self.size * (self.exit_price - self.entry_price) - self.commission
    }

    pub(super) fn profit_fraction(&self) -> f64 {
        let gross = self.size.signum() * (self.exit_price / self.entry_price - 1.0);
        gross - self.commission / (self.size.abs() * self.entry_price)
    }

    /// The same with its dates.
    pub(super) fn dated(&self, all: &[Series]) -> Trade {
        let Self { symbol, size, entry_bar, exit_bar, .. } = *self;
        let Self { entry_price, exit_price, commission, reason, .. } = *self;
        let dates = &all[symbol as usize].dates;
        Trade {
            symbol,
            size,
            entry_bar,
            exit_bar,
            entry_date: dates[entry_bar],
            exit_date: dates[exit_bar],
            entry_price,
            exit_price,
            commission,
            reason,
        }
    }
}

/// A position that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub symbol: u32,
    pub size: f64,
    pub entry_bar: usize,
    pub entry_price: f64,
}

/// Why a position, or a part of it, was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A rule of the strategy: its exit, or the opposite entry.
    Signal,
    /// Its stop loss.
    StopLoss,
    /// Its trailing stop.
    TrailingStop,
    /// Its take profit.
    TakeProfit,
    /// One of its partial exits.
    PartialExit,
    /// Its time stop.
    TimeStop,
    /// A limit of loss of the account.
    RiskStop,
    /// The account had nothing left.
    Ruin,
    /// The data ended.
    End,
}

impl Reason {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::StopLoss => "stop loss",
            Self::TrailingStop => "trailing stop",
            Self::TakeProfit => "take profit",
            Self::PartialExit => "partial exit",
            Self::TimeStop => "time stop",
            Self::RiskStop => "risk stop",
            Self::Ruin => "ruin",
            Self::End => "end of the data",
        }
    }
}

/// What is to be done at a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a long position, closing a short one first.
    Buy,
    /// Open a short position, closing a long one first.
    SellShort,
    /// Close the position.
    Close,
}

/// What the strategy decided when a bar closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Index of the symbol in the simulator's order.
    pub symbol: u32,
    /// The bar of the symbol, from 0, at whose close the decision was made.
    pub bar: usize,
    /// Date of that bar.
    pub date: Date,
    /// What was decided.
    pub action: Action,
}

/// What an account leaves behind.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The closed trades, in order of time.
    pub trades: Vec<Deal>,
    /// What it was worth, where it trades one symbol.
    pub spans: Vec<Span>,
    /// What was decided, in order of time, where anybody wants to know.
    pub decisions: Vec<Decision>,
    pub keeps_decisions: bool,
}

impl Record {
    /// An empty one, in the memory of this one.
    pub(super) fn emptied(mut self, keeps_decisions: bool) -> Self {
        self.trades.clear();
        self.spans.clear();
        self.decisions.clear();
        Self { keeps_decisions, ..self }
    }

    /// Notes that the account is worth `base + size close` from a bar on.
    #[inline]
    pub(super) fn holds(&mut self, from: usize, base: f64, size: f64) {
        curve::note(&mut self.spans, from, base, size);
    }
}

/// The rules by which an account trades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AccountRules {
    /// Cash at the start.
    pub cash: f64,
    /// Fraction of the traded value, paid at each side.
    pub commission: f64,
    pub shares: Shares,
    pub fill: Fill,
    pub at_end: AtEnd,
}

/// As many whole shares as can be paid for.
pub(super) fn whole_shares(available: f64, share_cost: f64) -> f64 {
    let quotient = available / share_cost;
    // Rounding goes up to a whole number at most, so only that can be one share too many: then the
    // remainder tells, which is exact.
    let floor = quotient.floor();
    if floor < quotient {
        return floor;
    }
    ((available - available % share_cost) / share_cost).round()
}

/// An account that trades one symbol by its signals, flat where the size is zero.
pub(super) struct Account<'a> {
    rules: &'a AccountRules,
    series: &'a Series,
    terrain: &'a Terrain,
    signals: Signals<'a>,
    symbol: u32,
    cash: f64,
    size: f64,
    entry_bar: usize,
    entry_price: f64,
    /// Bars before this one have been decided.
    seen: usize,
    /// Bars before this one are known to leave something of the account.
    survived: usize,
    /// What is filled next, and at which bar.
    due: Option<(usize, Action)>,
    is_over: bool,
    pub record: Record,
}

impl<'a> Account<'a> {
    /// An account that has not traded yet.
    pub(super) fn new(
        rules: &'a AccountRules,
        series: &'a Series,
        terrain: &'a Terrain,
        signals: Signals<'a>,
        symbol: u32,
        mut record: Record,
    ) -> Self {
        let cash = rules.cash;
        record.holds(0, cash, 0.0);
        Self {
            rules,
            series,
            terrain,
            signals,
            symbol,
            cash,
            size: 0.0,
            entry_bar: 0,
            entry_price: 0.0,
            seen: 0,
            survived: 0,
            due: None,
            is_over: false,
            record,
        }
    }

    /// Trades up to the bar `to`, which is not looked at.
    pub(super) fn advance(&mut self, to: usize) {
        let bars = self.series.len();
        while !self.is_over {
            if let Some((fill, action)) = self.due {
                if fill >= to {
                    break;
                }
                self.fill(fill, action);
                self.due = None;
            }
            let Some((bar, action)) = self.signals.next(self.size, self.seen, to) else {
                self.seen = self.seen.max(to);
                break;
            };
            let fill = match self.rules.fill {
                Fill::NextOpen => bar + 1,
                Fill::SameClose => bar,
                Fill::NextClose => unreachable!("the general engine does this"),
            };
            if self.is_ruined_before(fill) {
                return;
            }
            if self.record.keeps_decisions {
                let date = self.series.dates[bar];
                self.record.decisions.push(Decision { symbol: self.symbol, bar, date, action });
            }
            (self.seen, self.due) = (bar + 1, Some((fill, action)));
        }
        if !self.is_over && !self.is_ruined_before(to) && to == bars {
            self.end();
        }
    }

    fn fill(&mut self, bar: usize, action: Action) {
        let series = self.series;
        let is_open = self.rules.fill == Fill::NextOpen;
        let terrain = self.terrain;
        let price = if is_open { terrain.open(series, bar) } else { terrain.close(bar) };
        self.close(bar, price, Reason::Signal);
        // Nothing is opened at the last close.
        let opens = is_open || bar + 1 < series.len();
        match action {
            Action::Buy if opens => self.open(bar, price, 1.0),
            Action::SellShort if opens => self.open(bar, price, -1.0),
            _ => {}
        }
        self.note(bar);
    }

    fn note(&mut self, from: usize) {
        self.record.holds(from, self.base(), self.size);
    }

    /// The position, if there is one.
    pub(super) fn position(&self) -> Option<Position> {
        let Self { symbol, size, entry_bar, entry_price, .. } = *self;
        (size != 0.0).then_some(Position { symbol, size, entry_bar, entry_price })
    }

    /// Equity but for the price of what is held.
    fn base(&self) -> f64 {
        self.cash - self.size * self.entry_price
    }

    fn commission(&self, size: f64, price: f64) -> f64 {
        size.abs() * price * self.rules.commission
    }

    fn close(&mut self, bar: usize, price: f64, reason: Reason) {
        if self.size == 0.0 {
            return;
        }
        let commission = self.commission(self.size, price);
        self.cash += self.size * (price - self.entry_price) - commission;
        self.record.trades.push(Deal {
            symbol: self.symbol,
            size: self.size,
            entry_bar: self.entry_bar,
            exit_bar: bar,
            entry_price: self.entry_price,
            exit_price: price,
            commission: commission + self.commission(self.size, self.entry_price),
            reason,
        });
        self.size = 0.0;
    }

    /// Opens a position with all cash; the account is flat.
    fn open(&mut self, bar: usize, price: f64, sign: f64) {
        let available = self.cash.max(0.0) * INVESTED;
        let share = price + price * self.rules.commission;
        let size = match self.rules.shares {
            Shares::Fractional => available / share,
            Shares::Whole => whole_shares(available, share),
        };
        self.size = sign * size;
        if self.size != 0.0 {
            self.cash -= self.commission(size, price);
            self.entry_bar = bar;
            self.entry_price = price;
        }
    }

    /// Whether the present position is worth nothing at one of the bars before `to`; then nothing
    /// is left from there on.
    fn is_ruined_before(&mut self, to: usize) -> bool {
        let from = std::mem::replace(&mut self.survived, to);
        // A long position without credit is always worth more than nothing.
        let base = self.base();
        if self.size >= 0.0 && base >= 0.0 && self.cash > 0.0 {
            return false;
        }
        let Some(bar) = self.terrain.ruin(from, to, base, self.size) else { return false };
        self.close(bar, self.terrain.closes()[bar], Reason::Ruin);
        self.record.holds(bar, 0.0, 0.0);
        self.is_over = true;
        true
    }

    /// Closes what is still open after the last bar.
    fn end(&mut self) {
        let last = self.series.len() - 1;
        if self.size != 0.0 {
            let column = match self.rules.at_end {
                AtEnd::LastOpen => Price::Open,
                AtEnd::LastClose => Price::Close,
            };
            self.close(last, self.series.price(column)[last], Reason::End);
            self.note(last);
        }
        self.is_over = true;
    }
}
