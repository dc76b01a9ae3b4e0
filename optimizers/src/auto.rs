//! Which algorithm suits a study, by rules that can be read and said in one line.
//!
//! The rules follow what comparisons of many algorithms on many problems agree on:
//!
//! - With few trials for each parameter, models of the objective win (Turner et al., "Bayesian
//!   optimization is superior to random search for machine learning hyperparameter tuning", PMLR 133,
//!   2021, the black-box challenge: all of the best used Gaussian processes).
//!   Their cost grows with the trials, so a trial has to be worth it.
//! - Where choices and conditions rule, Parzen estimators need no order of the values (Bergstra et
//!   al., "Algorithms for hyper-parameter optimization", NIPS 2011).
//! - With more trials, on numbers and one objective, CMA-ES with restarts leads (Hansen et al.,
//!   "Comparing results of 31 algorithms from the black-box optimization benchmarking BBOB-2009",
//!   GECCO 2010); with very many, differential evolution explores more widely (the winners of the
//!   CEC competitions since Tanabe & Fukunaga, "Improving the search performance of SHADE using
//!   linear population size reduction", CEC 2014).
//! - With two or three objectives, survival by hypervolume is best (Beume, Naujoks & Emmerich,
//!   "SMS-EMOA", EJOR 181(3), 2007), and where its time counts, NSGA-II; with more, rank and
//!   crowding tell nothing apart any longer, and NSGA-III takes over (Deb & Jain, IEEE Trans. Evol.
//!   Comput. 18(4), 2014).
//!
//! A choice is a function of the task alone. It may be another one with another budget, so the
//! study's record keeps the algorithm that was chosen, never `auto`.

use search_spaces::{Domain, Parameter};

use crate::strategies::{STRATEGIES, Task};

/// Trials below which a model of the objective pays in any case, and trials per parameter.
const FEW: u64 = 201;
const FEW_PER_PARAMETER: u64 = 20;

/// Trials up to which such a model is kept up in little time.
const MODELLED: u64 = 500;

/// Parameters up to which distances tell a Gaussian process something.
const MODELLED_PARAMETERS: usize = 30;

/// A trial of less than so many seconds is over before a Gaussian process has made a suggestion.
const CHEAP: f64 = 0.02;

/// Trials up to which looking through all of them for each suggestion is affordable.
const LOOKED_THROUGH: u64 = 20_000;

/// Trials per parameter from which wide exploration pays.
const MANY: u64 = 5000;

/// Trials that an algorithm that learns can keep in mind.
const REMEMBERED: u64 = 20_000_000;

/// What is taken for the budget where none is known.
const USUAL: u64 = 1000;

/// An algorithm and why it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pick {
    pub name: &'static str,
    pub reason: String,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
struct Facts {
    parameters: usize,
    /// Of those, the ones that are choices, bools or conditional.
    unordered: usize,
    objectives: usize,
    /// The number of points, where it is finite.
    points: Option<u128>,
    trials: Option<u64>,
    /// Whether results of an earlier study are to be learnt from.
    is_warm: bool,
    /// Seconds per trial, where they are known.
    cost: Option<f64>,
}

/// What the rules say: names, the best first, and why.
type Verdict = (&'static [&'static str], String);

/// Chooses among the algorithms that there are.
pub(crate) fn pick(task: &Task<'_>, cost: Option<f64>) -> Pick {
    let parameters = task.space.parameters();
    let unordered = |parameter: &&Parameter| {
        let domain = parameter.domain();
        let is_ordered = matches!(
            domain,
            Domain::Float { .. } | Domain::Int { .. } | Domain::Labels { ordered: true, .. }
        );
        !is_ordered || parameter.when().is_some()
    };
    let facts = Facts {
        parameters: parameters.len(),
        unordered: parameters.iter().filter(unordered).count(),
        objectives: task.objectives,
        points: task.space.cardinality(),
        trials: task.trials,
        is_warm: !task.known.is_empty(),
        cost,
    };
    let (names, reason) = verdict(&facts);
    let is_there = |name: &&&str| {
        let learns = |entry: &&crate::strategies::Entry| entry.name == **name;
        matches!(**name, "grid" | "sobol" | "random")
            || STRATEGIES.iter().find(learns).is_some_and(|entry| entry.handles(task.objectives))
    };
    let name = names.iter().find(is_there).copied().unwrap_or("nsga2");
    Pick { name, reason }
}

fn verdict(facts: &Facts) -> Verdict {
    let trials = facts.trials.unwrap_or(USUAL);
    if let Some(points) = facts.points
        && points <= u128::from(trials)
        && !facts.is_warm
    {
        return (&["grid"], format!("{points} points in all, no more than trials"));
    }
    if trials > REMEMBERED && !facts.is_warm {
        let reason = format!("{trials} trials are too many to learn from each");
        return if facts.parameters <= 1024 { (&["sobol"], reason) } else { (&["random"], reason) };
    }
    match facts.objectives {
        1 => one_objective(facts, trials),
        _ => several_objectives(facts, trials),
    }
}

fn one_objective(facts: &Facts, trials: u64) -> Verdict {
    let budget = said(facts, trials);
    if let Some(verdict) = few_trials(facts, trials) {
        return verdict;
    }
    if is_unordered(facts) {
        return match trials {
            ..=LOOKED_THROUGH => {
                (&["tpe", "nsga2"], format!("one objective, many choices or conditions, {budget}"))
            }
            _ => (&["nsga2"], format!("many choices or conditions, {budget}")),
        };
    }
    if trials >= MANY * facts.parameters as u64 {
        return (&["de", "cmaes", "nsga2"], format!("one objective, {budget}: room to explore"));
    }
    (&["cmaes", "de", "nsga2"], format!("one objective, mostly numbers, {budget}"))
}

