//! The tree-structured Parzen estimator.
mod axis;
mod elite;
mod estimator;
mod exponential;
mod group;
mod mixture;
mod subset;

use estimator::{Estimator, Settings};

use crate::optimizer::Strategy;
use crate::options::Reader;
use crate::strategies::Task;

/// TPE with its options.
pub(crate) fn tpe(options: &mut Reader<'_>, task: &Task<'_>) -> Result<Box<dyn Strategy>, String> {
    let several = task.objectives > 1;
    let settings = Settings {
        startup: options.number("startup", 1..=1_000_000, 10)?,
        candidates: options.number("candidates", 1..=100_000, 24)?,
        gamma: options.number("gamma", 0.0..=1.0, 0.1)?,
        good: options.number("good", 1..=10_000, if several { 100 } else { 25 })?,
        memory: options.number("memory", 50..=1_000_000, 1_000)?,
        independent: options
            .one_of("model", &[("auto", several), ("joint", false), ("independent", true)])?,
    };
    Ok(Box::new(Estimator::new(task.space, task.seed, settings)))
}
