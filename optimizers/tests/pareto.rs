//! The Pareto mathematics against brute force, an independent implementation, and known fronts.

use optimizers::pareto::{
    Scores, additive_epsilon, dominates, first_fronts, hypervolume, hypervolume_contributions,
    igd_plus, non_dominated, ranks, spread,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

fn uniform(rows: usize, width: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..rows * width).map(|_| (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64).collect()
}

/// Ranks by their definition: peel off everything that nothing left dominates.
fn brute_force_ranks(scores: Scores<'_>) -> Vec<u32> {
    let mut ranks = vec![u32::MAX; scores.len()];
    let mut rest: Vec<usize> = (0..scores.len()).collect();
    for rank in 0.. {
        if rest.is_empty() {
            break;
        }
        let (front, others): (Vec<usize>, Vec<usize>) = rest
            .iter()
            .partition(|&&a| !rest.iter().any(|&b| scores.get(b).dominates(&scores.get(a))));
        for index in front {
            ranks[index] = rank;
        }
        rest = others;
    }
    ranks
}

fn group(ranks: &[u32]) -> Vec<Vec<usize>> {
    let count = ranks.iter().max().map_or(0, |&rank| rank as usize + 1);
    let mut fronts = vec![Vec::new(); count];
    for (index, &rank) in ranks.iter().enumerate() {
        fronts[rank as usize].push(index);
    }
    fronts
}

/// A table with many ties (whole numbers, both zeros) and some infeasible rows.
fn tied_table() -> impl Strategy<Value = (usize, Vec<f64>, Vec<f64>)> {
    (1usize..6, 0usize..120, 1i32..12).prop_flat_map(|(width, rows, spread)| {
        let value = (-spread..=spread, any::<bool>());
        let value = value.prop_map(|(v, flip)| if v == 0 && flip { -0.0 } else { f64::from(v) });
        let violation = prop::sample::select(vec![0.0, 0.0, 0.0, 0.5, 1.0, f64::INFINITY]);
        (
            Just(width),
            prop::collection::vec(value, width * rows),
            prop::collection::vec(violation, rows),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn ranks_and_fronts_agree_with_their_definition(
        (width, values, violations) in tied_table(),
        share in 0.0..1.2,
    ) {
        for scores in [
            Scores::new(&values, width),
            Scores::new(&values, width).with_violations(&violations),
        ] {
            let expected = brute_force_ranks(scores);
            prop_assert_eq!(ranks(scores), &expected[..]);
            let fronts = group(&expected);
            prop_assert_eq!(non_dominated(scores), fronts.first().cloned().unwrap_or_default());

            let at_least = (share * scores.len() as f64) as usize;
            let found = first_fronts(scores, at_least);
            prop_assert_eq!(&found[..], &fronts[..found.len()]);
            let covered: usize = found.iter().map(Vec::len).sum();
            prop_assert!(covered >= at_least.min(scores.len()));
            let without_last = covered - found.last().map_or(0, Vec::len);
            prop_assert!(found.is_empty() || without_last < at_least);
        }
    }

    #[test]
    fn hypervolume_agrees_with_an_independent_implementation(
        width in 1usize..6,
        values in prop::collection::vec(0.0..1.2, 0..150),
        whole: bool,
    ) {
        // The other implementation takes exponential time on tables full of ties.
        let most = if width < 3 { usize::MAX } else { 14 };
        let rows = most.min(values.len() / width);
        let mut values = values[..rows * width].to_vec();
        if whole {
            // Tenths make ties, duplicates and rows exactly on the reference.
            for value in &mut values {
                let tenths: f64 = *value * 10.0;
                *value = tenths.round() / 10.0;
            }
        }
        let reference = vec![1.1; width];
        let inside: Vec<Vec<f64>> = values
            .chunks_exact(width)
            .filter(|row| row.iter().all(|value| *value < 1.1))
            .map(<[f64]>::to_vec)
            .collect();
        let expected = if width == 1 {
            inside.iter().map(|row| 1.1 - row[0]).fold(0.0, f64::max)
        } else {
            forge_core::indicators::hypervolume(&inside, &reference)
        };
        let found = hypervolume(Scores::new(&values, width), &reference);
        prop_assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

#[test]
fn hypervolume_of_larger_tables_agrees_with_an_independent_implementation() {
    for (width, rows) in [(2, 5_000), (3, 300), (4, 100), (5, 60), (6, 40)] {
        let values = uniform(rows, width, 17);
        let scores = Scores::new(&values, width);
        let front: Vec<Vec<f64>> = non_dominated(scores)
            .into_iter()
            .map(|index| scores.get(index).objectives.to_vec())
            .collect();
        let reference = vec![1.1; width];
        let expected = forge_core::indicators::hypervolume(&front, &reference);
        let found = hypervolume(scores, &reference);
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

#[test]
fn fronts_of_large_tables_are_exact() {
    // Large enough for the filter, with a staircase of many steps in the last table.
    for (width, seed) in [(1, 1), (2, 2), (3, 3), (4, 4)] {
        let values = uniform(20_000, width, seed);
        let scores = Scores::new(&values, width);
        let front = non_dominated(scores);
        let is_member = |index: usize| front.binary_search(&index).is_ok();
        for index in 0..scores.len() {
            let row = scores.get(index).objectives;
            let dominated = front.iter().any(|&m| dominates(scores.get(m).objectives, row));
            assert_eq!(dominated, !is_member(index), "width {width}, row {index}");
        }
        let fronts = group(&ranks(scores));
        assert_eq!(front, fronts[0]);
        let found = first_fronts(scores, 10_000);
        assert!(found.len() > 8, "more fronts than are peeled one by one");
        assert_eq!(found, fronts[..found.len()]);
    }
}

#[test]
fn a_front_that_is_the_whole_table_is_found_and_ranked_0() {
    for width in [2, 3, 5] {
        let mut values = uniform(5_000, width, 9);
        for row in values.chunks_exact_mut(width) {
            let sum: f64 = row.iter().sum();
            // Whole numbers of equal sum: nothing dominates.
            for value in row.iter_mut() {
                *value = (*value / sum * 1e6).floor();
            }
            row[0] = 1e6 - row[1..].iter().sum::<f64>();
        }
        let scores = Scores::new(&values, width);
        assert_eq!(non_dominated(scores).len(), 5_000);
        assert!(ranks(scores).iter().all(|&rank| rank == 0));
    }
}

#[test]
fn known_fronts_have_their_known_hypervolume() {
    const POINTS: u32 = 100_000;
    const SIDE: u32 = 300;
    let steps = || (0..=POINTS).map(|i| f64::from(i) / f64::from(POINTS));
    // ZDT1: f2 = 1 - sqrt(f1). Up to (1.1, 1.1): 1.21 minus the area under it, 1/3.
    let zdt1: Vec<f64> = steps().flat_map(|x| [x, 1.0 - x.sqrt()]).collect();
    let found = hypervolume(Scores::new(&zdt1, 2), &[1.1, 1.1]);
    assert!((found - (1.21 - 1.0 / 3.0)).abs() < 2e-5, "{found}");
    // ZDT2: f2 = 1 - f1^2, with 2/3 under it.
    let zdt2: Vec<f64> = steps().flat_map(|x| [x, 1.0 - x * x]).collect();
    let found = hypervolume(Scores::new(&zdt2, 2), &[1.1, 1.1]);
    assert!((found - (1.21 - 2.0 / 3.0)).abs() < 2e-5, "{found}");
    // DTLZ1: the triangle f1 + f2 + f3 = 1/2 cuts a corner of volume 1/48 off the cube.
    let dtlz1: Vec<f64> = (0..=SIDE)
        .flat_map(|i| (0..=SIDE - i).map(move |j| (i, j)))
        .flat_map(|(i, j)| [i, j, SIDE - i - j].map(|part| 0.5 * f64::from(part) / f64::from(SIDE)))
        .collect();
    let found = hypervolume(Scores::new(&dtlz1, 3), &[1.0, 1.0, 1.0]);
    assert!((found - (1.0 - 1.0 / 48.0)).abs() < 1e-3, "{found}");
}

#[test]
fn boxes_have_their_volume_in_any_number_of_objectives() {
    // Two boxes of 2^(d-1) volume overlapping in the unit cube.
    for width in 2..=7 {
        let mut values = vec![1.0; 2 * width];
        values[0] = 0.0;
        values[2 * width - 1] = 0.0;
        let found = hypervolume(Scores::new(&values, width), &vec![2.0; width]);
        assert_eq!(found, 3.0, "width {width}");
    }
}

#[test]
fn infeasible_rows_and_rows_beyond_the_reference_add_no_volume() {
    let values = [0.5, 0.5, 0.0, 0.0, 0.2, 1.0];
    let scores = Scores::new(&values, 2).with_violations(&[0.0, 1.0, 0.0]);
    assert_eq!(hypervolume(scores, &[1.0, 1.0]), 0.25);
    assert_eq!(hypervolume(Scores::new(&[], 4), &[1.0; 4]), 0.0);
}

/// What an independent implementation says is lost without each row of a front.
fn lost_without(rows: &[Vec<f64>], reference: &[f64]) -> Vec<f64> {
    let whole = forge_core::indicators::hypervolume(rows, reference);
    let without = |index: usize| {
        let others = [&rows[..index], &rows[index + 1..]].concat();
        if others.is_empty() {
            0.0
        } else {
            forge_core::indicators::hypervolume(&others, reference)
        }
    };
    (0..rows.len()).map(|index| whole - without(index)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn contributions_are_what_is_lost_without_a_row_of_the_front(
        width in 2usize..6,
        values in prop::collection::vec(0.0..1.2, 0..130),
        tenths: bool,
    ) {
        let rows = values.len() / width;
        let rows = if width > 3 { rows.min(14) } else { rows };
        let mut values = values[..rows * width].to_vec();
        if tenths {
            for value in &mut values {
                let tenths: f64 = *value * 10.0;
                *value = tenths.round() / 10.0;
            }
        }
        let scores = Scores::new(&values, width);
        let reference = vec![1.1; width];
        let found = hypervolume_contributions(scores, &reference);
        let front: Vec<usize> = non_dominated(scores)
            .into_iter()
            .filter(|index| scores.get(*index).objectives.iter().all(|value| *value < 1.1))
            .collect();
        let inside: Vec<Vec<f64>> =
            front.iter().map(|index| scores.get(*index).objectives.to_vec()).collect();
        let mut expected = vec![0.0; rows];
        for (index, lost) in front.iter().zip(lost_without(&inside, &reference)) {
            expected[*index] = lost;
        }
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn the_distance_to_a_front_agrees_with_an_independent_implementation(
        width in 1usize..5,
        rows in prop::collection::vec(0.0..1.0, 5..60),
        goals in prop::collection::vec(0.0..1.0, 5..60),
    ) {
        let whole = |values: &[f64]| values[..values.len() / width * width].to_vec();
        let (rows, goals) = (whole(&rows), whole(&goals));
        let nested = |values: &[f64]| -> Vec<Vec<f64>> {
            values.chunks_exact(width).map(<[f64]>::to_vec).collect()
        };
        let expected = forge_core::indicators::igd_plus(&nested(&rows), &nested(&goals));
        let (rows, goals) = (Scores::new(&rows, width), Scores::new(&goals, width));
        prop_assert!((igd_plus(rows, goals) - expected).abs() < 1e-12);

        // Moved by epsilon, the rows weakly dominate every goal, and by less they do not.
        let epsilon = additive_epsilon(rows, goals);
        let covers = |shift: f64| {
            (0..goals.len()).all(|goal| {
                let goal = goals.get(goal).objectives;
                (0..rows.len()).any(|row| {
                    let row = rows.get(row).objectives;
                    row.iter().zip(goal).all(|(value, goal)| value - shift <= *goal)
                })
            })
        };
        prop_assert!(covers(epsilon + 1e-12) && !covers(epsilon - 1e-9));
    }
}

#[test]
fn a_covered_front_is_reached_and_spread_evenly() {
    for width in [2, 3] {
        // Whole shares of twelve: the ends, and equal gaps between nearest neighbours.
        let mut values = Vec::new();
        for x in 0..=12_u32 {
            for y in 0..=(if width == 2 { 0 } else { 12 - x }) {
                let shares = [x, y, 12 - x - y].map(|share| f64::from(share) / 12.0);
                values.extend(&shares[..1]);
                values.extend(&shares[3 - (width - 1)..]);
            }
        }
        let front = Scores::new(&values, width);
        assert_eq!(igd_plus(front, front), 0.0);
        assert_eq!(additive_epsilon(front, front), 0.0);
        assert!(spread(front, front) < 1e-9, "{}", spread(front, front));
        // A part of the front reaches it, and covers it worse.
        let part = Scores::new(&values[..values.len() / 2 / width * width], width);
        assert!(igd_plus(part, front) > 0.01 && igd_plus(front, part) == 0.0);
        assert!(additive_epsilon(part, front) > 0.01 && additive_epsilon(front, part) == 0.0);
        assert!(spread(part, front) > 0.1, "{}", spread(part, front));
    }
}

#[test]
fn deb_measures_the_spread_between_neighbours_and_to_the_ends() {
    // Gaps 1 and 3 along the first objective, and 1 to each end of the reference front.
    let rows = [1.0, 0.0, 2.0, 0.0, 5.0, 0.0];
    let reference = [0.0, 0.0, 6.0, -1e-300];
    let found = spread(Scores::new(&rows, 2), Scores::new(&reference, 2));
    assert_eq!(found, (1.0 + 1.0 + 1.0 + 1.0) / (1.0 + 1.0 + 2.0 * 2.0));
    assert_eq!(spread(Scores::new(&[], 2), Scores::new(&reference, 2)), f64::INFINITY);
}
