//! The command line.

mod ask;
mod data;
mod explain;
mod queue;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::audit::Share;
use crate::exit::DEFAULT_STORE;
use crate::logs::{Levels, LogFormat};
use crate::metrics::Address;

pub use ask::Ask;
pub use data::{Data, DataAction, DataArgs, DataCommon, DataImport, DataSlice};
pub use explain::{Explain, ExplainFormat};
pub use queue::{Access, Doctor, Drain, QueueArgs, RunApart, Worker};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Finds the best settings of a simulator, for several objectives at once.
#[derive(Debug, Parser)]
#[command(name = "optimize", version, styles = STYLES, max_term_width = 100)]
#[command(after_help = "\
Exit codes:
  0    all that was asked for was done
  1    the study ended, but no trial of it completed, or too many failed; a check found a problem
  2    the command line, the template or the data are at fault; nothing was started
  3    disk, memory or another program is at fault; what was recorded is safe
  4    the same question got two different answers
  130  interrupted; the study can be resumed

Examples:
  optimize start --template sma-crossover --algorithm grid
  optimize results --pareto
  optimize results --where 'trades >= 30' --sort sharpe --top 5
  optimize templates list")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Write standard error as text for people, or as a JSON object per line
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text", global = true)]
    #[arg(help_heading = "Logs")]
    pub log: LogFormat,
    /// Which events to write: error, warn, info or debug, and TARGET=LEVEL for a part of the
    /// program (info,jobs=debug) [default: info; as text, what concerns people]
    #[arg(long, value_name = "LEVEL", env = "OPTIMIZE_LOG", value_parser = Levels::parse)]
    #[arg(global = true, help_heading = "Logs")]
    pub log_level: Option<Levels>,
}

impl Cli {
    /// The store that the command works on, where it works on one.
    #[must_use]
    pub fn store(&self) -> Option<&Path> {
        let args = match &self.command {
            Command::Start(args) => &args.store,
            Command::Resume(args) => &args.store,
            Command::Status(args) => &args.store,
            Command::Results(args) => &args.store,
            Command::Explain(args) => &args.store,
            Command::Verify(args) => &args.store,
            Command::Doctor(args) => &args.store,
            Command::Stop(args) => &args.store,
            Command::Ask(_)
            | Command::Check(_)
            | Command::Data(_)
            | Command::Worker(_)
            | Command::Drain(_)
            | Command::RunApart(_)
            | Command::Templates(_)
            | Command::Completions { .. } => return None,
        };
        Some(&args.store)
    }
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a study and run it to its end.
    Start(Box<Start>),
    /// Go on with a study that was stopped or crashed.
    Resume(Resume),
    /// Stop a study that is running, here or in any other terminal; it can be resumed.
    Stop(Stop),
    /// Show how far a study is, or list all of them.
    Status(StudyArgs),
    /// Show the results: the ranked trials, the frontier, or any query.
    Results(Results),
    /// Say why a trial ended as it did, and what it was held against.
    Explain(Explain),
    /// Run recorded trials again and compare them bit for bit.
    Verify(Verify),
    /// Run the trials of studies that were started with --queue, on this or any other machine.
    Worker(Worker),
    /// Check this machine, and the server of a queue, for what studies and workers need.
    Doctor(Doctor),
    /// Have the workers of a server finish what they have begun, and end.
    Drain(Drain),
    /// Run trials in a process of their own, for a worker.
    #[command(hide = true)]
    RunApart(RunApart),
    /// Hand out points as lines of JSON and read results, for whoever evaluates them.
    Ask(Ask),
    /// Check a template: its space, its simulator, its data, and one trial in every detail.
    Check(Check),
    /// Import, list, show, check and cut prices for backtests.
    Data(Data),
    /// List, show and compare templates.
    Templates(Templates),
    /// Print a script that completes commands in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Where studies are kept.
#[derive(Clone, Debug, Args)]
pub struct StoreArgs {
    /// The folder that holds the studies
    #[arg(long, value_name = "DIR", env = "OPTIMIZE_STORE", default_value = DEFAULT_STORE)]
    #[arg(value_hint = ValueHint::DirPath)]
    pub store: PathBuf,
}

/// A whole number from 1 to a limit, said so that a person knows what is allowed.
fn count_to(limit: u64) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |text| {
        let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',')).collect();
        match digits.parse() {
            Ok(count) if (1..=limit).contains(&count) => Ok(count),
            _ if limit == u64::MAX => Err("allowed: a whole number from 1".to_owned()),
            _ => Err(format!("allowed: a whole number from 1 to {limit}")),
        }
    }
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("allowed: a whole number from 0 to {}", u64::MAX))
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; allowed: a time such as 90s, 10m or 2h 30m"))
}

