//! Test problems as a simulator: a formula, seeded noise, and a learning curve for pruners.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use search_spaces::{Domain, Section, Space, TemplateError, Value};
use std::f64::consts::TAU;
use std::fmt::Write as _;

use crate::contract::{Failure, Report, Session, Simulator, Trial, Verdict, Watcher};
use crate::numbers::{canonical, real};
use crate::problems::{Count, Definition, Optimum, PROBLEMS, find};

/// Raised whenever a formula, the noise or the learning curve changes its values.
const SEMANTICS: u32 = 1;

/// Streams of the trial's generator, so that asking for reports does not change the noise.
const NOISE_STREAM: u64 = 0;
const CURVE_STREAM: u64 = 1;

/// More than this many reports for each trial are certainly a typing error.
const MAX_STEPS: i64 = 1_000_000;

/// Templates are written for so many variables at most.
const MAX_WRITTEN: usize = 100_000;

/// More objectives than this are certainly a typing error.
const MAX_OBJECTIVES: i64 = 100;

/// A closed-form test problem with optional noise and learning curve.
///
/// Settings, in the table `[problem]`:
/// - `name`: one of [`problem_names`];
/// - `dimensions`: number of variables, where the problem leaves it free (default: as many as the
///   space has parameters);
/// - `objectives`: number of objectives, for the DTLZ family (default 3);
/// - `noise`: standard deviation of the Gaussian noise added to each metric (default 0), drawn
///   from the trial's seed;
/// - `steps`: number S of reports of a learning curve (default 0). With the final value v, the
///   report at step s = 1..S is v + (1 - s / S)^2 (1 + |v|) c, where c in [0.5, 1.5) is drawn from
///   the seed for each metric, so that curves start high, cross, and end in v.
///
/// The parameters of the space, in their order, are the variables. Metrics: `f` for one
/// objective, `f1`, `f2`, .. for several; outside a formula's domain a metric may be NaN.
pub struct Problem {
    definition: &'static Definition,
    dimensions: usize,
    metrics: Vec<String>,
    noise: f64,
    steps: usize,
}

impl Problem {
    /// Reads the table `[problem]` for the points of `space`.
    ///
    /// # Errors
    /// An unknown key or problem, a value outside its range, or a space that does not fit.
    pub fn open(mut settings: Section<'_>, space: &Space) -> Result<Self, TemplateError> {
        let allowed = || format!("one of {}", problem_names().join(", "));
        let Some(name) = settings.text("name")? else {
            return Err(settings.missing("name", allowed()));
        };
        let Some(definition) = find(&name) else {
            return Err(settings.error("name", format!("\"{name}\""), allowed()));
        };
        let objectives = objectives(&mut settings, definition)?;
        let dimensions = dimensions(&mut settings, definition, objectives, space)?;
        let noise = settings.number("noise")?.unwrap_or(0.0);
        if noise < 0.0 {
            return Err(settings.error("noise", noise.to_string(), "a number from 0 on"));
        }
        let steps = ranged(&mut settings, "steps", 0, MAX_STEPS)?.unwrap_or(0);
        let metrics = match objectives {
            1 => vec!["f".to_owned()],
            several => (1..=several).map(|m| format!("f{m}")).collect(),
        };
        settings.finish()?;
        Ok(Self { definition, dimensions, metrics, noise, steps })
    }
}

fn ranged(
    settings: &mut Section<'_>,
    key: &str,
    least: i64,
    most: i64,
) -> Result<Option<usize>, TemplateError> {
    match settings.integer(key)? {
        Some(value) if (least..=most).contains(&value) => {
            Ok(Some(usize::try_from(value).expect("both bounds are small and not negative")))
        }
        Some(value) => {
            let allowed = format!("a whole number from {least} to {most}");
            Err(settings.error(key, value.to_string(), allowed))
        }
        None => Ok(None),
    }
}

