//! A trust region: the box about the best point in which the model is believed.
//!
//! After Eriksson, Pearce, Gardner, Turner and Poloczek, "Scalable global optimization via local
//! Bayesian optimization", 2019: it grows when the best value improves and shrinks when it does
//! not for long; when it has shrunk to nothing, it starts again. Here it holds a part of the
//! proposals only, so that the others keep looking everywhere.

use super::features::{Features, Kind};

/// How far the box reaches from its middle, in shares of a feature's range.
const START: f64 = 0.1;
const MOST: f64 = 0.4;
const LEAST: f64 = 0.005;

/// The size of the box, and what has happened in it.
#[derive(Debug)]
pub(crate) struct Region {
    reach: f64,
    best: f64,
    /// Results without an improvement since it was last resized.
    failures: usize,
    /// After so many it shrinks.
    patience: usize,
}

impl Region {
    pub fn new(features: usize) -> Self {
        Self { reach: START, best: f64::INFINITY, failures: 0, patience: (2 * features).max(8) }
    }

    /// Learns of a feasible value.
    pub fn learn(&mut self, value: f64) {
        if value < self.best {
            self.best = value;
            self.failures = 0;
            self.reach = (1.5 * self.reach).min(MOST);
            return;
        }
        self.failures += 1;
        if self.failures >= self.patience {
            self.failures = 0;
            self.reach = if self.reach > LEAST { 0.5 * self.reach } else { START };
        }
    }

    /// From where to where each feature may go, about the best place. Choices may be any.
    pub fn about(&self, features: &Features, best: &[f64]) -> Vec<(f64, f64)> {
        let whole = everywhere(features);
        let limits = best.iter().zip(whole).enumerate();
        limits
            .map(|(feature, (middle, (low, high)))| match features.kind(feature) {
                Kind::Choice => (low, high),
                _ => ((middle - self.reach).max(low), (middle + self.reach).min(high)),
            })
            .collect()
    }
}

/// The whole space.
pub(crate) fn everywhere(features: &Features) -> Vec<(f64, f64)> {
    vec![(0.0, 1.0_f64.next_down()); features.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_on_success_shrinks_without_and_starts_again() {
        let mut region = Region::new(2);
        region.learn(3.0);
        assert!(region.reach > START);
        let mut least = f64::INFINITY;
        for _ in 0..8 * 6 {
            region.learn(3.0);
            least = least.min(region.reach);
        }
        assert!(least <= LEAST && region.reach == START, "{least} {}", region.reach);
    }
}
