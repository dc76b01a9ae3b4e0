//! Pareto mathematics: numbers in, numbers out, all objectives minimised.

mod archive;
mod crowding;
mod dominance;
mod front;
mod hypervolume;
mod knee;
mod ranks;
mod scores;
mod staircase;

pub use archive::Archive;
pub use crowding::crowding_distances;
pub use dominance::{Scored, dominates};
pub use front::non_dominated;
pub use hypervolume::hypervolume;
pub use knee::knee;
pub use ranks::{first_fronts, ranks};
pub use scores::Scores;
