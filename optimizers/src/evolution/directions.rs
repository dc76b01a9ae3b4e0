//! Directions spread evenly over the objectives.
//!
//! Das and Dennis, "Normal-boundary intersection: a new method for generating the Pareto surface
//! in nonlinear multicriteria optimization problems", SIAM J. Optim. 8(3), 1998: every way to
//! share out so many equal parts among the objectives. Where there are many objectives, two such
//! layers, the second halfway to the centre: Deb and Jain, "An evolutionary many-objective
//! optimization algorithm using reference-point-based nondominated sorting approach, part I",
//! IEEE Trans. Evol. Comput. 18(4), 2014, section V.

/// As many directions as make at most `most`, but at least the axes. Each has one share per
/// objective, none negative, which add up to 1.
pub(crate) fn directions(width: usize, most: usize) -> Vec<Vec<f64>> {
    let parts = most_parts(width, most);
    let mut all = Vec::new();
    layer(width, parts, 1.0, &mut all);
    // With fewer parts than objectives, no direction has a share of every objective.
    if parts < width && all.len() < most {
        let inner = most_parts(width, most - all.len());
        if count(width, inner) <= most - all.len() {
            layer(width, inner, 0.5, &mut all);
        }
    }
    all
}

/// The most parts, 1 at least, that can be shared out in at most `most` ways.
fn most_parts(width: usize, most: usize) -> usize {
    // One objective can have all parts in one way only.
    let mut parts = 1;
    while width > 1 && count(width, parts + 1) <= most {
        parts += 1;
    }
    parts
}

/// In how many ways `parts` can be shared out among `width`: parts + width - 1 over width - 1.
fn count(width: usize, parts: usize) -> usize {
    (1..width).fold(1_u128, |ways, i| (ways * (parts + i) as u128 / i as u128).min(1 << 64))
        as usize
}

/// Adds every way to share out the parts, moved towards the centre by 1 - `size`.
fn layer(width: usize, parts: usize, size: f64, into: &mut Vec<Vec<f64>>) {
    let centre = 1.0 / width as f64;
    let mut shares = vec![0; width];
    shares[width - 1] = parts;
    loop {
        let direction = shares.iter().map(|share| {
            let corner = *share as f64 / parts as f64;
            size * corner + (1.0 - size) * centre
        });
        into.push(direction.collect());
        // The next way in lexicographic order: one part more before the last place that has any,
        // and the others of that place to the very end.
        let last = shares.iter().rposition(|share| *share > 0).expect("there are parts");
        let Some(before) = last.checked_sub(1) else { return };
        let rest = std::mem::take(&mut shares[last]) - 1;
        shares[before] += 1;
        shares[width - 1] = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers_of_directions() {
        for (width, most, expected) in [
            (1, 50, 1),
            (2, 100, 100),
            (3, 100, 91),
            (5, 210, 210),
            // Two layers, as in the table of the paper: 3 and 2 parts of eight objectives.
            (8, 156, 156),
            (10, 275, 275),
            // The axes, whatever the population.
            (10, 4, 10),
        ] {
            assert_eq!(directions(width, most).len(), expected, "{width} objectives, {most}");
        }
    }

    #[test]
    fn directions_are_different_shares_of_one() {
        for (width, most) in [(2, 20), (3, 28), (8, 60)] {
            let all = directions(width, most);
            for (index, direction) in all.iter().enumerate() {
                assert!((direction.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert!(direction.iter().all(|share| *share >= 0.0));
                assert!(!all[..index].contains(direction));
            }
        }
    }
}
