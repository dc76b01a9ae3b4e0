//! What can go wrong with stored results, said so that it can be mended.

use std::path::{Path, PathBuf};

/// Infrastructure that does not work, or a request that cannot be met.
///
/// Every message names what it is about and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// No space, or a limit on the size of files. Everything recorded before is safe.
    #[error(
        "no space left on the disk of {}; nothing recorded is lost: free some and {}",
        path.display(),
        remedy_text(study.as_deref())
    )]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
        /// The study that cannot go on; none where only an answer could not be written.
        study: Option<String>,
    },
    /// The file that says which format a store has says nothing of the kind.
    #[error(
        "{} is damaged ({detail}); it says which format the store has, and nothing else: if this \
         version of the program made the store, the file may be deleted",
        path.display()
    )]
    DamagedFormat {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The study began, but its ledger is not there.
    #[error(
        "{} is missing: what study {study} found is in results.duckdb only (`optimize results \
         {study}`), and it cannot be resumed",
        path.display()
    )]
    NoLedger {
        /// Where the ledger should be.
        path: PathBuf,
        /// The study.
        study: String,
    },
    /// An answer is to be written where only studies write.
    #[error(
        "found the output {}, which is {what}, allowed: a file outside of every store",
        path.display()
    )]
    BadOutput {
        /// What was asked for.
        path: PathBuf,
        /// What it would have damaged.
        what: String,
    },
    /// A ledger, which cannot be rebuilt from anything, holds something impossible.
    #[error(
        "{} is damaged ({detail}); restore the folder from a backup, or run the study again: \
         the same template and seed give the same results",
        path.display()
    )]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer program wrote this.
    #[error(
        "{} has format {found}, this program reads formats up to {known}; use the program that \
         wrote it, or a newer one",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// Another process runs the study.
    #[error(
        "study {study} is running in another process{}; wait for it to end, or stop it with \
         Ctrl-C first",
        pid_text(*pid)
    )]
    Locked {
        /// The study.
        study: String,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
    },
    /// There is no such study.
    #[error("no study named {study} in {}{}", store.display(), hint_text(nearest.as_deref()))]
    NotFound {
        /// The name asked for.
        study: String,
        /// The store that was searched.
        store: PathBuf,
        /// A study of a similar name.
        nearest: Option<String>,
    },
    /// The store holds no study at all.
    #[error("no studies in {}; start one with `optimize start --template sma-crossover`", store.display())]
    NoStudies {
        /// The store.
        store: PathBuf,
    },
    /// The name cannot be a folder.
    #[error("found the study name {name:?}, allowed: {allowed}")]
    BadName {
        /// What was asked for.
        name: String,
        /// What is allowed.
        allowed: String,
    },
    /// The trial is in the ledger already; the first record stays.
    #[error("trial {trial} of study {study} is recorded already")]
    AlreadyRecorded {
        /// First trial of the job.
        trial: u64,
        /// The study.
        study: String,
    },
    /// Somebody holds the view and did not let go in time.
    #[error(
        "{} is in use by another program (waited {waited_seconds} s); close what has it open and \
         try again",
        path.display()
    )]
    Busy {
        /// The view.
        path: PathBuf,
        /// How long it was waited for.
        waited_seconds: u64,
    },
    /// There is no view, or one that is not whole.
    #[error("{} cannot be read ({detail}); run `optimize resume {study}` to rebuild it", path.display())]
    NoView {
        /// The view.
        path: PathBuf,
        /// The study.
        study: String,
        /// What is wrong.
        detail: String,
    },
    /// A query that the database refuses.
    #[error("{0}")]
    Query(String),
    /// DuckDB fails in a way that no query causes.
    #[error("DuckDB fails on {}: {detail}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What DuckDB says.
        detail: String,
    },
}

fn pid_text(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

fn remedy_text(study: Option<&str>) -> String {
    match study {
        Some(study) => format!("run `optimize resume {study}`"),
        None => "try again".to_owned(),
    }
}

fn hint_text(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("; did you mean {name}?"),
        None => "; `optimize status` lists them".to_owned(),
    }
}

impl ResultsError {
    /// An error of the file system, told apart from a full disk.
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        if is_disk_full(&source) {
            return Self::disk_full(path);
        }
        let path = path.to_owned();
        Self::Io { action, path, source }
    }

    pub(crate) fn disk_full(path: &Path) -> Self {
        Self::DiskFull { path: path.to_owned(), study: Some(study_of(path)) }
    }

    /// An error while an answer is written, which no study waits for.
    pub(crate) fn output(path: &Path, source: std::io::Error) -> Self {
        match Self::io("write", path, source) {
            Self::DiskFull { path, .. } => Self::DiskFull { path, study: None },
            other => other,
        }
    }

    pub(crate) fn damaged(path: &Path, detail: &(impl ToString + ?Sized)) -> Self {
        Self::Damaged { path: path.to_owned(), detail: detail.to_string() }
    }
}

/// No space, no quota, or the largest size that a file may have: all call for the same remedy.
pub(crate) fn is_disk_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// The study that a file belongs to: the name of its folder.
pub(crate) fn study_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name);
    folder.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
