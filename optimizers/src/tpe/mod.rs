//! The tree-structured Parzen estimator.
//!
//! The best tenth of all trials are called good. One density is laid over the good ones and one
//! over all others, each a mixture of kernels about the trials and a broad one over everything;
//! candidates are drawn from the first, and the one is proposed at which the quotient of the two
//! is greatest, which is where an improvement is most to be expected.
//!
//! Bergstra, Bardenet, Bengio and Kégl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011.
//! The choices among its many variants are those of Optuna 5's sampler, as described by Watanabe,
//! "Tree-Structured Parzen Estimator: Understanding Its Algorithm Components and Their Roles for
//! Better Empirical Performance", arXiv:2304.11127, 2023:
//!
//! - Kernels are products over all parameters that are active together. A normal kernel is as
//!   wide as the farther of its neighbours on that axis is away, but not narrower than a
//!   hundredth of the range, nor than 1 / (n + 2) among n trials. Ordered levels have a normal
//!   kernel's probabilities over their shares, choices the observed level and a rest for each.
//! - A space with conditions falls apart into groups of parameters with the same condition. Each
//!   has its own densities, over those trials in which it was active, and is chosen in turn.
//! - Of the others, the latest 25 count in full, and before them, the older the less.
//! - Feasible trials are better than pruned ones, which are better the further they came, and
//!   these are better than infeasible ones, by violation.
//! - With several objectives, the good are the first non-dominated fronts, the last of them cut to
//!   the subset that covers the most (Ozaki, Tanigaki, Watanabe, Nomura and Onishi,
//!   "Multiobjective Tree-Structured Parzen Estimator", JAIR 73, 2022), and all weigh the same.
//!   Each parameter then has densities of its own, unless `model=joint` is asked for: that was as
//!   good on ZDT1 with one trial open at a time, but stood still with 8 or 64.
//! - A proposal counts among the others from the start, and moves if it turns out to be good. So
//!   a second one that is made meanwhile keeps away from it (the constant liar of Ginsbourger,
//!   Le Riche and Carraro, 2010).
//!
//! What is different here:
//!
//! - Failed trials are among the others for good.
//! - Candidates that break the constraints of the space are drawn again, and so are points that
//!   are known already, where a point can come up twice.
//! - What is neither good nor among the latest 25 is forgotten at random once there are more than
//!   `memory` others, one for each that comes. So a proposal never costs more than a fixed time,
//!   however long the study. With several objectives, fronts are those of the best few hundred.
//! - The first trials are an even spread, not random.
//!
//! How many trials may be open matters: each is one whose result the next proposal has to do
//! without, and the first `lag` are all from the even spread. On six problems (the table of
//! tests/tpe.rs, medians of 31 seeds), after 1,000 trials, 16 open ones cost nothing that shows,
//! compared with one at a time, and 64 leave 1.3 to 5 times the regret. After 100 trials, 16 leave
//! 1.7 to 7 times the regret and 64 leave 2.4 to 21 times. A front of two objectives (ZDT1, 500
//! trials) even gains: a hypervolume of 0.20 with one open, of 0.42 with 16, of 0.32 with 64. So
//! the default is 16.
//!
//! Densities are evaluated to eight digits, see [`exponential`], with additions, multiplications
//! and divisions only.

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

/// TPE with its options: `startup` trials before the first that is modelled, `candidates` for
/// each proposal, the share `gamma` of trials that are `good`, so many at most, `memory` for so
/// many others, and whether the `model` is of all parameters at once.
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
