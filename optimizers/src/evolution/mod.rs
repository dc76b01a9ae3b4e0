//! Evolutionary algorithms: a population that breeds, and a rule for who survives.

mod breeding;
mod de;
mod directions;
mod genes;
mod history;
mod moead;
mod nsga2;
mod nsga3;
mod population;
#[cfg(test)]
mod quality;
mod smsemoa;
mod variation;

pub(crate) use genes::{Genes, Genome, Kind};

use de::DifferentialEvolution;
use moead::{Moead, Scalarisation, Settings};
use nsga2::Nsga2;
use nsga3::Nsga3;
use population::Evolution;
use smsemoa::SmsEmoa;
use variation::Variation;

use crate::optimizer::Strategy;
use crate::options::Reader;
use crate::strategies::Task;

fn usual_generation(population: usize) -> usize {
    (population / 10).max(10)
}

/// NSGA-II with its options.
///
/// * `population`: how many survive.
/// * `generation`: after so many results survivors are chosen again; a tenth of the population
///   where it is not given, but not less than ten. Trials that are out have parents of some results ago; with the
///   textbook's whole population, they would often be of the generation before as well. (Durillo,
///   Nebro, Luna and Alba, "On the effect of the steady-state selection scheme in multi-objective
///   genetic algorithms", EMO 2009, found one result at a time to be best.)
pub(crate) fn nsga2(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let size = options.number("population", 4..=100_000, 100)?;
    let generation = options.number("generation", 1..=100_000, usual_generation(size))?;
    let (variation, survival) = (Variation::default(), Nsga2::default());
    let evolution = Evolution::new(task.space, task.seed, size, generation, variation, survival);
    Ok(Box::new(evolution))
}

/// NSGA-III with its options, which are those of [`nsga2`].
pub(crate) fn nsga3(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let size = options.number("population", 4..=100_000, 100)?;
    let generation = options.number("generation", 1..=100_000, usual_generation(size))?;
    let (variation, survival) = (Nsga3::variation(), Nsga3::new(task.objectives, size));
    let evolution = Evolution::new(task.space, task.seed, size, generation, variation, survival);
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

/// L-SHADE with its options.
///
/// * `population`: the size of the first population, which shrinks over the study's trials; 18
///   per parameter where it is not given, but no more than leaves 250 generations, where that is
///   30 or more.
pub(crate) fn de(options: &mut Reader<'_>, task: &Task<'_>) -> Result<Box<dyn Strategy>, String> {
    let usual = 18 * task.space.parameters().len();
    let most = task.trials.map_or(usize::MAX, |trials| (trials / 250) as usize).max(30);
    let size =
        options.number("population", de::LEAST..=100_000, usual.clamp(12, 1000).min(most))?;
    Ok(Box::new(DifferentialEvolution::new(task.space, task.seed, size, task.trials)))
}
