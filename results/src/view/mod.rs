//! The view: a study's results as a DuckDB database, for people and their notebooks.
//!
//! Tables: `trials` (a column per parameter, metric and outcome constraint), `reports`,
//! `frontier`, `studies` (one row), `telemetry` (never hashed), `columns` (what each column of
//! `trials` is) and `progress` (one row: up to which trial the view goes).
//!
//! A row of `frontier` is an objective vector that no complete trial so far dominates: `trial` is
//! the first trial with it, and `ties` how many complete trials have exactly this vector, the
//! first included (1 where there is no other).
//!
//! DuckDB lets one process write, and nobody read meanwhile. The view is therefore open only
//! while batches are added. The high-water mark is written in the transaction of the batches: after
//! a crash, the ledger is replayed from there, and what the view has already is left out.

pub(crate) mod access;
mod batches;
pub(crate) mod columns;
mod frontier;
mod rehearsal;

use std::path::{Path, PathBuf};

use duckdb::{Connection, OptionalExt, params};
use jobs::JobResult;
use search_spaces::Direction;

use self::access::{APPEND_PATIENCE, Access, Fault, PATIENCE, open_to_write};
use self::columns::{Columns, Described, quoted};
use self::frontier::{Frontier, Member};
use crate::error::ResultsError;
use crate::record::{Finished, StudyRecord, StudyState};
use crate::table::{Row, StudySchema};

pub use self::rehearsal::try_database;

/// The layout of the tables. A view of any other layout is made anew from the ledger.
const VIEW_FORMAT: u32 = 2;

/// What a job cost; never hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTelemetry {
    /// First trial.
    pub first_trial: u64,
    /// Trial numbers in its result, skipped ones included.
    pub trials: u64,
    /// How many times it was handed out before.
    pub attempt: u32,
    /// Who computed it.
    pub worker: String,
    /// Wall-clock time in nanoseconds.
    pub elapsed_ns: u64,
}

impl From<&JobResult> for JobTelemetry {
    fn from(result: &JobResult) -> Self {
        Self {
            first_trial: result.id.0.0,
            trials: result.trials.len() as u64,
            attempt: result.attempt,
            worker: result.worker.clone(),
            elapsed_ns: result.elapsed_ns,
        }
    }
}

/// The next part of the table.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Rows in trial order.
    pub rows: &'a [Row],
    /// The jobs that they come from, in order of their first trial.
    pub jobs: &'a [JobTelemetry],
    /// The first trial number after the batch: the next that is expected.
    pub high_water: u64,
    /// Hash of the table up to there, in hexadecimal.
    pub results_hash: &'a str,
    /// How the study ended, where this is the last part.
    pub ended: Option<&'a Finished>,
}

/// The DuckDB view of a study, for the one process that runs the study.
#[derive(Debug)]
pub struct View {
    path: PathBuf,
    record: StudyRecord,
    schema: StudySchema,
    columns: Columns,
    /// Whether the tables have to be made first.
    is_new: bool,
    state: State,
    staged: Option<Staged>,
    notice: Option<String>,
}

/// What the file holds, as of the last look.
#[derive(Clone, Debug)]
struct State {
    high_water: u64,
    frontier: Frontier,
}

/// A transaction that is under way. Dropping it takes everything back.
#[derive(Debug)]
struct Staged {
    /// What the file will hold.
    state: State,
    /// The hash of the table, where it has become longer.
    results_hash: Option<String>,
    ended: Option<Finished>,
    access: Access,
}

impl View {
    /// Opens the view at `path`, or makes an empty one.
    ///
    /// A view that is damaged, or of another study or layout, is moved aside to
    /// `results.duckdb.damaged`, and [`View::notice`] says so. Whatever the view lacks is to be
    /// appended from the ledger, from [`View::high_water`] on.
    ///
    /// # Errors
    /// Somebody else has the file open for longer than ten seconds, or the file system fails.
    pub fn open(
        path: &Path,
        record: &StudyRecord,
        schema: &StudySchema,
    ) -> Result<Self, ResultsError> {
        let mut view = Self::expect(path, record, schema)?;
        if view.is_new {
            view.hold()?;
            view.publish()?;
        }
        Ok(view)
    }

