//! Lists of what happened in a trial.

use serde_json::{Map, Value};
use simulators::{Cell, List};

use crate::cli::ExplainFormat;
use crate::commands::{json, people_table};
use crate::exit::{Exit, Failure};
use crate::progress::short;
use crate::say::print;

/// Prints the list of a name.
///
/// # Errors
/// There is none of that name; says which there are.
pub(super) fn print_list(
    wanted: &str,
    lists: &[List],
    format: ExplainFormat,
) -> Result<Exit, Failure> {
    let Some(list) = lists.iter().find(|list| list.name == wanted) else {
        let names: Vec<&str> = lists.iter().map(|list| list.name).collect();
        let allowed = match names.is_empty() {
            true => "nothing here, because this simulator lists nothing".to_owned(),
            false => names.join(", "),
        };
        return Err(Failure::usage(format!("--list: found {wanted:?}, allowed: {allowed}")));
    };
    match format {
        ExplainFormat::Table => print(&table(list))?,
        ExplainFormat::Json => print(&json(&objects(list))?)?,
        ExplainFormat::Csv => print(&csv(list)?)?,
    }
    Ok(Exit::Done)
}

fn table(list: &List) -> String {
    let mut shown = people_table(list.columns.iter().map(|name| (*name).to_owned()).collect());
    for row in &list.rows {
        shown.add_row(row.iter().map(|cell| match cell {
            Cell::Number(value) => short(*value),
            Cell::Text(text) => text.clone(),
        }));
    }
    shown.to_string()
}

/// What is not finite is null, as JSON has no such numbers.
fn objects(list: &List) -> Vec<Map<String, Value>> {
    let value = |cell: &Cell| match cell {
        Cell::Number(value) => Value::from(*value),
        Cell::Text(text) => Value::from(text.as_str()),
    };
    let object = |row: &Vec<Cell>| {
        list.columns.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), value(cell))).collect()
    };
    list.rows.iter().map(object).collect()
}

fn csv(list: &List) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::infrastructure(format!("failed to write the list: {error}"))
    };
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&list.columns).map_err(|error| failed(&error))?;
    for row in &list.rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Number(value) => value.to_string(),
            Cell::Text(text) => text.clone(),
        });
        out.write_record(cells).map_err(|error| failed(&error))?;
    }
    let bytes = out.into_inner().map_err(|error| failed(&error))?;
    Ok(String::from_utf8(bytes).expect("texts are UTF-8").trim_end().to_owned())
}
