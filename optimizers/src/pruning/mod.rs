//! Pruners: which trials are ended early because others were better by then.
//!
//! A pruner is told how trials went, in their order, and makes the [`Guard`] that the next ones
//! run under. It never sees a running trial: what a trial is stopped for was settled before it
//! began, from the trials told by then, so that it does not depend on who ran what when.
//!
//! What is compared is what trials reported at the same step, called a rung. A [`Cohort`] keeps
//! what was seen there and says where the bar lies; its cost for a trial does not grow with the
//! number of trials.

mod asha;
mod cohort;
mod control;
mod falling;
mod finishers;
mod halving;
mod ladder;
mod names;
mod patient;
mod rungs;
mod sights;
mod wilcoxon;

use std::sync::Arc;

use search_spaces::{Amount, Course, Guard, Standing};

pub use names::{Pruning, PruningTask};

/// How a trial went.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its number.
    pub trial: u64,
    /// The new trial that it goes on with, which had paused, once or more; none where it is new.
    pub origin: Option<u64>,
    /// What it reported, by step, ascending; reports without a standing are left out. Of a whole
    /// trial the last one is its end.
    pub reports: Vec<(u64, Standing)>,
    /// How it ended.
    pub end: End,
}

impl Run {
    /// What its reports amount to, objective by objective; nothing where there are none.
    fn amount(&self, course: Course) -> Vec<f64> {
        let mut amount = Amount::new(course);
        for (_, standing) in &self.reports {
            amount.after(&standing.objectives);
        }
        amount.values().to_vec()
    }
}

/// How a trial ended, as far as pruners care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It came to its end and meets the outcome constraints.
    Feasible,
    /// It came to its end and does not.
    Infeasible,
    /// It was stopped, for good.
    Pruned,
    /// It paused, and may go on.
    Paused,
    /// It failed.
    Failed,
}

/// Trials that are to go on, and the guard that they do so under.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The trials, each by the number that it had when it was new.
    pub trials: Vec<u64>,
    /// Their guard.
    pub guard: Arc<Guard>,
}

/// Decides which trials go on.
///
/// Whatever it does is a function of the calls that it received, so that its state is rebuilt by
/// making the same calls again.
pub trait Pruner: Send {
    /// The guard of `len` new trials, which have consecutive numbers.
    fn begin(&mut self, first: u64, len: u64) -> Arc<Guard>;

    /// Learns how a trial went. Trials are told in order, each once.
    fn learn(&mut self, run: &Run);

    /// Whether trials pause, and may go on later.
    fn promotes(&self) -> bool {
        false
    }

    /// Up to `most` trials that have paused and are to go on; none where there is no such trial.
    /// They are told again as they pause or end next.
    fn promote(&mut self, most: usize) -> Option<Promotion> {
        let _ = most;
        None
    }

    /// No further trials will begin, and all that have were told: whoever still waits for others
    /// waits no longer.
    fn close(&mut self) {}
}