    /// Opens the view at `path`. Where there is none, it is made with the first batch, or by
    /// [`View::hold`], so that nobody waits for it before the study begins.
    ///
    /// # Errors
    /// As [`View::open`].
    pub fn expect(
        path: &Path,
        record: &StudyRecord,
        schema: &StudySchema,
    ) -> Result<Self, ResultsError> {
        let mut view = Self {
            path: path.to_owned(),
            record: record.clone(),
            schema: schema.clone(),
            columns: Columns::new(schema),
            is_new: true,
            state: State { high_water: 0, frontier: Frontier::new(directions(schema)) },
            staged: None,
            notice: None,
        };
        if path.exists() {
            match check(path, record, schema, &view.columns) {
                Ok(Some(state)) => (view.is_new, view.state) = (false, state),
                // Its process ended before there was anything to see.
                Ok(None) => {}
                Err(Fault::Other(why)) => view.notice = Some(move_aside(path, &why)?),
                Err(fault) => return Err(fault.into_error(path)),
            }
        }
        Ok(view)
    }

    /// What a person should know about the opening: that a damaged view was moved aside.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// The next trial that the view expects: it holds every row before this one, those that are
    /// staged included.
    #[must_use]
    pub fn high_water(&self) -> u64 {
        self.staged.as_ref().map_or(self.state.high_water, |staged| staged.state.high_water)
    }

    /// Whether the file is open, so that nobody else can read it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.staged.is_some()
    }

    /// Opens the file and keeps it open until [`View::publish`].
    ///
    /// # Errors
    /// As [`View::append`].
    pub fn hold(&mut self) -> Result<(), ResultsError> {
        let held = self.held().map(|staged| self.staged = Some(staged));
        held.map_err(|fault| fault.into_error(&self.path))
    }

    /// Adds a batch, as a whole or not at all. Rows and jobs before the high-water mark are in
    /// the view already and left out.
    ///
    /// # Errors
    /// Somebody else has the file open for longer than three seconds, the disk is full, or DuckDB
    /// fails. Either way the ledger has the rows: they can be appended later.
    ///
    /// # Panics
    /// If the rows are not in trial order, or reach beyond the batch's own high-water mark.
    pub fn append(&mut self, batch: &Batch<'_>) -> Result<(), ResultsError> {
        self.stage(batch)?;
        self.publish()
    }

    /// Adds a batch to those that nobody sees before [`View::publish`]. The file is held until
    /// then. After an error, everything that was staged has to be staged again.
    ///
    /// # Errors
    /// As [`View::append`].
    ///
    /// # Panics
    /// As [`View::append`].
    pub fn stage(&mut self, batch: &Batch<'_>) -> Result<(), ResultsError> {
        assert!(batch.rows.is_sorted_by(|a, b| a.trial < b.trial), "rows come in trial order");
        let within = batch.rows.last().is_none_or(|row| row.trial < batch.high_water);
        assert!(within, "rows end before the high-water mark");
        self.try_stage(batch).map_err(|fault| fault.into_error(&self.path))
    }

    /// Shows what is staged, and closes the file.
    ///
    /// # Errors
    /// As [`View::append`].
    pub fn publish(&mut self) -> Result<(), ResultsError> {
        self.try_publish().map_err(|fault| fault.into_error(&self.path))
    }

    /// The transaction under way, or a new one.
    fn held(&mut self) -> Result<Staged, Fault> {
        if let Some(staged) = self.staged.take() {
            return Ok(staged);
        }
        let access = open_to_write(&self.path, APPEND_PATIENCE)?;
        let connection = &access.connection;
        // A commit may have failed after it took effect: the file knows, this process need not.
        let is_new = self.is_new && is_empty(connection)?;
        if is_new {
            connection.execute_batch("BEGIN TRANSACTION")?;
            create(connection, &self.record, &self.schema, &self.columns)?;
            connection.execute_batch("COMMIT")?;
            self.is_new = false;
        } else if self.is_new || read_high_water(connection)? != self.state.high_water {
            self.state = read_state(connection, &self.columns, &self.schema)?;
            self.is_new = false;
        }
        connection.execute_batch("BEGIN TRANSACTION")?;
        let state = self.state.clone();
        Ok(Staged { state, results_hash: None, ended: None, access })
    }

    fn try_stage(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        let mut staged = self.held()?;
        let high_water = staged.state.high_water;
        if batch.high_water > high_water {
            let rows = &batch.rows[batch.rows.partition_point(|row| row.trial < high_water)..];
            let new = batch.jobs.partition_point(|job| job.first_trial < high_water);
            self.insert(&staged.access.connection, rows, batch.jobs, &batch.jobs[new..])?;
            staged.state.frontier.extend(rows.iter().filter_map(|row| {
                let oriented = self.schema.oriented_objectives(row)?;
                Some(Member { trial: row.trial, oriented, ties: 1 })
            }));
            staged.state.high_water = batch.high_water;
            staged.results_hash = Some(batch.results_hash.to_owned());
        }
        if let Some(finished) = batch.ended {
            staged.ended = Some(finished.clone());
        }
        self.staged = Some(staged);
        Ok(())
    }

    fn try_publish(&mut self) -> Result<(), Fault> {
        let Staged { state, results_hash, ended, access } = self.held()?;
        let connection = &access.connection;
        if state.frontier != self.state.frontier {
            write_frontier(connection, &self.columns, &state.frontier)?;
        }
        if let Some(results_hash) = results_hash {
            connection.execute(
                "UPDATE progress SET high_water = ?, results_hash = ?",
                params![state.high_water, results_hash],
            )?;
        }
        if let Some(finished) = ended {
            write_end(connection, &finished)?;
        }
        connection.execute_batch("COMMIT")?;
        self.state = state;
        close(access)
    }

    fn insert(
        &self,
        connection: &Connection,
        rows: &[Row],
        jobs: &[JobTelemetry],
        new_jobs: &[JobTelemetry],
    ) -> Result<(), Fault> {
        // An appender that is dropped hides its errors: each one is flushed.
        let mut trials = connection.appender("trials")?;
        for batch in batches::trials(&self.columns, &self.schema, rows, jobs) {
            trials.append_record_batch(batch)?;
        }
        trials.flush()?;
        let mut reports = connection.appender("reports")?;
        for batch in batches::reports(&self.columns, rows) {
            reports.append_record_batch(batch)?;
        }
        reports.flush()?;
        let mut telemetry = connection.appender("telemetry")?;
        telemetry.append_record_batch(batches::telemetry(new_jobs))?;
        Ok(telemetry.flush()?)
    }
}

