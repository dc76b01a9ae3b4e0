//! `optimize results`.

use std::path::Path;

use ::results::{
    Cell, Format, KnownColumn, Leaders, Ranking, Store, StudyFolder, StudyState, Table, ViewReader,
};
use comfy_table::{Attribute, CellAlignment, Color};
use search_spaces::nearest;
use serde_json::{Map, Value};

use crate::cli::{Results, ResultsFormat};
use crate::commands::{chosen, people_table};
use crate::exit::{Exit, Failure};
use crate::progress::{short, thousands};
use crate::say;
use crate::say::print;
use crate::study::Study;

/// Trials in a table, unless said.
const DEFAULT_TOP: usize = 20;

/// `optimize results`.
///
/// # Errors
/// The study is not there, the query is wrong, or the output cannot be written.
pub fn results(args: &Results) -> Result<Exit, Failure> {
    let folder = chosen(&Store::open(&args.store.store)?, &args.study)?;
    let to_stdout = args.output.as_deref().is_none_or(|path| path == Path::new("-"));
    if args.format == ResultsFormat::Parquet && to_stdout {
        return Err(Failure::usage("--format parquet: found no --output, allowed: -o FILE"));
    }
    let mut reader = ViewReader::open(&folder.view_path())?;
    if args.include_pruned {
        reader = reader.including_pruned(Study::course(&folder.record()?)?)?;
    }
    warn(&reader, &folder)?;
    let (sql, ranking) = match &args.sql {
        Some(sql) => (sql.clone(), None),
        None => {
            let (sql, ranking) = select(&reader, args)?;
            (reader.asking(&sql), ranking)
        }
    };
    match &args.output {
        Some(path) if !to_stdout => return write_file(&reader, &sql, args.format, path),
        _ => {}
    }
    let table = reader.query(&sql)?;
    let ranked = if args.include_pruned { "complete and pruned" } else { "complete" };
    print(&match args.format {
        ResultsFormat::Json => crate::commands::json(&json_rows(&table))?,
        ResultsFormat::Csv => csv(&table),
        _ if args.sql.is_some() => query_table(&table),
        _ => ranked_table(reader.columns(), &table, (ranking.as_ref(), ranked)),
    })?;
    if args.format == ResultsFormat::Table && args.sql.is_none() {
        if table.rows.is_empty() {
            let why = why_empty(&reader, args)?;
            say!("{why}");
        } else if args.filter.is_none() {
            tell_failures(&reader, &folder)?;
        }
    }
    Ok(Exit::Done)
}

/// What a reader of the results should know: that a program which kept the view open has kept
/// trials out of it, and that another run may give other ones.
fn warn(reader: &ViewReader, folder: &StudyFolder) -> Result<(), Failure> {
    let Some(status) = folder.status()? else { return Ok(()) };
    if let Some(tainted) = &status.tainted {
        say!("tainted: {tainted}, so another run may have another hash");
    }
    let numbers = status.counts.evaluated + status.counts.skipped;
    if status.state != StudyState::Running && reader.high_water() < numbers {
        say!(
            "these are the first {} of {} trial numbers: another program kept the database open. \
             `optimize resume {}` brings it up to date",
            thousands(reader.high_water()),
            thousands(numbers),
            folder.name()
        );
    }
    Ok(())
}

/// How many trials failed, why most of them did, and where to look further.
fn tell_failures(reader: &ViewReader, folder: &StudyFolder) -> Result<(), Failure> {
    let sql = "select sum(count(*)) over () as failed, count(*) as same, error from trials \
               where status in ('failed', 'timeout') group by error order by same desc, error limit 1";
    let table = reader.query(sql)?;
    let Some([failed, same, error]) = table.rows.first().map(Vec::as_slice) else {
        return Ok(());
    };
    let count = |cell: &Cell| text(cell).parse().map_or_else(|_| text(cell), thousands);
    let reason: String = text(error).chars().take(200).collect();
    say!("{} failed, {} of them alike: {reason}", count(failed), count(same));
    let name = crate::commands::report::in_store(folder);
    say!("all of them: optimize results {name} --where \"status in ('failed', 'timeout')\"");
    let files = folder.trials_path();
    if files.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        say!("files of trials: {}", files.display());
    }
    Ok(())
}

