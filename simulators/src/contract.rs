//! The face of the room: what a worker needs to know to evaluate a point, whatever evaluates it.

use search_spaces::Point;

/// Evaluates points: a pure function of (point, seed) with fixed settings.
///
/// A simulator is opened once, from a template, and shared by all threads; everything that a run
/// changes lives in a [`Session`].
pub trait Simulator: Send + Sync {
    /// Names of the metrics that a run returns, in the order of the returned values.
    fn metrics(&self) -> &[String];

    /// The blake3 hash of everything that an answer depends on beside the point and the seed:
    /// the simulator's name and semantics version, its settings and rules, the hash of its data.
    fn fingerprint(&self) -> [u8; 32];

    /// Scratch memory for the runs of one thread. Cheap to make, and without influence on results:
    /// runs may be spread over any number of sessions in any order.
    fn session(&self) -> Box<dyn Session + '_>;
}

/// The scratch memory of one thread, in which trials run one after the other.
pub trait Session {
    /// Evaluates one point and returns one value per metric, in the order of
    /// [`Simulator::metrics`]; an undefined metric is `f64::NAN` (no other NaN), an infinite one
    /// stays infinite.
    ///
    /// Intermediate values go to `reports`, with strictly increasing steps.
    ///
    /// # Errors
    /// A [`Failure`] is an expected failure of this one trial, which is data: the study goes on.
    ///
    /// # Panics
    /// When the point does not belong to the space for which the simulator was opened.
    fn run(
        &mut self,
        point: &Point,
        seed: u64,
        reports: &mut dyn FnMut(Report),
    ) -> Result<Vec<f64>, Failure>;
}

/// An intermediate value of a running trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How far the trial is, in the simulator's own unit, counted from 1.
    pub step: u64,
    /// One value per metric, in the order of [`Simulator::metrics`].
    pub values: Vec<f64>,
}

/// An expected failure of one trial: the point cannot be evaluated, and the message says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What was found and what is allowed, in one sentence without a final period.
    pub message: String,
    /// What kind of failure it is.
    pub kind: FailureKind,
}

/// What ended a trial that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The point itself, or the program that evaluates it: it would fail again.
    Error,
    /// The clock: on a faster or a less busy machine the trial might have come to its end.
    Timeout,
}

impl Failure {
    /// A failure with the given message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Error }
    }

    /// A failure to end in time, with the given message.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Timeout }
    }
}
