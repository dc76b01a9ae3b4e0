//! Points by number.

use crate::value::Point;

/// A plan whose points depend on nothing but their number: a grid, a random sample, a
/// low-discrepancy sequence.
///
/// Because no point waits for a result, a job of such a plan is a mere range of numbers, and
/// whoever runs it works the points out for itself.
pub trait Sequence: Send + Sync {
    /// The first number beyond the sequence; none where it has no end.
    fn end(&self) -> Option<u64>;

    /// The point of a number; none where the constraints rule it out, so that the number is
    /// passed over. Equal numbers give equal points, on every machine.
    ///
    /// # Panics
    /// If the number lies beyond [`Sequence::end`].
    fn point(&self, number: u64) -> Option<Point>;

    /// Whether no two numbers share a point.
    fn is_distinct(&self) -> bool;
}
