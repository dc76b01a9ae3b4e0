//! Answers as files, of any size: DuckDB writes them, and no answer is in memory as a whole.
//!
//! A regular file is written beside itself and renamed, so that it is there as a whole or not at
//! all. A device, a pipe or a descriptor of this process cannot be renamed onto: the answer is
//! written into a file in the system's folder for temporary ones, and its bytes are copied.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use duckdb::Connection;

use crate::error::ResultsError;
use crate::reader::ViewReader;
use crate::sql::{said_of_sql, single_query, text_literal};
use crate::store::store_around;
use crate::view::access::Fault;
use crate::view::columns::quoted;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet, compressed.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON array of objects.
    Json,
}

/// Where the bytes go.
#[derive(Debug)]
enum Target {
    /// Into this file, which is replaced; all its links are resolved.
    File(PathBuf),
    /// Into whatever it is, after what is there.
    Stream,
}

/// Files written by this process: no two threads may write the same one.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// So many links are followed, as by Linux itself.
const MOST_LINKS: usize = 40;

impl ViewReader {
    /// Writes the answer to a user's SQL into a file, and returns how many rows it has. NaN and
    /// infinities are texts in JSON.
    ///
    /// A regular file is there as a whole or not at all; one that was there before is replaced,
    /// and of a symbolic link the file that it names. Into a device or a pipe the answer is
    /// copied once it is complete.
    ///
    /// # Errors
    /// As [`ViewReader::query`], a file within a store, or one that cannot be written.
    pub fn export(&self, sql: &str, format: Format, path: &Path) -> Result<u64, ResultsError> {
        let statement = single_query(sql)?;
        let whole = match self.target(path)? {
            Target::File(whole) => whole,
            Target::Stream => {
                return self.stream(&statement, format, path);
            }
        };
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let mut name = whole.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.{number}.partial", std::process::id()));
        let beside = whole.with_file_name(name);
        let result = self.write(&statement, format, &beside, path).and_then(|rows| {
            fs::rename(&beside, &whole).map_err(|error| ResultsError::output(path, error))?;
            Ok(rows)
        });
        if result.is_err() {
            // Best effort: the error that matters is the one at hand.
            let _ = fs::remove_file(&beside);
        }
        result
    }

    /// By way of a temporary file, so that nothing is written of an answer that is none.
    fn stream(&self, statement: &str, format: Format, path: &Path) -> Result<u64, ResultsError> {
        let scratch = Scratch::new()?;
        let answer = scratch.0.join("answer");
        let rows = self.write(statement, format, &answer, &answer)?;
        let mut complete = File::open(&answer).map_err(|e| ResultsError::io("read", &answer, e))?;
        // To append is what `>` and `>>` mean where a descriptor leads to a file.
        let open = || OpenOptions::new().append(true).open(path);
        let mut copy = || io::copy(&mut complete, &mut open()?);
        copy().map_err(|error| ResultsError::output(path, error))?;
        Ok(rows)
    }

    /// Has DuckDB write a regular file, which an error calls `name`.
    fn write(
        &self,
        statement: &str,
        format: Format,
        path: &Path,
        name: &Path,
    ) -> Result<u64, ResultsError> {
        let no_text = || ResultsError::output(name, io::Error::other("the path is no UTF-8"));
        let text = path.to_str().ok_or_else(no_text)?;
        // The one file that this connection may touch, and the user's SQL with it.
        let access = self.open_locked_down(Some(text))?;
        let options = match format {
            Format::Parquet => "FORMAT parquet, COMPRESSION zstd",
            Format::Csv => "FORMAT csv, HEADER",
            Format::Json => "FORMAT json, ARRAY",
        };
        let copy = || {
            let source = match format {
                Format::Json => with_texts_for_infinities(&access.connection, statement)?,
                Format::Parquet | Format::Csv => statement.to_owned(),
            };
            let copy = format!("COPY ({source}\n) TO {} ({options})", text_literal(text));
            access.connection.execute(&copy, [])
        };
        let rows = copy().map_err(|error| match error.into() {
            Fault::DiskFull => ResultsError::output(name, ErrorKind::StorageFull.into()),
            Fault::Other(text) => ResultsError::Query(said_of_sql(&text)),
            busy @ Fault::Busy(_) => busy.into_error(name),
        })?;
        Ok(rows as u64)
    }