fn why_empty(reader: &ViewReader, args: &Results) -> Result<String, Failure> {
    let sql = "select status, count(*), min(error) from trials group by status order by status";
    let counts = reader.query(sql)?;
    let counts = counts.rows.iter().map(|row| {
        let error = match &row[2] {
            Cell::Text(error) => format!(" (such as: {error})"),
            _ => String::new(),
        };
        format!("{} {}{error}", text(&row[1]), text(&row[0]))
    });
    let counts: Vec<String> = counts.collect();
    Ok(match (counts.is_empty(), &args.filter) {
        (true, _) => "no trial has ended yet".to_owned(),
        (false, Some(_)) => format!("no trial meets the condition; all: {}", counts.join(", ")),
        (false, None) => format!("no trial completed; all: {}", counts.join(", ")),
    })
}

/// The top of a study's frontier, as `optimize start` shows it at the end.
///
/// # Errors
/// The view cannot be read.
pub fn frontier_table(folder: &StudyFolder, top: usize) -> Result<String, Failure> {
    let (reader, ranking, table) = ViewReader::best(&folder.view_path(), top, |ranking| {
        ranking.trials.retain(|trial| trial.rank == Some(0));
        ranked_sql(ranking)
    })?;
    Ok(ranked_table(reader.columns(), &table, (Some(&ranking), "complete")))
}

/// The same of trials that are at hand.
pub fn leaders_table(leaders: &Leaders) -> String {
    ranked_table(&leaders.columns, &leaders.table, (Some(&leaders.ranking), "complete"))
}

/// The query that gives the trials asked for, and their ranking where they are ranked.
fn select(reader: &ViewReader, args: &Results) -> Result<(String, Option<Ranking>), Failure> {
    let filter = args.filter.as_deref();
    let to_file = args.output.as_deref().is_some_and(|path| path != Path::new("-"));
    let for_people = args.format == ResultsFormat::Table && !to_file;
    if !for_people && args.top.is_none() && !args.pareto && args.sort.is_none() {
        return Ok((::results::trials_sql(filter)?, None));
    }
    let top = match args.top {
        Some(top) => usize::try_from(top).unwrap_or(usize::MAX),
        None if args.pareto || !for_people => usize::MAX,
        None => DEFAULT_TOP,
    };
    let top = top.min(i64::MAX as usize);
    let Some(sort) = &args.sort else {
        let ranking = ranking(reader, top, args.pareto, filter)?;
        if ranking.trials.is_empty() && filter.is_some() && !args.pareto {
            // Nothing that can be ranked meets the condition; what meets it is shown all the same.
            let from = ::results::trials_sql(filter)?;
            return Ok((format!("select * from ({from}) order by trial limit {top}"), None));
        }
        return Ok((ranked_sql(&ranking), Some(ranking)));
    };
    let order = order_by(reader, sort)?;
    let pareto = if args.pareto {
        let ranking = ranking(reader, usize::MAX, true, filter)?;
        let trials = ranking.trials.iter().map(|each| each.trial.to_string());
        let trials: Vec<String> = trials.chain(["null".to_owned()]).collect();
        format!(" where trial in ({})", trials.join(", "))
    } else {
        String::new()
    };
    let from = ::results::trials_sql(filter)?;
    let limit = i64::try_from(top).unwrap_or(i64::MAX);
    let first = if args.include_pruned { "'complete', 'pruned'" } else { "'complete'" };
    let sql = format!(
        "select * from ({from}){pareto} \
         order by status not in ({first}), {order}, trial limit {limit}"
    );
    Ok((sql, None))
}

fn ranking(
    reader: &ViewReader,
    top: usize,
    pareto: bool,
    filter: Option<&str>,
) -> Result<Ranking, Failure> {
    if !pareto {
        return Ok(reader.ranking(top, filter)?);
    }
    // How many trials share the frontier is not known before: ask for more until it is passed.
    let mut wanted = top.min(1000);
    loop {
        let mut ranking = reader.ranking(wanted, filter)?;
        let found = ranking.trials.len();
        let passed = ranking.trials.last().is_none_or(|last| last.rank != Some(0));
        if passed || found < wanted || wanted == top {
            ranking.trials.retain(|trial| trial.rank == Some(0));
            return Ok(ranking);
        }
        wanted = wanted.saturating_mul(4).min(top);
    }
}

