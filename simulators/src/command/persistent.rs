//! A child that stays and answers one line per trial.

use search_spaces::{Parameter, Point, Value};
use serde_json::{Map, Value as Json};
use std::fmt::Write as _;
use std::time::Duration;

use super::format::shortest;
use super::number::{listed, metrics_of, parse_json};
use super::process::{Deadline, Process, last_words};
use super::settings::Settings;
use super::simulator::{Trouble, child};
use crate::contract::{Failure, Report, Verdict};

/// The version of the protocol.
const VERSION: u64 = 1;

/// A longer line is no answer.
const LONGEST_LINE: usize = 1 << 20;

/// The line that asks for a trial; its memory is used again.
#[derive(Default)]
pub(super) struct Request(String);

impl Request {
    /// `{"seed": 7, "params": {"x": 0.1}}` and a line end. Inactive parameters are left out.
    pub(super) fn line(&mut self, parameters: &[Parameter], point: &Point, seed: u64) -> &[u8] {
        let out = &mut self.0;
        out.clear();
        write!(out, "{{\"seed\": {seed}, \"params\": {{").expect("writing to a String succeeds");
        let start = out.len();
        for (parameter, value) in parameters.iter().zip(point.values()) {
            if *value == Value::Inactive {
                continue;
            }
            if out.len() > start {
                out.push_str(", ");
            }
            quote(out, parameter.name());
            out.push_str(": ");
            match *value {
                Value::Float(number) => out.push_str(&shortest(number)),
                Value::Label(_) => quote(out, &parameter.text(*value)),
                _ => out.push_str(&parameter.text(*value)),
            }
        }
        out.push_str("}}\n");
        out.as_bytes()
    }
}

