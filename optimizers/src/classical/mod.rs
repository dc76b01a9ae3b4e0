//! Classical algorithms, with the solvers of `argmin`.
//!
//! Nelder-Mead and the particle swarm know numbers alone. Levels and choices are shares of a
//! coordinate to them, of which no slope tells which is better; evolution and annealing, which
//! steps from one to another, are better there.
//!
//! A simplex and a walker go one point at a time. More of them side by side keep more workers busy
//! and take more trials in all: with a lag of 4, about three times as many. So the lag is 1 unless
//! the user says; a swarm is asked for as a whole and loses nothing up to its size.

mod annealing;
mod axes;
mod cost;
mod directions;
mod generator;
mod nelder_mead;
mod portable;
mod pso;
mod runs;
mod starts;
mod stepwise;

use annealing::{Cooling, Walkers};
use axes::Axes;
use cost::Aim;
use directions::Directions;
use nelder_mead::Simplexes;
use pso::{Motion, Swarms};
use runs::Runs;
use starts::Starts;

use std::sync::Arc;

use search_spaces::{Point, Space};

use crate::optimizer::{Strategy, Told};
use crate::options::Reader;
use crate::pareto::Scores;
use crate::polish::front;
use crate::strategies::Task;

/// Where the number of trials is not limited, this is reckoned with.
const TRIALS: u64 = 1000;

/// Nelder-Mead with its options.
pub(crate) fn nelder_mead(
    options: &mut Reader<'_>,
    task: &Task<'_>,
) -> Result<Box<dyn Strategy>, String> {
    let chains = options.number("chains", 1..=1000, 8)?;
    let edge = options.number("edge", 1e-6..=1.0, 0.2)?;
    let scouts = options.number("scouts", 0..=1_000_000, scouts(task))?;
    let source = Simplexes { starts: Starts::new(task, scouts), edge };
    Ok(Box::new(Runs::new(task.space, source, chains)))
}

/// Particle swarms with their options.
pub(crate) fn pso(options: &mut Reader<'_>, task: &Task<'_>) -> Result<Box<dyn Strategy>, String> {
    // Well within what Trelea, "The particle swarm optimization algorithm: convergence analysis and
    // parameter selection", Inf. Process. Lett. 85(6), 2003, shows to converge. Quicker than the
    // standard of 2006, and better on what was measured.
    const INERTIA: f64 = 0.6;
    const PULL: f64 = 1.5;
    let parameters = task.space.parameters().len();
    let motion = Motion {
        size: options.number("swarm", 2..=100_000, 10 + parameters.min(30))?,
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
        first: options.number("heat", 1e-9..=1e9, 0.03)?,
        last: options.number("cooling", 1e-12..=1.0, 1e-3)?,
        steps: options.number("steps", 1..=u64::MAX, share.max(20))?,
    };
    let source = Walkers { starts: Starts::new(task, scouts), cooling };
    Ok(Box::new(Runs::new(task.space, source, chains)))
}

/// So many simplexes refine a study at once, at most.
const REFINING: usize = 8;

/// Trials that a simplex needs to come to its end, for each of its vertices.
const TO_THE_END: u64 = 20;

/// The edge of a simplex that refines, in the unit cube.
const REFINING_EDGE: f64 = 0.05;

/// Simplexes that start at the best of what is known, for so many trials. With one objective there
/// are as many at once as come to their end in these, so that workers may have to wait, and no trial
/// is spent on a simplex that stays half done. With several, each goes in a direction of its own, and
/// to go a little in many of them is what pushes a frontier. What is known is learnt besides.
pub(crate) fn refinement(
    space: &Arc<Space>,
    seed: u64,
    known: &[(Point, Told)],
    trials: u64,
) -> Box<dyn Strategy> {
    let edge = REFINING_EDGE;
    let vertices = space.parameters().len() as u64 + 1;
    let at_once = (trials / (TO_THE_END * vertices)).clamp(1, REFINING as u64) as usize;
    let front = front(known);
    let (points, rows): (Vec<Point>, Vec<&[f64]>) = front
        .iter()
        .filter_map(|place| match &known[*place] {
            (point, Told::Complete { objectives, .. }) => Some((point.clone(), &**objectives)),
            _ => None,
        })
        .unzip();
    if let Some(width) = rows.first().map(|row| row.len()).filter(|width| *width > 1) {
        let axes = Axes::new(space);
        let source = Directions::new(&axes, &points, Scores::new(&rows.concat(), width), edge);
        return Box::new(Runs::new(space, source, REFINING));
    }
    let starts = Starts::new(&Task::new(space, seed, None), 0);
    Box::new(Runs::new(space, Simplexes { starts, edge }, at_once))
}

/// What a trial costs a study with one objective.
pub(crate) fn cost(told: &Told) -> f64 {
    Aim::First.cost(told)
}

/// How many points are looked at before the first run starts: a tenth of the trials, and not more
/// than ten for every vertex of a simplex.
fn scouts(task: &Task<'_>) -> u64 {
    let vertices = task.space.parameters().len() as u64 + 1;
    (task.trials.unwrap_or(TRIALS) / 10).min(10 * vertices)
}
