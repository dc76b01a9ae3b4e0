//! What can go wrong when data sets are made.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use simulators::DataError;

/// Why a data set was not made, or not removed. Those that there were are as they were.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// A file or a data set is at fault; the message names file, line and column.
    #[error(transparent)]
    Data(#[from] DataError),
    /// What was asked for is at fault.
    #[error("{option}: found {found}, allowed: {allowed}")]
    Asked {
        /// The option, such as `--timeframe`.
        option: &'static str,
        /// What was found.
        found: String,
        /// What would have been accepted.
        allowed: String,
    },
    /// The disk is full. Nothing has changed.
    #[error("no space left on the disk of {}; nothing has changed: free some, and try again", path.display())]
    DiskFull {
        /// What could not be written.
        path: PathBuf,
    },
    /// The disk of the data sets, which a file is unpacked to, is too small for that.
    #[error(
        "no space left beside the data sets for reading {file}; nothing has changed: free about \
         three times its size, and try again"
    )]
    NoRoom {
        /// The file.
        file: String,
    },
    /// A file or folder cannot be read or written.
    #[error("failed to {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `make`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// DuckDB fails in a way that no file causes.
    #[error("DuckDB fails: {0}")]
    Database(#[from] duckdb::Error),
}

impl SetError {
    pub(crate) fn asked(option: &'static str, found: String, allowed: impl Into<String>) -> Self {
        Self::Asked { option, found, allowed: allowed.into() }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::DiskFull { path }
            }
            _ => Self::Io { action, path, source },
        }
    }
}
