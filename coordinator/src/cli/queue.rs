//! What the command line says of queues between machines.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::cli::{DataArgs, Output, StoreArgs, WatchArgs, count_to, duration};

/// What lets a machine take part in a queue: the secret, and the certificates of TLS.
#[derive(Clone, Debug, Args)]
pub struct Access {
    /// The file with the key that coordinators and workers share [default: optimize/key in the
    /// configuration folder, made where it is missing]; or the key itself in `OPTIMIZE_KEY`
    #[arg(long, value_name = "FILE", env = "OPTIMIZE_KEY_FILE", help_heading = "Workers")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub key_file: Option<PathBuf>,
    /// The certificates (PEM) of the authorities that vouch for a rediss:// server [default: the
    /// public ones]
    #[arg(long, value_name = "FILE", env = "OPTIMIZE_CA_FILE", help_heading = "Workers")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
    /// A certificate (PEM) to show to a rediss:// server that asks for one
    #[arg(long, value_name = "FILE", env = "OPTIMIZE_CLIENT_CERT", help_heading = "Workers")]
    #[arg(value_hint = ValueHint::FilePath, requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// The private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", env = "OPTIMIZE_CLIENT_KEY", help_heading = "Workers")]
    #[arg(value_hint = ValueHint::FilePath, requires = "client_cert")]
    pub client_key: Option<PathBuf>,
}

/// How a queue between machines is reached, and its patience.
#[derive(Clone, Debug, Args)]
pub struct QueueArgs {
    /// What lets this machine take part.
    #[command(flatten)]
    pub access: Access,
    /// A worker that gives no sign of life for so long is taken for dead [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Workers")]
    pub lease: Option<Duration>,
}

/// `optimize worker`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  optimize worker --queue redis://db.example.org:6379
  optimize worker --queue rediss://user:password@db.example.org --threads 8 --idle 10m")]
pub struct Worker {
    /// The server: redis://HOST:PORT, rediss://… for TLS, or `redis+unix:///path` for a socket
    #[arg(long = "queue", value_name = "URL", env = "OPTIMIZE_QUEUE", hide_env_values = true)]
    pub address: String,
    /// Threads that run trials [default: one per core]
    #[arg(long, value_name = "N", value_parser = count_to(4096), allow_negative_numbers = true)]
    pub threads: Option<u64>,
    /// Run studies of external programs too: whoever has the key can then run programs here
    #[arg(long)]
    pub allow_commands: bool,
    /// Where copies of studies' files are kept [default: optimize/studies in the cache folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_cache: Option<PathBuf>,
    /// Drain and end after this time
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub max_time: Option<Duration>,
    /// Drain and end after so long without work
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub idle: Option<Duration>,
    /// Metrics for Prometheus.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// The secret of the queue.
    #[command(flatten)]
    pub queue: QueueArgs,
}

/// `optimize doctor`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Ends with exit code 1 where something is a problem, also where the server cannot be reached.
Nothing is made or changed.

Examples:
  optimize doctor
  optimize doctor --queue rediss://user:password@db.example.org --ca-file ca.pem
  optimize doctor --queue redis://db:6379 --template my-study.toml --format json")]
pub struct Doctor {
    /// The server of a queue: redis://HOST:PORT, rediss://… for TLS, or `redis+unix:///path`
    #[arg(long, value_name = "URL", env = "OPTIMIZE_QUEUE", hide_env_values = true)]
    pub queue: Option<String>,
    /// A template whose studies are to be run: a name of the library, problem:NAME, or a path
    #[arg(long, short, value_name = "T", value_hint = ValueHint::FilePath)]
    pub template: Option<String>,
    /// The data sets.
    #[command(flatten)]
    pub data: DataArgs,
    /// What lets this machine take part in the queue.
    #[command(flatten)]
    pub access: Access,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Output,
    /// Where.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `optimize drain`.
#[derive(Clone, Debug, Args)]
pub struct Drain {
    /// The server: redis://HOST:PORT, rediss://… for TLS, or `redis+unix:///path` for a socket
    #[arg(long = "queue", value_name = "URL", env = "OPTIMIZE_QUEUE", hide_env_values = true)]
    pub address: String,
    /// Only the workers of this machine, as `optimize status` names it
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// The secret of the queue.
    #[command(flatten)]
    pub queue: QueueArgs,
}

/// `optimize run-apart`.
#[derive(Clone, Debug, Args)]
pub struct RunApart {
    /// The study's folder in the worker's cache
    pub folder: PathBuf,
}
