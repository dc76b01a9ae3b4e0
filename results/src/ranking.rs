//! The ranked results: which trials are best, when several objectives say so.
//!
//! Feasible trials come before infeasible ones, and failed ones not at all. Feasible trials are
//! ordered by non-dominated rank (rank 0 is the frontier, rank 1 the frontier of the rest, and so
//! on), within a rank by the first objective, then the others in order of importance, then by
//! number. Infeasible ones are ordered by the sum of their violations, then by number.
//!
//! For one and two objectives a stream of any length is ranked in little memory: a trial that is
//! weakly dominated by as many others as are wanted has them all before it in the order, whatever
//! comes later, and is dropped (what stays is the k-skyband: Papadias, Tao, Fu & Seeger,
//! "Progressive skyline computation in database systems", ACM TODS 30(1), 2005, section 5.3).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use optimizers::pareto::{Scores, first_fronts, hypervolume, knee};
use search_spaces::Direction;
use serde::Serialize;

/// The hypervolume is exact, and with more objectives it takes too long for a large frontier.
const HYPERVOLUME_OBJECTIVES: usize = 3;

/// Trials are pruned whenever so many more have come than were kept the last time.
const BLOCK: usize = 1 << 12;

/// One trial of a ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// The trial.
    pub trial: u64,
    /// 0 on the frontier, 1 on the frontier of the rest, and so on; none where infeasible.
    pub rank: Option<u32>,
    /// Whether it is the frontier's knee.
    pub knee: bool,
    /// The objectives as they were measured; empty where infeasible.
    pub objectives: Vec<f64>,
    /// Sum of the constraint violations; 0 where feasible. It may be infinite.
    pub violation: f64,
}

/// The volume between the frontier and a reference point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hypervolume {
    /// The volume, in the product of the objectives' units.
    pub volume: f64,
    /// The reference point: of each objective the worst value of all complete trials, made worse
    /// by a tenth of the range of its values (by 1 where they are all equal).
    pub reference: Vec<f64>,
}

/// The best trials of a study.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranking {
    /// The best trials, best first.
    pub trials: Vec<Ranked>,
    /// Different objective vectors on the frontier.
    pub frontier: u64,
    /// Complete trials.
    pub complete: u64,
    /// Infeasible trials.
    pub infeasible: u64,
    /// For up to three objectives, where there is a complete trial and nothing overflows.
    pub hypervolume: Option<Hypervolume>,
}

/// Ranks trials that are offered one by one.
///
/// The same trials give the same ranking in whatever order they are offered.
#[derive(Clone, Debug)]
pub struct Ranker {
    directions: Vec<Direction>,
    top: usize,
    /// Complete trials that may be among the best; oriented, row by row.
    trials: Vec<u64>,
    oriented: Vec<f64>,
    /// Prune when so many are kept.
    prune_at: usize,
    /// Of the trials that were kept the last time, in their order: the first objective, and the
    /// bound that as many as are wanted keep in the last one, up to there.
    bars: Vec<(f64, f64)>,
    complete: u64,
    /// Best and worst of each objective, oriented.
    ranges: Vec<(f64, f64)>,
    /// The least violating trials, the worst of them on top.
    infeasible: BinaryHeap<Violating>,
    infeasible_count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Violating {
    violation: f64,
    trial: u64,
}

impl Ord for Violating {
    fn cmp(&self, other: &Self) -> Ordering {
        self.violation.total_cmp(&other.violation).then(self.trial.cmp(&other.trial))
    }
}

impl PartialOrd for Violating {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Violating {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Violating {}

impl Ranker {
    /// A ranking of the `top` best trials by objectives with these directions, in order of
    /// importance.
    ///
    /// # Panics
    /// If there is no objective.
    #[must_use]
    pub fn new(directions: &[Direction], top: usize) -> Self {
        assert!(!directions.is_empty(), "a ranking needs an objective");
        Self {
            directions: directions.to_vec(),
            top,
            trials: Vec::new(),
            oriented: Vec::new(),
            prune_at: BLOCK,
            bars: Vec::new(),
            complete: 0,
            ranges: vec![(f64::INFINITY, f64::NEG_INFINITY); directions.len()],
            infeasible: BinaryHeap::new(),
            infeasible_count: 0,
        }
    }

