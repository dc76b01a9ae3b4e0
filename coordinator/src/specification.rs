//! A study as it travels to workers: its record, and the files that its simulator reads.

use std::path::{Component, Path};

use jobs::{Board, StudyId, file_hash};
use results::StudyRecord;
use serde::{Deserialize, Serialize};
use simulators::{BARS, MANIFEST};

use crate::exit::Failure;
use crate::study::Study;

/// What a worker needs to know of a study, but for the bytes of its files.
#[derive(Debug, Serialize, Deserialize)]
pub struct Specification {
    /// The study.
    pub record: StudyRecord,
    /// Its files.
    pub files: Vec<File>,
}

/// What the path of a file starts at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The template's folder.
    #[default]
    Template,
    /// The folder of the data sets.
    Data,
}

/// A file of a study.
#[derive(Debug, Serialize, Deserialize)]
pub struct File {
    /// Where its path starts.
    #[serde(default)]
    pub start: Start,
    /// Its path from there.
    pub name: String,
    /// The hash of its bytes.
    pub hash: String,
    /// Whether it can be run.
    pub is_executable: bool,
}

impl Specification {
    /// The specification of a study, and the bytes of its files.
    ///
    /// # Errors
    /// A file that is not beside or below the template, or cannot be read.
    pub fn of(study: &Study, record: StudyRecord) -> Result<(Self, Vec<Vec<u8>>), Failure> {
        let (mut files, mut contents) = (Vec::new(), Vec::new());
        let sets = study.simulator.data_sets();
        let of_set =
            |set: &String| [BARS, MANIFEST].map(|file| (Start::Data, format!("{set}/{file}")));
        let of_template = study.simulator.files().into_iter().map(|name| (Start::Template, name));
        for (start, name) in of_template.chain(sets.iter().flat_map(of_set)) {
            if !is_below(&name) {
                return Err(Failure::usage(format!(
                    "found the file {name:?}, allowed with --queue: files beside or below the \
                     template, which workers are given a copy of"
                )));
            }
            let path = match start {
                Start::Template => study.template.folder.join(&name),
                Start::Data => study.choices.data.join(&name),
            };
            let bytes = std::fs::read(&path).map_err(|error| {
                Failure::usage(format!("failed to read {}: {error}", path.display()))
            })?;
            let (hash, is_executable) = (file_hash(&bytes), is_executable(&path));
            files.push(File { start, name, hash, is_executable });
            contents.push(bytes);
        }
        Ok((Self { record, files }, contents))
    }

    /// Reads it.
    ///
    /// # Errors
    /// It is damaged, or of a program that writes others.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(bytes)
            .map_err(|error| Failure::usage(format!("its specification is damaged: {error}")))
    }

    /// Its bytes.
    ///
    /// # Errors
    /// None that is expected.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Failure> {
        serde_json::to_vec(self)
            .map_err(|error| Failure::infrastructure(format!("failed to write JSON: {error}")))
    }

    /// The study of a board, opened with copies of its files in the folder `cache`.
    ///
    /// # Errors
    /// It is not there, runs programs where that is not allowed, is of another version of this
    /// program, or does not open as the same study.
    pub fn open(
        board: &Board,
        id: StudyId,
        cache: &Path,
        may_run_programs: bool,
    ) -> Result<Study, Failure> {
        let missing = || Failure::usage("it is not on the board, or was put up with another key");
        let bytes = board.specification(id)?.ok_or_else(missing)?;
        let Self { mut record, files } = Self::from_bytes(&bytes)?;
        let own = env!("CARGO_PKG_VERSION");
        if record.program_version != own {
            return Err(Failure::usage(format!(
                "it was started by version {} of this program, and this is {own}",
                record.program_version
            )));
        }
        let own = cache.join(id.to_string());
        // What the study reads has folders of its own, whatever it is called.
        let (folder, data) = (own.join("files"), own.join("data"));
        for file in files {
            if !is_below(&file.name) {
                return Err(Failure::usage(format!("its file {:?} is out of place", file.name)));
            }
            let start = match file.start {
                Start::Template => &folder,
                Start::Data => &data,
            };
            fetch(board, id, &file, start)?;
        }
        record.folder = folder.display().to_string();
        record.data_folder = Some(data.display().to_string());
        keep(&record, &own)?;
        let study = Study::reopen_where(&record, |simulator| {
            if simulator != "command" || may_run_programs {
                return Ok(());
            }
            Err(Failure::usage(
                "it runs external programs, allowed: with --allow-commands only".to_owned(),
            ))
        })?;
        match study.id == id {
            true => Ok(study),
            false => Err(Failure::usage("it opens as another study here")),
        }
    }

    /// The study in a folder of a worker's cache, which the worker has opened before.
    ///
    /// # Errors
    /// It is not there, or does not open as the same study.
    pub fn reopen(folder: &Path) -> Result<Study, Failure> {
        let path = folder.join(RECORD);
        let unreadable = |error: &dyn std::fmt::Display| {
            Failure::infrastructure(format!("failed to read {}: {error}", path.display()))
        };
        let bytes = std::fs::read(&path).map_err(|error| unreadable(&error))?;
        let record = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
        Study::reopen(&record)
    }
}

/// The record of a study, above its files.
const RECORD: &str = "study.json";

/// Keeps the record for [`Specification::reopen`].
fn keep(record: &StudyRecord, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(RECORD);
    let write = || {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, record)?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok::<(), std::io::Error>(())
    };
    write().map_err(|error| {
        Failure::infrastructure(format!("failed to write {}: {error}", path.display()))
    })
}

/// Puts a copy of a file into the study's folder, unless it is there.
fn fetch(board: &Board, id: StudyId, file: &File, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(&file.name);
    if std::fs::read(&path).is_ok_and(|bytes| file_hash(&bytes) == file.hash) {
        return Ok(());
    }
    let missing = || Failure::infrastructure(format!("its file {:?} is missing", file.name));
    let bytes = board.file(id, &file.hash)?.ok_or_else(missing)?;
    let write = || {
        let parent = path.parent().expect("it is below the folder");
        std::fs::create_dir_all(parent)?;
        // Workers of one machine may fetch at the same time: the name appears with the whole.
        let mut copy = tempfile::NamedTempFile::new_in(parent)?;
        std::io::Write::write_all(&mut copy, &bytes)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = if file.is_executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(copy.path(), std::fs::Permissions::from_mode(mode))?;
        }
        copy.persist(&path).map_err(|error| error.error)?;
        Ok::<(), std::io::Error>(())
    };
    write().map_err(|error| {
        Failure::infrastructure(format!("failed to write {}: {error}", path.display()))
    })
}

fn is_below(name: &str) -> bool {
    let normal = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    !name.is_empty() && Path::new(name).components().all(normal)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    false
}
