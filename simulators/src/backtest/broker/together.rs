//! The loop over several symbols with one account, in order of time.
//!
//! Most dates change nothing but what the account is worth, and of the symbols that have a bar at a
//! date at which something happens, most have nothing to do with it: those are passed over. Results
//! are the same as if everything was looked at everywhere.

use super::super::data::Price;
use super::super::portfolio::Calendar;
use super::ahead::Columns;
use super::book::{Book, Desk};

/// A position that is open while nothing happens.
struct Held<'a> {
    symbol: usize,
    size: f64,
    closes: &'a [f64],
    columns: Columns<'a>,
    is_guarded: bool,
    has_trail: bool,
}

/// The symbols that have a bar at a date, with those bars: all of them, and those to which something
/// may happen there.
#[derive(Default)]
struct Now {
    present: Vec<(usize, usize)>,
    busy: Vec<(usize, usize)>,
}

impl<'a> Book<'a> {
    /// Trades several symbols in order of time, and fills in the equity of each date, up to that
    /// with the number `to`. With `leaps`, what has nothing to do is passed over.
    pub(in super::super) fn advance_together(
        &mut self,
        calendar: &Calendar,
        to: usize,
        leaps: bool,
        equity: &mut Vec<f64>,
    ) {
        let (mut now, mut held) = (Now::default(), Vec::with_capacity(self.desks.len()));
        while self.next < to && !self.is_ruined {
            if leaps && !self.is_watched() {
                self.pass_over_together(calendar, to, &mut held, equity);
                if self.next == to {
                    return;
                }
            }
            let tick = self.next;
            self.look_around(calendar, tick, leaps, &mut now);
            equity.push(self.step(tick, &now.present, &now.busy));
            for (symbol, _) in &now.busy {
                self.desks[*symbol].change = None;
            }
            self.next += 1;
        }
        // After a ruin nothing is left.
        equity.resize(to, 0.0);
        self.next = to;
    }

    /// Whether every date counts: for limits of loss, or because holding costs something.
    fn is_watched(&self) -> bool {
        let is_open = || self.desks.iter().any(|desk| desk.holding.is_open());
        self.rules.risk.watches() || self.rules.execution.fees.charge_holding() && is_open()
    }

    /// Finds the symbols that have a bar now, and those with something to do.
    fn look_around(&mut self, calendar: &Calendar, tick: usize, leaps: bool, now: &mut Now) {
        now.present.clear();
        now.busy.clear();
        let trailing = self.rules.orders.trailing;
        for (symbol, desk) in self.desks.iter_mut().enumerate() {
            let Some(bar) = calendar.bar_at(symbol, tick) else { continue };
            now.present.push((symbol, bar));
            let touches = |desk: &Desk<'a>| {
                desk.holding.is_guarded()
                    && Columns::of(desk, trailing).touches(bar, &desk.holding, &desk.steps)
            };
            if !leaps || desk.change_from(bar) <= bar || touches(desk) {
                now.busy.push((symbol, bar));
            }
        }
    }

    /// Passes over the dates at which nothing can happen, with the present positions.
    fn pass_over_together(
        &mut self,
        calendar: &Calendar,
        to: usize,
        held: &mut Vec<Held<'a>>,
        equity: &mut Vec<f64>,
    ) {
        let start = self.next;
        let until = self.next_change_together(calendar, to);
        if until == start {
            return;
        }
        self.hold(held);
        let base = self.base();
        'dates: while self.next < until {
            let tick = self.next;
            for held in held.iter().filter(|held| held.is_guarded) {
                let Some(bar) = calendar.bar_at(held.symbol, tick) else { continue };
                let desk = &self.desks[held.symbol];
                if held.columns.touches(bar, &desk.holding, &desk.steps) {
                    break 'dates;
                }
            }
            let price = |held: &Held<'_>| held.closes[calendar.bars(held.symbol, tick + 1) - 1];
            let worth = held.iter().fold(base, |sum, held| sum + held.size * price(held));
            if worth <= 0.0 {
                // The account is ruined at this date, which is looked at for that.
                break;
            }
            equity.push(worth);
            for held in held.iter().filter(|held| held.has_trail) {
                let Some(bar) = calendar.bar_at(held.symbol, tick) else { continue };
                let desk = &mut self.desks[held.symbol];
                desk.holding.follow(held.columns.followed(bar), &desk.steps);
            }
            self.next += 1;
        }
        if self.next > start {
            for held in held {
                let bars = calendar.bars(held.symbol, self.next);
                self.desks[held.symbol].price = held.closes[bars - 1];
            }
        }
    }

    /// The number of the next date at which anything but a level can matter, at most `to`.
    fn next_change_together(&mut self, calendar: &Calendar, to: usize) -> usize {
        let mut until = to;
        for (symbol, desk) in self.desks.iter_mut().enumerate() {
            let seen = if self.next == 0 { 0 } else { calendar.bars(symbol, self.next) };
            let change = desk.change_from(seen);
            let date = calendar.date_of(symbol, change).unwrap_or(to);
            until = if date < until { date } else { until };
        }
        until
    }

    /// Gathers the positions that are open.
    fn hold(&self, held: &mut Vec<Held<'a>>) {
        held.clear();
        for (symbol, desk) in self.desks.iter().enumerate() {
            if desk.holding.is_open() {
                held.push(Held {
                    symbol,
                    size: desk.holding.size,
                    closes: desk.market.series.price(Price::Close),
                    columns: Columns::of(desk, self.rules.orders.trailing),
                    is_guarded: desk.holding.is_guarded(),
                    has_trail: desk.holding.has_trail(),
                });
            }
        }
    }
}

impl Desk<'_> {
    /// The next bar, from `from` on, at which anything but a level can matter to the symbol, the
    /// last bar of a position included.
    fn change_from(&mut self, from: usize) -> usize {
        if let Some(known) = self.change {
            return known;
        }
        let change = self.next_change(from);
        let last = if self.holding.is_open() { self.last_bar().max(from) } else { usize::MAX };
        let change = change.min(last);
        self.change = Some(change);
        change
    }
}
