//! Minimisation of smooth functions within bounds: limited-memory BFGS, projected.
//!
//! Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithms 7.4 and 7.5; the line
//! search follows the projection of the ray onto the box, after Bertsekas, "Projected Newton
//! methods for optimization problems with simple constraints", SIAM J. Control 20(2), 1982.

use std::collections::VecDeque;

use libm::sqrt;

use super::cholesky::dot;

/// Steps that are remembered.
const MEMORY: usize = 10;

/// A step is halved so often before it is given up.
const HALVINGS: u32 = 20;

/// Where a descent has ended.
#[derive(Clone, Debug)]
pub(crate) struct Minimum {
    pub place: Vec<f64>,
    pub value: f64,
}

/// A remembered step: the move, the change of the gradient, and one over their product.
struct Step {
    travelled: Vec<f64>,
    bent: Vec<f64>,
    inverse: f64,
}

/// Descends from `start`, for so many iterations at most.
///
/// `function` writes the gradient at a place and returns the value; what is not finite counts as
/// infinitely bad. It ends when an iteration gains less than `tolerance` of the value.
pub(crate) fn minimum(
    start: &[f64],
    bounds: &[(f64, f64)],
    iterations: usize,
    tolerance: f64,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Minimum {
    let within = |place: f64, index: usize| place.clamp(bounds[index].0, bounds[index].1);
    let mut place: Vec<f64> = start.iter().enumerate().map(|(i, x)| within(*x, i)).collect();
    let mut gradient = vec![0.0; start.len()];
    let mut value = function(&place, &mut gradient);
    let mut steps: VecDeque<Step> = VecDeque::new();
    let mut next_gradient = gradient.clone();
    for _ in 0..iterations {
        let free = free(&place, &gradient, bounds);
        let Some(direction) = direction(&gradient, &free, &mut steps) else { break };
        let mut length = if steps.is_empty() { (1.0 / norm(&direction)).min(1.0) } else { 1.0 };
        let mut found = None;
        for _ in 0..HALVINGS {
            let ray = place.iter().zip(&direction).enumerate();
            let next: Vec<f64> = ray.map(|(i, (x, d))| within(x + length * d, i)).collect();
            let travelled: Vec<f64> = next.iter().zip(&place).map(|(a, b)| a - b).collect();
            let next_value = function(&next, &mut next_gradient);
            if next_value.is_finite() && next_value <= value + 1e-4 * dot(&gradient, &travelled) {
                found = Some((next, travelled, next_value));
                break;
            }
            length *= 0.5;
        }
        let Some((next, travelled, next_value)) = found else {
            if steps.is_empty() {
                break;
            }
            steps.clear();
            continue;
        };
        let bent: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let product = dot(&travelled, &bent);
        if product > 1e-10 * dot(&bent, &bent) {
            if steps.len() == MEMORY {
                steps.pop_front();
            }
            steps.push_back(Step { travelled, bent, inverse: 1.0 / product });
        }
        let gain = value - next_value;
        (place, value) = (next, next_value);
        gradient.copy_from_slice(&next_gradient);
        if gain <= tolerance * (1.0 + value.abs()) {
            break;
        }
    }
    Minimum { place, value }
}

/// Which coordinates may move: those that do not press against their bound.
fn free(place: &[f64], gradient: &[f64], bounds: &[(f64, f64)]) -> Vec<bool> {
    let coordinates = place.iter().zip(gradient).zip(bounds);
    coordinates
        .map(|((x, slope), (low, high))| !(x <= low && *slope > 0.0 || x >= high && *slope < 0.0))
        .collect()
}

/// Where to go: the two loops of the limited-memory method over the free coordinates. None where
/// the ground is level.
fn direction(gradient: &[f64], free: &[bool], steps: &mut VecDeque<Step>) -> Option<Vec<f64>> {
    let masked = |vector: &[f64]| -> Vec<f64> {
        vector.iter().zip(free).map(|(x, free)| if *free { *x } else { 0.0 }).collect()
    };
    let downhill: Vec<f64> = masked(gradient).iter().map(|slope| -slope).collect();
    let steepness = dot(&downhill, &downhill);
    if !steepness.is_finite() || steepness < 1e-20 {
        return None;
    }
    let mut direction = downhill.clone();
    let mut shares = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        let share = step.inverse * dot(&step.travelled, &direction);
        add(&mut direction, -share, &step.bent);
        shares.push(share);
    }
    if let Some(step) = steps.back() {
        let scale = 1.0 / (step.inverse * dot(&step.bent, &step.bent));
        for each in &mut direction {
            *each *= scale;
        }
    }
    for (step, share) in steps.iter().zip(shares.iter().rev()) {
        let back = step.inverse * dot(&step.bent, &direction);
        add(&mut direction, share - back, &step.travelled);
    }
    let direction = masked(&direction);
    let slope = -dot(&direction, &downhill);
    if slope < 0.0 && direction.iter().all(|each| each.is_finite()) {
        return Some(direction);
    }
    steps.clear();
    Some(downhill)
}

fn add(to: &mut [f64], factor: f64, vector: &[f64]) {
    to.iter_mut().zip(vector).for_each(|(to, each)| *to += factor * each);
}

fn norm(vector: &[f64]) -> f64 {
    sqrt(dot(vector, vector))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (valley, slope) = (x[1] - x[0] * x[0], 1.0 - x[0]);
        gradient[0] = -400.0 * valley * x[0] - 2.0 * slope;
        gradient[1] = 200.0 * valley;
        100.0 * valley * valley + slope * slope
    }

    #[test]
    fn a_valley_is_followed_to_its_end() {
        let found = minimum(&[-1.2, 1.0], &[(-5.0, 5.0); 2], 100, 0.0, rosenbrock);
        assert!(found.value < 1e-16, "{found:?}");
    }

    #[test]
    fn a_bound_is_kept_and_slid_along() {
        let found = minimum(&[-1.2, 1.0], &[(-2.0, 0.5), (-5.0, 5.0)], 100, 0.0, rosenbrock);
        assert!(found.place[0] == 0.5 && (found.place[1] - 0.25).abs() < 1e-8, "{found:?}");
    }

    #[test]
    fn cliffs_are_kept_away_from() {
        let cliff = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = 2.0 * x[0] - 2.0;
            if x[0] < 0.0 { f64::INFINITY } else { (x[0] - 1.0) * (x[0] - 1.0) }
        };
        let found = minimum(&[30.0], &[(-100.0, 100.0)], 50, 0.0, cliff);
        assert!((found.place[0] - 1.0).abs() < 1e-6, "{found:?}");
    }
}
