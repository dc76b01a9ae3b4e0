//! A child that stays and answers one line per trial.

use search_spaces::Point;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Deadline;
use super::guard::Guard;
use super::launch::{child, not_started};
use super::process::{Process, Waited};
use super::protocol::{ANSWERS, HANDSHAKE, LONGEST_LINE, Message, handshake, welcome};
use super::settings::Settings;
use super::stream::Nowhere;
use super::trace::Trace;
use super::trouble::Trouble;
use super::words::{end, last_words};
use crate::contract::{Trial, Verdict, Watcher};

/// How long to wait before looking whether a silent child has ended. The end of its output says
/// so at once, but for one that has left its output to a child of its own.
const SHORTEST_NAP: Duration = Duration::from_millis(10);
const LONGEST_NAP: Duration = Duration::from_millis(200);

/// Why no line came.
enum NoLine {
    Ended,
    Late,
    TooLong,
}

/// A child that stays.
pub(super) struct Server {
    process: Process,
    /// What it wrote and nobody has read yet.
    buffer: Vec<u8>,
    served: u64,
    alive: bool,
}

impl Server {
    /// Starts a child and shakes hands.
    pub(super) fn start(
        settings: &Settings,
        guard: &Arc<Guard>,
        trace: &mut Trace,
    ) -> Result<Self, Trouble> {
        // Its texts have no placeholders.
        let (no_parameters, no_point) = (Vec::new(), Point::new(Vec::new()));
        let no_trial = Trial::new(&no_point, 0);
        let command = child(settings, &no_parameters, &no_trial, &settings.folder, trace);
        let process = Process::start(command, true, &settings.limits, guard)
            .map_err(|error| not_started(settings, &settings.folder, &error))?;
        let mut server = Self { process, buffer: Vec::new(), served: 0, alive: true };
        match server.shake_hands(settings, trace) {
            Ok(()) => Ok(server),
            Err(trouble) => {
                server.end(trace);
                Err(trouble)
            }
        }
    }

    fn shake_hands(&mut self, settings: &Settings, trace: &mut Trace) -> Result<(), Trouble> {
        let time = settings.limits.startup;
        let deadline = Deadline::after(Some(time));
        let line = match self.line(deadline, trace) {
            Ok(line) => line,
            Err(NoLine::Late) => {
                let begun = excerpt(&settings.whereabouts.hide(&self.buffer));
                let found = if begun.is_empty() { "nothing" } else { &*format!("{begun:?}") };
                let message = format!("the program printed {found} for {time:?} (startup)");
                let errors = last_words(self.process.errors().bytes(), &settings.whereabouts);
                self.stop();
                return Err(Trouble::late(format!("{message}, allowed: {HANDSHAKE}{errors}")));
            }
            Err(reason) => {
                return Err(self.give_up(settings, &reason, deadline, " before its handshake"));
            }
        };
        let line = settings.whereabouts.hide(&line);
        match handshake(&line, &settings.metrics) {
            Some(Ok(())) => {}
            Some(Err(message)) => {
                self.stop();
                return Err(Trouble::answer(message));
            }
            None => return Err(self.garbage(&line, HANDSHAKE)),
        }
        self.send(welcome(&settings.metrics).as_bytes(), deadline, trace);
        Ok(())
    }

    /// How many trials it was asked for.
    pub(super) fn served(&self) -> u64 {
        self.served
    }

    /// Whether it may be asked again.
    pub(super) fn is_alive(&self) -> bool {
        self.alive
    }

    /// Whether it is to be replaced by a fresh one, by what the settings say.
    pub(super) fn is_worn(&self, settings: &Settings) -> bool {
        let fat = |most| self.process.memory().is_some_and(|memory| memory > most);
        self.served >= settings.recycle || settings.recycle_at.is_some_and(fat)
    }

    /// Whether it waits for a trial: it lives, and has said nothing that nobody asked for.
    pub(super) fn is_in_step(&mut self) -> bool {
        self.process.pump(Some(Duration::ZERO), false, &mut self.buffer);
        self.buffer.is_empty() && self.process.speaks() && !self.process.has_ended()
    }

    /// Has one trial evaluated.
    pub(super) fn ask(
        &mut self,
        settings: &Settings,
        number: u64,
        request: &[u8],
        watcher: &mut dyn Watcher,
        trace: &mut Trace,
    ) -> Result<Vec<f64>, Trouble> {
        // Complaints about earlier trials are not about this one. All that a fresh child wrote
        // may be, and how much of it has come by now is chance.
        if self.served > 0 {
            self.process.errors().clear();
        }
        self.served += 1;
        let deadline = Deadline::after(settings.limits.timeout);
        self.send(request, deadline, trace);
        let mut last_step = 0;
        loop {
            let line = match self.line(deadline, trace) {
                Ok(line) => line,
                Err(reason) => return Err(self.give_up(settings, &reason, deadline, "")),
            };
            let line = settings.whereabouts.hide(&line);
            match Message::read(&line, &settings.metrics, last_step, Some(number)) {
                Message::Report(Ok(report)) => {
                    last_step = report.step;
                    if watcher.report(report) == Verdict::Stop {
                        self.wind_down(number, deadline, trace);
                        return Err(Trouble::stopped());
                    }
                    self.send(b"continue\n", deadline, trace);
                }
                Message::Report(Err(message)) => {
                    self.wind_down(number, deadline, trace);
                    return Err(Trouble::answer(message));
                }
                Message::Metrics(values) => return values.map_err(Trouble::answer),
                Message::Error(text) => {
                    return Err(Trouble::answer(settings.whereabouts.hide_text(&text)));
                }
                Message::Stopped | Message::Other => return Err(self.garbage(&line, ANSWERS)),
            }
        }
    }

