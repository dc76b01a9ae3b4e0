//! Problems with one objective, as Bayesian optimization is measured on. Surjanovic and Bingham,
//! "Virtual library of simulation experiments: test functions and datasets", has all but the
//! ellipsoid, which is the tenth of the BBOB suite but for its condition of 1e4.

use std::f64::consts::{E, PI};
use std::sync::Arc;

use libm::{cos, exp, log, pow, sin, sqrt};
use search_spaces::Space;

use super::{Function, branin, floats, rosenbrock, space};

/// A problem with one objective, whose minimum is 0.
pub struct Single {
    pub space: Arc<Space>,
    pub function: Function,
    /// After how many trials regrets are compared.
    pub trials: u64,
}

/// The names of all of them; the first four are those that peers were measured on first.
pub const SINGLES: [&str; 14] = [
    "branin",
    "hartmann6",
    "ackley5",
    "rosenbrock4",
    "rosenbrock4-narrow",
    "levy4",
    "griewank5",
    "michalewicz5",
    "styblinski4",
    "hartmann3",
    "camel",
    "goldstein",
    "ellipsoid5",
    "shekel4",
];

/// The problem of that name.
pub fn single(name: &str) -> Single {
    let plane = |x: &str, y: &str| space(&format!("x = {{ float = {x} }}\ny = {{ float = {y} }}"));
    let (space, function, trials): (_, Function, _) = match name {
        "branin" => {
            (plane("[-5, 10]", "[0, 15]"), |x| vec![branin(x)[0] - 0.397_887_357_729_738_16], 60)
        }
        "hartmann6" => (floats(6, 0.0, 1.0), hartmann6, 100),
        "ackley5" => (floats(5, -32.768, 32.768), ackley, 100),
        "rosenbrock4" => (floats(4, -5.0, 10.0), rosenbrock, 100),
        "rosenbrock4-narrow" => (floats(4, -2.048, 2.048), rosenbrock, 100),
        "levy4" => (floats(4, -10.0, 10.0), levy, 80),
        "griewank5" => (floats(5, -600.0, 600.0), griewank, 100),
        "michalewicz5" => (floats(5, 0.0, PI), michalewicz5, 100),
        "styblinski4" => (floats(4, -5.0, 5.0), styblinski, 100),
        "hartmann3" => (floats(3, 0.0, 1.0), hartmann3, 60),
        "camel" => (plane("[-3, 3]", "[-2, 2]"), camel, 50),
        "goldstein" => (floats(2, -2.0, 2.0), goldstein, 50),
        "ellipsoid5" => (floats(5, -5.0, 5.0), ellipsoid5, 100),
        "shekel4" => (floats(4, 0.0, 10.0), shekel4, 100),
        _ => panic!("no problem is named {name}"),
    };
    Single { space, function, trials }
}

/// Four hills of these heights, widths and centres.
fn hills<const N: usize>(x: &[f64], widths: &[[f64; N]; 4], centres: &[[f64; N]; 4]) -> f64 {
    const HEIGHTS: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    let hill = |hill: usize| {
        let term =
            |i: usize| widths[hill][i] * (x[i] - centres[hill][i]) * (x[i] - centres[hill][i]);
        HEIGHTS[hill] * exp(-(0..N).map(term).sum::<f64>())
    };
    (0..4).map(hill).sum()
}

/// Its second valley ends at 0.119.
pub fn hartmann6(x: &[f64]) -> Vec<f64> {
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
    vec![3.322_368_011_415_51 - hills(x, &WIDTHS, &CENTRES)]
}

fn hartmann3(x: &[f64]) -> Vec<f64> {
    const WIDTHS: [[f64; 3]; 4] =
        [[3.0, 10.0, 30.0], [0.1, 10.0, 35.0], [3.0, 10.0, 30.0], [0.1, 10.0, 35.0]];
    const CENTRES: [[f64; 3]; 4] = [
        [0.3689, 0.1170, 0.2673],
        [0.4699, 0.4387, 0.7470],
        [0.1091, 0.8732, 0.5547],
        [0.0381, 0.5743, 0.8828],
    ];
    vec![3.862_779_786_949_354 - hills(x, &WIDTHS, &CENTRES)]
}

pub fn ackley(x: &[f64]) -> Vec<f64> {
    let mean = |term: fn(f64) -> f64| x.iter().map(|x| term(*x)).sum::<f64>() / x.len() as f64;
    let hole = 20.0 * exp(-0.2 * sqrt(mean(|x| x * x)));
    vec![20.0 + E - hole - exp(mean(|x| cos(2.0 * PI * x)))]
}

