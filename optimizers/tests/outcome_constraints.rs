//! What Bayesian optimization reaches where trials have to meet outcome constraints.

#![expect(clippy::many_single_char_names, reason = "the problems are published with these names")]
#![expect(clippy::approx_constant, reason = "a problem is published with a rounded coefficient")]

mod common;

use std::sync::Arc;

use common::{floats, median, numbers, run, space};
use libm::{atan2, cos, sin, sqrt};
use optimizers::pareto::{Scores, hypervolume};
use optimizers::{RandomSearch, Task, Told};
use search_spaces::{Point, Sequence, Space};

/// Objectives, and constraints of which each is met where it is not above 0.
type Constrained = fn(&[f64]) -> (Vec<f64>, Vec<f64>);

const PI: f64 = std::f64::consts::PI;

/// A line with a wavy and a round border; the least, 0, is where two borders do not meet: Gramacy
/// and others, "Modeling an augmented Lagrangian for blackbox constrained optimization", 2016.
fn gramacy(x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (a, b) = (x[0], x[1]);
    let wave = 1.5 - a - 2.0 * b - 0.5 * sin(2.0 * PI * (a * a - 2.0 * b));
    (vec![a + b - 0.599_788], vec![wave, a * a + b * b - 1.5])
}

/// Srinivas and Deb, "Multiobjective optimization using nondominated sorting in genetic
/// algorithms", 1994.
fn srn(x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (a, b) = (x[0], x[1]);
    let first = 2.0 + (a - 2.0) * (a - 2.0) + (b - 1.0) * (b - 1.0);
    let second = 9.0 * a - (b - 1.0) * (b - 1.0);
    (vec![first, second], vec![a * a + b * b - 225.0, a - 3.0 * b + 10.0])
}

/// Tanaka, Watanabe, Furukawa and Tanino, "GA-based decision support system for multicriteria
/// optimization", 1995.
fn tnk(x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (a, b) = (x[0], x[1]);
    let ring = 1.0 + 0.1 * cos(16.0 * atan2(a, b)) - a * a - b * b;
    let disc = (a - 0.5) * (a - 0.5) + (b - 0.5) * (b - 0.5) - 0.5;
    (vec![a, b], vec![ring, 2.0 * disc])
}

/// The cost of a welded beam, at least 1.7249.
fn beam(x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (h, l, t, b) = (x[0], x[1], x[2], x[3]);
    let cost = 1.10471 * h * h * l + 0.04811 * t * b * (14.0 + l);
    let load = 6000.0;
    let direct = load / (sqrt(2.0) * h * l);
    let arm = sqrt(l * l / 4.0 + (h + t) * (h + t) / 4.0);
    let moment = 2.0 * (sqrt(2.0) * h * l * (l * l / 12.0 + (h + t) * (h + t) / 4.0));
    let bent = load * (14.0 + l / 2.0) * arm / moment;
    let shear = sqrt(direct * direct + 2.0 * direct * bent * l / (2.0 * arm) + bent * bent);
    let stress = 6.0 * load * 14.0 / (b * t * t);
    let deflection = 4.0 * load * 2744.0 / (30e6 * t * t * t * b);
    let slender = 1.0 - t / 28.0 * sqrt(30e6 / 48e6);
    let buckling = 4.013 * 30e6 * sqrt(t * t * b * b * b * b * b * b / 36.0) / 196.0 * slender;
    let limits = [
        shear / 13_600.0 - 1.0,
        stress / 30_000.0 - 1.0,
        h - b,
        deflection / 0.25 - 1.0,
        1.0 - buckling / load,
    ];
    (vec![cost], limits.to_vec())
}

/// The cost of a pressure vessel, whose plates come in sixteenths of an inch: at least 6,059.7.
/// Its volume is in cubic inches, and so are violations of it.
fn vessel(x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (shell, head, r, l) = (0.0625 * x[0], 0.0625 * x[1], x[2], x[3]);
    let cost = 0.6224 * shell * r * l
        + 1.7781 * head * r * r
        + 3.1661 * shell * shell * l
        + 19.84 * shell * shell * r;
    let volume = PI * r * r * l + 4.0 / 3.0 * PI * r * r * r;
    (vec![cost], vec![0.0193 * r - shell, 0.00954 * r - head, 1_296_000.0 - volume])
}

