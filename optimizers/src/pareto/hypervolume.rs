//! The volume that a set of rows dominates, up to a reference point.
//!
//! Two objectives: sort and sweep. Three: the dimension sweep of Fonseca, Paquete & Lopez-Ibanez,
//! "An improved dimension-sweep algorithm for the hypervolume indicator", CEC 2006 (see also
//! Beume et al., IEEE Trans. Evol. Comput. 13(5), 2009). Four: a sweep over three-dimensional
//! slices, each of which grows by the volume that one row adds to those before (after Guerreiro,
//! Fonseca & Emmerich, "A fast dimension-sweep algorithm for the hypervolume indicator in four
//! dimensions", CCCG 2012). More: the exclusive volumes of While, Bradstreet & Barone, "A fast way
//! of calculating exact hypervolumes" (WFG), IEEE Trans. Evol. Comput. 16(1), 2012, one objective
//! at a time down to four.

use super::front::non_dominated;
use super::scores::{Scores, from_sort_key, sort_key};
use super::slices::sliced_volume;
use super::staircase::Staircase;

/// The exact hypervolume of the feasible rows, all objectives minimised.
///
/// Rows that do not lie strictly below the reference in every objective contribute nothing, and
/// neither do infeasible ones. O(n log n) for up to three objectives, about O(n^(d-2)) for d.
///
/// # Panics
///
/// If the reference has another number of objectives or is not finite.
pub fn hypervolume(scores: Scores<'_>, reference: &[f64]) -> f64 {
    assert_eq!(reference.len(), scores.width(), "the reference point has one value per objective");
    assert!(reference.iter().all(|value| value.is_finite()), "the reference point must be finite");
    let rows = scores
        .feasible()
        .into_iter()
        .map(|index| scores.row(index as usize))
        .filter(|row| row.iter().zip(reference).all(|(value, end)| value < end));
    match *reference {
        [end] => rows.map(|row| end - row[0]).fold(0.0, f64::max),
        [x_end, y_end] => area(rows, x_end, y_end),
        _ => {
            let inside: Vec<&[f64]> = rows.collect();
            volume(&inside.concat(), reference)
        }
    }
}

/// Sweeps from left to right; each row that is lower than all before adds the rectangle between
/// itself, the lowest so far and the right end.
fn area<'a>(rows: impl Iterator<Item = &'a [f64]>, x_end: f64, y_end: f64) -> f64 {
    let mut keys: Vec<_> = rows.map(|row| [sort_key(row[0]), sort_key(row[1])]).collect();
    keys.sort_unstable();
    let mut lowest = y_end;
    let mut total = 0.0;
    for [x, y] in keys.into_iter().map(|key| key.map(from_sort_key)) {
        if y < lowest {
            total += (x_end - x) * (lowest - y);
            lowest = y;
        }
    }
    total
}

/// The volume of flat rows, all strictly inside, in three or more objectives.
fn volume(rows: &[f64], reference: &[f64]) -> f64 {
    if let [x_end, y_end, z_end] = *reference {
        return swept_volume(rows, x_end, y_end, z_end);
    }
    if let Ok(reference) = <[f64; 4]>::try_from(reference) {
        return sliced_volume(rows, reference);
    }
    let (&end, lower_reference) = reference.split_last().expect("three or more objectives");
    let lower_width = lower_reference.len();
    let mut ordered: Vec<&[f64]> = rows.chunks_exact(reference.len()).collect();
    ordered.sort_unstable_by(|a, b| {
        let last_first = (a.last(), a).partial_cmp(&(b.last(), b));
        last_first.expect("objectives are finite")
    });
    // Whatever a row shares with those before it, it shares from its own last objective on. So
    // its exclusive volume is a prism over its exclusive volume in the other objectives.
    let mut before: Vec<f64> = Vec::new();
    let mut total = 0.0;
    for row in ordered {
        let (last, row) = row.split_last().expect("three or more objectives");
        total += (end - last) * exclusive_volume(row, &before, lower_reference);
        before.extend_from_slice(row);
        debug_assert!(before.len().is_multiple_of(lower_width));
    }
    total
}

/// The volume that `row` dominates and none of the others does; all strictly inside.
pub(super) fn exclusive_volume(row: &[f64], others: &[f64], reference: &[f64]) -> f64 {
    let inclusive: f64 = row.iter().zip(reference).map(|(value, end)| end - value).product();
    (inclusive - volume(&limit(others, row), reference)).max(0.0)
}

/// The parts of the rows that lie inside what `row` dominates, without those that are dominated.
fn limit(rows: &[f64], row: &[f64]) -> Vec<f64> {
    let limited: Vec<f64> = rows
        .chunks_exact(row.len())
        .flat_map(|other| other.iter().zip(row).map(|(a, b)| a.max(*b)))
        .collect();
    if row.len() <= 4 {
        // The sweeps skip dominated rows by themselves.
        return limited;
    }
    let scores = Scores::new(&limited, row.len());
    let front = non_dominated(scores);
    front.into_iter().flat_map(|index| scores.row(index)).copied().collect()
}

/// Sweeps along z. The rows passed so far dominate an area below a staircase; a new step adds
/// the prism over the area that it adds, from its own z to the end.
fn swept_volume(rows: &[f64], x_end: f64, y_end: f64, z_end: f64) -> f64 {
    let mut keys: Vec<[u64; 3]> = rows
        .chunks_exact(3)
        .map(|row| [sort_key(row[2]), sort_key(row[0]), sort_key(row[1])])
        .collect();
    keys.sort_unstable();
    let mut staircase = Staircase::default();
    let mut total = 0.0;
    for [z, x_key, y_key] in keys {
        let step_left = staircase.step_at_or_before(x_key);
        if step_left.is_some_and(|(_, step)| step <= y_key) {
            continue;
        }
        let y = from_sort_key(y_key);
        // The new area lies under the steps from the left one on, cut at every step passed.
        let mut added = 0.0;
        let mut left = from_sort_key(x_key);
        let mut top = step_left.map_or(y_end, |(_, step)| from_sort_key(step));
        let next_step = staircase.insert(x_key, y_key, |covered_x, covered_y| {
            let right = from_sort_key(covered_x);
            added += (right - left) * (top - y);
            left = right;
            top = from_sort_key(covered_y);
        });
        let right = next_step.map_or(x_end, |(step, _)| from_sort_key(step));
        added += (right - left) * (top - y);
        total += added * (z_end - from_sort_key(z));
    }
    total
}
