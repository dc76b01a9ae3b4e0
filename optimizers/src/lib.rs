//! The mathematics of choosing trials: numbers in, numbers out.
//!
//! # What is in it
//!
//! - [`pareto`]: comparing trials by several objectives. [`Scores`](pareto::Scores) is
//!   a table of objective values, always minimised ([`search_spaces::Direction`] turns
//!   maximised ones around), with constraint violations beside it. On it work
//!   non-dominated [`ranks`](pareto::ranks) and [`first_fronts`](pareto::first_fronts), the
//!   [`non_dominated`](pareto::non_dominated) rows of a large table, the
//!   [`Archive`](pareto::Archive) that keeps them while trials arrive,
//!   [`crowding_distances`](pareto::crowding_distances), the exact
//!   [`hypervolume`](pareto::hypervolume) and the [`knee`](pareto::knee) of a front.
//! - [`SobolSequence`], [`LatinHypercube`]: space-filling points of the unit cube. Every
//!   coordinate is a function of seed, index and dimension, so a worker can compute any point
//!   alone, in any order, without the points before it.
//! - [`KeyedPermutation`]: a shuffled order of up to 2^63 things in constant memory.
//!
//! - [`Algorithm`]: the algorithms by name. One that learns from results is an [`Optimizer`],
//!   asked for points and told outcomes; one whose points depend on their number alone is a
//!   [`search_spaces::Sequence`]: [`GridSearch`], [`RandomSearch`] and, over the plans of the
//!   unit cube, [`CubeSearch`]. In a finite space, [`Distinct`] keeps any of them from repeating
//!   itself. `auto` chooses one by the task ([`Algorithm::resolved`]).
//!   `+polish=N` behind any name spends N further trials on refining its best ones.
//!
//! # What holds everywhere
//!
//! Results depend on the arguments alone, to the last bit and on every platform: no clock, no
//! threads, no platform mathematics, no randomly seeded maps. (`bayes:engine=egobox` is the
//! exception: egobox has threads, whose number changes nothing, and calls the mathematics of the
//! platform.) Equal values are told apart by
//! index or by order of insertion. Sequences are part of the recorded results, so their golden
//! values never change.
//!
//! # What is deliberately absent
//!
//! Storage, queues, clocks, threads and files: this room never learns who ran a trial, when or
//! where. Failed trials and values that are not finite are dealt with before they get here.

mod ahead;
mod algorithm;
mod auto;
mod bayes;
mod classical;
mod cmaes;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;
mod cube;
mod distinct;
mod draw;
mod evolution;
mod grid;
mod hashing;
mod in_order;
mod joe_kuo;
mod latin_hypercube;
mod merit;
mod optimizer;
mod options;
pub mod pareto;
mod permutation;
mod polish;
mod pruning;
mod random;
mod sampling;
mod search;
mod sobol;
mod strategies;
mod tpe;

// The test problems are those of the tests from outside, which know the crate by its name.
#[cfg(test)]
extern crate self as optimizers;

pub use algorithm::{Algorithm, Plan};
pub use cube::{CubeSearch, UnitPlan};
pub use distinct::Distinct;
pub use grid::GridSearch;
pub use latin_hypercube::LatinHypercube;
pub use optimizer::{Asked, Optimizer, Origin, Strategy, Told};
pub use permutation::KeyedPermutation;
pub use pruning::{End, Promotion, Pruner, Pruning, PruningTask, Run};
pub use random::RandomSearch;
pub use search::Search;
pub use sobol::SobolSequence;
pub use strategies::Task;
