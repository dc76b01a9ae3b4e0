//! Leaping over bars at which nothing can happen.
//!
//! Without orders under way, what happens next to a position is a signal, its time stop, or a bar
//! that reaches one of its levels; to an account without a position it is a signal. All bars before
//! that are only marked. A leap changes no result, only the time that a run takes.

use super::super::data::Price;
use super::super::rules::{Trail, Trailing};
use super::book::{Book, Desk};
use super::holding::{Holding, Steps};

/// Bars that are looked at together.
const LANES: usize = 16;

/// The columns that a position meets: for a short the lows are the best prices.
pub(super) struct Columns<'a> {
    sign: f64,
    worst: &'a [f64],
    best: &'a [f64],
    followed: &'a [f64],
    /// Whether a trailing stop follows a bar before that is over.
    is_within: bool,
}

impl<'a> Columns<'a> {
    /// Those of a position that is open.
    pub(super) fn of(desk: &Desk<'a>, trailing: Trailing) -> Self {
        let (series, trail) = (desk.market.series, desk.market.orders.trail);
        let (high, low) = (series.price(Price::High), series.price(Price::Low));
        let (worst, best) = if desk.holding.size > 0.0 { (low, high) } else { (high, low) };
        let followed = match trail {
            Trail::Extreme => best,
            Trail::Close => series.price(Price::Close),
        };
        let is_within =
            trailing == Trailing::WithinBar && trail == Trail::Extreme && desk.holding.has_trail();
        Self { sign: desk.holding.sign(), worst, best, followed, is_within }
    }

    /// What a trailing stop follows at a bar, as a level.
    pub(super) fn followed(&self, bar: usize) -> f64 {
        self.sign * self.followed[bar]
    }

    /// Whether a bar reaches a level of the position.
    #[inline]
    pub(super) fn touches(&self, bar: usize, holding: &Holding, steps: &Steps) -> bool {
        let (worst, best) = (self.sign * self.worst[bar], self.sign * self.best[bar]);
        if worst <= holding.cut() || best >= holding.profit() {
            return true;
        }
        self.is_within && {
            let mut after = *holding;
            after.follow(best, steps);
            worst <= after.cut()
        }
    }

    /// The first bar of a range that reaches a level, or its end. The trailing stop follows the
    /// bars before it.
    fn first_touch(&self, holding: &mut Holding, steps: &Steps, from: usize, to: usize) -> usize {
        let mut bar = from;
        while bar < to {
            let end = if to - bar < LANES { to } else { bar + LANES };
            if end - bar == LANES && !self.may_touch(holding, steps, bar) {
                bar = end;
                continue;
            }
            while bar < end {
                if self.touches(bar, holding, steps) {
                    return bar;
                }
                if holding.has_trail() {
                    holding.follow(self.followed(bar), steps);
                }
                bar += 1;
            }
        }
        to
    }

    /// Whether one of the next bars may reach a level. If none can, the trailing stop has followed
    /// them all.
    #[inline]
    fn may_touch(&self, holding: &mut Holding, steps: &Steps, from: usize) -> bool {
        let (worst, best) = (self.lanes(self.worst, from), self.lanes(self.best, from));
        let profit = holding.profit();
        let mut cut = holding.stop;
        let mut farthest = f64::NEG_INFINITY;
        if holding.has_trail() {
            // The stop only rises, so its last place is the one that is reached most easily.
            let followed = self.lanes(self.followed, from);
            farthest = followed.into_iter().fold(farthest, |a, b| if b > a { b } else { a });
            if farthest > holding.activation {
                // With another distance the way there may have raised the stop higher.
                return true;
            }
            let trailing = holding.trailing_behind(farthest);
            cut = if trailing > cut { trailing } else { cut };
        }
        let mut touches = 0;
        for lane in 0..LANES {
            // Counted one by one, without a way out, so that a compiler makes vectors of it.
            touches += u32::from(worst[lane] <= cut) + u32::from(best[lane] >= profit);
        }
        if touches == 0 {
            holding.follow(farthest, steps);
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

impl Desk<'_> {
    /// The next bar, from `from` on, at which anything but a level can matter to the symbol: its
    /// orders under way, a signal, or a time that comes for its position; `usize::MAX` if none.
    pub(super) fn next_change(&mut self, from: usize) -> usize {
        if self.order.is_some() || self.leave.is_some() {
            return from;
        }
        let Holding { size, deadline, target_until, .. } = self.holding;
        let is_open = self.holding.is_open();
        let place = if is_open { 1 + usize::from(size < 0.0) } else { 0 };
        let known = self.signal_at[place].filter(|bar| *bar >= from);
        let signal = known.unwrap_or_else(|| {
            let next = self.market.signals.next(size, from, self.market.series.len());
            next.map_or(usize::MAX, |(bar, _)| bar)
        });
        self.signal_at[place] = Some(signal);
        match is_open {
            true => signal.min(deadline).min(target_until).max(from),
            false => signal,
        }
    }
}

impl Book<'_> {
    /// The next bar of the only symbol at which anything can happen, from `from` on and at most
    /// `last`.
    pub(super) fn next_event(&mut self, from: usize, last: usize) -> usize {
        let watches = self.rules.risk.watches() || self.rules.execution.fees.charge_holding();
        let desk = &mut self.desks[0];
        if desk.holding.is_open() && watches {
            return from;
        }
        let until = desk.next_change(from).min(last);
        if !desk.holding.is_guarded() {
            return until;
        }
        let columns = Columns::of(desk, self.rules.orders.trailing);
        columns.first_touch(&mut desk.holding, &desk.steps, from, until)
    }
}
