//! The contract of an algorithm that learns from results.

use rand_chacha::ChaCha8Rng;
use search_spaces::Point;

/// What an optimizer is told of a finished trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The trial was evaluated.
    Complete {
        /// One value per objective, signed such that smaller is better; all finite.
        objectives: Vec<f64>,
        /// By how much the trial misses the outcome constraints, in all; 0 where it is feasible.
        violation: f64,
    },
    /// The trial failed, and has no values.
    Failed,
}

/// An algorithm that chooses points one by one.
///
/// It sees points and values: no storage, no queue, no clock. Whatever it does is a function of
/// the calls that it received, so that its state is rebuilt by making the same calls again.
pub trait Optimizer: Send {
    /// Whether the next point can be chosen yet; false while more tells are needed first, as at
    /// the end of a generation.
    fn ready(&self) -> bool {
        true
    }

    /// Chooses the point of trial number `trial`, or none where the space is exhausted.
    ///
    /// `generator` belongs to this trial alone, so that one trial's draws never shift another's.
    /// `pending` are the points asked for and not yet told, in order.
    fn ask(&mut self, trial: u64, generator: &mut ChaCha8Rng, pending: &[Point]) -> Option<Point>;

    /// Learns how a trial ended. Trials are told in order, each once.
    fn tell(&mut self, trial: u64, point: &Point, told: &Told);
}
