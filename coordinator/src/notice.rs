//! A study's notice on the board of a queue, for the workers of other machines.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jobs::{Board, StudyId};

use crate::exit::Failure;
use crate::say;
use crate::specification::Specification;

/// A study's notice on the board of a queue.
pub struct Notice {
    board: Board,
    study: StudyId,
    priority: i64,
    specification: Vec<u8>,
    contents: Vec<Vec<u8>>,
    hashes: Vec<String>,
    /// The epoch in which it was put up.
    epoch: Option<u64>,
    /// Whether it is down for good.
    is_down: bool,
}

impl Notice {
    /// A notice that is not up yet.
    ///
    /// # Errors
    /// None that is expected.
    pub fn new(
        board: Board,
        study: StudyId,
        priority: i64,
        specification: Specification,
        contents: Vec<Vec<u8>>,
    ) -> Result<Self, Failure> {
        let bytes = specification.to_bytes()?;
        let hashes = specification.files.into_iter().map(|file| file.hash).collect();
        let (epoch, is_down) = (None, false);
        Ok(Self { board, study, priority, specification: bytes, contents, hashes, epoch, is_down })
    }

    /// Puts it up, unless it is: the server may have forgotten all of it, or a part.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub fn put_up(&mut self, epoch: u64) -> Result<(), Failure> {
        if self.is_down {
            return Ok(());
        }
        if self.epoch != Some(epoch) || !self.board.is_up(self.study, &self.hashes)? {
            let Self { board, study, priority, specification, contents, .. } = self;
            board.publish(*study, *priority, specification, contents)?;
            self.epoch = Some(epoch);
        }
        Ok(())
    }

    /// Takes it down; where the study has ended, with everything that is kept for it.
    pub fn take_down(&mut self, has_ended: bool) {
        self.is_down = true;
        let Self { board, study, hashes, .. } = self;
        let taken = if has_ended { board.withdraw(*study, hashes) } else { board.hide(*study) };
        if let Err(error) = taken {
            say!("the study's entries are left in Redis: {error}");
        }
    }
}

/// The notice, also after a panic of somebody who looked after it.
pub fn lock(notice: &Mutex<Notice>) -> MutexGuard<'_, Notice> {
    notice.lock().unwrap_or_else(PoisonError::into_inner)
}
