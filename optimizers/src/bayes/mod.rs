//! Bayesian optimization: Gaussian processes say what is expected where, and how surely; the point
//! that promises the greatest improvement comes next.
//!
//! There are two engines. The crate's own is the default: it fits noise, keeps what it has learnt
//! from one proposal to the next, looks at more than one kernel and more than one way of writing
//! the values down, and asks for nothing but numbers. `engine=egobox` asks `egobox` for every
//! point. On the fourteen problems that `tests/bayes.rs` measures, its median regret is greater on
//! all but Michalewicz's; it takes longer, has no noise, and so wants repeated measurements averaged.
//!
//! Options: `startup`, points spread evenly at first; `points`, what a model is made of at most (the
//! best, the latest and those near the best), which bounds the time per proposal; `engine`; and
//! with two objectives or more `several`, how they are made one: `hypervolume` or `scalar`, and for
//! `egobox` also `matrix`.
//!
//! The model is made when a point is proposed and not when one is learnt, but a study that is
//! resumed proposes all its points again, and takes the time for it.

mod ascent;
mod censored;
mod cholesky;
mod descent;
mod egobox;
mod feasibility;
mod features;
mod improvement;
mod known;
mod process;
mod records;
mod region;
mod strategy;
mod surrogate;

use egobox::Egobox;
use egobox_ego::MooStrategy;
use features::Features;
use known::{Known, Limits, Modelled};
use strategy::{Bayes, Manner};

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
    let own = options.one_of("engine", &[("own", true), ("egobox", false)])?;
    let points = options.number("points", 10..=2_000, if own { 250 } else { 120 })?;
    let limits = Limits { startup, points };
    let known = Known::new(task.space, task.objectives, task.seed, limits);
    if !own {
        let engine = egobox(options, task.objectives, &known.features)?;
        return Ok(Box::new(Modelled { known, engine }));
    }
    let manner = match task.objectives {
        1 => Manner::Improvement,
        2 => options.one_of(
            "several",
            &[("hypervolume", Manner::Hypervolume), ("scalar", Manner::Scalar)],
        )?,
        _ => Manner::Scalar,
    };
    let engine = Bayes::new(&known.features, task.objectives, manner);
    Ok(Box::new(Modelled { known, engine }))
}

#[derive(Clone, Copy)]
enum Several {
    Scalar,
    Hypervolume,
    Matrix,
}

/// The engine of that name.
fn egobox(
    options: &mut Reader<'_>,
    objectives: usize,
    features: &Features,
) -> Result<Egobox, String> {
    let several = match objectives {
        1 => MooStrategy::ParEgo,
        _ => {
            let allowed = [
                ("scalar", Several::Scalar),
                ("hypervolume", Several::Hypervolume),
                ("matrix", Several::Matrix),
            ];
            match options.one_of("several", &allowed)? {
                Several::Scalar => MooStrategy::ParEgo,
                Several::Hypervolume => MooStrategy::Ehvi,
                Several::Matrix => MooStrategy::Eim,
            }
        }
    };
    Ok(Egobox::new(features, objectives, several))
}
