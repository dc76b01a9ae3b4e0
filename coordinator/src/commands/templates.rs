//! `optimize templates`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jobs::{JobId, JobSpec, Outcome, TrialId, Work};
use optimizers::{Algorithm, RandomSearch};
use search_spaces::{Point, Sequence};
use serde::Serialize;

use crate::cli::{Output, Templates, TemplatesAction};
use crate::commands::{json, people_table};
use crate::exit::{Exit, Failure};
use crate::library;
use crate::say::print;
use crate::study::{Choices, DEFAULT_LAG, Study};

#[derive(Serialize)]
struct Listed {
    name: String,
    description: String,
}

/// `optimize templates`.
///
/// # Errors
/// The template is not there, or at fault.
pub fn templates(args: &Templates) -> Result<Exit, Failure> {
    match &args.action {
        TemplatesAction::List { format } => list(*format),
        TemplatesAction::Show { template } => print(&library::find(template)?.text),
        TemplatesAction::Check { template, set } => check(template, set),
    }?;
    Ok(Exit::Done)
}

fn list(format: Output) -> Result<(), Failure> {
    let names = library::names();
    print(&match format {
        Output::Json => {
            let listed = names.into_iter().map(|(name, description)| Listed { name, description });
            json(&listed.collect::<Vec<_>>())?
        }
        Output::Table => {
            let mut table = people_table(vec!["template".to_owned(), "description".to_owned()]);
            for (name, description) in names {
                table.add_row([name, description]);
            }
            table.trim_fmt()
        }
    })
}

/// So many random trials are run to see whether they can be.
const TRIED: u64 = 8;

/// Runs a few random trials and says how they ended.
fn tried(study: &Study) -> String {
    let sample = RandomSearch::new(Arc::clone(&study.space), 1);
    let points: Vec<Point> = (0..TRIED).filter_map(|number| sample.point(number)).collect();
    if points.is_empty() {
        return "nothing: random points do not meet the constraints".to_owned();
    }
    let (len, id) = (points.len(), JobId(TrialId(0)));
    let job = JobSpec { study: study.id, id, attempt: 0, seed: 1, work: Work::Points(points) };
    let results = worker::run_job(&study.for_worker(), &job, &AtomicBool::new(false));
    let failure = results.iter().find_map(|result| match &result.outcome {
        Outcome::Failed(message) | Outcome::TimedOut(message) => Some(message.clone()),
        _ => None,
    });
    let failure_of =
        |r: &&jobs::TrialResult| matches!(r.outcome, Outcome::Failed(_) | Outcome::TimedOut(_));
    let failed = results.iter().filter(failure_of).count();
    match failure {
        None => format!("{len} random trials, none failed"),
        Some(message) => format!("{len} random trials, {failed} failed, such as: {message}"),
    }
}

/// Opens all that a study of the template would open, and says what it found.
fn check(name: &str, set: &[String]) -> Result<(), Failure> {
    let template = library::load(name, set)?;
    let random = Algorithm::parse("random").expect("a built-in algorithm");
    let (trials, lag) = (Some(TRIED), DEFAULT_LAG);
    let choices = Choices { algorithm: random, seed: 1, trials, chunk: 0, lag };
    let study = Study::open(template, choices)?;
    let template = &study.template;
    let mut lines = vec![format!("{}: {}", template.name, template.description), String::new()];
    for parameter in study.space.parameters() {
        let domain = parameter.domain();
        let low = parameter.text(domain.decode(0.0));
        let high = parameter.text(domain.decode(1.0f64.next_down()));
        let levels = match domain.levels() {
            Some(levels) => format!("{levels} values"),
            None => "continuous".to_owned(),
        };
        let when =
            parameter.when().map_or(String::new(), |when| format!(", when {}", when.source()));
        lines.push(format!("  {:16} {low} … {high}, {levels}{when}", parameter.name()));
    }
    for constraint in study.space.constraints() {
        lines.push(format!("  {:16} {}", "constraint", constraint.source()));
    }
    for objective in &template.objectives {
        let direction = objective.direction.name();
        lines.push(format!("  {:16} {direction} {}", "objective", objective.metric));
    }
    lines.push(format!("  {:16} {}", "metrics", study.simulator.metrics().join(", ")));
    let grid = match study.space.grid() {
        Ok(grid) => format!("{} combinations before constraints", grid.len()),
        Err(reason) => reason,
    };
    lines.push(format!("  {:16} {grid}", "grid"));
    lines.push(format!("  {:16} {}", "tried", tried(&study)));
    print(&lines.join("\n"))
}
