//! The values that a parameter may take, and their place on the unit interval.
//!
//! Every optimizer works on the unit cube: one number in [0, 1) per parameter. [`Domain::decode`]
//! maps such a number to a value and [`Domain::encode`] back, exactly: `decode(encode(v)) == v`
//! for every value of a discrete domain and for every value that `decode` ever returns.

use libm::{exp, floor, log};

use crate::step::Step;
use crate::value::Value;

/// How a numeric domain is spread over the unit interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally likely.
    Linear,
    /// Equal ratios are equally likely; the lower bound is above zero.
    Log,
}

/// The values that a parameter may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// Real numbers from `low` to `high`, both included.
    Float {
        /// Lower bound.
        low: f64,
        /// Upper bound; with a step, its last value.
        high: f64,
        /// Linear or logarithmic.
        scale: Scale,
        /// The values, where they are evenly spaced between these bounds; none where the domain
        /// is continuous.
        step: Option<Step>,
        /// How many values a grid takes from a continuous domain.
        points: Option<u64>,
    },
    /// Whole numbers from `low` to `high`, both included, in steps of `step`.
    Int {
        /// Lower bound.
        low: i64,
        /// Upper bound.
        high: i64,
        /// Linear or logarithmic.
        scale: Scale,
        /// Distance between neighbouring values, at least 1.
        step: i64,
    },
    /// False and true.
    Bool,
    /// Names: a choice without order, or an ordinal with one.
    Labels {
        /// The names, in their order.
        labels: Vec<String>,
        /// Whether the order means anything.
        ordered: bool,
    },
}

/// Continuous domains are sampled on this many equal steps, so that the last lattice point is
/// the upper bound itself and `encode` has finitely many candidates to search.
const STEPS: u64 = (1 << 53) - 1;

/// Discrete domains may not have more values than this: within it, the middle of every level's
/// share of the unit interval is told apart from its neighbours in double precision.
pub(crate) const MAX_LEVELS: u64 = 1 << 50;

/// The same limit on a logarithmic scale, where the shares at the upper end are narrower.
pub(crate) const MAX_LOG_LEVELS: u64 = 1 << 40;

impl Domain {
    /// The number of values; none where the domain is continuous. A range of floats from a
    /// number to itself has one.
    #[must_use]
    pub fn levels(&self) -> Option<u64> {
        match self {
            Self::Float { step: Some(step), .. } => Some(step.levels()),
            Self::Float { low, high, .. } => (low == high).then_some(1),
            Self::Int { low, high, step, .. } => {
                Some(high.abs_diff(*low) / step.unsigned_abs() + 1)
            }
            Self::Bool => Some(2),
            Self::Labels { labels, .. } => Some(labels.len() as u64),
        }
    }

    /// The number of values that a grid takes: [`Domain::levels`], or `points` where the domain
    /// is continuous; none where it is continuous and has no `points`.
    #[must_use]
    pub fn grid_levels(&self) -> Option<u64> {
        match self {
            Self::Float { points, .. } => self.levels().or(*points),
            _ => self.levels(),
        }
    }

    /// Value number `level` of the grid's `grid_levels`, in ascending order.
    ///
    /// # Panics
    /// If the level lies beyond the grid, or the domain is continuous without `points`.
    #[must_use]
    pub fn grid_value(&self, level: u64) -> Value {
        let levels = self.grid_levels().expect("a grid is made only of domains with levels");
        assert!(level < levels, "level {level} of {levels}");
        match self {
            Self::Float { low, high, scale, step: None, .. } => {
                let share = ratio(level, levels.saturating_sub(1).max(1));
                Value::Float(between(*low, *high, *scale, share))
            }
            _ => self.level_value(level),
        }
    }

    /// Value number `level` of a discrete domain, in ascending order.
    ///
    /// # Panics
    /// If the domain is continuous, or has fewer labels.
    #[must_use]
    pub fn level_value(&self, level: u64) -> Value {
        match self {
            Self::Float { low, step, .. } => {
                Value::Float(step.map_or(*low, |step| step.value(level)))
            }
            Self::Int { low, step, .. } => {
                let offset = step.saturating_mul(i64::try_from(level).unwrap_or(i64::MAX));
                Value::Int(low.saturating_add(offset))
            }
            Self::Bool => Value::Bool(level == 1),
            Self::Labels { .. } => Value::Label(u32::try_from(level).expect("few labels")),
        }
    }

    /// The level of a value of a discrete domain, if it is one of its values.
    #[must_use]
    pub fn level_of(&self, value: Value) -> Option<u64> {
        let level = match (self, value) {
            (Self::Float { step, .. }, Value::Float(value)) => {
                step.map_or(0, |step| step.nearest(value))
            }
            (Self::Int { low, step, .. }, Value::Int(value)) if value >= *low => {
                value.abs_diff(*low) / step.unsigned_abs()
            }
            (Self::Bool, Value::Bool(value)) => u64::from(value),
            (Self::Labels { .. }, Value::Label(index)) => u64::from(index),
            _ => return None,
        };
        (level < self.levels()? && self.level_value(level) == value).then_some(level)
    }

