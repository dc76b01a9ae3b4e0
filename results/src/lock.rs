//! One process per study: a lock file that the operating system releases when its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use crate::error::{ResultsError, study_of};

/// A process that only looks whether a study is held takes the lock for an instant; a study that
/// starts at that instant tries again for so long.
const PATIENCE: Duration = Duration::from_millis(500);

const PAUSE: Duration = Duration::from_millis(10);

/// A hold on a study, until it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct StudyLock {
    _file: File,
}

/// Sees to it that nobody takes a study, until it is dropped.
#[derive(Debug)]
pub(crate) struct SharedLock {
    _file: Option<File>,
}

impl StudyLock {
    /// Takes the lock at `path`, leaving the process id in it for others to name.
    pub(crate) fn take(path: &Path) -> Result<Self, ResultsError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| ResultsError::io("open", path, error))?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                Err(TryLockError::WouldBlock) => {
                    let pid = read_pid(&mut file);
                    return Err(ResultsError::Locked { study: study_of(path), pid });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(ResultsError::io("lock", path, error));
                }
            }
        }
        // The id is a courtesy: a full disk must not keep anybody from resuming a study.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }

    /// Keeps everybody from taking the lock at `path` for as long as what is returned lives,
    /// without taking it; none where somebody holds it. A lock that nobody ever took needs none.
    pub(crate) fn share(path: &Path) -> Option<SharedLock> {
        let Ok(file) = File::open(path) else { return Some(SharedLock { _file: None }) };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => None,
            _ => Some(SharedLock { _file: Some(file) }),
        }
    }

    /// Whether some process holds the lock at `path`.
    pub(crate) fn is_held(path: &Path) -> bool {
        Self::share(path).is_none()
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