fn levy(x: &[f64]) -> Vec<f64> {
    let squared_sine = |x: f64| sin(x) * sin(x);
    let w: Vec<f64> = x.iter().map(|x| 1.0 + (x - 1.0) / 4.0).collect();
    let (last, others) = w.split_last().expect("a dimension");
    let term = |w: &f64| (w - 1.0) * (w - 1.0) * (1.0 + 10.0 * squared_sine(PI * w + 1.0));
    let end = (last - 1.0) * (last - 1.0) * (1.0 + squared_sine(2.0 * PI * last));
    vec![squared_sine(PI * w[0]) + others.iter().map(term).sum::<f64>() + end]
}

fn griewank(x: &[f64]) -> Vec<f64> {
    let bowl = x.iter().map(|x| x * x).sum::<f64>() / 4000.0;
    let waves = x.iter().enumerate().map(|(i, x)| cos(x / sqrt(i as f64 + 1.0)));
    vec![bowl - waves.product::<f64>() + 1.0]
}

fn michalewicz5(x: &[f64]) -> Vec<f64> {
    let term = |(i, x): (usize, &f64)| sin(*x) * pow(sin((i as f64 + 1.0) * x * x / PI), 20.0);
    vec![4.687_658_179 - x.iter().enumerate().map(term).sum::<f64>()]
}

fn styblinski(x: &[f64]) -> Vec<f64> {
    let term = |x: &f64| 0.5 * (x * x * x * x - 16.0 * x * x + 5.0 * x) + 39.166_165_703_771_42;
    vec![x.iter().map(term).sum()]
}

fn camel(x: &[f64]) -> Vec<f64> {
    let (x, y) = (x[0] * x[0], x);
    let humps = (4.0 - 2.1 * x + x * x / 3.0) * x;
    let (x, y) = (y[0], y[1]);
    vec![humps + x * y + (4.0 * y * y - 4.0) * y * y + 1.031_628_453_489_877]
}

/// The logarithm of Goldstein and Price's function.
fn goldstein(x: &[f64]) -> Vec<f64> {
    let (x, y) = (x[0], x[1]);
    let (sum, difference) = (x + y + 1.0, 2.0 * x - 3.0 * y);
    let first = 19.0 - 14.0 * x + 3.0 * x * x - 14.0 * y + 6.0 * x * y + 3.0 * y * y;
    let second = 18.0 - 32.0 * x + 12.0 * x * x + 48.0 * y - 36.0 * x * y + 27.0 * y * y;
    let product = (1.0 + sum * sum * first) * (30.0 + difference * difference * second);
    vec![log(product / 3.0)]
}

/// Turned by 0.7 in every plane of two axes, about a place that is not the middle.
fn ellipsoid5(x: &[f64]) -> Vec<f64> {
    const CENTRE: [f64; 5] = [1.3, -2.1, 0.4, 2.7, -0.9];
    let mut turned: Vec<f64> = x.iter().zip(CENTRE).map(|(x, centre)| x - centre).collect();
    let (cosine, sine) = (cos(0.7), sin(0.7));
    for i in 0..5 {
        for j in i + 1..5 {
            let (a, b) = (turned[i], turned[j]);
            (turned[i], turned[j]) = (cosine * a - sine * b, sine * a + cosine * b);
        }
    }
    vec![turned.iter().enumerate().map(|(i, x)| pow(10.0, i as f64) * x * x).sum()]
}

/// Ten holes, of which the deepest is narrow.
fn shekel4(x: &[f64]) -> Vec<f64> {
    const WIDTHS: [f64; 10] = [0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.3, 0.7, 0.5, 0.5];
    const CENTRES: [[f64; 10]; 2] = [
        [4.0, 1.0, 8.0, 6.0, 3.0, 2.0, 5.0, 8.0, 6.0, 7.0],
        [4.0, 1.0, 8.0, 6.0, 7.0, 9.0, 3.0, 1.0, 2.0, 3.6],
    ];
    let hole = |hole: usize| {
        let term = |(i, x): (usize, &f64)| (x - CENTRES[i % 2][hole]) * (x - CENTRES[i % 2][hole]);
        1.0 / (x.iter().enumerate().map(term).sum::<f64>() + WIDTHS[hole])
    };
    vec![10.536_443_153_483_534 - (0..10).map(hole).sum::<f64>()]
}
