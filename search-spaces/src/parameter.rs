//! One parameter of a space, and how a template writes it down.

use crate::constraint::Constraint;
use crate::domain::{Domain, MAX_LEVELS, MAX_LOG_LEVELS, Scale};
use crate::error::TemplateError;
use crate::section::Section;
use crate::step::Step;
use crate::value::Value;

/// A named domain, and the condition under which it matters.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    name: String,
    domain: Domain,
    pub(crate) when: Option<Constraint>,
}

/// The forms that a parameter may be written in, for messages.
const FORMS: &str = "one of { float = [low, high] }, { int = [low, high] }, \
     { choice = [\"a\", \"b\"] }, { ordinal = [\"small\", \"large\"] }, { bool = true }";

/// Whole numbers beyond this are not exact as floats.
const MAX_WHOLE: i64 = 1 << 53;

impl Parameter {
    /// A parameter that is always active.
    #[must_use]
    pub fn new(name: &str, domain: Domain) -> Self {
        Self { name: name.to_owned(), domain, when: None }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values that it may take.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The condition under which it is active; none where it always is.
    #[must_use]
    pub fn when(&self) -> Option<&Constraint> {
        self.when.as_ref()
    }

    /// The labels of a choice or ordinal; empty for the other kinds.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        match &self.domain {
            Domain::Labels { labels, .. } => labels,
            _ => &[],
        }
    }

    /// The value as a person reads it: a number, `true` or `false`, a label, or `-` where the
    /// parameter is inactive.
    #[must_use]
    pub fn text(&self, value: Value) -> String {
        match value {
            Value::Float(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Label(index) => self.labels()[index as usize].clone(),
            Value::Inactive => "-".to_owned(),
        }
    }

    /// The value that [`Parameter::text`] writes so; none where the domain does not have it.
    #[must_use]
    pub fn parse(&self, text: &str) -> Option<Value> {
        let value = match &self.domain {
            Domain::Float { .. } => Value::Float(text.parse().ok()?),
            Domain::Int { .. } => Value::Int(text.parse().ok()?),
            Domain::Bool => Value::Bool(text.parse().ok()?),
            Domain::Labels { labels, .. } => {
                let index = labels.iter().position(|label| label == text)?;
                Value::Label(u32::try_from(index).ok()?)
            }
        };
        self.domain.contains(value).then_some(value)
    }

    /// The values that it may take, for messages: `2 … 60`, or its labels.
    #[must_use]
    pub fn allowed(&self) -> String {
        match &self.domain {
            Domain::Labels { labels, .. } => labels.join(", "),
            Domain::Bool => "false, true".to_owned(),
            domain => {
                let [low, high] = [0.0, 1.0f64.next_down()].map(|unit| domain.decode(unit));
                let step = match domain {
                    Domain::Int { step: step @ 2.., .. } => format!(" in steps of {step}"),
                    Domain::Float { step: Some(step), .. } => {
                        format!(" in steps of {}", step.size())
                    }
                    _ => String::new(),
                };
                format!("{} … {}{step}", self.text(low), self.text(high))
            }
        }
    }

    /// Reads the domain from the parameter's table; its `when` is left to the space, which
    /// knows the other parameters.
    pub(crate) fn read(name: &str, table: &mut Section<'_>) -> Result<Self, TemplateError> {
        let kinds = ["float", "int", "choice", "ordinal", "bool"];
        let keys = table.keys();
        let named: Vec<&str> =
            kinds.into_iter().filter(|kind| keys.iter().any(|key| key == kind)).collect();
        let domain = match named.as_slice() {
            ["float"] => float(table)?,
            ["int"] => int(table)?,
            ["choice"] => labels(table, "choice", false)?,
            ["ordinal"] => labels(table, "ordinal", true)?,
            ["bool"] => {
                if table.boolean("bool")? != Some(true) {
                    return Err(table.error("bool", "false", "bool = true"));
                }
                Domain::Bool
            }
            [] => return Err(table.error("", format!("keys {keys:?}"), FORMS)),
            several => return Err(table.error("", several.join(" and "), FORMS)),
        };
        Ok(Self::new(name, domain))
    }
}

fn scale(table: &mut Section<'_>) -> Result<Scale, TemplateError> {
    let names = [("linear", Scale::Linear), ("log", Scale::Log)];
    Ok(table.one_of("scale", &names)?.unwrap_or(Scale::Linear))
}

