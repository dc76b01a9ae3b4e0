//! How lonely each member of a front is.
//!
//! Crowding distance: Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective
//! genetic algorithm: NSGA-II", IEEE Trans. Evol. Comput. 6(2), 2002, section III-B. Taking out the
//! most crowded one by one, with the distances of those that are left: Kukkonen & Deb, "Improved
//! pruning of non-dominated solutions based on crowding distance for bi-objective optimization
//! problems", CEC 2006.

use super::scores::{Scores, sort_key};

/// The crowding distance of every row of one front: the sum over the objectives of the gap
/// between the two neighbours, as a share of the objective's range.
///
/// The two rows at the ends of an objective are infinitely far. Rows that are equal in an
/// objective are ordered by index there, so of several equal extremes only the first (low end) or
/// the last (high end) is infinite. An objective in which all rows are equal says nothing and is
/// left out, unless that leaves none: then every distance is infinite.
pub fn crowding_distances(front: Scores<'_>) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    let mut objectives_with_a_range = 0;
    for objective in 0..front.width() {
        let mut order: Vec<(u64, usize)> =
            front.rows().map(|row| sort_key(row[objective])).zip(0..).collect();
        order.sort_unstable();
        let gap = |low: usize, high: usize| {
            let value = |position: usize| front.row(order[position].1)[objective];
            // Halves, because the difference of two huge values may overflow.
            value(high) * 0.5 - value(low) * 0.5
        };
        let Some(last) = order.len().checked_sub(1).filter(|&last| gap(0, last) > 0.0) else {
            continue;
        };
        objectives_with_a_range += 1;
        distances[order[0].1] = f64::INFINITY;
        distances[order[last].1] = f64::INFINITY;
        for position in 1..last {
            distances[order[position].1] += gap(position - 1, position + 1) / gap(0, last);
        }
    }
    if objectives_with_a_range == 0 {
        distances.fill(f64::INFINITY);
    }
    distances
}

/// The rows that are left of one front when the most crowded is taken out again and again, with
/// their distances among those that are left; in the front's order.
///
/// What [`crowding_distances`] says of ends and ranges holds here too; the ranges are those of the
/// whole front. Of equally crowded rows the last leaves first. O(n log n + (n - keep) n).
pub(crate) fn least_crowded(front: Scores<'_>, keep: usize) -> Vec<(usize, f64)> {
    let mut chains: Vec<Chain> =
        (0..front.width()).filter_map(|objective| Chain::new(front, objective)).collect();
    let mut distances: Vec<f64> = (0..front.len()).map(|row| distance(&chains, row)).collect();
    let mut left: Vec<usize> = (0..front.len()).collect();
    while left.len() > keep {
        let most_crowded = left.iter().enumerate().reduce(|least, next| {
            if distances[*next.1] <= distances[*least.1] { next } else { least }
        });
        let (place, _) = most_crowded.expect("more are left than are kept");
        let row = left.remove(place);
        for index in 0..chains.len() {
            for neighbour in chains[index].take_out(row).into_iter().flatten() {
                distances[neighbour] = distance(&chains, neighbour);
            }
        }
    }
    left.into_iter().map(|row| (row, distances[row])).collect()
}

/// The rows of a front in the order of one objective, as a doubly linked list.
struct Chain {
    /// The objective's values as shares of the range.
    shares: Vec<f64>,
    before: Vec<Option<usize>>,
    after: Vec<Option<usize>>,
}

impl Chain {
    /// None where all rows are equal in the objective.
    fn new(front: Scores<'_>, objective: usize) -> Option<Self> {
        let mut order: Vec<(u64, usize)> =
            front.rows().map(|row| sort_key(row[objective])).zip(0..).collect();
        order.sort_unstable();
        // Halves, because the difference of two huge values may overflow.
        let half = |row: usize| front.row(row)[objective] * 0.5;
        let low = half(order.first()?.1);
        let range = half(order.last()?.1) - low;
        let shares = (0..front.len()).map(|row| (half(row) - low) / range).collect();
        let (mut before, mut after) = (vec![None; front.len()], vec![None; front.len()]);
        for pair in order.windows(2) {
            after[pair[0].1] = Some(pair[1].1);
            before[pair[1].1] = Some(pair[0].1);
        }
        (range > 0.0).then_some(Self { shares, before, after })
    }

