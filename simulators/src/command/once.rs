//! A child per trial.

use search_spaces::Parameter;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Once};

use super::clock::Deadline;
use super::files::Place;
use super::guard::Guard;
use super::launch::{child, not_started};
use super::output::Output;
use super::process::{Process, Waited};
use super::protocol::{LONGEST_LINE, Message};
use super::settings::Settings;
use super::stream::{Lines, Sink, Tail};
use super::trace::Trace;
use super::trouble::Trouble;
use super::whereabouts::Whereabouts;
use super::words::{end, last_words};
use crate::contract::{Trial, Verdict, Watcher};

/// What all trials have in common.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub settings: &'a Settings,
    pub parameters: &'a [Parameter],
    pub guard: &'a Arc<Guard>,
    /// Whether old directories among temporary files were removed.
    pub swept: &'a Once,
}

/// Runs one trial. Its working directory comes with the result, for it may be kept.
pub(super) fn run(
    common: Common<'_>,
    trial: &Trial<'_>,
    watcher: &mut dyn Watcher,
    trace: &mut Trace,
) -> (Result<Vec<f64>, Trouble>, Option<Place>) {
    let Common { settings, parameters, swept, .. } = common;
    let mut listener = Listener::new(settings, watcher);
    if !settings.fresh {
        let (result, _) = run_in(common, trial, None, &mut listener, trace);
        return (result, None);
    }
    let mut place = match Place::make(settings, parameters, trial, swept, trace) {
        Ok(place) => place,
        Err(error) => {
            let message = format!("a trial's working directory cannot be made: {error}");
            return (Err(Trouble::machine(message)), None);
        }
    };
    let (result, errors) = run_in(common, trial, Some(place.path()), &mut listener, trace);
    place.stdout = listener.tail;
    place.stderr = errors;
    (result, Some(place))
}

/// Runs one trial, in this folder where it has one of its own; also returns what it wrote to its standard error.
fn run_in(
    common: Common<'_>,
    trial: &Trial<'_>,
    own: Option<&Path>,
    listener: &mut Listener<'_>,
    trace: &mut Trace,
) -> (Result<Vec<f64>, Trouble>, Tail) {
    let Common { settings, parameters, guard, .. } = common;
    let limits = &settings.limits;
    let folder = own.unwrap_or(&settings.folder);
    let command = child(settings, parameters, trial, folder, trace);
    let input = settings.input.as_ref().map(|text| text.fill(parameters, trial));
    let input = input.unwrap_or_default();
    if !input.is_empty() {
        trace.note("standard input", input.as_bytes());
    }
    let mut process = match Process::start(command, !input.is_empty(), limits, guard) {
        Ok(process) => process,
        Err(error) => {
            return (Err(not_started(settings, folder, &error)), Tail::new(0));
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
    let hidden = settings.whereabouts.clone();
    let hidden = own.map_or(hidden.clone(), |own| hidden.and(own));
    let result = match listener.halt.take() {
        // What the reports led to does not depend on how far the program got meanwhile.
        Some(trouble) => Err(trouble),
        None if waited == Waited::Late => {
            let time = limits.timeout.expect("without one, the deadline never comes");
            let words = last_words(errors.bytes(), &hidden);
            Err(Trouble::late(format!("stopped at its timeout of {time:?}{words}")))
        }
        None => judge(settings, status, [listener.tail.bytes(), errors.bytes()], folder, &hidden),
    };
    (result, errors)
}

/// What a program that ended by itself has found.
fn judge(
    settings: &Settings,
    status: Option<ExitStatus>,
    [output, errors]: [&[u8]; 2],
    folder: &Path,
    hidden: &Whereabouts,
) -> Result<Vec<f64>, Trouble> {
    let any_code = matches!(settings.output, Output::ExitCode);
    match status.and_then(|it| it.code()).filter(|code| *code == 0 || any_code) {
        Some(code) => settings
            .output
            .extract(&settings.metrics, code, output, folder, hidden)
            .map_err(|message| Trouble::answer(format!("{message}{}", last_words(errors, hidden)))),
        None => Err(Trouble::ended(settings, status, &hidden.hide(errors), "")),
    }
}

/// Listens to a program's standard output.
struct Listener<'a> {
    tail: Tail,
    /// Its lines, where some of them may be reports.
    lines: Option<Lines>,
    settings: &'a Settings,
    watcher: &'a mut dyn Watcher,
    last_step: u64,
    /// Why the program is to be stopped.
    halt: Option<Trouble>,
}

impl<'a> Listener<'a> {
    fn new(settings: &'a Settings, watcher: &'a mut dyn Watcher) -> Self {
        let lines = matches!(settings.output, Output::Json).then(|| Lines::new(LONGEST_LINE));
        Self {
            tail: Tail::new(settings.limits.output),
            lines,
            settings,
            watcher,
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
            let line = self.settings.whereabouts.hide(line);
            match Message::read(&line, &self.settings.metrics, self.last_step, None) {
                Message::Report(Ok(report)) => {
                    self.last_step = report.step;
                    if self.watcher.report(report) == Verdict::Stop {
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
