//! A position in one symbol, with the levels that guard it.
//!
//! Levels are kept as a price times the sign of the position, so that a short reads as a long: the
//! stop lies below, profit above.

use super::super::orders::PARTIAL_EXITS;

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
    /// The best level that a trailing stop has seen, and the stop that follows from it:
    /// `best * trail_factor - trail_offset`.
    pub best: f64,
    pub trailing: f64,
    pub trail_factor: f64,
    pub trail_offset: f64,
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
        best: f64::NEG_INFINITY,
        trailing: f64::NEG_INFINITY,
        trail_factor: 1.0,
        trail_offset: f64::INFINITY,
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
        self.trail_offset < f64::INFINITY
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
    pub(super) fn follow(&mut self, level: f64) {
        if level > self.best {
            self.best = level;
            self.trailing = level * self.trail_factor - self.trail_offset;
        }
    }
}
