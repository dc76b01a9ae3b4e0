//! Conditions on reports at which a trial is pruned.

use crate::constraint::Constraint;
use crate::expr::ExprError;

/// The name of a report's step in a rule. A metric of the same name is hidden by it.
const STEP: &str = "step";

/// A condition on a report, such as `cost > 100` or `step >= 5 and accuracy < 0.6`: a trial whose
/// report meets it is stopped.
///
/// It mentions metrics and `step`, with the arithmetic of constraints. Comparisons with NaN are
/// false but for `!=`, so that `cost != cost` finds a cost that is NaN. With ` at 50%` or ` at 10`
/// behind it, it is asked once: at the first report at or beyond that share of the steps, or that
/// step.
#[derive(Clone, Debug, PartialEq)]
pub struct PruningRule {
    condition: Constraint,
    source: String,
    /// The step at which it is asked; none where every report is.
    at: Option<u64>,
}

/// What stands between a condition and where it is asked.
const AT: &str = " at ";

impl PruningRule {
    /// Compiles `source` against the names of the metrics; `steps` is how far whole trials go,
    /// where that is known.
    ///
    /// # Errors
    /// A fault of syntax, an unknown name, or something that is no condition on numbers, with the
    /// column at which it stands; a share of steps whose number is not known.
    pub fn compile(
        source: &str,
        metrics: &[String],
        steps: Option<u64>,
    ) -> Result<Self, ExprError> {
        let names = [STEP].into_iter().chain(metrics.iter().map(String::as_str));
        let (text, at) = match source.rsplit_once(AT) {
            None => (source, None),
            Some((text, place)) => {
                let column = (text.chars().count() + AT.len() + 1) as u32;
                let fault = |message: String| ExprError { column, message };
                (text, Some(read_place(place, steps).map_err(fault)?))
            }
        };
        let condition = Constraint::compile_over_numbers(text, names, "name")?;
        Ok(Self { condition, source: source.to_owned(), at })
    }

    /// The text that the rule was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether a report at `step`, with one value per metric, meets the condition. The report
    /// before it was at step `before`, 0 where it is the first.
    ///
    /// # Panics
    /// If there are fewer values than metrics.
    #[must_use]
    pub fn holds(&self, before: u64, step: u64, values: &[f64]) -> bool {
        let is_asked = self.at.is_none_or(|at| before < at && at <= step);
        // Steps beyond 2^53 are not told apart from their neighbours.
        let numbers = || [step as f64].into_iter().chain(values.iter().copied());
        is_asked && self.condition.holds_for_numbers(numbers())
    }
}

/// `50%` or `10`, as a step.
fn read_place(text: &str, steps: Option<u64>) -> Result<u64, String> {
    let allowed = || format!("'{text}' is no step from 1, such as 10, and no share, such as 50%");
    let Some(share) = text.trim().strip_suffix('%') else {
        return text.trim().parse().ok().filter(|step| *step > 0).ok_or_else(allowed);
    };
    let share = share.trim().parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 100.0);
    let (share, steps) = match (share, steps) {
        (None, _) => return Err(allowed()),
        (Some(_), None) => {
            return Err("a share of steps whose number this simulator does not say".to_owned());
        }
        (Some(share), Some(steps)) => (share, steps),
    };
    // Steps are far fewer than 2^53.
    Ok(((share / 100.0 * steps as f64).ceil() as u64).max(1))
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
            let rule = PruningRule::compile(source, &metrics(), None).expect(source);
            rule.holds(step - 1, step, &values)
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
            ("cost > 1 at half", "'half' is no step from 1, such as 10"),
            ("cost > 1 at 0", "'0' is no step"),
            ("cost > 1 at 120%", "'120%' is no step"),
            ("cost > 1 at 50%", "whose number this simulator does not say"),
        ] {
            let error = PruningRule::compile(source, &metrics(), None).expect_err(source);
            assert!(error.message.contains(message), "{source}: {error}");
        }
    }

    #[test]
    fn a_rule_with_a_place_is_asked_there_alone() {
        let rule = PruningRule::compile("cost > 5 at 50%", &metrics(), Some(9)).expect("a rule");
        assert_eq!(rule.source(), "cost > 5 at 50%");
        let holds = |before, step| rule.holds(before, step, &[6.0, 0.0]);
        assert!(holds(4, 5), "half of nine steps are five");
        assert!(holds(3, 7), "the first report beyond");
        assert!(!holds(0, 4) && !holds(5, 6));
        let rule = PruningRule::compile("cost > 5 at 2", &metrics(), None).expect("a rule");
        assert!(rule.holds(0, 2, &[6.0, 0.0]) && !rule.holds(2, 3, &[6.0, 0.0]));
    }
}
