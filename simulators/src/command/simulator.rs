//! A program as a simulator.

use search_spaces::{Parameter, Point, Section, Space, TemplateError};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{self, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::once;
use super::persistent::{Request, Server};
use super::process::{ending, last_words};
use super::settings::{Limits, Mode, Settings};
use crate::contract::{Failure, Report, Session, Simulator, Trial, Verdict};

/// An external program that evaluates points, as a child that stays or as one child per trial.
///
/// Settings, in the table `[command]`: `run` (the program and its arguments) and `metrics` are
/// needed; `mode`, `env`, `input`, `deck`, `output`, `inputs`, `folder`, `keep`, `timeout`,
/// `startup`, `grace`, `memory`, `cpu`, `output_limit`, `retries`, `retry_on` and `recycle` may be
/// given. Opening it runs nothing.
///
/// It is as deterministic as the program is. Its fingerprint covers the settings and the
/// contents of the files beside the template that `run` and `inputs` name; programs found on
/// PATH are known by their name alone.
pub struct Command {
    settings: Settings,
    parameters: Vec<Parameter>,
    /// Children that wait for a session; there are never more than sessions at one time.
    idle: Mutex<Vec<Server>>,
}

/// The first wait before a retry; each further one is twice as long.
const BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// The signal for too much processor time, the same on all systems that have it.
const SIGXCPU: i32 = 24;

impl Command {
    /// Reads the table `[command]` for the points of `space`; relative paths start at `folder`.
    ///
    /// # Errors
    /// An unknown key, a value outside its range, a program that is not there or not executable,
    /// a missing file, an unknown placeholder.
    pub fn open(section: Section<'_>, space: &Space, folder: &Path) -> Result<Self, TemplateError> {
        Ok(Self {
            settings: Settings::read(section, space, folder)?,
            parameters: space.parameters().to_vec(),
            idle: Mutex::new(Vec::new()),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Server>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator for Command {
    fn metrics(&self) -> &[String] {
        &self.settings.metrics
    }

    fn fingerprint(&self) -> [u8; 32] {
        self.settings.fingerprint
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(CommandSession { command: self, server: None, request: Request::default() })
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        let mut idle = std::mem::take(&mut *self.idle());
        // All are told first, so that they end side by side.
        idle.iter_mut().for_each(Server::dismiss);
    }
}

/// One attempt at a trial that came to nothing.
pub(super) struct Trouble {
    pub failure: Failure,
    /// How the child ended, where it did.
    pub status: Option<ExitStatus>,
}

impl Trouble {
    /// The child lives, and said or left something wrong.
    pub(super) fn answered(message: impl Into<String>) -> Self {
        Self { failure: Failure::new(message), status: None }
    }

    /// The child ended.
    pub(super) fn ended(status: ExitStatus, errors: &[u8], when: &str) -> Self {
        let message = format!("the program {}{when}{}", ending(status), last_words(errors));
        let failure = match status.signal() {
            Some(SIGXCPU) => Failure::timeout("the program used up its processor time (cpu)"),
            _ => Failure::new(message),
        };
        Self { failure, status: Some(status) }
    }

    /// The program could not be started.
    pub(super) fn not_started(error: &std::io::Error) -> Self {
        Self::answered(format!("the program cannot be started: {error}"))
    }
}

/// The child before it starts. Limits are set by a shell that becomes the program: it is given
/// numbers of ours to run, and the program and its arguments as arguments.
pub(super) fn child(program: &Path, arguments: &[String], limits: &Limits) -> process::Command {
    let mut script = String::new();
    if let Some(memory) = limits.memory {
        script.push_str(&format!("ulimit -v {} && ", memory.div_ceil(1024)));
    }
    if let Some(cpu) = limits.cpu {
        let seconds = cpu.as_secs_f64().ceil() as u64;
        // One that catches the signal of the soft limit meets the hard one.
        script.push_str(&format!("ulimit -S -t {seconds} && ulimit -H -t {} && ", seconds + 2));
    }
    let mut command = if script.is_empty() {
        process::Command::new(program)
    } else {
        script.push_str("ulimit -c 0 && exec \"$0\" \"$@\"");
        let mut shell = process::Command::new("/bin/sh");
        shell.arg("-c").arg(script).arg(program);
        shell
    };
    command.args(arguments);
    command
}

struct CommandSession<'a> {
    command: &'a Command,
    server: Option<Server>,
    request: Request,
}

impl Session for CommandSession<'_> {
    fn run(
        &mut self,
        trial: &Trial<'_>,
        reports: &mut dyn FnMut(Report) -> Verdict,
    ) -> Result<Vec<f64>, Failure> {
        let Trial { point, seed, .. } = *trial;
        let (settings, parameters) = (&self.command.settings, &self.command.parameters);
        assert_eq!(point.values().len(), parameters.len(), "the point belongs to the space");
        let mut backoff = BACKOFF;
        // A retried trial reports what it reported before once more, which is left out.
        let mut reported = 0;
        let mut report = |report: Report| {
            if report.step <= reported {
                return Verdict::Continue;
            }
            reported = report.step;
            reports(report)
        };
        for attempt in 0.. {
            let result = match settings.mode {
                Mode::Once => once::run(settings, parameters, point, seed),
                Mode::Persistent => self.ask(point, seed, &mut report),
            };
            let trouble = match result {
                Ok(values) => return Ok(values),
                Err(trouble) => trouble,
            };
            let code = trouble.status.and_then(|status| status.code());
            let may_pass = code.is_some_and(|code| settings.retry_on.contains(&code.into()));
            if attempt >= settings.retries || !may_pass {
                return Err(trouble.failure);
            }
            std::thread::sleep(backoff);
            backoff = (2 * backoff).min(LONGEST_BACKOFF);
        }
        unreachable!("the loop has no other end")
    }
}

impl CommandSession<'_> {
    fn ask(
        &mut self,
        point: &Point,
        seed: u64,
        reports: &mut dyn FnMut(Report) -> Verdict,
    ) -> Result<Vec<f64>, Trouble> {
        let settings = &self.command.settings;
        let waiting = self.server.take().or_else(|| self.command.idle().pop());
        // One that said more than it was asked, or has ended since, answers no more trials.
        let waiting = waiting
            .and_then(|mut it| (it.served() < settings.recycle && it.is_in_step()).then_some(it));
        let mut server = match waiting {
            Some(server) => server,
            None => Server::start(settings)?,
        };
        let line = self.request.line(&self.command.parameters, point, seed);
        let answer = server.ask(settings, line, reports);
        if server.is_alive() {
            self.server = Some(server);
        }
        answer
    }
}

impl Drop for CommandSession<'_> {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.command.idle().push(server);
        }
    }
}