    /// Takes out a row, and gives its neighbours.
    fn take_out(&mut self, row: usize) -> [Option<usize>; 2] {
        let (before, after) = (self.before[row], self.after[row]);
        if let Some(before) = before {
            self.after[before] = after;
        }
        if let Some(after) = after {
            self.before[after] = before;
        }
        [before, after]
    }
}

fn distance(chains: &[Chain], row: usize) -> f64 {
    if chains.is_empty() {
        return f64::INFINITY;
    }
    let gap = |chain: &Chain| match (chain.before[row], chain.after[row]) {
        (Some(before), Some(after)) => chain.shares[after] - chain.shares[before],
        _ => f64::INFINITY,
    };
    chains.iter().map(gap).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gaps_are_shares_of_the_range() {
        let front = [0.0, 10.0, 1.0, 4.0, 2.0, 3.0, 4.0, 0.0];
        let distances = crowding_distances(Scores::new(&front, 2));
        let inner = [2.0 / 4.0 + 7.0 / 10.0, 3.0 / 4.0 + 4.0 / 10.0];
        assert_eq!(distances, [f64::INFINITY, inner[0], inner[1], f64::INFINITY]);
    }

    #[test]
    fn equal_extremes_are_told_apart_by_index() {
        let front = [5.0, 5.0, 0.0, 0.0, 2.0];
        let distances = crowding_distances(Scores::new(&front, 1));
        let infinite: Vec<bool> = distances.iter().map(|d| d.is_infinite()).collect();
        assert_eq!(infinite, [false, true, true, false, false]);
        assert_eq!(distances[3], 2.0 / 5.0);
    }

    #[test]
    fn objectives_without_range_say_nothing() {
        let distances = crowding_distances(Scores::new(&[1.0, 0.0, 1.0, 1.0, 1.0, 3.0], 2));
        assert_eq!(distances, [f64::INFINITY, 1.0, f64::INFINITY]);
        let equal = crowding_distances(Scores::new(&[1.0, 1.0, 1.0], 1));
        assert_eq!(equal, [f64::INFINITY; 3]);
        assert!(crowding_distances(Scores::new(&[], 2)).is_empty());
    }

    #[test]
    fn huge_ranges_do_not_overflow() {
        let distances = crowding_distances(Scores::new(&[-f64::MAX, 0.0, f64::MAX], 1));
        assert_eq!(distances[1], 1.0);
    }

    #[test]
    fn of_a_cluster_one_is_kept() {
        // Taken out in one go, all rows of the cluster in the middle would leave.
        let front = [0.0, 1.0, 0.49, 0.51, 0.5, 0.5, 0.51, 0.49, 1.0, 0.0];
        let kept = least_crowded(Scores::new(&front, 2), 3);
        assert_eq!(kept.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 1, 4]);
        assert_eq!(kept[1].1, 2.0);
    }

    proptest! {
        #[test]
        fn what_is_left_has_the_distances_of_a_front_of_its_own(
            width in 1usize..4,
            values in prop::collection::vec(0i8..40, 12..90),
            keep in 1usize..12,
        ) {
            let rows = values.len() / width;
            let values: Vec<f64> = values[..rows * width].iter().map(|&v| f64::from(v)).collect();
            let front = Scores::new(&values, width);
            let all = least_crowded(front, rows);
            for ((row, found), expected) in all.iter().zip(crowding_distances(front)) {
                prop_assert!((found - expected).abs() < 1e-12 || *found == expected, "{}", row);
            }
            let keep = keep.min(rows);
            let kept = least_crowded(front, keep);
            prop_assert_eq!(kept.len(), keep);
            // One more leaves, and it is the most crowded of those that were left.
            let fewer = least_crowded(front, keep - 1);
            let has_left = |row: &usize| fewer.iter().all(|(other, _)| other != row);
            let left: Vec<&(usize, f64)> = kept.iter().filter(|(row, _)| has_left(row)).collect();
            prop_assert_eq!(left.len(), 1);
            prop_assert!(kept.iter().all(|(_, distance)| *distance >= left[0].1));
        }

        #[test]
        fn inner_distances_of_one_objective_sum_to_at_most_two_ranges(
            values in prop::collection::vec(-10.0..10.0, 3..50)
        ) {
            let distances = crowding_distances(Scores::new(&values, 1));
            let inner: f64 = distances.iter().filter(|d| d.is_finite()).sum();
            prop_assert!(inner <= 2.0 + 1e-12);
            prop_assert_eq!(distances.iter().filter(|d| d.is_infinite()).count(), 2);
        }
    }
}
