//! The rows of one file, as columns of numbers.

use std::collections::BTreeMap;
use std::path::Path;

use duckdb::Connection;
use duckdb::arrow::array::{Array, Float64Array, Int64Array, RecordBatch, StringArray};
use simulators::{Column, DataError, PRICES};

use crate::columns::{Columns, Role};
use crate::duck::{Table, TableColumn, fault};
use crate::error::SetError;
use crate::times::{self, Written};

/// The rows of a file in their order.
#[derive(Debug)]
pub(crate) struct Rows {
    pub table: Table,
    pub times: Vec<Written>,
    /// The symbols, in the order in which they first appear, and of which each row is; none where
    /// the file does not say.
    pub symbols: Option<(Vec<String>, Vec<u32>)>,
    /// As in [`simulators::Bars`].
    pub columns: Vec<Column>,
    /// Names of columns that hold no numbers.
    pub left_out: Vec<String>,
}

/// Texts that say that there is no number. A list, and not what stands after IN: of that DuckDB makes
/// a join, and a join does not keep the order of the rows.
const MISSING: &str = "['', 'nan', 'null', 'na', 'n/a', 'none', '-']";

/// How the times of a file are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Text,
    Number,
    /// Microseconds on the wall.
    Wall,
    /// Microseconds in UTC.
    Instant,
}

/// A column that is read as numbers.
struct Wanted {
    name: String,
    /// The expression of the file's column.
    cell: String,
    is_text: bool,
    is_required: bool,
}

impl Rows {
    /// Reads a file through a table of the database, which is gone afterwards.
    pub(crate) fn read(
        connection: &Connection,
        path: &Path,
        chosen: &[(Role, String)],
    ) -> Result<Self, SetError> {
        let table = Table::open(connection, path)?;
        let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
        let columns = Columns::find(&names, chosen, &table.file)?;
        let (clock, time) = time_column(connection, &table, &columns)?;
        let cell = table.columns[columns.roles[&Role::Time]].cell.clone();
        let symbol =
            columns.roles.get(&Role::Symbol).map(|place| table.columns[*place].cell.clone());
        let wanted = wanted(&table, &columns);
        let mut selected = vec![format!("{time} AS time")];
        let as_text = |cell: &String| format!("trim({cell}::VARCHAR)");
        selected.push(format!("{} AS symbol", symbol.as_ref().map_or("NULL".to_owned(), as_text)));
        for (index, column) in wanted.iter().enumerate() {
            let cell = &column.cell;
            selected.push(format!("{} AS v{index}", column.number()));
            if column.is_text {
                selected.push(format!(
                    "({cell} IS NOT NULL AND {} IS NULL \
                     AND NOT list_contains({MISSING}, lower(trim({cell})))) AS b{index}",
                    column.number()
                ));
            }
        }
        let sql = format!(
            "CREATE OR REPLACE TABLE bars AS SELECT {} FROM {}",
            selected.join(", "),
            table.reader
        );
        connection.execute_batch(&sql).map_err(|error| fault(&table.file, &error))?;
        let Numeric { kept, left_out } = numeric(connection, &table, wanted)?;
        let mut rows =
            Self { table, times: Vec::new(), symbols: None, columns: Vec::new(), left_out };
        rows.fetch(connection, clock, symbol.is_some(), &kept, &cell)?;
        connection.execute_batch("DROP TABLE bars")?;
        Ok(rows)
    }

    fn fetch(
        &mut self,
        connection: &Connection,
        clock: Clock,
        has_symbols: bool,
        kept: &[(usize, String)],
        cell: &str,
    ) -> Result<(), SetError> {
        let values: String = kept.iter().map(|(index, _)| format!(", v{index}")).collect();
        let mut statement =
            connection.prepare(&format!("SELECT time, symbol{values} FROM bars"))?;
        let named = |(_, name): &(usize, String)| Column { name: name.clone(), values: Vec::new() };
        self.columns = kept.iter().map(named).collect();
        if clock == Clock::Number
            && let Some(row) = connection.query_row(
                "SELECT min(rowid) FROM bars WHERE time IS NULL",
                [],
                |row| row.get::<_, Option<i64>>(0),
            )?
        {
            let text = raw(connection, &self.table, cell, row)?;
            let (row, found) = (row.cast_unsigned(), format!("\"{text}\""));
            return Err(self.table.cell_fault(row, "time", &found, times::ALLOWED).into());
        }
        let mut numbers = Vec::new();
        let mut symbols = Symbols::default();
        let mut row = 0;
        for batch in statement.stream_arrow([])? {
            self.times_of(&batch, clock, row, &mut numbers)?;
            if has_symbols {
                symbols.add(&batch, &self.table, row)?;
            }
            for (place, column) in self.columns.iter_mut().enumerate() {
                let cells: &Float64Array = cells(&batch, place + 2);
                column.values.extend(cells.iter().map(|cell| cell.unwrap_or(f64::NAN)));
            }
            row += batch.num_rows() as u64;
        }
        if row == 0 {
            let allowed = "at least one bar";
            return Err(DataError::new(&self.table.file, None, "", "no rows", allowed).into());
        }
        if clock == Clock::Number {
            self.times = times::counted(&numbers).map_err(|place| {
                let found = format!("{}", numbers[place]);
                self.table.cell_fault(place as u64, "time", &found, times::ALLOWED)
            })?;
        }
        self.symbols = has_symbols.then_some((symbols.names, symbols.of_row));
        Ok(())
    }

