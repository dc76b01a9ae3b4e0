//! `optimize check`.

use jobs::{Purpose, TrialResult, derived_seed};
use optimizers::Algorithm;
use results::Status;
use search_spaces::{Point, Value, unit_from_bits};
use simulators::{Rehearsal, Trial};
use worker::Watch;

use crate::cli::Check;
use crate::exit::{Exit, Failure};
use crate::library;
use crate::progress::duration;
use crate::say;
use crate::say::print;
use crate::study::{Choices, Study};

/// So many random points are drawn until one meets the constraints.
const DRAWS: u64 = 100_000;

/// `optimize check`: opens all that a study of the template would open, runs one trial, and says
/// what it saw.
///
/// # Errors
/// The template is not there or at fault, or no point meets the constraints.
pub fn check(args: &Check) -> Result<Exit, Failure> {
    let template = library::load(&args.template, &args.set)?;
    let algorithm = Algorithm::parse("random").expect("a built-in algorithm");
    let choices = Choices {
        algorithm,
        seed: args.seed,
        trials: Some(1),
        chunk: 0,
        lag: 1,
        known: None,
        data: args.data.data.clone(),
    };
    let study = Study::open(template, choices)?;
    let point = point(&study, &args.at, args.seed)?;
    print(&description(&study))?;
    let seed = derived_seed(args.seed, Purpose::Trial, 0);
    say!("running one trial of {} (Ctrl-C ends it) …", study.template.name);
    let mut watch = Watch::new(&study.pruning_rules);
    let common = derived_seed(args.seed, Purpose::Common, 0);
    let trial = Trial { common, ..Trial::new(&point, seed) };
    let (rehearsal, time) = rehearse(&study, &trial, &mut watch);
    print(&seen(&study, &point, seed, &rehearsal.seen))?;
    let result = watch.conclude(0, rehearsal.result);
    let result = result.map_err(|fault| Failure::infrastructure(fault.message))?;
    let (text, status) = concluded(&study, &point, seed, &result, &time);
    print(&text)?;
    match status {
        Status::Complete | Status::Infeasible | Status::Pruned => Ok(Exit::Done),
        Status::Failed | Status::Timeout => Ok(Exit::Short),
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a trial took, for people")]
fn rehearse(study: &Study, trial: &Trial<'_>, watch: &mut Watch<'_>) -> (Rehearsal, String) {
    let begun = std::time::Instant::now();
    let rehearsal = study.simulator.rehearse(trial, watch);
    (rehearsal, duration(begun.elapsed()))
}

/// A random point that meets the constraints, with the values that were asked for.
fn point(study: &Study, at: &[String], seed: u64) -> Result<Point, Failure> {
    let parameters = study.space.parameters();
    let mut fixed: Vec<Option<Value>> = vec![None; parameters.len()];
    for text in at {
        let wrong =
            |allowed: String| Failure::usage(format!("--at: found {text:?}, allowed: {allowed}"));
        let names =
            || parameters.iter().map(search_spaces::Parameter::name).collect::<Vec<_>>().join(", ");
        let Some((name, value)) = text.split_once('=') else {
            return Err(wrong(format!("NAME=VALUE, with one of {}", names())));
        };
        let Some(index) = study.space.index_of(name.trim()) else {
            return Err(wrong(format!("one of the parameters {}", names())));
        };
        let parameter = &parameters[index];
        let Some(value) = parameter.parse(value.trim()) else {
            return Err(wrong(format!("a value of {}: {}", parameter.name(), parameter.allowed())));
        };
        if fixed[index].replace(value).is_some() {
            return Err(wrong(format!("one value for {}", parameter.name())));
        }
    }
    let width = parameters.len() as u64;
    for draw in 0..DRAWS {
        let drawn = (0u64..).zip(parameters).map(|(index, parameter)| {
            let bits = derived_seed(seed, Purpose::Ask, draw * width + index);
            parameter.domain().decode(unit_from_bits(bits))
        });
        let values = drawn.zip(&fixed).map(|(drawn, fixed)| fixed.unwrap_or(drawn));
        let point = study.space.point(values.collect());
        if study.space.satisfies(&point) {
            return inactive(study, &fixed, point);
        }
    }
    Err(Failure::usage(match at {
        [] => "random points do not meet the constraints".to_owned(),
        _ => format!("--at {}: no point with this meets the constraints", at.join(" --at ")),
    }))
}

/// A value for a parameter that does not count is a mistake.
fn inactive(study: &Study, fixed: &[Option<Value>], point: Point) -> Result<Point, Failure> {
    for ((parameter, value), fixed) in
        study.space.parameters().iter().zip(point.values()).zip(fixed)
    {
        if let (Value::Inactive, Some(_), Some(when)) = (value, fixed, parameter.when()) {
            return Err(Failure::usage(format!(
                "--at: {} is inactive at this point, allowed: it when {}",
                parameter.name(),
                when.source()
            )));
        }
    }
    Ok(point)
}

/// What the template says, as the program understands it.
fn description(study: &Study) -> String {
    let template = &study.template;
    let mut lines = vec![format!("{}: {}", template.name, template.description), String::new()];
    let mut line = |name: &str, text: &str| lines.push(format!("  {name:16} {text}"));
    for parameter in study.space.parameters() {
        let levels = match parameter.domain().levels() {
            Some(levels) => format!("{levels} values"),
            None => "continuous".to_owned(),
        };
        let when =
            parameter.when().map_or(String::new(), |when| format!(", when {}", when.source()));
        line(parameter.name(), &format!("{}, {levels}{when}", parameter.allowed()));
    }
    for constraint in study.space.constraints() {
        line("constraint", constraint.source());
    }
    for objective in &template.objectives {
        line("objective", &format!("{} {}", objective.direction.name(), objective.metric));
    }
    for constraint in &template.outcome_constraints {
        line("outcome", constraint);
    }
    for rule in &template.prune {
        line("pruned when", rule);
    }
    line("metrics", &study.simulator.metrics().join(", "));
    if let Some(way) = study.simulator.way() {
        line("runs", &way);
    }
    line(
        "grid",
        &match study.space.grid() {
            Ok(grid) => format!("{} combinations before constraints", grid.len()),
            Err(reason) => reason,
        },
    );
    lines.join("\n")
}

/// A trial, and what could be seen of it.
fn seen(study: &Study, point: &Point, seed: u64, exchange: &[(String, String)]) -> String {
    let values = study.space.parameters().iter().zip(point.values());
    let values: Vec<String> =
        values.map(|(each, value)| format!("{} = {}", each.name(), each.text(*value))).collect();
    let mut lines = vec![format!("\none trial: {}; seed {seed}", values.join(", "))];
    for (label, text) in exchange {
        let mut parts = if text.is_empty() { "(nothing)" } else { text }.lines();
        lines.push(format!("  {label:16} {}", parts.next().unwrap_or_default()));
        lines.extend(parts.map(|part| format!("  {:16} {part}", "")));
    }
    lines.join("\n")
}

/// What a study would make of the trial.
fn concluded(
    study: &Study,
    point: &Point,
    seed: u64,
    result: &TrialResult,
    time: &str,
) -> (String, Status) {
    let named = |values: &[f64]| {
        let each = study.simulator.metrics().iter().zip(values);
        each.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
    };
    let mut lines = Vec::new();
    let mut line = |name: &str, text: &str| lines.push(format!("  {name:16} {text}"));
    match result.reports.as_slice() {
        [] => {}
        [only] => line("report", &format!("at step {}: {}", only.step, named(&only.values))),
        [first, .., last] => {
            let count = result.reports.len();
            line("reports", &format!("{count}, at step {}: {}", first.step, named(&first.values)));
            line("", &format!("… to step {}: {}", last.step, named(&last.values)));
        }
    }
    let row = study.schema.row(0, seed, point.clone(), result).expect("it has a point");
    if !row.metrics.is_empty() {
        line("metrics", &named(&row.metrics));
    }
    let missed = row.violations.iter().zip(&study.template.outcome_constraints);
    for (_, constraint) in missed.filter(|(violation, _)| **violation > 0.0) {
        line("misses", constraint);
    }
    let message = row.message.map_or(String::new(), |message| format!(": {message}"));
    line("status", &format!("{}{message}, after {time}", row.status.name()));
    (lines.join("\n"), row.status)
}
