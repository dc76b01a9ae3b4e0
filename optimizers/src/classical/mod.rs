//! Classical algorithms, with the solvers of `argmin`.

mod annealing;
mod axes;
mod cost;
mod generator;
mod nelder_mead;
mod portable;
mod pso;
mod runs;
mod starts;
mod stepwise;

use annealing::{Cooling, Walkers};
use nelder_mead::Simplexes;
use pso::{Motion, Swarms};
use runs::Runs;
use starts::Starts;

use crate::optimizer::Strategy;
use crate::options::Reader;
use crate::strategies::Task;

/// Where the number of trials is not limited, this is reckoned with.
const TRIALS: u64 = 1000;

/// Nelder-Mead with its options.
pub(crate) fn nelder_mead(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let chains = options.number("chains", 1..=1000, 4)?;
    let edge = options.number("edge", 1e-6..=1.0, 0.1)?;
    let scouts = options.number("scouts", 0..=1_000_000, scouts(task))?;
    let source = Simplexes { starts: Starts::new(task, scouts), edge };
    Ok(Box::new(Runs::new(task.space, source, chains)))
}

/// Particle swarms with their options.
pub(crate) fn pso(options: &mut Reader<'_>, task: &Task<'_>) -> Result<Box<dyn Strategy>, String> {
    // 1 / (2 ln 2), and 1/2 + ln 2.
    const INERTIA: f64 = 0.721_347_520_444_481_7;
    const PULL: f64 = 1.193_147_180_559_945_3;
    let motion = Motion {
        size: options.number("swarm", 2..=100_000, 20)?,
        inertia: options.number("inertia", 0.0..=1.0, INERTIA)?,
        cognitive: options.number("cognitive", 0.0..=4.0, PULL)?,
        social: options.number("social", 0.0..=4.0, PULL)?,
    };
    let source = Swarms { starts: Starts::new(task, 0), motion };
    Ok(Box::new(Runs::new(task.space, source, 1)))
}

/// Simulated annealing with its options.
pub(crate) fn annealing(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let chains = options.number("chains", 1..=1000, 4)?;
    let scouts = options.number("scouts", 0..=1_000_000, scouts(task))?;
    let share = task.trials.unwrap_or(TRIALS).saturating_sub(scouts) / chains as u64;
    let cooling = Cooling {
        first: options.number("heat", 1e-9..=1e9, 0.1)?,
        last: options.number("cooling", 1e-12..=1.0, 1e-4)?,
        steps: options.number("steps", 1..=u64::MAX, share.max(20))?,
    };
    let source = Walkers { starts: Starts::new(task, scouts), cooling };
    Ok(Box::new(Runs::new(task.space, source, chains)))
}

/// How many points are looked at before the first run starts: a tenth of the trials, and not more
/// than ten for every vertex of a simplex.
fn scouts(task: &Task<'_>) -> u64 {
    let vertices = task.space.parameters().len() as u64 + 1;
    (task.trials.unwrap_or(TRIALS) / 10).min(10 * vertices)
}
