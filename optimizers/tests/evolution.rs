//! What the multi-objective algorithms reach on published problems. (What their final populations
//! alone are worth is tested from within, in `src/evolution/quality.rs`.)

mod common;

use common::{median, objectives, problem, run, told};
use optimizers::Task;
use optimizers::pareto::{Scores, hypervolume};

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
