//! A child per trial.

use search_spaces::{Parameter, Point};
use std::borrow::Cow;
use std::io;
use std::path::Path;
use tempfile::TempDir;

use super::process::{Deadline, Process, Tail, last_words};
use super::settings::{Keep, Settings};
use super::simulator::{Trouble, child};
use crate::contract::Failure;

/// Runs one trial.
pub(super) fn run(
    settings: &Settings,
    parameters: &[Parameter],
    point: &Point,
    seed: u64,
) -> Result<Vec<f64>, Trouble> {
    if !settings.fresh {
        return run_in(settings, parameters, point, seed, &settings.folder);
    }
    let place = tempfile::Builder::new()
        .prefix("optimize-trial-")
        .tempdir()
        .and_then(|place| prepare(settings, parameters, point, seed, place.path()).map(|()| place))
        .map_err(|error| {
            Trouble::answered(format!("its working directory cannot be made: {error}"))
        })?;
    let result = run_in(settings, parameters, point, seed, place.path());
    match (settings.keep, result) {
        (Keep::All, Ok(values)) => {
            keep(settings, seed, place);
            Ok(values)
        }
        (Keep::All | Keep::Failed, Err(mut trouble)) => {
            if let Some(name) = keep(settings, seed, place) {
                let kept = format!("; its files are in {name} of the temporary folder");
                trouble.failure.message.push_str(&kept);
            }
            Err(trouble)
        }
        (_, result) => result,
    }
}

/// Writes the deck and lays the inputs beside it.
fn prepare(
    settings: &Settings,
    parameters: &[Parameter],
    point: &Point,
    seed: u64,
    place: &Path,
) -> io::Result<()> {
    for input in &settings.inputs {
        let name = input.file_name().expect("it is a file");
        std::os::unix::fs::symlink(input, place.join(name))?;
    }
    match &settings.deck {
        Some(deck) => {
            std::fs::write(place.join(&deck.file), deck.text.fill(parameters, point, seed))
        }
        None => Ok(()),
    }
}

/// Moves a working directory to where it is found again. Messages are part of the results, so
/// the name depends on the study and the trial and on nothing else.
fn keep(settings: &Settings, seed: u64, place: TempDir) -> Option<String> {
    let digest: String =
        settings.fingerprint[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("optimize-command-{digest}/seed-{seed}");
    let target = std::env::temp_dir().join(&name);
    std::fs::create_dir_all(target.parent()?).ok()?;
    // An earlier attempt at the same trial.
    let _ = std::fs::remove_dir_all(&target);
    std::fs::rename(place.path(), &target).ok()?;
    // The folder is not there any more, so that nothing is left to be removed.
    let _ = place.keep();
    Some(name)
}

fn run_in(
    settings: &Settings,
    parameters: &[Parameter],
    point: &Point,
    seed: u64,
    folder: &Path,
) -> Result<Vec<f64>, Trouble> {
    let limits = &settings.limits;
    let fill = |text: &super::text::Text| text.fill(parameters, point, seed);
    let arguments: Vec<String> = settings.arguments.iter().map(fill).collect();
    let mut command = child(&settings.program, &arguments, limits);
    command.current_dir(folder);
    command.envs(settings.env.iter().map(|(name, text)| (name, fill(text))));
    let input = settings.input.as_ref().map_or(Cow::Borrowed(""), |text| Cow::Owned(fill(text)));
    let deadline = Deadline::after(limits.timeout);
    let mut process = Process::start(command, !input.is_empty(), limits.grace, limits.output)
        .map_err(|error| Trouble::not_started(&error))?;
    let mut output = Tail::new(limits.output);
    let mut sink = |bytes: &[u8]| output.push(bytes);
    if !process.wait(deadline, input.as_bytes(), &mut sink) {
        let status = process.stop(&mut sink);
        let time = limits.timeout.expect("without one, the deadline never comes");
        let errors = last_words(process.errors().bytes());
        let message = format!("stopped at its timeout of {time:?}{errors}");
        return Err(Trouble { failure: Failure::timeout(message), status: Some(status) });
    }
    let status = process.finish(&mut sink);
    if !status.success() {
        return Err(Trouble::ended(status, process.errors().bytes(), ""));
    }
    settings.output.extract(&settings.metrics, output.bytes(), folder).map_err(|message| {
        let errors = last_words(process.errors().bytes());
        Trouble::answered(format!("{message}{errors}"))
    })
}