/// `METRIC`, `METRIC:asc` or `METRIC:desc` as SQL.
fn order_by(reader: &ViewReader, sort: &str) -> Result<String, Failure> {
    let (name, direction) = match sort.rsplit_once(':') {
        Some((name, "asc")) => (name, Some("asc")),
        Some((name, "desc")) => (name, Some("desc")),
        _ => (sort, None),
    };
    let described = reader.query("select name, direction from columns")?;
    let Some(column) = described.rows.iter().find(|row| text(&row[0]) == name) else {
        let columns: Vec<String> = described.rows.iter().map(|row| text(&row[0])).collect();
        let hint = nearest(name, columns.iter().map(String::as_str))
            .map_or(String::new(), |name| format!(" (did you mean {name}?)"));
        let columns = columns.join(", ");
        return Err(Failure::usage(format!(
            "--sort: found {sort:?}{hint}, allowed: one of {columns}, with :asc or :desc after it"
        )));
    };
    // Best first: an objective by its direction, anything else from the top.
    let best = if text(&column[1]) == "minimize" { "asc" } else { "desc" };
    let direction = direction.unwrap_or(best);
    Ok(format!("\"{}\" {direction} nulls last", name.replace('"', "\"\"")))
}

/// The ranked trials with their rank in front, best first.
fn ranked_sql(ranking: &Ranking) -> String {
    let rows = ranking.trials.iter().enumerate().map(|(place, each)| {
        let rank = each.rank.map_or("null".to_owned(), |rank| rank.to_string());
        format!("({place}, {}, {rank}, {})", each.trial, each.knee)
    });
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        return "select null::integer as rank, false as knee, * from trials limit 0".to_owned();
    }
    format!(
        "select ranked.rank, ranked.knee, trials.* from trials join (values {}) \
         as ranked(place, number, rank, knee) on trials.trial = ranked.number \
         order by ranked.place",
        rows.join(", ")
    )
}

fn write_file(
    reader: &ViewReader,
    sql: &str,
    format: ResultsFormat,
    path: &Path,
) -> Result<Exit, Failure> {
    let by_name = path.extension().and_then(|extension| extension.to_str());
    let format = match (format, by_name) {
        (ResultsFormat::Parquet, _) | (ResultsFormat::Table, Some("parquet")) => Format::Parquet,
        (ResultsFormat::Json, _) | (ResultsFormat::Table, Some("json")) => Format::Json,
        (ResultsFormat::Csv, _) | (ResultsFormat::Table, Some("csv")) => Format::Csv,
        (ResultsFormat::Table, _) => {
            return Err(Failure::usage(format!(
                "--output: found {}, allowed: a name that ends in .json, .csv or .parquet, or \
                 --format beside it",
                path.display()
            )));
        }
    };
    let rows = reader.export(sql, format, path)?;
    say!("wrote {} rows to {}", thousands(rows), path.display());
    Ok(Exit::Done)
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::Float(value) => value.to_string(),
        Cell::Text(text) => text.clone(),
    }
}

fn short_text(cell: &Cell) -> String {
    match cell {
        Cell::Null => "-".to_owned(),
        Cell::Float(value) => short(*value),
        other => text(other),
    }
}

fn json_rows(table: &Table) -> Vec<Map<String, Value>> {
    let cell = |cell: &Cell| serde_json::to_value(cell).unwrap_or(Value::Null);
    let object = |row: &Vec<Cell>| -> Map<String, Value> {
        table.columns.iter().cloned().zip(row.iter().map(cell)).collect()
    };
    table.rows.iter().map(object).collect()
}

fn csv(table: &Table) -> String {
    let quoted = |text: String| match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    };
    let header: Vec<String> = table.columns.iter().cloned().map(quoted).collect();
    let mut lines = vec![header.join(",")];
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| quoted(text(cell))).collect();
        lines.push(cells.join(","));
    }
    lines.join("\n")
}

fn is_number(cell: &Cell) -> bool {
    matches!(cell, Cell::Int(_) | Cell::Float(_))
}

/// The answer to a query, all columns of it.
fn query_table(table: &Table) -> String {
    let mut shown = people_table(table.columns.clone());
    for row in &table.rows {
        shown.add_row(row.iter().map(short_text));
    }
    align(&mut shown, table, &(0..table.columns.len()).collect::<Vec<_>>());
    shown.trim_fmt()
}

