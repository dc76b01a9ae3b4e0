//! Where the metrics of a program that ran once are found.

use regex::Regex;
use search_spaces::{Section, TemplateError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

use super::number::{listed, metrics_of, of_text, parse_json};
use super::protocol::complaint;
use super::whereabouts::Whereabouts;

const ALLOWED: &str = "\"json\", \"lines\", \"exit-code\", { regex = { METRIC = \"expression\" } } or \
     { csv = { file = \"out.csv\" } }";

/// How the metrics are read.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// From the last line of standard output that is a JSON object.
    Json,
    /// From lines `name = value` of standard output; the last one counts.
    Lines,
    /// The exit code is the one metric, and every exit code is a success.
    ExitCode,
    /// From the last match of each metric's expression in standard output: its first group, or
    /// all of it where there is none.
    Regex(Vec<Regex>),
    /// From the last row of a file in the trial's working directory.
    Csv {
        /// The file.
        file: String,
        /// The column of each metric.
        columns: Vec<String>,
    },
}

impl Output {
    /// Reads the key `output`.
    pub(super) fn read(
        settings: &mut Section<'_>,
        metrics: &[String],
    ) -> Result<Self, TemplateError> {
        match settings.text("output") {
            Ok(None) => return Ok(Self::Json),
            Ok(Some(text)) => {
                return match text.as_str() {
                    "json" => Ok(Self::Json),
                    "lines" => Ok(Self::Lines),
                    "exit-code" if metrics.len() == 1 => Ok(Self::ExitCode),
                    "exit-code" => {
                        let found = format!("\"exit-code\" for {} metrics", metrics.len());
                        Err(settings.error("output", found, "it for a single metric"))
                    }
                    _ => Err(settings.error("output", format!("{text:?}"), ALLOWED)),
                };
            }
            Err(_) => {}
        }
        let mut table = settings
            .section("output")
            .map_err(|error| TemplateError { allowed: ALLOWED.to_owned(), ..error })?
            .expect("the key is there");
        let output = match (table.section("regex")?, table.section("csv")?) {
            (Some(regex), None) => Self::Regex(expressions(regex, metrics)?),
            (None, Some(csv)) => csv_file(csv, metrics)?,
            _ => {
                let found = format!("a table with {}", table.keys().join(", "));
                return Err(table.error("", found, ALLOWED));
            }
        };
        table.finish()?;
        Ok(output)
    }

    /// A text that tells two ways of reading apart.
    pub(super) fn canonical(&self) -> String {
        match self {
            Self::Json => "json".to_owned(),
            Self::Lines => "lines".to_owned(),
            Self::ExitCode => "exit-code".to_owned(),
            Self::Regex(list) => {
                let sources: Vec<&str> = list.iter().map(Regex::as_str).collect();
                format!("regex {sources:?}")
            }
            Self::Csv { file, columns } => format!("csv {file:?} {columns:?}"),
        }
    }

    /// One value per metric, of a program that ended with this code.
    ///
    /// # Errors
    /// What was found in place of them.
    pub(super) fn extract(
        &self,
        metrics: &[String],
        code: i32,
        stdout: &[u8],
        folder: &Path,
        hidden: &Whereabouts,
    ) -> Result<Vec<f64>, String> {
        let found = match self {
            Self::ExitCode => Ok(vec![code.into()]),
            Self::Json => from_json(metrics, &hidden.hide(stdout)),
            Self::Lines => {
                let text = String::from_utf8_lossy(stdout);
                let pairs = text.lines().filter_map(|line| line.split_once('='));
                let found: BTreeMap<&str, &str> =
                    pairs.map(|(name, value)| (name.trim(), value.trim())).collect();
                by_name(metrics, &found, "line with", hidden)
            }
            Self::Regex(expressions) => {
                let text = String::from_utf8_lossy(stdout);
                let pairs = metrics.iter().zip(expressions);
                let found = pairs.filter_map(|(name, expression)| {
                    let last = expression.captures_iter(&text).last()?;
                    let group = last.get(1).or_else(|| last.get(0))?;
                    Some((name.as_str(), &text[group.range()]))
                });
                by_name(metrics, &found.collect(), "match for", hidden)
            }
            Self::Csv { file, columns } => from_csv(metrics, columns, folder, file, hidden),
        };
        found.map_err(|message| hidden.hide_text(&message))
    }
}