/// The weight of a speed reducer, one of whose seven parameters counts teeth: at least 2,994.4.
fn reducer(x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let [b, m, z, l1, l2, d1, d2] = *x else { panic!("there are seven parameters") };
    let square = |x: f64| x * x;
    let weight = 0.7854 * b * m * m * (3.3333 * z * z + 14.9334 * z - 43.0934)
        - 1.508 * b * (d1 * d1 + d2 * d2)
        + 7.4777 * (d1 * d1 * d1 + d2 * d2 * d2)
        + 0.7854 * (l1 * d1 * d1 + l2 * d2 * d2);
    let bent = |l: f64, d: f64, own: f64, most: f64| {
        sqrt(square(745.0 * l / (m * z)) + own) / (most * d * d * d) - 1.0
    };
    let limits = [
        27.0 / (b * m * m * z) - 1.0,
        397.5 / (b * m * m * z * z) - 1.0,
        1.93 * l1 * l1 * l1 / (m * z * d1 * d1 * d1 * d1) - 1.0,
        1.93 * l2 * l2 * l2 / (m * z * d2 * d2 * d2 * d2) - 1.0,
        bent(l1, d1, 16.9e6, 110.0),
        bent(l2, d2, 157.5e6, 85.0),
        m * z / 40.0 - 1.0,
        5.0 * m / b - 1.0,
        b / (12.0 * m) - 1.0,
        (1.5 * d1 + 1.9) / l1 - 1.0,
        (1.1 * d2 + 1.9) / l2 - 1.0,
    ];
    (vec![weight], limits.to_vec())
}

/// The space and the function of that name, and the reference of its hypervolume.
fn problem(name: &str) -> (Arc<Space>, Constrained, Option<[f64; 2]>) {
    match name {
        "gramacy" => (floats(2, 0.0, 1.0), gramacy, None),
        "srn" => (floats(2, -20.0, 20.0), srn, Some([250.0, 50.0])),
        "tnk" => (floats(2, 1e-9, PI), tnk, Some([1.2, 1.2])),
        "beam" => {
            let text = "h = { float = [0.125, 5] }\nl = { float = [0.1, 10] }
                t = { float = [0.1, 10] }\nb = { float = [0.125, 5] }";
            (space(text), beam, None)
        }
        "vessel" => {
            let text = "shell = { int = [1, 99] }\nhead = { int = [1, 99] }
                r = { float = [10, 200] }\nl = { float = [10, 240] }";
            (space(text), vessel, None)
        }
        "reducer" => {
            let text = "b = { float = [2.6, 3.6] }\nm = { float = [0.7, 0.8] }
                z = { int = [17, 28] }\nl1 = { float = [7.3, 8.3] }\nl2 = { float = [7.3, 8.3] }
                d1 = { float = [2.9, 3.9] }\nd2 = { float = [5, 5.5] }";
            (space(text), reducer, None)
        }
        _ => panic!("no constrained problem is named {name}"),
    }
}

