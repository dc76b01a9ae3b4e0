//! What the command line says of a trial that is to be explained.

use clap::{Args, ValueEnum};

use crate::cli::StoreArgs;

/// `optimize explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  optimize explain my-study 57      the trial 57 of a study
  optimize explain 57               of the latest study
  optimize explain 57 --list trades --format csv > trades.csv
  optimize explain 57 --list equity                      of a backtest, at each date")]
pub struct Explain {
    /// The study (the latest one where it is left out), and the number of the trial
    #[arg(value_names = ["STUDY", "TRIAL"], num_args = 1..=2, required = true)]
    pub which: Vec<String>,
    /// Run the trial again, whole, and list what happened in it: trades or equity of a backtest
    #[arg(long, value_name = "WHAT")]
    pub list: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: ExplainFormat,
    /// Where.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// How to print an explanation or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// With a header line; for lists.
    Csv,
}
