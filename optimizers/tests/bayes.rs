//! What Bayesian optimization reaches on published problems.

mod common;

use std::ops::Range;
use std::sync::Arc;

use common::single::{SINGLES, Single, single};
use common::{
    Function, best, branin, branin_currin, floats, median, numbers, objectives, run, space, told,
    zdt,
};
use optimizers::pareto::{Scores, hypervolume};
use optimizers::{RandomSearch, Task, Told};
use search_spaces::{Point, Sequence, Space, Value};

/// The regrets of these seeds.
fn regrets(name: &str, problem: &str, lag: u64, seeds: Range<u64>) -> Vec<f64> {
    let Single { space, function, trials } = single(problem);
    let regret = |seed| {
        let task = Task::new(&space, seed, Some(trials));
        best(&run(name, &task, trials, lag, &told(function)))
    };
    seeds.map(regret).collect()
}

/// What a table is made of: an environment variable, or the usual.
fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or(usual.to_owned())
}

/// The seeds of a table: `SEEDS` of them, from `FIRST_SEED`.
fn seeds(usual: &str) -> Range<u64> {
    let first = setting("FIRST_SEED", "0").parse().expect("a number");
    first..first + setting("SEEDS", usual).parse::<u64>().expect("a number")
}

#[test]
#[ignore = "prints a table"]
#[expect(clippy::print_stdout, reason = "it prints what was measured")]
fn regret_table() {
    let name = setting("ALGORITHM", "bayes");
    for lag in setting("LAGS", "1").split(',') {
        for problem in setting("PROBLEMS", &SINGLES.join(",")).split(',') {
            #[expect(clippy::disallowed_methods, reason = "the table says how long it took")]
            let start = std::time::Instant::now();
            let found = regrets(&name, problem, lag.parse().unwrap(), seeds("5"));
            let trials = (found.len() as u64 * single(problem).trials) as f64;
            let time = start.elapsed().as_secs_f64() / trials;
            let list: Vec<String> = found.iter().map(|each| format!("{each:.1e}")).collect();
            println!(
                "{name} {problem} lag {lag}: median {:.2e}, {:.1} ms per trial; {}",
                median(found),
                1e3 * time,
                list.join(" ")
            );
        }
    }
}

/// Two objectives: their space and function, a point that the front dominates, and the hypervolume
/// of the whole front.
fn two(problem: &str) -> (Arc<Space>, Function, [f64; 2], f64) {
    match problem {
        "zdt1" => (floats(6, 0.0, 1.0), |x| zdt(1)(x), [11.0, 11.0], 120.666_667),
        "branin-currin" => (floats(2, 0.0, 1.0), branin_currin, [18.0, 6.0], 59.360_119),
        _ => panic!("no problem of two objectives is named {problem}"),
    }
}

/// How much of the hypervolume is missing after 54 trials.
fn missing(name: &str, problem: &str, seed: u64) -> f64 {
    const TRIALS: u64 = 54;
    let (space, function, reference, whole) = two(problem);
    let rows = if name == "random" {
        let random = RandomSearch::new(Arc::clone(&space), seed);
        let points = (0..TRIALS).map(|trial| random.point(trial).expect("there is no end"));
        points.flat_map(|point| function(&numbers(&point))).collect()
    } else {
        let task = Task { objectives: 2, ..Task::new(&space, seed, Some(TRIALS)) };
        objectives(&run(name, &task, TRIALS, 1, &told(function)))
    };
    whole - hypervolume(Scores::new(&rows, 2), &reference)
}

#[test]
#[ignore = "prints a table"]
#[expect(clippy::print_stdout, reason = "it prints what was measured")]
fn front_table() {
    let usual = "random bayes:several=hypervolume bayes:several=scalar bayes:engine=egobox";
    for problem in ["zdt1", "branin-currin"] {
        for name in setting("NAMES", usual).split(' ') {
            let found: Vec<f64> = seeds("5").map(|seed| missing(name, problem, seed)).collect();
            println!("{problem} {name}: {found:.3?} are missing");
        }
    }
}

#[test]
fn smooth_valleys_are_followed_to_their_ground() {
    let found = median(regrets("bayes", "branin", 1, 0..3));
    assert!(found < 1e-5, "{found:e}");
    let behind = median(regrets("bayes", "branin", 8, 0..3));
    assert!(behind < 1e-3, "{behind:e}");
}