    /// Whether `value` is one of the domain's values.
    #[must_use]
    pub fn contains(&self, value: Value) -> bool {
        match (self, value) {
            (Self::Float { low, high, step: None, .. }, Value::Float(value)) => {
                *low <= value && value <= *high
            }
            _ => self.level_of(value).is_some(),
        }
    }

    /// The value at `unit` in [0, 1).
    ///
    /// Levels have equal shares of the interval; on a logarithmic scale, level `v` has the share
    /// of [v, v + step) in the logarithm. Continuous domains have a resolution of 2^-53 of their
    /// range, and reach both bounds.
    ///
    /// # Panics
    /// If `unit` lies outside [0, 1).
    #[must_use]
    pub fn decode(&self, unit: f64) -> Value {
        assert!((0.0..1.0).contains(&unit), "{unit} lies outside [0, 1)");
        match self {
            Self::Float { low, high, scale, step: None, .. } => {
                let step = whole(unit * ratio(STEPS + 1, 1));
                Value::Float(between(*low, *high, *scale, ratio(step, STEPS)))
            }
            _ => self.level_value(self.decode_level(unit)),
        }
    }

    fn decode_level(&self, unit: f64) -> u64 {
        let levels = self.levels().expect("continuous domains are decoded without levels");
        let level = match self.log_steps() {
            Some((low, step)) => {
                let (from, to) = (log(low), log(low + ratio(levels, 1) * step));
                floor((exp(from + unit * (to - from)) - low) / step)
            }
            None => floor(unit * ratio(levels, 1)),
        };
        whole(level.max(0.0)).min(levels - 1)
    }

    /// Lower bound and step of a stepped logarithmic domain.
    fn log_steps(&self) -> Option<(f64, f64)> {
        match self {
            Self::Float { low, scale: Scale::Log, step: Some(step), .. } => {
                Some((*low, step.size()))
            }
            Self::Int { low, scale: Scale::Log, step, .. } => Some((*low as f64, *step as f64)),
            _ => None,
        }
    }

    /// The place of `value` in [0, 1): the middle of its level's share, or, for a continuous
    /// domain, a number that decodes to `value` to the bit if one exists (it does for every
    /// value that [`Domain::decode`] returns) and to its nearest neighbour otherwise.
    ///
    /// # Panics
    /// If the domain does not contain the value.
    #[must_use]
    pub fn encode(&self, value: Value) -> f64 {
        assert!(self.contains(value), "{value:?} is no value of {self:?}");
        if let (Self::Float { step: None, .. }, Value::Float(value)) = (self, value) {
            return self.encode_continuous(value);
        }
        let level = self.level_of(value).expect("contained values have a level");
        let levels = ratio(self.levels().expect("discrete"), 1);
        match self.log_steps() {
            Some((low, step)) => {
                let edge = |level: f64| log(low + level * step);
                let middle = f64::midpoint(edge(ratio(level, 1)), edge(ratio(level, 1) + 1.0));
                let unit = (middle - edge(0.0)) / (edge(levels) - edge(0.0));
                debug_assert_eq!(self.decode_level(unit), level, "level {level} of {self:?}");
                unit
            }
            None => (ratio(level, 1) + 0.5) / levels,
        }
    }

    fn encode_continuous(&self, value: f64) -> f64 {
        let Self::Float { low, high, scale, .. } = self else {
            unreachable!("only floats are continuous")
        };
        if high <= low {
            return 0.0;
        }
        let share = match scale {
            Scale::Linear => (value - low) / (high - low),
            Scale::Log => (log(value) - log(*low)) / (log(*high) - log(*low)),
        };
        let decoded = |step: u64| between(*low, *high, *scale, ratio(step, STEPS));
        // Rounding puts the first guess a few steps away at most; walking outwards from it finds
        // the step that decodes to the very value, where there is one.
        let guess = whole((share * ratio(STEPS, 1)).max(0.0)).min(STEPS);
        let mut best = guess;
        for distance in 0..256 {
            for step in [guess.saturating_sub(distance), (guess + distance).min(STEPS)] {
                if decoded(step) == value {
                    return ratio(step, STEPS + 1);
                }
                if (decoded(step) - value).abs() < (decoded(best) - value).abs() {
                    best = step;
                }
            }
        }
        ratio(best, STEPS + 1)
    }
}

/// The value at `share` in [0, 1] of the way from `low` to `high`; both ends are exact.
fn between(low: f64, high: f64, scale: Scale, share: f64) -> f64 {
    if share <= 0.0 {
        return low;
    }
    if share >= 1.0 {
        return high;
    }
    let value = match scale {
        Scale::Linear => low * (1.0 - share) + high * share,
        Scale::Log => exp(log(low) * (1.0 - share) + log(high) * share),
    };
    value.clamp(low, high)
}

fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn float(low: f64, high: f64, scale: Scale, step: Option<f64>) -> Domain {
        let step = step.map(|size| Step::new(low, high, size));
        let high = step.map_or(high, Step::last);
        Domain::Float { low, high, scale, step, points: None }
    }

    fn int(low: i64, high: i64, scale: Scale, step: i64) -> Domain {
        Domain::Int { low, high, scale, step }
    }

    #[test]
    fn steps_reach_the_upper_bound_where_they_divide_the_range() {
        let domain = float(0.0, 1.0, Scale::Linear, Some(0.1));
        assert_eq!(domain.levels(), Some(11));
        assert_eq!(domain.grid_value(10), Value::Float(1.0));
        assert_eq!(int(4, 64, Scale::Linear, 4).levels(), Some(16));
        assert_eq!(int(0, 10, Scale::Linear, 4).grid_value(2), Value::Int(8));
    }

    #[test]
    fn a_range_of_one_number_has_one_value() {
        for scale in [Scale::Linear, Scale::Log] {
            let domain = Domain::Float { low: 0.3, high: 0.3, scale, step: None, points: Some(20) };
            assert_eq!((domain.levels(), domain.grid_levels()), (Some(1), Some(1)));
            assert_eq!(domain.grid_value(0), Value::Float(0.3));
            assert_eq!(domain.decode(0.7), Value::Float(0.3));
            assert_eq!(domain.decode(domain.encode(Value::Float(0.3))), Value::Float(0.3));
            assert!(!domain.contains(Value::Float(0.4)));
        }
    }

    #[test]
    fn a_log_scale_gives_every_decade_the_same_share() {
        let domain = float(1e-4, 1.0, Scale::Log, None);
        let Value::Float(middle) = domain.decode(0.5) else { panic!("a float") };
        assert!((middle - 1e-2).abs() < 1e-12);
        let domain = int(1, 999, Scale::Log, 1);
        let share = |from: i64, to: i64| {
            (0..3000)
                .filter(|i| match domain.decode(f64::from(*i) / 3000.0) {
                    Value::Int(value) => (from..to).contains(&value),
                    _ => false,
                })
                .count()
        };
        for (from, to) in [(1, 10), (10, 100), (100, 1000)] {
            assert!(share(from, to).abs_diff(1000) <= 1, "{from}..{to}: {}", share(from, to));
        }
    }

    #[test]
    fn a_grid_over_a_continuous_range_has_both_ends() {
        let domain = Domain::Float {
            low: 0.1,
            high: 0.7,
            scale: Scale::Linear,
            step: None,
            points: Some(4),
        };
        let values: Vec<Value> = (0..4).map(|level| domain.grid_value(level)).collect();
        assert_eq!(values[0], Value::Float(0.1));
        assert_eq!(values[3], Value::Float(0.7));
        assert!(values.iter().all(|value| domain.contains(*value)));
    }

    fn any_domain() -> impl Strategy<Value = Domain> {
        let scale = prop_oneof![Just(Scale::Linear), Just(Scale::Log)];
        prop_oneof![
            (1e-6..1e3, 1e-3..1e6, scale.clone(), proptest::option::of(1e-3..10.0))
                .prop_map(|(low, width, scale, step)| float(low, low + width, scale, step)),
            (1i32..1000, 0i32..100_000, scale.clone(), 1i32..50).prop_map(
                |(low, width, scale, step)| {
                    let [low, high, step] =
                        [low, low + width, step].map(|hundredths| f64::from(hundredths) / 100.0);
                    float(low, high, scale, Some(step))
                }
            ),
            (-1e9..1e9, 0.0..1e12).prop_map(|(low, width)| float(
                low,
                low + width,
                Scale::Linear,
                None
            )),
            (1i64..1000, 0i64..1_000_000_000, scale, 1i64..50)
                .prop_map(|(low, width, scale, step)| int(low, low + width, scale, step)),
            (i64::MIN / 4096..0, 0i64..1 << 40).prop_map(|(low, width)| int(
                low,
                low + width,
                Scale::Linear,
                1
            )),
            Just(Domain::Bool),
            (1usize..9).prop_map(|count| Domain::Labels {
                labels: (0..count).map(|i| i.to_string()).collect(),
                ordered: false
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_decode_returns_encodes_and_decodes_to_itself(
            domain in any_domain(),
            unit in prop_oneof![0.0..1.0, Just(0.0), Just(1.0f64.next_down()), 0.0..1e-9],
        ) {
            let value = domain.decode(unit);
            prop_assert!(domain.contains(value));
            let again = domain.encode(value);
            prop_assert!((0.0..1.0).contains(&again));
            prop_assert_eq!(domain.decode(again), value);
        }

        #[test]
        fn every_level_encodes_and_decodes_to_itself(domain in any_domain(), pick in 0.0..1.0f64) {
            if let Some(levels) = domain.levels() {
                let level = whole(pick * ratio(levels, 1)).min(levels - 1);
                let value = domain.grid_value(level);
                prop_assert_eq!(domain.decode(domain.encode(value)), value);
            }
        }
    }
}
