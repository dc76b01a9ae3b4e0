//! Evenly spaced floats that are the decimals a person expects.
//!
//! In double precision 3 * 0.05 is 0.15000000000000002. So where the lower bound and the step are
//! whole multiples of some 10^-d, they are kept as those whole numbers, and every value is one
//! correctly rounded division of exact whole numbers: the very float that its decimal reads as.

/// The values `low`, `low + size`, `low + 2 size`, … up to an upper bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    size: f64,
    levels: u64,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// Value number `level` is `(first + level * size) / unit`; `unit` is a power of ten.
    Decimal { first: i64, size: i64, unit: f64 },
    /// Bounds or step have no short decimal: value number `level` is `low + level * size`.
    Binary { low: f64, high: f64 },
}

/// Decimals of more places than this are no longer told apart reliably by a double near 1.
const MAX_PLACES: u32 = 15;

/// Whole numbers below this are exact as doubles.
const EXACT: f64 = (1u64 << 53) as f64;

impl Step {
    /// Steps of `size` above zero from `low` to the last one that is not above `high >= low`.
    #[must_use]
    pub fn new(low: f64, high: f64, size: f64) -> Self {
        let mut unit = 1.0;
        for _ in 0..=MAX_PLACES {
            if let Some((form, levels)) = decimal(low, high, size, unit) {
                return Self { size, levels, form };
            }
            unit *= 10.0;
        }
        // The last step counts although rounding may put it a hair above the bound.
        let slack = 4.0 * f64::EPSILON * low.abs().max(high.abs()) / size;
        let steps = ((high - low) / size + slack.min(0.5)).floor();
        // The conversion and the sum saturate: a step of 1e-300 has too many levels, not few.
        Self { size, levels: (steps as u64).saturating_add(1), form: Form::Binary { low, high } }
    }

    /// The distance between neighbouring values.
    #[must_use]
    pub fn size(self) -> f64 {
        self.size
    }

    /// The number of values; [`u64::MAX`] stands for that many or more.
    #[must_use]
    pub fn levels(self) -> u64 {
        self.levels
    }

    /// The greatest value, at or below the upper bound.
    #[must_use]
    pub fn last(self) -> f64 {
        self.value(self.levels - 1)
    }

    /// The least distance that keeps neighbours between these bounds apart.
    pub(crate) fn resolution(low: f64, high: f64) -> f64 {
        4.0 * f64::EPSILON * low.abs().max(high.abs())
    }

    /// Value number `level`, from 0.
    pub(crate) fn value(self, level: u64) -> f64 {
        match self.form {
            Form::Decimal { first, size, unit } => {
                (first + level.cast_signed() * size) as f64 / unit
            }
            Form::Binary { low, high } => (low + level as f64 * self.size).min(high),
        }
    }

    /// The level whose value is nearest to `value`; no level at all has it, or this one has.
    pub(crate) fn nearest(self, value: f64) -> u64 {
        let level = match self.form {
            Form::Decimal { first, size, unit } => (value * unit - first as f64) / size as f64,
            Form::Binary { low, .. } => (value - low) / self.size,
        };
        level.round() as u64
    }
}

/// The steps in whole multiples of `1 / unit`, if they are such.
fn decimal(low: f64, high: f64, size: f64, unit: f64) -> Option<(Form, u64)> {
    let whole = |value: f64| {
        let multiple = (value * unit).round();
        (multiple.abs() < EXACT).then_some(multiple)
    };
    let exact = |value: f64| whole(value).filter(|multiple| multiple / unit == value);
    let (first, size) = (exact(low)? as i64, exact(size)? as i64);
    // The upper bound need not be a multiple itself.
    let nearest = whole(high)?;
    let last = nearest as i64 - i64::from(nearest / unit > high);
    let levels = (last - first) / size + 1;
    Some((Form::Decimal { first, size, unit }, levels.cast_unsigned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_are_the_decimals_that_a_person_expects() {
        let values = |low, high, size| -> Vec<f64> {
            let step = Step::new(low, high, size);
            (0..step.levels()).map(|level| step.value(level)).collect()
        };
        assert_eq!(values(0.0, 0.2, 0.05), [0.0, 0.05, 0.1, 0.15, 0.2]);
        assert_eq!(values(0.0, 1.0, 0.3), [0.0, 0.3, 0.6, 0.9]);
        assert_eq!(values(-0.2, 0.15, 0.1), [-0.2, -0.1, 0.0, 0.1]);
        assert_eq!(values(0.1, 0.1, 0.3), [0.1]);
        assert_eq!(values(1e-7, 5e-7, 2e-7), [1e-7, 3e-7, 5e-7]);
        assert_eq!(Step::new(0.0, 1.0, 0.1).levels(), 11);
        assert_eq!(Step::new(0.0, 1e15, 1e15).last(), 1e15);
        // Thirds are no decimals, and still reach the bound that they divide.
        assert_eq!(values(0.0, 1.0, 1.0 / 3.0), [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]);
        assert_eq!(Step::new(0.0, 1.0, 1e-300).levels(), u64::MAX);
    }

    proptest! {
        #[test]
        fn every_value_reads_as_its_decimal(
            low in -2000i64..2000, size in 1i64..500, places in 0u32..10, level in 0u64..1000,
        ) {
            let written = |whole: i64| -> f64 { format!("{whole}e-{places}").parse().unwrap() };
            let last = low + size * 1000;
            let step = Step::new(written(low), written(last), written(size));
            prop_assert_eq!(step.levels(), 1001);
            prop_assert_eq!(step.last(), written(last));
            let value = step.value(level);
            prop_assert_eq!(value, written(low + level.cast_signed() * size));
            prop_assert_eq!(step.nearest(value), level);
        }
    }
}
