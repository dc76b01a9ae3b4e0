//! The lines that a child that stays and `optimize` write to each other; one that runs once
//! reports with the same lines.

use search_spaces::{Parameter, Value};
use serde_json::{Map, Value as Json};
use std::fmt::Write as _;

use super::format::shortest;
use super::number::{listed, metrics_of, of_json, parse_json};
use crate::contract::{Report, Trial};

/// The version of the protocol.
pub const VERSION: u64 = 1;

/// A longer line is no answer.
pub const LONGEST_LINE: usize = 1 << 20;

/// What a program may say first.
pub(super) const HANDSHAKE: &str = "the handshake {\"optimize\": 1} as its first line";

/// What a program may say to a trial.
pub(super) const ANSWERS: &str = "{\"metrics\": ..}, {\"error\": ..} or a report";

/// The line that asks for a trial; its memory is used again.
#[derive(Default)]
pub struct Request(String);

impl Request {
    /// `{"trial": 3, "seed": 7, "budget": 50, "params": {"x": 0.1}}` and a line end. Inactive
    /// parameters are left out, and a budget that is not set.
    pub fn line(
        &mut self,
        parameters: &[Parameter],
        trial: &Trial<'_>,
        budget: Option<u64>,
    ) -> &[u8] {
        const FITS: &str = "writing to a String succeeds";
        let out = &mut self.0;
        out.clear();
        write!(out, "{{\"trial\": {}, \"seed\": {}, ", trial.number, trial.seed).expect(FITS);
        if let Some(budget) = budget {
            write!(out, "\"budget\": {budget}, ").expect(FITS);
        }
        out.push_str("\"params\": {");
        let start = out.len();
        for (parameter, value) in parameters.iter().zip(trial.point.values()) {
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

/// The line with which a handshake is answered.
pub(super) fn welcome(metrics: &[String]) -> String {
    format!("{}\n", serde_json::json!({ "optimize": VERSION, "metrics": metrics }))
}

/// Reads a program's first line: the first of the metrics that it says it does not have, and
/// those that it has, in words; none where it is no handshake.
pub(super) fn handshake(line: &[u8], metrics: &[String]) -> Option<Result<(), String>> {
    let Some(Json::Object(hello)) = parse_json(line) else { return None };
    if hello.get("optimize").and_then(Json::as_u64) != Some(VERSION) {
        return None;
    }
    let Some(names) = hello.get("metrics") else { return Some(Ok(())) };
    let names = names.as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
    let missing = metrics.iter().find(|wanted| !names.contains(&wanted.as_str()));
    Some(missing.map_or(Ok(()), |wanted| {
        Err(format!("the program has no metric {wanted}; it has: {}", listed(&names)))
    }))
}

/// What a program says to a trial.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// `{"step": 3, "metrics": {..}}`, or what is wrong with it.
    Report(Result<Report, String>),
    /// `{"metrics": {..}}`, or what is wrong with them.
    Metrics(Result<Vec<f64>, String>),
    /// `{"error": ".."}`.
    Error(String),
    /// `{"stopped": true}`.
    Stopped,
    /// Anything else.
    Other,
}

impl Message {
    /// Reads a line; `last_step` is that of the report before it, or 0. What says that it is of
    /// another `trial`, where only one can be meant, is nothing that was asked for.
    pub(super) fn read(
        line: &[u8],
        metrics: &[String],
        last_step: u64,
        trial: Option<u64>,
    ) -> Self {
        let Some(Json::Object(mut message)) = parse_json(line) else { return Self::Other };
        if let Some((meant, said)) = trial.zip(message.get("trial").filter(|it| !it.is_null()))
            && of_json(said) != Some(meant as f64)
        {
            return Self::Other;
        }
        if let Some(error) = complaint(&message) {
            return Self::Error(error.as_str().map_or_else(|| error.to_string(), str::to_owned));
        }
        if message.get("stopped") == Some(&Json::Bool(true)) {
            return Self::Stopped;
        }
        let Some(Json::Object(found)) = message.remove("metrics") else { return Self::Other };
        let values = metrics_of(metrics, &found);
        if !message.contains_key("step") {
            return Self::Metrics(values);
        }
        let step = next_step(&message, last_step);
        Self::Report(step.and_then(|step| Ok(Report { step, values: values? })))
    }
}

/// What an answer says in `"error"`, where null is nothing.
#[must_use]
pub fn complaint(message: &Map<String, Json>) -> Option<&Json> {
    message.get("error").filter(|error| !error.is_null())
}

fn next_step(message: &Map<String, Json>, last: u64) -> Result<u64, String> {
    let step = &message["step"];
    match step.as_u64() {
        Some(step) if step > last => Ok(step),
        _ => Err(format!("the report's step is {step}, allowed: whole numbers above {last}")),
    }
}

#[cfg(test)]
mod tests {
    use search_spaces::{Domain, Point};

    use super::*;

    #[test]
    fn a_request_names_all_that_a_trial_is_and_no_more() {
        let parameters = ["x", "n"].map(|name| {
            Parameter::new(
                name,
                Domain::Float {
                    low: 0.0,
                    high: 1.0,
                    scale: search_spaces::Scale::Linear,
                    step: None,
                    points: None,
                },
            )
        });
        let point = Point::new(vec![Value::Float(0.5), Value::Inactive]);
        let trial = Trial { number: 3, ..Trial::new(&point, u64::MAX) };
        let mut request = Request::default();
        let seed = "18446744073709551615";
        let line = |text: &str| format!("{{\"trial\": 3, \"seed\": {seed}, {text}\n");
        assert_eq!(
            request.line(&parameters, &trial, Some(50)),
            line("\"budget\": 50, \"params\": {\"x\": 0.5}}").as_bytes()
        );
        assert_eq!(
            request.line(&parameters, &trial, None),
            line("\"params\": {\"x\": 0.5}}").as_bytes()
        );
    }

    #[test]
    fn messages_are_what_they_say() {
        let read = |line: &str| Message::read(line.as_bytes(), &["cost".to_owned()], 3, Some(7));
        let report = Report { step: 4, values: vec![1.5] };
        assert_eq!(
            read("{\"step\": 4, \"metrics\": {\"cost\": 1.5}}"),
            Message::Report(Ok(report))
        );
        assert_eq!(read("{\"metrics\": {\"cost\": 1}}"), Message::Metrics(Ok(vec![1.0])));
        assert_eq!(read("{\"error\": \"no mesh\"}"), Message::Error("no mesh".to_owned()));
        assert_eq!(read("{\"stopped\": true}"), Message::Stopped);
        for trial in ["7", "7.0", "null"] {
            let line =
                format!("{{\"error\": null, \"trial\": {trial}, \"metrics\": {{\"cost\": 1}}}}");
            assert_eq!(read(&line), Message::Metrics(Ok(vec![1.0])), "{trial}");
        }
        for line in ["\"metrics\": {\"cost\": 1}", "\"error\": \"no\"", "\"stopped\": true"] {
            assert_eq!(read(&format!("{{\"trial\": 6, {line}}}")), Message::Other, "{line}");
        }
        for other in ["{\"stopped\": 1}", "{}", "[]", "3", "stopped", "{\"cost\": 1}"] {
            assert_eq!(read(other), Message::Other, "{other}");
        }
        let Message::Report(Err(message)) = read("{\"step\": 3, \"metrics\": {\"cost\": 1}}")
        else {
            panic!("the step does not increase");
        };
        assert_eq!(message, "the report's step is 3, allowed: whole numbers above 3");
    }
}
