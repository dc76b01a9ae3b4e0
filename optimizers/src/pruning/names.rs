//! The pruners by name.

use std::fmt;

use search_spaces::{Aggregate, Course, Patience, nearest};

use super::Pruner;
use super::asha::Asha;
use super::cohort::Terms;
use super::control::Control;
use super::falling::{Behind, Falling};
use super::finishers::Finishers;
use super::halving::{Brackets, Halving};
use super::patient::Patient;
use super::rungs::Schedule;
use super::wilcoxon::Wilcoxon;
use crate::options::{Options, Reader};

/// A pruner and its options, as written on the command line: `median`, `asha:factor=4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruning {
    name: &'static str,
    options: Options,
}

/// What a pruner has to know of a study.
#[derive(Clone, Copy, Debug)]
pub struct PruningTask {
    /// How many objectives there are.
    pub objectives: usize,
    /// The step of a whole trial's last report, where that is known.
    pub steps: Option<u64>,
    /// What the reports of a trial amount to where they are repetitions of one measurement; none
    /// where the last one counts.
    pub replicates: Option<Aggregate>,
    /// Whether a trial that paused and goes on begins once more, though nobody has to know
    /// beforehand how far it goes.
    pub restarts: bool,
}

/// Name, what it does, for help and messages.
const NAMES: [(&str, &str); 8] = [
    ("forecast", "stops a trial that is not expected to become as good as the best finished ones"),
    ("median", "stops a trial that falls behind the median of the finished ones"),
    ("percentile", "the same with another share: percentile:keep=25"),
    ("patient", "stops a trial that has not got better for some reports"),
    ("wilcoxon", "stops a trial that is significantly worse than the best one, report by report"),
    ("asha", "lets the best third of each rung go on, as soon as they are (asynchronous halving)"),
    ("halving", "lets the best third of each bracket go on, once all of it is there"),
    ("hyperband", "halving in brackets of several shapes"),
];

const MOST: u64 = 1_000_000_000;

impl Pruning {
    /// The pruner of a name, with the options behind it; none where the text begins with no such
    /// name, so that it is a rule.
    ///
    /// # Errors
    /// The options cannot be read, or the name has only letters and is unknown; says which there
    /// are.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        let found = NAMES.iter().find(|(known, _)| *known == name.trim());
        let Some((name, _)) = found else {
            if name == "?" || name.chars().all(|c| c.is_ascii_alphanumeric()) {
                return Err(unknown(name));
            }
            return Ok(None);
        };
        let options = match options {
            "" => Options::default(),
            options => Options::parse(options).map_err(|error| format!("{name}: {error}"))?,
        };
        let pruning = Self { name, options };
        // What is wrong with its options is said before anything else is looked at.
        pruning.pruner(PruningTask {
            objectives: 1,
            steps: None,
            // So that every course has a name.
            replicates: Some(Aggregate::Mean),
            restarts: false,
        })?;
        Ok(Some(pruning))
    }

    /// All names, each with one line of what it does.
    #[must_use]
    pub fn names() -> &'static [(&'static str, &'static str)] {
        &NAMES
    }

    /// The pruner at its beginning.
    ///
    /// # Errors
    /// An option is wrong; says what is allowed.
    pub fn pruner(&self, task: PruningTask) -> Result<Box<dyn Pruner>, String> {
        let mut reader = self.options.reader();
        let pruner = self.read(&mut reader, task);
        pruner
            .and_then(|pruner| reader.finish().map(|()| pruner))
            .map_err(|error| format!("{}: {error}", self.name))
    }

    fn read(&self, reader: &mut Reader<'_>, task: PruningTask) -> Result<Box<dyn Pruner>, String> {
        let PruningTask { objectives: width, steps, restarts, .. } = task;
        Ok(match self.name {
            "median" | "percentile" | "forecast" => {
                let share = match self.name {
                    "percentile" => reader.number("keep", 1.0..=99.0, 25.0)? / 100.0,
                    _ => 0.5,
                };
                let warmup = reader.number("warmup", 0..=MOST, u64::MAX)?;
                let warmup = (warmup != u64::MAX).then_some(warmup);
                before_the_end("warmup", warmup.unwrap_or(0), steps)?;
                let every = reader.number("every", 0..=MOST, 0)?;
                let schedule = Schedule::Even { warmup, every };
                let behind = match self.name {
                    "forecast" => Behind::Best(reader.number("startup", 1..=MOST, STARTUP)?),
                    _ => Behind::Share(terms(reader, share, STARTUP, width)?),
                };
                let (finishers, control) = known(reader, width)?;
                let known = (finishers, Control::later(control));
                let patience = match reader.number("patience", 0..=MOST, 0)? {
                    0 => None,
                    reports => Some(Patience { reports, least: least(reader)? }),
                };
                let course = (course(reader, task)?, patience);
                Box::new(Falling::new(self.name, (schedule, behind), course, known, width, steps))
            }
            "patient" => {
                let reports = reader.number("reports", 1..=MOST, 5)?;
                Box::new(Patient::new(Patience { reports, least: least(reader)? }))
            }
            "wilcoxon" => {
                let level = reader.number("level", 1e-9..=0.5, 0.1)?;
                let reports = reader.number("reports", 2..=MOST, 4)?;
                Box::new(Wilcoxon::new(level, reports, task.replicates))
            }
            "asha" => {
                let (schedule, factor) = halves(reader, FEW_STAGES, steps)?;
                let pauses = reader.one_of("resume", &[("true", true), ("false", false)])?;
                let terms = terms(reader, 1.0 / factor as f64, factor, width)?;
                let course = course(reader, task)?;
                let (finishers, control) = known_if_wanted(reader, width)?;
                let known = (finishers, restarts, control);
                Box::new(Asha::new((schedule, terms), course, pauses, known, width, steps))
            }
            _ => {
                let (brackets, stages) = match self.name {
                    "halving" => {
                        let cohort = reader.number("cohort", 0..=1_000_000, 0)?;
                        (Brackets::Alike(cohort), FEW_STAGES)
                    }
                    _ => (Brackets::Hyperband, STAGES),
                };
                let (schedule, factor) = halves(reader, stages, steps)?;
                let shape = (schedule, factor, brackets);
                let (finishers, control) = known_if_wanted(reader, width)?;
                let known = (finishers, restarts, control);
                let course = course(reader, task)?;
                Box::new(Halving::new(self.name, shape, course, known, width, steps))
            }
        })
    }
}

