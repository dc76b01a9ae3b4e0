//! SMS-EMOA: of every newcomer and the population, the one that adds least hypervolume leaves.
//!
//! Beume, Naujoks and Emmerich, "SMS-EMOA: multiobjective selection based on dominated
//! hypervolume", Eur. J. Oper. Res. 181(3), 2007, algorithms 1 and 2. The last front is scaled to
//! its range and the reference lies a tenth beyond, which spreads a front evenly up to its ends:
//! Ishibuchi, Imada, Setoguchi and Nojima, "How to specify a reference point in hypervolume
//! calculation for fair performance comparison", Evol. Comput. 26(3), 2018.
//!
//! The paper draws parents evenly. Here they win a tournament by rank and crowding distance, as in
//! NSGA-II, which gets nearer to the frontier in the same trials: on ZDT4, whose many local
//! frontiers are hard to leave, most of all.

use std::cmp::Ordering;

use rand_chacha::ChaCha8Rng;

use super::population::{Fitness, Individual, Survival, Table, rows, taken};
use crate::pareto::{Scores, crowding_distances, first_fronts, hypervolume_contributions};

/// Its rule of survival.
#[derive(Debug, Default)]
pub(crate) struct SmsEmoa {
    fitness: Vec<Fitness>,
}

/// The reference point, where a front reaches from 0 to 1.
const REFERENCE: f64 = 1.1;

impl Survival for SmsEmoa {
    fn survivors(
        &mut self,
        crowd: Vec<Individual>,
        size: usize,
        _: &mut ChaCha8Rng,
    ) -> Vec<Individual> {
        let table = Table::of(&crowd);
        let scores = table.scores();
        let mut fronts = first_fronts(scores, crowd.len());
        let mut surplus = crowd.len() - size;
        while surplus > 0 {
            let last = fronts.last_mut().expect("somebody survives");
            if last.len() <= surplus {
                surplus -= last.len();
                fronts.pop();
                continue;
            }
            // Of the infeasible, a front are those that are equally so.
            let leaving = match table.violations[last[0]] > 0.0 {
                true => last.len() - 1,
                false => least_contributor(scores, last),
            };
            last.remove(leaving);
            surplus -= 1;
        }
        self.fitness.clear();
        for (rank, front) in fronts.iter().enumerate() {
            let crowding = crowding_distances(Scores::new(&rows(scores, front), table.width));
            self.fitness.extend(crowding.into_iter().map(|crowding| Fitness { rank, crowding }));
        }
        taken(crowd, &fronts.concat())
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.fitness[a].compare(self.fitness[b])
    }
}

/// The place within a front of the row that adds least to its hypervolume; of equal ones the last.
fn least_contributor(scores: Scores<'_>, front: &[usize]) -> usize {
    let width = scores.width();
    let mut rows = rows(scores, front);
    for at in 0..width {
        // Halves, because the difference of two huge values may overflow.
        let values = || rows.iter().skip(at).step_by(width).map(|value| value * 0.5);
        let low = values().fold(f64::INFINITY, f64::min);
        let range = values().fold(f64::NEG_INFINITY, f64::max) - low;
        for value in rows.iter_mut().skip(at).step_by(width) {
            *value = if range > 0.0 { (*value * 0.5 - low) / range } else { 0.0 };
        }
    }
    let reference = vec![REFERENCE; width];
    let contributions = hypervolume_contributions(Scores::new(&rows, width), &reference);
    let least = contributions
        .into_iter()
        .enumerate()
        .reduce(|least, next| if next.1 <= least.1 { next } else { least });
    least.expect("a front has rows").0
}
