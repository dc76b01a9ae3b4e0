//! Working directories of single trials, and those of them that are kept for people.

use search_spaces::Parameter;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

use super::clock::patiently;
use super::settings::Settings;
use super::stream::Tail;
use super::trace::Trace;
use crate::contract::Trial;

/// The beginning of the names of directories in which trials run right now.
const RUNNING: &str = "running-";

/// A trial's own working directory, which is removed when it is dropped.
pub(super) struct Place {
    directory: TempDir,
    /// Where it may be kept: the folder for that, and the trial's number.
    keeps: Option<(PathBuf, u64)>,
    /// What the program wrote.
    pub stdout: Tail,
    pub stderr: Tail,
}

impl Place {
    /// Makes a directory, writes the deck into it and lays the inputs beside it.
    pub(super) fn make(
        settings: &Settings,
        parameters: &[Parameter],
        trial: &Trial<'_>,
        trace: &mut Trace,
    ) -> io::Result<Self> {
        let deck =
            settings.deck.as_ref().map(|deck| (&deck.file, deck.text.fill(parameters, trial)));
        if let Some((file, text)) = &deck {
            trace.note(&format!("deck {file}"), text.as_bytes());
        }
        let files = trial.files.map(std::path::absolute).transpose()?;
        let directory = patiently(|| {
            let directory = match &files {
                Some(files) => {
                    fs::create_dir_all(files)?;
                    let prefix = format!("{RUNNING}{}-", trial.number);
                    tempfile::Builder::new().prefix(&prefix).tempdir_in(files)?
                }
                None => {
                    let prefix = format!("optimize-trial-{}-", std::process::id());
                    tempfile::Builder::new().prefix(&prefix).tempdir()?
                }
            };
            for input in &settings.inputs {
                let name = input.file_name().expect("it is a file");
                std::os::unix::fs::symlink(input, directory.path().join(name))?;
            }
            if let Some((file, text)) = &deck {
                fs::write(directory.path().join(file), text)?;
            }
            Ok(directory)
        })?;
        let keeps = files.map(|files| (files, trial.number));
        Ok(Self { directory, keeps, stdout: Tail::new(0), stderr: Tail::new(0) })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A message without this place in it. Messages are part of the results, and the place is
    /// another one every time.
    pub(super) fn without_path(&self, message: &str) -> String {
        let path = self.path();
        // Programs know it without the links on the way to it, which may be a longer name that
        // ends with the shorter one.
        let mut names = vec![path.display().to_string()];
        names.extend(path.canonicalize().map(|path| path.display().to_string()));
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        names.iter().fold(message.to_owned(), |message, name| message.replace(name, "."))
    }
}

/// The directories that are kept, of which there are never more than so many in one folder.
pub(super) struct Kept {
    limit: u64,
    /// How many there are in each folder that was looked at.
    counts: Mutex<BTreeMap<PathBuf, u64>>,
}

impl Kept {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, counts: Mutex::default() }
    }

    /// Keeps a directory under its trial's number, in place of an older one, if there is room
    /// for it. What goes wrong here is no failure of the trial.
    pub(super) fn keep(&self, place: Place) {
        let Some((files, number)) = &place.keeps else { return };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = match counts.get_mut(files) {
            Some(count) => count,
            None => counts.entry(files.clone()).or_insert(kept_in(files)),
        };
        let target = files.join(number.to_string());
        let replaces = fs::symlink_metadata(&target).is_ok();
        if !replaces && *count >= self.limit {
            return;
        }
        for (name, text) in
            [("optimize-stdout.txt", &place.stdout), ("optimize-stderr.txt", &place.stderr)]
        {
            // The program may have left something of that name, such as a link to elsewhere.
            let path = place.path().join(name);
            let _ = fs::remove_file(&path);
            let _ = fs::write(path, text.bytes());
        }
        if replaces && fs::remove_dir_all(&target).is_err() {
            return;
        }
        if fs::rename(place.path(), &target).is_ok() {
            *count += u64::from(!replaces);
            // It is not there any more, so that nothing is left to be removed.
            let _ = place.directory.keep();
        }
    }
}

/// How many trials have a directory in this folder.
fn kept_in(files: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(files) else { return 0 };
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_number)).count()
        as u64
}

/// Removes the working directories that a process left behind when it was killed: the entries
/// `running-…` of the folder that trials have as [`Trial::files`]. Nobody may be running trials
/// with this folder at the same time. A folder that is not there has nothing to be removed.
///
/// # Errors
/// The first directory that cannot be removed; the others are removed nevertheless.
pub fn sweep_files(files: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(files) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut result = Ok(());
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(RUNNING)) {
            result = result.and(fs::remove_dir_all(entry.path()));
        }
    }
    result
}
