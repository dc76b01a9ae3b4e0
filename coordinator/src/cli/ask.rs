//! What the command line says of studies whose trials are evaluated by whoever asked for them.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::{count_to, seed};

/// `optimize ask`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
One line of JSON per trial, described in docs/ask.md:

  {\"trial\": 0, \"seed\": 7, \"params\": {\"x\": 0.1}}      written: a trial to evaluate
  {\"trial\": 0, \"metrics\": {\"cost\": 1.25}}           read: what came of it
  {\"trial\": 0, \"error\": \"no mesh\"}                   or why nothing did

Examples:
  optimize ask --template my-study.toml --algorithm nsga2 --trials 5000
  optimize ask --template my-study.toml --algorithm nsga2 --lag 1 --told told.jsonl")]
pub struct Ask {
    /// A template: the path of a TOML file, a name of the library, or problem:NAME. Only its space,
    /// objectives and outcome constraints count
    #[arg(long, short, value_name = "T", value_hint = ValueHint::FilePath)]
    pub template: String,
    /// How points are chosen, with options behind a colon: nsga2:population=50. ? lists all
    #[arg(long, short, value_name = "A", default_value = "random")]
    pub algorithm: String,
    /// Trials at most [default: until the input ends]
    #[arg(long, short = 'n', value_name = "N", value_parser = count_to(u64::MAX), allow_negative_numbers = true)]
    pub trials: Option<u64>,
    /// The seed of everything random; the same seed and results give the same points
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = seed)]
    #[arg(allow_negative_numbers = true)]
    pub seed: u64,
    /// Trials that are handed out and not answered yet, at most: 1 where they are evaluated one
    /// after the other [default: the algorithm's own; 256 where it does not learn]
    #[arg(long, value_name = "N", value_parser = count_to(1_000_000), allow_negative_numbers = true)]
    pub lag: Option<u64>,
    /// Trials that an algorithm that learns is told together, as with `start --chunk`
    #[arg(long, value_name = "N", value_parser = count_to(65_536), allow_negative_numbers = true)]
    pub chunk: Option<u64>,
    /// Another value for a key of the template; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Go on where an earlier process ended: read its answers from this file first, and hand out
    /// only what they leave open
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub told: Option<PathBuf>,
    /// Say nothing at the end
    #[arg(long, short)]
    pub quiet: bool,
}
