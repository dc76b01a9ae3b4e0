//! Evolutionary algorithms: a population that breeds, and a rule for who survives.

mod genes;
mod nsga2;
mod population;
mod variation;

pub(crate) use genes::{Genes, Genome, Kind};

use nsga2::Nsga2;
use population::Evolution;
use variation::Variation;

use crate::optimizer::Strategy;
use crate::options::Reader;
use crate::strategies::Task;

/// NSGA-II with its options.
pub(crate) fn nsga2(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let size = options.number("population", 4..=100_000, 100)?;
    let (variation, survival) = (Variation::default(), Nsga2::default());
    let evolution = Evolution::new(task.space, task.seed, size, size, variation, survival);
    Ok(Box::new(evolution))
}
