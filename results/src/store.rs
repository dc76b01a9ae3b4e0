//! The store: a folder of studies, each in a folder of its own.
//!
//! ```text
//! <store>/format.json            {"format": 1}
//! <store>/<study>/study.json     the study's record, for readers while the ledger is held
//! <store>/<study>/ledger.redb    the truth
//! <store>/<study>/results.duckdb the view
//! <store>/<study>/status.json    how far it is, rewritten about once a second
//! <store>/<study>/lock           held by the process that runs it, whose id it holds
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use search_spaces::{check_study_name, nearest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::ResultsError;
use crate::ledger::recorded_in_ledger;
use crate::lock::StudyLock;
use crate::record::{LEDGER_FORMAT, StudyRecord, StudyState};
use crate::status::StudyStatus;

/// The layout of folders that this program writes, and the newest that it reads.
pub const STORE_FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct FormatFile {
    format: u32,
}

/// A folder of studies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in `folder`, which need not exist: it is created with the first study.
    ///
    /// # Errors
    /// A store that a newer program wrote, or one that cannot be read.
    pub fn open(folder: &Path) -> Result<Self, ResultsError> {
        let path = folder.join("format.json");
        let found = read_json(&path).map_err(|error| match error {
            ResultsError::Damaged { path, detail } => ResultsError::DamagedFormat { path, detail },
            other => other,
        })?;
        if let Some(FormatFile { format: found }) = found {
            check_format(&path, found, STORE_FORMAT)?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new, empty folder for a study of the wanted name, or of the first free one among
    /// `name-2`, `name-3` and so on. No two processes get the same.
    ///
    /// # Errors
    /// A name that cannot be a folder's, or a fault of the file system.
    pub fn create_study(&self, wanted: &str) -> Result<StudyFolder, ResultsError> {
        check_study_name(wanted).map_err(|allowed| bad_name(wanted, allowed))?;
        let create = |path: &Path| fs::create_dir_all(path);
        create(&self.folder).map_err(|error| ResultsError::io("create", &self.folder, error))?;
        let format = self.folder.join("format.json");
        if !format.exists() {
            write_json_durably(&format, &FormatFile { format: STORE_FORMAT })?;
        }
        for number in 1u64.. {
            let name = match number {
                1 => wanted.to_owned(),
                _ => format!("{wanted}-{number}"),
            };
            let study = self.folder_of(&name);
            match fs::create_dir(&study.path) {
                Ok(()) => return Ok(study),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(ResultsError::io("create", &study.path, error)),
            }
        }
        unreachable!("some number is free")
    }

    /// The studies, oldest first: every folder with a `study.json`, or with a ledger that holds a
    /// study. The others, whose study never began, are left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn studies(&self) -> Result<Vec<StudyFolder>, ResultsError> {
        let fault = |error| ResultsError::io("read", &self.folder, error);
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(fault)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(fault)?.file_name();
            let study = name.to_str().map(|name| self.folder_of(name));
            let Some(study) = study.filter(StudyFolder::has_files) else { continue };
            let created_at = match study.record() {
                Ok(record) => record.created_at,
                // Its process ended before the ledger held a study.
                Err(ResultsError::NotFound { .. } | ResultsError::Damaged { .. })
                    if !study.record_path().is_file() =>
                {
                    continue;
                }
                // A record that this program does not understand must not hide any study.
                Err(_) => 0,
            };
            found.push((created_at, study));
        }
        // Several studies may begin in one millisecond: then by name.
        found.sort_by(|(a, one), (b, other)| (a, &one.name).cmp(&(b, &other.name)));
        Ok(found.into_iter().map(|(_, study)| study).collect())
    }

    /// The study that was created last.
    ///
    /// # Errors
    /// No study at all, or a store that cannot be read.
    pub fn latest(&self) -> Result<StudyFolder, ResultsError> {
        let none = || ResultsError::NoStudies { store: self.folder.clone() };
        self.studies()?.pop().ok_or_else(none)
    }

    /// The study of this name.
    ///
    /// # Errors
    /// No such study, with the most similar name there is, or a store that cannot be read.
    pub fn study(&self, name: &str) -> Result<StudyFolder, ResultsError> {
        let studies = self.studies()?;
        if let Some(study) = studies.iter().find(|study| study.name == name) {
            return Ok(study.clone());
        }
        let hint = nearest(name, studies.iter().map(StudyFolder::name)).map(str::to_owned);
        let (study, store) = (name.to_owned(), self.folder.clone());
        Err(ResultsError::NotFound { study, store, nearest: hint })
    }

    fn folder_of(&self, name: &str) -> StudyFolder {
        StudyFolder { name: name.to_owned(), path: self.folder.join(name) }
    }
}

/// The folder of one study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyFolder {
    name: String,
    path: PathBuf,
}

impl StudyFolder {
    /// Name of the study.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ledger.
    #[must_use]
    pub fn ledger_path(&self) -> PathBuf {
        self.path.join("ledger.redb")
    }

    /// The folder for files that trials leave behind for people.
    #[must_use]
    pub fn trials_path(&self) -> PathBuf {
        self.path.join("trials")
    }

    /// The DuckDB view.
    #[must_use]
    pub fn view_path(&self) -> PathBuf {
        self.path.join("results.duckdb")
    }

    /// The file that says how far the study is.
    #[must_use]
    pub fn status_path(&self) -> PathBuf {
        self.path.join("status.json")
    }

    /// The copy of the study's record.
    #[must_use]
    pub fn record_path(&self) -> PathBuf {
        self.path.join("study.json")
    }

