//! The control group: jobs whose trials are stopped by nothing.

use std::collections::BTreeSet;

/// Takes one of so many jobs into the control group, and knows whose trials are in it.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    every: u64,
    begun: u64,
    /// Trials that have not been told.
    open: BTreeSet<u64>,
}

impl Control {
    /// One of `every` jobs, the first among them, as nothing is known yet of how the best begin;
    /// none where `every` is 0.
    pub fn new(every: u64) -> Self {
        Self { every, begun: 0, open: BTreeSet::new() }
    }

    /// The same without the first one, for a pruner that stops nothing as long as it knows nothing.
    pub fn later(every: u64) -> Self {
        Self { begun: 1, ..Self::new(every) }
    }

    /// Whether a job of so many trials is of the control group.
    pub fn takes(&mut self, first: u64, len: u64) -> bool {
        let is_one = self.every > 0 && self.begun.is_multiple_of(self.every);
        self.begun += 1;
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
