//! The best trials of a study, as a table, by whoever has their rows at hand.

use search_spaces::{Domain, Value};

use crate::ranking::Ranking;
use crate::reader::{Cell, KnownColumn, Table};
use crate::table::{Row, StudySchema};
use crate::view::columns::{Column, Columns, Source};

/// The best trials: what a query for them would answer, without a view to ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaders {
    /// The trials, best first.
    pub ranking: Ranking,
    /// Their rank, whether they are the knee, and then the columns of `trials`.
    pub table: Table,
    /// As [`crate::ViewReader::columns`] has them.
    pub columns: Vec<KnownColumn>,
}

impl Leaders {
    /// The best trials of a study: their ranking, and for each of them in that order its row and
    /// how often its job was handed out.
    ///
    /// # Panics
    /// If the rows are not those of the ranking.
    #[must_use]
    pub fn new(schema: &StudySchema, ranking: Ranking, rows: &[(Row, u32)]) -> Self {
        let numbers = rows.iter().map(|(row, _)| row.trial);
        assert!(numbers.eq(ranking.trials.iter().map(|each| each.trial)), "a row for each trial");
        let columns = Columns::new(schema);
        let cells = |((row, attempts), ranked): (&(Row, u32), &crate::Ranked)| {
            let rank = ranked.rank.map_or(Cell::Null, |rank| Cell::Int(rank.into()));
            let own = columns.trials.iter().map(|column| cell(column, schema, row, *attempts));
            [rank, Cell::Bool(ranked.knee)].into_iter().chain(own).collect()
        };
        let names = columns.trials.iter().map(|column| column.name.clone());
        let table = Table {
            columns: ["rank", "knee"].map(str::to_owned).into_iter().chain(names).collect(),
            rows: rows.iter().zip(&ranking.trials).map(cells).collect(),
        };
        let described = columns.described(schema).into_iter().map(|each| KnownColumn {
            name: each.column,
            kind: each.kind.to_owned(),
            importance: each.importance,
        });
        let mut described: Vec<KnownColumn> = described.collect();
        described.sort_by_key(|column| column.importance.unwrap_or(i32::MAX));
        Self { ranking, table, columns: described }
    }
}

/// What the view would hold there.
fn cell(column: &Column, schema: &StudySchema, row: &Row, attempts: u32) -> Cell {
    let float = |value: Option<&f64>| match value {
        Some(value) if !value.is_nan() => Cell::Float(*value),
        _ => Cell::Null,
    };
    match column.source {
        Source::Trial => Cell::Int(row.trial.into()),
        Source::Status => Cell::Text(row.status.name().to_owned()),
        Source::Parameter(index) => {
            parameter(schema.parameters()[index].domain(), row.point.values()[index])
        }
        Source::Metric(index) => float(row.metrics.get(index)),
        Source::Violation(index) => float(row.violations.get(index)),
        Source::Seed => Cell::Int(row.seed.into()),
        Source::Attempts => Cell::Int(attempts.into()),
        Source::Error => row.message.clone().map_or(Cell::Null, Cell::Text),
        Source::Origin => row.origin.map_or(Cell::Null, |origin| Cell::Int(origin.into())),
    }
}

fn parameter(domain: &Domain, value: Value) -> Cell {
    match (domain, value) {
        (Domain::Float { .. }, Value::Float(value)) => Cell::Float(value),
        (Domain::Int { .. }, Value::Int(value)) => Cell::Int(value.into()),
        (Domain::Bool, Value::Bool(value)) => Cell::Bool(value),
        (Domain::Labels { labels, .. }, Value::Label(label)) => {
            Cell::Text(labels[label as usize].clone())
        }
        _ => Cell::Null,
    }
}