    fn times_of(
        &mut self,
        batch: &RecordBatch,
        clock: Clock,
        first: u64,
        numbers: &mut Vec<f64>,
    ) -> Result<(), SetError> {
        let missing = |place: usize| {
            self.table.cell_fault(first + place as u64, "time", "nothing", times::ALLOWED)
        };
        match clock {
            Clock::Text => {
                for (place, text) in cells::<StringArray>(batch, 0).iter().enumerate() {
                    let text = text.ok_or_else(|| missing(place))?;
                    self.times.push(times::written(text).ok_or_else(|| {
                        let found = format!("\"{text}\"");
                        let row = first + place as u64;
                        self.table.cell_fault(row, "time", &found, times::ALLOWED)
                    })?);
                }
            }
            Clock::Number => {
                let cells = cells::<Float64Array>(batch, 0);
                numbers.extend(cells.iter().map(|cell| cell.unwrap_or(f64::NAN)));
            }
            Clock::Wall | Clock::Instant => {
                for (place, time) in cells::<Int64Array>(batch, 0).iter().enumerate() {
                    let wall = time.ok_or_else(|| missing(place))?;
                    let instant = (clock == Clock::Instant).then_some(wall);
                    self.times.push(Written { wall, instant });
                }
            }
        }
        Ok(())
    }
}

impl Wanted {
    fn number(&self) -> String {
        let cell = &self.cell;
        match self.is_text {
            true => format!("TRY_CAST(trim({cell}) AS DOUBLE)"),
            false => format!("{cell}::DOUBLE"),
        }
    }
}

/// A column of a batch; what it holds was written into the query.
fn cells<T: 'static>(batch: &RecordBatch, column: usize) -> &T {
    batch.column(column).as_any().downcast_ref().expect("the query has columns of this type")
}

#[derive(Default)]
struct Symbols {
    names: Vec<String>,
    places: BTreeMap<String, u32>,
    of_row: Vec<u32>,
}

impl Symbols {
    fn add(&mut self, batch: &RecordBatch, table: &Table, first: u64) -> Result<(), SetError> {
        let allowed = "the symbol of the bar, without control characters";
        for (place, name) in cells::<StringArray>(batch, 1).iter().enumerate() {
            let name = name.unwrap_or_default();
            if name.is_empty() || name.contains(char::is_control) {
                let found = format!("\"{name}\"");
                let row = first + place as u64;
                return Err(table.cell_fault(row, "symbol", &found, allowed).into());
            }
            // Most rows are of the symbol of the row before.
            let last = self.of_row.last().copied();
            let same = last.filter(|last| self.names[*last as usize] == name);
            let known = same.or_else(|| self.places.get(name).copied());
            self.of_row.push(known.unwrap_or_else(|| {
                let place =
                    u32::try_from(self.names.len()).expect("fewer than there is memory for");
                self.names.push(name.to_owned());
                self.places.insert(name.to_owned(), place);
                place
            }));
        }
        Ok(())
    }
}