    fn target(&self, path: &Path) -> Result<Target, ResultsError> {
        if is_descriptor(path) {
            return Ok(Target::Stream);
        }
        let fault = |error| ResultsError::output(path, error);
        let is_file = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(fault(ErrorKind::IsADirectory.into())),
            Ok(found) => found.is_file(),
            // Nothing is there yet, or a link to where nothing is yet.
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(fault(error)),
        };
        let whole = resolved(path).map_err(fault)?;
        self.refuse_what_studies_write(path, &whole)?;
        Ok(if is_file { Target::File(whole) } else { Target::Stream })
    }

    fn refuse_what_studies_write(&self, path: &Path, whole: &Path) -> Result<(), ResultsError> {
        let refuse = |what: String| Err(ResultsError::BadOutput { path: path.to_owned(), what });
        if let Some(store) = store_around(whole) {
            return refuse(format!("within the store {}", store.display()));
        }
        // A study's folder may have been copied out of its store.
        let own =
            |name: &str| resolved(&self.path().with_file_name(name)).is_ok_and(|own| own == whole);
        let is_view = resolved(self.path()).is_ok_and(|view| view == whole);
        if is_view || ["ledger.redb", "study.json", "status.json", "lock"].into_iter().any(own) {
            return refuse("a file of the study itself".to_owned());
        }
        Ok(())
    }
}

/// Names of this process's open files. Where they lead to a regular file, that is open already,
/// and its name must not be given to another one.
fn is_descriptor(path: &Path) -> bool {
    let names = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];
    names.iter().any(|name| path.starts_with(name))
}

/// The file that is meant, with all links followed, though it need not exist.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let folder_of = |path: &Path| match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = folder_of(&path).join(link),
            Err(_) => break,
        }
    }
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    Ok(folder_of(&path).canonicalize()?.join(name))
}

/// A folder of this process's own among the system's temporary files, until it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, ResultsError> {
        let folder = std::env::temp_dir();
        let fault = |error| ResultsError::io("write to", &folder, error);
        let whole = folder.canonicalize().map_err(fault)?;
        loop {
            let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
            let own = whole.join(format!("optimize-{}-{number}", std::process::id()));
            match private_folder(&own) {
                Ok(()) => return Ok(Self(own)),
                // Left behind by a process of the same number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(fault(error)),
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The results are nobody else's business, and nobody else may put a file there.
fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// JSON has no NaN and no infinities, and DuckDB writes them all the same: they become texts.
fn with_texts_for_infinities(connection: &Connection, statement: &str) -> duckdb::Result<String> {
    let sql = format!("SELECT column_name, column_type FROM (DESCRIBE {statement}\n)");
    let mut described = connection.prepare(&sql)?;
    let columns = described.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let columns: Vec<(String, String)> = columns.collect::<Result<_, _>>()?;
    let floats = columns.iter().filter(|(_, kind)| matches!(kind.as_str(), "DOUBLE" | "FLOAT"));
    let replaced: Vec<String> = floats
        .map(|(name, _)| {
            let name = quoted(name);
            format!(
                "CASE WHEN isfinite({name}) THEN to_json({name})
                 ELSE to_json({name}::VARCHAR) END AS {name}"
            )
        })
        .collect();
    if replaced.is_empty() {
        return Ok(statement.to_owned());
    }
    Ok(format!("SELECT * REPLACE ({}) FROM ({statement}\n)", replaced.join(", ")))
}
