//! Reading a view, from any process and while the study runs.
//!
//! The file is open only during a call, so that the study is never kept waiting for long.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use duckdb::types::ValueRef;
use duckdb::{Connection, params};
use search_spaces::{Aggregate, Course, Direction, Objective};
use serde::{Serialize, Serializer};

use crate::error::ResultsError;
use crate::lock::StudyLock;
use crate::ranking::{Ranker, Ranking};
use crate::sql::{said_of_sql, single_condition, single_query, text_literal};
use crate::view::access::{Access, Fault, PATIENCE, open_to_read};
use crate::view::columns::quoted;
use crate::view::read_high_water;

/// A view that is not there yet is looked for this often.
const PAUSE: Duration = Duration::from_millis(5);

/// The size of a database file without a table: the three headers of DuckDB's.
const EMPTY_BYTES: u64 = 3 * 4096;

/// Trial numbers that are read at a time.
const PAGE: u64 = 1 << 20;

/// A value of a query's answer.
///
/// In JSON a number, a text, a bool or null; NaN, infinities, and integers beyond 64 bits are
/// texts there.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A text, and whatever is none of the others, as DuckDB writes it.
    Text(String),
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(value) => value.fmt(out),
            Self::Int(value) => value.fmt(out),
            Self::Float(value) if value.is_nan() => out.write_str("nan"),
            Self::Float(value) => value.fmt(out),
            Self::Text(value) => value.fmt(out),
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Float(value) if value.is_finite() => serializer.serialize_f64(*value),
            Self::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(value), _) => serializer.serialize_i64(value),
                (_, Ok(value)) => serializer.serialize_u64(value),
                _ => serializer.serialize_str(&value.to_string()),
            },
            other => serializer.serialize_str(&other.to_string()),
        }
    }
}

/// The answer of a query.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows: a cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// What a column of `trials` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownColumn {
    /// Its name.
    pub name: String,
    /// `fixed`, `parameter`, `metric` or `constraint`.
    pub kind: String,
    /// The place among the objectives, from 1, of one that is an objective.
    pub importance: Option<i32>,
}

/// The view of a study, for reading.
#[derive(Clone, Debug)]
pub struct ViewReader {
    path: PathBuf,
    high_water: u64,
    columns: Vec<KnownColumn>,
    objectives: Vec<Objective>,
    /// Columns of the objectives in `trials`.
    objective_columns: Vec<String>,
    /// Columns of the outcome constraints in `trials`.
    violation_columns: Vec<String>,
    /// What stands in front of a query so that pruned trials have the metrics of their last report.
    with_pruned: Option<String>,
}

impl ViewReader {
    /// Looks at the view at `path`.
    ///
    /// # Errors
    /// There is none and no study runs that is about to make it, it is damaged, or somebody writes to it for longer than ten seconds.
    pub fn open(path: &Path) -> Result<Self, ResultsError> {
        let open = || Self::describe(path, &open_to_read(path, PATIENCE)?.connection);
        let mut waited = Duration::ZERO;
        loop {
            match open() {
                Err(Fault::Other(_)) if waited < PATIENCE && is_about_to_be_made(path) => {
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                result => return result.map_err(|fault| fault.into_read_error(path)),
            }
        }
    }

    /// Looks at the view at `path` once: the `top` best trials, which `query` may shorten, and the
    /// answer to the query that it makes of them.
    ///
    /// # Errors
    /// As [`ViewReader::open`] and [`ViewReader::query`].
    pub fn best(
        path: &Path,
        top: usize,
        query: impl FnOnce(&mut Ranking) -> String,
    ) -> Result<(Self, Ranking, Table), ResultsError> {
        let look = || {
            let access = open_to_read(path, PATIENCE)?;
            let reader = Self::describe(path, &access.connection)?;
            let mut ranking = reader.rank(&access.connection, top, "true")?;
            let table = answer(&access.connection, &query(&mut ranking))?;
            Ok((reader, ranking, table))
        };
        look().map_err(|fault: Fault| fault.into_read_error(path))
    }

    fn describe(path: &Path, connection: &Connection) -> Result<Self, Fault> {
        let mut reader = Self {
            path: path.to_owned(),
            high_water: read_high_water(connection)?,
            columns: Vec::new(),
            objectives: Vec::new(),
            objective_columns: Vec::new(),
            violation_columns: Vec::new(),
            with_pruned: None,
        };
        let sql = "SELECT name, kind, source, direction, importance FROM columns
                   ORDER BY importance NULLS LAST, position";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
            let importance: Option<i32> = row.get(4)?;
            if kind == "constraint" {
                reader.violation_columns.push(name.clone());
            }
            reader.columns.push(KnownColumn { name: name.clone(), kind, importance });
            if importance.is_none() {
                continue;
            }
            let direction = match row.get::<_, String>(3)?.as_str() {
                "maximize" => Direction::Maximize,
                _ => Direction::Minimize,
            };
            reader.objective_columns.push(name);
            reader.objectives.push(Objective { metric: row.get(2)?, direction });
        }
        Ok(reader)
    }

