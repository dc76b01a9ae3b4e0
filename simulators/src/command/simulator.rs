//! A program as a simulator.

use search_spaces::{Parameter, Section, Space, TemplateError};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use super::files::{Kept, Place};
use super::guard::Guard;
use super::launch::{check_interpreter, check_limits};
use super::once::{self, Common};
use super::output::Output;
use super::persistent::Server;
use super::protocol::Request;
use super::settings::{Keep, Mode, Settings};
use super::trace::Trace;
use super::trouble::{Cause, Trouble};
use super::words::command_line;
use crate::contract::{Failure, Rehearsal, Report, Session, Simulator, Trial, Watcher};

/// An external program that evaluates points, as a child that stays or as one child per trial.
///
/// Settings, in the table `[command]`: `run` (the program and its arguments) and `metrics` are
/// needed; `mode`, `env`, `input`, `deck`, `output`, `inputs`, `folder`, `keep`, `keep_limit`,
/// `budget`, `timeout`, `startup`, `grace`, `memory`, `cpu`, `output_limit`, `retries`,
/// `retry_on`, `recycle` and `recycle_at` may be given. Opening it runs nothing.
///
/// It is as deterministic as the program is. Its fingerprint covers the settings and the
/// contents of the files beside the template that `run` and `inputs` name; programs found on
/// PATH are known by their name alone.
pub struct Command {
    settings: Settings,
    parameters: Vec<Parameter>,
    /// Children that wait for a session; there are never more than sessions at one time, and
    /// the one that made sure that everything is ready.
    idle: Mutex<Vec<Server>>,
    guard: Arc<Guard>,
    kept: Kept,
    swept: Once,
}

/// The first wait before a retry; each further one is twice as long.
const BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

