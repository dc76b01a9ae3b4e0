//! `optimize templates`.

use optimizers::Algorithm;
use search_spaces::Value;
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

/// Opens all that a study of the template would open, and says what it found.
fn check(name: &str, set: &[String]) -> Result<(), Failure> {
    let template = library::load(name, set)?;
    let random = Algorithm::parse("random").expect("a built-in algorithm");
    let choices =
        Choices { algorithm: random, seed: 1, trials: Some(1), chunk: 0, lag: DEFAULT_LAG };
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
    debug_assert!(study.space.parameters().iter().all(|p| p.text(Value::Inactive) == "-"));
    lines.push(String::new());
    lines.push("no faults found".to_owned());
    print(&lines.join("\n"))
}