fn quote(out: &mut String, text: &str) {
    out.push_str(&Json::from(text).to_string());
}

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
    pub(super) fn start(settings: &Settings) -> Result<Self, Trouble> {
        let nothing = Vec::new();
        let no_point = Point::new(Vec::new());
        let fill = |text: &super::text::Text| text.fill(&nothing, &no_point, 0);
        let limits = &settings.limits;
        let arguments: Vec<String> = settings.arguments.iter().map(fill).collect();
        let mut command = child(&settings.program, &arguments, limits);
        command.current_dir(&settings.folder);
        command.envs(settings.env.iter().map(|(name, text)| (name, fill(text))));
        let process = Process::start(command, true, limits.grace, limits.output)
            .map_err(|error| Trouble::not_started(&error))?;
        let mut server = Self { process, buffer: Vec::new(), served: 0, alive: true };
        server.shake_hands(settings)?;
        Ok(server)
    }

    fn shake_hands(&mut self, settings: &Settings) -> Result<(), Trouble> {
        let time = settings.limits.startup;
        let line = self
            .line(Deadline::after(Some(time)))
            .map_err(|reason| self.give_up(&reason, Some(time), " before its handshake"))?;
        let allowed = "the handshake {\"optimize\": 1} as its first line";
        let Some(Json::Object(hello)) = parse_json(&line) else {
            return Err(self.garbage(&line, allowed));
        };
        if hello.get("optimize").and_then(Json::as_u64) != Some(VERSION) {
            return Err(self.garbage(&line, allowed));
        }
        if let Some(names) = hello.get("metrics") {
            let names = names.as_array().map(Vec::as_slice).unwrap_or_default();
            let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
            let missing = |wanted: &&String| !names.contains(&wanted.as_str());
            if let Some(wanted) = settings.metrics.iter().find(missing) {
                let found = listed(&names);
                let message = format!("the program has no metric {wanted}; it has: {found}");
                self.stop();
                return Err(Trouble::answered(message));
            }
        }
        let answer = serde_json::json!({ "optimize": VERSION, "metrics": settings.metrics });
        self.send(format!("{answer}\n").as_bytes(), Deadline::after(Some(time)));
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

    /// Whether it waits for a trial: it lives, and has said nothing that nobody asked for.
    pub(super) fn is_in_step(&mut self) -> bool {
        let buffer = &mut self.buffer;
        self.process.pump(Some(Duration::ZERO), false, &mut |bytes| {
            buffer.extend_from_slice(bytes);
        });
        self.buffer.is_empty() && self.process.speaks()
    }

    /// Has one trial evaluated.
    pub(super) fn ask(
        &mut self,
        settings: &Settings,
        request: &[u8],
        reports: &mut dyn FnMut(Report) -> Verdict,
    ) -> Result<Vec<f64>, Trouble> {
        self.served += 1;
        // Complaints about earlier trials are not about this one.
        self.process.errors().clear();
        let time = settings.limits.timeout;
        let deadline = Deadline::after(time);
        self.send(request, deadline);
        let mut last_step = 0;
        loop {
            let line = self.line(deadline).map_err(|reason| self.give_up(&reason, time, ""))?;
            let Some(Json::Object(mut message)) = parse_json(&line) else {
                return Err(self.garbage(&line, "{\"metrics\": ..}, {\"error\": ..} or a report"));
            };
            if let Some(error) = message.get("error") {
                let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
                return Err(Trouble::answered(text));
            }
            let Some(Json::Object(metrics)) = message.remove("metrics") else {
                return Err(self.garbage(&line, "{\"metrics\": ..}, {\"error\": ..} or a report"));
            };
            let values = metrics_of(&settings.metrics, &metrics);
            if !message.contains_key("step") {
                return values.map_err(Trouble::answered);
            }
            let step = next_step(&message, last_step)
                .and_then(|step| values.map(|values| Report { step, values }));
            match step {
                Ok(report) => {
                    last_step = report.step;
                    if reports(report) == Verdict::Stop {
                        self.stop();
                        return Err(Trouble::answered("stopped"));
                    }
                }
                // It waits for an answer to the report, which a new trial is not.
                Err(message) => {
                    self.stop();
                    return Err(Trouble::answered(message));
                }
            }
            self.send(b"continue\n", deadline);
        }
    }

    /// The next line, without its end.
    fn line(&mut self, deadline: Deadline) -> Result<Vec<u8>, NoLine> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=searched + at).collect();
                line.pop();
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > LONGEST_LINE {
                return Err(NoLine::TooLong);
            }
            if !self.process.speaks() {
                return Err(NoLine::Ended);
            }
            if deadline.passed() {
                return Err(NoLine::Late);
            }
            let buffer = &mut self.buffer;
            self.process.pump(deadline.left(), false, &mut |bytes| buffer.extend_from_slice(bytes));
        }
    }

    /// Writes a line; one that the child does not read in time is found out by its silence.
    fn send(&mut self, line: &[u8], deadline: Deadline) {
        let mut rest = self.process.write(line);
        while !rest.is_empty() && !deadline.passed() && self.buffer.len() <= LONGEST_LINE {
            let buffer = &mut self.buffer;
            self.process.pump(deadline.left(), true, &mut |bytes| buffer.extend_from_slice(bytes));
            rest = self.process.write(rest);
        }
    }

    fn stop(&mut self) -> std::process::ExitStatus {
        self.alive = false;
        self.process.stop(&mut |_| {})
    }

    fn garbage(&mut self, line: &[u8], allowed: &str) -> Trouble {
        self.stop();
        let text: String = String::from_utf8_lossy(line).chars().take(80).collect();
        let errors = last_words(self.process.errors().bytes());
        Trouble::answered(format!("the program wrote {text:?}, allowed: {allowed}{errors}"))
    }

    fn give_up(&mut self, reason: &NoLine, time: Option<Duration>, when: &str) -> Trouble {
        // One that has closed its output is about to end by itself, with a code that says why.
        if matches!(reason, NoLine::Ended) {
            self.process.close_input();
            self.process.wait(Deadline::after(Some(Duration::from_secs(1))), &[], &mut |_| {});
        }
        let status = self.stop();
        let errors = self.process.errors().bytes();
        match (reason, time) {
            (NoLine::Late, Some(time)) => {
                let message = format!("stopped at its timeout of {time:?}{when}");
                let message = format!("{message}{}", last_words(errors));
                Trouble { failure: Failure::timeout(message), status: Some(status) }
            }
            (NoLine::TooLong, _) => Trouble::answered(format!(
                "the program wrote a line of more than {LONGEST_LINE} bytes, allowed: shorter ones"
            )),
            _ => Trouble::ended(status, errors, when),
        }
    }

    /// Tells the child that there is nothing more to do.
    pub(super) fn dismiss(&mut self) {
        self.process.close_input();
    }
}

fn next_step(message: &Map<String, Json>, last: u64) -> Result<u64, String> {
    let step = &message["step"];
    match step.as_u64() {
        Some(step) if step > last => Ok(step),
        _ => Err(format!("the report's step is {step}, allowed: whole numbers above {last}")),
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Most programs end by themselves when their input ends, and may have files to close.
        self.process.close_input();
        let grace = self.process.grace();
        self.process.wait(Deadline::after(Some(grace)), &[], &mut |_| {});
    }
}
