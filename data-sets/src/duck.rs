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
    /// Its columns.
    pub columns: Vec<TableColumn>,
    /// In which line the first row is, where rows are lines.
    first_line: Option<u64>,
}

/// A column of a file.
#[derive(Debug)]
pub(crate) struct TableColumn {
    /// Its name in the file.
    pub name: String,
    /// Its type, as DuckDB calls it.
    pub kind: String,
    /// What stands for its cells in SQL.
    pub cell: String,
}

/// A database in a folder for temporary things, so that large files need no memory, which neither
/// looks for extensions elsewhere nor keeps anything. Rows stay in the order of the file as long as
/// no query joins anything.
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
        let source = Source::of(path, &file)?;
        let name = literal(&file);
        let reader = match source {
            Source::Parquet => format!("read_parquet({name})"),
            Source::Json { compression } => {
                format!("read_json({name}, compression = '{compression}')")
            }
            Source::Csv { compression } => {
                return Self::of_csv(path, file, &name, compression);
            }
        };
        let describe = || -> duckdb::Result<Vec<TableColumn>> {
            let sql = format!("SELECT column_name, column_type FROM (DESCRIBE FROM {reader})");
            let mut described = connection.prepare(&sql)?;
            let columns = described.query_map([], |row| {
                let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
                Ok(TableColumn { cell: quoted(&name), name, kind })
            })?;
            columns.collect()
        };
        let columns = describe().map_err(|error| fault(&file, &error))?;
        Ok(Self { file, reader, columns, first_line: None })
    }

    /// CSV is read as it is written, and nothing about it is guessed but the delimiter: a guess
    /// would depend on rows that are at fault. Its fields are texts, so that one that is no number
    /// can be named.
    fn of_csv(path: &Path, file: String, name: &str, compression: &str) -> Result<Self, SetError> {
        let Header { names, delimiter, line } = Header::read(path, &file)?;
        let columns: Vec<String> = (0..names.len()).map(|i| format!("'c{i}': 'VARCHAR'")).collect();
        let reader = format!(
            "read_csv({name}, compression = '{compression}', auto_detect = false, header = true, \
             skip = {}, delim = '{}', quote = '\"', escape = '\"', columns = {{{}}})",
            line - 1,
            delimiter,
            columns.join(", ")
        );
        let column = |(place, name)| TableColumn {
            name,
            kind: "VARCHAR".to_owned(),
            cell: format!("c{place}"),
        };
        let columns = names.into_iter().enumerate().map(column).collect();
        Ok(Self { file, reader, columns, first_line: Some(line + 1) })
    }

    /// Whether its rows are lines of text.
    pub(crate) fn is_csv(&self) -> bool {
        self.first_line.is_some()
    }

    /// The fault of a cell, found in the row of this number from 0.
    pub(crate) fn cell_fault(
        &self,
        row: u64,
        column: &str,
        found: &str,
        allowed: &str,
    ) -> DataError {
        if let Some(first) = self.first_line {
            return DataError::new(&self.file, Some(first + row), column, found, allowed);
        }
        let found = format!("{found} in row {}", row + 1);
        DataError::new(&self.file, None, column, &found, allowed)
    }
}

