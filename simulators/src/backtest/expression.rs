//! A compiled strategy: typed expressions whose names are resolved and whose kinds are checked.
//!
//! A number is either *fixed* for a run (made of parameters and literals) or a series with a value
//! for each bar. Conditions likewise.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use search_spaces::Value;
use search_spaces::expr::BinaryOp;

use super::data::Price;
use super::events::EventKind;
use super::indicators::Indicator;
use super::orders::Orders;

/// The four rules of a strategy, of which at least one entry is there, and its orders.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Strategy {
    pub long_entry: Option<Condition>,
    pub long_exit: Option<Condition>,
    pub short_entry: Option<Condition>,
    pub short_exit: Option<Condition>,
    pub orders: Orders<Number>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Minimum,
    Maximum,
}

impl Operation {
    /// Applies the operation; a minimum or maximum with a NaN is NaN.
    #[inline]
    pub(super) fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            _ if a.is_nan() || b.is_nan() => f64::NAN,
            // Written out, because `f64::min` may return either of two zeros.
            Self::Minimum => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Self::Maximum => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

/// What makes one number of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Negate,
    Absolute,
    Logarithm,
    Exponential,
    SquareRoot,
}

impl Function {
    pub(super) const NAMES: [(&'static str, Self); 4] = [
        ("abs", Self::Absolute),
        ("log", Self::Logarithm),
        ("exp", Self::Exponential),
        ("sqrt", Self::SquareRoot),
    ];

    #[inline]
    pub(super) fn apply(self, a: f64) -> f64 {
        match self {
            Self::Negate => -a,
            Self::Absolute => a.abs(),
            Self::Logarithm => libm::log(a),
            Self::Exponential => libm::exp(a),
            Self::SquareRoot => a.sqrt(),
        }
    }
}

/// What makes one number of the numbers that all symbols have at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Across {
    /// 1 for the symbol with the largest number; equal numbers have equal ranks.
    Rank,
    Mean,
}

impl Across {
    pub(super) const NAMES: [(&'static str, Self); 2] =
        [("rank_across", Self::Rank), ("mean_across", Self::Mean)];
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Constant(f64),
    /// Index of a float or int parameter.
    Parameter(usize),
    Price(Price),
    /// Index of a further column of the data.
    Signal(usize),
    /// The number of the trading day.
    Session,
    Unary(Function, Box<Number>),
    Binary(Operation, Box<Number>, Box<Number>),
    /// The series, and the lengths and factors, which are fixed.
    Indicator(Indicator, Vec<Number>, Vec<Number>),
    /// A formula, whose column is worth keeping.
    Kept(Box<Number>),
    /// A number on coarser bars; the index of a timeframe of the strategy.
    Coarser(usize, Box<Number>),
    /// A number of another symbol, by its index.
    Of(usize, Box<Number>),
    Across(Across, Box<Number>),
}

impl Number {
    /// Whether the number is the same for all bars of a run.
    pub(super) fn is_fixed(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Parameter(_) => true,
            Self::Unary(_, a) => a.is_fixed(),
            Self::Binary(_, a, b) => a.is_fixed() && b.is_fixed(),
            _ => false,
        }
    }

    /// The value of a fixed number at a point; an inactive parameter is NaN.
    pub(super) fn fixed(&self, values: &[Value]) -> Option<f64> {
        self.evaluate(&|index| Some(values[index].as_number().unwrap_or(f64::NAN)))
    }

    /// The value of a number that is made of literals alone, and thus the same at all points.
    pub(super) fn constant(&self) -> Option<f64> {
        self.evaluate(&|_| None)
    }

    /// The value, where prices do not matter and `parameter` has an answer for all that do.
    fn evaluate(&self, parameter: &impl Fn(usize) -> Option<f64>) -> Option<f64> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Parameter(index) => parameter(*index),
            Self::Unary(function, a) => Some(function.apply(a.evaluate(parameter)?)),
            Self::Binary(operation, a, b) => {
                Some(operation.apply(a.evaluate(parameter)?, b.evaluate(parameter)?))
            }
            _ => None,
        }
    }

    /// Adds the indices of all parameters in it.
    fn collect_parameters(&self, found: &mut BTreeSet<usize>) {
        match self {
            Self::Constant(_) | Self::Price(_) | Self::Signal(_) | Self::Session => {}
            Self::Parameter(index) => {
                found.insert(*index);
            }
            Self::Unary(_, a)
            | Self::Kept(a)
            | Self::Coarser(_, a)
            | Self::Of(_, a)
            | Self::Across(_, a) => a.collect_parameters(found),
            Self::Binary(_, a, b) => {
                a.collect_parameters(found);
                b.collect_parameters(found);
            }
            Self::Indicator(_, series, numbers) => {
                series.iter().chain(numbers).for_each(|each| each.collect_parameters(found));
            }
        }
    }

    /// Appends words that identify the series at a point: two numbers with the same words have
    /// the same values on the same bars.
    pub(super) fn identify(&self, values: &[Value], words: &mut Vec<u64>) {
        if let Some(value) = self.fixed(values) {
            words.extend([0, value.to_bits()]);
            return;
        }
        match self {
            Self::Constant(_) | Self::Parameter(_) => unreachable!("these are fixed"),
            Self::Price(price) => words.extend([1, *price as u64]),
            Self::Signal(index) => words.extend([2, *index as u64]),
            Self::Session => words.push(3),
            Self::Unary(function, a) => {
                words.extend([4, *function as u64]);
                a.identify(values, words);
            }
            Self::Binary(operation, a, b) => {
                words.extend([5, *operation as u64]);
                a.identify(values, words);
                b.identify(values, words);
            }
            // How many follow is known from the indicator.
            Self::Indicator(indicator, series, numbers) => {
                words.extend([6, *indicator as u64]);
                series.iter().chain(numbers).for_each(|each| each.identify(values, words));
            }
            Self::Kept(a) => a.identify(values, words),
            Self::Coarser(timeframe, a) => {
                words.extend([7, *timeframe as u64]);
                a.identify(values, words);
            }
            Self::Of(symbol, a) => {
                words.extend([8, *symbol as u64]);
                a.identify(values, words);
            }
            Self::Across(across, a) => {
                words.extend([9, *across as u64]);
                a.identify(values, words);
            }
        }
    }
}

