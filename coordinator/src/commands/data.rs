//! `optimize data`.

use data_sets::{Finding, Import, SetError, Slice, SymbolStatistics, Zone};
use data_sets::{check, import, remove, slice, statistics};
use serde::Serialize;
use simulators::{Bars, DataFolder, Manifest, time_text};

use crate::cli::{Data, DataAction, DataArgs, DataCommon, DataImport, DataSlice, Output};
use crate::commands::{json, people_table};
use crate::exit::{Exit, Failure};
use crate::progress::thousands;
use crate::say;
use crate::say::print;

/// So many bars are shown of the beginning and of the end.
const SHOWN: usize = 3;

/// So many examples of a finding are shown to people.
const EXAMPLES: usize = 3;

/// A data set with its name.
#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    #[serde(flatten)]
    manifest: &'a Manifest,
}

/// `optimize data`.
///
/// # Errors
/// A data set or a file is not there or at fault, or the disk.
pub fn data(args: &Data) -> Result<Exit, Failure> {
    match &args.action {
        DataAction::Import(args) => import_files(args),
        DataAction::List { common } => list(common),
        DataAction::Show { name, common } => show(name, common),
        DataAction::Check { names, calendar, common } => check_sets(names, *calendar, common),
        DataAction::Slice(args) => slice_set(args),
        DataAction::Remove { name, place } => {
            remove(&folder(place), name)?;
            say!("data set {name} removed");
            Ok(Exit::Done)
        }
    }
}

fn folder(place: &DataArgs) -> DataFolder {
    DataFolder::new(&place.data)
}

fn import_files(args: &DataImport) -> Result<Exit, Failure> {
    let zone = Zone::parse(args.timezone.as_deref().unwrap_or("UTC"))?;
    let wanted = Import {
        files: args.files.clone(),
        symbol: args.symbol.clone(),
        timeframe: args.timeframe,
        zone,
        name: args.name.clone(),
        columns: args.column.clone(),
        replace: args.replace,
    };
    let imported = import(&folder(&args.common.place), &wanted)?;
    let (name, manifest) = (&imported.saved.name, &imported.saved.manifest);
    if imported.has_times_without_zone && args.timezone.is_none() {
        say!("times without a zone are taken for UTC; --timezone names another");
    }
    if !imported.left_out.is_empty() {
        say!("left out, because they are no numbers: {}", imported.left_out.join(", "));
    }
    if manifest.repeated > 0 {
        let count = thousands(manifest.repeated);
        say!("{count} rows were there more than once, with the same values; one of each is kept");
    }
    tell_problems(name, manifest, &imported.bars)?;
    told(name, manifest, imported.saved.was_there, args.common.output())
}

/// Says on standard error what a check would find.
fn tell_problems(name: &str, manifest: &Manifest, bars: &[Bars]) -> Result<(), SetError> {
    let findings = check(manifest, bars, data_sets::Calendar::Usual)?;
    let problems: u64 = findings.iter().filter(|found| found.is_problem).map(|f| f.count).sum();
    if problems > 0 {
        say!("{} problems: `optimize data check {name}` lists them", thousands(problems));
    }
    Ok(())
}

/// Prints the data set that there is now.
fn told(name: &str, manifest: &Manifest, was_there: bool, output: Output) -> Result<Exit, Failure> {
    if was_there {
        say!("data set {name} is there already, with the same bars; nothing has changed");
    }
    print(&match output {
        Output::Json => json(&Named { name, manifest })?,
        Output::Table => summary(name, manifest),
    })?;
    Ok(Exit::Done)
}

fn summary(name: &str, manifest: &Manifest) -> String {
    let mut lines = vec![format!("data set {name}")];
    let mut line = |key: &str, text: &str| lines.push(format!("  {key:10} {text}"));
    line("symbols", &manifest.symbols.join(", "));
    line("bars", &format!("{} of {}", thousands(manifest.rows), manifest.timeframe));
    line("range", &format!("{} to {} (UTC)", manifest.first, manifest.last));
    line("zone", &manifest.timezone);
    line("columns", &manifest.columns.join(", "));
    for source in &manifest.sources {
        line("from", &format!("{}, {} rows", source.file, thousands(source.rows)));
    }
    if let Some(origin) = &manifest.origin {
        line("from", &format!("data set {}: {}", origin.name, origin.made));
    }
    line("content", &manifest.content);
    lines.push(String::new());
    lines.join("\n")
}

fn list(common: &DataCommon) -> Result<Exit, Failure> {
    let folder = folder(&common.place);
    let mut all = Vec::new();
    for name in folder.names() {
        match folder.manifest(&name) {
            Ok(manifest) => all.push((name, manifest)),
            // One that cannot be read must not hide the others.
            Err(error) => tracing::warn!(target: "optimize", "{error}"),
        }
    }
    print(&match common.output() {
        Output::Json => {
            let named = all.iter().map(|(name, manifest)| Named { name, manifest });
            json(&named.collect::<Vec<_>>())?
        }
        Output::Table if all.is_empty() => format!(
            "no data sets in {}; make one with `optimize data import FILE`",
            folder.path().display()
        ),
        Output::Table => {
            let header = ["data set", "symbols", "timeframe", "bars", "first", "last", "content"];
            let mut table = people_table(header.map(str::to_owned).to_vec());
            for (name, manifest) in &all {
                table.add_row([
                    name.clone(),
                    shortened(&manifest.symbols),
                    manifest.timeframe.clone(),
                    thousands(manifest.rows),
                    manifest.first.clone(),
                    manifest.last.clone(),
                    manifest.content.chars().take(12).collect(),
                ]);
            }
            table.trim_fmt()
        }
    })?;
    Ok(Exit::Done)
}

