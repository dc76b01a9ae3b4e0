//! What the replications of a trial amount to, metric by metric.

use crate::error::{TemplateError, nearest};
use crate::section::Section;
use crate::template::Direction;

/// How the values of an objective are made into one. Worse is meant by the objective's direction,
/// so that `quantile:0.9` of what is maximized is reached by nine replications in ten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// The arithmetic mean.
    Mean,
    /// The value that so large a share of the replications is no worse than, between two of them by
    /// interpolation (definition 7 of R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical
    /// Packages", The American Statistician 50, 1996): 0.5 is the median, 1 the worst.
    Quantile(f64),
    /// The mean of the worst share of the replications; the one at its edge counts in part
    /// (R. T. Rockafellar and S. Uryasev, "Optimization of Conditional Value-at-Risk", Journal of
    /// Risk 2(3), 2000).
    ConditionalValueAtRisk(f64),
}

/// What can be written.
const FORMS: &str = "\"mean\", \"median\", \"worst\", \"quantile:Q\" with Q from 0 (the \
     best) to 1 (the worst), or \"cvar:A\" with A above 0 and up to 1 (the mean of the worst share A)";

impl Aggregate {
    /// The one that the table `[replications]` of a template names, or the mean.
    ///
    /// # Errors
    /// It names none.
    pub fn read(replications: &mut Section<'_>) -> Result<Self, TemplateError> {
        let written = replications.text("aggregate")?.unwrap_or_else(|| "mean".to_owned());
        Self::parse(&written).map_err(|found| replications.error("aggregate", found, FORMS))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (name, share) = match text.split_once(':') {
            Some((name, share)) => (name.trim(), Some(share.trim())),
            None => (text.trim(), None),
        };
        let number = share.and_then(|share| share.parse::<f64>().ok());
        match (name, share, number) {
            ("mean", None, _) => Ok(Self::Mean),
            ("median", None, _) => Ok(Self::Quantile(0.5)),
            ("worst", None, _) => Ok(Self::Quantile(1.0)),
            ("quantile", _, Some(share)) if (0.0..=1.0).contains(&share) => {
                Ok(Self::Quantile(share))
            }
            ("cvar", _, Some(share)) if share > 0.0 && share <= 1.0 => {
                Ok(Self::ConditionalValueAtRisk(share))
            }
            _ => {
                let names = ["mean", "median", "worst", "quantile", "cvar"];
                let meant = nearest(name, names).filter(|meant| *meant != name);
                let hint = meant.map_or(String::new(), |name| format!(" (did you mean {name}?)"));
                Err(format!("{text:?}{hint}"))
            }
        }
    }

    /// The text that it is known by in fingerprints.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Mean => "mean".to_owned(),
            Self::Quantile(share) => format!("quantile:{share}"),
            Self::ConditionalValueAtRisk(share) => format!("cvar:{share}"),
        }
    }

    /// The name that people know it by.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Quantile(0.5) => "median".to_owned(),
            Self::Quantile(1.0) => "worst".to_owned(),
            other => other.text(),
        }
    }

    /// What values amount to, of which there is at least one. What is undefined in one replication
    /// is undefined.
    #[must_use]
    pub fn of(self, values: &[f64], direction: Direction) -> f64 {
        if values.iter().any(|value| value.is_nan()) {
            return f64::NAN;
        }
        if self == Self::Mean {
            return canonical(mean(values));
        }
        let mut losses: Vec<f64> = values.iter().map(|value| direction.orient(*value)).collect();
        losses.sort_unstable_by(f64::total_cmp);
        canonical(direction.orient(self.of_ascending(&losses)))
    }

    /// The same of values in ascending order, of which the smaller are the better.
    pub(crate) fn of_ascending(self, ascending: &[f64]) -> f64 {
        match self {
            Self::Mean => mean(ascending),
            Self::Quantile(share) => quantile(ascending, share),
            Self::ConditionalValueAtRisk(share) => mean_of_the_last(ascending, share),
        }
    }
}

/// The arithmetic mean, which of equal values is that value, to the last bit.
fn mean(values: &[f64]) -> f64 {
    let mut moments = Moments::default();
    for value in values {
        moments.add(*value);
    }
    // A running mean would make an infinite one undefined.
    let count = values.len() as f64;
    if moments.mean.is_finite() { moments.mean } else { values.iter().sum::<f64>() / count }
}

