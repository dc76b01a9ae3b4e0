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
mod tables;

use std::path::{Path, PathBuf};

use duckdb::{Connection, params};
use jobs::JobResult;

use self::access::{APPEND_PATIENCE, Access, Fault, open_to_write, open_to_write_little};
use self::columns::Columns;
use self::frontier::{Frontier, Member};
use self::tables::{
    Progress, check, close, create, directions, is_empty, read_state, write_end, write_first,
    write_frontier,
};
use crate::error::ResultsError;
use crate::record::{Finished, StudyRecord};
use crate::table::{Row, StudySchema};

pub use self::rehearsal::try_database;
pub(crate) use self::tables::read_high_water;

/// The layout of the tables. A view of any other layout is made anew from the ledger.
const VIEW_FORMAT: u32 = 3;

/// For so few trials, to look for the best compression of each column takes longer than to write
/// them. The next batch that comes to a group of rows writes the whole group anew.
const SMALL: u64 = 10_000;

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
    /// Whether the tables were made in it, too.
    is_new: bool,
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
        let was_there = self.path.exists();
        let is_small = self.record.trials.is_some_and(|trials| trials < SMALL);
        let open = if is_small { open_to_write_little } else { open_to_write };
        let access = open(&self.path, APPEND_PATIENCE)?;
        let connection = &access.connection;
        // A commit may have failed after it took effect: the file knows, this process need not.
        let is_empty = self.is_new && (!was_there || is_empty(connection)?);
        if !is_empty && (self.is_new || read_high_water(connection)? != self.state.high_water) {
            self.state = read_state(connection, &self.columns, &self.schema)?;
            self.is_new = false;
        }
        connection.execute_batch("BEGIN TRANSACTION")?;
        if is_empty {
            create(connection, &self.schema, &self.columns)?;
        }
        let state = self.state.clone();
        Ok(Staged { is_new: is_empty, state, results_hash: None, ended: None, access })
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
        let Staged { is_new, state, results_hash, ended, access } = self.held()?;
        let connection = &access.connection;
        if is_new {
            let progress = Progress { high_water: state.high_water, results_hash };
            write_first(connection, &self.record, &progress, ended.as_ref())?;
        } else {
            if let Some(results_hash) = results_hash {
                connection.execute(
                    "UPDATE progress SET high_water = ?, results_hash = ?",
                    params![state.high_water, results_hash],
                )?;
            }
            if let Some(finished) = ended {
                write_end(connection, &finished)?;
            }
        }
        if state.frontier != self.state.frontier {
            if !is_new {
                connection.execute_batch("DELETE FROM frontier")?;
            }
            write_frontier(connection, &self.columns, &state.frontier)?;
        }
        let compression = if state.high_water < SMALL { "uncompressed" } else { "auto" };
        connection.execute_batch(&format!("SET force_compression = '{compression}'; COMMIT"))?;
        (self.state, self.is_new) = (state, false);
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
