//! Opening a DuckDB file that other programs open too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use duckdb::{AccessMode, Config, Connection};

use crate::error::{ResultsError, study_of};

/// How long somebody who must have the file waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long a batch waits: whoever appends tries again soon, and has other things to do meanwhile.
pub(crate) const APPEND_PATIENCE: Duration = Duration::from_secs(3);

const MEMORY: &str = "256MB";
/// Queries of people use two threads. Appending is the work of one: a second would be waited for
/// in a loop, which keeps a processor from the trials.
const READING_THREADS: i64 = 2;
const WRITING_THREADS: i64 = 1;

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
    /// Somebody has it open, and did not let go for so long.
    Busy(Duration),
    /// No space.
    DiskFull,
    /// Anything else, in DuckDB's words.
    Other(String),
}

impl Fault {
    pub(crate) fn into_error(self, path: &Path) -> ResultsError {
        let owned = path.to_owned();
        match self {
            Self::Busy(waited) => {
                ResultsError::Busy { path: owned, waited_seconds: waited.as_secs() }
            }
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
            Self::Busy(Duration::ZERO)
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
    open(path, patience, Mode::Write)
}

/// As [`open_to_write`], for few rows: a file that it creates has the smallest blocks there are,
/// because each column of each table takes one at least.
pub(crate) fn open_to_write_little(path: &Path, patience: Duration) -> Result<Access, Fault> {
    open(path, patience, Mode::WriteLittle)
}

/// Opens for reading.
pub(crate) fn open_to_read(path: &Path, patience: Duration) -> Result<Access, Fault> {
    open(path, patience, Mode::Read)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Read,
    Write,
    WriteLittle,
}

#[expect(clippy::disallowed_methods, reason = "how long a file is waited for is no result")]
fn open(path: &Path, patience: Duration, mode: Mode) -> Result<Access, Fault> {
    // By the clock: an attempt to open takes its time too.
    let begun = Instant::now();
    // Readers are the more patient ones: they must not starve the study.
    let longest_pause = match mode {
        Mode::Read => Duration::from_millis(40),
        _ => Duration::from_millis(4),
    };
    let mut pause = Duration::from_millis(2);
    loop {
        match try_open(path, mode) {
            Err(Fault::Busy(_)) => {
                let waited = begun.elapsed();
                let Some(left) = patience.checked_sub(waited).filter(|left| !left.is_zero()) else {
                    return Err(Fault::Busy(waited));
                };
                std::thread::sleep(pause.min(left));
                pause = (pause * 2).min(longest_pause);
            }
            result => return result,
        }
    }
}

fn try_open(path: &Path, mode: Mode) -> Result<Access, Fault> {
    let hold = Hold::take(path).ok_or(Fault::Busy(Duration::ZERO))?;
    let (access, threads) = match mode {
        Mode::Read => (AccessMode::ReadOnly, READING_THREADS),
        Mode::Write | Mode::WriteLittle => (AccessMode::ReadWrite, WRITING_THREADS),
    };
    let block_size = if mode == Mode::WriteLittle { "16384" } else { "262144" };
    let config = Config::default()
        .enable_autoload_extension(false)?
        .access_mode(access)?
        .with("default_block_size", block_size)?
        .max_memory(MEMORY)?
        .threads(threads)?
        .with("preserve_insertion_order", "true")?
        // Every commit is followed by a checkpoint anyway, and need not write everything twice.
        .with("checkpoint_threshold", "1KB")?;
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
            assert!(matches!(again(&path, Duration::ZERO), Err(Fault::Busy(_))));
        }
        drop(writer);
        for again in open {
            assert!(again(&path, Duration::ZERO).is_ok());
        }
    }

    #[test]
    fn a_busy_file_is_waited_for_by_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.duckdb");
        let _writer = open_to_write(&path, Duration::ZERO).unwrap();
        let patience = Duration::from_millis(1200);
        let Err(Fault::Busy(waited)) = open_to_read(&path, patience) else { panic!("not busy") };
        assert!(waited >= patience, "{waited:?}");
        let message = Fault::Busy(waited).into_read_error(&path).to_string();
        assert!(message.contains("(waited 1 s)"), "{message}");
    }
}