fn several_objectives(facts: &Facts, trials: u64) -> Verdict {
    let (budget, objectives) = (said(facts, trials), facts.objectives);
    if let Some(verdict) = few_trials(facts, trials) {
        return verdict;
    }
    match objectives {
        ..=3 if trials <= LOOKED_THROUGH => {
            (&["smsemoa", "nsga2"], format!("{objectives} objectives, {budget}"))
        }
        ..=3 => (&["nsga2"], format!("{objectives} objectives, {budget}: little time for each")),
        _ => (&["nsga3", "moead", "nsga2"], format!("{objectives} objectives, {budget}")),
    }
}

/// Where there are few trials, it pays to think about each.
fn few_trials(facts: &Facts, trials: u64) -> Option<Verdict> {
    let few = FEW.max(FEW_PER_PARAMETER * facts.parameters as u64);
    let is_few = trials < few && trials <= MODELLED;
    let is_cheap = facts.cost.is_some_and(|cost| cost < CHEAP);
    if !is_few || is_cheap {
        return None;
    }
    let budget = said(facts, trials);
    let is_smooth = !is_unordered(facts) && facts.parameters <= MODELLED_PARAMETERS;
    Some(match is_smooth {
        true => (&["bayes", "tpe", "nsga2"], format!("few trials, mostly numbers: {budget}")),
        false => (&["tpe", "nsga2"], format!("few trials, many choices or conditions: {budget}")),
    })
}

/// Whether a third of the parameters has no order, or does not always count.
fn is_unordered(facts: &Facts) -> bool {
    3 * facts.unordered >= facts.parameters
}

fn said(facts: &Facts, trials: u64) -> String {
    let plural = if facts.parameters == 1 { "" } else { "s" };
    let trials = match facts.trials {
        Some(_) => format!("{trials} trials"),
        None => "an open number of trials".to_owned(),
    };
    format!("{trials} for {} parameter{plural}", facts.parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(objectives: usize, trials: u64) -> Facts {
        Facts {
            parameters: 10,
            unordered: 0,
            objectives,
            points: None,
            trials: Some(trials),
            is_warm: false,
            cost: None,
        }
    }

    #[track_caller]
    fn assert_first(facts: &Facts, name: &str, reason: &str) {
        let (names, said) = verdict(facts);
        assert_eq!(names[0], name, "{facts:?}");
        assert!(said.contains(reason), "{said}");
        assert!(!said.contains('\n') && said.len() < 100, "{said}");
    }

    #[test]
    fn a_small_space_is_seen_whole() {
        let small = Facts { points: Some(1000), ..facts(2, 1000) };
        assert_first(&small, "grid", "1000 points in all");
        assert_first(&Facts { points: Some(1001), ..small }, "smsemoa", "2 objectives");
        // A grid has no use for what is known.
        assert_first(&Facts { is_warm: true, ..small }, "smsemoa", "2 objectives");
        assert_first(&Facts { trials: None, ..small }, "grid", "1000 points");
    }

    #[test]
    fn few_trials_are_thought_about() {
        let few = facts(1, 150);
        assert_first(&few, "bayes", "few trials, mostly numbers: 150 trials for 10 parameters");
        assert_first(&Facts { objectives: 3, ..few }, "bayes", "few trials");
        assert_first(&Facts { unordered: 4, ..few }, "tpe", "choices or conditions");
        assert_first(&Facts { parameters: 40, ..few }, "tpe", "few trials");
        assert_first(&Facts { cost: Some(60.0), ..few }, "bayes", "few trials");
        assert_first(&Facts { cost: Some(0.001), ..few }, "cmaes", "one objective");
        assert_first(&Facts { parameters: 2, ..facts(1, 60) }, "bayes", "few trials");
        assert_first(&Facts { trials: Some(201), ..few }, "cmaes", "201 trials");
        assert_first(&Facts { parameters: 20, ..facts(1, 399) }, "bayes", "few trials");
    }

    #[test]
    fn one_objective_goes_by_kind_and_budget() {
        assert_first(&facts(1, 5000), "cmaes", "5000 trials for 10 parameters");
        assert_first(&Facts { trials: None, ..facts(1, 0) }, "cmaes", "an open number of trials");
        assert_first(&facts(1, 50_000), "de", "room to explore");
        let choices = Facts { unordered: 4, ..facts(1, 5000) };
        assert_first(&choices, "tpe", "many choices or conditions");
        assert_first(&Facts { trials: Some(50_000), ..choices }, "nsga2", "many choices");
    }

    #[test]
    fn several_objectives_go_by_their_number_and_the_time_for_each_trial() {
        assert_first(&facts(2, 5000), "smsemoa", "2 objectives");
        assert_first(&facts(3, 50_000), "nsga2", "little time");
        assert_first(&facts(5, 50_000), "nsga3", "5 objectives");
    }

    #[test]
    fn what_cannot_be_remembered_is_not_learnt_from() {
        assert_first(&facts(1, 100_000_000), "sobol", "too many to learn from");
        let wide = Facts { parameters: 2000, ..facts(1, 100_000_000) };
        assert_first(&wide, "random", "too many");
    }
}
