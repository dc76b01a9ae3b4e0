//! Test problems, and a driver that asks and tells with an exact lag.
#![allow(dead_code, reason = "every test file uses a part")]

pub mod single;

use std::collections::VecDeque;
use std::sync::Arc;

use libm::{cos, exp, pow, sin, sqrt};
use optimizers::{Algorithm, Asked, Optimizer, Plan, Task, Told};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use search_spaces::{Document, Point, Space};

/// The space that a table of a template describes.
pub fn space(text: &str) -> Arc<Space> {
    let document = Document::parse("t.toml", text).expect("TOML");
    Arc::new(Space::read(document.section()).expect("a space"))
}

/// So many floats between two bounds.
pub fn floats(count: usize, low: f64, high: f64) -> Arc<Space> {
    let line = |index| format!("x{index} = {{ float = [{low:?}, {high:?}] }}\n");
    space(&(0..count).map(line).collect::<String>())
}

/// The numbers of a point; 0 where it is inactive.
pub fn numbers(point: &Point) -> Vec<f64> {
    point.values().iter().map(|value| value.as_number().unwrap_or(0.0)).collect()
}

/// The optimizer of an algorithm that learns.
pub fn optimizer(name: &str, task: &Task<'_>) -> Box<dyn Optimizer> {
    match Algorithm::parse(name).and_then(|algorithm| algorithm.plan(task)).expect(name) {
        Plan::Optimizer { optimizer, learns: true } => optimizer,
        _ => panic!("{name} does not learn"),
    }
}

/// A trial: its point and what was told of it.
pub type Trial = (Point, Told);

/// Runs a study of `trials` with at most `lag` trials open at an ask; it is shorter where the
/// space is exhausted.
pub fn run(
    name: &str,
    task: &Task<'_>,
    trials: u64,
    lag: u64,
    evaluate: &dyn Fn(u64, &Point) -> Told,
) -> Vec<Trial> {
    play(&mut *optimizer(name, task), task.seed, trials, lag, evaluate)
}

/// The same with an optimizer at hand.
pub fn play(
    optimizer: &mut dyn Optimizer,
    seed: u64,
    trials: u64,
    lag: u64,
    evaluate: &dyn Fn(u64, &Point) -> Told,
) -> Vec<Trial> {
    let mut done: Vec<Trial> = Vec::new();
    let mut open: VecDeque<Point> = VecDeque::new();
    let mut tell = |optimizer: &mut dyn Optimizer, open: &mut VecDeque<Point>| {
        let trial = done.len() as u64;
        let point = open.pop_front().expect("something is open");
        let told = evaluate(trial, &point);
        optimizer.tell(trial, &point, &told);
        done.push((point, told));
    };
    'trials: for trial in 0..trials {
        while open.len() as u64 >= lag {
            tell(optimizer, &mut open);
        }
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&trial.to_le_bytes());
        loop {
            let mut generator = ChaCha8Rng::from_seed(bytes);
            match optimizer.ask(trial, &mut generator, open.make_contiguous()) {
                Asked::Point(point) => break open.push_back(point),
                Asked::Wait => tell(optimizer, &mut open),
                Asked::Exhausted => break 'trials,
            }
        }
    }
    while !open.is_empty() {
        tell(optimizer, &mut open);
    }
    done
}

/// An evaluation of numbers, without constraints.
pub fn told(function: impl Fn(&[f64]) -> Vec<f64>) -> impl Fn(u64, &Point) -> Told {
    move |_, point| Told::Complete { objectives: function(&numbers(point)), violation: 0.0 }
}

/// The objectives of the trials that were evaluated, one row after the other.
pub fn objectives(trials: &[Trial]) -> Vec<f64> {
    let row = |(_, told): &Trial| match told {
        Told::Complete { objectives, .. } => objectives.clone(),
        _ => Vec::new(),
    };
    trials.iter().flat_map(row).collect()
}

