//! What the command line says of a trial that is to be explained.

use clap::Args;

use crate::cli::{Output, StoreArgs};

/// `optimize explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  optimize explain my-study 57      the trial 57 of a study
  optimize explain 57               of the latest study")]
pub struct Explain {
    /// The study (the latest one where it is left out), and the number of the trial
    #[arg(value_names = ["STUDY", "TRIAL"], num_args = 1..=2, required = true)]
    pub which: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Output,
    /// Where.
    #[command(flatten)]
    pub store: StoreArgs,
}