/// A few names of many.
fn shortened(names: &[String]) -> String {
    match names {
        [first, second, third, _, rest @ ..] => {
            format!("{first}, {second}, {third} and {} more", rest.len() + 1)
        }
        names => names.join(", "),
    }
}

/// What `show` says of a data set.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    named: Named<'a>,
    statistics: Vec<SymbolStatistics>,
}

fn show(name: &str, common: &DataCommon) -> Result<Exit, Failure> {
    let (manifest, all) = folder(&common.place).read(name)?;
    let shown = Shown {
        named: Named { name, manifest: &manifest },
        statistics: all.iter().map(statistics).collect(),
    };
    if common.output() == Output::Json {
        print(&json(&shown)?)?;
        return Ok(Exit::Done);
    }
    let mut text = summary(name, &manifest);
    for (bars, statistics) in all.iter().zip(&shown.statistics) {
        text += &format!("\n{}: {} bars\n", statistics.symbol, thousands(statistics.bars as u64));
        text += &rows(bars);
        let header = ["column", "min", "mean", "max", "missing"];
        let mut table = people_table(header.map(str::to_owned).to_vec());
        for column in &statistics.columns {
            table.add_row([
                column.column.clone(),
                number(column.min),
                number(column.mean),
                number(column.max),
                thousands(column.missing as u64),
            ]);
        }
        text += &format!("{}\n", table.trim_fmt());
    }
    print(&text)?;
    Ok(Exit::Done)
}

/// The first and last bars of a symbol as a table.
fn rows(bars: &Bars) -> String {
    let names = bars.columns.iter().map(|column| column.name.clone());
    let mut table = people_table(std::iter::once("time".to_owned()).chain(names).collect());
    let count = bars.times.len();
    for bar in (0..count).filter(|bar| *bar < SHOWN || *bar + SHOWN >= count) {
        if bar == SHOWN.max(count.saturating_sub(SHOWN)) && count > 2 * SHOWN {
            table.add_row(["…"]);
        }
        let values = bars.columns.iter().map(|column| number(Some(column.values[bar])));
        table.add_row(std::iter::once(time_text(bars.times[bar])).chain(values));
    }
    format!("{}\n", table.trim_fmt())
}

fn number(value: Option<f64>) -> String {
    match value {
        Some(value) if !value.is_nan() => {
            // Six digits after the point are enough to look at, and none where there are none.
            let text = format!("{value:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => String::new(),
    }
}

/// What `check` says of a data set.
#[derive(Serialize)]
struct Checked<'a> {
    name: &'a str,
    content: String,
    problems: u64,
    findings: Vec<Finding>,
}

fn check_sets(
    names: &[String],
    calendar: data_sets::Calendar,
    common: &DataCommon,
) -> Result<Exit, Failure> {
    let folder = folder(&common.place);
    let all = if names.is_empty() { folder.names() } else { names.to_vec() };
    let mut checked = Vec::new();
    for name in &all {
        let (manifest, bars) = folder.read(name)?;
        let findings = check(&manifest, &bars, calendar)?;
        let problems = findings.iter().filter(|found| found.is_problem).map(|f| f.count).sum();
        checked.push(Checked { name, content: manifest.content, problems, findings });
    }
    print(&match common.output() {
        Output::Json => json(&checked)?,
        Output::Table if checked.is_empty() => {
            format!("no data sets in {}", folder.path().display())
        }
        Output::Table => checked.iter().map(found_table).collect::<Vec<_>>().join("\n"),
    })?;
    let is_fine = checked.iter().all(|checked| checked.problems == 0);
    Ok(if is_fine { Exit::Done } else { Exit::Short })
}

fn found_table(checked: &Checked<'_>) -> String {
    let name = checked.name;
    let notes: Vec<&Finding> = checked.findings.iter().filter(|f| !f.is_problem).collect();
    let mut text = match checked.problems {
        0 => format!("data set {name}: nothing is wrong\n"),
        1 => format!("data set {name}: 1 problem\n"),
        problems => format!("data set {name}: {} problems\n", thousands(problems)),
    };
    if checked.findings.is_empty() {
        return text;
    }
    let header = ["", "found", "symbol", "count", "time", "what"];
    let mut table = people_table(header.map(str::to_owned).to_vec());
    let problems = checked.findings.iter().filter(|finding| finding.is_problem);
    for finding in problems.chain(notes) {
        let sign = if finding.is_problem { "problem" } else { "note" };
        let mut cells = [
            sign.to_owned(),
            finding.kind.name().to_owned(),
            finding.symbol.clone(),
            thousands(finding.count),
        ];
        for example in finding.examples.iter().take(EXAMPLES) {
            table.add_row(
                cells.clone().into_iter().chain([example.time.clone(), example.found.clone()]),
            );
            cells = Default::default();
        }
        if finding.examples.is_empty() {
            table.add_row(cells);
        } else if finding.count > EXAMPLES as u64 {
            table.add_row(["", "", "", "", "…", ""]);
        }
    }
    text += &format!("{}\n", table.trim_fmt());
    text
}

fn slice_set(args: &DataSlice) -> Result<Exit, Failure> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        let message = format!("--to: found {to}, before {from}, allowed: a date that is not");
        return Err(Failure::usage(message));
    }
    let wanted = Slice {
        from: args.from,
        to: args.to,
        symbols: args.symbols.clone(),
        timeframe: args.timeframe,
        replace: args.replace,
    };
    let folder = folder(&args.common.place);
    let (saved, bars) = slice(&folder, &args.source, &args.name, &wanted)?;
    tell_problems(&saved.name, &saved.manifest, &bars)?;
    told(&saved.name, &saved.manifest, saved.was_there, args.common.output())
}
