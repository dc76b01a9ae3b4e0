//! What the command line changes of a template.

use search_spaces::Template;

use crate::cli::Start;
use crate::commands::points;
use crate::exit::Failure;
use crate::library;

/// The template that was asked for, with `--set`, `--objective`, `--prune`, `--stop`,
/// `--replications` and `--enqueue` applied.
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
    let source = library::find(&args.template)?;
    let mut document = library::document(&source, &overrides)?;
    if let Some(seeds) = args.replications {
        let said = format!("--replications {seeds}");
        document.set_from(&said, &format!("replications.seeds={seeds}"))?;
    }
    let quoted = |texts: &[String]| -> String {
        let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
        format!("[{}]", texts.join(", "))
    };
    let enqueued = points::as_toml(&args.enqueue)?;
    for (key, given, value) in [
        ("prune", &args.prune, quoted(&args.prune)),
        ("stop", &args.stop, quoted(&args.stop)),
        ("enqueue", &args.enqueue, enqueued),
    ] {
        let said = match &given[..] {
            [] => continue,
            [one] => format!("--{key} {one}"),
            _ => format!("--{key}"),
        };
        document.set_from(&said, &format!("{key}={value}"))?;
    }
    Ok(Template::read(document, &source.folder)?)
}