    /// Offers a complete trial and its objectives as they were measured.
    ///
    /// # Panics
    /// If there is not one finite value per objective.
    pub fn complete(&mut self, trial: u64, objectives: &[f64]) {
        assert_eq!(objectives.len(), self.directions.len(), "one value per objective");
        self.complete += 1;
        let ranges = self.directions.iter().zip(objectives).zip(&mut self.ranges);
        for ((direction, value), (best, worst)) in ranges {
            assert!(value.is_finite(), "objectives of complete trials are finite");
            let value = direction.orient(*value) + 0.0;
            *best = best.min(value);
            *worst = worst.max(value);
            self.oriented.push(value);
        }
        if self.is_surpassed() {
            self.oriented.truncate(self.trials.len() * self.directions.len());
            return;
        }
        self.trials.push(trial);
        if self.trials.len() >= self.prune_at {
            self.prune();
            self.prune_at = self.trials.len() * 2 + BLOCK;
        }
    }

    /// Whether as many trials as are wanted dominate the one whose objectives came last.
    fn is_surpassed(&self) -> bool {
        let row = self.row(self.trials.len());
        let before = self.bars.partition_point(|(first, _)| *first < row[0]);
        let last = if row.len() == 2 { row[1] } else { 0.0 };
        before > 0 && self.bars[before - 1].1 <= last
    }

    /// Offers an infeasible trial and the sum of its constraint violations.
    pub fn infeasible(&mut self, trial: u64, violation: f64) {
        self.infeasible_count += 1;
        self.infeasible.push(Violating { violation, trial });
        if self.infeasible.len() > self.top {
            self.infeasible.pop();
        }
    }

    fn row(&self, index: usize) -> &[f64] {
        &self.oriented[index * self.directions.len()..][..self.directions.len()]
    }

    /// The order within a rank, and across ranks wherever one trial dominates the other.
    fn order(&self, a: usize, b: usize) -> Ordering {
        let values = self.row(a).iter().zip(self.row(b)).map(|(a, b)| a.total_cmp(b));
        let objectives = values.fold(Ordering::Equal, Ordering::then);
        objectives.then(self.trials[a].cmp(&self.trials[b]))
    }

    /// Drops trials that as many others as are wanted weakly dominate.
    fn prune(&mut self) {
        let width = self.directions.len();
        let wanted = self.top.max(1);
        // So few are all wanted, whatever dominates them; and no heap grows beyond their number.
        if width > 2 || self.trials.len() <= wanted {
            return;
        }
        let mut sorted: Vec<usize> = (0..self.trials.len()).collect();
        sorted.sort_unstable_by(|&a, &b| self.order(a, b));
        // In this order whatever weakly dominates a trial stands before it, and of those before
        // it the ones with no larger second objective do. The heap keeps the smallest of these.
        let mut smallest: BinaryHeap<Total> = BinaryHeap::with_capacity(wanted + 1);
        let mut kept = Vec::new();
        self.bars.clear();
        for index in sorted {
            let last = Total(if width == 2 { self.row(index)[1] } else { 0.0 });
            let full = smallest.len() == wanted;
            if full && smallest.peek().is_some_and(|worst| *worst <= last) {
                continue;
            }
            kept.push(index);
            smallest.push(last);
            if smallest.len() > wanted {
                smallest.pop();
            }
            let bar = smallest.peek().filter(|_| smallest.len() == wanted);
            let bar = bar.map_or(f64::INFINITY, |bar| bar.0);
            self.bars.push((self.row(index)[0], bar));
        }
        self.oriented = kept.iter().flat_map(|&index| self.row(index).to_vec()).collect();
        self.trials = kept.into_iter().map(|index| self.trials[index]).collect();
    }