#[test]
fn fronts_are_found_within_few_trials() {
    for problem in ["zdt1", "branin-currin"] {
        let middle = |name| median((0..3).map(|seed| missing(name, problem, seed)).collect());
        let random = middle("random");
        for name in ["bayes:several=hypervolume", "bayes:several=scalar"] {
            let found = middle(name);
            assert!(found < 0.3 * random, "{name} on {problem}: {found} of {random}");
        }
    }
}

#[test]
fn egobox_finds_what_it_is_known_to_find() {
    let space = space("x = { float = [-5, 10] }\ny = { float = [0, 15] }");
    let task = Task::new(&space, 1, Some(25));
    let found = best(&run("bayes:engine=egobox", &task, 25, 1, &told(branin)));
    assert!(found < 0.45, "{found}");
}

const MIXED: &str = "
    rate = { float = [1e-4, 1.0], scale = 'log' }
    depth = { int = [1, 40] }
    filter = { choice = ['none', 'mean', 'median'] }
    window = { int = [2, 30], when = \"filter != 'none'\" }
    constraints = ['depth > 3 or rate < 0.5']
";

/// Least, 0, at rate 0.01, depth 17 and a median of 9; it fails above 0.3, and may not be deep
/// and without a filter.
fn mixed(_: u64, point: &Point) -> Told {
    let values = point.values();
    let number = |index: usize| values[index].as_number();
    let (rate, depth) = (number(0).unwrap(), number(1).unwrap());
    if rate > 0.3 {
        return Told::Failed;
    }
    let filter = match (values[2], number(3)) {
        (Value::Label(2), Some(window)) => (window - 9.0) * (window - 9.0) / 50.0,
        (Value::Label(1), Some(window)) => 1.0 + (window - 20.0) * (window - 20.0) / 50.0,
        _ => 2.0,
    };
    let off = libm::log10(rate) + 2.0;
    let objective = off * off + (depth - 17.0) * (depth - 17.0) / 40.0 + filter;
    let violation = if values[2] == Value::Label(0) { (depth - 20.0).max(0.0) } else { 0.0 };
    Told::Complete { objectives: vec![objective], violation }
}

#[test]
fn mixed_spaces_with_failures_are_searched_better_than_by_chance() {
    let space = space(MIXED);
    for (name, trials, most) in [("bayes", 60, 0.05), ("bayes:engine=egobox", 40, 1.5)] {
        let task = Task::new(&space, 3, Some(trials));
        let done = run(name, &task, trials, 4, &mixed);
        assert!(done.iter().all(|(point, _)| space.contains(point)), "{name}");
        let found = best(&done);
        assert!(found < most, "{name}: {found}");
    }
}

#[test]
fn equal_and_huge_values_are_survived() {
    let space = floats(3, 0.0, 1.0);
    let task = Task::new(&space, 1, Some(40));
    for name in ["bayes", "bayes:engine=egobox"] {
        for value in [0.0, 1e300] {
            let flat = |trial: u64, _: &Point| match trial % 7 {
                3 => Told::Failed,
                5 => Told::Pruned { step: 1, objectives: None },
                6 => Told::Pruned { step: 1, objectives: Some(vec![2.0]) },
                rest => {
                    let height = if rest == 1 { value } else { 1.0 };
                    Told::Complete { objectives: vec![height], violation: 0.0 }
                }
            };
            let trials = if name == "bayes" { 40 } else { 15 };
            assert_eq!(run(name, &task, trials, 3, &flat).len() as u64, trials, "{name} {value}");
        }
    }
}

#[test]
#[ignore = "prints a table"]
#[expect(clippy::print_stdout, reason = "a table, by hand")]
fn cost_table() {
    let space = floats(6, 0.0, 1.0);
    for name in ["bayes", "bayes:engine=egobox"] {
        let task = Task::new(&space, 1, Some(1_000));
        let trials = if name == "bayes" { 1_000 } else { 200 };
        #[expect(clippy::disallowed_methods, reason = "the table says how long it took")]
        let start = std::time::Instant::now();
        let told = told(single("hartmann6").function);
        run(name, &task, trials, 8, &|trial, point| {
            if [50, 100, 200, 500, 999].contains(&trial) {
                let time = start.elapsed().as_secs_f64();
                println!("{name}: {trial} trials, {time:.1} s in all");
            }
            told(trial, point)
        });
    }
}