/// The number as a length of an indicator, if it is whole and from 1 to 2^53.
pub(super) fn whole_number(number: f64) -> Option<usize> {
    let fits = number >= 1.0 && number == number.floor() && number <= 9_007_199_254_740_992.0;
    fits.then_some(number as usize)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

impl Comparison {
    pub(super) fn of(op: BinaryOp) -> Option<Self> {
        Some(match op {
            BinaryOp::Less => Self::Less,
            BinaryOp::LessEqual => Self::LessEqual,
            BinaryOp::Greater => Self::Greater,
            BinaryOp::GreaterEqual => Self::GreaterEqual,
            BinaryOp::Equal => Self::Equal,
            BinaryOp::NotEqual => Self::NotEqual,
            _ => return None,
        })
    }

    /// Exchanges the sides.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            same => same,
        }
    }

    /// Compares; whatever is compared with NaN is false, inequality included.
    #[inline]
    pub(super) fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Less => a < b,
            Self::LessEqual => a <= b,
            Self::Greater => a > b,
            Self::GreaterEqual => a >= b,
            Self::Equal => a == b,
            Self::NotEqual => a.partial_cmp(&b).is_some_and(Ordering::is_ne),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Constant(bool),
    /// Index of a bool parameter; false where inactive.
    Flag(usize),
    /// A choice or ordinal parameter against the index of a label; false where inactive.
    Label(Comparison, usize, u32),
    /// Whether the symbol is the one of this index.
    Symbol(usize),
    /// Whether an event of the direction, and of the tag with this index if there is one, became
    /// known with the bar.
    Event(EventKind, Option<usize>),
    /// A comparison or a cross that comes again at other points.
    Kept(Box<Condition>),
    Compare(Comparison, Number, Number),
    /// The first number crosses the second: from below to above it, or the other way with `Less`.
    Cross(Comparison, Number, Number),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

impl Condition {
    /// A comparison or a cross, marked to be kept where it comes again at other points: those that
    /// differ in a parameter that it does not have.
    pub(super) fn kept(self, parameters: usize) -> Self {
        let mut found = BTreeSet::new();
        if let Self::Compare(_, a, b) | Self::Cross(_, a, b) = &self {
            a.collect_parameters(&mut found);
            b.collect_parameters(&mut found);
        }
        if found.len() < parameters { Self::Kept(Box::new(self)) } else { self }
    }

    /// Appends words that identify a comparison or a cross at a point.
    pub(super) fn identify(&self, values: &[Value], words: &mut Vec<u64>) {
        let (kind, comparison, a, b) = match self {
            Self::Compare(comparison, a, b) => (0, comparison, a, b),
            Self::Cross(comparison, a, b) => (1, comparison, a, b),
            _ => unreachable!("no other condition is kept"),
        };
        words.extend([kind, *comparison as u64]);
        a.identify(values, words);
        b.identify(values, words);
    }
}
