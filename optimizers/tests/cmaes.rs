//! What CMA-ES reaches, and what it must not depend on.

mod common;

use common::{ellipsoid, floats, numbers, optimizer, rastrigin, rosenbrock, sphere};
use optimizers::{Asked, Task, Told};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use search_spaces::Value;

/// After how many trials an objective of 1e-8 is reached.
fn trials_to_target(name: &str, problem: &str, seed: u64) -> u64 {
    let function = match problem {
        "sphere" => sphere,
        "ellipsoid" => ellipsoid,
        "rosenbrock" => rosenbrock,
        _ => rastrigin,
    };
    let space = floats(10, -5.0, 5.0);
    let mut optimizer = optimizer(name, &Task::new(&space, seed, None));
    for trial in 0..2_000_000 {
        let mut generator = generator(seed, trial);
        let Asked::Point(point) = optimizer.ask(trial, &mut generator, &[]) else {
            panic!("nothing is out")
        };
        let objectives = function(&numbers(&point));
        if objectives[0] <= 1e-8 {
            return trial + 1;
        }
        optimizer.tell(trial, &point, &Told::Complete { objectives, violation: 0.0 });
    }
    u64::MAX
}

fn generator(seed: u64, trial: u64) -> ChaCha8Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&trial.to_le_bytes());
    ChaCha8Rng::from_seed(bytes)
}

/// Ends the study early on purpose: what is asked is timed, not what is found.
#[test]
#[ignore = "prints a time"]
#[expect(clippy::disallowed_methods, reason = "a benchmark")]
fn a_hundred_thousand_trials_of_a_sphere() {
    let space = floats(5, -10.0, 10.0);
    for _ in 0..5 {
        let mut optimizer = optimizer("cmaes", &Task::new(&space, 1, None));
        let start = std::time::Instant::now();
        let mut best = f64::INFINITY;
        for trial in 0..100_000 {
            let mut generator = generator(1, trial);
            let Asked::Point(point) = optimizer.ask(trial, &mut generator, &[]) else {
                panic!("nothing is out")
            };
            let objective: f64 = point
                .values()
                .iter()
                .map(|x| match x {
                    Value::Float(x) => x * x,
                    _ => 0.0,
                })
                .sum();
            best = objective.min(best);
            let told = Told::Complete { objectives: vec![objective], violation: 0.0 };
            optimizer.tell(trial, &point, &told);
        }
        println!("{:?} {best:e}", start.elapsed());
    }
}

#[test]
#[ignore = "prints a table"]
fn table() {
    let seeds: u64 = std::env::var("SEEDS").map_or(31, |text| text.parse().unwrap());
    for problem in ["sphere", "ellipsoid", "rosenbrock", "rastrigin"] {
        let mut found: Vec<u64> =
            (1..=seeds).map(|seed| trials_to_target("cmaes", problem, seed)).collect();
        found.sort_unstable();
        let quarter = |share: usize| found[(found.len() - 1) * share / 4];
        println!("{problem} {} [{} {}]", quarter(2), quarter(1), quarter(3));
    }
}
