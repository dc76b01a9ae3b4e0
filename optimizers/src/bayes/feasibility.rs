//! Where outcome constraints are met.
//!
//! What is promised is multiplied by the probability of being feasible (Schonlau, Welch and Jones,
//! "Global versus local search in constrained optimization of computer models", 1998; Gardner,
//! Kusner, Xu, Weinberger and Cunningham, "Bayesian optimization with inequality constraints",
//! 2014). Theirs is the product over one process per constraint. What is told here is the sum of
//! all violations, so there is one process, over a quantity that ends where the violation does.

use libm::log1p;

use super::censored;
use super::known::Known;
use super::process::{Inputs, Process};
use super::records::{Outcome, Table};
use super::surrogate::{Belief, Surrogate, Warp, standard};

/// A process over how infeasible places are, and the level below which they are feasible.
#[derive(Debug)]
pub(crate) struct Border {
    pub process: Process,
    pub level: f64,
}

/// What is believed of outcome constraints.
#[derive(Debug)]
pub(crate) struct Feasibility {
    surrogate: Surrogate,
}

impl Feasibility {
    pub fn new(features: usize) -> Self {
        Self { surrogate: Surrogate::new(features, &[Warp::Plain]) }
    }

    /// Where places are feasible; none where nothing is known to be infeasible. Of many places
    /// those count that the objective's process is made of, which has these weights.
    pub fn border(&mut self, known: &Known, weights: &[f64]) -> Option<Border> {
        let records = &known.records;
        let Some(unit) = records.violation_unit() else {
            return records.has_infeasible().then(|| self.of_failures(known));
        };
        let table = records.objectives(true);
        let count = table.len();
        self.of_violations(&table.part(known.limits.points, weights), unit, count, known)
    }

    /// Failures have no size: they are a step, and the border is within it.
    fn of_failures(&mut self, known: &Known) -> Border {
        let table = known.records.infeasibility();
        let count = table.len();
        let table = table.part(known.limits.points, &self.surrogate.weights());
        let inputs = Inputs::new(table.places, known.features.choices());
        let belief = Belief::Likeliest;
        let process = self.surrogate.process(&inputs, &table.values[0], count, belief);
        let (mean, unit) = standard(&table.values[0]);
        Border { process, level: -mean / unit }
    }

    /// Violations count by a logarithm that is 0 where they end, and a failure like one unit.
    /// None where all of the table is feasible.
    fn of_violations(
        &mut self,
        table: &Table,
        unit: f64,
        count: usize,
        known: &Known,
    ) -> Option<Border> {
        let value = |outcome: &Outcome| match outcome {
            Outcome::Feasible | Outcome::Pruned => 0.0,
            Outcome::Infeasible(violation) if violation.is_finite() => {
                log1p((violation / unit).min(f64::MAX))
            }
            Outcome::Infeasible(_) | Outcome::Failed => log1p(1.0),
        };
        let mut values: Vec<f64> = table.outcomes.iter().map(value).collect();
        let censored = |outcome| matches!(outcome, &Outcome::Feasible | &Outcome::Pruned);
        let censored: Vec<bool> = table.outcomes.iter().map(censored).collect();
        if censored.iter().all(|censored| *censored) {
            return None;
        }
        let (choices, settings) = (known.features.choices(), self.surrogate.settings());
        censored::complete(&mut values, &censored, &table.places, choices, settings);
        let inputs = Inputs::new(table.places.clone(), choices);
        let process = self.surrogate.process(&inputs, &values, count, Belief::Likeliest);
        let (mean, unit) = standard(&values);
        Some(Border { process, level: -mean / unit })
    }
}
