//! How near a set of rows comes to a reference front, and how evenly it covers it.
//!
//! All of them compare with a front that is known or that was put together from all results at
//! hand, and are the smaller the better. Objectives are taken as they are: scale them before
//! where their units differ. The hypervolume needs no front to compare with; see
//! [`hypervolume`](super::hypervolume).

use super::scores::Scores;

/// The modified inverted generational distance IGD+: how far, on average, the rows of the
/// reference front are from being dominated.
///
/// Ishibuchi, Masuda, Tanigaki and Nojima, "Modified distance calculation in generational distance
/// and inverted generational distance", EMO 2015. In the objectives' unit; infinite where there
/// are no rows, 0 for an empty reference front. O(n r).
///
/// # Panics
///
/// If the two have different numbers of objectives.
pub fn igd_plus(rows: Scores<'_>, reference: Scores<'_>) -> f64 {
    let lack = |row: &[f64], goal: &[f64]| {
        let worse = row.iter().zip(goal).map(|(value, goal)| (value - goal).max(0.0));
        worse.map(|part| part * part).sum::<f64>()
    };
    let total: f64 = nearest(rows, reference, lack).map(f64::sqrt).sum();
    if reference.is_empty() { 0.0 } else { total / reference.len() as f64 }
}

/// The additive epsilon indicator: by how much all rows have to improve in every objective for
/// each row of the reference front to be weakly dominated. Negative where they are better.
///
/// Zitzler, Thiele, Laumanns, Fonseca and Grunert da Fonseca, "Performance assessment of
/// multiobjective optimizers: an analysis and review", IEEE Trans. Evol. Comput. 7(2), 2003.
/// In the objectives' unit; infinite where there are no rows, minus infinity for an empty
/// reference front. O(n r).
///
/// # Panics
///
/// If the two have different numbers of objectives.
pub fn additive_epsilon(rows: Scores<'_>, reference: Scores<'_>) -> f64 {
    let lack = |row: &[f64], goal: &[f64]| {
        let worse = row.iter().zip(goal).map(|(value, goal)| value - goal);
        worse.fold(f64::NEG_INFINITY, f64::max)
    };
    nearest(rows, reference, lack).fold(f64::NEG_INFINITY, f64::max)
}

/// How unevenly a front is covered, Deb's Delta: 0 where its ends are reached and all gaps are
/// equal.
///
/// For two objectives as in Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective
/// genetic algorithm: NSGA-II", IEEE Trans. Evol. Comput. 6(2), 2002, section V-A, with the gaps
/// between neighbours; for more, with the distance of each row to its nearest, as in Zhou, Jin,
/// Zhang, Sendhoff and Tsang, "Combining model-based and genetics-based offspring generation for
/// multi-objective optimization using a convergence criterion", CEC 2006. The ends are those rows
/// of the reference front that are worst in an objective. Without a unit; infinite where there are
/// no rows. O(n log n) for two objectives, O(n^2) for more.
///
/// # Panics
///
/// If the two have different numbers of objectives.
pub fn spread(rows: Scores<'_>, reference: Scores<'_>) -> f64 {
    assert_eq!(rows.width(), reference.width(), "both sides have the same objectives");
    if rows.is_empty() {
        return f64::INFINITY;
    }
    let mut ordered: Vec<&[f64]> = rows.rows().collect();
    ordered.sort_unstable_by(|a, b| a.partial_cmp(b).expect("objectives are finite"));
    let gaps: Vec<f64> = match rows.width() {
        1 | 2 => ordered.windows(2).map(|pair| distance(pair[0], pair[1])).collect(),
        _ => (0..ordered.len()).filter_map(|place| to_nearest(&ordered, place)).collect(),
    };
    let to_ends: f64 = (0..reference.width())
        .filter_map(|objective| {
            reference.rows().max_by(|a, b| {
                let key = |row: &&[f64]| (row[objective], -row.iter().sum::<f64>());
                key(a).partial_cmp(&key(b)).expect("objectives are finite")
            })
        })
        .map(|end| ordered.iter().map(|row| distance(row, end)).fold(f64::INFINITY, f64::min))
        .sum();
    let mean = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
    let uneven: f64 = gaps.iter().map(|gap| (gap - mean).abs()).sum();
    let whole = to_ends + mean * gaps.len() as f64;
    // Nothing but rows on the only end: covered.
    if whole > 0.0 { (to_ends + uneven) / whole } else { 0.0 }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

fn to_nearest(rows: &[&[f64]], place: usize) -> Option<f64> {
    let others = rows[..place].iter().chain(&rows[place + 1..]);
    others.map(|other| distance(rows[place], other)).reduce(f64::min)
}

/// For each row of the reference front, the least that any row lacks of it.
fn nearest<'a>(
    rows: Scores<'a>,
    reference: Scores<'a>,
    lack: impl Fn(&[f64], &[f64]) -> f64,
) -> impl Iterator<Item = f64> {
    assert_eq!(rows.width(), reference.width(), "both sides have the same objectives");
    let least =
        move |goal: &[f64]| rows.rows().map(|row| lack(row, goal)).fold(f64::INFINITY, f64::min);
    (0..reference.len()).map(move |index| least(reference.row(index)))
}
