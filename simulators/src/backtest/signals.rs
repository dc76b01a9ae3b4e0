//! The signals of an account, bar by bar: which of its four rules hold, and where the next is that
//! asks for anything.

use super::engine::Action;
use super::mask::Mask;

/// The masks of the four rules; an absent rule never holds.
pub(super) struct Signals<'a> {
    pub long_entry: Option<&'a Mask>,
    pub long_exit: Option<&'a Mask>,
    pub short_entry: Option<&'a Mask>,
    pub short_exit: Option<&'a Mask>,
}

/// Which of the four rules hold at one bar.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four independent rules")]
pub(super) struct Signs {
    pub long_entry: bool,
    pub long_exit: bool,
    pub short_entry: bool,
    pub short_exit: bool,
}

impl Signs {
    /// Whether to buy and whether to sell short: two opposite entries cancel each other.
    pub(super) fn entries(self) -> (bool, bool) {
        (self.long_entry && !self.short_entry, self.short_entry && !self.long_entry)
    }

    /// Whether to enter in the direction of a position, and whether in the other. Beside the exit
    /// of the position, the entry in its direction does not count, so that it cancels nothing.
    pub(super) fn entries_beside(self, sign: f64) -> (bool, bool) {
        let (own, other) = match sign > 0.0 {
            true => (self.long_entry && !self.long_exit, self.short_entry),
            false => (self.short_entry && !self.short_exit, self.long_entry),
        };
        (own && !other, other && !own)
    }

    /// Whether the exit of a direction holds.
    pub(super) fn exit(self, sign: f64) -> bool {
        if sign > 0.0 { self.long_exit } else { self.short_exit }
    }
}

impl Signals<'_> {
    fn word(mask: Option<&Mask>, word: usize) -> u64 {
        match mask {
            Some(Mask::Bits(bits)) => bits[word],
            Some(Mask::All(true)) => u64::MAX,
            Some(Mask::All(false)) | None => 0,
        }
    }

    /// The bars of a word at which to buy, at which to sell short, and at which to leave a
    /// position of this size.
    #[inline]
    fn actions(&self, size: f64, word: usize) -> [u64; 3] {
        let long = Self::word(self.long_entry, word);
        let short = Self::word(self.short_entry, word);
        // An absent exit needs no rule of its own: the opposite entry reverses the position. Beside
        // the exit, the entry in the direction of the position does not count and cancels nothing.
        if size > 0.0 {
            let exit = Self::word(self.long_exit, word);
            [0, short & (!long | exit), exit]
        } else if size < 0.0 {
            let exit = Self::word(self.short_exit, word);
            [long & (!short | exit), 0, exit]
        } else {
            [long & !short, short & !long, 0]
        }
    }

    /// Which rules hold at a bar.
    pub(super) fn at(&self, bar: usize) -> Signs {
        let holds = |mask| Self::word(mask, bar / 64) >> (bar % 64) & 1 == 1;
        Signs {
            long_entry: holds(self.long_entry),
            long_exit: holds(self.long_exit),
            short_entry: holds(self.short_entry),
            short_exit: holds(self.short_exit),
        }
    }

    /// Whether the entry rule of a direction holds at all bars `from..to`.
    pub(super) fn entry_holds_throughout(&self, sign: f64, from: usize, to: usize) -> bool {
        let rule = if sign > 0.0 { self.long_entry } else { self.short_entry };
        let mut bar = from;
        while bar < to {
            let missing = !Self::word(rule, bar / 64) >> (bar % 64);
            let next = (bar / 64 + 1) * 64;
            let end = if next < to { next } else { to };
            if bar + (missing.trailing_zeros() as usize) < end {
                return false;
            }
            bar = end;
        }
        true
    }

    /// The first bar from `from` on at which an account with `size` shares acts, and how.
    pub(super) fn next(&self, size: f64, from: usize, end: usize) -> Option<(usize, Action)> {
        let mut unseen = !0 << (from % 64);
        for word in from / 64..end.div_ceil(64) {
            let [buy, sell_short, leave] = self.actions(size, word);
            let any = (buy | sell_short | leave) & unseen;
            if any != 0 {
                let place = any.trailing_zeros();
                let found = word * 64 + place as usize;
                let at = |bits: u64| bits >> place & 1 == 1;
                let action = match (at(buy), at(sell_short)) {
                    (true, _) => Action::Buy,
                    (_, true) => Action::SellShort,
                    _ => Action::Close,
                };
                return (found < end).then_some((found, action));
            }
            unseen = !0;
        }
        None
    }
}
