//! The binary `optimize`.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use coordinator::cli::{Cli, Command};
use coordinator::commands::{
    check, doctor, drain, results, start, status, stop, templates, verify, worker,
};
use coordinator::{Exit, Failure, run_apart, say};

fn main() -> ExitCode {
    // A trial that panics is a failed trial with a message, and says so in the results.
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let of_trial = std::thread::current().name().is_some_and(|name| name.starts_with("trial-"));
        // The ledger turns panics of its store on damaged pages into errors.
        let of_ledger = info.location().is_some_and(|location| location.file().contains("redb"));
        if !of_trial && !of_ledger {
            default_hook(info);
        }
    }));
    let cli = Cli::parse();
    match run(&cli) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            let failure = match cli.store() {
                Some(store) => failure.in_store(store),
                None => failure,
            };
            say!("error: {failure}");
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Start(args) => start::start(args),
        Command::Resume(args) => start::resume(args),
        Command::Status(args) => status::status(args),
        Command::Results(args) => results::results(args),
        Command::Verify(args) => verify::verify(args),
        Command::Stop(args) => stop::stop(args),
        Command::Worker(args) => worker::worker(args),
        Command::Drain(args) => drain::drain(args),
        Command::RunApart(args) => run_apart(args),
        Command::Check(args) => check::check(args),
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
