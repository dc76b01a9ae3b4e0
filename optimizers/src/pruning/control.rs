//! The control group: jobs whose trials are stopped by nothing.

use std::collections::BTreeSet;

use super::finishers::LEAST;

/// Takes one of so many jobs into the control group, and knows whose trials are in it.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    every: u64,
    begun: u64,
    /// So many trials are wanted at once.
    wanted: u64,
    /// Trials that have not been told.
    open: BTreeSet<u64>,
}

impl Control {
    /// One of `every` jobs, and the first ones, until there are as many trials as forecasts are
    /// made from; none where `every` is 0.
    pub fn new(every: u64) -> Self {
        let wanted = if every == 0 { 0 } else { LEAST as u64 };
        Self { wanted, ..Self::later(every) }
    }

    /// The same without the first ones, for a pruner that stops nothing as long as it knows nothing.
    pub fn later(every: u64) -> Self {
        Self { every, begun: 1, wanted: 0, open: BTreeSet::new() }
    }

    /// Whether a job of so many trials is of the control group.
    pub fn takes(&mut self, first: u64, len: u64) -> bool {
        let is_wanted = self.wanted > 0;
        let is_one = is_wanted || self.every > 0 && self.begun.is_multiple_of(self.every);
        self.wanted = self.wanted.saturating_sub(len);
        self.begun += u64::from(!is_wanted);
        if is_one {
            self.open.extend(first..first + len);
        }
        is_one
    }

    /// Whether a trial that is told was one of it.
    pub fn had(&mut self, trial: u64) -> bool {
        self.open.remove(&trial)
    }
}
