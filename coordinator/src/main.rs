//! The binary `optimize`.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use coordinator::cli::{Cli, Command};
use coordinator::commands::{
    ask, check, data, doctor, drain, explain, results, start, status, stop, templates, verify,
    worker,
};
use coordinator::{Exit, Failure, LogFormat, init_logs, is_in_trial, logs_are_json, run_apart};

/// Studies of short trials spend much of their time in allocations, from several threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    report_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    init_logs(cli.log, cli.log_level.as_ref());
    match run(&cli) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            let failure = match cli.store() {
                Some(store) => failure.in_store(store),
                None => failure,
            };
            let code = failure.exit as u8;
            tracing::error!(target: "optimize", exit_code = code, "{failure}");
            ExitCode::from(code)
        }
    }
}

/// A trial that panics is a failed trial with a message, and says so in the results. Any other
/// panic is an error of this program.
fn report_panics() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // The ledger turns panics of its store on damaged pages into errors.
        let of_ledger = info.location().is_some_and(|location| location.file().contains("redb"));
        if is_in_trial() || of_ledger {
            return;
        }
        if !logs_are_json() {
            return default_hook(info);
        }
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("no message");
        tracing::error!(target: "optimize", location, "panicked: {message}");
    }));
}

/// What clap says of a command line, where it asks for help or is at fault.
fn refuse(error: &clap::Error) -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let wants_json = words.iter().any(|word| word == "--log=json")
        || words.windows(2).any(|pair| pair == ["--log", "json"]);
    if !(error.use_stderr() && wants_json) {
        error.exit();
    }
    init_logs(LogFormat::Json, None);
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    tracing::error!(target: "optimize", exit_code = Exit::Usage as u8, "{text}");
    ExitCode::from(Exit::Usage as u8)
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Start(args) => start::start(args),
        Command::Resume(args) => start::resume(args),
        Command::Status(args) => status::status(args),
        Command::Results(args) => results::results(args),
        Command::Explain(args) => explain::explain(args),
        Command::Verify(args) => verify::verify(args),
        Command::Stop(args) => stop::stop(args),
        Command::Worker(args) => worker::worker(args),
        Command::Drain(args) => drain::drain(args),
        Command::RunApart(args) => run_apart(args),
        Command::Ask(args) => ask::ask(args),
        Command::Check(args) => check::check(args),
        Command::Data(args) => data::data(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Templates(args) => templates::templates(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "optimize", &mut script);
            coordinator::print(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Done)
        }
    }
}
