//! What run follows one that has ended.
//!
//! * IPOP: every run with twice the population (Auger and Hansen, "A restart CMA evolution
//!   strategy with increasing population size", CEC 2005).
//! * BIPOP: such runs, and between them, for as many trials, runs with a small population and a
//!   small step size (Hansen, "Benchmarking a BI-population CMA-ES on the BBOB-2009 function
//!   testbed", GECCO 2009 workshop).

use libm::{floor, pow};
use rand_chacha::ChaCha8Rng;

use crate::draw::unit;

/// How runs follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Large and small populations in turn.
    Bipop,
    /// Ever larger populations.
    Ipop,
    /// Every run is like the first.
    Same,
}

/// What is laid down before a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub population: usize,
    /// A factor of the initial step size.
    pub sigma: f64,
    /// Generations at most.
    pub generations: Option<f64>,
}

/// The runs so far.
#[derive(Clone, Debug)]
pub(crate) struct Restarts {
    policy: Policy,
    population: usize,
    /// How often the population was doubled.
    doublings: u32,
    /// Trials spent on runs with small populations and with large ones.
    spent_small: u64,
    spent_large: u64,
    is_large: bool,
}

/// Doubling ends here.
const LARGEST: usize = 100_000;

impl Restarts {
    /// Before the first run, which has this population.
    pub fn new(policy: Policy, population: usize) -> Self {
        Self { policy, population, doublings: 0, spent_small: 0, spent_large: 0, is_large: false }
    }

    /// The first run.
    pub fn first(&self) -> Plan {
        Plan { population: self.population, sigma: 1.0, generations: None }
    }

    /// The run after one that took so many trials.
    pub fn next(&mut self, spent: u64, generator: &mut ChaCha8Rng) -> Plan {
        match self.is_large {
            true => self.spent_large += spent,
            false => self.spent_small += spent,
        }
        let is_small = match self.policy {
            Policy::Same => return self.first(),
            Policy::Ipop => false,
            Policy::Bipop => self.spent_small < self.spent_large,
        };
        self.is_large = !is_small;
        if is_small {
            let [size, width] = [0, 1].map(|_| unit(generator));
            let factor = pow(self.large() as f64 / self.population as f64, size * size);
            let population = floor(self.population as f64 * factor) as usize;
            return Plan {
                population,
                sigma: pow(0.01, width),
                generations: Some(0.5 * self.spent_large as f64 / population as f64),
            };
        }
        self.doublings += 1;
        Plan { population: self.large(), sigma: 1.0, generations: None }
    }

    /// The population of the last large run.
    fn large(&self) -> usize {
        (0..self.doublings).fold(self.population, |size, _| (2 * size).min(LARGEST.max(size)))
    }
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    fn populations(policy: Policy, spent: impl Fn(usize) -> u64) -> Vec<usize> {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let mut restarts = Restarts::new(policy, 10);
        let mut plans = vec![restarts.first().population];
        for _ in 0..12 {
            let last = plans[plans.len() - 1];
            plans.push(restarts.next(spent(last), &mut generator).population);
        }
        plans
    }

    #[test]
    fn ipop_doubles_and_the_same_stays() {
        assert_eq!(populations(Policy::Same, |_| 1000), [10; 13]);
        assert_eq!(populations(Policy::Ipop, |_| 1000)[..5], [10, 20, 40, 80, 160]);
    }

    #[test]
    fn bipop_spends_as_much_on_small_populations_as_on_large_ones() {
        let plans = populations(Policy::Bipop, |population| 100 * population as u64);
        assert_eq!(plans[..2], [10, 20]);
        let mut largest = 10;
        let (mut small, mut large) = (10, 0);
        for population in &plans[1..] {
            if *population == 2 * largest {
                assert!(small >= large, "{plans:?}");
                largest = *population;
                large += population;
            } else {
                assert!(*population <= largest && small < large, "{plans:?}");
                small += population;
            }
        }
        assert!(largest >= 80, "{plans:?}");
    }
}
