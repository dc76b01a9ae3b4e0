//! What the classical algorithms reach, beside other implementations of them.

mod common;

use common::{best, floats, median, rastrigin, rosenbrock, run, sphere, told};
use optimizers::Task;

fn problem(name: &str) -> impl Fn(&[f64]) -> Vec<f64> + use<'_> {
    move |x| match name {
        "sphere" => sphere(&x.iter().map(|x| x - 0.7).collect::<Vec<_>>()),
        "rosenbrock" => rosenbrock(x),
        "rastrigin" => rastrigin(&x.iter().map(|x| x - 0.7).collect::<Vec<_>>()),
        _ => panic!("{name}"),
    }
}

/// How many trials it takes to come within `within` of the optimum, which is 0.
fn trials_to(name: &str, of: &str, dimensions: usize, within: f64, lag: u64, seeds: u64) -> f64 {
    let space = floats(dimensions, -5.0, 5.0);
    let trials = 20_000;
    let of_seed = |seed| {
        let task = Task::new(&space, seed, Some(trials));
        let all = run(name, &task, trials, lag, &told(problem(of)));
        let mut found = 0;
        while found < all.len() && best(&all[found..=found]) > within {
            found += 1;
        }
        found as f64 + 1.0
    };
    median((0..seeds).map(of_seed).collect())
}

/// The median of what `trials` trials come down to.
fn reached(name: &str, of: &str, dimensions: usize, trials: u64, lag: u64, seeds: u64) -> f64 {
    let space = floats(dimensions, -5.0, 5.0);
    let of_seed = |seed| {
        let task = Task::new(&space, seed, Some(trials));
        if name == "random" {
            let algorithm = optimizers::Algorithm::parse(name).unwrap();
            let optimizers::Plan::Sequence(sequence) = algorithm.plan(&task).unwrap() else {
                panic!("random points are a sequence")
            };
            let points = (0..trials).filter_map(|number| sequence.point(number));
            let value = |point| problem(of)(&common::numbers(&point))[0];
            return points.map(value).fold(f64::INFINITY, f64::min);
        }
        best(&run(name, &task, trials, lag, &told(problem(of))))
    };
    median((0..seeds).map(of_seed).collect())
}

#[test]
#[ignore = "prints a table"]
fn table() {
    let names = std::env::var("NAMES").unwrap_or("nelder-mead pso annealing".to_owned());
    for (of, dimensions) in [("sphere", 5), ("rosenbrock", 4), ("rosenbrock", 10), ("sphere", 20)] {
        for name in names.split(' ').filter(|name| !name.starts_with("annealing")) {
            for lag in [1, 4] {
                let needed = trials_to(name, of, dimensions, 1e-6, lag, 11);
                println!("{of} {dimensions}-D lag {lag} {name:20} {needed} trials to 1e-6");
            }
        }
    }
    for (of, dimensions, trials) in [
        ("sphere", 5, 200),
        ("rosenbrock", 4, 400),
        ("rastrigin", 2, 300),
        ("rastrigin", 5, 1000),
        ("rastrigin", 10, 2000),
    ] {
        for name in ["random", "nsga2"].into_iter().chain(names.split(' ')) {
            let [near, far, default] =
                [1, 4, 20].map(|lag| reached(name, of, dimensions, trials, lag, 21));
            println!(
                "{of} {dimensions}-D, {trials} trials, {name:30} lag 1, 4, 20: {near:.3e} {far:.3e} {default:.3e}"
            );
        }
    }
}
