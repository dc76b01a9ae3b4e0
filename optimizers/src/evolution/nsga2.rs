//! NSGA-II: survival by non-dominated rank, then by crowding distance.
//!
//! Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm:
//! NSGA-II", IEEE Trans. Evol. Comput. 6(2), 2002. Of the front that does not fit in whole, the
//! most crowded leave one by one instead of all at once, which keeps the survivors evenly spread.

use std::cmp::Ordering;

use rand_chacha::ChaCha8Rng;

use super::population::{Individual, Survival, Table, taken};
use crate::pareto::{Scores, first_fronts, least_crowded};

/// Its rule of survival.
#[derive(Debug, Default)]
pub(crate) struct Nsga2 {
    /// Rank and crowding distance of each survivor.
    fitness: Vec<(usize, f64)>,
}

impl Survival for Nsga2 {
    fn survivors(
        &mut self,
        crowd: Vec<Individual>,
        size: usize,
        _: &mut ChaCha8Rng,
    ) -> Vec<Individual> {
        let table = Table::of(&crowd);
        let (scores, width) = (table.scores(), table.width);
        let mut order = Vec::with_capacity(size);
        self.fitness.clear();
        for (rank, front) in first_fronts(scores, size).into_iter().enumerate() {
            let rows: Vec<f64> =
                front.iter().flat_map(|index| scores.row(*index)).copied().collect();
            for (member, distance) in least_crowded(Scores::new(&rows, width), size - order.len()) {
                order.push(front[member]);
                self.fitness.push((rank, distance));
            }
        }
        taken(crowd, &order)
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let ((rank_a, distance_a), (rank_b, distance_b)) = (self.fitness[a], self.fitness[b]);
        rank_a.cmp(&rank_b).then(distance_b.total_cmp(&distance_a))
    }
}