    /// The same view, in which pruned trials that have not gone on have for metrics what their
    /// reports amount to, and are ranked by it among the complete ones.
    ///
    /// # Errors
    /// A view that cannot be opened.
    pub fn including_pruned(mut self, course: Course) -> Result<Self, ResultsError> {
        let names = |sql: &str| -> Result<Vec<String>, ResultsError> {
            let rows = self.query(sql)?.rows;
            Ok(rows.iter().map(|row| quoted(&row[0].to_string())).collect())
        };
        let metrics = names("SELECT name FROM columns WHERE kind = 'metric' ORDER BY position")?;
        let reported = names(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'reports' \
             AND ordinal_position > 2 ORDER BY ordinal_position",
        )?;
        let amounts = metrics.iter().zip(&reported).map(|(metric, report)| {
            let columns = self.objective_columns.iter().map(|name| quoted(name));
            let place = columns.zip(&self.objectives).find(|(name, _)| name == metric);
            amount(report, course, place.map(|(_, objective)| objective.direction))
        });
        let amounts: Vec<String> = amounts.collect();
        let replaced = metrics.iter().zip(&reported).map(|(metric, report)| {
            format!("CASE t.status WHEN 'pruned' THEN r.{report} ELSE t.{metric} END AS {metric}")
        });
        let replaced: Vec<String> = replaced.collect();
        self.with_pruned = Some(format!(
            "WITH amounts AS (SELECT trial, {} FROM reports GROUP BY trial), \
             trials AS (SELECT t.* REPLACE ({}) FROM main.trials t \
             LEFT JOIN amounts r ON r.trial = t.trial AND t.status = 'pruned' \
             WHERE t.status <> 'pruned' OR NOT EXISTS (SELECT 1 FROM main.trials c \
             WHERE c.origin = coalesce(t.origin, t.trial) AND c.trial > t.trial)) ",
            amounts.join(", "),
            replaced.join(", ")
        ));
        Ok(self)
    }