fn align(shown: &mut comfy_table::Table, table: &Table, columns: &[usize]) {
    for (place, index) in columns.iter().enumerate() {
        let numbers = table.rows.iter().any(|row| is_number(&row[*index]));
        if let (true, Some(column)) = (numbers, shown.column_mut(place)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Ranked trials: the columns that matter most first, as many as the terminal is wide.
fn ranked_table(
    known: &[KnownColumn],
    table: &Table,
    (ranking, ranked): (Option<&Ranking>, &str),
) -> String {
    let order = columns_by_importance(known, table);
    let width = |index: usize| {
        let cells = table.rows.iter().map(|row| short_text(&row[index]).chars().count());
        2 + cells.max().unwrap_or(0).max(table.columns[index].chars().count())
    };
    let room = match people_table(Vec::new()).width() {
        Some(width) => usize::from(width),
        None => usize::MAX,
    };
    let mut used = 0;
    let fitting = order.iter().take_while(|index| {
        used += width(**index);
        used <= room
    });
    let columns: Vec<usize> = fitting.copied().collect();
    let mut shown = people_table(columns.iter().map(|i| table.columns[*i].clone()).collect());
    let several = known.iter().filter(|column| column.importance.is_some()).count() > 1;
    let knee = table.columns.iter().position(|column| several && column == "knee");
    for row in &table.rows {
        let is_knee = knee.is_some_and(|index| row[index] == Cell::Bool(true));
        let cell = |index: &usize| {
            let mut text = short_text(&row[*index]);
            if is_knee && table.columns[*index] == "rank" {
                text.push('*');
            }
            let cell = comfy_table::Cell::new(text);
            if is_knee { cell.fg(Color::Green).add_attribute(Attribute::Bold) } else { cell }
        };
        shown.add_row(columns.iter().map(cell).collect::<Vec<_>>());
    }
    align(&mut shown, table, &columns);
    let mut text = shown.trim_fmt();
    if let Some(ranking) = ranking {
        text.push_str(&footer(ranking, ranked));
    }
    let left_out = order.len() - columns.len();
    if left_out > 0 {
        text.push_str(&format!("\n{left_out} more columns: --format json, or --sql"));
    }
    text
}

/// Rank, trial, objectives, parameters, then the other metrics; what is the same in every trial
/// of a study of this kind (seed, attempts, an absent error) is left out.
fn columns_by_importance(known: &[KnownColumn], table: &Table) -> Vec<usize> {
    let known = |name: &str| known.iter().find(|column| column.name == name);
    // Complete trials need not say so.
    let complete = Cell::Text("complete".to_owned());
    let status = table.columns.iter().position(|column| column == "status");
    let shows_status =
        status.is_some_and(|index| table.rows.iter().any(|row| row[index] != complete));
    let place = |name: &str| match name {
        "rank" => Some(0),
        "trial" => Some(1),
        "status" if shows_status => Some(2),
        "status" | "seed" | "attempts" | "knee" => None,
        "error" => Some(10),
        name => {
            let column = known(name)?;
            match (column.kind.as_str(), column.importance) {
                ("parameter", _) => Some(4),
                ("metric", None) => Some(5),
                ("metric", _) => Some(3),
                _ => Some(6),
            }
        }
    };
    let is_empty = |index: usize| table.rows.iter().all(|row| row[index] == Cell::Null);
    let mut order: Vec<(u32, usize)> = table
        .columns
        .iter()
        .enumerate()
        .filter_map(|(index, name)| Some((place(name)?, index)))
        .filter(|(place, index)| *place < 5 || !is_empty(*index))
        .collect();
    let importance = |index: usize| {
        known(&table.columns[index]).and_then(|column| column.importance).unwrap_or(i32::MAX)
    };
    order.sort_by_key(|(place, index)| (*place, importance(*index), *index));
    order.into_iter().map(|(_, index)| index).collect()
}

fn footer(ranking: &Ranking, ranked: &str) -> String {
    let mut text = format!(
        "\n\nfrontier: {} different {} among {} {ranked} trials",
        thousands(ranking.frontier),
        if ranking.frontier == 1 { "point" } else { "points" },
        thousands(ranking.complete)
    );
    // With one objective, the frontier is the best trial.
    let several = ranking.trials.first().is_some_and(|trial| trial.objectives.len() > 1);
    if let (true, Some(volume)) = (several, &ranking.hypervolume) {
        text.push_str(&format!(", hypervolume {}", short(volume.volume)));
    }
    if several && ranking.trials.iter().any(|trial| trial.knee) {
        text.push_str("; * is the knee");
    }
    text
}