fn objectives(settings: &mut Section<'_>, definition: &Definition) -> Result<usize, TemplateError> {
    let default = definition.objectives.default();
    let given = ranged(settings, "objectives", 1, MAX_OBJECTIVES)?.unwrap_or(default);
    let allowed = match definition.objectives {
        Count::Fixed(count) if given != count => count.to_string(),
        Count::Free { .. } if given < 2 => format!("from 2 to {MAX_OBJECTIVES}"),
        _ => return Ok(given),
    };
    let allowed = format!("{allowed} for {}", definition.name);
    Err(settings.error("objectives", given.to_string(), allowed))
}

/// The number of variables, after checking that the space has as many, all of them numbers.
fn dimensions(
    settings: &mut Section<'_>,
    definition: &Definition,
    objectives: usize,
    space: &Space,
) -> Result<usize, TemplateError> {
    let found = space.parameters().len();
    let least = definition.least_dimensions(objectives);
    let allowed = match definition.dimensions {
        Count::Fixed(count) => format!("{count} for {}", definition.name),
        Count::Free { .. } => format!("from {least} on for {}", definition.name),
    };
    let fits = |count: usize| match definition.dimensions {
        Count::Fixed(fixed) => count == fixed,
        Count::Free { .. } => count >= least,
    };
    if let Some(given) = ranged(settings, "dimensions", 1, i64::from(u32::MAX))? {
        if !fits(given) {
            return Err(settings.error("dimensions", given.to_string(), allowed));
        }
        if given != found {
            let found = format!("{given}, but {found} parameter(s) in [space]");
            let allowed = "as many variables as the space has parameters";
            return Err(settings.error("dimensions", found, allowed));
        }
    } else if !fits(found) {
        let found = format!("{} with {found} parameter(s) in [space]", definition.name);
        let allowed = format!("as many parameters as the problem has variables: {allowed}");
        return Err(settings.error("name", found, allowed));
    }
    for parameter in space.parameters() {
        if !matches!(parameter.domain(), Domain::Float { .. } | Domain::Int { .. }) {
            let found = format!("the parameter {} that is no number", parameter.name());
            return Err(settings.error("name", found, "float and int parameters only"));
        }
    }
    Ok(found)
}

impl Simulator for Problem {
    fn metrics(&self) -> &[String] {
        &self.metrics
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"problem");
        hasher.update(&SEMANTICS.to_le_bytes());
        hasher.update(self.definition.name.as_bytes());
        for number in [self.dimensions, self.metrics.len()] {
            hasher.update(&(number as u64).to_le_bytes());
        }
        hasher.update(&self.noise.to_bits().to_le_bytes());
        hasher.update(&(self.steps as u64).to_le_bytes());
        *hasher.finalize().as_bytes()
    }

    fn reports(&self) -> bool {
        self.steps > 0
    }

    fn steps(&self) -> Option<u64> {
        (self.steps > 0).then_some(self.steps as u64)
    }

    fn continues(&self) -> bool {
        true
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(ProblemSession { problem: self, variables: Vec::with_capacity(self.dimensions) })
    }
}

struct ProblemSession<'a> {
    problem: &'a Problem,
    variables: Vec<f64>,
}

impl Session for ProblemSession<'_> {
    fn run(&mut self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Result<Vec<f64>, Failure> {
        let (problem, point) = (self.problem, trial.point);
        assert_eq!(point.values().len(), problem.dimensions, "the point belongs to the space");
        self.variables.clear();
        for (index, value) in point.values().iter().enumerate() {
            self.variables.push(match *value {
                Value::Float(value) => value,
                Value::Int(_) => value.as_number().expect("active"),
                Value::Inactive => {
                    let message = format!("variable {} of the problem is inactive", index + 1);
                    return Err(Failure::new(message));
                }
                other => panic!("the parameters were checked to be numbers, found {other:?}"),
            });
        }
        let mut values = vec![0.0; problem.metrics.len()];
        (problem.definition.evaluate)(&self.variables, &mut values);
        if problem.noise > 0.0 {
            let mut rng = generator(trial.seed, NOISE_STREAM);
            for value in &mut values {
                *value += problem.noise * normal(&mut rng);
            }
        }
        for value in &mut values {
            *value = canonical(*value);
        }
        learning_curve(problem.steps, &values, trial, watcher);
        Ok(values)
    }
}

