//! The two contracts of algorithms that learn from results: what the driver of a study talks to,
//! and what one algorithm has to bring along.

use rand_chacha::ChaCha8Rng;
use search_spaces::Point;

/// What is told of a finished trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The trial was evaluated.
    Complete {
        /// One value per objective, signed such that smaller is better; all finite.
        objectives: Vec<f64>,
        /// By how much the trial misses the outcome constraints, in all; 0 where it is feasible.
        violation: f64,
    },
    /// The trial was ended early, because what it had reported was bad enough.
    Pruned {
        /// The step of its last report.
        step: u64,
        /// The objectives as of that report, signed as above and finite; none where it did not
        /// report them all.
        objectives: Option<Vec<f64>>,
    },
    /// The trial failed, and has no values.
    Failed,
}

/// An answer to [`Optimizer::ask`].
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// The trial's point.
    Point(Point),
    /// More has to be told first, as at the end of a generation. Whoever asks tells the next
    /// trial and asks again for the same one.
    Wait,
    /// There are no further points: every one of the space has been given.
    Exhausted,
}

/// Chooses the points of a study one by one.
///
/// It sees points and values: no storage, no queue, no clock. Whatever it does is a function of
/// the calls that it received, so that its state is rebuilt by making the same calls again.
pub trait Optimizer: Send {
    /// Chooses the point of trial number `trial`.
    ///
    /// `generator` belongs to this trial alone, so that one trial's draws never shift another's.
    /// `pending` are the points asked for and not yet told, in order.
    fn ask(&mut self, trial: u64, generator: &mut ChaCha8Rng, pending: &[Point]) -> Asked;

    /// Learns how a trial ended. Trials are told in order, each once.
    fn tell(&mut self, trial: u64, point: &Point, told: &Told);

    /// Learns more of a point whose trial was told as pruned: it had paused, and has gone on.
    fn revise(&mut self, point: &Point, told: &Told) {
        let _ = (point, told);
    }
}

/// Why a strategy learns of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It proposed the point under this number.
    Proposed(u64),
    /// The user or an earlier study gave it.
    Given,
}

/// One algorithm: proposes points and learns what they are worth.
///
/// [`Search`](crate::Search) makes an [`Optimizer`] of it, and sees to what is the same for all:
/// points that are given first, repetitions, and the end of a finite space. So a strategy may
/// propose a point again; it then learns at once what is known of it, and no trial is spent.
pub trait Strategy: Send {
    /// The next point: one of the space, its constraints met. None where more has to be learnt
    /// first, which may be said only while proposals are out that have not been learnt.
    ///
    /// `number` counts the proposals from 0. `generator` belongs to this proposal. `pending` are
    /// the points that are out, in order.
    fn propose(
        &mut self,
        number: u64,
        generator: &mut ChaCha8Rng,
        pending: &[Point],
    ) -> Option<Point>;

    /// Learns what a point is worth. Every proposal is learnt once, nearly in order: one that is
    /// a repetition may come earlier. Given points may come at any time.
    fn learn(&mut self, origin: Origin, point: &Point, told: &Told);
}