/// Which study, where none means all of them.
#[derive(Clone, Debug, Args)]
pub struct AnyNamed {
    /// The study; all of them where it is left out
    pub study: Option<String>,
    /// The study, as an option
    #[arg(long, value_name = "NAME", conflicts_with = "study")]
    pub name: Option<String>,
}

/// Which study.
#[derive(Clone, Debug, Args)]
pub struct Named {
    /// The study; the latest one where it is left out
    pub study: Option<String>,
    /// The study, as an option
    #[arg(long, value_name = "NAME", conflicts_with = "study")]
    pub name: Option<String>,
}

impl Named {
    /// The name that was given, in either way.
    #[must_use]
    pub fn wanted(&self) -> Option<&str> {
        self.study.as_deref().or(self.name.as_deref())
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// One JSON document.
    Json,
}

/// How many threads, and how much to say.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Threads that run trials [default: one per core]
    #[arg(long, value_name = "N", value_parser = count_to(4096), allow_negative_numbers = true)]
    pub threads: Option<u64>,
    /// End the study after this time (90s, 10m, 2h 30m); what is done by then is kept
    #[arg(long, value_name = "TIME", value_parser = duration)]
    #[arg(allow_hyphen_values = true)]
    pub max_time: Option<Duration>,
    /// Run this share of the trials (1%) a second time and compare, to find a simulator that is
    /// not deterministic; results stay as they are, and a difference ends with exit code 4
    #[arg(long, value_name = "SHARE", value_parser = Share::parse, allow_negative_numbers = true)]
    pub audit: Option<Share>,
    /// End the study once so many trials have failed
    #[arg(long, value_name = "N", value_parser = count_to(u64::MAX), allow_negative_numbers = true)]
    pub max_failures: Option<u64>,
    /// Let workers run the trials (`optimize worker --queue URL`), through Redis at
    /// redis://HOST:PORT, rediss://… for TLS; --threads N runs some here as well
    #[arg(long, value_name = "URL", env = "OPTIMIZE_QUEUE", hide_env_values = true)]
    #[arg(help_heading = "Workers")]
    pub queue: Option<String>,
    /// Workers serve studies of higher priority first
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    #[arg(help_heading = "Workers")]
    pub priority: i64,
    /// The secret of the queue.
    #[command(flatten)]
    pub key: QueueArgs,
    /// Metrics for Prometheus.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Say in which way the simulator runs the trials, and why
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,
    /// What to print at the end
    #[arg(long, value_enum, default_value = "table")]
    pub format: Output,
}

/// How a running process is watched.
#[derive(Clone, Debug, Args)]
pub struct WatchArgs {
    /// Serve metrics for Prometheus, at /metrics of HOST:PORT, or of :PORT for every address of
    /// this machine; port 0 picks one and says which
    #[arg(long, value_name = "ADDR", value_parser = Address::parse)]
    pub metrics: Option<Address>,
}

