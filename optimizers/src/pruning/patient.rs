//! Pruners that compare a trial with itself alone: `patient`.

use std::sync::Arc;

use search_spaces::{Guard, Patience};

use super::{Pruner, Run};

/// Stops a trial that has not got better for so many reports, in any objective.
pub(crate) struct Patient(Arc<Guard>);

impl Patient {
    pub fn new(patience: Patience) -> Self {
        let pruner = "patient".to_owned();
        Self(Arc::new(Guard { pruner, patience: Some(patience), ..Guard::default() }))
    }
}

impl Pruner for Patient {
    fn begin(&mut self, _: u64, _: u64) -> Arc<Guard> {
        Arc::clone(&self.0)
    }

    fn learn(&mut self, _: &Run) {}
}
