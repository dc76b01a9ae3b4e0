//! Opening a DuckDB file that other programs open too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use duckdb::{AccessMode, Config, Connection};

use crate::error::{ResultsError, study_of};

/// How long an open file is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

const MEMORY: &str = "256MB";
const THREADS: i64 = 2;

/// Files that this process has open.
///
/// The operating system's locks, on which DuckDB relies, are per process: without this, a reader
/// and a writer in one process would both get the file, and damage it. Two readers would be safe
/// only until one of them ends, since closing a file gives up all locks that the process has
/// on it: one at a time, then.
static HELD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// What is wrong with a database, as far as it matters to what is done about it.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Somebody has it open.
    Busy,
    /// No space.
    DiskFull,
    /// Anything else, in DuckDB's words.
    Other(String),
}

impl Fault {
    pub(crate) fn into_error(self, path: &Path) -> ResultsError {
        let owned = path.to_owned();
        match self {
            Self::Busy => ResultsError::Busy { path: owned, waited_seconds: PATIENCE.as_secs() },
            Self::DiskFull => ResultsError::disk_full(path),
            Self::Other(detail) => ResultsError::Database { path: owned, detail },
        }
    }

    /// The error for somebody who only wants to read.
    pub(crate) fn into_read_error(self, path: &Path) -> ResultsError {
        match self {
            Self::Other(detail) => {
                ResultsError::NoView { path: path.to_owned(), study: study_of(path), detail }
            }
            other => other.into_error(path),
        }
    }
}

impl From<duckdb::Error> for Fault {
    /// DuckDB has no codes for these: they are told by its words.
    fn from(error: duckdb::Error) -> Self {
        let text = error.to_string();
        let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if says(&["Could not set lock on file"]) {
            Self::Busy
        } else if says(&["No space left on device", "Disk quota exceeded", "File too large"]) {
            Self::DiskFull
        } else {
            Self::Other(text)
        }
    }
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Access {
    /// Closed before the hold is given up, since fields are dropped in order.
    pub(crate) connection: Connection,
    _hold: Hold,
}

#[derive(Debug)]
struct Hold(PathBuf);

impl Hold {
    fn take(path: &Path) -> Option<Self> {
        // The file may not be there yet, but its folder is.
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        let whole = match (folder, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.to_owned(),
        };
        let is_free = held().insert(whole.clone());
        // Made only where the file is free: dropping one gives the file up.
        is_free.then(|| Self(whole))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        held().remove(&self.0);
    }
}

fn held() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens for writing, creating the file if there is none.
pub(crate) fn open_to_write(path: &Path, patience: Duration) -> Result<Access, Fault> {
    open(path, patience, &AccessMode::ReadWrite)
}

/// Opens for reading.
pub(crate) fn open_to_read(path: &Path, patience: Duration) -> Result<Access, Fault> {
    open(path, patience, &AccessMode::ReadOnly)
}

fn open(path: &Path, patience: Duration, mode: &AccessMode) -> Result<Access, Fault> {
    let mut waited = Duration::ZERO;
    // Readers are the more patient ones: they must not starve the study.
    let longest_pause = match mode {
        AccessMode::ReadOnly => Duration::from_millis(40),
        _ => Duration::from_millis(4),
    };
    let mut pause = Duration::from_millis(2);
    loop {
        match try_open(path, mode) {
            Err(Fault::Busy) if waited < patience => {
                std::thread::sleep(pause);
                waited += pause;
                pause = (pause * 2).min(longest_pause);
            }
            result => return result,
        }
    }
}

fn try_open(path: &Path, mode: &AccessMode) -> Result<Access, Fault> {
    let hold = Hold::take(path).ok_or(Fault::Busy)?;
    let config = Config::default()
        .enable_autoload_extension(false)?
        .access_mode(mode.clone())?
        .max_memory(MEMORY)?
        .threads(THREADS)?
        .with("preserve_insertion_order", "true")?;
    let connection = Connection::open_with_flags(path, config)?;
    Ok(Access { connection, _hold: hold })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> ResultsError {
        let failure = duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text.into()));
        Fault::from(failure).into_error(Path::new("store/sma/results.duckdb"))
    }

    #[test]
    fn a_full_disk_is_told_from_other_faults() {
        let full = "IO Error: Could not write file \"a\": No space left on device";
        let message = error(full).to_string();
        assert!(message.starts_with("no space left on the disk of store/sma/results"), "{message}");
        assert!(message.ends_with("run `optimize resume sma`"), "{message}");
        assert!(matches!(error("Corrupt database file"), ResultsError::Database { .. }));
    }

    #[test]
    fn a_file_is_open_once_in_a_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.duckdb");
        let writer = open_to_write(&path, Duration::ZERO).unwrap();
        let open = [open_to_read, open_to_write];
        for again in open {
            assert!(matches!(again(&path, Duration::ZERO), Err(Fault::Busy)));
        }
        drop(writer);
        for again in open {
            assert!(again(&path, Duration::ZERO).is_ok());
        }
    }
}