/// `optimize stop`.
#[derive(Clone, Debug, Args)]
pub struct Stop {
    /// The study
    #[command(flatten)]
    pub study: Named,
    /// The store.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `optimize start`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  optimize start --template sma-crossover --algorithm grid
  optimize start --template problem:zdt1 --algorithm sobol --trials 5000 --seed 7
  optimize start --template my-study.toml --set backtest.commission=0.002 --max-time 10m
  optimize start --template sma-crossover --objective total_return:max --objective volatility:min")]
pub struct Start {
    /// A template: a name of the library, problem:NAME, or the path of a TOML file
    #[arg(long, short, value_name = "T", value_hint = ValueHint::FilePath)]
    pub template: String,
    /// How points are chosen, with options behind a colon: nsga2:population=50; auto chooses, and
    /// ? lists all
    #[arg(long, short, value_name = "A", default_value = "random")]
    pub algorithm: String,
    /// Trials at most [default: the whole of a grid, otherwise 1000 or as --max-time allows]
    #[arg(long, short = 'n', value_name = "N", value_parser = count_to(u64::MAX), allow_negative_numbers = true)]
    pub trials: Option<u64>,
    /// After all other trials, refine the best of them with N further ones, on Nelder-Mead simplexes
    /// that start there
    #[arg(long, value_name = "N", value_parser = count_to(u64::MAX), allow_negative_numbers = true)]
    pub polish: Option<u64>,
    /// The seed of everything random; the same seed gives the same results, on any machine
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = seed)]
    #[arg(allow_negative_numbers = true)]
    pub seed: u64,
    /// An objective in place of the template's; may be repeated, the most important first
    #[arg(long, value_name = "METRIC:max|min")]
    pub objective: Vec<String>,
    /// End trials early, in place of what the template says; may be repeated: by a rule on reports
    /// ('step >= 5 and cost > 3', 'trades < 5 at 50%'), or by a pruner that compares trials (median,
    /// asha:factor=4; ? lists all). The simulator has to report steps
    #[arg(long, value_name = "RULE|PRUNER")]
    pub prune: Vec<String>,
    /// Evaluate each point with N seeds, the same for all points, and take what they amount to
    #[arg(long, value_name = "N", value_parser = count_to(100_000), allow_negative_numbers = true)]
    pub replications: Option<u64>,
    /// Another value for a key of the template; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// A point to evaluate before all others (fast=10,slow=50), or a .csv or .json file of such
    /// points, in place of the template's; may be repeated
    #[arg(long, value_name = "POINT|FILE")]
    pub enqueue: Vec<String>,
    /// Learn from the results of an earlier study first: its name, or the path of its folder. The
    /// space and the objectives have to be the same
    #[arg(long, value_name = "STUDY")]
    pub from: Option<String>,
    /// End the study when a goal is reached: 'cost <= 1e-6', 'cost stalls 200' (trials without a
    /// better one) or 'hypervolume stalls 500', in place of the template's goals; may be repeated
    #[arg(long, value_name = "GOAL")]
    pub stop: Vec<String>,
    /// Name of the study [default: the template's, with a number where it is taken]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Trials per job [default: follows the speed of the workers]
    #[arg(long, value_name = "N", value_parser = count_to(65_536), allow_negative_numbers = true)]
    #[arg(help_heading = "Scheduling")]
    pub chunk: Option<u64>,
    /// Trials that may be open when an algorithm that learns chooses the next: more keep more
    /// workers busy, fewer learn faster [default: the algorithm's own, at most 1/64 of --trials]
    #[arg(long, value_name = "N", value_parser = count_to(1_000_000), allow_negative_numbers = true)]
    #[arg(help_heading = "Scheduling")]
    pub lag: Option<u64>,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
    /// The data sets.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `optimize resume`.
