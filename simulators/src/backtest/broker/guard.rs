//! Limits of loss: when an account has to close everything, and when it may enter again.

use super::super::engine::Reason;
use super::super::rules::Reentry;
use super::book::Book;
use super::order::Leave;

/// What the limits of loss remember.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    /// The highest equity since the start or the last drawdown stop.
    peak: f64,
    /// The trading day of the last mark, and the equity at the last mark of the day before.
    day: i64,
    before: f64,
    last: f64,
    /// No entry is decided before this tick.
    halted_until: usize,
    /// The day on which no entry is decided.
    blocked_day: Option<i64>,
}

impl Guard {
    pub(super) fn new(cash: f64) -> Self {
        Self {
            peak: cash,
            day: i64::MIN,
            before: cash,
            last: cash,
            halted_until: 0,
            blocked_day: None,
        }
    }

    /// Whether entries can be decided.
    pub(super) fn is_open(&self, tick: usize) -> bool {
        tick >= self.halted_until && self.blocked_day != Some(self.day)
    }
}

impl Book<'_> {
    /// The first bar at whose close an entry can be decided after a position was left.
    pub(super) fn free_after(&self, bar: usize, reason: Reason) -> usize {
        let next = match self.rules.orders.reentry {
            Reentry::NextBar => bar + 1,
            Reentry::SameBar | Reentry::AfterSignal => bar,
        };
        match reason {
            Reason::StopLoss | Reason::TrailingStop => next.max(bar + self.rules.risk.cooldown),
            _ => next,
        }
    }

    /// Takes down the equity of a bar at which nothing could happen.
    pub(super) fn guard_saw(&mut self, equity: f64) {
        self.guard.last = equity;
    }

    /// Begins the trading day to which a tick belongs.
    pub(super) fn begin_day(&mut self, day: i64) {
        if day != self.guard.day {
            self.guard.day = day;
            self.guard.before = self.guard.last;
        }
    }

    /// Looks at the equity of a tick; true if everything is to be closed.
    pub(super) fn is_to_stop(&mut self, tick: usize, equity: f64) -> bool {
        let risk = self.rules.risk;
        let guard = &mut self.guard;
        guard.last = equity;
        // While trading is halted there is no peak: it is counted anew when the halt ends.
        let is_halted = tick < guard.halted_until;
        guard.peak = if equity > guard.peak || is_halted { equity } else { guard.peak };
        let mut stops = false;
        if equity <= guard.before * (1.0 - risk.daily_loss_stop)
            && guard.blocked_day != Some(guard.day)
        {
            guard.blocked_day = Some(guard.day);
            stops = true;
        }
        if equity <= guard.peak * (1.0 - risk.drawdown_stop) && !is_halted {
            // Without a cooldown this is the end of all trading.
            let bars = if risk.cooldown == 0 { usize::MAX - tick } else { risk.cooldown };
            guard.halted_until = tick + bars;
            guard.peak = equity;
            stops = true;
        }
        stops
    }

    /// Orders everything to be closed, and forgets all other orders. Symbols that have a bar now
    /// are closed `wait` bars later, the others at their next bar.
    pub(super) fn stop_all(&mut self, present: &[(usize, usize)], wait: usize) {
        for (symbol, desk) in self.desks.iter_mut().enumerate() {
            desk.order = None;
            desk.change = None;
            if desk.holding.is_open() {
                let now = present.iter().find(|(other, _)| *other == symbol);
                let active = now.map_or(0, |(_, bar)| bar + wait);
                desk.leave = Some(Leave { active, reason: Reason::RiskStop });
            }
        }
    }
}
