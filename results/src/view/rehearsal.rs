//! Whether DuckDB works here at all.

use std::path::Path;

use crate::error::ResultsError;
use crate::view::access::{Fault, PATIENCE, open_to_read, open_to_write};

/// Writes a database to a new file and reads it back; returns the version of DuckDB. The file is
/// left to whoever named it.
///
/// # Errors
/// What DuckDB has against it.
pub fn try_database(path: &Path) -> Result<String, ResultsError> {
    let write = || -> Result<(), Fault> {
        let access = open_to_write(path, PATIENCE)?;
        Ok(access.connection.execute_batch("create table t as select 42 as answer; checkpoint")?)
    };
    let read = || -> Result<(i64, String), Fault> {
        let access = open_to_read(path, PATIENCE)?;
        let sql = "select answer, version() from t";
        Ok(access.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    };
    let told = |fault: Fault| match fault.into_error(path) {
        ResultsError::DiskFull { path, .. } => ResultsError::DiskFull { path, study: None },
        other => other,
    };
    match write().and_then(|()| read()).map_err(told)? {
        (42, version) => Ok(version),
        (answer, _) => Err(ResultsError::Database {
            path: path.to_owned(),
            detail: format!("42 was written, and {answer} was read"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_written_and_read_or_the_reason_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let version = try_database(&folder.path().join("a.duckdb")).unwrap();
        assert!(version.starts_with('v'), "{version}");
        let error = try_database(&folder.path().join("none/a.duckdb")).unwrap_err().to_string();
        assert!(error.starts_with("DuckDB fails on "), "{error}");
    }
}