    /// Asks the process that runs the study to stop it.
    ///
    /// # Errors
    /// A fault of the file system.
    pub fn ask_to_stop(&self) -> Result<(), ResultsError> {
        let path = self.stop_path();
        fs::write(&path, "").map_err(|error| ResultsError::io("write", &path, error))
    }

    /// Whether somebody has asked to stop the study, since the last time that this was asked.
    #[must_use]
    pub fn take_request_to_stop(&self) -> bool {
        fs::remove_file(self.stop_path()).is_ok()
    }

    fn stop_path(&self) -> PathBuf {
        self.path.join("stop")
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }

    pub(crate) fn not_found(&self) -> ResultsError {
        let store = self.path.parent().unwrap_or(Path::new("")).to_owned();
        ResultsError::NotFound { study: self.name.clone(), store, nearest: None }
    }

    fn has_files(&self) -> bool {
        self.record_path().is_file() || self.ledger_path().is_file()
    }

    /// The study's record, also while another process runs it: the copy in `study.json`, or where
    /// that is missing or damaged and no process holds the study, what the ledger says.
    ///
    /// # Errors
    /// A study that never began, that a newer program wrote, or that cannot be read.
    pub fn record(&self) -> Result<StudyRecord, ResultsError> {
        match self.record_file() {
            Ok(Some(record)) => Ok(record),
            Ok(None) => recorded_in_ledger(self),
            // The ledger may have nothing to say; then the copy is what is wrong.
            Err(damaged @ ResultsError::Damaged { .. }) => {
                recorded_in_ledger(self).map_err(|_| damaged)
            }
            Err(other) => Err(other),
        }
    }

    /// Whether `study.json` can be read, or is at least nothing to be overwritten.
    pub(crate) fn has_record_file(&self) -> bool {
        !matches!(self.record_file(), Ok(None) | Err(ResultsError::Damaged { .. }))
    }

    fn record_file(&self) -> Result<Option<StudyRecord>, ResultsError> {
        let path = self.record_path();
        if let Some(FormatFile { format: found }) = read_json(&path)? {
            check_format(&path, found, LEDGER_FORMAT)?;
        }
        read_json(&path)
    }

    /// Whether a process, this one or another, holds the study.
    #[must_use]
    pub fn is_running(&self) -> bool {
        StudyLock::is_held(&self.lock_path())
    }

    /// How far the study is; none where it never said so, or in a file that is damaged: it is
    /// soon written again, and must not hide other studies. A study that says that it is running
    /// while nobody holds it has crashed, and [`StudyState::Crashed`] is what is returned.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn status(&self) -> Result<Option<StudyStatus>, ResultsError> {
        let path = self.status_path();
        let read = || match read_json::<StudyStatus>(&path) {
            Err(ResultsError::Damaged { .. }) => Ok(None),
            read => read,
        };
        let Some(status) = read()? else { return Ok(None) };
        if status.state != StudyState::Running || self.is_running() {
            return Ok(Some(status));
        }
        // It may have ended between the two looks: then its last word is there by now.
        let again = read()?.unwrap_or(status);
        let state = match again.state {
            StudyState::Running => StudyState::Crashed,
            ended => ended,
        };
        Ok(Some(StudyStatus { state, ..again }))
    }

    /// Says how far the study is. Readers see the old text or the new one, never a part.
    ///
    /// # Errors
    /// A fault of the file system.
    pub fn write_status(&self, status: &StudyStatus) -> Result<(), ResultsError> {
        // JSON knows no NaN and no infinity: the file could not be read again.
        let trials_per_second = Some(status.trials_per_second).filter(|rate| rate.is_finite());
        let trials_per_second = trials_per_second.unwrap_or(0.0);
        write_json(&self.status_path(), &StudyStatus { trials_per_second, ..status.clone() })
    }
}

/// The store that a file would be in, by the `format.json` in one of the folders above it.
pub(crate) fn store_around(file: &Path) -> Option<&Path> {
    let is_store = |folder: &&Path| {
        matches!(read_json(&folder.join("format.json")), Ok(Some(FormatFile { .. })))
    };
    file.ancestors().skip(1).find(is_store)
}

fn bad_name(name: &str, allowed: String) -> ResultsError {
    ResultsError::BadName { name: name.to_owned(), allowed }
}

fn check_format(path: &Path, found: u32, known: u32) -> Result<(), ResultsError> {
    if found <= known {
        return Ok(());
    }
    Err(ResultsError::NewerFormat { path: path.to_owned(), found, known })
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ResultsError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|error| ResultsError::io("read", path, error))?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| ResultsError::damaged(path, &error))
}

/// Files written by this process: several processes, and threads of one, may write the same file,
/// and none of them may rename what another has only begun.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Replaces a file as a whole, so that a power cut leaves the old one or the new one too.
pub(crate) fn write_json_durably(path: &Path, value: &impl Serialize) -> Result<(), ResultsError> {
    replace_json(path, value, File::sync_all)
}

/// Replaces a file as a whole for readers, one that is soon replaced again: after a power cut it
/// may be empty.
fn write_json(path: &Path, value: &impl Serialize) -> Result<(), ResultsError> {
    replace_json(path, value, |_| Ok(()))
}

/// Written beside it first, settled as asked, then renamed.
fn replace_json(
    path: &Path,
    value: &impl Serialize,
    settle: impl Fn(&File) -> std::io::Result<()>,
) -> Result<(), ResultsError> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("plain structures have a JSON form");
    bytes.push(b'\n');
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("json.{}.{number}", std::process::id()));
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        settle(&file)?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| {
        // What is left of it would only fill the disk further.
        let _ = fs::remove_file(&beside);
        ResultsError::io("write", path, error)
    })
}