fn float(table: &mut Section<'_>) -> Result<Domain, TemplateError> {
    let bounds = table.numbers("float")?.unwrap_or_default();
    let [low, high] = bounds[..] else {
        return Err(table.error("float", format!("{bounds:?}"), "two numbers: [low, high]"));
    };
    check_range(table, "float", low <= high, &format!("[{low}, {high}]"))?;
    if !(high - low).is_finite() {
        return Err(table.error("float", format!("[{low}, {high}]"), "a range of finite width"));
    }
    let scale = scale(table)?;
    if scale == Scale::Log && low <= 0.0 {
        let allowed = "a lower bound above 0 beside scale = \"log\"";
        return Err(table.error("float", format!("[{low}, {high}]"), allowed));
    }
    let size = table.number("step")?;
    if let Some(size) = size.filter(|size| *size <= 0.0) {
        return Err(table.error("step", size.to_string(), "a number above 0"));
    }
    let step = size.map(|size| Step::new(low, high, size));
    let points = match table.integer("points")? {
        Some(points) if step.is_some() => {
            let allowed = "points or step, not both";
            return Err(table.error("points", format!("{points} beside a step"), allowed));
        }
        Some(points) => match u64::try_from(points) {
            Ok(points) if points >= 2 => Some(points),
            _ => return Err(table.error("points", points.to_string(), "2 or more")),
        },
        None => None,
    };
    // The last step stands for the upper bound, so that no value lies beyond it.
    let domain = Domain::Float { low, high: step.map_or(high, Step::last), scale, step, points };
    check_levels(table, "step", &domain, scale)?;
    let least = Step::resolution(low, high);
    match step {
        Some(step) if step.levels() > 1 && step.size() < least => {
            let allowed = format!("{least} or more, to tell numbers of this size apart");
            Err(table.error("step", step.size().to_string(), allowed))
        }
        _ => Ok(domain),
    }
}

fn int(table: &mut Section<'_>) -> Result<Domain, TemplateError> {
    let bounds = table.integers("int")?.unwrap_or_default();
    let [low, high] = bounds[..] else {
        return Err(table.error("int", format!("{bounds:?}"), "two whole numbers: [low, high]"));
    };
    check_range(table, "int", low <= high, &format!("[{low}, {high}]"))?;
    if low < -MAX_WHOLE || high > MAX_WHOLE {
        let allowed = "whole numbers between -2^53 and 2^53";
        return Err(table.error("int", format!("[{low}, {high}]"), allowed));
    }
    let scale = scale(table)?;
    if scale == Scale::Log && low <= 0 {
        let allowed = "a lower bound above 0 beside scale = \"log\"";
        return Err(table.error("int", format!("[{low}, {high}]"), allowed));
    }
    let step = table.integer("step")?.unwrap_or(1);
    if step < 1 {
        return Err(table.error("step", step.to_string(), "a whole number of 1 or more"));
    }
    let domain = Domain::Int { low, high, scale, step };
    check_levels(table, "int", &domain, scale)?;
    Ok(domain)
}

fn labels(table: &mut Section<'_>, key: &str, ordered: bool) -> Result<Domain, TemplateError> {
    let labels = table.texts(key)?.unwrap_or_default();
    let mut distinct = labels.clone();
    distinct.sort();
    distinct.dedup();
    if labels.is_empty() || distinct.len() < labels.len() {
        let allowed = "one or more different texts";
        return Err(table.error(key, format!("{labels:?}"), allowed));
    }
    Ok(Domain::Labels { labels, ordered })
}

fn check_range(
    table: &Section<'_>,
    key: &str,
    valid: bool,
    found: &str,
) -> Result<(), TemplateError> {
    if valid {
        return Ok(());
    }
    Err(table.error(key, format!("an empty range {found}"), "[low, high] with low <= high"))
}

fn check_levels(
    table: &Section<'_>,
    key: &str,
    domain: &Domain,
    scale: Scale,
) -> Result<(), TemplateError> {
    let (limit, name) = match scale {
        Scale::Linear => (MAX_LEVELS, "2^50"),
        Scale::Log => (MAX_LOG_LEVELS, "2^40 on a log scale"),
    };
    match domain.levels() {
        Some(levels) if levels > limit => {
            let found = match levels {
                u64::MAX => "2^64 values or more".to_owned(),
                levels => format!("{levels} values"),
            };
            Err(table.error(key, found, format!("at most {name}; use a larger step or a float")))
        }
        _ => Ok(()),
    }
}
