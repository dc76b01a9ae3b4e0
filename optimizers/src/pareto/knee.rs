//! The member of a front where giving up a little of one objective stops buying much of another.
//!
//! Das, "On characterizing the 'knee' of the Pareto curve based on normal-boundary intersection",
//! Structural Optimization 18, 1999: the row that bulges farthest towards the ideal from the
//! hyperplane through the extreme rows, after scaling every objective to its range on the front.

use super::scores::Scores;

/// A bulge smaller than this share of the ranges is rounding error, not a knee.
const SMALLEST_BULGE: f64 = 1e-9;

/// The knee of a front of feasible rows, or `None` if there are no rows.
///
/// Objectives in which all rows are equal are left out. If the extreme rows do not span a
/// hyperplane that faces the ideal (possible with three or more objectives), the hyperplane
/// through the worst value of each objective stands in. If nothing bulges (one or two rows, a
/// straight or a hollow front), the row closest to the ideal is the knee. Ties go to the
/// lowest index.
pub fn knee(front: Scores<'_>) -> Option<usize> {
    let rows = scale_to_ranges(front);
    let width = rows.first()?.len();
    let extremes: Vec<&[f64]> = (0..width).map(|objective| extreme(&rows, objective)).collect();
    // The hyperplane is `normal . x = 1`; the ideal is the origin.
    let normal = solve_for_ones(&extremes)
        .filter(|normal| normal.iter().all(|&part| part > 0.0))
        .unwrap_or_else(|| vec![1.0; width]);
    let length = normal.iter().map(|part| part * part).sum::<f64>().sqrt();
    let bulge = |row: &Vec<f64>| {
        let along: f64 = row.iter().zip(&normal).map(|(value, part)| value * part).sum();
        (1.0 - along) / length
    };
    let from_ideal = |row: &Vec<f64>| row.iter().map(|value| value * value).sum::<f64>();
    let (farthest, distance) = first_largest(rows.iter().map(bulge))?;
    if distance > SMALLEST_BULGE {
        return Some(farthest);
    }
    first_largest(rows.iter().map(|row| -from_ideal(row))).map(|(closest, _)| closest)
}

/// Every objective as a share of its range: 0 at the best value of the front, 1 at the worst.
fn scale_to_ranges(front: Scores<'_>) -> Vec<Vec<f64>> {
    // Halves, because the difference of two huge values may overflow.
    let ranges: Vec<(usize, f64, f64)> = (0..front.width())
        .map(|objective| {
            let halves = front.rows().map(|row| row[objective] * 0.5);
            let best = halves.clone().fold(f64::INFINITY, f64::min);
            let worst = halves.fold(f64::NEG_INFINITY, f64::max);
            (objective, best, worst - best)
        })
        .filter(|&(_, _, range)| range > 0.0)
        .collect();
    let scale = |row: &[f64]| {
        let parts = ranges.iter();
        parts.map(|&(objective, best, range)| (row[objective] * 0.5 - best) / range).collect()
    };
    front.rows().map(scale).collect()
}

/// The row that is best in one objective; of several, the one closest to the ideal in the others.
fn extreme(rows: &[Vec<f64>], objective: usize) -> &[f64] {
    let key = |row: &Vec<f64>| (row[objective], row.iter().sum::<f64>());
    let better = |best, row| if key(row) < key(best) { row } else { best };
    rows.iter().reduce(better).expect("a front with extremes has rows")
}

/// The vector whose product with each of the n rows of length n is 1, by Gaussian elimination
/// with partial pivoting; `None` if the rows are not independent.
pub(crate) fn solve_for_ones(rows: &[&[f64]]) -> Option<Vec<f64>> {
    let size = rows.len();
    let mut system: Vec<Vec<f64>> = rows.iter().map(|row| [row, &[1.0][..]].concat()).collect();
    for column in 0..size {
        let pivot = (column..size).rev().max_by(|&a, &b| {
            let (a, b) = (system[a][column].abs(), system[b][column].abs());
            a.total_cmp(&b)
        })?;
        // The entries are shares of a range, so 1 is a usual size.
        if system[pivot][column].abs() < SMALLEST_BULGE {
            return None;
        }
        system.swap(column, pivot);
        let (done, below) = system.split_at_mut(column + 1);
        let pivot_row = &done[column];
        for row in below {
            let factor = row[column] / pivot_row[column];
            for (value, pivot_value) in row.iter_mut().zip(pivot_row).skip(column) {
                *value -= factor * pivot_value;
            }
        }
    }
    let mut solution = vec![0.0; size];
    for column in (0..size).rev() {
        let row = &system[column];
        let known: f64 = (column + 1..size).map(|other| row[other] * solution[other]).sum();
        solution[column] = (row[size] - known) / row[column];
    }
    Some(solution)
}

