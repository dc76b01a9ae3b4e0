//! Files of any kind as tables of DuckDB.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use duckdb::Connection;
use simulators::DataError;

use crate::error::SetError;

/// A file that DuckDB reads.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its path, as it was given.
    pub file: String,
    /// The function that reads it, with its arguments.
    pub reader: String,
    /// Whether its rows are lines after a header.
    pub is_csv: bool,
    /// Names and types of its columns.
    pub columns: Vec<(String, String)>,
}

/// A database in a folder for temporary things, so that large files need no memory, which neither
/// looks for extensions elsewhere nor keeps anything.
pub(crate) fn database(folder: &Path) -> Result<Connection, SetError> {
    let connection = Connection::open(folder.join("import.duckdb"))?;
    connection.execute_batch(
        "SET autoinstall_known_extensions = false;
         SET autoload_known_extensions = false;
         SET preserve_insertion_order = true;
         SET memory_limit = '1GB';
         SET enable_progress_bar = false;",
    )?;
    Ok(connection)
}

impl Table {
    /// Finds out how a file is to be read, and its columns.
    pub(crate) fn open(connection: &Connection, path: &Path) -> Result<Self, SetError> {
        let file = path.display().to_string();
        let (reader, is_csv) = reader(path, &file)?;
        let describe = format!("SELECT column_name, column_type FROM (DESCRIBE FROM {reader})");
        let columns = (|| {
            let mut described = connection.prepare(&describe)?;
            let columns = described.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            columns.collect::<duckdb::Result<Vec<_>>>()
        })();
        let columns = columns.map_err(|error| fault(&file, &error))?;
        Ok(Self { file, reader, is_csv, columns })
    }

    /// The fault of a cell, found in the row of this number from 0.
    pub(crate) fn cell_fault(
        &self,
        row: u64,
        column: &str,
        found: &str,
        allowed: &str,
    ) -> DataError {
        if self.is_csv {
            // The header is the first line.
            return DataError::new(&self.file, Some(row + 2), column, found, allowed);
        }
        let found = format!("{found} in row {}", row + 1);
        DataError::new(&self.file, None, column, &found, allowed)
    }
}

/// How a file is read, told by its first bytes and by its name.
fn reader(path: &Path, file: &str) -> Result<(String, bool), SetError> {
    let fault = |found: &str, allowed: &str| {
        Err(SetError::Data(DataError::new(file, None, "", found, allowed)))
    };
    let allowed = "a file of prices: CSV, JSON or Parquet, the first two also as .gz or .zst";
    if path.is_dir() {
        return fault("a folder", allowed);
    }
    let mut start = [0; 4];
    let mut length = 0;
    let opened = File::open(path).and_then(|mut file| {
        while length < start.len() {
            match file.read(&mut start[length..])? {
                0 => break,
                more => length += more,
            }
        }
        Ok(())
    });
    if let Err(error) = opened {
        return fault(&format!("a file that cannot be read ({error})"), allowed);
    }
    if length == 0 {
        return fault("nothing: the file is empty", allowed);
    }
    let name = literal(file);
    if start == *b"PAR1" {
        return Ok((format!("read_parquet({name})"), false));
    }
    let (compression, packed) = match start {
        [0x1f, 0x8b, ..] => ("gzip", true),
        [0x28, 0xb5, 0x2f, 0xfd] => ("zstd", true),
        [b'P', b'K', 3, 4] => {
            return fault("a zip archive", "a CSV, JSON or Parquet file: unpack it first");
        }
        _ => ("none", false),
    };
    let mut plain = path.to_owned();
    if packed {
        plain.set_extension("");
    }
    let extension = plain.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("json" | "ndjson" | "jsonl") => {
            Ok((format!("read_json({name}, compression = '{compression}')"), false))
        }
        Some("xls" | "xlsx" | "feather" | "arrow" | "h5" | "hdf5" | "pkl" | "db") => {
            fault("a file of another kind", allowed)
        }
        _ => {
            let options = "header = true, all_varchar = true, null_padding = false";
            Ok((format!("read_csv({name}, compression = '{compression}', {options})"), true))
        }
    }
}

/// A path as a text of SQL, in which no character stands for others.
fn literal(path: &str) -> String {
    let mut text = String::from("'");
    for c in path.chars() {
        match c {
            '\'' => text.push_str("''"),
            '*' | '?' | '[' => text.push_str(&format!("[{c}]")),
            _ => text.push(c),
        }
    }
    text + "'"
}

/// A name as SQL has it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What DuckDB has against a file, with the line if it says one.
pub(crate) fn fault(file: &str, error: &duckdb::Error) -> SetError {
    let text = error.to_string();
    if text.contains("No space left") || text.contains("Out of Memory Error") {
        return SetError::Asked {
            option: "the disk of --data",
            found: "no space left for reading the file".to_owned(),
            allowed: format!("about three times the size of {file}"),
        };
    }
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let number = |rest: &str| -> Option<u64> {
        rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let line = after("Error on Line:").and_then(number);
    let said = match after("Expected Number of Columns:") {
        Some(rest) if line.is_some() => {
            let found = rest.split_once("Found:").and_then(|(_, found)| number(found));
            let (expected, found) = (number(rest).unwrap_or(0), found.unwrap_or(0));
            format!("{found} field(s) where the header has {expected}")
        }
        _ => {
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let first = lines.next().unwrap_or("nothing that it can read");
            let second = lines.find(|line| !line.starts_with("Original Line"));
            match (line, second) {
                (Some(_), Some(second)) => second.to_owned(),
                _ => first.to_owned(),
            }
        }
    };
    DataError::new(file, line, "", &said, "CSV, JSON or Parquet of one row for each bar").into()
}
