//! Goals at which a study ends: a value that was to be reached, or progress that has come to an end.
//!
//! They are judged trial by trial, in the order of the trials, so a study that ends by one is a
//! prefix that is the same on any number of workers. What is still under way then lies beyond it,
//! and is not waited for. Unlike `--max-time`, a goal depends on nothing but results; it decides
//! which table the study has, and so is part of its fingerprint, as `--trials` is.

use optimizers::pareto::{Archive, Scores, hypervolume};
use search_spaces::{Objective, Target, Template};

use crate::exit::Failure;

/// The hypervolume is exact, and with more objectives it takes too long for a large frontier.
const HYPERVOLUME_OBJECTIVES: usize = 3;

/// The hypervolume stalls where it grows by less than this share.
const GROWTH: f64 = 1e-3;

/// It is measured so often within the trials that it is given.
const LOOKS: u64 = 10;

/// One goal.
#[derive(Clone, Debug)]
enum Goal {
    /// A trial meets a condition on its metrics.
    Target(Target),
    /// The best value of an objective (its place) has not improved for so many trials.
    Objective(usize, u64),
    /// Nor has the volume that the frontier dominates, by more than a thousandth.
    Hypervolume(u64),
}

/// The goals of a study, as written and understood.
#[derive(Clone, Debug, Default)]
pub struct Goals {
    goals: Vec<(String, Goal)>,
}

impl Goals {
    /// Understands what the template says.
    ///
    /// # Errors
    /// It is no goal, or names a metric that there is not.
    pub fn read(template: &Template, metrics: &[String]) -> Result<Self, Failure> {
        let read = |source: &String| {
            let goal = goal(source, &template.objectives, metrics);
            let goal = goal.map_err(|(found, allowed)| template.error("stop", &found, &allowed))?;
            Ok((source.clone(), goal))
        };
        let goals: Result<_, Failure> = template.stop.iter().map(read).collect();
        Ok(Self { goals: goals? })
    }

    /// A judge of them, before the first trial, for so many objectives.
    #[must_use]
    pub fn judge(&self, objectives: usize) -> Judge {
        let watch = |(source, goal): &(String, Goal)| {
            let state = match goal {
                Goal::Target(target) => State::Target(target.clone()),
                Goal::Objective(place, patience) => {
                    State::Objective { place: *place, patience: *patience, best: None }
                }
                Goal::Hypervolume(patience) => State::Hypervolume {
                    patience: *patience,
                    width: objectives,
                    front: Archive::new(objectives),
                    past: Vec::new(),
                },
            };
            (source.clone(), state)
        };
        Judge { evaluated: 0, states: self.goals.iter().map(watch).collect() }
    }
}

/// What was found and what is allowed, where it is no goal.
fn goal(
    source: &str,
    objectives: &[Objective],
    metrics: &[String],
) -> Result<Goal, (String, String)> {
    let words: Vec<&str> = source.split_whitespace().collect();
    let [name, "stalls", trials] = words[..] else {
        let target = Target::compile(source, metrics);
        return target.map(Goal::Target).map_err(|error| {
            let allowed = format!(
                "a condition on {}, such as {} <= 1, or \"{} stalls 200\"",
                metrics.join(", "),
                metrics[0],
                objectives[0].metric
            );
            (error.found_in(source), allowed)
        });
    };
    let patience: Option<u64> = trials.parse().ok().filter(|trials| *trials > 0);
    let Some(patience) = patience else {
        return Err((format!("{source:?}"), format!("{name} stalls TRIALS, a number from 1")));
    };
    if let Some(place) = objectives.iter().position(|objective| objective.metric == name) {
        return Ok(Goal::Objective(place, patience));
    }
    let mut allowed: Vec<&str> = objectives.iter().map(|each| each.metric.as_str()).collect();
    let can_measure = (2..=HYPERVOLUME_OBJECTIVES).contains(&objectives.len());
    if can_measure {
        allowed.push("hypervolume");
    }
    match name {
        "hypervolume" if can_measure => Ok(Goal::Hypervolume(patience)),
        "hypervolume" => Err((
            format!("{source:?} beside {} objective(s)", objectives.len()),
            format!("{} stalls TRIALS; hypervolume with 2 or 3 objectives", allowed.join(" or ")),
        )),
        _ => Err((format!("{source:?}"), format!("{} stalls TRIALS", allowed.join(" or ")))),
    }
}