fn learning_curve(steps: usize, last: &[f64], trial: &Trial<'_>, watcher: &mut dyn Watcher) {
    let mut rng = generator(trial.seed, CURVE_STREAM);
    let heights: Vec<f64> = last.iter().map(|_| 0.5 + unit(&mut rng)).collect();
    let done = trial.earlier.last().map_or(0, |report| report.step as usize);
    for step in done + 1..=steps {
        let left = 1.0 - real(step) / real(steps);
        let at = |(v, c): (&f64, &f64)| {
            // The last report is the final value also where that is infinite.
            let above = left * left * (1.0 + v.abs()) * c;
            if step == steps { *v } else { canonical(v + above) }
        };
        let values = last.iter().zip(&heights).map(at).collect();
        if watcher.report(Report { step: step as u64, values }) == Verdict::Stop {
            return;
        }
    }
}

fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Uniform on [0, 1).
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    search_spaces::unit_from_bits(rng.next_u64())
}

/// Standard normal, by the cosine half of the transform of G. E. P. Box and M. E. Muller, "A Note
/// on the Generation of Random Normal Deviates", Annals of Mathematical Statistics 29(2), 1958.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    // 1 - u is never zero, so the logarithm is finite.
    let radius = (-2.0 * libm::log(1.0 - unit(rng))).sqrt();
    radius * libm::cos(TAU * unit(rng))
}

/// The names of the built-in test problems, in alphabetical order.
#[must_use]
pub fn problem_names() -> Vec<&'static str> {
    PROBLEMS.iter().map(|problem| problem.name).collect()
}

/// A complete template, as TOML text, for the built-in problem called `name`, in its default
/// number of variables and objectives; none if there is no such problem.
#[must_use]
pub fn problem_template(name: &str) -> Option<String> {
    problem_template_of(name, None, None)
}

/// The same with so many variables and objectives, as far as the problem leaves them free; where
/// it does not, or there are too few variables, it is the default one.
#[must_use]
pub fn problem_template_of(
    name: &str,
    dimensions: Option<usize>,
    objectives: Option<usize>,
) -> Option<String> {
    let definition = find(name)?;
    let usual = definition.objectives.default();
    let objectives = match definition.objectives {
        Count::Free { .. } => {
            objectives.filter(|count| (2..=MAX_OBJECTIVES as usize).contains(count))
        }
        Count::Fixed(_) => None,
    };
    let objectives = objectives.unwrap_or(usual);
    let least = definition.least_dimensions(objectives);
    let dimensions = match definition.dimensions {
        Count::Free { .. } => dimensions.filter(|count| (least..=MAX_WRITTEN).contains(count)),
        Count::Fixed(_) => None,
    };
    // Each further objective takes a variable of its own.
    let dimensions = dimensions.unwrap_or(definition.dimensions.default() + objectives - usual);
    let best = match &definition.optimum {
        Optimum::Minimum { value, at } => {
            let place: Vec<String> = at(dimensions).iter().map(f64::to_string).collect();
            format!("minimum {value:?} at ({})", place.join(", "))
        }
        Optimum::Front(front) => format!("front {front}"),
    };
    let mut text = format!(
        "name = \"{name}\"\ndescription = \"Test problem: {best}\"\nsimulator = \"problem\"\n\n"
    );
    text.push_str("[objectives]\n");
    for m in 1..=objectives {
        let number = if objectives == 1 { String::new() } else { m.to_string() };
        writeln!(text, "f{number} = \"minimize\"").expect("writing to a String succeeds");
    }
    text.push_str("\n[space]\n");
    for i in 0..dimensions {
        let (low, high) = (definition.bounds)(i);
        writeln!(text, "x{} = {{ float = [{low:?}, {high:?}] }}", i + 1)
            .expect("writing to a String succeeds");
    }
    write!(text, "\n[problem]\nname = \"{name}\"\n").expect("writing to a String succeeds");
    if objectives != usual {
        writeln!(text, "objectives = {objectives}").expect("writing to a String succeeds");
    }
    Some(text)
}
