//! Whether a study should go on: what signals, the clock and people tell its loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use results::StudyState;

/// Whether a study should go on, told from outside.
#[derive(Debug, Default)]
pub struct Control {
    stopped: AtomicU8,
    drained: AtomicBool,
    ended: AtomicBool,
    dismissed: Arc<AtomicBool>,
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

    /// Says that the study needs no further trial. The worker of this process may end while the
    /// results are still being written.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.dismiss();
    }

    /// Whether the study needs no further trial.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Tells the worker of this process to begin no further trial.
    pub fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Relaxed);
    }

    /// What the worker of this process looks at, to see whether it is dismissed.
    #[must_use]
    pub fn dismissed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.dismissed)
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
