//! What is read from and written to the tables of a view, but for the rows of trials.

use std::path::Path;

use duckdb::types::{TimeUnit, Value};
use duckdb::{Connection, OptionalExt, params};
use search_spaces::Direction;

use super::access::{Access, Fault, PATIENCE, open_to_write};
use super::batches;
use super::columns::{Columns, Described, quoted};
use super::frontier::{Frontier, Member};
use super::{State, VIEW_FORMAT};
use crate::record::{Finished, StudyRecord, StudyState};
use crate::table::StudySchema;

pub(super) fn directions(schema: &StudySchema) -> Vec<Direction> {
    schema.objectives().iter().map(|objective| objective.direction).collect()
}

/// Whatever is left in the write-ahead log would keep readers out, who cannot replay it.
pub(super) fn close(access: Access) -> Result<(), Fault> {
    access.connection.execute_batch("CHECKPOINT")?;
    drop(access);
    Ok(())
}

/// Writes the rows of the study and of its progress.
///
/// They are appended, and only now: DuckDB takes some 15 ms for the first statement that it has to
/// plan, which is longer than many a study.
pub(super) fn write_first(
    connection: &Connection,
    record: &StudyRecord,
    progress: &Progress,
    ended: Option<&Finished>,
) -> Result<(), Fault> {
    let created_at = i64::try_from(record.created_at).expect("a time of this age");
    let mut studies = connection.appender("studies")?;
    studies.append_row(params![
        record.name,
        ended.map_or(StudyState::Running, |finished| finished.state).name(),
        ended.map(|finished| &finished.results_hash),
        ended.and_then(|finished| finished.tainted.as_ref()),
        record.algorithm,
        record.seed,
        record.trials,
        record.chunk,
        record.lag,
        record.fingerprint,
        record.data_fingerprint,
        record.program_version,
        record.git_commit,
        Value::Timestamp(TimeUnit::Millisecond, created_at),
        record.template
    ])?;
    studies.flush()?;
    let Progress { high_water, results_hash } = progress;
    let mut rows = connection.appender("progress")?;
    rows.append_row(params![VIEW_FORMAT, record.fingerprint, high_water, results_hash])?;
    Ok(rows.flush()?)
}

/// Writes down how the study ended.
pub(super) fn write_end(connection: &Connection, finished: &Finished) -> Result<(), Fault> {
    connection.execute(
        "UPDATE studies SET status = ?, results_hash = ?, tainted = ?",
        params![finished.state.name(), finished.results_hash, finished.tainted],
    )?;
    Ok(())
}

/// Whether there is not a single table.
pub(super) fn is_empty(connection: &Connection) -> Result<bool, Fault> {
    let sql = "SELECT count(*) = 0 FROM duckdb_tables()";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Opens a view that is there: it must be this study's, and whole. None where it holds nothing.
pub(super) fn check(
    path: &Path,
    record: &StudyRecord,
    schema: &StudySchema,
    columns: &Columns,
) -> Result<Option<State>, Fault> {
    let access = open_to_write(path, PATIENCE)?;
    let connection = &access.connection;
    if is_empty(connection)? {
        return Ok(None);
    }
    let query = "SELECT format, fingerprint FROM progress";
    let found: Option<(u32, String)> =
        connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let mismatch = |what: &str| Err(Fault::Other(what.to_owned()));
    match found {
        Some((VIEW_FORMAT, found)) if found == record.fingerprint => {}
        Some((VIEW_FORMAT, _)) => return mismatch("it belongs to another study"),
        Some((format, _)) => return mismatch(&format!("it has layout {format}")),
        None => return mismatch("it was never finished"),
    }
    if read_described(connection)? != flat(&columns.described(schema)) {
        return mismatch("it has other columns");
    }
    let state = read_state(connection, columns, schema)?;
    let running = StudyState::Running.name();
    connection
        .execute("UPDATE studies SET status = ?, results_hash = NULL, tainted = NULL", [running])?;
    close(access)?;
    Ok(Some(state))
}

pub(super) fn create(
    connection: &Connection,
    schema: &StudySchema,
    columns: &Columns,
) -> Result<(), Fault> {
    connection.execute_batch(&columns.create_tables())?;
    let mut appender = connection.appender("columns")?;
    for (position, each) in columns.described(schema).iter().enumerate() {
        let position = i32::try_from(position).expect("a table has few columns");
        let Described { column, kind, source, direction, importance } = each;
        appender.append_row(params![position, column, kind, source, direction, importance])?;
    }
    appender.flush()?;
    Ok(())
}

pub(crate) fn read_high_water(connection: &Connection) -> Result<u64, Fault> {
    Ok(connection.query_row("SELECT high_water FROM progress", [], |row| row.get(0))?)
}

pub(super) fn read_state(
    connection: &Connection,
    columns: &Columns,
    schema: &StudySchema,
) -> Result<State, Fault> {
    let mut frontier = Frontier::new(directions(schema));
    let names: Vec<String> = columns.frontier_objectives.iter().map(|name| quoted(name)).collect();
    let sql = format!("SELECT trial, ties, {} FROM frontier", names.join(", "));
    let mut statement = connection.prepare(&sql)?;
    let members = statement.query_map([], |row| {
        let value = |(index, direction): (usize, &Direction)| -> duckdb::Result<f64> {
            Ok(direction.orient(row.get(index + 2)?) + 0.0)
        };
        let oriented =
            frontier.directions().iter().enumerate().map(value).collect::<Result<_, _>>();
        Ok(Member { trial: row.get(0)?, ties: row.get(1)?, oriented: oriented? })
    })?;
    let members: Vec<Member> = members.collect::<Result<_, _>>()?;
    frontier.extend(members.into_iter());
    Ok(State { high_water: read_high_water(connection)?, frontier })
}

/// How far the table goes.
pub(super) struct Progress {
    pub(super) high_water: u64,
    pub(super) results_hash: Option<String>,
}

type Flat = (String, String, String, Option<String>, Option<i32>);

fn flat(described: &[Described]) -> Vec<Flat> {
    let owned = |each: &Described| {
        let direction = each.direction.map(str::to_owned);
        (each.column.clone(), each.kind.to_owned(), each.source.clone(), direction, each.importance)
    };
    described.iter().map(owned).collect()
}

fn read_described(connection: &Connection) -> Result<Vec<Flat>, Fault> {
    let sql = "SELECT name, kind, source, direction, importance FROM columns ORDER BY position";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn write_frontier(
    connection: &Connection,
    columns: &Columns,
    frontier: &Frontier,
) -> Result<(), Fault> {
    use std::sync::Arc;

    use duckdb::arrow::array::{ArrayRef, BooleanArray, UInt64Array};

    let knee = frontier.knee();
    let members = frontier.members();
    let numbers = |value: fn(&Member) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(members.iter().map(value)))
    };
    let objectives = columns.frontier_objectives.iter().enumerate().map(|(index, name)| {
        let values = members.iter().map(|member| Some(frontier.measured(member, index)));
        (name.as_str(), batches::floats(values))
    });
    let is_knee: BooleanArray = (0..members.len()).map(|index| Some(Some(index) == knee)).collect();
    let fixed = |name, array| std::iter::once((name, array));
    let all = fixed("trial", numbers(|member| member.trial))
        .chain(objectives)
        .chain(fixed("ties", numbers(|member| member.ties)))
        .chain(fixed("knee", Arc::new(is_knee)));
    let mut appender = connection.appender("frontier")?;
    appender.append_record_batch(batches::batch(all))?;
    Ok(appender.flush()?)
}
