//! CMA-ES: a normal distribution that learns the shape of what it searches.
//!
//! Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772, with active covariance
//! adaptation and pycma's defaults. Around it: restarts, bounds, levels and choices, each in a
//! file of its own.

mod choices;
mod constants;
mod coordinates;
mod distribution;
mod eigen;
mod margin;
mod normal;
mod restarts;
mod start;
mod stopping;
mod strategy;
mod vectors;

use restarts::Policy;
use strategy::{CmaEs, Settings};

use crate::optimizer::Strategy;
use crate::options::Reader;
use crate::strategies::Task;

/// A covariance of more coordinates than this is not learnt whole, unless the user says.
const MANY: usize = 100;

/// CMA-ES with its options.
///
/// * `population`: trials per generation, `4 + 3 ln n` where it is not given. A generation is
///   learnt whole before the next one begins, so no more workers than this have work at a time;
///   a larger population feeds more of them, and takes more trials.
/// * `sigma`: the first standard deviation, in parts of every parameter's range; 0.25.
/// * `separable`: without correlations, at a cost linear in the number of parameters: `auto`
///   (above 100 of them), `true`, `false`.
/// * `restarts`: what follows a run that has converged: `bipop`, `ipop`, or `same`, another one
///   with the same population.
pub(crate) fn cmaes(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let population = options.number("population", 0..=100_000, 0)?;
    if (1..4).contains(&population) {
        return Err(format!("found population={population}, allowed: a number from 4 to 100000"));
    }
    let sigma = options.number("sigma", 1e-6..=1.0, 0.25)?;
    let separable = options
        .one_of("separable", &[("auto", None), ("true", Some(true)), ("false", Some(false))])?;
    let restarts = options.one_of(
        "restarts",
        &[("bipop", Policy::Bipop), ("ipop", Policy::Ipop), ("same", Policy::Same)],
    )?;
    let settings =
        Settings { population: (population > 0).then_some(population), sigma, separable, restarts };
    Ok(Box::new(CmaEs::new(task, settings)))
}
