//! Few rows of a front that together dominate nearly as much as any so few can.
//!
//! The greedy algorithm: always the row that adds the most hypervolume, which is within 1 - 1/e
//! of the best (Guerreiro, Fonseca and Paquete, "Greedy Hypervolume Subset Selection in Low
//! Dimensions", Evolutionary Computation 24(3), 2016).

use crate::pareto::{Scores, hypervolume};

/// The places of `count` rows; all minimised, none dominating another.
///
/// O(count * rows) for two objectives. For more, a row's gain is computed only while what it
/// gained when fewer were chosen would make it the next.
pub(super) fn widest_subset(rows: &[&[f64]], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| {
        rows[*a].partial_cmp(rows[*b]).expect("objectives are finite").then(a.cmp(b))
    });
    // A row that is there already adds nothing.
    let (mut different, mut repeated): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for place in order {
        match different.last() {
            Some(last) if rows[*last] == rows[place] => repeated.push(place),
            _ => different.push(place),
        }
    }
    if different.len() <= count {
        repeated.truncate(count - different.len());
        different.append(&mut repeated);
        return different;
    }
    let reference = reference(rows);
    if reference.len() == 2 {
        widest_of_two(rows, different, count, &reference)
    } else {
        widest_of_many(rows, different, count, &reference)
    }
}

/// A tenth beyond the worst value of every objective.
fn reference(rows: &[&[f64]]) -> Vec<f64> {
    let worst = |column: usize| rows.iter().map(|row| row[column]).fold(f64::MIN, f64::max);
    let beyond = |worst: f64| match (1.1 * worst).max(0.9 * worst) {
        0.0 => 1e-12,
        value => value.min(f64::MAX),
    };
    (0..rows[0].len()).map(worst).map(beyond).collect()
}

/// Two objectives: what a row adds is a rectangle, and each choice cuts those on both its sides.
fn widest_of_two(
    rows: &[&[f64]],
    mut left: Vec<usize>,
    count: usize,
    reference: &[f64],
) -> Vec<usize> {
    let mut ends: Vec<[f64; 2]> = vec![[reference[0], reference[1]]; left.len()];
    let mut chosen = Vec::with_capacity(count);
    while chosen.len() < count {
        let gain = |index: usize| {
            let (row, end) = (rows[left[index]], ends[index]);
            (end[0] - row[0]) * (end[1] - row[1])
        };
        let best = first_greatest((0..left.len()).map(gain));
        let row = rows[left[best]];
        chosen.push(left.remove(best));
        ends.remove(best);
        for (index, end) in ends.iter_mut().enumerate() {
            // Rows are in the order of the first objective.
            let side = usize::from(index >= best);
            end[side] = end[side].min(row[side]);
        }
    }
    chosen
}

/// More objectives: gains only ever shrink, so the last known one is a bound.
fn widest_of_many(
    rows: &[&[f64]],
    mut left: Vec<usize>,
    count: usize,
    reference: &[f64],
) -> Vec<usize> {
    let alone = |place: &usize| -> f64 {
        rows[*place].iter().zip(reference).map(|(value, end)| end - value).product()
    };
    // The gain, and how many had been chosen when it was found.
    let mut gains: Vec<(f64, usize)> = left.iter().map(|place| (alone(place), 0)).collect();
    let mut chosen: Vec<usize> = Vec::with_capacity(count);
    let mut table: Vec<f64> = Vec::new();
    let mut covered = 0.0;
    while chosen.len() < count {
        let best = first_greatest(gains.iter().map(|(gain, _)| *gain));
        let row = rows[left[best]];
        if gains[best].1 < chosen.len() {
            table.extend(row);
            let together = hypervolume(Scores::new(&table, reference.len()), reference);
            table.truncate(table.len() - row.len());
            gains[best] = ((together - covered).max(0.0), chosen.len());
            continue;
        }
        table.extend(row);
        covered += gains[best].0;
        chosen.push(left.remove(best));
        gains.remove(best);
    }
    chosen
}

fn first_greatest(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, value) in values.enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, by trying every row at every step.
    fn plainly(rows: &[&[f64]], count: usize) -> Vec<usize> {
        let reference = reference(rows);
        let mut chosen: Vec<usize> = Vec::new();
        while chosen.len() < count {
            let value = |place: usize| {
                let table: Vec<f64> =
                    chosen.iter().chain([&place]).flat_map(|place| rows[*place]).copied().collect();
                hypervolume(Scores::new(&table, reference.len()), &reference)
            };
            let left = (0..rows.len()).filter(|place| !chosen.contains(place));
            let best = left.max_by(|a, b| value(*a).total_cmp(&value(*b)).then(b.cmp(a))).unwrap();
            chosen.push(best);
        }
        chosen
    }

    #[test]
    fn it_is_what_greed_chooses() {
        for width in [2, 3, 4] {
            // Rows on a sphere: none dominates another.
            let rows: Vec<Vec<f64>> = (1..=40u32)
                .map(|i| {
                    let row: Vec<f64> =
                        (0..width).map(|m| f64::from(i * (7 + 12 * m) % 41) + 1.0).collect();
                    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                    row.iter().map(|x| 1.0 - x / length).collect()
                })
                .collect();
            let rows: Vec<&[f64]> = rows.iter().map(|row| &**row).collect();
            let [mut found, mut expected] = [widest_subset(&rows, 9), plainly(&rows, 9)];
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{width} objectives");
        }
    }

    #[test]
    fn repetitions_come_last() {
        let rows: [&[f64]; 4] = [&[0.0, 1.0], &[0.0, 1.0], &[1.0, 0.0], &[0.4, 0.4]];
        let mut found = widest_subset(&rows, 3);
        found.sort_unstable();
        assert_eq!(found, [0, 2, 3]);
        assert_eq!(widest_subset(&rows, 4).len(), 4);
    }
}
