//! Decisions at the close of a bar: what the signals ask of a position and of its orders.

use super::super::engine::{Action, Decision, Reason};
use super::super::evaluate::Column;
use super::super::orders::{Level, Side};
use super::super::rules::Reentry;
use super::super::settings::Fill;
use super::super::signals::Signs;
use super::book::Book;
use super::order::{Leave, Order};

/// The place of a direction in pairs of long and short.
pub(super) fn place(sign: f64) -> usize {
    usize::from(sign < 0.0)
}

impl Book<'_> {
    /// Decides for one symbol at the close of its bar.
    pub(super) fn decide(&mut self, tick: usize, symbol: usize, bar: usize) {
        let desk = &self.desks[symbol];
        let signs = desk.market.signals.at(bar);
        for (place, holds) in [signs.long_entry, signs.short_entry].into_iter().enumerate() {
            if !holds {
                self.desks[symbol].used[place] = None;
            }
        }
        if self.desks[symbol].holding.is_open() {
            self.decide_in_position(tick, symbol, bar, signs);
            return;
        }
        let order = self.desks[symbol].order;
        let cancelled = order.map(|order| order.sign).filter(|sign| signs.exit(*sign));
        if cancelled.is_some() {
            self.desks[symbol].order = None;
            self.note(symbol, bar, Action::Close);
        }
        let (buy, sell_short) = signs.entries();
        for (enters, sign) in [(buy, 1.0), (sell_short, -1.0)] {
            if enters && cancelled != Some(sign) && self.may_enter(tick, symbol, bar, sign) {
                self.order(symbol, bar, sign);
            }
        }
    }

    /// Decides what becomes of a position, and of an order to reverse it.
    fn decide_in_position(&mut self, tick: usize, symbol: usize, bar: usize, signs: Signs) {
        let desk = &self.desks[symbol];
        let (holding, is_leaving) = (desk.holding, desk.leave.is_some());
        let sign = holding.sign();
        let reversal = desk.order.filter(|order| order.sign != sign);
        let (entry, opposite) = signs.entries_beside(sign);
        let exit = signs.exit(sign);
        // An order is cancelled as without a position; an entry in the direction of the position
        // replaces it by nothing.
        let is_cancelled = reversal.is_some() && signs.exit(-sign);
        if let Some(order) = reversal {
            if is_cancelled || entry && self.may_enter(tick, symbol, bar, sign) {
                self.desks[symbol].order = None;
            }
            if is_cancelled && !order.waits && !is_leaving {
                // What was to be reversed at the market is still to be closed there.
                let leave = Leave { active: order.active, reason: Reason::Signal };
                self.desks[symbol].leave = Some(leave);
                return;
            }
        }
        let mut reverses = opposite && !is_cancelled;
        let is_late = bar >= holding.deadline;
        if reverses && self.may_enter(tick, symbol, bar, -sign) {
            self.order(symbol, bar, -sign);
            if self.desks[symbol].order.is_some_and(|order| order.sign != sign && !order.waits) {
                return;
            }
        }
        // An order that waits may never be filled: what ends the position counts beside it.
        reverses &= !self.desks[symbol].market.orders.waits();
        if (reverses || exit || is_late) && !is_leaving {
            let is_signal = reverses || exit;
            let reason = if is_signal { Reason::Signal } else { Reason::TimeStop };
            self.leave(symbol, bar, reason);
        }
    }

    fn note(&mut self, symbol: usize, bar: usize, action: Action) {
        if !self.record.keeps_decisions {
            return;
        }
        let market = &self.desks[symbol].market;
        let date = market.series.dates[bar];
        let symbol = market.symbol;
        self.record.decisions.push(Decision { symbol, bar, date, action });
    }

    fn leave(&mut self, symbol: usize, bar: usize, reason: Reason) {
        self.note(symbol, bar, Action::Close);
        let active = self.arrival(bar);
        let desk = &mut self.desks[symbol];
        desk.leave = Some(Leave { active, reason });
        desk.order = desk.order.filter(|order| !order.is_begun);
    }

    /// The bar at which an order at the market, decided at this bar, is filled.
    fn arrival(&mut self, bar: usize) -> usize {
        let next = usize::from(self.rules.account.fill != Fill::SameClose);
        bar + next + self.delay()
    }

    /// Whether an entry can be decided at all.
    fn may_enter(&mut self, tick: usize, symbol: usize, bar: usize, sign: f64) -> bool {
        let desk = &mut self.desks[symbol];
        if !self.guard.is_open(tick) || bar < desk.free_from {
            return false;
        }
        if self.rules.orders.reentry != Reentry::AfterSignal {
            return true;
        }
        let Some(used) = desk.used[place(sign)] else { return true };
        if desk.market.signals.entry_holds_throughout(sign, used + 1, bar) {
            // Known up to here, so that no bar is looked at twice.
            desk.used[place(sign)] = Some(bar);
            return false;
        }
        desk.used[place(sign)] = None;
        true
    }

    /// Orders an entry, or moves the one that waits; none where a level is not known yet.
    fn order(&mut self, symbol: usize, bar: usize, sign: f64) {
        let desk = &self.desks[symbol];
        // An order at the market that is on its way is not sent again.
        if desk.order.is_some_and(|order| order.sign == sign && !order.waits) {
            return;
        }
        let orders = desk.market.orders;
        let price = desk.price;
        let level = |level: &Option<Level<Column<'_>>>, side: Side, absent: f64| {
            level.as_ref().map_or(absent, |level| level.signed(bar, sign, price, side))
        };
        let stop = level(&orders.entry_stop, Side::Above, f64::NEG_INFINITY);
        let limit = level(&orders.entry_limit, Side::Below, f64::INFINITY);
        if stop.is_nan() || limit.is_nan() || !orders.are_known(bar, sign, price) {
            return;
        }
        let waits = orders.waits();
        let lifetime = orders.expires.as_ref().and_then(Column::fixed).map(|bars| bars as usize);
        let action = if sign > 0.0 { Action::Buy } else { Action::SellShort };
        self.note(symbol, bar, action);
        let active = if waits { bar + 1 + self.delay() } else { self.arrival(bar) };
        let mut order = Order {
            sign,
            decided: bar,
            active,
            last: lifetime.map_or(usize::MAX, |bars| active.saturating_add(bars - 1)),
            waits,
            stop,
            limit,
            shares: f64::NAN,
            is_begun: false,
        };
        order.shares = self.shares_at_decision(symbol, &order);
        let desk = &mut self.desks[symbol];
        let is_moved = desk.order.is_some_and(|order| order.sign == sign);
        if is_moved && order.active > bar + 1 {
            // Until the move arrives, the order stays where it is. A move that would arrive later
            // than one that was sent after it is overtaken.
            desk.moves.retain(|earlier| earlier.active < order.active);
            desk.moves.push(order);
        } else {
            desk.moves.clear();
            desk.order = Some(order);
        }
    }

    /// Moves the order of a symbol, if it is still there, by what arrives at this bar.
    pub(super) fn move_order(&mut self, symbol: usize, bar: usize) {
        let desk = &mut self.desks[symbol];
        while desk.moves.first().is_some_and(|first| first.active <= bar) {
            let moved = desk.moves.remove(0);
            let is_there = |order: &Order| order.sign == moved.sign && !order.is_begun;
            if desk.order.as_ref().is_some_and(is_there) {
                desk.order = Some(moved);
            }
        }
    }
}
