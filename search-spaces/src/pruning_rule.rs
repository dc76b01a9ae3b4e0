//! Conditions on reports at which a trial is pruned.

use crate::constraint::Constraint;
use crate::expr::ExprError;

/// The name of a report's step in a rule. A metric of the same name is hidden by it.
const STEP: &str = "step";

/// A condition on a report, such as `cost > 100` or `step >= 5 and accuracy < 0.6`: a trial whose
/// report meets it is stopped.
///
/// It mentions metrics and `step`, with the arithmetic of constraints. Comparisons with NaN are
/// false but for `!=`, so that `cost != cost` finds a cost that is NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct PruningRule(Constraint);

impl PruningRule {
    /// Compiles `source` against the names of the metrics.
    ///
    /// # Errors
    /// A fault of syntax, an unknown name, or something that is no condition on numbers, with the
    /// column at which it stands.
    pub fn compile(source: &str, metrics: &[String]) -> Result<Self, ExprError> {
        let names = [STEP].into_iter().chain(metrics.iter().map(String::as_str));
        Constraint::compile_over_numbers(source, names, "name").map(Self)
    }

    /// The text that the rule was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// Whether a report at `step`, with one value per metric, meets the condition.
    ///
    /// # Panics
    /// If there are fewer values than metrics.
    #[must_use]
    pub fn holds(&self, step: u64, values: &[f64]) -> bool {
        // Steps beyond 2^53 are not told apart from their neighbours.
        self.0.holds_for_numbers([step as f64].into_iter().chain(values.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Vec<String> {
        ["cost", "accuracy"].map(String::from).to_vec()
    }

    #[test]
    fn rules_look_at_metrics_and_step() {
        let holds = |source: &str, step: u64, values: [f64; 2]| {
            PruningRule::compile(source, &metrics()).expect(source).holds(step, &values)
        };
        assert!(holds("cost > 100", 1, [100.5, 0.0]));
        assert!(!holds("cost > 100", 1, [100.0, 0.0]));
        assert!(holds("step >= 5 and accuracy < 0.6", 5, [0.0, 0.5]));
        assert!(!holds("step >= 5 and accuracy < 0.6", 4, [0.0, 0.5]));
        assert!(!holds("cost > 0 or cost <= 0", 1, [f64::NAN, 0.0]));
        assert!(holds("cost != cost", 1, [f64::NAN, 0.0]));
    }

    #[test]
    fn faults_name_what_is_allowed() {
        for (source, message) in [
            ("costs > 1", "unknown name 'costs' (of step, cost, accuracy)"),
            ("cost", "'cost' is no bool"),
            ("cost >", "expected"),
        ] {
            let error = PruningRule::compile(source, &metrics()).expect_err(source);
            assert!(error.message.contains(message), "{source}: {error}");
        }
    }
}
