//! NSGA-II: survival by non-dominated rank, then by crowding distance.
//!
//! Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm:
//! NSGA-II", IEEE Trans. Evol. Comput. 6(2), 2002. Of the front that does not fit in whole, the
//! most crowded leave one by one instead of all at once, which keeps the survivors evenly spread.

use std::cmp::Ordering;

use rand_chacha::ChaCha8Rng;

use super::population::{Fitness, Individual, Survival, Table, rows, taken};
use crate::pareto::{Scores, first_fronts, least_crowded};

/// Its rule of survival.
#[derive(Debug, Default)]
pub(crate) struct Nsga2 {
    fitness: Vec<Fitness>,
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
            let rows = rows(scores, &front);
            for (member, crowding) in least_crowded(Scores::new(&rows, width), size - order.len()) {
                order.push(front[member]);
                self.fitness.push(Fitness { rank, crowding });
            }
        }
        taken(crowd, &order)
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.fitness[a].compare(self.fitness[b])
    }
}
