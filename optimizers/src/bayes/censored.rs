//! Values of which some are only known to lie below 0.
//!
//! How far outcome constraints are missed is told as a number that is 0 wherever they are met: by
//! how much they are met is not known. A process over such values as they are would see a flat
//! floor with a bend at its border. So the 0 of what is met counts as what it is, an observation
//! that is censored (Tobin, "Estimation of relationships for limited dependent variables", 1958;
//! for Gaussian processes Groot and Lucas, "Gaussian process regression with censored data using
//! expectation propagation", 2012): it is replaced by the value that is expected of it, if it lies
//! below 0. Then the slope on the infeasible side goes on through the border, and where it crosses
//! 0 is known as well as the violations are.

use std::sync::Arc;

use libm::sqrt;

use super::cholesky::{Triangle, dot};
use super::improvement::log_normal_distribution;
use super::process::{Expected, Inputs, Process, Settings};

/// Rounds in which the expectations are made to agree. More of them draw places that lie together
/// to 0, since each is then all but told by its neighbours.
const ROUNDS: usize = 3;

/// Replaces the values that are censored by what is expected of them. None of the others may be
/// censored, so that one at least has to be told.
pub(crate) fn complete(
    values: &mut [f64],
    censored: &[bool],
    places: &[Vec<f64>],
    choices: &Arc<[bool]>,
    settings: &Settings,
) {
    let told: Vec<usize> = (0..values.len()).filter(|row| !censored[*row]).collect();
    let inputs = Inputs::new(told.iter().map(|row| places[*row].clone()).collect(), choices);
    let own: Vec<f64> = told.iter().map(|row| values[*row]).collect();
    let process = Process::new(&inputs, &own, settings);
    for (row, place) in places.iter().enumerate().filter(|(row, _)| censored[*row]) {
        values[row] = below_zero(process.expected(place));
    }
    let all = Process::new(&Inputs::new(places.to_vec(), choices), values, settings);
    agree(values, censored, &all.precision());
}

/// What is expected of a value that lies below 0: the mean of the normal distribution's part.
fn below_zero(Expected { mean, deviation }: Expected) -> f64 {
    (mean - deviation * log_normal_distribution(-mean / deviation).1).min(0.0)
}

/// Replaces each value that is censored by what all the others say of it, in turn: the mean field
/// of Opper and Winther, "Gaussian processes for classification: mean-field algorithms", 2000.
fn agree(values: &mut [f64], censored: &[bool], precision: &Triangle) {
    let count = values.len();
    let rows: Vec<Vec<f64>> = (0..count)
        .map(|row| (0..count).map(|other| precision.row(row.max(other))[row.min(other)]).collect())
        .collect();
    let sums: Vec<f64> = rows.iter().map(|row| row.iter().sum()).collect();
    let total: f64 = sums.iter().sum();
    for _ in 0..ROUNDS {
        let average = dot(&sums, values) / total;
        let mut off: Vec<f64> = values.iter().map(|value| value - average).collect();
        let square: f64 = rows.iter().zip(&off).map(|(row, each)| each * dot(row, &off)).sum();
        let variance = square.max(1e-12) / count as f64;
        for (index, row) in rows.iter().enumerate().filter(|(index, _)| censored[*index]) {
            // As if this one were not known: Rasmussen and Williams, equation 5.12.
            let mean = values[index] - dot(row, &off) / row[index];
            let value = below_zero(Expected { mean, deviation: sqrt(variance / row[index]) });
            values[index] = value;
            off[index] = value - average;
        }
    }
}

#[cfg(test)]
mod tests {
    use libm::log;

    use super::super::process::Shape;
    use super::*;

    #[test]
    fn a_slope_goes_on_where_it_is_not_told() {
        // By how much x lies above 0.5, to be told from above only.
        let places: Vec<Vec<f64>> = (0..20).map(|index| vec![f64::from(index) / 20.0]).collect();
        let truth: Vec<f64> = places.iter().map(|place| place[0] - 0.5).collect();
        let mut values: Vec<f64> = truth.iter().map(|value| value.max(0.0)).collect();
        let censored: Vec<bool> = truth.iter().map(|value| *value <= 0.0).collect();
        let before = values.clone();
        let settings = Settings { log_noise: log(1e-8), ..Settings::guess(Shape::Smooth, 1) };
        complete(&mut values, &censored, &places, &vec![false].into(), &settings);
        for (index, value) in values.iter().enumerate() {
            if censored[index] {
                assert!(*value <= 0.0, "{values:?}");
            } else {
                assert_eq!(value.to_bits(), before[index].to_bits());
            }
        }
        for index in 6..10 {
            assert!((values[index] - truth[index]).abs() < 0.05, "{index}: {values:?}");
        }
    }
}
