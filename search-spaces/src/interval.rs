//! Interval arithmetic: what a computation may give when all that is known of its inputs is
//! between which bounds they lie (R. E. Moore, *Interval Analysis*, 1966).
//!
//! The intervals enclose the results as computed, not the exact ones. Rounding to nearest is
//! monotone: a computed sum, product or quotient lies between the ones computed at the ends. So
//! the bounds need no widening. What has no bounds (a division by what may be zero, a sum of
//! infinities) is [`Interval::ANY`], which may be no number either.

use crate::expr::BinaryOp;

/// Whether a condition holds on a set of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// On all of them.
    Always,
    /// On none of them.
    Never,
    /// On some of them, or that is not known.
    Sometimes,
}

impl Verdict {
    pub(crate) fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Sometimes => Self::Sometimes,
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, Self::Always) => Self::Always,
            _ => Self::Sometimes,
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    fn of(always: bool, never: bool) -> Self {
        match (always, never) {
            (true, _) => Self::Always,
            (_, true) => Self::Never,
            _ => Self::Sometimes,
        }
    }
}

/// The numbers from `low` to `high`, both included, and NaN where `nan` says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
    nan: bool,
}

impl Interval {
    /// Every number, and none.
    const ANY: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY, nan: true };

    /// The numbers from `low` to `high`; neither is NaN.
    pub(crate) fn new(low: f64, high: f64) -> Self {
        Self { low, high, nan: false }
    }

    fn hull(ends: &[f64]) -> Self {
        let low = ends.iter().copied().fold(f64::INFINITY, f64::min);
        Self::new(low, ends.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    fn is_finite(self) -> bool {
        self.low.is_finite() && self.high.is_finite() && !self.nan
    }

    pub(crate) fn negate(self) -> Self {
        Self { low: -self.high, high: -self.low, nan: self.nan }
    }

    pub(crate) fn abs(self) -> Self {
        let (low, high) = (self.low.abs(), self.high.abs());
        let least = if self.low <= 0.0 && self.high >= 0.0 { 0.0 } else { low.min(high) };
        Self { low: least, high: low.max(high), nan: self.nan }
    }

    /// The lesser of two; like [`f64::min`], the other one where one is NaN.
    pub(crate) fn min(self, other: Self) -> Self {
        let high = match self.nan || other.nan {
            true => self.high.max(other.high),
            false => self.high.min(other.high),
        };
        Self { low: self.low.min(other.low), high, nan: self.nan && other.nan }
    }

    /// The greater of two; like [`f64::max`], the other one where one is NaN.
    pub(crate) fn max(self, other: Self) -> Self {
        self.negate().min(other.negate()).negate()
    }

    /// The result of an operator of arithmetic.
    pub(crate) fn binary(self, op: BinaryOp, other: Self) -> Self {
        let (a, b) = (self, other);
        if !a.is_finite() || !b.is_finite() {
            return Self::ANY;
        }
        match op {
            BinaryOp::Add => Self::new(a.low + b.low, a.high + b.high),
            BinaryOp::Subtract => Self::new(a.low - b.high, a.high - b.low),
            BinaryOp::Multiply => {
                Self::hull(&[a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high])
            }
            BinaryOp::Divide if b.low <= 0.0 && b.high >= 0.0 => Self::ANY,
            BinaryOp::Divide => {
                Self::hull(&[a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high])
            }
            _ => unreachable!("the compiler lets only arithmetic through"),
        }
    }

    /// Whether a comparison with `other` holds. One with NaN does not, but for `!=`.
    pub(crate) fn compare(self, op: BinaryOp, other: Self) -> Verdict {
        let (a, b) = (self, other);
        let numbers = !a.nan && !b.nan;
        match op {
            BinaryOp::Less => Verdict::of(numbers && a.high < b.low, a.low >= b.high),
            BinaryOp::LessEqual => Verdict::of(numbers && a.high <= b.low, a.low > b.high),
            BinaryOp::Greater => b.compare(BinaryOp::Less, a),
            BinaryOp::GreaterEqual => b.compare(BinaryOp::LessEqual, a),
            BinaryOp::Equal => Verdict::of(
                numbers && a.low == b.high && a.high == b.low,
                a.high < b.low || b.high < a.low,
            ),
            BinaryOp::NotEqual => a.compare(BinaryOp::Equal, b).not(),
            _ => unreachable!("the compiler lets only comparisons through"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use BinaryOp::{Add, Divide, Equal, Greater, Less, LessEqual, Multiply, NotEqual, Subtract};

    #[test]
    fn a_division_by_what_may_be_zero_may_give_anything() {
        let (one, around) = (Interval::new(1.0, 1.0), Interval::new(-1.0, 1.0));
        let quotient = one.binary(Divide, around);
        for op in [Less, LessEqual, Greater, Equal, NotEqual] {
            assert_eq!(quotient.compare(op, one), Verdict::Sometimes, "{op:?}");
        }
        assert_eq!(quotient.min(one), Interval::new(f64::NEG_INFINITY, f64::INFINITY));
        // Once infinities are about, their differences and products may be no numbers.
        let huge = Interval::new(f64::MAX, f64::MAX).binary(Add, Interval::new(0.0, f64::MAX));
        assert_eq!(huge.high, f64::INFINITY);
        assert_eq!(huge.binary(Subtract, huge), Interval::ANY);
        assert_eq!(huge.binary(Multiply, Interval::new(0.0, 0.0)), Interval::ANY);
    }

    #[test]
    fn comparisons_know_what_holds_everywhere_and_nowhere() {
        let between = Interval::new;
        for (a, op, b, verdict) in [
            (between(0.0, 1.0), Less, between(1.0, 2.0), Verdict::Sometimes),
            (between(0.0, 1.0), LessEqual, between(1.0, 2.0), Verdict::Always),
            (between(1.0, 2.0), Less, between(0.0, 1.0), Verdict::Never),
            (between(0.0, 1.0), Greater, between(2.0, 3.0), Verdict::Never),
            (between(0.0, 1.0), Equal, between(2.0, 3.0), Verdict::Never),
            (between(0.0, 1.0), NotEqual, between(2.0, 3.0), Verdict::Always),
            (between(1.0, 1.0), Equal, between(1.0, 1.0), Verdict::Always),
        ] {
            assert_eq!(a.compare(op, b), verdict, "{a:?} {op:?} {b:?}");
        }
    }

    fn bound() -> impl Strategy<Value = f64> {
        let special = proptest::sample::select(vec![0.0, -0.0, 1.0, f64::MAX, f64::MIN_POSITIVE]);
        prop_oneof![-10.0..10.0f64, special, -1e300..1e300]
    }

    proptest! {
        #[test]
        fn what_is_computed_lies_within(ends in [bound(), bound(), bound(), bound()],
            shares in [0.0..=1.0f64, 0.0..=1.0f64])
        {
            let [a, b, c, d] = ends;
            let inside = |interval: Interval, share: f64| {
                let value = interval.low * (1.0 - share) + interval.high * share;
                value.clamp(interval.low, interval.high)
            };
            let (left, right) = (Interval::hull(&[a, b]), Interval::hull(&[c, d]));
            let (x, y) = (inside(left, shares[0]), inside(right, shares[1]));
            for (interval, value) in [
                (left.binary(Add, right), x + y),
                (left.binary(Subtract, right), x - y),
                (left.binary(Multiply, right), x * y),
                (left.binary(Divide, right), x / y),
                (left.min(right), x.min(y)),
                (left.max(right), x.max(y)),
                (left.abs(), x.abs()),
                (left.negate(), -x),
                (left.binary(Divide, right).max(left), (x / y).max(x)),
            ] {
                prop_assert!(
                    (interval.low <= value && value <= interval.high)
                        || (value.is_nan() && interval.nan),
                    "{} not in {:?}", value, interval
                );
            }
        }
    }
}