/// Looks at one trial after the other for a goal that is reached.
#[derive(Debug)]
pub struct Judge {
    /// Trials so far.
    evaluated: u64,
    states: Vec<(String, State)>,
}

#[derive(Debug)]
enum State {
    Target(Target),
    Objective {
        place: usize,
        patience: u64,
        /// The best value, and how many trials there were when it was found.
        best: Option<(f64, u64)>,
    },
    Hypervolume {
        patience: u64,
        width: usize,
        front: Archive,
        /// The frontier as it was at the last looks, the latest at the end.
        past: Vec<Vec<f64>>,
    },
}

impl Judge {
    /// Takes up the next trial in order: its metrics and its oriented objectives, where it is
    /// complete and feasible. The goal that it reaches, as it was written.
    pub fn reached(&mut self, complete: Option<(&[f64], &[f64])>) -> Option<&str> {
        self.evaluated += 1;
        let evaluated = self.evaluated;
        // Every goal has to see every trial, and the first of those that are reached is named.
        let mut reached = None;
        for (index, (_, state)) in self.states.iter_mut().enumerate() {
            if state.take_up(evaluated, complete) && reached.is_none() {
                reached = Some(index);
            }
        }
        reached.map(|index| self.states[index].0.as_str())
    }
}

impl State {
    /// Takes up a trial; whether the goal is reached.
    fn take_up(&mut self, evaluated: u64, complete: Option<(&[f64], &[f64])>) -> bool {
        match self {
            Self::Target(target) => complete.is_some_and(|(metrics, _)| target.holds(metrics)),
            Self::Objective { place, patience, best } => {
                if let Some((_, objectives)) = complete
                    && best.is_none_or(|(value, _)| objectives[*place] < value)
                {
                    *best = Some((objectives[*place], evaluated));
                }
                best.is_some_and(|(_, since)| evaluated - since >= *patience)
            }
            Self::Hypervolume { patience, width, front, past } => {
                if let Some((_, objectives)) = complete {
                    front.insert(evaluated, objectives, 0.0);
                }
                let every = patience.div_ceil(LOOKS);
                if !evaluated.is_multiple_of(every) || front.is_empty() {
                    return false;
                }
                let now = front.objectives();
                let looks = usize::try_from(patience.div_ceil(every)).unwrap_or(usize::MAX);
                let is_stalled =
                    past.len() >= looks && has_stalled(&past[past.len() - looks], &now, *width);
                past.push(now);
                if past.len() > looks {
                    past.remove(0);
                }
                is_stalled
            }
        }
    }
}

/// Whether the volume that `now` dominates is hardly larger than that of `before`, both up to a
/// point a tenth beyond the worst values of `now`, each objective in units of its own range.
fn has_stalled(before: &[f64], now: &[f64], width: usize) -> bool {
    let column = |index: usize| now.iter().skip(index).step_by(width).copied();
    let ranges: Vec<(f64, f64)> = (0..width)
        .map(|index| {
            let low = column(index).fold(f64::INFINITY, f64::min);
            let high = column(index).fold(f64::NEG_INFINITY, f64::max);
            (low, if high > low { high - low } else { 1.0 })
        })
        .collect();
    let volume = |front: &[f64]| {
        let scaled = front.iter().zip(ranges.iter().cycle());
        let scaled: Vec<f64> = scaled.map(|(value, (low, range))| (value - low) / range).collect();
        // Ranges of the size of the largest numbers leave nothing to measure.
        match scaled.iter().all(|value| value.is_finite()) {
            true => hypervolume(Scores::new(&scaled, width), &vec![1.1; width]),
            false => 0.0,
        }
    };
    volume(before) >= (1.0 - GROWTH) * volume(now)
}

