//! Non-dominated ranks: the front is rank 0, what is the front without it is rank 1, and so on.
//!
//! Rows are placed in lexicographic order, so that a row is only ever dominated by earlier ones.
//! Its front is the first whose rows do not dominate it, and since whatever is dominated by one
//! front is dominated by all before it, a binary search finds that front (efficient
//! non-dominated sort, ENS-BS: Zhang, Tian, Cheng & Jin, IEEE Trans. Evol. Comput. 19(2), 2015).
//! What a front must remember to answer "do you dominate this?" is one number for two
//! objectives (Jensen, IEEE Trans. Evol. Comput. 7(5), 2003), a staircase for three, and
//! all of its rows for more.

use super::dominance::nowhere_worse;
use super::front::feasible_front;
use super::scores::Scores;
use super::staircase::Staircase;

/// Fronts that [`first_fronts`] peels off one by one before it ranks everything that is left.
const PEELED_FRONTS: usize = 8;

/// The rank of every row under constrained dominance, 0 for the front.
///
/// Feasible rows come first. Infeasible ones follow by violation, one rank for each different
/// violation. Equal rows share a rank. O(n log n) for one and two objectives, O(n log^2 n) for
/// three; for more, O(n^2) comparisons at worst.
pub fn ranks(scores: Scores<'_>) -> Vec<u32> {
    let mut ranks = vec![0; scores.len()];
    let feasible = scores.feasible();
    rank_feasible(scores, &feasible, |index, rank| ranks[index] = rank);
    let feasible_ranks = feasible.iter().map(|&index| ranks[index as usize] + 1);
    let first_infeasible_rank = feasible_ranks.max().unwrap_or(0);
    for (rank, tied) in (first_infeasible_rank..).zip(infeasible_fronts(scores)) {
        for index in tied {
            ranks[index] = rank;
        }
    }
    ranks
}

/// The first fronts, as many as are needed to hold `at_least` rows (or all), best first.
///
/// Each front lists its rows in ascending order. The answer is the beginning of the grouping by
/// [`ranks`], but a few rows of a large table are found without ranking all of it.
pub fn first_fronts(scores: Scores<'_>, at_least: usize) -> Vec<Vec<usize>> {
    let wanted = at_least.min(scores.len());
    let mut fronts = Vec::new();
    let mut covered = 0;
    let mut rest = scores.feasible();
    while covered < wanted && !rest.is_empty() {
        if fronts.len() == PEELED_FRONTS {
            fronts.extend(group_by_rank(scores, &rest));
            rest.clear();
            break;
        }
        let mut front = feasible_front(scores, rest.clone());
        front.sort_unstable();
        rest.retain(|index| front.binary_search(index).is_err());
        covered += front.len();
        fronts.push(front.into_iter().map(|index| index as usize).collect());
    }
    if rest.is_empty() {
        fronts.extend(infeasible_fronts(scores));
    }
    // The last step may have found more fronts than needed.
    let needed = fronts
        .iter()
        .scan(0, |before, front: &Vec<usize>| {
            Some(std::mem::replace(before, *before + front.len()))
        })
        .take_while(|&before| before < wanted)
        .count();
    fronts.truncate(needed);
    fronts
}

fn group_by_rank(scores: Scores<'_>, chosen: &[u32]) -> Vec<Vec<usize>> {
    let mut fronts: Vec<Vec<usize>> = Vec::new();
    rank_feasible(scores, chosen, |index, rank| {
        let rank = rank as usize;
        if rank >= fronts.len() {
            fronts.resize_with(rank + 1, Vec::new);
        }
        fronts[rank].push(index);
    });
    for front in &mut fronts {
        front.sort_unstable();
    }
    fronts
}

/// The infeasible rows grouped by violation, smallest first.
fn infeasible_fronts(scores: Scores<'_>) -> Vec<Vec<usize>> {
    let mut infeasible: Vec<(f64, usize)> = (0..scores.len())
        .map(|index| (scores.violation(index), index))
        .filter(|&(violation, _)| violation > 0.0)
        .collect();
    infeasible.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    infeasible
        .chunk_by(|a, b| a.0 == b.0)
        .map(|tied| tied.iter().map(|&(_, index)| index).collect())
        .collect()
}

/// Ranks the chosen rows, all of which are feasible, among themselves.
fn rank_feasible(scores: Scores<'_>, chosen: &[u32], assign: impl FnMut(usize, u32)) {
    match scores.width() {
        1 => {
            let keys = scores.sorted_keys::<1>(chosen);
            let mut next_rank = 0;
            let place = |_: &[u64; 1]| {
                next_rank += 1;
                next_rank - 1
            };
            place_rows(&keys, place, assign);
        }
        2 => {
            // The last row of a front in this order is its lowest.
            let mut lowest: Vec<u64> = Vec::new();
            let place = |&[_, y]: &[u64; 2]| {
                let rank = lowest.partition_point(|&lowest| lowest <= y);
                match lowest.get_mut(rank) {
                    Some(lowest) => *lowest = y,
                    None => lowest.push(y),
                }
                rank
            };
            place_rows(&scores.sorted_keys::<2>(chosen), place, assign);
        }
        3 => {
            let mut fronts: Vec<Staircase> = Vec::new();
            let place = |&[_, y, z]: &[u64; 3]| {
                let rank = fronts.partition_point(|front| front.covers(y, z));
                if rank == fronts.len() {
                    fronts.push(Staircase::default());
                }
                fronts[rank].insert(y, z, |_, _| ());
                rank
            };
            place_rows(&scores.sorted_keys::<3>(chosen), place, assign);
        }
        width => {
            let mut fronts: Vec<Vec<f64>> = Vec::new();
            let place = |row: &&[f64]| {
                // Later rows of a front are nearer in the order, hence likelier to dominate.
                let rank = fronts.partition_point(|front| {
                    let mut members = front.chunks_exact(width).rev();
                    members.any(|member| nowhere_worse(member, row))
                });
                if rank == fronts.len() {
                    fronts.push(Vec::new());
                }
                fronts[rank].extend_from_slice(row);
                rank
            };
            let mut rows: Vec<(&[f64], u32)> =
                chosen.iter().map(|&index| (scores.row(index as usize), index)).collect();
            rows.sort_unstable_by(|a, b| a.partial_cmp(b).expect("objectives are finite"));
            place_rows(&rows, place, assign);
        }
    }
}

/// Finds the rank of each different row, in order, and assigns it to all that are equal.
fn place_rows<Row: PartialEq>(
    sorted: &[(Row, u32)],
    mut place: impl FnMut(&Row) -> usize,
    mut assign: impl FnMut(usize, u32),
) {
    for equal in sorted.chunk_by(|(a, _), (b, _)| a == b) {
        let rank = place(&equal[0].0) as u32;
        for &(_, index) in equal {
            assign(index as usize, rank);
        }
    }
}