    /// The ranking of everything that was offered.
    #[must_use]
    pub fn finish(mut self) -> Ranking {
        self.prune();
        let width = self.directions.len();
        let mut ranking = Ranking {
            trials: Vec::new(),
            frontier: 0,
            complete: self.complete,
            infeasible: self.infeasible_count,
            hypervolume: None,
        };
        if !self.trials.is_empty() {
            let fronts = first_fronts(Scores::new(&self.oriented, width), self.top.max(1));
            let frontier = self.sorted(&fronts[0]);
            // Equal vectors stand side by side; the first trial stands for all of them.
            let mut distinct = frontier.clone();
            distinct.dedup_by(|later, first| self.row(*later) == self.row(*first));
            let flat: Vec<f64> =
                distinct.iter().flat_map(|&index| self.row(index).to_vec()).collect();
            let scores = Scores::new(&flat, width);
            let knee = knee(scores).map(|index| distinct[index]);
            ranking.frontier = distinct.len() as u64;
            ranking.hypervolume = self.hypervolume(scores);
            for (rank, front) in (0u32..).zip(&fronts) {
                let wanted = self.top - ranking.trials.len();
                let best = self.sorted(front).into_iter().take(wanted);
                ranking.trials.extend(best.map(|index| self.ranked(index, rank, knee)));
            }
        }
        let wanted = self.top - ranking.trials.len();
        let violating = self.infeasible.into_sorted_vec().into_iter().take(wanted);
        ranking.trials.extend(violating.map(|each| Ranked {
            trial: each.trial,
            rank: None,
            knee: false,
            objectives: Vec::new(),
            violation: each.violation,
        }));
        ranking
    }

    fn sorted(&self, front: &[usize]) -> Vec<usize> {
        let mut sorted = front.to_vec();
        sorted.sort_unstable_by(|&a, &b| self.order(a, b));
        sorted
    }

    fn ranked(&self, index: usize, rank: u32, knee: Option<usize>) -> Ranked {
        Ranked {
            trial: self.trials[index],
            rank: Some(rank),
            knee: knee == Some(index),
            objectives: self.measured(self.row(index)),
            violation: 0.0,
        }
    }

    fn measured(&self, oriented: &[f64]) -> Vec<f64> {
        let values = self.directions.iter().zip(oriented);
        values.map(|(direction, value)| direction.orient(*value) + 0.0).collect()
    }

    fn hypervolume(&self, frontier: Scores<'_>) -> Option<Hypervolume> {
        if self.directions.len() > HYPERVOLUME_OBJECTIVES {
            return None;
        }
        let corner = self.ranges.iter().map(|(best, worst)| {
            let range = worst - best;
            worst + if range > 0.0 { range * 0.1 } else { 1.0 }
        });
        let corner: Vec<f64> = corner.collect();
        if !corner.iter().all(|value| value.is_finite()) {
            return None;
        }
        let volume = hypervolume(frontier, &corner);
        volume.is_finite().then(|| Hypervolume { volume, reference: self.measured(&corner) })
    }
}

/// A finite float in its order.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Total(f64);

impl Eq for Total {}

#[expect(clippy::derive_ord_xor_partial_ord, reason = "the values are finite, zeros positive")]
impl Ord for Total {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Direction = Direction::Minimize;
    const MAX: Direction = Direction::Maximize;

    fn ranking(directions: &[Direction], top: usize, rows: &[&[f64]]) -> Ranking {
        let mut ranker = Ranker::new(directions, top);
        (0..).zip(rows).for_each(|(trial, row)| ranker.complete(trial, row));
        ranker.finish()
    }

