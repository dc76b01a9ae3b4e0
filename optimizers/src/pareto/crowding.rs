//! How lonely each member of a front is.
//!
//! Crowding distance: Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective
//! genetic algorithm: NSGA-II", IEEE Trans. Evol. Comput. 6(2), 2002, section III-B.

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

    proptest! {
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