/// The largest value and the first position that has it.
fn first_largest(values: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    values.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knee_of(values: &[f64], width: usize) -> Option<usize> {
        knee(Scores::new(values, width))
    }

    #[test]
    fn the_corner_of_a_bent_front_is_its_knee() {
        let front = [0.0, 100.0, 0.1, 60.0, 0.2, 10.0, 0.6, 5.0, 1.0, 0.0];
        assert_eq!(knee_of(&front, 2), Some(2));
    }

    #[test]
    fn units_do_not_matter() {
        // y = 1 / x on 1..=100 (scaled): the tangent parallel to the chord is at x = 10.
        let front: Vec<f64> =
            (1..=100).flat_map(|x| [f64::from(x) * 1e6, 1e-3 / f64::from(x) - 7.0]).collect();
        assert_eq!(knee_of(&front, 2), Some(9));
    }

    #[test]
    fn three_objectives_use_the_plane_through_the_extremes() {
        // Extremes (0, 1, 1), (1, 0, 1), (1, 1, 0) span x + y + z = 2.
        let front = [
            0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.6, 0.6, 0.6, 0.2, 0.3, 0.4, 0.1, 0.9,
            0.9,
        ];
        assert_eq!(knee_of(&front, 3), Some(4));
    }

    #[test]
    fn a_tilted_plane_weighs_the_objectives_differently() {
        // The plane through the first three rows is 0.5 x + 0.5 y + 2.5 z = 1. Row 4 bulges
        // from it and row 5 does not; from x + y + z = 1 it is the other way round.
        let front = [
            0.0, 1.0, 0.2, 1.0, 0.0, 0.2, 1.0, 1.0, 0.0, 0.05, 0.9, 1.0, 0.6, 0.6, 0.05, 0.3, 0.3,
            0.3,
        ];
        assert_eq!(knee_of(&front, 3), Some(4));
    }

    #[test]
    fn dependent_extremes_fall_back_to_the_worst_values() {
        // One row is best in both of the first objectives, so two extremes are the same row.
        let front = [0.0, 0.0, 1.0, 0.2, 0.3, 0.3, 1.0, 1.0, 0.0];
        assert_eq!(knee_of(&front, 3), Some(1));
    }

    #[test]
    fn extremes_whose_plane_turns_away_from_the_ideal_fall_back_to_the_worst_values() {
        // The plane through the first three rows, 2.5 x + 2.5 y - 15 z = 1, rewards a large z.
        let front = [0.0, 1.0, 0.1, 1.0, 0.0, 0.1, 0.2, 0.2, 0.0, 0.1, 0.15, 1.0];
        assert_eq!(knee_of(&front, 3), Some(2));
    }

    #[test]
    fn flat_and_hollow_fronts_give_the_row_closest_to_the_ideal() {
        let straight: Vec<f64> =
            (0..=10).flat_map(|i| [f64::from(i), 10.0 - f64::from(i)]).collect();
        assert_eq!(knee_of(&straight, 2), Some(5));
        let hollow = [0.0, 1.0, 0.7, 0.8, 1.0, 0.0];
        assert_eq!(knee_of(&hollow, 2), Some(0));
    }

    #[test]
    fn tiny_fronts_have_a_knee_too() {
        assert_eq!(knee_of(&[], 2), None);
        assert_eq!(knee_of(&[3.0, 4.0], 2), Some(0));
        assert_eq!(knee_of(&[3.0, 4.0, 4.0, 3.0], 2), Some(0));
        assert_eq!(knee_of(&[3.0, 3.0, 3.0, 3.0], 2), Some(0));
        assert_eq!(knee_of(&[1.0, 5.0, 3.0, 5.0, 2.0, 5.0], 2), Some(0));
    }

    #[test]
    fn huge_ranges_do_not_overflow() {
        let front = [-f64::MAX, f64::MAX, -1e307, -1e307, f64::MAX, -f64::MAX];
        assert_eq!(knee_of(&front, 2), Some(1));
    }
}