/// So many finished trials set the first bar of those that fall behind.
const STARTUP: u64 = 12;

/// So many standard deviations of its error a forecast is not trusted.
const SLACK: f64 = 0.25;

/// One of so many jobs is of the control group.
const CONTROL: u64 = 50;

/// Trials that are cut at every rung, whatever happens, see little of their course at a 27th of
/// the steps. Hyperband has brackets that are cut less often beside the one that is.
const STAGES: u32 = 3;
const FEW_STAGES: u32 = 2;

/// The best finished trials, and of how many jobs one is of the control group that shows who they
/// might have been.
fn known(reader: &mut Reader<'_>, width: usize) -> Result<(Finishers, u64), String> {
    let slack = reader.number("slack", 0.0..=10.0, SLACK)?;
    let control = reader.number("control", 0..=MOST, CONTROL)?;
    Ok((Finishers::new(width, slack), control))
}

/// The same, unless `forecast=false` says that they have no say.
fn known_if_wanted(
    reader: &mut Reader<'_>,
    width: usize,
) -> Result<(Option<Finishers>, Control), String> {
    if !reader.one_of("forecast", &[("true", true), ("false", false)])? {
        return Ok((None, Control::new(0)));
    }
    let (finishers, control) = known(reader, width)?;
    Ok((Some(finishers), Control::new(control)))
}

fn terms(reader: &mut Reader<'_>, share: f64, startup: u64, width: usize) -> Result<Terms, String> {
    // A frontier has few trials at either end, and any of them may be lost to a hair.
    let epsilon = if width > 1 { 0.05 } else { 0.0 };
    Ok(Terms {
        share,
        startup: reader.number("startup", 1..=MOST, startup)?,
        epsilon: reader.number("epsilon", 0.0..=1.0, epsilon)?,
        spare: reader.number("spare", 0.0..=1.0, 0.1)?,
    })
}

fn halves(
    reader: &mut Reader<'_>,
    stages: u32,
    steps: Option<u64>,
) -> Result<(Schedule, u64), String> {
    let factor = reader.number("factor", 2..=100, 3)?;
    let least = reader.number("min", 0..=MOST, 0)?;
    before_the_end("min", least, steps)?;
    Ok((Schedule::Geometric { least, stages, factor }, factor))
}

/// Refuses a first rung that no trial comes to before its end.
fn before_the_end(key: &str, first: u64, steps: Option<u64>) -> Result<(), String> {
    match steps.filter(|steps| *steps > 1 && first >= *steps) {
        Some(steps) => {
            Err(format!("found {key}={first}, allowed: a step before the last, which is {steps}"))
        }
        None => Ok(()),
    }
}

fn least(reader: &mut Reader<'_>) -> Result<f64, String> {
    reader.number("least", 0.0..=f64::MAX, 0.0)
}

fn course(reader: &mut Reader<'_>, task: PruningTask) -> Result<Course, String> {
    let mean = ("mean", Course::All(Aggregate::Mean));
    let (last, best) = (("last", Course::Last), ("best", Course::Best));
    // The first one stands for an option that is not given.
    match task.replicates {
        None => reader.one_of("course", &[last, best, mean]),
        Some(aggregate) => {
            let whole = ("aggregate", Course::All(aggregate));
            reader.one_of("course", &[whole, mean, last, best])
        }
    }
}

fn unknown(name: &str) -> String {
    let names = NAMES.iter().map(|(name, _)| *name);
    let hint = nearest(name, names.clone())
        .map_or(String::new(), |name| format!(" (did you mean {name}?)"));
    let names: Vec<&str> = names.collect();
    format!(
        "found \"{name}\"{hint}, allowed: a condition on reports such as step >= 5 and cost > 3, \
         or one of {}",
        names.join(", ")
    )
}

impl fmt::Display for Pruning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)?;
        if self.options.is_empty() { Ok(()) } else { write!(out, ":{}", self.options) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_rung_at_the_end_or_beyond_is_refused() {
        let pruner = |text: &str, steps| {
            let pruning = Pruning::parse(text).expect("valid").expect("a pruner");
            let task = PruningTask { objectives: 1, steps, replicates: None, restarts: false };
            pruning.pruner(task).map(|_| ())
        };
        for name in ["asha:min=10", "halving:min=10", "hyperband:min=10", "median:warmup=10"] {
            assert_eq!(pruner(name, None), Ok(()));
            assert_eq!(pruner(name, Some(11)), Ok(()));
            let error = pruner(name, Some(10)).expect_err("no trial comes there");
            assert!(
                error.ends_with("=10, allowed: a step before the last, which is 10"),
                "{error}"
            );
        }
    }
}
