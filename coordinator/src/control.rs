//! Whether a study should go on: what signals, the clock and people tell its loop.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use results::StudyState;

/// Whether a study should go on, told from outside.
#[derive(Debug, Default)]
pub struct Control {
    stopped: AtomicU8,
    drained: AtomicBool,
}

impl Control {
    /// Ends the study early, in this state; the first call counts.
    pub fn stop(&self, state: StudyState) {
        let code = match state {
            StudyState::Stopped => 1,
            StudyState::Failed => 3,
            _ => 2,
        };
        let _ = self.stopped.compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The state that the study should end in, where it should end early.
    #[must_use]
    pub fn stopped(&self) -> Option<StudyState> {
        match self.stopped.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(StudyState::Stopped),
            3 => Some(StudyState::Failed),
            _ => Some(StudyState::Interrupted),
        }
    }

    /// Says that no worker takes jobs any more: what comes now is the last that comes.
    pub fn drain(&self) {
        self.drained.store(true, Ordering::Release);
    }

    /// Whether no worker takes jobs any more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Acquire)
    }
}