/// The expression of the times, and what it gives.
fn time_column(
    connection: &Connection,
    table: &Table,
    columns: &Columns,
) -> Result<(Clock, String), SetError> {
    let TableColumn { name, kind, cell } = &table.columns[columns.roles[&Role::Time]];
    if let Some(hour) = columns.roles.get(&Role::Hour) {
        let hour = &table.columns[*hour].cell;
        return Ok((Clock::Text, format!("trim({cell}::VARCHAR) || ' ' || trim({hour}::VARCHAR)")));
    }
    Ok(match kind.as_str() {
        "VARCHAR" if table.is_csv() => {
            // A column of digits is one of numbers, however it is written.
            return text_or_number(connection, table, cell);
        }
        "VARCHAR" => (Clock::Text, cell.clone()),
        "TIMESTAMP WITH TIME ZONE" => (Clock::Instant, format!("epoch_us({cell})")),
        "DATE" | "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS" => {
            (Clock::Wall, format!("epoch_us({cell}::TIMESTAMP)"))
        }
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "UTINYINT" | "USMALLINT" | "UINTEGER"
        | "UBIGINT" | "HUGEINT" | "DOUBLE" | "FLOAT" => (Clock::Number, format!("{cell}::DOUBLE")),
        other if other.starts_with("DECIMAL") => (Clock::Number, format!("{cell}::DOUBLE")),
        other => {
            let found = format!("a column \"{name}\" of type {other}");
            return Err(DataError::new(&table.file, None, "time", &found, times::ALLOWED).into());
        }
    })
}

/// Whether the times of a CSV file are texts or numbers, as its first row has them.
fn text_or_number(
    connection: &Connection,
    table: &Table,
    cell: &str,
) -> Result<(Clock, String), SetError> {
    let number = format!("TRY_CAST(trim({cell}) AS DOUBLE)");
    let sql = format!("SELECT {number} IS NOT NULL FROM {} LIMIT 1", table.reader);
    let is_number = connection.query_row(&sql, [], |row| row.get(0));
    match is_number {
        Ok(true) => Ok((Clock::Number, number)),
        Ok(false) | Err(duckdb::Error::QueryReturnedNoRows) => Ok((Clock::Text, cell.to_owned())),
        Err(error) => Err(fault(&table.file, &error)),
    }
}

/// The columns that hold numbers, or may.
fn wanted(table: &Table, columns: &Columns) -> Vec<Wanted> {
    let prices = [Role::Open, Role::High, Role::Low, Role::Close, Role::Volume, Role::Adjusted];
    let places = prices.iter().filter_map(|role| {
        let place = columns.roles.get(role)?;
        Some((*place, role.name().to_owned(), true))
    });
    let others = columns.others.iter().map(|(place, name)| (*place, name.clone(), false));
    let is_plain = |kind: &str| {
        let list = ["DATE", "TIME", "BLOB", "UUID", "STRUCT", "MAP", "INTERVAL", "ENUM"];
        !kind.ends_with(']') && !list.iter().any(|other| kind.starts_with(other))
    };
    let all = places.chain(others).map(|(place, name, is_required)| {
        let TableColumn { kind, cell, .. } = &table.columns[place];
        let is_text = kind == "VARCHAR" || !is_plain(kind);
        let cell = match is_text && kind != "VARCHAR" {
            true => format!("{cell}::VARCHAR"),
            false => cell.clone(),
        };
        Wanted { name, cell, is_text, is_required }
    });
    all.collect()
}

/// The columns that hold numbers only, by their place in the query, and the names of the others.
struct Numeric {
    kept: Vec<(usize, String)>,
    left_out: Vec<String>,
}

/// Looks which columns hold numbers only. A price that is none is a fault.
fn numeric(
    connection: &Connection,
    table: &Table,
    wanted: Vec<Wanted>,
) -> Result<Numeric, SetError> {
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for (index, column) in wanted.into_iter().enumerate() {
        if column.is_text {
            let sql = format!("SELECT min(rowid) FILTER (b{index}), count(v{index}) FROM bars");
            let (broken, count): (Option<i64>, i64) =
                connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if let (Some(row), true) = (broken, column.is_required) {
                let text = raw(connection, table, &column.cell, row)?;
                let row = row.cast_unsigned();
                let found = format!("\"{text}\"");
                return Err(table.cell_fault(row, &column.name, &found, "a number").into());
            }
            if !column.is_required && (broken.is_some() || count == 0) {
                left_out.push(column.name);
                continue;
            }
        }
        kept.push((index, column.name));
    }
    debug_assert!(kept.len() >= PRICES.len(), "a file without prices is refused");
    Ok(Numeric { kept, left_out })
}

/// What a cell of the file says.
fn raw(connection: &Connection, table: &Table, cell: &str, row: i64) -> Result<String, SetError> {
    let sql = format!("SELECT {cell}::VARCHAR FROM {} LIMIT 1 OFFSET {row}", table.reader);
    let text: duckdb::Result<Option<String>> = connection.query_row(&sql, [], |row| row.get(0));
    Ok(text.map_err(|error| fault(&table.file, &error))?.unwrap_or_default())
}