    /// Tells a child that waits for an answer to its report to leave the trial, and listens
    /// until it has done so; one that does not in time is ended.
    fn wind_down(&mut self, number: u64, deadline: Deadline, trace: &mut Trace) {
        let deadline = deadline.or_after(self.process.grace());
        self.send(b"stop\n", deadline, trace);
        loop {
            let Ok(line) = self.line(deadline, trace) else {
                self.stop();
                return;
            };
            match Message::read(&line, &[], 0, Some(number)) {
                Message::Report(_) => self.send(b"stop\n", deadline, trace),
                Message::Metrics(_) | Message::Error(_) | Message::Stopped => return,
                Message::Other => {}
            }
        }
    }

    /// The next line, without its end.
    fn line(&mut self, deadline: Deadline, trace: &mut Trace) -> Result<Vec<u8>, NoLine> {
        let mut searched = 0;
        let mut nap = SHORTEST_NAP;
        let (mut ended, mut looked) = (false, false);
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=searched + at).collect();
                line.pop();
                trace.note("program writes", &line);
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > LONGEST_LINE {
                return Err(NoLine::TooLong);
            }
            if ended || !self.process.speaks() {
                return Err(NoLine::Ended);
            }
            if deadline.passed() {
                // It may be long past: what counts is what the child did by now, and not when we
                // came to look.
                if looked {
                    let ended = self.process.has_ended();
                    return Err(if ended { NoLine::Ended } else { NoLine::Late });
                }
                looked = true;
                self.process.pump(Some(Duration::ZERO), false, &mut self.buffer);
                continue;
            }
            ended = !self.listen(deadline, false, &mut nap);
        }
    }

    /// Writes a line; one that the child does not read in time is found out by its silence.
    fn send(&mut self, line: &[u8], deadline: Deadline, trace: &mut Trace) {
        trace.note("optimize writes", line);
        let mut nap = SHORTEST_NAP;
        let mut ended = false;
        let mut rest = self.process.write(line);
        while !(rest.is_empty() || ended || deadline.passed() || self.buffer.len() > LONGEST_LINE) {
            ended = !self.listen(deadline, true, &mut nap);
            rest = self.process.write(rest);
        }
    }

    /// Waits for a while for something to be read, or written, and says whether there may be
    /// more: not if the child has ended and all that it wrote is read.
    fn listen(&mut self, deadline: Deadline, write: bool, nap: &mut Duration) -> bool {
        let wait = deadline.left().map_or(*nap, |left| left.min(*nap));
        if self.process.pump(Some(wait), write, &mut self.buffer) {
            return true;
        }
        *nap = (2 * *nap).min(LONGEST_NAP);
        // What it wrote between our wait and its end is still there.
        !self.process.has_ended()
            || self.process.pump(Some(Duration::ZERO), false, &mut self.buffer)
    }

    fn stop(&mut self) -> Option<ExitStatus> {
        self.alive = false;
        self.process.stop(&mut Nowhere)
    }

    fn garbage(&mut self, line: &[u8], allowed: &str) -> Trouble {
        self.stop();
        let text = excerpt(line);
        // How far it gets with its standard error, before we end it, is chance.
        Trouble::broken(format!("the program wrote {text:?}, allowed: {allowed}"))
    }

    fn give_up(
        &mut self,
        settings: &Settings,
        reason: &NoLine,
        deadline: Deadline,
        when: &str,
    ) -> Trouble {
        let mut lingers = false;
        if matches!(reason, NoLine::Ended) {
            // One that has closed its output may end with a code that says why.
            self.process.close_input();
            let deadline = deadline.or_after(self.process.grace());
            lingers = self.process.wait(deadline, &[], &mut Nowhere) == Waited::Late;
        }
        let status = self.stop();
        let errors = self.process.errors().bytes();
        let words = || last_words(errors, &settings.whereabouts);
        match reason {
            NoLine::Late => {
                let time = settings.limits.timeout.expect("without one, the deadline never comes");
                Trouble::late(format!("stopped at its timeout of {time:?}{when}{}", words()))
            }
            NoLine::TooLong => Trouble::broken(format!(
                "the program wrote a line of more than {LONGEST_LINE} bytes, allowed: shorter ones"
            )),
            NoLine::Ended if lingers => Trouble::late(format!(
                "the program closed its output{when} and did not end{}",
                words()
            )),
            NoLine::Ended => Trouble::ended(settings, status, errors, when),
        }
    }

    /// Tells the child that there is nothing more to do.
    pub(super) fn dismiss(&mut self) {
        self.process.close_input();
    }

    /// Most programs end by themselves when their input ends, and may have files to close.
    fn leave(&mut self) -> Option<ExitStatus> {
        self.alive = false;
        self.process.close_input();
        let grace = self.process.grace();
        self.process.wait(Deadline::after(Some(grace)), &[], &mut Nowhere);
        self.stop()
    }

    /// Ends the child for somebody who looks.
    pub(super) fn end(mut self, trace: &mut Trace) {
        let status = self.leave();
        trace.note("standard error", self.process.errors().bytes());
        trace.note("ends", end(status).as_bytes());
    }
}

/// The beginning of a line, for messages.
fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().take(80).collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.leave();
    }
}