/// What an algorithm has reached after so many trials: the least feasible objective, or the
/// hypervolume of what is feasible; and how much of the trials is feasible.
fn reached(name: &str, problem_name: &str, trials: u64, lag: u64, seed: u64) -> (f64, f64) {
    let (space, function, reference) = problem(problem_name);
    let told = |_: u64, point: &Point| {
        let (objectives, constraints) = function(&numbers(point));
        let violation = constraints.iter().map(|each| each.max(0.0)).sum();
        Told::Complete { objectives, violation }
    };
    let done: Vec<Told> = if name == "random" {
        let random = RandomSearch::new(Arc::clone(&space), seed);
        (0..trials).map(|trial| told(trial, &random.point(trial).expect("no end"))).collect()
    } else {
        let objectives = if reference.is_some() { 2 } else { 1 };
        let task = Task { objectives, ..Task::new(&space, seed, Some(trials)) };
        run(name, &task, trials, lag, &told).into_iter().map(|(_, told)| told).collect()
    };
    let feasible: Vec<&Vec<f64>> = done
        .iter()
        .filter_map(|told| match told {
            Told::Complete { objectives, violation: 0.0 } => Some(objectives),
            _ => None,
        })
        .collect();
    let share = feasible.len() as f64 / trials as f64;
    let worth = match reference {
        Some(reference) => {
            let rows: Vec<f64> = feasible.into_iter().flatten().copied().collect();
            hypervolume(Scores::new(&rows, 2), &reference)
        }
        None => feasible.iter().map(|row| row[0]).fold(f64::INFINITY, f64::min),
    };
    (worth, share)
}

/// What a table is made of: an environment variable, or the usual.
fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or(usual.to_owned())
}

#[test]
#[ignore = "prints a table"]
#[expect(clippy::print_stdout, reason = "it prints what was measured")]
fn table_of_constrained_problems() {
    let number = |name: &str, usual: &str| -> u64 { setting(name, usual).parse().expect(name) };
    let (seeds, trials, lag) = (number("SEEDS", "7"), number("TRIALS", "80"), number("LAG", "1"));
    let problems = setting("PROBLEMS", "gramacy,beam,vessel,reducer,srn,tnk");
    for problem in problems.split(',') {
        for name in setting("NAMES", "random tpe bayes bayes:engine=egobox").split(' ') {
            #[expect(clippy::disallowed_methods, reason = "the table says how long it took")]
            let start = std::time::Instant::now();
            let (worth, share): (Vec<f64>, Vec<f64>) =
                (0..seeds).map(|seed| reached(name, problem, trials, lag, seed)).unzip();
            let time = 1e3 * start.elapsed().as_secs_f64() / (seeds * trials) as f64;
            println!(
                "{problem} {name}: median {:.5}, {:.0} % feasible, {time:.1} ms; {worth:.4?}",
                median(worth.clone()),
                100.0 * median(share),
            );
        }
    }
}

#[test]
fn borders_are_found_and_kept_to() {
    for seed in 0..3 {
        let (least, _) = reached("bayes", "gramacy", 60, 1, seed);
        assert!(least < 0.002, "seed {seed}: {least}");
    }
    let (volume, feasible) = reached("bayes", "srn", 60, 1, 0);
    assert!(feasible >= 0.4 && volume > 41_000.0, "{volume}, {feasible}");
}

#[test]
fn borders_are_found_by_several_at_once() {
    let (least, feasible) = reached("bayes", "gramacy", 60, 4, 0);
    assert!(least < 0.01 && feasible >= 0.3, "{least} {feasible}");
}

#[test]
fn what_is_rarely_feasible_is_found() {
    // Of random points, none in a hundred is.
    for seed in 0..2 {
        let (weight, _) = reached("bayes", "reducer", 40, 1, seed);
        assert!(weight < 3_200.0, "seed {seed}: {weight}");
    }
}

#[test]
fn violations_of_any_size_are_survived() {
    let space = floats(2, 0.0, 1.0);
    let task = Task::new(&space, 1, Some(40));
    for name in ["bayes", "bayes:engine=egobox"] {
        for huge in [1.0, 1e308, f64::INFINITY] {
            let odd = |trial: u64, point: &Point| {
                let violation = match trial % 5 {
                    0 => huge,
                    1 => f64::MIN_POSITIVE,
                    2 => 0.5,
                    3 => return Told::Failed,
                    _ => 0.0,
                };
                Told::Complete { objectives: vec![numbers(point)[0]], violation }
            };
            let trials = if name == "bayes" { 40 } else { 12 };
            assert_eq!(run(name, &task, trials, 3, &odd).len() as u64, trials, "{name} {huge}");
        }
    }
}
