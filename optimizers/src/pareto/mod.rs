//! Pareto mathematics: numbers in, numbers out, all objectives minimised.

mod archive;
mod contributions;
mod crowding;
mod dominance;
mod front;
mod hypervolume;
mod indicators;
mod knee;
mod ranks;
mod scores;
mod slices;
mod staircase;

pub use archive::Archive;
pub use contributions::hypervolume_contributions;
pub use crowding::crowding_distances;
pub(crate) use crowding::least_crowded;
pub use dominance::{Scored, dominates};
pub use front::non_dominated;
pub use hypervolume::hypervolume;
pub use indicators::{additive_epsilon, igd_plus, spread};
pub use knee::knee;
pub(crate) use knee::solve_for_ones;
pub use ranks::{first_fronts, ranks};
pub use scores::Scores;
