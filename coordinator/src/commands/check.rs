//! `optimize check`.

use jobs::{Purpose, derived_seed};
use optimizers::Algorithm;
use search_spaces::{Point, Value, unit_from_bits};
use simulators::{Failure as TrialFailure, FailureKind, Rehearsal, Trial};

use crate::cli::Check;
use crate::exit::{Exit, Failure};
use crate::library;
use crate::progress::duration;
use crate::say::print;
use crate::study::{Choices, DEFAULT_LAG, Study};

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
    let choices =
        Choices { algorithm, seed: args.seed, trials: Some(1), chunk: 0, lag: DEFAULT_LAG };
    let study = Study::open(template, choices)?;
    let point = point(&study, &args.at, args.seed)?;
    print(&description(&study))?;
    let seed = derived_seed(args.seed, Purpose::Trial, 0);
    let (rehearsal, time) = rehearse(&study, &Trial::new(&point, seed));
    print(&told(&study, &point, seed, &rehearsal, &time))?;
    match &rehearsal.result {
        Ok(_) => Ok(Exit::Done),
        Err(_) => Ok(Exit::Short),
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a trial took, for people")]
fn rehearse(study: &Study, trial: &Trial<'_>) -> (Rehearsal, String) {
    let begun = std::time::Instant::now();
    let rehearsal = study.simulator.rehearse(trial);
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
            return Err(wrong(format!("a value of {}: {}", parameter.name(), range(parameter))));
        };
        fixed[index] = Some(value);
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

fn range(parameter: &search_spaces::Parameter) -> String {
    let domain = parameter.domain();
    let labels = parameter.labels();
    if !labels.is_empty() {
        return labels.join(", ");
    }
    let low = parameter.text(domain.decode(0.0));
    let high = parameter.text(domain.decode(1.0f64.next_down()));
    format!("{low} … {high}")
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
        line(parameter.name(), &format!("{}, {levels}{when}", range(parameter)));
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
    line(
        "grid",
        &match study.space.grid() {
            Ok(grid) => format!("{} combinations before constraints", grid.len()),
            Err(reason) => reason,
        },
    );
    lines.join("\n")
}

/// One trial, from the point to the metrics.
fn told(study: &Study, point: &Point, seed: u64, rehearsal: &Rehearsal, time: &str) -> String {
    let values = study.space.parameters().iter().zip(point.values());
    let values: Vec<String> =
        values.map(|(each, value)| format!("{} = {}", each.name(), each.text(*value))).collect();
    let mut lines = vec![format!("\none trial: {}; seed {seed}", values.join(", "))];
    for (label, text) in &rehearsal.seen {
        let mut parts = if text.is_empty() { "(nothing)" } else { text }.lines();
        lines.push(format!("  {label:16} {}", parts.next().unwrap_or_default()));
        lines.extend(parts.map(|part| format!("  {:16} {part}", "")));
    }
    let named = |values: &[f64]| {
        let each = study.simulator.metrics().iter().zip(values);
        each.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
    };
    match rehearsal.reports.as_slice() {
        [] => {}
        [first, .., last] => lines.push(format!(
            "  {:16} {}, from step {} ({}) to step {} ({})",
            "reports",
            rehearsal.reports.len(),
            first.step,
            named(&first.values),
            last.step,
            named(&last.values)
        )),
        [only] => {
            lines.push(format!("  {:16} at step {}: {}", "report", only.step, named(&only.values)));
        }
    }
    lines.push(match &rehearsal.result {
        Ok(values) => format!("  {:16} {}, after {time}", "metrics", named(values)),
        Err(TrialFailure { message, kind: FailureKind::Error }) => {
            format!("  {:16} {message}", "failed")
        }
        Err(TrialFailure { message, kind: FailureKind::Timeout }) => {
            format!("  {:16} {message}", "timed out")
        }
    });
    lines.join("\n")
}
