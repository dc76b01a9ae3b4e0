//! Bayesian optimization: Gaussian processes say what is expected where, and how surely; the point
//! that promises the greatest improvement comes next.

mod ascent;
mod cholesky;
mod descent;
mod features;
mod improvement;
mod process;
mod records;
mod strategy;
mod surrogate;

use strategy::{Bayes, Limits, Manner};

use crate::optimizer::Strategy;
use crate::options::Reader;
use crate::strategies::Task;

/// Bayesian optimization with its options.
pub(crate) fn bayes(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let dimensions = task.space.parameters().len();
    let startup = options.number("startup", 2..=10_000, (2 * (dimensions as u64 + 1)).min(40))?;
    let points = options.number("points", 10..=2_000, 250)?;
    let manner = match task.objectives {
        1 => Manner::Improvement,
        2 => options.one_of(
            "several",
            &[("hypervolume", Manner::Hypervolume), ("scalar", Manner::Scalar)],
        )?,
        _ => Manner::Scalar,
    };
    let limits = Limits { startup, points };
    Ok(Box::new(Bayes::new(task.space, task.objectives, task.seed, manner, limits)))
}