#[derive(Clone, Debug, Args)]
pub struct Resume {
    /// Which study.
    #[command(flatten)]
    pub study: Named,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Where.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `optimize status`.
#[derive(Clone, Debug, Args)]
pub struct StudyArgs {
    /// Which study.
    #[command(flatten)]
    pub study: AnyNamed,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Output,
    /// Where.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// How to print or write results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResultsFormat {
    /// For people.
    Table,
    /// A list of objects.
    Json,
    /// With a header line.
    Csv,
    /// To a file; needs --output.
    Parquet,
}

/// `optimize results`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
The study's tables are trials, reports and frontier; a query may use any of them. Parameters,
metrics, status, seed and error are columns of trials.

Examples:
  optimize results                                    the best trials, ranked
  optimize results --pareto                           the frontier, the most important objective first
  optimize results --where 'trades >= 30 and slow > 100' --sort calmar
  optimize results --sql 'select fast, avg(sharpe) from trials group by fast order by 2 desc'
  optimize results --format parquet -o trials.parquet")]
pub struct Results {
    /// Which study.
    #[command(flatten)]
    pub study: Named,
    /// Show the best so many trials [default: 20 in a table; otherwise all, in trial order]
    #[arg(long, value_name = "N", value_parser = count_to(u64::MAX), allow_negative_numbers = true)]
    pub top: Option<u64>,
    /// Only the Pareto-optimal trials
    #[arg(long)]
    pub pareto: bool,
    /// Rank pruned trials among the complete ones, by their last report
    #[arg(long, conflicts_with = "sql")]
    pub include_pruned: bool,
    /// Order by a metric or parameter, best first and complete trials before others; METRIC:asc
    /// or METRIC:desc to say which way
    #[arg(long, value_name = "METRIC")]
    pub sort: Option<String>,
    /// Only trials that meet an SQL condition; they are ranked among themselves
    #[arg(long = "where", value_name = "SQL")]
    pub filter: Option<String>,
    /// The answer to an SQL query instead
    #[arg(long, value_name = "SQL", conflicts_with_all = ["top", "pareto", "sort", "filter"])]
    pub sql: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: ResultsFormat,
    /// Write to a file instead of printing; by its name as .csv, .json or .parquet, or by --format
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `optimize verify`.
#[derive(Clone, Debug, Args)]
pub struct Verify {
    /// Which study.
    #[command(flatten)]
    pub study: Named,
    /// Run so many trials again, spread over the study [default: all]
    #[arg(long, value_name = "N", value_parser = count_to(u64::MAX), allow_negative_numbers = true)]
    pub sample: Option<u64>,
    /// Threads that run trials [default: one per core]
    #[arg(long, value_name = "N", value_parser = count_to(4096), allow_negative_numbers = true)]
    pub threads: Option<u64>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Output,
    /// Where.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `optimize check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  optimize check --template my-study.toml
  optimize check --template my-study.toml --at thickness=0.02 --at kind=steel")]
pub struct Check {
    /// A template: a name of the library, problem:NAME, or the path of a TOML file
    #[arg(long, short, value_name = "T", value_hint = ValueHint::FilePath)]
    pub template: String,
    /// The value of a parameter in the trial; may be repeated. Others are drawn at random
    #[arg(long, value_name = "NAME=VALUE")]
    pub at: Vec<String>,
    /// The seed of everything random
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = seed)]
    #[arg(allow_negative_numbers = true)]
    pub seed: u64,
    /// Another value for a key of the template; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The data sets.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `optimize templates`.
#[derive(Clone, Debug, Args)]
pub struct Templates {
    /// What to do with them.
    #[command(subcommand)]
    pub action: TemplatesAction,
}

/// `optimize templates …`.
#[derive(Clone, Debug, Subcommand)]
pub enum TemplatesAction {
    /// List the built-in templates.
    List {
        /// How to print
        #[arg(long, value_enum, default_value = "table")]
        format: Output,
    },
    /// Print a template, to start one's own from.
    Show {
        /// Its name or path
        template: String,
    },
    /// Show what differs between two templates, key by key.
    Diff {
        /// The name or path of one
        first: String,
        /// Of the other
        second: String,
        /// How to print
        #[arg(long, value_enum, default_value = "table")]
        format: Output,
    },
}
