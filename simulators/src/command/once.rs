//! A child per trial.

use search_spaces::Parameter;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use super::clock::Deadline;
use super::files::Place;
use super::guard::Guard;
use super::launch::child;
use super::output::Output;
use super::process::{Process, Waited};
use super::protocol::{LONGEST_LINE, Message};
use super::settings::Settings;
use super::stream::{Lines, Sink, Tail};
use super::trace::Trace;
use super::trouble::Trouble;
use super::words::{end, last_words};
use crate::contract::{Report, Trial, Verdict};

/// What all trials have in common.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub settings: &'a Settings,
    pub parameters: &'a [Parameter],
    pub guard: &'a Arc<Guard>,
}

/// Runs one trial. Its working directory comes with the result, for it may be kept.
pub(super) fn run(
    common: Common<'_>,
    trial: &Trial<'_>,
    reports: &mut dyn FnMut(Report) -> Verdict,
    trace: &mut Trace,
) -> (Result<Vec<f64>, Trouble>, Option<Place>) {
    let Common { settings, parameters, .. } = common;
    let mut listener = Listener::new(settings, reports);
    if !settings.fresh {
        let (result, _) = run_in(common, trial, &settings.folder, &mut listener, trace);
        return (result, None);
    }
    let mut place = match Place::make(settings, parameters, trial, trace) {
        Ok(place) => place,
        Err(error) => {
            // What does not come from the system as it is names the directory, which messages
            // must not.
            let reason = match error.raw_os_error() {
                Some(_) => error.to_string(),
                None => error.kind().to_string(),
            };
            let message = format!("its working directory cannot be made: {reason}");
            return (Err(Trouble::start(message)), None);
        }
    };
    let (mut result, errors) = run_in(common, trial, place.path(), &mut listener, trace);
    if let Err(trouble) = &mut result {
        trouble.failure.message = place.without_path(&trouble.failure.message);
    }
    place.stdout = listener.tail;
    place.stderr = errors;
    (result, Some(place))
}

/// Runs one trial in this folder; also returns what it wrote to its standard error.
fn run_in(
    common: Common<'_>,
    trial: &Trial<'_>,
    folder: &Path,
    listener: &mut Listener<'_>,
    trace: &mut Trace,
) -> (Result<Vec<f64>, Trouble>, Tail) {
    let Common { settings, parameters, guard } = common;
    let limits = &settings.limits;
    let command = child(settings, parameters, trial, folder, trace);
    let input = settings.input.as_ref().map(|text| text.fill(parameters, trial));
    let input = input.unwrap_or_default();
    if !input.is_empty() {
        trace.note("standard input", input.as_bytes());
    }
    let mut process = match Process::start(command, !input.is_empty(), limits, guard) {
        Ok(process) => process,
        Err(error) => {
            let trouble = Trouble::start(format!("the program cannot be started: {error}"));
            return (Err(trouble), Tail::new(0));
        }
    };
    let waited = process.wait(Deadline::after(limits.timeout), input.as_bytes(), listener);
    let status = match waited {
        Waited::Ended => process.finish(listener),
        Waited::Late | Waited::Enough => process.stop(&mut listener.tail),
    };
    let errors = process.into_errors();
    trace.note("standard output", listener.tail.bytes());
    trace.note("standard error", errors.bytes());
    if let (Output::Csv { file, .. }, true) = (&settings.output, trace.is_on()) {
        trace.note(&format!("file {file}"), &std::fs::read(folder.join(file)).unwrap_or_default());
    }
    trace.note("ends", end(status).as_bytes());
    let result = match listener.halt.take() {
        // What the reports led to does not depend on how far the program got meanwhile.
        Some(trouble) => Err(trouble),
        None if waited == Waited::Late => {
            let time = limits.timeout.expect("without one, the deadline never comes");
            let words = last_words(errors.bytes());
            Err(Trouble::late(format!("stopped at its timeout of {time:?}{words}")))
        }
        None => judge(settings, status, listener.tail.bytes(), errors.bytes(), folder),
    };
    (result, errors)
}

/// What a program that ended by itself has found.
fn judge(
    settings: &Settings,
    status: ExitStatus,
    output: &[u8],
    errors: &[u8],
    folder: &Path,
) -> Result<Vec<f64>, Trouble> {
    let any_code = matches!(settings.output, Output::ExitCode);
    match status.code().filter(|code| *code == 0 || any_code) {
        Some(code) => settings
            .output
            .extract(&settings.metrics, code, output, folder)
            .map_err(|message| Trouble::answer(format!("{message}{}", last_words(errors)))),
        None => Err(Trouble::ended(status, errors, "")),
    }
}

/// Listens to a program's standard output.
struct Listener<'a> {
    tail: Tail,
    /// Its lines, where some of them may be reports.
    lines: Option<Lines>,
    metrics: &'a [String],
    reports: &'a mut dyn FnMut(Report) -> Verdict,
    last_step: u64,
    /// Why the program is to be stopped.
    halt: Option<Trouble>,
}

impl<'a> Listener<'a> {
    fn new(settings: &'a Settings, reports: &'a mut dyn FnMut(Report) -> Verdict) -> Self {
        let lines = matches!(settings.output, Output::Json).then(|| Lines::new(LONGEST_LINE));
        Self {
            tail: Tail::new(settings.limits.output),
            lines,
            metrics: &settings.metrics,
            reports,
            last_step: 0,
            halt: None,
        }
    }
}

impl Sink for Listener<'_> {
    fn take(&mut self, bytes: &[u8]) {
        self.tail.take(bytes);
        let Some(lines) = &mut self.lines else { return };
        lines.take(bytes, &mut |line| {
            if self.halt.is_some() || !line.trim_ascii_start().starts_with(b"{") {
                return;
            }
            match Message::read(line, self.metrics, self.last_step) {
                Message::Report(Ok(report)) => {
                    self.last_step = report.step;
                    if (self.reports)(report) == Verdict::Stop {
                        self.halt = Some(Trouble::stopped());
                    }
                }
                Message::Report(Err(message)) => self.halt = Some(Trouble::answer(message)),
                // The program may write whatever else it likes; its metrics are found at its end.
                _ => {}
            }
        });
    }

    fn has_enough(&self) -> bool {
        self.halt.is_some()
    }
}
