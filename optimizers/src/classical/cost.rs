//! One number for what is known of a point, by which solvers compare.

use crate::optimizer::Told;

/// What a solver minimises.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Aim {
    /// The first objective.
    First,
    /// All of them, each from its ideal value and by its weight: the largest weighted distance,
    /// with a little of their sum so that no point that is nowhere better is as good.
    ///
    /// The augmented weighted Tchebycheff function of Steuer and Choo, "An interactive weighted
    /// Tchebycheff procedure for multiple objective programming", Math. Programming 26, 1983.
    Tchebycheff { ideal: Vec<f64>, weights: Vec<f64> },
}

/// The share of the sum in the augmented Tchebycheff function.
const AUGMENTATION: f64 = 0.05;

/// Objectives count up to here, so that all that is wrong with a point costs more.
const LARGEST: f64 = 1e200;
const PRUNED: f64 = 1e205;
/// A violation of 1. Others are in proportion, within what a number can tell apart.
const VIOLATION: f64 = 1e250;
const FAILED: f64 = 1e300;
/// What a point costs that breaks the constraints of the space. It is not evaluated.
pub(crate) const OUTSIDE: f64 = 1e301;

impl Aim {
    /// The cost of a point. In this order: what was evaluated, what was pruned, what misses the
    /// outcome constraints, by how much, and what failed.
    pub fn cost(&self, told: &Told) -> f64 {
        match told {
            Told::Complete { objectives, violation } if *violation <= 0.0 => {
                self.value(objectives).clamp(-LARGEST, LARGEST)
            }
            Told::Complete { violation, .. } => VIOLATION * violation.clamp(1e-40, 1e40),
            Told::Pruned { .. } => PRUNED,
            Told::Failed => FAILED,
        }
    }

    fn value(&self, objectives: &[f64]) -> f64 {
        match self {
            Self::First => objectives[0],
            Self::Tchebycheff { ideal, weights } => {
                let distances = objectives.iter().zip(ideal).zip(weights);
                let distances = distances.map(|((value, ideal), weight)| (value - ideal) * weight);
                let (largest, sum) = distances
                    .fold((f64::NEG_INFINITY, 0.0), |(most, sum), d| (most.max(d), sum + d));
                largest + AUGMENTATION * sum
            }
        }
    }
}

/// Whether this is the cost of a point that was evaluated whole and misses no constraint.
pub(crate) fn is_sound(cost: f64) -> bool {
    cost <= LARGEST
}

/// Whether there may be less of it nearby: it is an objective or a violation, and not that the
/// point was pruned or has failed, which says nothing of the way out.
pub(crate) fn has_slope(cost: f64) -> bool {
    cost < FAILED && cost != PRUNED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_rank_what_is_told() {
        let complete =
            |value: f64, violation: f64| Told::Complete { objectives: vec![value], violation };
        let told = [
            complete(-1e308, 0.0),
            complete(-1.0, 0.0),
            complete(1e199, 0.0),
            Told::Pruned { step: 3, objectives: Some(vec![-5.0]) },
            complete(0.0, 1e-30),
            complete(-9.0, 1.0),
            complete(-9.0, 1.0 + 1e-15),
            complete(-9.0, 1e30),
            Told::Failed,
        ];
        let costs: Vec<f64> = told.iter().map(|each| Aim::First.cost(each)).collect();
        assert!(costs.windows(2).all(|pair| pair[0] < pair[1]), "{costs:?}");
        assert!(costs[8] < OUTSIDE && costs[..3].iter().all(|cost| is_sound(*cost)));
        assert!(!is_sound(costs[3]));
    }

    #[test]
    fn a_direction_prefers_what_is_nowhere_worse() {
        let aim = Aim::Tchebycheff { ideal: vec![0.0, 0.0], weights: vec![1.0, 2.0] };
        let cost = |objectives: [f64; 2]| {
            aim.cost(&Told::Complete { objectives: objectives.to_vec(), violation: 0.0 })
        };
        // The same largest distance, and less of the other.
        assert!(cost([1.0, 0.3]) < cost([1.0, 0.4]));
        // A balance along the direction is better than an extreme.
        assert!(cost([1.0, 0.5]) < cost([0.0, 0.9]));
    }
}
