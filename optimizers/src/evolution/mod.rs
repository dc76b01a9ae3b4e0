//! Evolutionary algorithms: a population that breeds, and a rule for who survives.

mod breeding;
mod directions;
mod genes;
mod moead;
mod nsga2;
mod nsga3;
mod population;
#[cfg(test)]
mod quality;
mod smsemoa;
mod variation;

use moead::{Moead, Scalarisation, Settings};
use nsga2::Nsga2;
use nsga3::Nsga3;
use population::Evolution;
use smsemoa::SmsEmoa;
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

/// NSGA-III with its options.
pub(crate) fn nsga3(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let size = options.number("population", 4..=100_000, 100)?;
    let (variation, survival) = (Nsga3::variation(), Nsga3::new(task.objectives, size));
    let evolution = Evolution::new(task.space, task.seed, size, size, variation, survival);
    Ok(Box::new(evolution))
}

/// SMS-EMOA with its options.
pub(crate) fn smsemoa(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let size = options.number("population", 4..=100_000, 100)?;
    let (variation, survival) = (Variation::default(), SmsEmoa::default());
    let evolution = Evolution::new(task.space, task.seed, size, 1, variation, survival);
    Ok(Box::new(evolution))
}

/// MOEA/D with its options.
pub(crate) fn moead(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let default = Settings::of(task.objectives);
    let scalarisations = [
        ("auto", default.scalarisation),
        ("tchebycheff", Scalarisation::Tchebycheff),
        ("pbi", Scalarisation::Boundary),
    ];
    let settings = Settings {
        population: options.number("population", 4..=100_000, default.population)?,
        neighbours: options.number("neighbours", 2..=100_000, default.neighbours)?,
        within: options.number("within", 0.0..=1.0, default.within)?,
        replaced: options.number("replaced", 1..=100_000, default.replaced)?,
        scalarisation: options.one_of("scalarisation", &scalarisations)?,
    };
    Ok(Box::new(Moead::new(task.space, task.seed, task.objectives, settings)))
}
