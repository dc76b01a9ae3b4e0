//! The loop: bars of one symbol, or of several in order of time.

use super::super::data::Price;
use super::super::engine::Reason;
use super::super::rules::Trail;
use super::super::settings::{AtEnd, Fill};
use super::book::{At, Book};
use super::fill::Entry;
use super::order::Leave;

/// When orders at the market are filled within a bar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Open,
    Close,
}

impl Book<'_> {
    /// Trades the only symbol up to the bar `to`, which is not looked at. With `leaps`, bars at
    /// which nothing can happen are passed over.
    pub(in super::super) fn advance(&mut self, to: usize, leaps: bool) {
        let last = self.desks[0].last_bar();
        while self.next < to && !self.is_ruined {
            let bar = self.next;
            if leaps {
                self.next = self.next_event(bar, last.min(to));
                self.pass_over(bar, self.next);
                if self.next == to || self.is_ruined {
                    return;
                }
            }
            let bar = self.next;
            self.step(bar, &[(0, bar)], &[(0, bar)]);
            let size = self.desks[0].holding.size;
            match self.is_ruined {
                // After a ruin nothing is left.
                true => self.record.holds(bar, 0.0, 0.0),
                false => self.record.holds(bar, self.base(), size),
            }
            self.next += 1;
        }
    }

    /// Passes over the bars `from..to` with the present position of the only symbol.
    fn pass_over(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        let (size, base) = (self.desks[0].holding.size, self.base());
        self.record.holds(from, base, size);
        let closes = self.desks[0].market.series.price(Price::Close);
        self.desks[0].price = closes[to - 1];
        // A long position without credit is always worth more than nothing.
        let is_safe = size >= 0.0 && base > 0.0;
        let ruin = || self.desks[0].market.terrain.ruin(from, to, base, size);
        match if is_safe { None } else { ruin() } {
            Some(bar) => {
                self.desks[0].price = closes[bar];
                self.ruin(&[(0, bar)]);
                self.record.holds(bar, 0.0, 0.0);
            }
            None => self.guard_saw(base + size * closes[to - 1]),
        }
    }

    /// Lets one bar of each of the symbols pass that have one now; gives the equity at its close.
    /// Only to those that are `busy` can anything happen but that time passes.
    pub(super) fn step(
        &mut self,
        tick: usize,
        present: &[(usize, usize)],
        busy: &[(usize, usize)],
    ) -> f64 {
        let fill = self.rules.account.fill;
        for (symbol, bar) in present {
            self.begin_bar(*symbol, *bar);
        }
        // Whatever is filled at the open, or later within the bar, finds all holdings worth what
        // they are at this open: that is known of all symbols alike, and nothing later is.
        self.mark(present, Price::Open);
        if fill == Fill::NextOpen {
            self.fill_at_market(busy, Moment::Open);
        }
        self.pass(busy);
        for (symbol, bar) in busy {
            let desk = &mut self.desks[*symbol];
            desk.order = desk.order.filter(|order| order.last > *bar);
        }
        for (symbol, bar) in present {
            self.follow(*symbol, *bar);
        }
        let mut equity = self.equity_at_close(present);
        if fill == Fill::SameClose {
            equity = self.decide_at_close(tick, present, busy, equity);
        } else if fill == Fill::NextClose {
            self.fill_at_market(busy, Moment::Close);
            equity = self.equity_at_close(present);
        }
        if equity <= 0.0 {
            self.ruin(present);
            return 0.0;
        }
        if self.rules.risk.watches() && self.is_to_stop(tick, equity) {
            self.stop_all(present, usize::from(fill != Fill::SameClose));
            if fill == Fill::SameClose {
                self.fill_at_market(present, Moment::Close);
                equity = self.equity_at_close(present);
                // What closing has cost is part of the loss, and of where a new peak begins.
                self.is_to_stop(tick, equity);
            }
        }
        if fill != Fill::SameClose {
            self.decide_all(tick, busy);
        }
        if self.end(present) { self.equity() } else { equity }
    }

    /// Decides and fills at the same close, where the account is worth so much before; gives what it
    /// is worth afterwards. A limit of loss comes first, so that nothing is entered beyond it.
    fn decide_at_close(
        &mut self,
        tick: usize,
        present: &[(usize, usize)],
        busy: &[(usize, usize)],
        equity: f64,
    ) -> f64 {
        let is_stopped = equity > 0.0 && self.rules.risk.watches() && self.is_to_stop(tick, equity);
        if is_stopped {
            self.stop_all(present, 0);
        }
        self.decide_all(tick, busy);
        self.fill_at_market(if is_stopped { present } else { busy }, Moment::Close);
        self.equity_at_close(present)
    }

    fn begin_bar(&mut self, symbol: usize, bar: usize) {
        if self.rules.risk.counts_days() {
            self.begin_day(self.desks[symbol].market.days[bar]);
        }
        self.carry(symbol, bar);
        self.move_order(symbol, bar);
        let desk = &mut self.desks[symbol];
        if desk.holding.target_until <= bar {
            desk.holding.take_profit_of(bar, &desk.schedule);
        }
    }

    fn decide_all(&mut self, tick: usize, present: &[(usize, usize)]) {
        for (symbol, bar) in present {
            self.decide(tick, *symbol, *bar);
        }
    }

    /// Makes a price of their present bars the last known one of these symbols.
    fn mark(&mut self, present: &[(usize, usize)], price: Price) {
        for (symbol, bar) in present {
            let desk = &mut self.desks[*symbol];
            desk.price = desk.market.series.price(price)[*bar];
        }
    }

    /// Equity at the close; fills may have left another price as the last known one.
    fn equity_at_close(&mut self, present: &[(usize, usize)]) -> f64 {
        self.mark(present, Price::Close);
        self.equity()
    }

    /// Fills the orders at the market that are due: exits first, then all entries together.
    fn fill_at_market(&mut self, present: &[(usize, usize)], moment: Moment) {
        for (symbol, bar) in present {
            let due = self.desks[*symbol].leave.filter(|leave| leave.active <= *bar);
            if let Some(leave) = due {
                self.leave_at_market(*symbol, *bar, leave, moment);
            }
        }
        let is_due = |(symbol, bar): &(usize, usize)| {
            self.desks[*symbol].order.is_some_and(|order| !order.waits && order.active <= *bar)
        };
        if moment == Moment::Open && present.len() > 1 && present.iter().any(is_due) {
            self.meet_passed_levels(present);
        }
        for (symbol, bar) in present {
            let desk = &self.desks[*symbol];
            let due = desk.order.filter(|order| !order.waits && order.active <= *bar);
            let Some(order) = due else { continue };
            let at = At {
                price: self.price_at(*symbol, *bar, moment),
                sign: order.sign,
                is_maker: false,
            };
            if moment == Moment::Close && *bar == self.desks[*symbol].last_bar() {
                // Nothing is opened when there is no bar left; what is open the other way closes.
                let held = self.desks[*symbol].holding.size;
                if held * order.sign < 0.0 {
                    self.close(*symbol, *bar, at, held.abs(), Reason::Signal);
                }
                self.desks[*symbol].order = None;
                continue;
            }
            self.entries.push(Entry::new(*symbol, *bar, at, false));
        }
        if !self.entries.is_empty() {
            self.enter();
        }
    }

    fn leave_at_market(&mut self, symbol: usize, bar: usize, leave: Leave, moment: Moment) {
        let size = self.desks[symbol].holding.size;
        let price = self.price_at(symbol, bar, moment);
        let at = At { price, sign: -size.signum(), is_maker: false };
        // What is not filled is tried again at the next bar.
        if !self.fails() {
            self.close(symbol, bar, at, size.abs(), leave.reason);
        }
    }

    fn price_at(&self, symbol: usize, bar: usize, moment: Moment) -> f64 {
        let column = match moment {
            Moment::Open => Price::Open,
            Moment::Close => Price::Close,
        };
        self.desks[symbol].market.series.price(column)[bar]
    }

    /// Lets the trailing stop follow a bar that the position has seen whole. Of the bar in which
    /// it was opened only the close is known to have come afterwards.
    fn follow(&mut self, symbol: usize, bar: usize) {
        let desk = &mut self.desks[symbol];
        if !desk.holding.is_open() || !desk.holding.has_trail() {
            return;
        }
        let series = desk.market.series;
        let is_partly_seen = desk.holding.is_within && desk.holding.entry_bar == bar;
        let column = match desk.market.orders.trail {
            Trail::Close => Price::Close,
            Trail::Extreme if is_partly_seen => Price::Close,
            Trail::Extreme if desk.holding.size > 0.0 => Price::High,
            Trail::Extreme => Price::Low,
        };
        let level = desk.holding.sign() * series.price(column)[bar];
        desk.holding.follow(level, &desk.steps);
    }

    /// Ends the account: everything is closed at the last known prices, and nothing is left.
    fn ruin(&mut self, present: &[(usize, usize)]) {
        self.is_ruined = true;
        for symbol in 0..self.desks.len() {
            let desk = &self.desks[symbol];
            if desk.holding.is_open() {
                let now = present.iter().find(|(other, _)| *other == symbol);
                let dates = &desk.market.series.dates;
                let reached = || {
                    let (other, bar) = present[0];
                    let now = self.desks[other].market.series.dates[bar];
                    dates.partition_point(|date| *date <= now) - 1
                };
                let bar = now.map_or_else(reached, |(_, bar)| *bar);
                let sign = -desk.holding.sign();
                let at = At { price: desk.price, sign, is_maker: false };
                let all = desk.holding.size.abs();
                self.close(symbol, bar, at, all, Reason::Ruin);
            }
        }
    }

    /// Closes what is still open at the last bar of a symbol; says whether there was anything.
    fn end(&mut self, present: &[(usize, usize)]) -> bool {
        let mut closed = false;
        for (symbol, bar) in present {
            let desk = &self.desks[*symbol];
            if *bar < desk.last_bar() || !desk.holding.is_open() {
                continue;
            }
            // A position that was opened after the open cannot be closed there.
            let moment = match self.rules.account.at_end {
                AtEnd::LastOpen if !(desk.holding.is_within && desk.holding.entry_bar == *bar) => {
                    Moment::Open
                }
                _ => Moment::Close,
            };
            let (sign, all) = (-desk.holding.sign(), desk.holding.size.abs());
            let at = At { price: self.price_at(*symbol, *bar, moment), sign, is_maker: false };
            self.close(*symbol, *bar, at, all, Reason::End);
            closed = true;
        }
        closed
    }
}