    /// A query of this program as this view has it answered.
    #[must_use]
    pub fn asking(&self, sql: &str) -> String {
        format!("{}{sql}", self.with_pruned.as_deref().unwrap_or_default())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next trial that the view expected when it was opened: it held every row before this
    /// one. The ledger may be ahead.
    #[must_use]
    pub fn high_water(&self) -> u64 {
        self.high_water
    }

    /// The columns of `trials`: the objectives in order of importance, then all others in theirs.
    #[must_use]
    pub fn columns(&self) -> &[KnownColumn] {
        &self.columns
    }

    /// The objectives, in order of importance.
    #[must_use]
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// The answer to a user's SQL: one statement, which can change nothing and reach no file.
    ///
    /// # Errors
    /// Whatever DuckDB says against it, or a view that cannot be opened.
    pub fn query(&self, sql: &str) -> Result<Table, ResultsError> {
        let statement = single_query(sql)?;
        let access = self.open_locked_down(None)?;
        answer(&access.connection, &statement).map_err(query_error)
    }

    /// The `top` best trials among those that meet a condition (or all).
    ///
    /// # Errors
    /// As [`ViewReader::query`].
    pub fn ranking(&self, top: usize, filter: Option<&str>) -> Result<Ranking, ResultsError> {
        let access = self.open_locked_down(None)?;
        self.rank(&access.connection, top, &condition(filter)?).map_err(query_error)
    }

    fn rank(
        &self,
        connection: &Connection,
        top: usize,
        condition: &str,
    ) -> duckdb::Result<Ranking> {
        let directions: Vec<Direction> =
            self.objectives.iter().map(|objective| objective.direction).collect();
        let mut ranker = Ranker::new(&directions, top);
        self.offer(connection, condition, &mut ranker)?;
        Ok(ranker.finish())
    }

    /// Offers all trials to a ranking, page by page: the answer of a single query would be in
    /// memory as a whole, and trials are stored by number, so that a page is found at once.
    fn offer(
        &self,
        connection: &Connection,
        condition: &str,
        ranker: &mut Ranker,
    ) -> duckdb::Result<()> {
        use duckdb::arrow::array::{Array, AsArray, BooleanArray};
        use duckdb::arrow::datatypes::{Float64Type, UInt64Type};

        let objectives: Vec<String> =
            self.objective_columns.iter().map(|name| quoted(name)).collect();
        // A NaN would have become NULL: it says as little about the violation as an infinity.
        let violations: Vec<String> = self
            .violation_columns
            .iter()
            .map(|name| format!(" + coalesce({}, 'Infinity'::DOUBLE)", quoted(name)))
            .collect();
        let objectives = objectives.join(", ");
        // What was pruned before it had all objectives cannot be compared.
        let pruned = match self.with_pruned {
            Some(_) => {
                let finite = self.objective_columns.iter().map(|name| {
                    let name = quoted(name);
                    format!(" AND {name} IS NOT NULL AND isfinite({name})")
                });
                format!("OR (status = 'pruned'{})", finite.collect::<String>())
            }
            None => String::new(),
        };
        let sql = self.asking(&format!(
            "SELECT trial, status <> 'infeasible', 0.0::DOUBLE{}, {objectives} FROM trials
             WHERE trial >= ? AND trial < ? AND (status IN ('complete', 'infeasible') {pruned})
             AND ({condition})",
            violations.concat(),
        ));
        let last = connection.query_row("SELECT max(trial) FROM trials", [], |row| row.get(0))?;
        let last: Option<u64> = last;
        let Some(last) = last else { return Ok(()) };
        let mut statement = connection.prepare(&sql)?;
        let mut values = vec![0.0; self.objectives.len()];
        for page in 0..=last / PAGE {
            statement.execute(params![page * PAGE, (page + 1).saturating_mul(PAGE)])?;
            while let Some(batch) = statement.step()? {
                let trials = batch.column(0).as_primitive::<UInt64Type>();
                let complete: &BooleanArray = batch.column(1).as_boolean();
                let violations = batch.column(2).as_primitive::<Float64Type>();
                let objectives = batch.columns()[3..].iter();
                let objectives: Vec<_> =
                    objectives.map(AsArray::as_primitive::<Float64Type>).collect();
                for index in 0..batch.len() {
                    if !complete.value(index) {
                        ranker.infeasible(trials.value(index), violations.value(index));
                        continue;
                    }
                    for (value, column) in values.iter_mut().zip(&objectives) {
                        *value = column.value(index);
                    }
                    ranker.complete(trials.value(index), &values);
                }
            }
        }
        Ok(())
    }

    /// A connection for a user's SQL: read-only, without any file but `writable`, and with no way
    /// to change that.
    pub(crate) fn open_locked_down(&self, writable: Option<&str>) -> Result<Access, ResultsError> {
        let open = || -> Result<Access, Fault> {
            let access = open_to_read(&self.path, PATIENCE)?;
            if let Some(path) = writable {
                let allow = format!("SET allowed_paths = [{}]", text_literal(path));
                access.connection.execute_batch(&allow)?;
            }
            access.connection.execute_batch(
                "SET enable_external_access = false; SET lock_configuration = true",
            )?;
            Ok(access)
        };
        open().map_err(|fault| fault.into_read_error(&self.path))
    }
}

/// Whether a study runs that has only just begun: it makes its view beside its first trials.
fn is_about_to_be_made(path: &Path) -> bool {
    let has_tables = path.metadata().is_ok_and(|file| file.len() > EMPTY_BYTES);
    !has_tables && StudyLock::is_held(&path.with_file_name("lock"))
}

/// The SQL of the trials that meet a condition (or all), in trial order: for
/// [`ViewReader::export`].
///
/// # Errors
/// A condition that is no single expression.
pub fn trials_sql(filter: Option<&str>) -> Result<String, ResultsError> {
    Ok(format!("SELECT * FROM trials WHERE {} ORDER BY trial", condition(filter)?))
}

/// In SQL, what the reports of a trial amount to in a column, which may be that of an objective.
/// Metrics that are none are means over replications, whatever counts for the objectives.
fn amount(report: &str, course: Course, direction: Option<Direction>) -> String {
    let Course::All(aggregate) = course else {
        return format!("arg_max_null({report}, step) AS {report}");
    };
    let (worst_first, worst_is_largest) = match direction {
        Some(Direction::Maximize) => ("ASC", false),
        _ => ("DESC", true),
    };
    match aggregate {
        Aggregate::Quantile(share) if direction.is_some() => {
            let share = if worst_is_largest { share } else { 1.0 - share };
            format!("quantile_cont({report}, {share}) AS {report}")
        }
        Aggregate::ConditionalValueAtRisk(share) if direction.is_some() => {
            let weight = format!("({share} * count({report}))");
            format!(
                "list_sum(list_transform(\
                 list({report} ORDER BY {report} {worst_first}) FILTER ({report} IS NOT NULL), \
                 lambda value, place: value * greatest(0, least(1, {weight} - (place - 1))))) \
                 / {weight} AS {report}"
            )
        }
        _ => format!("avg({report}) AS {report}"),
    }
}

/// The line break ends a comment that the condition may end in.
fn condition(filter: Option<&str>) -> Result<String, ResultsError> {
    match filter {
        None => Ok("true".to_owned()),
        Some(text) => Ok(format!("({}\n)", single_condition(text)?)),
    }
}

/// What DuckDB says about a query is said to the user.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn query_error(error: duckdb::Error) -> ResultsError {
    ResultsError::Query(said_of_sql(&error.to_string()))
}

