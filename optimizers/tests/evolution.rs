//! What the multi-objective algorithms reach on published problems. (What their final populations
//! alone are worth is tested from within, in `src/evolution/quality.rs`.)

mod common;

use common::{Trial, median, numbers, objectives, problem, run, space, told};
use optimizers::pareto::{Scores, hypervolume};
use optimizers::{Task, Told};
use search_spaces::Point;

const PROBLEMS: [&str; 6] = ["zdt1", "zdt2", "zdt3", "zdt4", "zdt6", "dtlz2"];

/// For every seed, the hypervolume that all trials of a study attain together, reference 1.1.
fn attained(name: &str, on: &str, trials: u64, lag: u64, seeds: u64) -> Vec<f64> {
    let problem = problem(on);
    let of_seed = |seed| {
        let task =
            Task { objectives: problem.width, ..Task::new(&problem.space, seed, Some(trials)) };
        let all = objectives(&run(name, &task, trials, lag, &told(problem.function)));
        hypervolume(Scores::new(&all, problem.width), &vec![1.1; problem.width])
    };
    (0..seeds).map(of_seed).collect()
}

#[test]
fn evolution_attains_what_is_published() {
    for (name, on, least) in [
        ("nsga2", "zdt1", 0.87),
        ("nsga2", "zdt2", 0.53),
        ("nsga2", "dtlz2", 0.785),
        ("nsga3", "dtlz2", 0.785),
        ("smsemoa", "zdt1", 0.873),
        ("moead", "zdt1", 0.868),
        ("moead", "dtlz2", 0.785),
    ] {
        let found = median(attained(name, on, 20_000, 1, 3));
        assert!(found > least, "{name} {on}: {found}");
    }
}

/// All kinds of parameters, with constraints before the evaluation, after it, and failures.
#[test]
fn mixed_spaces_with_constraints_and_failures_are_searched_better_than_by_chance() {
    let space = space(
        "rate = { float = [1e-4, 1.0], scale = 'log' }
         fast = { int = [2, 60] }
         slow = { int = [10, 200], step = 5 }
         filter = { choice = ['none', 'rsi', 'adx'] }
         size = { ordinal = ['s', 'm', 'l', 'xl'] }
         level = { float = [0.0, 1.0], when = \"filter == 'rsi'\" }
         constraints = ['fast < slow', \"not (filter == 'adx' and fast > 30)\"]",
    );
    let evaluate = |trial: u64, point: &Point| {
        let x = numbers(point);
        if trial % 7 == 3 {
            return Told::Failed;
        }
        let decades = -libm::log10(x[0]) / 4.0;
        let wrong = [0.6, 0.0, 0.3][x[3] as usize] + (x[5] - 0.8).abs() * f64::from(x[3] == 1.0);
        let distance = wrong + (x[4] - 2.0).abs() / 3.0 + (x[2] - 4.0 * x[1]).abs() / 200.0;
        Told::Complete {
            objectives: vec![decades + distance, 1.0 - decades * decades + distance],
            violation: (0.2 - decades).max(0.0),
        }
    };
    let volume = |name: &str, seed| {
        let task = Task { objectives: 2, ..Task::new(&space, seed, Some(1_500)) };
        let trials = run(name, &task, 1_500, 16, &evaluate);
        assert!(trials.iter().all(|(point, _)| space.contains(point) && space.satisfies(point)));
        let feasible = |trial: &&Trial| matches!(trial.1, Told::Complete { violation: 0.0, .. });
        let feasible: Vec<Trial> = trials.iter().filter(feasible).cloned().collect();
        hypervolume(Scores::new(&objectives(&feasible), 2), &[1.2, 1.2])
    };
    let median_volume = |name: &str| median((0..5).map(|seed| volume(name, seed)).collect());
    // The best that there is: a curve from (0.2, 0.96) to (1, 0), dominating 0.64.
    for name in ["nsga2", "nsga3", "smsemoa", "moead"] {
        let found = median_volume(name);
        assert!(found > 0.5, "{name}: {found}");
    }
}

#[test]
#[ignore = "prints a table"]
#[expect(clippy::print_stdout, reason = "it prints a table")]
fn table() {
    for name in ["nsga2", "nsga3", "smsemoa", "moead"] {
        for on in PROBLEMS {
            let [near, far] = [1, 64].map(|lag| median(attained(name, on, 25_000, lag, 11)));
            println!("{name} {on} lag 1 {near:.4} lag 64 {far:.4}");
        }
    }
}