impl Command {
    /// Reads the table `[command]` for the points of `space`; relative paths start at `folder`.
    ///
    /// # Errors
    /// An unknown key, a value outside its range, a program that is not there or not executable,
    /// a missing file, an unknown placeholder.
    pub fn open(section: Section<'_>, space: &Space, folder: &Path) -> Result<Self, TemplateError> {
        let settings = Settings::read(section, space, folder)?;
        Ok(Self {
            parameters: space.parameters().to_vec(),
            idle: Mutex::new(Vec::new()),
            guard: Guard::new(settings.limits.grace),
            kept: Kept::new(settings.keep_limit),
            settings,
            swept: Once::new(),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Server>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn traced(&self, trace: Trace) -> CommandSession<'_> {
        CommandSession { command: self, server: None, request: Request::default(), trace }
    }

    /// Whether a trial's working directory is kept, now that it is known how it ended.
    fn keeps(&self, result: &Result<Vec<f64>, Trouble>) -> bool {
        match self.settings.keep {
            Keep::All => true,
            Keep::Failed => result.as_ref().is_err_and(|it| it.cause != Cause::Stopped),
            Keep::None => false,
        }
    }
}

impl Simulator for Command {
    fn metrics(&self) -> &[String] {
        &self.settings.metrics
    }

    fn fingerprint(&self) -> [u8; 32] {
        self.settings.fingerprint
    }

    fn abandon(&self) {
        self.guard.end_all();
    }

    /// Only what a program says on standard output while it runs can be a report.
    fn reports(&self) -> bool {
        let says = self.settings.mode == Mode::Persistent;
        // A program that takes a budget reports by ending at it.
        says || self.settings.budget.is_some() || matches!(self.settings.output, Output::Json)
    }

    fn steps(&self) -> Option<u64> {
        self.settings.budget
    }

    fn budgets(&self) -> bool {
        self.settings.budget.is_some()
    }

    fn files(&self) -> Vec<String> {
        self.settings.files.clone()
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self.traced(Trace::off()))
    }

    /// A child that stays is started and serves trials from then on; of a program that runs once
    /// per trial, only the interpreter is looked for, and whether its limits can be set.
    fn ready(&self) -> Result<(), Failure> {
        let name = command_line(self.settings.run.iter().map(String::as_str));
        check_interpreter(&self.settings)
            .map_err(|reason| Failure::new(format!("{name} cannot be started: {reason}")))?;
        check_limits(&self.settings.limits)
            .map_err(|reason| Failure::machine(format!("{name} cannot be started: {reason}")))?;
        if self.settings.mode == Mode::Once || !self.idle().is_empty() {
            return Ok(());
        }
        let started = Server::start(&self.settings, &self.guard, &mut Trace::off());
        let server = started.map_err(|Trouble { failure, .. }| Failure {
            message: format!(
                "{name}: {}; see docs/command.md for the handshake, or set mode = \"once\" for a \
                 program that runs once per trial",
                failure.message
            ),
            ..failure
        })?;
        self.idle().push(server);
        Ok(())
    }

    /// A child that stays is a fresh one, which ends afterwards.
    fn rehearse(&self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Rehearsal {
        let mut session = self.traced(Trace::on());
        let result = session.run(trial, watcher);
        let mut trace = std::mem::replace(&mut session.trace, Trace::off());
        if let Some(server) = session.server.take() {
            server.end(&mut trace);
        }
        Rehearsal { result, seen: trace.finish() }
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        let mut idle = std::mem::take(&mut *self.idle());
        // All are told first, so that they end side by side.
        idle.iter_mut().for_each(Server::dismiss);
    }
}

struct CommandSession<'a> {
    command: &'a Command,
    server: Option<Server>,
    request: Request,
    trace: Trace,
}

impl Session for CommandSession<'_> {
    fn run(&mut self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Result<Vec<f64>, Failure> {
        let Command { settings, parameters, .. } = self.command;
        let fits = trial.point.values().len() == parameters.len();
        assert!(fits, "the point belongs to the space");
        let mut backoff = BACKOFF;
        for attempt in 0.. {
            if self.command.guard.has_ended_all() {
                return Err(Failure::new("abandoned"));
            }
            let (result, place) = self.attempt(trial, watcher);
            let retry = attempt < settings.retries
                && result.as_ref().is_err_and(|it| it.may_pass(&settings.retry_on));
            if retry {
                watcher.restart();
                std::thread::sleep(backoff);
                backoff = (2 * backoff).min(LONGEST_BACKOFF);
                continue;
            }
            if let Some(place) = place.filter(|_| self.command.keeps(&result)) {
                self.command.kept.keep(place);
            }
            if let (Ok(values), Some(until)) = (&result, self.command.part(trial)) {
                // It has come to the end of its budget, and not to that of the trial.
                watcher.report(Report { step: until, values: values.clone() });
            }
            return result.map_err(|trouble| trouble.failure);
        }
        unreachable!("the loop has no other end")
    }
}

impl Command {
    /// The step up to which a trial runs, where its program was told to go no further.
    fn part(&self, trial: &Trial<'_>) -> Option<u64> {
        let whole = self.settings.budget?;
        Some(trial.budget(whole)).filter(|budget| *budget < whole)
    }
}

impl CommandSession<'_> {
    fn attempt(
        &mut self,
        trial: &Trial<'_>,
        watcher: &mut dyn Watcher,
    ) -> (Result<Vec<f64>, Trouble>, Option<Place>) {
        let Command { settings, parameters, guard, swept, .. } = self.command;
        match settings.mode {
            Mode::Once => {
                let common = Common { settings, parameters, guard, swept };
                once::run(common, trial, watcher, &mut self.trace)
            }
            Mode::Persistent => (self.ask(trial, watcher), None),
        }
    }

    /// Has a child that stays evaluate a trial. One that breaks over it may have been broken by
    /// an earlier trial, in which case a fresh one is asked: which child a trial meets is chance,
    /// and must not decide what becomes of it.
    fn ask(&mut self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Result<Vec<f64>, Trouble> {
        let Command { settings, parameters, guard, .. } = self.command;
        let mut waiting = self.waiting();
        loop {
            let mut server = match waiting.take() {
                Some(server) => server,
                None => Server::start(settings, guard, &mut self.trace)?,
            };
            let served_others = server.served() > 0;
            let budget = settings.budget.map(|whole| trial.budget(whole));
            let line = self.request.line(parameters, trial, budget);
            let answer = server.ask(settings, trial.number, line, watcher, &mut self.trace);
            if server.is_alive() {
                self.server = Some(server);
            } else {
                server.end(&mut self.trace);
            }
            match answer {
                Err(trouble) if served_others && trouble.cause == Cause::Broken => {
                    watcher.restart();
                }
                answer => return answer,
            }
        }
    }

    /// A child that can be asked, if there is one; a rehearsal shows one from its start.
    fn waiting(&mut self) -> Option<Server> {
        if self.trace.is_on() {
            return None;
        }
        let mut server = self.server.take().or_else(|| self.command.idle().pop())?;
        // One that said more than it was asked, or has ended since, answers no more trials.
        let fit = !server.is_worn(&self.command.settings) && server.is_in_step();
        fit.then_some(server)
    }
}

impl Drop for CommandSession<'_> {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.command.idle().push(server);
        }
    }
}
