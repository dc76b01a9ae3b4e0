//! The secret that coordinators and workers share: where it is, and what it is.

use std::io::Write;
use std::path::{Path, PathBuf};

use jobs::Key;

use crate::cli::Access;
use crate::exit::Failure;
use crate::say;

/// The variable that may hold the key itself.
const VARIABLE: &str = "OPTIMIZE_KEY";

/// What is shorter can be guessed.
const SHORTEST: usize = 16;

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the environment, with its text.
    Environment(String),
    /// In a file, which may be missing.
    File(PathBuf),
}

/// A key that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The key.
    pub key: Key,
    /// Characters of its text.
    pub length: usize,
    /// Who may read its file, where it is in one and the system knows such a thing.
    pub mode: Option<u32>,
}

impl Place {
    /// The place that counts: the environment, the file that was named, or the user's own file.
    ///
    /// # Errors
    /// No file was named and there is no home folder.
    pub fn of(access: &Access) -> Result<Self, Failure> {
        if let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) {
            return Ok(Self::Environment(text.to_string_lossy().into_owned()));
        }
        access.key_file.clone().map_or_else(usual_file, Ok).map(Self::File)
    }

    /// Says that there is none.
    #[must_use]
    pub fn missing(&self) -> String {
        match self {
            Self::Environment(_) => format!("no key in {VARIABLE}"),
            Self::File(path) => format!("no key at {}", path.display()),
        }
    }

    /// The key, where there is one.
    ///
    /// # Errors
    /// It is too short, or its file cannot be read.
    pub fn read(&self) -> Result<Option<Found>, Failure> {
        let (text, mode) = match self {
            Self::Environment(text) => (text.clone(), None),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => (text, mode(path)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => {
                    return Err(Failure::usage(format!("failed to read {self}: {error}")));
                }
            },
        };
        let length = text.trim().chars().count();
        if length < SHORTEST {
            return Err(Failure::usage(format!(
                "{self}: found {length} characters, allowed: a key of {SHORTEST} or more, such as \
                 the output of `openssl rand -hex 16`"
            )));
        }
        Ok(Some(Found { key: Key::from_text(&text), length, mode }))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(_) => write!(out, "the key in {VARIABLE}"),
            Self::File(path) => write!(out, "the key in {}", path.display()),
        }
    }
}

/// The key of a queue.
///
/// # Errors
/// There is none, and `may_make` does not allow to make one; it is too short or unreadable.
pub fn key(access: &Access, may_make: bool) -> Result<Key, Failure> {
    let place = Place::of(access)?;
    match (place.read()?, &place) {
        (Some(found), _) => Ok(found.key),
        (None, Place::File(path)) if may_make => make(path).map_err(|error| {
            Failure::infrastructure(format!("failed to write {}: {error}", path.display()))
        }),
        (None, _) => Err(Failure::usage(format!(
            "{}: copy the file from the machine where the study was started, or \
             name one with --key-file",
            place.missing()
        ))),
    }
}

fn usual_file() -> Result<PathBuf, Failure> {
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".config"));
    let base = base.filter(|base| base.is_absolute()).or(home);
    let missing = || Failure::usage("no home folder to keep a key in; name a file with --key-file");
    Ok(base.ok_or_else(missing)?.join("optimize/key"))
}

fn make(path: &Path) -> std::io::Result<Key> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = jobs::random_text().map_err(|error| std::io::Error::other(error.to_string()))?;
    options.open(path)?.write_all(text.as_bytes())?;
    say!("made a key for this queue: {}; workers on other machines need a copy", path.display());
    Ok(Key::from_text(&text))
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().ok().map(|found| found.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> Option<u32> {
    None
}
