//! What differential evolution reaches.

mod common;

use common::single::ackley;
use common::{Function, best, floats, median, rastrigin, rosenbrock, run, told};
use optimizers::Task;

/// The median of the best objectives that studies of so many trials find in 10 dimensions.
fn found(name: &str, problem: &str, trials: u64, lag: u64, seeds: u64) -> f64 {
    let (function, bound): (Function, f64) = match problem {
        "rastrigin" => (rastrigin, 5.0),
        "rosenbrock" => (rosenbrock, 5.0),
        _ => (ackley, 32.0),
    };
    // The optimum does not lie in the middle of the box, where the first point may.
    let space = floats(10, -bound, 1.3 * bound);
    let of_seed = |seed| {
        let task = Task::new(&space, seed, Some(trials));
        best(&run(name, &task, trials, lag, &told(function)))
    };
    median((1..=seeds).map(of_seed).collect())
}

#[test]
fn all_three_problems_are_solved_within_thirty_thousand_trials() {
    for (problem, most) in [("rastrigin", 1e-6), ("rosenbrock", 1e-2), ("ackley", 1e-6)] {
        let found = found("de", problem, 30_000, 1, 3);
        assert!(found < most, "{problem}: {found}");
    }
}

#[test]
#[ignore = "prints a table"]
#[expect(clippy::print_stdout, reason = "it prints what was measured")]
fn table() {
    for problem in ["rastrigin", "rosenbrock", "ackley"] {
        for trials in [2_000, 10_000, 30_000] {
            let [near, default, far] = [1, 16, 64].map(|lag| found("de", problem, trials, lag, 11));
            println!("{problem} {trials}: {near:.3e} {default:.3e} {far:.3e} (lag 1, 16, 64)");
        }
    }
}
