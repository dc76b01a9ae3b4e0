//! Comparisons of columns and crosses, as masks.
//!
//! A comparison that several rules of a run need is made once, and a cross is found from its mask
//! and that of the bars at which neither column lies below the other.

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
    /// The bars at which neither lies below the other; empty where nobody asked.
    neither: Vec<u64>,
}

impl<'a> Evaluator<'a, '_> {
    /// Gives back what was only needed to evaluate; the first bar at which all indicators are known.
    pub(super) fn finish(self) -> usize {
        for Below { a, b, bits, neither, .. } in self.compared {
            self.pool.take_back(a);
            self.pool.take_back(b);
            self.pool.masks.extend([bits, neither]);
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
        let (mut bits, mut neither) = (self.pool.mask(), self.pool.mask());
        neither.clear();
        match (a.shaded(), b.shaded()) {
            (Some(a), Some(b)) => shadow::below(&mut bits, &mut neither, a, b, may_equal),
            _ if may_equal => fill(&mut bits, &a, &b, |a, b| a <= b),
            _ => fill(&mut bits, &a, &b, |a, b| a < b),
        }
        self.compared.push(Below { a, b, may_equal, bits, neither });
        self.compared.len() - 1
    }

    fn known(&self, a: &Column<'_>, b: &Column<'_>, may_equal: bool) -> Option<usize> {
        self.compared.iter().position(|known| {
            known.may_equal == may_equal && known.a.is_same(a) && known.b.is_same(b)
        })
    }

    /// Sees to it that a comparison knows where neither column lies below the other.
    fn tell_neither(&mut self, place: usize) {
        let Below { a, b, neither, .. } = &mut self.compared[place];
        if neither.is_empty() {
            fill(neither, a, b, shadow::is_neither);
        }
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
        let crossing = self.world.crossing;
        if let Some(place) = self.known(&a, &b, false).filter(|_| crossing == Crossing::Strict) {
            self.recycle([a, b]);
            self.tell_neither(place);
            let Below { bits: below, neither, .. } = &self.compared[place];
            // It is above where it is not below, and where it is one of both.
            let mut last = 0;
            for (below, neither) in below.iter().zip(neither) {
                bits.push(!below & !neither & (below << 1 | last));
                last = below >> 63;
            }
        } else {
            let place = self.below(b, a, false);
            self.tell_neither(place);
            let Below { a: b, b: a, bits: above, neither, .. } = &self.compared[place];
            let mut last = 0;
            for (word, (above, neither)) in above.iter().zip(neither).enumerate() {
                let equal = match crossing {
                    Crossing::Strict => 0,
                    Crossing::Touch => kept(*neither, |bit| {
                        let bar = word * 64 + bit;
                        a.at(bar) == b.at(bar)
                    }),
                };
                let before = !above & !neither | equal;
                bits.push(above & (before << 1 | last));
                last = before >> 63;
            }
        }
        mask::trim(&mut bits, self.series.len());
        Ok(Mask::Bits(bits))
    }
}

/// Those of the set bits that are to be kept.
fn kept(bits: u64, keep: impl Fn(usize) -> bool) -> u64 {
    let (mut left, mut kept) = (bits, 0);
    while left != 0 {
        let bit = left & left.wrapping_neg();
        if keep(bit.trailing_zeros() as usize) {
            kept |= bit;
        }
        left ^= bit;
    }
    kept
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