fn expressions(mut table: Section<'_>, metrics: &[String]) -> Result<Vec<Regex>, TemplateError> {
    let mut expressions = Vec::new();
    for metric in metrics {
        let Some(source) = table.text(metric)? else {
            return Err(table.missing(metric, "a regular expression for each metric"));
        };
        expressions.push(Regex::new(&source).map_err(|error| {
            let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
            table.error(metric, format!("{source:?} ({reason})"), "a regular expression")
        })?);
    }
    table.finish()?;
    Ok(expressions)
}

fn csv_file(mut table: Section<'_>, metrics: &[String]) -> Result<Output, TemplateError> {
    let Some(file) = table.text("file")? else {
        return Err(table.missing("file", "the name of the file that the program writes"));
    };
    let relative =
        Path::new(&file).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !relative || file.is_empty() {
        return Err(table.error("file", file, "a path inside the trial's working directory"));
    }
    let mut columns = metrics.to_vec();
    if let Some(mut named) = table.section("columns")? {
        for (metric, column) in metrics.iter().zip(&mut columns) {
            if let Some(name) = named.text(metric)? {
                *column = name;
            }
        }
        named.finish()?;
    }
    table.finish()?;
    Ok(Output::Csv { file, columns })
}

fn from_json(metrics: &[String], stdout: &[u8]) -> Result<Vec<f64>, String> {
    let object = stdout.rsplit(|byte| *byte == b'\n').find_map(|line| {
        let line = line.trim_ascii();
        if !line.starts_with(b"{") {
            return None;
        }
        match parse_json(line) {
            Some(Value::Object(object)) => Some(object),
            _ => None,
        }
    });
    let Some(object) = object else {
        return Err("standard output has no line that is a JSON object".to_owned());
    };
    // Beside metrics, a number of that name is one more of them.
    if let Some(Value::String(message)) = complaint(&object) {
        return Err(message.clone());
    }
    match object.get("metrics") {
        Some(Value::Object(inner)) => metrics_of(metrics, inner),
        _ => metrics_of(metrics, &object),
    }
}

fn by_name(
    metrics: &[String],
    found: &BTreeMap<&str, &str>,
    what: &str,
    hidden: &Whereabouts,
) -> Result<Vec<f64>, String> {
    let mut values = Vec::with_capacity(metrics.len());
    for name in metrics {
        let Some(text) = found.get(name.as_str()) else {
            let names: Vec<&str> = found.keys().take(20).copied().collect();
            let found = listed(&names);
            return Err(format!(
                "metric {name} is missing: standard output has no {what} {name}; found: {found}"
            ));
        };
        values.push(of_text(text).ok_or_else(|| not_a_number(name, text, hidden))?);
    }
    Ok(values)
}

fn not_a_number(metric: &str, text: &str, hidden: &Whereabouts) -> String {
    let text: String = hidden.hide_text(text).chars().take(80).collect();
    format!("metric {metric} is {text:?}, allowed: a number, nan, inf or -inf")
}

fn from_csv(
    metrics: &[String],
    columns: &[String],
    folder: &Path,
    file: &str,
    hidden: &Whereabouts,
) -> Result<Vec<f64>, String> {
    let fault = |error: csv::Error| format!("{file} cannot be read: {error}");
    let path = folder.join(file);
    if !path.is_file() {
        return Err(format!("the program wrote no file {file}"));
    }
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(fault)?;
    let header = reader.headers().map_err(fault)?.clone();
    let mut last = None;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(fault)? {
        last = Some(record.clone());
    }
    let Some(row) = last else { return Err(format!("{file} has no row below its header")) };
    let mut values = Vec::with_capacity(metrics.len());
    for (metric, column) in metrics.iter().zip(columns) {
        let Some(index) = header.iter().position(|name| name == column) else {
            let names: Vec<&str> = header.iter().take(20).collect();
            let found = listed(&names);
            return Err(format!(
                "metric {metric} is missing: {file} has no column {column:?}; found: {found}"
            ));
        };
        let text = row.get(index).unwrap_or_default();
        values.push(of_text(text).ok_or_else(|| not_a_number(metric, text, hidden))?);
    }
    Ok(values)
}
