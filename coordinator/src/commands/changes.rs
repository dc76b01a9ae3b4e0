//! What the command line changes of a template.

use search_spaces::Template;

use crate::cli::Start;
use crate::exit::Failure;
use crate::library;

/// The template that was asked for, with `--set`, `--objective` and `--prune` applied.
pub(super) fn changed_template(args: &Start) -> Result<Template, Failure> {
    let mut overrides = args.set.clone();
    let mut objectives = Vec::new();
    for objective in &args.objective {
        let direction = match objective.rsplit_once(':') {
            Some((metric, "max" | "maximize")) => Some((metric, "maximize")),
            Some((metric, "min" | "minimize")) => Some((metric, "minimize")),
            _ => None,
        };
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let Some((metric, direction)) =
            direction.filter(|(metric, _)| !metric.is_empty() && metric.chars().all(word))
        else {
            return Err(Failure::usage(format!(
                "--objective: found {objective:?}, allowed: METRIC:max or METRIC:min, such as \
                 sharpe:max"
            )));
        };
        if objectives.iter().any(|(known, _)| *known == metric) {
            return Err(Failure::usage(format!(
                "--objective: found {metric:?} twice, allowed: every metric once"
            )));
        }
        objectives.push((metric, direction));
    }
    if !objectives.is_empty() {
        let entries = objectives.iter().map(|(metric, way)| format!("{metric} = \"{way}\""));
        let entries: Vec<String> = entries.collect();
        overrides.push(format!("objectives={{ {} }}", entries.join(", ")));
    }
    if !args.prune.is_empty() {
        let rules: Vec<String> = args.prune.iter().map(|rule| format!("{rule:?}")).collect();
        overrides.push(format!("prune=[{}]", rules.join(", ")));
    }
    library::load(&args.template, &overrides)
}
