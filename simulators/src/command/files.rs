//! Working directories of single trials, and those of them that are kept for people.

use rustix::process::{Pid, getuid, test_kill_process};
use search_spaces::Parameter;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use tempfile::TempDir;

use super::clock::patiently;
use super::settings::Settings;
use super::stream::Tail;
use super::trace::Trace;
use crate::contract::Trial;

/// The beginning of the names of directories in which trials run right now.
const RUNNING: &str = "running-";

/// The beginning of the names of those in the folder for temporary files, before the process's id.
const TEMPORARY: &str = "optimize-trial-";

/// A trial's own working directory, which is removed when it is dropped.
pub(super) struct Place {
    directory: TempDir,
    /// Held as long as it is in use, for others who see it in a shared folder.
    _lock: Option<fs::File>,
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
        swept: &Once,
        trace: &mut Trace,
    ) -> io::Result<Self> {
        let deck =
            settings.deck.as_ref().map(|deck| (&deck.file, deck.text.fill(parameters, trial)));
        if let Some((file, text)) = &deck {
            trace.note(&format!("deck {file}"), text.as_bytes());
        }
        let files = trial.files.map(std::path::absolute).transpose()?;
        if files.is_none() {
            swept.call_once(|| sweep_temporary(&std::env::temp_dir()));
        }
        let (directory, lock) = patiently(|| {
            let mut lock = None;
            let directory = match &files {
                Some(files) => {
                    fs::create_dir_all(files)?;
                    let prefix = format!("{RUNNING}{}-", trial.number);
                    tempfile::Builder::new().prefix(&prefix).tempdir_in(files)?
                }
                None => {
                    let prefix = format!("{TEMPORARY}{}-", std::process::id());
                    let directory = tempfile::Builder::new().prefix(&prefix).tempdir()?;
                    let file = fs::File::open(directory.path())?;
                    lock = file.try_lock().is_ok().then_some(file);
                    directory
                }
            };
            for input in &settings.inputs {
                let name = input.file_name().expect("it is a file");
                std::os::unix::fs::symlink(input, directory.path().join(name))?;
            }
            if let Some((file, text)) = &deck {
                // Never through a link, which may lead to a file of the user's.
                let mut file = fs::File::create_new(directory.path().join(file))?;
                file.write_all(text.as_bytes())?;
            }
            Ok((directory, lock))
        })?;
        let keeps = files.map(|files| (files, trial.number));
        Ok(Self { directory, _lock: lock, keeps, stdout: Tail::new(0), stderr: Tail::new(0) })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
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

/// Removes what processes of ours that do not live any more left among temporary files. Those of
/// other machines or containers, whose ids mean nothing here, hold a lock while they live. What
/// cannot be removed is not our business.
fn sweep_temporary(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY)?.split('-').next());
        let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid.parse().ok().filter(|it| *it > 0)?))
        else {
            continue;
        };
        let lives = test_kill_process(pid) != Err(rustix::io::Errno::SRCH);
        let ours = fs::symlink_metadata(entry.path())
            .is_ok_and(|found| found.is_dir() && found.uid() == getuid().as_raw());
        if !lives && ours && fs::File::open(entry.path()).is_ok_and(|it| it.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
