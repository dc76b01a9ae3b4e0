//! The folder of all data sets.

use std::path::{Path, PathBuf};

use search_spaces::nearest;

use super::bars::Bars;
use super::codec;
use super::manifest::{Manifest, SETS_FORMAT};
use crate::backtest::DataError;

/// The file of a data set that holds the bars.
pub const BARS: &str = "bars.parquet";

/// The file of a data set that says what they are.
pub const MANIFEST: &str = "manifest.json";

/// A folder of data sets, each in a folder of its name.
#[derive(Clone, Debug)]
pub struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// The data sets in this folder, which need not be there.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of a data set.
    #[must_use]
    pub fn of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether a text can be the name of a data set: lower-case letters, digits, `-` and `_`, at
    /// most 64, the first a letter or a digit. So no name is a path, or differs from another on
    /// some systems only.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        text.len() <= 64
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'_'))
    }

    /// Whether there is a data set of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        Self::is_name(name) && self.of(name).join(MANIFEST).is_file()
    }

    /// The names of all data sets, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.path) else { return Vec::new() };
        let found = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = found.filter(|name| self.has(name)).collect();
        names.sort();
        names
    }

    /// That there is no data set of a name, with those that there are.
    #[must_use]
    pub fn unknown(&self, name: &str) -> DataError {
        let names = self.names();
        let meant = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!(" (did you mean \"{near}\"?)"),
            None => String::new(),
        };
        let allowed = match names.as_slice() {
            [] => "a data set that `optimize data import` has made; there is none yet".to_owned(),
            names => format!("one of {}", names.join(", ")),
        };
        let file = self.path.display().to_string();
        DataError::new(&file, None, "", &format!("no data set {name:?}{meant}"), &allowed)
    }

    /// What a data set is.
    ///
    /// # Errors
    /// There is none of that name, or what says so cannot be read.
    pub fn manifest(&self, name: &str) -> Result<Manifest, DataError> {
        if !self.has(name) {
            return Err(self.unknown(name));
        }
        let path = self.of(name).join(MANIFEST);
        let file = path.display().to_string();
        let fault = |found: &str, allowed: &str| DataError::new(&file, None, "", found, allowed);
        let bytes = std::fs::read(&path).map_err(|error| unreadable(&file, &error))?;
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| {
            fault(&format!("no manifest ({error})"), "that of a data set: import it again")
        })?;
        if manifest.format > SETS_FORMAT {
            let found = format!("format {}", manifest.format);
            let allowed = format!("formats up to {SETS_FORMAT}, or a newer version of the program");
            return Err(fault(&found, &allowed));
        }
        Ok(manifest)
    }

    /// A data set with its bars, symbol by symbol.
    ///
    /// # Errors
    /// As [`DataFolder::manifest`], or the bars cannot be read, or are not those of the manifest.
    pub fn read(&self, name: &str) -> Result<(Manifest, Vec<Bars>), DataError> {
        let manifest = self.manifest(name)?;
        let path = self.of(name).join(BARS);
        let file = path.display().to_string();
        let bytes = std::fs::read(&path).map_err(|error| unreadable(&file, &error))?;
        let hash = blake3::hash(&bytes).to_hex();
        if *hash != *manifest.file {
            let found = format!("other bytes (hash {}…)", &hash[..12]);
            let allowed = format!(
                "those that were imported (hash {}…): import the data again",
                manifest.file.get(..12).unwrap_or(&manifest.file)
            );
            return Err(DataError::new(&file, None, "", &found, &allowed));
        }
        let bars = codec::read_bars(bytes).map_err(|found| {
            DataError::new(&file, None, "", &found, "bars that `optimize data import` has written")
        })?;
        Ok((manifest, bars))
    }
}

fn unreadable(file: &str, error: &std::io::Error) -> DataError {
    let found = format!("a file that cannot be read ({error})");
    DataError::new(file, None, "", &found, "a file of a data set: import the data again")
}