#[cfg(test)]
mod tests {
    use search_spaces::{Direction, Document};

    use super::*;

    fn goals(stop: &str, objectives: &str) -> Result<Goals, Failure> {
        let text = format!(
            "name = 'a'\nsimulator = 'problem'\nstop = [{stop}]\nobjectives = {{ {objectives} }}\n\
             space = {{ x = {{ int = [1, 2] }} }}"
        );
        let document = Document::parse("t.toml", &text).expect("TOML");
        let template = Template::read(document, std::path::Path::new(".")).expect("a template");
        assert!(template.objectives.iter().all(|each| each.direction == Direction::Minimize));
        Goals::read(&template, &["f", "g", "h"].map(String::from))
    }

    const TWO: &str = "f = 'min', g = 'min'";

    /// The number of the trial at which one of the goals is reached.
    fn end(stop: &str, trials: &[Option<[f64; 3]>]) -> Option<usize> {
        let mut judge = goals(stop, TWO).expect("goals").judge(2);
        let reached = |trial: &Option<[f64; 3]>| {
            let complete = trial.as_ref().map(|metrics| (&metrics[..], &metrics[..2]));
            judge.reached(complete).is_some()
        };
        trials.iter().map(reached).position(|reached| reached)
    }

    #[test]
    fn a_target_is_reached_by_the_first_trial_that_meets_it() {
        let trials = [Some([3.0, 1.0, 0.0]), None, Some([1.0, 9.0, 5.0]), Some([0.5, 1.0, 7.0])];
        assert_eq!(end("'f <= 1'", &trials), Some(2));
        assert_eq!(end("'h > 6 and g < 2'", &trials), Some(3), "any metric");
        assert_eq!(end("'f < 0'", &trials), None);
        assert_eq!(end("'f < 0', 'f <= 1'", &trials), Some(2), "one of several");
    }

    #[test]
    fn an_objective_stalls_from_its_best_trial_on() {
        let values = [5.0, 4.0, 4.0, 6.0, 3.0, 3.0, 3.0, 3.0, 3.0];
        let trials = values.map(|f| Some([f, 0.0, 0.0]));
        assert_eq!(end("'f stalls 3'", &trials), Some(7), "equal values are no progress");
        assert_eq!(end("'f stalls 2'", &trials), Some(3));
        assert_eq!(end("'f stalls 5'", &trials), None);
        // Failed trials are no progress either, and before the first there is nothing to stall.
        assert_eq!(end("'f stalls 2'", &[None, None, None, trials[0], None, None]), Some(5));
    }

    #[test]
    fn the_hypervolume_stalls_when_the_frontier_stands_still_for_long() {
        // A frontier that moves for 100 trials and then changes by next to nothing.
        let at = |trial: u32| {
            let progress = 1.0 / f64::from(1 + trial.min(100));
            let angle = f64::from(trial % 10) / 9.0;
            Some([angle + progress + 1e-9 / f64::from(trial + 1), 1.0 - angle + progress, 0.0])
        };
        let trials: Vec<_> = (0..400).map(at).collect();
        let stalled = end("'hypervolume stalls 50'", &trials).expect("it stalls");
        assert!((120..=170).contains(&stalled), "{stalled}");
        assert_eq!(end("'hypervolume stalls 390'", &trials), None);
    }

    #[test]
    fn faults_name_what_is_allowed() {
        for (stop, objectives, message) in [
            ("f < ", TWO, "stop: found \"f < \""),
            ("q < 1", TWO, "unknown metric 'q' (of f, g, h)"),
            ("q < 1", TWO, "or \"f stalls 200\""),
            ("h stalls 5", TWO, "allowed: f or g or hypervolume stalls TRIALS"),
            ("f stalls 0", TWO, "f stalls TRIALS, a number from 1"),
            ("hypervolume stalls 5", "f = 'min'", "hypervolume with 2 or 3 objectives"),
        ] {
            let error = goals(&format!("{stop:?}"), objectives).expect_err(stop).to_string();
            assert!(error.contains(message), "{stop}: {error}");
        }
    }
}
