//! What the command line says of data sets.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use data_sets::{Calendar, Role, Timeframe};
use simulators::Date;

use crate::cli::Output;
use crate::exit::DEFAULT_DATA;

/// Where data sets are kept.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// The folder that holds the data sets
    #[arg(long, value_name = "DIR", env = "OPTIMIZE_DATA", default_value = DEFAULT_DATA)]
    #[arg(value_hint = ValueHint::DirPath)]
    pub data: PathBuf,
}

/// How a command on data sets prints, and where they are.
#[derive(Clone, Debug, Args)]
pub struct DataCommon {
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    format: Output,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Where.
    #[command(flatten)]
    pub place: DataArgs,
}

impl DataCommon {
    /// How to print.
    #[must_use]
    pub fn output(&self) -> Output {
        if self.json { Output::Json } else { self.format }
    }
}

/// `optimize data`.
#[derive(Clone, Debug, Args)]
pub struct Data {
    /// What to do with them.
    #[command(subcommand)]
    pub action: DataAction,
}

/// `optimize data …`.
#[derive(Clone, Debug, Subcommand)]
pub enum DataAction {
    /// Import prices from CSV, JSON or Parquet files, which stay as they are.
    Import(DataImport),
    /// List the data sets.
    List {
        /// How, and where.
        #[command(flatten)]
        common: DataCommon,
    },
    /// Show what a data set is: its range, its first and last bars, statistics.
    Show {
        /// The data set
        name: String,
        /// How, and where.
        #[command(flatten)]
        common: DataCommon,
    },
    /// Look for gaps, duplicates, impossible prices, splits; exit code 1 where something is wrong.
    Check {
        /// The data sets; all of them where none is named
        names: Vec<String>,
        /// When there should be bars: usual (at the times of the week at which there mostly are),
        /// 24/7 or weekdays
        #[arg(long, value_name = "CALENDAR", value_parser = calendar, default_value = "usual")]
        calendar: Calendar,
        /// How, and where.
        #[command(flatten)]
        common: DataCommon,
    },
    /// Make a data set of a part of another, or of its bars put together to longer ones.
    Slice(DataSlice),
    /// Remove a data set.
    Remove {
        /// The data set
        name: String,
        /// Where.
        #[command(flatten)]
        place: DataArgs,
    },
}

/// `optimize data import`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Columns are found by their usual names, in any case: date, time, timestamp or open time; open, high,
low, close; volume, adj close, symbol. All other columns of numbers are kept under their names.

Examples:
  optimize data import AAPL.csv --timeframe 1d
  optimize data import eurusd-2019.csv.gz eurusd-2020.csv.gz --symbol EURUSD --timeframe 1m
  optimize data import es.parquet --symbol ES --timezone America/Chicago --column close=settle")]
pub struct DataImport {
    /// The files, which together are one data set: CSV, JSON or Parquet, the first two also .gz
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// The symbol, for files that do not name it [default: the name of the file]
    #[arg(long, value_name = "S", value_parser = symbol)]
    pub symbol: Option<String>,
    /// The time from one bar to the next, such as 1m, 4h, 1d, 1mo or irregular [default: what most
    /// bars are apart]
    #[arg(long, value_name = "T", value_parser = timeframe)]
    pub timeframe: Option<Timeframe>,
    /// The zone of the exchange, such as `America/New_York`, in which times are that do not say their
    /// own [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// The name of the data set [default: symbol and timeframe]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The column of a file that is time, open, high, low, close, volume, `adj_close` or symbol; may
    /// be repeated
    #[arg(long, value_name = "KIND=COLUMN", value_parser = column)]
    pub column: Vec<(Role, String)>,
    /// Replace a data set of the name that has other bars
    #[arg(long)]
    pub replace: bool,
    /// How, and where.
    #[command(flatten)]
    pub common: DataCommon,
}

/// `optimize data slice`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  optimize data slice eurusd-1m --from 2019-01-01 --to 2019-12-31 --name eurusd-2019
  optimize data slice eurusd-1m --timeframe 1h --name eurusd-1h")]
pub struct DataSlice {
    /// The data set to take from
    pub source: String,
    /// The name of the new one
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The first day or time
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub from: Option<Date>,
    /// The last day, or time
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub to: Option<Date>,
    /// The symbols, separated by commas [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// Put bars together to longer ones: the time of each is when it opens
    #[arg(long, value_name = "T", value_parser = timeframe)]
    pub timeframe: Option<Timeframe>,
    /// Replace a data set of the name that has other bars
    #[arg(long)]
    pub replace: bool,
    /// How, and where.
    #[command(flatten)]
    pub common: DataCommon,
}

fn timeframe(text: &str) -> Result<Timeframe, String> {
    Timeframe::parse(text).ok_or_else(|| format!("allowed: {}", Timeframe::ALLOWED))
}

fn date(text: &str) -> Result<Date, String> {
    Date::parse(text).ok_or_else(|| format!("allowed: {}", Date::ALLOWED))
}

fn calendar(text: &str) -> Result<Calendar, String> {
    let found = Calendar::NAMES.iter().find(|(name, _)| *name == text);
    let names = || Calendar::NAMES.map(|(name, _)| name).join(", ");
    found.map(|(_, calendar)| *calendar).ok_or_else(|| format!("allowed: {}", names()))
}

fn symbol(text: &str) -> Result<String, String> {
    match text {
        "" => Err("allowed: a text that is not empty".to_owned()),
        _ if text.contains(char::is_control) => Err("allowed: no control characters".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

fn column(text: &str) -> Result<(Role, String), String> {
    let allowed = || format!("allowed: KIND=COLUMN, with one of {}", Role::names().join(", "));
    let (kind, column) = text.split_once('=').ok_or_else(allowed)?;
    Ok((Role::parse(kind).ok_or_else(allowed)?, column.to_owned()))
}