    fn order(ranking: &Ranking) -> Vec<(u64, Option<u32>)> {
        ranking.trials.iter().map(|each| (each.trial, each.rank)).collect()
    }

    #[test]
    fn fronts_fill_the_top_and_the_knee_is_marked() {
        let rows: [&[f64]; 6] =
            [&[1.0, 1.0], &[5.0, 5.0], &[9.0, 4.0], &[4.0, 9.0], &[8.0, 8.0], &[3.0, 3.0]];
        let found = ranking(&[MAX, MAX], 5, &rows);
        let ranks = [(2, Some(0)), (4, Some(0)), (3, Some(0)), (1, Some(1)), (5, Some(2))];
        assert_eq!(order(&found), ranks);
        assert!(found.trials[1].knee);
        assert_eq!((found.frontier, found.complete), (3, 6));
        let volume = found.hypervolume.unwrap();
        assert_eq!(volume.reference, [1.0 - 0.8, 1.0 - 0.8]);
        // Staircase (9, 4), (8, 8), (4, 9) above the reference.
        let expected = 8.8 * 3.8 + 7.8 * 4.0 + 3.8 * 1.0;
        assert!((volume.volume - expected).abs() < 1e-9, "{}", volume.volume);
    }

    #[test]
    fn a_top_beyond_all_memory_is_everything() {
        let rows: [&[f64]; 4] = [&[2.0, 1.0], &[1.0, 2.0], &[2.0, 2.0], &[3.0, 3.0]];
        let all = order(&ranking(&[MIN, MIN], 4, &rows));
        for top in [1 << 40, usize::MAX - 1, usize::MAX] {
            assert_eq!(order(&ranking(&[MIN, MIN], top, &rows)), all);
        }
    }

    #[test]
    fn one_objective_orders_by_value_then_trial_and_shares_ranks() {
        let rows: [&[f64]; 4] = [&[2.0], &[1.0], &[2.0], &[1.0]];
        let found = ranking(&[MIN], 3, &rows);
        assert_eq!(order(&found), [(1, Some(0)), (3, Some(0)), (0, Some(1))]);
        assert_eq!(found.frontier, 1);
        assert!(found.trials[0].knee && !found.trials[1].knee);
    }

    #[test]
    fn infeasible_trials_come_last_by_violation() {
        let mut ranker = Ranker::new(&[MIN], 3);
        ranker.infeasible(4, f64::INFINITY);
        ranker.infeasible(5, 0.5);
        ranker.infeasible(6, 0.5);
        ranker.complete(7, &[1e9]);
        let found = ranker.finish();
        assert_eq!(order(&found), [(7, Some(0)), (5, None), (6, None)]);
        assert_eq!(found.infeasible, 3);
        let none = Ranker::new(&[MIN], 3).finish();
        assert_eq!((none.trials.len(), none.hypervolume), (0, None));
    }

    #[test]
    fn pruning_changes_nothing() {
        // Coarse values, so that many are equal; a small top, so that most are dropped.
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            f64::from(u32::try_from(state >> 33).unwrap() % 64)
        };
        for top in [1, 5, 40] {
            for directions in [&[MIN, MAX][..], &[MAX][..]] {
                let rows: Vec<Vec<f64>> =
                    (0..3000).map(|_| directions.iter().map(|_| next()).collect()).collect();
                let borrowed: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
                let mut pruned = Ranker::new(directions, top);
                for (trial, row) in (0..).zip(&rows) {
                    pruned.complete(trial, row);
                    if trial % 100 == 0 {
                        pruned.prune();
                        assert!(pruned.trials.len() < 100 + 64 * top, "little is kept");
                    }
                }
                let found = pruned.finish();
                let whole = ranking(directions, rows.len(), &borrowed);
                assert_eq!(found.trials[..], whole.trials[..top]);
                assert_eq!(found.frontier, whole.frontier);
                assert_eq!(found.hypervolume, whole.hypervolume);
            }
        }
    }
}
