//! The non-dominated rows of a large table.
//!
//! Two objectives: sort and sweep. Three: sort and sweep over a staircase (Kung, Luccio &
//! Preparata, "On finding the maxima of a set of vectors", J. ACM 22(4), 1975). More: compare
//! with the front so far in an order in which nothing later can dominate (Chomicki, Godfrey,
//! Gryz & Liang, "Skyline with presorting", ICDE 2003). All after a linear filter that drops
//! what a few good rows dominate, which in most tables is nearly everything.

use super::dominance::{dominates, nowhere_worse};
use super::scores::Scores;
use super::staircase::Staircase;

/// How many rows the filter looks at to find good ones.
const SAMPLE: usize = 1_024;

/// How many good rows the filter compares every row with.
const FILTER_ROWS: usize = 16;

/// The rows that no other row dominates, ascending; equal rows are all kept.
///
/// If no row is feasible, these are the rows with the smallest violation.
/// O(n log n) for up to three objectives; O(n f) for more, f being the size of the answer.
pub fn non_dominated(scores: Scores<'_>) -> Vec<usize> {
    let feasible = scores.feasible();
    if feasible.is_empty() {
        return least_violating(scores);
    }
    let mut front = feasible_front(scores, feasible);
    front.sort_unstable();
    front.into_iter().map(|index| index as usize).collect()
}

/// The non-dominated rows among `candidates`, all of which are feasible; in no useful order.
pub(super) fn feasible_front(scores: Scores<'_>, candidates: Vec<u32>) -> Vec<u32> {
    let candidates = drop_plainly_dominated(scores, candidates);
    match scores.width() {
        1 => sweep::<1>(scores, &candidates, |_, is_first| is_first),
        2 => {
            let mut lowest = None;
            sweep::<2>(scores, &candidates, |&[_, y], _| {
                let better = lowest.is_none_or(|lowest| y < lowest);
                if better {
                    lowest = Some(y);
                }
                better
            })
        }
        3 => {
            let mut staircase = Staircase::default();
            sweep::<3>(scores, &candidates, |&[_, y, z], _| {
                let better = !staircase.covers(y, z);
                if better {
                    staircase.insert(y, z, |_, _| ());
                }
                better
            })
        }
        _ => presorted_front(scores, candidates),
    }
}

/// Visits the rows in lexicographic order and keeps those of which `is_better` says that no row
/// before dominates them. Equal rows share one answer.
fn sweep<const WIDTH: usize>(
    scores: Scores<'_>,
    candidates: &[u32],
    mut is_better: impl FnMut(&[u64; WIDTH], bool) -> bool,
) -> Vec<u32> {
    let keys = scores.sorted_keys::<WIDTH>(candidates);
    let mut front = Vec::new();
    for equal in keys.chunk_by(|(a, _), (b, _)| a == b) {
        if is_better(&equal[0].0, front.is_empty()) {
            front.extend(equal.iter().map(|&(_, index)| index));
        }
    }
    front
}

fn presorted_front(scores: Scores<'_>, candidates: Vec<u32>) -> Vec<u32> {
    // A dominating row never has the larger sum, even when sums are rounded; rows whose sums
    // are equal are in lexicographic order, in which it never comes later either.
    let mut rows: Vec<_> = candidates
        .into_iter()
        .map(|index| {
            let row = scores.row(index as usize);
            (scaled_sum(row), row, index)
        })
        .collect();
    rows.sort_unstable_by(|a, b| {
        let order = (a.0, a.1).partial_cmp(&(b.0, b.1));
        order.expect("objectives are finite")
    });
    let mut front: Vec<(&[f64], u32)> = Vec::new();
    for (_, row, index) in rows {
        if !front.iter().any(|(member, _)| dominates(member, row)) {
            front.push((row, index));
        }
    }
    front.into_iter().map(|(_, index)| index).collect()
}

/// A sum of the objectives that cannot overflow.
fn scaled_sum(row: &[f64]) -> f64 {
    row.iter().map(|value| value / row.len() as f64).sum()
}

/// Takes out rows dominated by one of a few good rows, chosen from a regular sample as those
/// that dominate most of it. The front is the same with and without; only the time differs.
fn drop_plainly_dominated(scores: Scores<'_>, mut candidates: Vec<u32>) -> Vec<u32> {
    if candidates.len() < 2 * SAMPLE {
        return candidates;
    }
    let sample: Vec<&[f64]> = candidates
        .iter()
        .step_by(candidates.len() / SAMPLE)
        .map(|&index| scores.row(index as usize))
        .collect();
    let mut filter: Vec<(usize, &[f64])> = sample
        .iter()
        .map(|row| (sample.iter().filter(|other| dominates(row, other)).count(), *row))
        .filter(|&(dominated, _)| dominated > 0)
        .collect();
    filter.sort_by_key(|&(dominated, _)| std::cmp::Reverse(dominated));
    filter.truncate(FILTER_ROWS);
    candidates.retain(|&index| {
        let row = scores.row(index as usize);
        !filter.iter().any(|(_, good)| nowhere_worse(good, row) && *good != row)
    });
    candidates
}

fn least_violating(scores: Scores<'_>) -> Vec<usize> {
    let violations = (0..scores.len()).map(|index| scores.violation(index));
    let least = violations.clone().fold(f64::INFINITY, f64::min);
    violations
        .enumerate()
        .filter(|&(_, violation)| violation == least)
        .map(|(index, _)| index)
        .collect()
}
