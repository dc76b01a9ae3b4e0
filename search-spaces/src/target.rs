//! Conditions on metrics at which a study has found what was looked for.

use crate::constraint::Constraint;
use crate::expr::ExprError;

/// A condition on the metrics of a trial, such as `cost <= 1e-6` or
/// `sharpe >= 2 and max_drawdown < 0.2`.
///
/// Comparisons with NaN are false but for `!=`.
#[derive(Clone, Debug, PartialEq)]
pub struct Target(Constraint);

impl Target {
    /// Compiles `source` against the names of the metrics.
    ///
    /// # Errors
    /// A fault of syntax, an unknown name, or something that is no condition on numbers, with the
    /// column at which it stands.
    pub fn compile(source: &str, metrics: &[String]) -> Result<Self, ExprError> {
        let names = metrics.iter().map(String::as_str);
        Constraint::compile_over_numbers(source, names, "metric").map(Self)
    }

    /// The text that it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// Whether metrics, one value for each, meet the condition.
    ///
    /// # Panics
    /// If there are fewer values than metrics.
    #[must_use]
    pub fn holds(&self, metrics: &[f64]) -> bool {
        self.0.holds_for_numbers(metrics.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_look_at_metrics() {
        let metrics = ["cost", "accuracy"].map(String::from);
        let holds = |source: &str, values: [f64; 2]| {
            Target::compile(source, &metrics).expect(source).holds(&values)
        };
        assert!(holds("cost <= 1e-6", [1e-6, 0.0]));
        assert!(!holds("cost <= 1e-6", [f64::NAN, 0.0]));
        assert!(holds("cost < 1 and accuracy > 0.9", [0.5, 0.95]));
        assert!(!holds("cost < 1 and accuracy > 0.9", [0.5, 0.85]));
        let error = Target::compile("costs < 1", &metrics).expect_err("unknown");
        assert!(error.message.contains("unknown metric 'costs' (of cost, accuracy)"), "{error}");
    }
}
