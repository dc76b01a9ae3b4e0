//! What Bayesian optimization reaches on published problems.

mod common;

use std::sync::Arc;

use common::{best, branin, floats, median, rosenbrock, run, space, told};
use libm::{cos, exp, sqrt};
use optimizers::Task;
use search_spaces::Space;

const PI: f64 = std::f64::consts::PI;

/// Hartmann's function in 6 dimensions, less its minimum.
fn hartmann6(x: &[f64]) -> Vec<f64> {
    const HEIGHTS: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const WIDTHS: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const CENTRES: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let hill = |hill: usize| {
        let term =
            |i: usize| WIDTHS[hill][i] * (x[i] - CENTRES[hill][i]) * (x[i] - CENTRES[hill][i]);
        HEIGHTS[hill] * exp(-(0..6).map(term).sum::<f64>())
    };
    vec![3.322_368_011_415_51 - (0..4).map(hill).sum::<f64>()]
}

fn ackley(x: &[f64]) -> Vec<f64> {
    let mean = |term: fn(f64) -> f64| x.iter().map(|x| term(*x)).sum::<f64>() / x.len() as f64;
    let hole = 20.0 * exp(-0.2 * sqrt(mean(|x| x * x)));
    vec![20.0 + std::f64::consts::E - hole - exp(mean(|x| cos(2.0 * PI * x)))]
}

type Function = fn(&[f64]) -> Vec<f64>;

/// A problem's space, function and number of trials; all have the minimum 0.
fn problem(name: &str) -> (Arc<Space>, Function, u64) {
    match name {
        "branin" => {
            let text = "x = { float = [-5, 10] }\ny = { float = [0, 15] }";
            (space(text), |x| vec![branin(x)[0] - 0.397_887_357_729_738_16], 60)
        }
        "hartmann6" => (floats(6, 0.0, 1.0), hartmann6, 100),
        "ackley5" => (floats(5, -32.768, 32.768), ackley, 100),
        "rosenbrock4" => (floats(4, -5.0, 10.0), rosenbrock, 100),
        _ => panic!("an unknown problem"),
    }
}

/// The regrets of so many seeds.
fn regrets(name: &str, problem_name: &str, lag: u64, seeds: u64) -> Vec<f64> {
    let (space, function, trials) = problem(problem_name);
    let regret = |seed| {
        let task = Task::new(&space, seed, Some(trials));
        best(&run(name, &task, trials, lag, &told(function)))
    };
    (0..seeds).map(regret).collect()
}

#[test]
#[ignore = "prints a table"]
fn regret_table() {
    let setting = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let name = setting("ALGORITHM", "bayes");
    let seeds: u64 = setting("SEEDS", "5").parse().unwrap();
    for lag in setting("LAGS", "1").split(',') {
        for problem_name in setting("PROBLEMS", "branin,hartmann6,ackley5,rosenbrock4").split(',') {
            #[expect(clippy::disallowed_methods, reason = "the table says how long it took")]
            let start = std::time::Instant::now();
            let found = regrets(&name, problem_name, lag.parse().unwrap(), seeds);
            let trials = (seeds * problem(problem_name).2) as f64;
            let time = start.elapsed().as_secs_f64() / trials;
            let list: Vec<String> = found.iter().map(|each| format!("{each:.1e}")).collect();
            println!(
                "{name} {problem_name} lag {lag}: median {:.2e}, {:.1} ms per trial; {}",
                median(found),
                1e3 * time,
                list.join(" ")
            );
        }
    }
}
