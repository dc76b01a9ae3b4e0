//! A position in one symbol, with the levels that guard it.
//!
//! Levels are kept as a price times the sign of the position, so that a short reads as a long: the
//! stop lies below, profit above.

use super::super::orders::{PARTIAL_EXITS, STEPS};
use super::order::Signed;

/// A profit level at which a part is closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rung {
    pub level: f64,
    /// Share of the whole position.
    pub share: f64,
}

/// The partial exits of a position, ascending, and behind them levels that are never reached.
/// They stay beside the holding, which is copied often.
pub(super) type Ladder = [Rung; PARTIAL_EXITS];

pub(super) const NO_LADDER: Ladder = [Rung { level: f64::INFINITY, share: 0.0 }; PARTIAL_EXITS];

/// A take profit that counts from a bar on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Later {
    pub level: f64,
    /// The first bar at which it counts; none where the data end before.
    pub from: usize,
    /// Whether its time comes at the open of that bar, and not since the bar before.
    pub is_at_open: bool,
}

/// The later take profits of a position, and behind them such as never count.
pub(super) type Schedule = [Later; STEPS];

pub(super) const NO_SCHEDULE: Schedule =
    [Later { level: f64::INFINITY, from: usize::MAX, is_at_open: false }; STEPS];

/// The distance of a trailing stop beyond a level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub activation: f64,
    pub factor: f64,
    pub offset: f64,
}

/// The steps of a trailing stop, ascending, and behind them such as are never reached.
pub(super) type Steps = [Step; STEPS];

pub(super) const NO_STEPS: Steps =
    [Step { activation: f64::INFINITY, factor: 1.0, offset: f64::INFINITY }; STEPS];

/// A position; its size is zero where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    /// Shares, negative for a short position.
    pub size: f64,
    /// Shares when it was largest, positive.
    pub largest: f64,
    pub entry_bar: usize,
    /// Whether it was opened within its bar, neither at the open nor at the close.
    pub is_within: bool,
    pub entry_price: f64,
    /// Fees of the entry of what is still held, and what holding it has cost.
    pub fees: f64,
    pub stop: f64,
    pub target: f64,
    /// How many of the later take profits have replaced the first, the bar from which the next one
    /// counts, and that at whose open the present one came.
    pub target_row: usize,
    pub target_until: usize,
    pub target_came: usize,
    /// The best level that a trailing stop has seen, and the stop that follows from it:
    /// `best * trail_factor - trail_offset`.
    pub best: f64,
    pub trailing: f64,
    pub trail_factor: f64,
    pub trail_offset: f64,
    /// The place of the next step of the trailing stop, and the level beyond which it counts.
    pub trail_step: usize,
    pub activation: f64,
    /// The place of the next partial exit in the ladder, and its level.
    pub rung: usize,
    pub rung_level: f64,
    /// What the volume has kept back of that exit, in shares; zero before it is reached.
    pub rung_left: f64,
    /// The bar at whose close the time stop decides.
    pub deadline: usize,
}

impl Holding {
    pub(super) const NONE: Self = Self {
        size: 0.0,
        largest: 0.0,
        entry_bar: 0,
        is_within: false,
        entry_price: 0.0,
        fees: 0.0,
        stop: f64::NEG_INFINITY,
        target: f64::INFINITY,
        target_row: 0,
        target_until: usize::MAX,
        target_came: usize::MAX,
        best: f64::NEG_INFINITY,
        trailing: f64::NEG_INFINITY,
        trail_factor: 1.0,
        trail_offset: f64::INFINITY,
        trail_step: 0,
        activation: f64::INFINITY,
        rung: 0,
        rung_level: f64::INFINITY,
        rung_left: 0.0,
        deadline: usize::MAX,
    };

    pub(super) fn is_open(&self) -> bool {
        self.size != 0.0
    }

    pub(super) fn sign(&self) -> f64 {
        self.size.signum()
    }

    pub(super) fn has_trail(&self) -> bool {
        self.trail_offset < f64::INFINITY || self.activation < f64::INFINITY
    }

    /// Whether the trailing stop is the one that would be met.
    pub(super) fn is_trailing(&self) -> bool {
        self.trailing > self.stop
    }

    /// The level at which a loss is cut.
    pub(super) fn cut(&self) -> f64 {
        if self.trailing > self.stop { self.trailing } else { self.stop }
    }

    /// The nearest level at which a profit is taken.
    pub(super) fn profit(&self) -> f64 {
        if self.rung_level < self.target { self.rung_level } else { self.target }
    }

    /// Whether a bar can reach any level at all.
    pub(super) fn is_guarded(&self) -> bool {
        self.has_trail() || self.stop > f64::NEG_INFINITY || self.profit() < f64::INFINITY
    }

    /// Lets a trailing stop follow a level that the price has reached.
    pub(super) fn follow(&mut self, level: f64, steps: &Steps) {
        if level <= self.best {
            return;
        }
        self.best = level;
        while level > self.activation {
            let Step { factor, offset, .. } = steps[self.trail_step];
            (self.trail_factor, self.trail_offset) = (factor, offset);
            self.trail_step += 1;
            let next = steps.get(self.trail_step);
            self.activation = next.map_or(f64::INFINITY, |step| step.activation);
        }
        self.trailing = self.trailing_behind(level);
    }

    /// The trailing stop once the price has come to a level: a step with a larger distance does not
    /// take it back.
    pub(super) fn trailing_behind(&self, level: f64) -> f64 {
        let trailing = level * self.trail_factor - self.trail_offset;
        if trailing > self.trailing { trailing } else { self.trailing }
    }

    /// Lets a trailing stop follow the best price of a bar within it, unless the bar reaches the
    /// stop as it stands.
    pub(super) fn follow_within(&mut self, prices: &Signed, steps: &Steps) {
        if prices.lowest > self.cut() && self.has_trail() {
            self.follow(prices.highest, steps);
        }
    }

    /// Lets the take profit count that has its time by a bar.
    pub(super) fn take_profit_of(&mut self, bar: usize, schedule: &Schedule) {
        let due = |later: &Later| later.from <= bar;
        let Some(row) = schedule.iter().rposition(due) else { return };
        let Later { level, is_at_open, .. } = schedule[row];
        if row + 1 != self.target_row {
            self.target = level;
            self.target_row = row + 1;
            self.target_came = if is_at_open { bar } else { usize::MAX };
        }
        let ahead = schedule[row + 1..].iter().map(|later| later.from);
        self.target_until = ahead.min().unwrap_or(usize::MAX);
    }
}