/// Writes down how the study ended.
fn write_end(connection: &Connection, finished: &Finished) -> Result<(), Fault> {
    connection.execute(
        "UPDATE studies SET status = ?, results_hash = ?, tainted = ?",
        params![finished.state.name(), finished.results_hash, finished.tainted],
    )?;
    Ok(())
}

fn directions(schema: &StudySchema) -> Vec<Direction> {
    schema.objectives().iter().map(|objective| objective.direction).collect()
}

/// Whatever is left in the write-ahead log would keep readers out, who cannot replay it.
fn close(access: Access) -> Result<(), Fault> {
    access.connection.execute_batch("CHECKPOINT")?;
    drop(access);
    Ok(())
}

/// Whether there is not a single table.
fn is_empty(connection: &Connection) -> Result<bool, Fault> {
    let sql = "SELECT count(*) = 0 FROM duckdb_tables()";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Opens a view that is there: it must be this study's, and whole. None where it holds nothing.
fn check(
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

fn create(
    connection: &Connection,
    record: &StudyRecord,
    schema: &StudySchema,
    columns: &Columns,
) -> Result<(), Fault> {
    connection.execute_batch(&columns.create_tables())?;
    for (position, each) in columns.described(schema).iter().enumerate() {
        let position = i32::try_from(position).expect("a table has few columns");
        connection.execute(
            "INSERT INTO columns VALUES (?, ?, ?, ?, ?, ?)",
            params![position, each.column, each.kind, each.source, each.direction, each.importance],
        )?;
    }
    connection.execute(
        "INSERT INTO studies VALUES (?, ?, NULL, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?,
             make_timestamp(CAST(? AS BIGINT) * 1000), ?)",
        params![
            record.name,
            StudyState::Running.name(),
            record.algorithm,
            record.seed,
            record.trials,
            record.chunk,
            record.lag,
            record.fingerprint,
            record.data_fingerprint,
            record.program_version,
            record.git_commit,
            record.created_at,
            record.template
        ],
    )?;
    connection.execute(
        "INSERT INTO progress VALUES (?, ?, 0, NULL)",
        params![VIEW_FORMAT, record.fingerprint],
    )?;
    Ok(())
}

fn move_aside(path: &Path, why: &str) -> Result<String, ResultsError> {
    let aside = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".damaged");
        PathBuf::from(name)
    };
    let log = path.with_extension("duckdb.wal");
    for file in [path, &log] {
        if file.exists() {
            std::fs::rename(file, aside(file))
                .map_err(|error| ResultsError::io("move", file, error))?;
        }
    }
    Ok(format!(
        "{} could not be used ({why}); it is now {}, and a new one is made from the ledger",
        path.display(),
        aside(path).display()
    ))
}

pub(crate) fn read_high_water(connection: &Connection) -> Result<u64, Fault> {
    Ok(connection.query_row("SELECT high_water FROM progress", [], |row| row.get(0))?)
}

fn read_state(
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

fn write_frontier(
    connection: &Connection,
    columns: &Columns,
    frontier: &Frontier,
) -> Result<(), Fault> {
    use std::sync::Arc;

    use duckdb::arrow::array::{ArrayRef, BooleanArray, UInt64Array};

    connection.execute_batch("DELETE FROM frontier")?;
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
