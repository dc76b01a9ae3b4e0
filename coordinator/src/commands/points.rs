//! The points of `--enqueue`, as the list of tables that a template would hold.

use std::path::Path;

use serde_json::Value;

use crate::exit::Failure;

/// What is given of one point: names and values as they were written.
type Given = Vec<(String, String)>;

/// Turns `NAME=VALUE,NAME=VALUE`, and the names of CSV and JSON files, into a value for the key
/// `enqueue` of a template. What names and values mean is looked at there.
pub(super) fn as_toml(arguments: &[String]) -> Result<String, Failure> {
    let mut tables = Vec::new();
    for argument in arguments {
        let extension = Path::new(argument).extension().and_then(|extension| extension.to_str());
        let points = match extension {
            _ if argument.contains('=') => vec![of_words(argument)?],
            Some("csv") => of_csv(argument)?,
            Some("json") => of_json(argument)?,
            _ => return Err(wrong(argument, "")),
        };
        tables.extend(points.iter().map(table));
    }
    Ok(format!("[{}]", tables.join(", ")))
}

fn wrong(found: &str, why: &str) -> Failure {
    Failure::usage(format!(
        "--enqueue: found {found:?}{why}, allowed: NAME=VALUE,NAME=VALUE, such as fast=10,slow=50, \
         or the name of a .csv or .json file"
    ))
}

fn of_words(argument: &str) -> Result<Given, Failure> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').ok_or_else(|| wrong(argument, ""))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    let given: Given = argument.split(',').map(pair).collect::<Result<_, Failure>>()?;
    let is_repeated = |(index, (name, _)): (usize, &(String, String))| {
        given[..index].iter().any(|(n, _)| n == name)
    };
    match given.iter().enumerate().any(is_repeated) {
        true => Err(wrong(argument, " with a name twice")),
        false => Ok(given),
    }
}

fn read(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("--enqueue: failed to read {path}: {error}")))
}

/// A header line with the names, then a line for each point; an empty cell gives nothing.
fn of_csv(path: &str) -> Result<Vec<Given>, Failure> {
    let text = read(path)?;
    let fault = |error: csv::Error| Failure::usage(format!("--enqueue: {path}: {error}"));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let names = reader.headers().map_err(fault)?.clone();
    let mut points = Vec::new();
    for line in reader.records() {
        let line = line.map_err(fault)?;
        let cells = names.iter().zip(&line).filter(|(_, cell)| !cell.is_empty());
        points.push(cells.map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect());
    }
    Ok(points)
}

/// A list of objects; null gives nothing.
fn of_json(path: &str) -> Result<Vec<Given>, Failure> {
    let fault = |what: &str| {
        Failure::usage(format!(
            "--enqueue: {path}: found {what}, allowed: a list of objects with a number, text or \
             truth value for each name"
        ))
    };
    let list: Vec<serde_json::Map<String, Value>> =
        serde_json::from_str(&read(path)?).map_err(|error| fault(&error.to_string()))?;
    let mut points = Vec::new();
    for object in list {
        let mut given = Given::new();
        for (name, value) in object {
            match value {
                Value::Null => {}
                Value::String(text) => given.push((name, text)),
                Value::Number(_) | Value::Bool(_) => given.push((name, value.to_string())),
                Value::Array(_) | Value::Object(_) => {
                    return Err(fault(&format!("{name}: {value}")));
                }
            }
        }
        points.push(given);
    }
    Ok(points)
}

fn table(given: &Given) -> String {
    let entry = |(name, value): &(String, String)| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_bare = !name.is_empty() && name.chars().all(is_word);
        let name = if is_bare { name.clone() } else { format!("{name:?}") };
        format!("{name} = {}", literal(value))
    };
    format!("{{ {} }}", given.iter().map(entry).collect::<Vec<_>>().join(", "))
}

/// Numbers and truth values as a template would have them, so that the same point makes the same
/// study however it was given; what would not read back to the same text stays text.
fn literal(value: &str) -> String {
    let as_float = || value.parse::<f64>().ok().filter(|x| x.is_finite()).map(|x| format!("{x:?}"));
    let as_whole = || value.parse::<i64>().ok().map(|x| x.to_string());
    let is_literal = matches!(value, "true" | "false")
        || as_whole().as_deref() == Some(value)
        || as_float().as_deref() == Some(value);
    if is_literal { value.to_owned() } else { format!("{value:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_files_make_the_same_tables() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("writable");
            path.display().to_string()
        };
        let expected = "[{ fast = 10, rate = 0.5, filter = \"rsi\", hedge = true }, \
                        { fast = 11, rate = 1e-6 }]";
        let words =
            ["fast=10, rate=0.5,filter=rsi,hedge=true", "fast=11,rate=1e-6"].map(str::to_owned);
        assert_eq!(as_toml(&words).unwrap(), expected);
        let csv = "fast,rate,filter,hedge\n10,0.5,\"rsi\",true\n11, 1e-6,,\n";
        assert_eq!(as_toml(&[file("a.csv", csv)]).unwrap(), expected);
        let json = r#"[{"fast": 10, "rate": 0.5, "filter": "rsi", "hedge": true},
                       {"fast": 11, "rate": 1e-6, "filter": null}]"#;
        let told = as_toml(&[file("a.json", json)]).unwrap();
        assert_eq!(told.len(), expected.len(), "names in any order: {told}");
        assert_eq!(literal("1.50"), "\"1.50\"");
        assert_eq!(literal("007"), "\"007\"");
    }

    #[test]
    fn faults_are_named() {
        for (argument, message) in [
            ("fast", "allowed: NAME=VALUE"),
            ("fast=1,slow", "allowed: NAME=VALUE"),
            ("fast=1,fast=2", "with a name twice"),
            ("nowhere.csv", "failed to read nowhere.csv"),
            ("points.txt", "found \"points.txt\""),
        ] {
            let error = as_toml(&[argument.to_owned()]).expect_err(argument).to_string();
            assert!(error.contains(message), "{argument}: {error}");
        }
    }
}