/// The answer to a single query.
fn answer(connection: &Connection, query: &str) -> duckdb::Result<Table> {
    // A table of its own says what types the columns have, before a row is read.
    connection.execute_batch(&format!("CREATE TEMP TABLE answer AS {query}"))?;
    read_answer(connection)
}

fn read_answer(connection: &Connection) -> duckdb::Result<Table> {
    let sql = "SELECT column_name, data_type FROM duckdb_columns()
               WHERE table_name = 'answer' AND database_name = 'temp' ORDER BY column_index";
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(String, String)> = found.collect::<Result<_, _>>()?;
    let selected: Vec<String> = found
        .iter()
        .map(|(name, data_type)| match data_type.as_str() {
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT"
            | "USMALLINT" | "UINTEGER" | "UBIGINT" | "DOUBLE" => quoted(name),
            "FLOAT" => format!("{}::DOUBLE", quoted(name)),
            decimal if decimal.starts_with("DECIMAL") => format!("{}::DOUBLE", quoted(name)),
            _ => format!("{}::VARCHAR", quoted(name)),
        })
        .collect();
    let sql = format!("SELECT {} FROM answer ORDER BY rowid", selected.join(", "));
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        (0..found.len()).map(|index| Ok(cell(row.get_ref(index)?))).collect()
    })?;
    let rows = rows.collect::<Result<_, _>>()?;
    Ok(Table { columns: found.into_iter().map(|(name, _)| name).collect(), rows })
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Boolean(value) => Cell::Bool(value),
        ValueRef::TinyInt(value) => Cell::Int(value.into()),
        ValueRef::SmallInt(value) => Cell::Int(value.into()),
        ValueRef::Int(value) => Cell::Int(value.into()),
        ValueRef::BigInt(value) => Cell::Int(value.into()),
        ValueRef::HugeInt(value) => Cell::Int(value),
        ValueRef::UTinyInt(value) => Cell::Int(value.into()),
        ValueRef::USmallInt(value) => Cell::Int(value.into()),
        ValueRef::UInt(value) => Cell::Int(value.into()),
        ValueRef::UBigInt(value) => Cell::Int(value.into()),
        ValueRef::Double(value) => Cell::Float(value),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        other => unreachable!("every other type is read as text, not {other:?}"),
    }
}
