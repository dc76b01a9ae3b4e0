//! The table of built-in problems.

use std::f64::consts::PI;

use super::{ackley, branin, dtlz, ellipsoid, hartmann6, rastrigin, rosenbrock, sphere, zdt};

/// A number of variables or objectives: given by the problem, or chosen in the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Fixed(usize),
    Free { default: usize },
}

impl Count {
    pub(crate) fn default(self) -> usize {
        match self {
            Self::Fixed(count) | Self::Free { default: count } => count,
        }
    }
}

/// What is known about the best points.
pub(crate) enum Optimum {
    /// The least value of the one objective and where it is, for any number of variables.
    Minimum { value: f64, at: fn(usize) -> Vec<f64> },
    /// The Pareto front, in words.
    Front(&'static str),
}

/// One problem: all objectives are minimised.
pub(crate) struct Definition {
    pub name: &'static str,
    pub dimensions: Count,
    pub objectives: Count,
    /// Usual bounds of variable i, counted from 0.
    pub bounds: fn(usize) -> (f64, f64),
    /// Writes the objectives of a point.
    pub evaluate: fn(&[f64], &mut [f64]),
    pub optimum: Optimum,
}

impl Definition {
    /// The fewest variables with which the formula makes sense.
    pub(crate) fn least_dimensions(&self, objectives: usize) -> usize {
        match (self.dimensions, self.objectives) {
            (Count::Fixed(count), _) => count,
            // M - 1 variables place the point, and at least one measures the distance.
            (_, Count::Free { .. }) => objectives,
            (_, Count::Fixed(1)) if self.name != "rosenbrock" => 1,
            _ => 2,
        }
    }
}

/// The problem called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Definition> {
    PROBLEMS.iter().find(|problem| problem.name == name)
}

fn unit(_: usize) -> (f64, f64) {
    (0.0, 1.0)
}

fn zeros(n: usize) -> Vec<f64> {
    vec![0.0; n]
}

const fn single(
    name: &'static str,
    dimensions: Count,
    bounds: fn(usize) -> (f64, f64),
    evaluate: fn(&[f64], &mut [f64]),
    (value, at): (f64, fn(usize) -> Vec<f64>),
) -> Definition {
    let optimum = Optimum::Minimum { value, at };
    let objectives = Count::Fixed(1);
    Definition { name, dimensions, objectives, bounds, evaluate, optimum }
}

const fn multiple(
    name: &'static str,
    default: usize,
    objectives: Count,
    bounds: fn(usize) -> (f64, f64),
    evaluate: fn(&[f64], &mut [f64]),
    front: &'static str,
) -> Definition {
    let dimensions = Count::Free { default };
    let optimum = Optimum::Front(front);
    Definition { name, dimensions, objectives, bounds, evaluate, optimum }
}

const TWO: Count = Count::Fixed(2);
const THREE_OR_MORE: Count = Count::Free { default: 3 };

/// All built-in problems, in alphabetical order.
pub(crate) static PROBLEMS: [Definition; 15] = [
    single(
        "ackley",
        Count::Free { default: 5 },
        |_| (-32.768, 32.768),
        ackley::evaluate,
        (0.0, zeros),
    ),
    single(
        "branin",
        TWO,
        |i| if i == 0 { (-5.0, 10.0) } else { (0.0, 15.0) },
        branin::evaluate,
        (0.397_887_357_729_738_16, |_| vec![PI, 2.275]),
    ),
    multiple(
        "dtlz1",
        7,
        THREE_OR_MORE,
        unit,
        dtlz::dtlz1,
        "f1 + .. + fM = 0.5, where the variables from the M-th on are 0.5",
    ),
    multiple(
        "dtlz2",
        12,
        THREE_OR_MORE,
        unit,
        dtlz::dtlz2,
        "f1^2 + .. + fM^2 = 1, where the variables from the M-th on are 0.5",
    ),
    multiple(
        "dtlz7",
        22,
        THREE_OR_MORE,
        unit,
        dtlz::dtlz7,
        "separate pieces, where the variables from the M-th on are 0",
    ),
    single(
        "ellipsoid",
        Count::Free { default: 10 },
        |_| (-5.0, 5.0),
        ellipsoid::evaluate,
        (0.0, zeros),
    ),
    single(
        "hartmann6",
        Count::Fixed(6),
        unit,
        hartmann6::evaluate,
        (-3.322_368_011_415_515, |_| {
            vec![0.201_689_52, 0.150_010_69, 0.476_873_98, 0.275_332_43, 0.311_651_62, 0.657_300_54]
        }),
    ),
    single(
        "rastrigin",
        Count::Free { default: 5 },
        |_| (-5.12, 5.12),
        rastrigin::evaluate,
        (0.0, zeros),
    ),
    single(
        "rosenbrock",
        Count::Free { default: 4 },
        |_| (-2.048, 2.048),
        rosenbrock::evaluate,
        (0.0, |n| vec![1.0; n]),
    ),
    single("sphere", Count::Free { default: 2 }, |_| (-5.12, 5.12), sphere::evaluate, (0.0, zeros)),
    multiple("zdt1", 30, TWO, unit, zdt::zdt1, "f2 = 1 - sqrt(f1), where x2 = .. = xn = 0"),
    multiple("zdt2", 30, TWO, unit, zdt::zdt2, "f2 = 1 - f1^2, where x2 = .. = xn = 0"),
    multiple(
        "zdt3",
        30,
        TWO,
        unit,
        zdt::zdt3,
        "five pieces of f2 = 1 - sqrt(f1) - f1 sin(10 pi f1), where x2 = .. = xn = 0",
    ),
    multiple(
        "zdt4",
        10,
        TWO,
        |i| if i == 0 { (0.0, 1.0) } else { (-5.0, 5.0) },
        zdt::zdt4,
        "f2 = 1 - sqrt(f1), where x2 = .. = xn = 0",
    ),
    multiple(
        "zdt6",
        10,
        TWO,
        unit,
        zdt::zdt6,
        "f2 = 1 - f1^2 with f1 from 0.2807753191 on, where x2 = .. = xn = 0",
    ),
];
