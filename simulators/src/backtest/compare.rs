//! Comparisons of columns and crosses, as masks.
//!
//! A comparison that several rules of a run need is made once, and a cross is found from one: only
//! the bars at which the comparison changes are looked at.

use super::evaluate::{Column, Evaluator};
use super::expression::{Comparison, Number};
use super::mask::{self, Mask};
use super::settings::Crossing;
use super::shadow;
use crate::contract::Failure;

/// The bars at which one column lies below another one.
#[derive(Debug)]
pub(super) struct Below<'a> {
    a: Column<'a>,
    b: Column<'a>,
    may_equal: bool,
    bits: Vec<u64>,
}

impl<'a> Evaluator<'a, '_> {
    /// Gives back what was only needed to evaluate; the first bar at which all indicators are known.
    pub(super) fn finish(self) -> usize {
        for Below { a, b, bits, .. } in self.compared {
            self.pool.take_back(a);
            self.pool.take_back(b);
            self.pool.masks.push(bits);
        }
        self.warm_up
    }

    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        a: &Number,
        b: &Number,
    ) -> Result<Mask, Failure> {
        let (a, b) = (self.number(a)?, self.number(b)?);
        if let (Column::Same(a), Column::Same(b)) = (&a, &b) {
            return Ok(Mask::All(comparison.holds(*a, *b)));
        }
        let (place, bits) = match comparison {
            Comparison::Less => (self.below(a, b, false), self.pool.mask()),
            Comparison::LessEqual => (self.below(a, b, true), self.pool.mask()),
            Comparison::Greater => (self.below(b, a, false), self.pool.mask()),
            Comparison::GreaterEqual => (self.below(b, a, true), self.pool.mask()),
            Comparison::Equal | Comparison::NotEqual => {
                let mut bits = self.pool.mask();
                let holds = |bar: usize| comparison.holds(a.at(bar), b.at(bar));
                mask::fill(&mut bits, self.series.len(), holds);
                self.recycle([a, b]);
                return Ok(Mask::Bits(bits));
            }
        };
        Ok(self.copy(place, bits))
    }

    fn copy(&self, place: usize, mut bits: Vec<u64>) -> Mask {
        bits.clear();
        bits.extend_from_slice(&self.compared[place].bits);
        Mask::Bits(bits)
    }

    /// The place among the comparisons of this run of that whether `a` lies below `b`, at least one
    /// of which is a series.
    fn below(&mut self, a: Column<'a>, b: Column<'a>, may_equal: bool) -> usize {
        if let Some(place) = self.known(&a, &b, may_equal) {
            self.recycle([a, b]);
            return place;
        }
        let mut bits = self.pool.mask();
        match (a.shaded(), b.shaded()) {
            (Some(a), Some(b)) => shadow::below(&mut bits, a, b, may_equal),
            _ if may_equal => fill(&mut bits, &a, &b, |a, b| a <= b),
            _ => fill(&mut bits, &a, &b, |a, b| a < b),
        }
        self.compared.push(Below { a, b, may_equal, bits });
        self.compared.len() - 1
    }

    fn known(&self, a: &Column<'_>, b: &Column<'_>, may_equal: bool) -> Option<usize> {
        self.compared.iter().position(|known| {
            known.may_equal == may_equal && known.a.is_same(a) && known.b.is_same(b)
        })
    }

    /// A cross at bar i: the comparison holds at i, and its mirror image held at i - 1.
    pub(super) fn cross(
        &mut self,
        after: Comparison,
        a: &Number,
        b: &Number,
    ) -> Result<Mask, Failure> {
        let (a, b) = (self.number(a)?, self.number(b)?);
        if let (Column::Same(_), Column::Same(_)) = (&a, &b) {
            // What never changes never crosses.
            return Ok(Mask::All(false));
        }
        // Every cross is one of the first above the second.
        let (a, b) = if after == Comparison::Less { (b, a) } else { (a, b) };
        let mut bits = self.pool.mask();
        bits.clear();
        let (bars, crossing) = (self.series.len(), self.world.crossing);
        if let Some(place) = self.known(&a, &b, false).filter(|_| crossing == Crossing::Strict) {
            self.recycle([a, b]);
            let Below { a, b, bits: below, .. } = &self.compared[place];
            // It was below at the bar before: is it above at this one?
            changes(below, bars, true, &mut bits, |bar| lies_below(b, a, bar, false));
        } else {
            let place = self.below(b, a, false);
            let Below { a: b, b: a, bits: above, .. } = &self.compared[place];
            let may_equal = crossing == Crossing::Touch;
            changes(above, bars, false, &mut bits, |bar| lies_below(a, b, bar - 1, may_equal));
        }
        Ok(Mask::Bits(bits))
    }
}

/// Whether one column lies below another one at a bar, or `may_equal` it.
#[inline]
fn lies_below(a: &Column<'_>, b: &Column<'_>, bar: usize, may_equal: bool) -> bool {
    if let (Some(a), Some(b)) = (a.shaded(), b.shaded()) {
        // These are near at hand: a comparison has just gone along them.
        let (a, b) = (a.shadow[bar], b.shadow[bar]);
        if a != b {
            return a < b;
        }
    }
    let (a, b) = (a.at(bar), b.at(bar));
    a < b || (may_equal && a == b)
}

/// The bars from the second on, at which a mask changes from `before` to the opposite and the rest
/// of a condition holds.
fn changes(
    mask: &[u64],
    bars: usize,
    before: bool,
    bits: &mut Vec<u64>,
    holds: impl Fn(usize) -> bool,
) {
    let flip = if before { u64::MAX } else { 0 };
    // Nothing comes before the first bar.
    let mut carried = 1;
    for (word, now) in mask.iter().enumerate() {
        let now = now ^ flip;
        let mut candidates = now & !((now << 1) | carried);
        carried = now >> 63;
        let mut kept = 0;
        while candidates != 0 {
            let bit = candidates & candidates.wrapping_neg();
            let bar = word * 64 + bit.trailing_zeros() as usize;
            if bar < bars && holds(bar) {
                kept |= bit;
            }
            candidates ^= bit;
        }
        bits.push(kept);
    }
}

/// Compares two columns, at least one of which is a series.
#[inline]
fn fill(bits: &mut Vec<u64>, a: &Column<'_>, b: &Column<'_>, holds: impl Fn(f64, f64) -> bool) {
    match (a.slice(), b.slice()) {
        (Ok(a), Ok(b)) => {
            // One length for both, known to the compiler, saves the bounds checks.
            let b = &b[..a.len()];
            mask::fill(bits, a.len(), |bar| holds(a[bar], b[bar]));
        }
        (Ok(a), Err(b)) => mask::fill(bits, a.len(), |bar| holds(a[bar], b)),
        (Err(a), Ok(b)) => mask::fill(bits, b.len(), |bar| holds(a, b[bar])),
        (Err(_), Err(_)) => unreachable!("two fixed columns have no bits"),
    }
}