/// What kind of file it is.
enum Source {
    Parquet,
    Json { compression: &'static str },
    Csv { compression: &'static str },
}

impl Source {
    /// Tells it by its first bytes and by its name.
    fn of(path: &Path, file: &str) -> Result<Self, SetError> {
        let fault = |found: &str, allowed: &str| {
            Err(SetError::Data(DataError::new(file, None, "", found, allowed)))
        };
        let allowed = "a file of prices: CSV, JSON or Parquet, the first two also as .gz";
        if path.is_dir() {
            return fault("a folder", allowed);
        }
        let mut start = Vec::new();
        let opened = File::open(path).and_then(|file| file.take(4).read_to_end(&mut start));
        if let Err(error) = opened {
            return fault(&format!("a file that cannot be read ({error})"), allowed);
        }
        let is_packed = match start[..] {
            [] => return fault("nothing: the file is empty", allowed),
            [b'P', b'A', b'R', b'1'] => return Ok(Self::Parquet),
            [b'P', b'K', 3, 4] => {
                return fault("a zip archive", "a CSV, JSON or Parquet file: unpack it first");
            }
            [0x28, 0xb5, 0x2f, 0xfd] => {
                return fault("a zstd file", "CSV or JSON, plain or gzipped: unpack it first");
            }
            [0x1f, 0x8b, ..] => true,
            _ => false,
        };
        let mut plain = path.to_owned();
        if is_packed {
            plain.set_extension("");
        }
        let extension = plain.extension().map(|e| e.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("json" | "ndjson" | "jsonl") => {
                Ok(Self::Json { compression: if is_packed { "gzip" } else { "uncompressed" } })
            }
            Some("xls" | "xlsx" | "feather" | "arrow" | "h5" | "hdf5" | "pkl" | "db") => {
                fault("a file of another kind", allowed)
            }
            _ => Ok(Self::Csv { compression: if is_packed { "gzip" } else { "none" } }),
        }
    }
}

/// The header of a CSV file.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    names: Vec<String>,
    delimiter: char,
    /// Its line, from 1: some sources write a line about themselves first.
    line: u64,
}

/// What can stand between the fields of a line; the most frequent in the header does.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

impl Header {
    fn read(path: &Path, file: &str) -> Result<Self, SetError> {
        let opened = File::open(path).map_err(|error| SetError::io("read", path, error))?;
        let mut start = Vec::new();
        // Bytes of other kinds pass through as they are.
        let mut unpacked: Box<dyn Read> = match Source::of(path, file)? {
            Source::Csv { compression: "gzip" } => {
                Box::new(flate2::read::MultiGzDecoder::new(opened))
            }
            _ => Box::new(opened),
        };
        let fault = |line, found: &str| {
            DataError::new(file, line, "", found, "CSV text in UTF-8, plain or gzipped").into()
        };
        if let Err(error) = unpacked.by_ref().take(1 << 16).read_to_end(&mut start) {
            return Err(fault(None, &format!("a file that cannot be read ({error})")));
        }
        let end = start.iter().rposition(|byte| *byte == b'\n').map_or(start.len(), |end| end + 1);
        let Ok(text) = std::str::from_utf8(&start[..end]) else {
            return Err(fault(
                None,
                "bytes that are no UTF-8, as in Latin-1 text or a binary file",
            ));
        };
        if text.contains('\0') {
            return Err(fault(None, "a NUL byte, as in UTF-16 text or a binary file"));
        }
        let text = text.trim_start_matches('\u{feff}');
        let lines: Vec<&str> = text.lines().collect();
        let most = |line: &&str| {
            let counts = DELIMITERS.map(|delimiter| (line.matches(delimiter).count(), delimiter));
            // Of those that are as frequent, the first of the list.
            counts.into_iter().rev().max_by_key(|(count, _)| *count).expect("there are some")
        };
        let Some(place) = lines.iter().position(|line| most(line).0 > 0) else {
            return Err(fault(Some(1), "no line of several fields"));
        };
        let (_, delimiter) = most(&lines[place]);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(delimiter as u8)
            .trim(csv::Trim::All)
            .from_reader(lines[place].as_bytes());
        let mut record = csv::StringRecord::new();
        let line = place as u64 + 1;
        match reader.read_record(&mut record) {
            Ok(true) => {
                let names = record.iter().map(str::to_owned).collect();
                Ok(Self { names, delimiter, line })
            }
            _ => Err(fault(Some(line), "a header that is no CSV")),
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
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What DuckDB has against a file, with the line if it says one.
pub(crate) fn fault(file: &str, error: &duckdb::Error) -> SetError {
    let text = error.to_string();
    if text.contains("No space left") || text.contains("Out of Memory Error") {
        return SetError::NoRoom { file: file.to_owned() };
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