fn quantile(ascending: &[f64], share: f64) -> f64 {
    let place = (ascending.len() - 1) as f64 * share;
    let below = place.floor() as usize;
    let (low, high) = (ascending[below], ascending[(below + 1).min(ascending.len() - 1)]);
    let part = place - below as f64;
    // Two infinite values have no difference, and equal ones need none.
    if part == 0.0 || low == high { low } else { low + part * (high - low) }
}

fn mean_of_the_last(ascending: &[f64], share: f64) -> f64 {
    let weight = share * ascending.len() as f64;
    let (mut sum, mut left) = (0.0, weight);
    for value in ascending.iter().rev() {
        let part = left.min(1.0);
        // Below this there is nothing left but what the product was rounded by.
        if part <= 1e-9 {
            break;
        }
        sum += part * value;
        left -= part;
    }
    sum / weight
}

/// Mean and spread of the values so far (B. P. Welford, "Note on a Method for Calculating Corrected
/// Sums of Squares and Products", Technometrics 4(3), 1962).
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    count: usize,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes up a further value.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// The standard error of the mean; undefined with fewer than two values.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        let variance = self.squares / (self.count.max(1) - 1) as f64;
        canonical((variance / self.count as f64).sqrt())
    }
}

/// The value, with every NaN made the same: processors disagree on the sign of the NaN that an
/// invalid operation gives.
fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

#[cfg(test)]
mod tests {
    use Direction::{Maximize, Minimize};

    use super::*;

    #[track_caller]
    fn check(text: &str, values: &[f64], direction: Direction, expected: f64) {
        let found = Aggregate::parse(text).expect(text).of(values, direction);
        assert!((found - expected).abs() < 1e-12, "{text}: {found}, not {expected}");
    }

    #[test]
    fn aggregates_are_those_worked_out_by_hand() {
        let values = [5.0, 1.0, 4.0, 2.0, 8.0];
        check("mean", &values, Minimize, 4.0);
        check("median", &values, Maximize, 4.0);
        check("median", &values[..4], Minimize, 3.0);
        check("worst", &values, Minimize, 8.0);
        check("worst", &values, Maximize, 1.0);
        check("quantile:0.75", &values, Minimize, 5.0);
        check("quantile:0.75", &values, Maximize, 2.0);
        check("quantile:0.9", &values, Minimize, 5.0 + 0.6 * 3.0);
        check("quantile:0", &values, Minimize, 1.0);
        check("cvar:0.4", &values, Minimize, 6.5);
        check("cvar:0.4", &values, Maximize, 1.5);
        // The worst and half of the next one.
        check("cvar:0.3", &values, Minimize, (8.0 + 0.5 * 5.0) / 1.5);
        check("cvar:0.1", &values, Minimize, 8.0);
        check("cvar:1", &values, Minimize, 4.0);
    }

    #[test]
    fn undefined_stays_undefined_and_infinite_infinite() {
        for text in ["mean", "median", "worst", "quantile:0.2", "cvar:0.5"] {
            let aggregate = Aggregate::parse(text).expect(text);
            assert!(aggregate.of(&[1.0, f64::NAN, 2.0], Minimize).is_nan(), "{text}");
        }
        let values = [1.0, f64::INFINITY, 2.0, f64::INFINITY];
        let of = |text: &str| Aggregate::parse(text).expect(text).of(&values, Minimize);
        assert_eq!(["mean", "worst", "quantile:0.9", "cvar:0.5"].map(of), [f64::INFINITY; 4]);
        assert_eq!(of("quantile:0").to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn equal_values_have_themselves_as_mean_and_no_error() {
        assert_eq!(mean(&[0.1; 7]).to_bits(), 0.1_f64.to_bits());
        let mut moments = Moments::default();
        assert!(moments.standard_error().is_nan());
        moments.add(0.1);
        assert!(moments.standard_error().is_nan());
        moments.add(0.1);
        assert_eq!(moments.standard_error().to_bits(), 0.0_f64.to_bits());
        moments.add(3.1);
        // The deviation of 0.1, 0.1, 3.1 is the root of 3, and that over the root of 3 is 1.
        assert!((moments.standard_error() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_read_is_shown() {
        for (text, found) in [
            ("men", "\"men\" (did you mean mean?)"),
            ("cvar", "\"cvar\""),
            ("cvar:0", "\"cvar:0\""),
            ("quantile:1.5", "\"quantile:1.5\""),
            ("quantil:0.5", "\"quantil:0.5\" (did you mean quantile?)"),
            ("mean:0.5", "\"mean:0.5\""),
        ] {
            assert_eq!(Aggregate::parse(text), Err(found.to_owned()));
        }
    }
}
