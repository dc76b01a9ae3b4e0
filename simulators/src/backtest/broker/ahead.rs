//! Leaping over bars at which nothing can happen.
//!
//! Without orders under way, what happens next to a position is a signal, its time stop, or a bar
//! that reaches one of its levels; to an account without a position it is a signal. All bars before
//! that are only marked. A leap changes no result, only the time that a run takes.

use super::super::data::Price;
use super::super::rules::{Trail, Trailing};
use super::book::Book;
use super::holding::{Holding, Steps};

/// Bars that are looked at together.
const LANES: usize = 16;

/// The columns that a position meets: for a short the lows are the best prices.
struct Columns<'a> {
    sign: f64,
    worst: &'a [f64],
    best: &'a [f64],
    followed: &'a [f64],
    steps: &'a Steps,
    /// Whether a trailing stop follows a bar before that is over.
    is_within: bool,
}

impl Columns<'_> {
    /// Whether a bar reaches a level of the position.
    fn touches(&self, bar: usize, holding: &Holding) -> bool {
        let (worst, best) = (self.sign * self.worst[bar], self.sign * self.best[bar]);
        if worst <= holding.cut() || best >= holding.profit() {
            return true;
        }
        if !self.is_within {
            return false;
        }
        let mut after = *holding;
        after.follow(best, self.steps);
        worst <= after.cut()
    }

    /// The first bar of a range that reaches a level, or its end. The trailing stop follows the
    /// bars before it.
    fn first_touch(&self, holding: &mut Holding, from: usize, to: usize) -> usize {
        let mut bar = from;
        while bar < to {
            let end = if to - bar < LANES { to } else { bar + LANES };
            if end - bar == LANES && !self.may_touch(holding, bar) {
                bar = end;
                continue;
            }
            while bar < end {
                if self.touches(bar, holding) {
                    return bar;
                }
                if holding.has_trail() {
                    holding.follow(self.sign * self.followed[bar], self.steps);
                }
                bar += 1;
            }
        }
        to
    }

    /// Whether one of the next bars may reach a level. If none can, the trailing stop has followed
    /// them all.
    #[inline]
    fn may_touch(&self, holding: &mut Holding, from: usize) -> bool {
        let (worst, best) = (self.lanes(self.worst, from), self.lanes(self.best, from));
        let profit = holding.profit();
        let mut cut = holding.stop;
        let mut after = *holding;
        if holding.has_trail() {
            // The stop only rises, so its last place is the one that is reached most easily.
            let followed = self.lanes(self.followed, from);
            let farthest =
                followed.into_iter().fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
            if farthest > holding.activation {
                // With another distance the way there may have raised the stop higher.
                return true;
            }
            after.follow(farthest, self.steps);
            cut = after.cut();
        }
        let mut touches = 0;
        for lane in 0..LANES {
            // Counted one by one, without a way out, so that a compiler makes vectors of it.
            touches += u32::from(worst[lane] <= cut) + u32::from(best[lane] >= profit);
        }
        if touches == 0 {
            *holding = after;
        }
        touches > 0
    }

    /// The next prices of a column, times the sign.
    #[inline]
    fn lanes(&self, column: &[f64], from: usize) -> [f64; LANES] {
        let lanes: [f64; LANES] = column[from..from + LANES].try_into().expect("so many lanes");
        lanes.map(|price| self.sign * price)
    }
}

impl Book<'_> {
    /// The next bar of the only symbol at which anything can happen, from `from` on and at most
    /// `last`.
    pub(super) fn next_event(&mut self, from: usize, last: usize) -> usize {
        let costs = &self.rules.execution.fees;
        let watches = self.rules.risk.watches() || costs.funding != 0.0 || costs.borrow != 0.0;
        let desk = &mut self.desks[0];
        let is_open = desk.holding.is_open();
        if desk.order.is_some() || desk.leave.is_some() || (is_open && watches) {
            return from;
        }
        let size = desk.holding.size;
        let place = if is_open { 1 + usize::from(size < 0.0) } else { 0 };
        let known = desk.signal_at[place].filter(|bar| *bar >= from);
        let signal = known.unwrap_or_else(|| {
            let next = desk.market.signals.next(size, from, desk.market.series.len());
            next.map_or(usize::MAX, |(bar, _)| bar)
        });
        desk.signal_at[place] = Some(signal);
        let until = signal.min(last);
        if !is_open {
            return until;
        }
        let until = until.min(desk.holding.deadline).min(desk.holding.target_until).max(from);
        if !desk.holding.is_guarded() {
            return until;
        }
        let series = desk.market.series;
        let (high, low) = (series.price(Price::High), series.price(Price::Low));
        let (worst, best) = if size > 0.0 { (low, high) } else { (high, low) };
        let followed = match desk.market.orders.trail {
            Trail::Extreme => best,
            Trail::Close => series.price(Price::Close),
        };
        let is_within = self.rules.orders.trailing == Trailing::WithinBar
            && desk.market.orders.trail == Trail::Extreme
            && desk.holding.has_trail();
        let steps = &desk.steps;
        let columns = Columns { sign: size.signum(), worst, best, followed, steps, is_within };
        columns.first_touch(&mut desk.holding, from, until)
    }
}