/// The least first objective.
pub fn best(trials: &[Trial]) -> f64 {
    let value = |(_, told): &Trial| match told {
        Told::Complete { objectives, violation: 0.0 } => objectives[0],
        _ => f64::INFINITY,
    };
    trials.iter().map(value).fold(f64::INFINITY, f64::min)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const PI: f64 = std::f64::consts::PI;

pub fn sphere(x: &[f64]) -> Vec<f64> {
    vec![x.iter().map(|x| x * x).sum()]
}

pub fn ellipsoid(x: &[f64]) -> Vec<f64> {
    let last = (x.len() - 1) as f64;
    vec![x.iter().enumerate().map(|(i, x)| pow(1e6, i as f64 / last) * x * x).sum()]
}

pub fn rosenbrock(x: &[f64]) -> Vec<f64> {
    let term = |pair: &[f64]| {
        let (valley, slope) = (pair[1] - pair[0] * pair[0], 1.0 - pair[0]);
        100.0 * valley * valley + slope * slope
    };
    vec![x.windows(2).map(term).sum()]
}

pub fn rastrigin(x: &[f64]) -> Vec<f64> {
    vec![x.iter().map(|x| x * x - 10.0 * cos(2.0 * PI * x) + 10.0).sum()]
}

pub fn branin(x: &[f64]) -> Vec<f64> {
    let (x, y) = (x[0], x[1]);
    let curve = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    vec![curve * curve + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * cos(x) + 10.0]
}

/// ZDT1, 2 and 3 over [0, 1]^n.
pub fn zdt(number: usize) -> impl Fn(&[f64]) -> Vec<f64> {
    move |x| {
        let first = x[0];
        let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / (x.len() - 1) as f64;
        let share = first / g;
        let h = match number {
            1 => 1.0 - sqrt(share),
            2 => 1.0 - share * share,
            3 => 1.0 - sqrt(share) - share * sin(10.0 * PI * first),
            _ => panic!("ZDT1, 2 or 3"),
        };
        vec![first, g * h]
    }
}

/// ZDT4, over [0, 1] and [-5, 5]^(n-1).
pub fn zdt4(x: &[f64]) -> Vec<f64> {
    let term = |x: &f64| x * x - 10.0 * cos(4.0 * PI * x);
    let g = 1.0 + 10.0 * (x.len() - 1) as f64 + x[1..].iter().map(term).sum::<f64>();
    vec![x[0], g * (1.0 - sqrt(x[0] / g))]
}

/// ZDT6 over [0, 1]^n.
pub fn zdt6(x: &[f64]) -> Vec<f64> {
    let first = 1.0 - exp(-4.0 * x[0]) * pow(sin(6.0 * PI * x[0]), 6.0);
    let g = 1.0 + 9.0 * pow(x[1..].iter().sum::<f64>() / (x.len() - 1) as f64, 0.25);
    vec![first, g * (1.0 - (first / g) * (first / g))]
}

/// DTLZ2 over [0, 1]^n with so many objectives.
pub fn dtlz2(width: usize) -> impl Fn(&[f64]) -> Vec<f64> {
    move |x| {
        let g: f64 = x[width - 1..].iter().map(|x| (x - 0.5) * (x - 0.5)).sum();
        let objective = |m: usize| {
            let cosines: f64 = x[..width - 1 - m].iter().map(|x| cos(x * PI / 2.0)).product();
            let sine = if m > 0 { sin(x[width - 1 - m] * PI / 2.0) } else { 1.0 };
            (1.0 + g) * cosines * sine
        };
        (0..width).map(objective).collect()
    }
}

/// Branin's function and Currin's exponential over the unit square: Belakaria, Deshwal and Doppa,
/// "Max-value entropy search for multi-objective Bayesian optimization", 2019.
pub fn branin_currin(x: &[f64]) -> Vec<f64> {
    let (a, b) = (x[0], x[1]);
    let above = ((2300.0 * a + 1900.0) * a + 2092.0) * a + 60.0;
    let below = ((100.0 * a + 500.0) * a + 4.0) * a + 20.0;
    let share = if b > 0.0 { 1.0 - exp(-0.5 / b) } else { 1.0 };
    vec![branin(&[15.0 * a - 5.0, 15.0 * b])[0], share * above / below]
}

/// A published problem with several objectives.
pub struct Problem {
    pub space: Arc<Space>,
    pub width: usize,
    pub function: Function,
}

/// Objectives of numbers.
pub type Function = fn(&[f64]) -> Vec<f64>;

/// ZDT1 to 4 and 6, and DTLZ2 with three objectives, with the dimensions they were published with.
pub fn problem(name: &str) -> Problem {
    let unit = |count| floats(count, 0.0, 1.0);
    let (space, width, function): (_, _, Function) = match name {
        "zdt1" => (unit(30), 2, |x| zdt(1)(x)),
        "zdt2" => (unit(30), 2, |x| zdt(2)(x)),
        "zdt3" => (unit(30), 2, |x| zdt(3)(x)),
        "zdt4" => {
            let rest: String = (1..10).map(|i| format!("x{i} = {{ float = [-5, 5] }}\n")).collect();
            (space(&format!("x0 = {{ float = [0, 1] }}\n{rest}")), 2, zdt4)
        }
        "zdt6" => (unit(10), 2, zdt6),
        "dtlz2" => (unit(12), 3, |x| dtlz2(3)(x)),
        _ => panic!("no problem is named {name}"),
    };
    Problem { space, width, function }
}
