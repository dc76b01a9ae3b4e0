//! From a compiled rule and a point to a mask of the bars at which it holds.

use std::sync::Arc;

use search_spaces::Value;

use super::cache::{Cache, Weight};
use super::compare::Below;
use super::data::Series;
use super::events::Events;
use super::expression::{Condition, Number, whole_number};
use super::frames::Frames;
use super::indicators::{Indicator, Kind};
use super::mask::{self, Mask};
use super::settings::{Crossing, Summation};
use super::shadow::{Shaded, Shadow, shadow};
use crate::contract::Failure;

/// Columns and masks to be used again, so that a run allocates almost nothing.
#[derive(Debug, Default)]
pub(super) struct Pool {
    columns: Vec<Vec<f64>>,
    pub(super) masks: Vec<Vec<u64>>,
    key: Vec<u64>,
}

impl Pool {
    pub(super) fn mask(&mut self) -> Vec<u64> {
        self.masks.pop().unwrap_or_default()
    }

    /// Takes back the memory of a mask.
    pub(super) fn recycle(&mut self, mask: Mask) {
        if let Mask::Bits(bits) = mask {
            self.masks.push(bits);
        }
    }

    /// Takes back the memory of a column.
    pub(super) fn take_back(&mut self, column: Column<'_>) {
        if let Column::Own(values) = column {
            self.columns.push(values);
        }
    }
}

/// A number over all bars.
#[derive(Clone, Debug)]
pub(super) enum Column<'a> {
    Same(f64),
    Data(&'a [f64], Option<&'a [f32]>),
    Shared(Arc<Known>),
    Own(Vec<f64>),
}

impl Column<'_> {
    pub(super) fn slice(&self) -> Result<&[f64], f64> {
        match self {
            Self::Same(value) => Err(*value),
            Self::Data(values, _) => Ok(values),
            Self::Shared(known) => Ok(&known.values),
            Self::Own(values) => Ok(values),
        }
    }

    /// The number at a bar.
    #[inline]
    pub(super) fn at(&self, bar: usize) -> f64 {
        match self.slice() {
            Ok(values) => values[bar],
            Err(value) => value,
        }
    }

    /// The column with its shadow, where it has one.
    pub(super) fn shaded(&self) -> Option<Shaded<'_>> {
        match self {
            Self::Data(values, shadow) => shadow.map(|shadow| Shaded { values, shadow }),
            Self::Shared(known) => Some(Shaded { values: &known.values, shadow: &known.shadow }),
            Self::Same(_) | Self::Own(_) => None,
        }
    }

    /// Whether both are one and the same: equal columns need not be.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Same(a), Self::Same(b)) => a.to_bits() == b.to_bits(),
            (Self::Data(a, _), Self::Data(b, _)) => std::ptr::eq(*a, *b),
            (Self::Shared(a), Self::Shared(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The number, where it is the same for all bars.
    pub(super) fn fixed(&self) -> Option<f64> {
        self.slice().err()
    }
}

/// A column that is kept.
#[derive(Debug)]
pub(super) struct Known {
    pub values: Vec<f64>,
    pub shadow: Shadow,
    /// The first bar at which there is a value.
    pub from: usize,
}

impl Weight for Known {
    fn bytes(&self) -> usize {
        size_of_val(&*self.values) + size_of_val(&*self.shadow)
    }
}

/// A mask that is kept.
#[derive(Debug)]
pub(super) struct KnownMask {
    bits: Vec<u64>,
    /// The first bar at which all indicators of the comparison have a value.
    warm_up: usize,
}

impl Weight for KnownMask {
    fn bytes(&self) -> usize {
        size_of_val(&*self.bits)
    }
}

/// What the rules of all symbols are evaluated from.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub all: &'a [Series],
    pub frames: &'a Frames,
    pub events: &'a Events,
    pub values: &'a [Value],
    pub summation: Summation,
    pub crossing: Crossing,
    pub cache: &'a Cache<Known>,
    pub masks: &'a Cache<KnownMask>,
}

/// Evaluates the rules of one run on the bars of one symbol.
pub(super) struct Evaluator<'a, 'p> {
    pub world: World<'a>,
    pub symbol: usize,
    /// The index of a timeframe; none for the bars of the data.
    pub timeframe: Option<usize>,
    pub series: &'a Series,
    pub pool: &'p mut Pool,
    /// The first bar at which all indicators that were evaluated so far are known.
    pub warm_up: usize,
    /// The comparisons of this run so far.
    pub compared: Vec<Below<'a>>,
}

/// Why no column is kept.
pub(super) enum Unkept {
    /// It would have the same number at all bars.
    Same(f64),
    Failed(Failure),
}

impl From<Failure> for Unkept {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl<'a> Evaluator<'a, '_> {
    /// The bars at which `condition` holds.
    ///
    /// # Errors
    /// A length of an indicator that is no whole number from 1 on.
    pub(super) fn condition(&mut self, condition: &Condition) -> Result<Mask, Failure> {
        Ok(match condition {
            Condition::Constant(value) => Mask::All(*value),
            Condition::Flag(index) => Mask::All(self.world.values[*index] == Value::Bool(true)),
            Condition::Label(comparison, index, wanted) => {
                Mask::All(match self.world.values[*index] {
                    Value::Label(label) => comparison.holds(f64::from(label), f64::from(*wanted)),
                    _ => false,
                })
            }
            Condition::Symbol(index) => Mask::All(*index == self.symbol),
            Condition::Event(kind, tag) => {
                let (events, bits) = (self.world.events, self.pool.mask());
                events.mask(self.symbol, *kind, *tag, self.series.len(), bits)
            }
            Condition::Kept(inner) => self.kept_mask(inner)?,
            Condition::Compare(comparison, a, b) => self.compare(*comparison, a, b)?,
            Condition::Cross(after, a, b) => self.cross(*after, a, b)?,
            Condition::Not(inner) => match self.condition(inner)? {
                Mask::All(value) => Mask::All(!value),
                Mask::Bits(mut bits) => {
                    for word in &mut bits {
                        *word = !*word;
                    }
                    mask::trim(&mut bits, self.series.len());
                    Mask::Bits(bits)
                }
            },
            Condition::And(a, b) => self.join(a, b, false, |a, b| a & b)?,
            Condition::Or(a, b) => self.join(a, b, true, |a, b| a | b)?,
        })
    }

    /// The bars at which a comparison holds, looked for in the cache first.
    fn kept_mask(&mut self, condition: &Condition) -> Result<Mask, Failure> {
        let mut key = std::mem::take(&mut self.pool.key);
        key.clear();
        key.push(self.symbol as u64);
        condition.identify(self.world.values, &mut key);
        let before = std::mem::take(&mut self.warm_up);
        let masks = self.world.masks;
        let found = masks.get(&key, || match self.condition(condition) {
            Ok(Mask::Bits(bits)) => Ok(KnownMask { bits, warm_up: self.warm_up }),
            other => Err(other),
        });
        self.pool.key = key;
        let mask = match found {
            Ok(found) => {
                self.warm_up = found.warm_up;
                let mut bits = self.pool.mask();
                bits.clear();
                bits.extend_from_slice(&found.bits);
                Ok(Mask::Bits(bits))
            }
            Err(other) => other,
        };
        self.warm_up = self.warm_up.max(before);
        mask
    }

    /// Joins two conditions; `decisive` is the value of the first with which the second does not
    /// matter, and is not evaluated.
    fn join(
        &mut self,
        a: &Condition,
        b: &Condition,
        decisive: bool,
        operator: fn(u64, u64) -> u64,
    ) -> Result<Mask, Failure> {
        let mut bits = match self.condition(a)? {
            Mask::All(value) if value == decisive => return Ok(Mask::All(value)),
            Mask::All(_) => return self.condition(b),
            Mask::Bits(bits) => bits,
        };
        match self.condition(b)? {
            Mask::All(value) if value == decisive => {
                self.pool.masks.push(bits);
                Ok(Mask::All(value))
            }
            Mask::All(_) => Ok(Mask::Bits(bits)),
            Mask::Bits(other) => {
                for (word, other) in bits.iter_mut().zip(&other) {
                    *word = operator(*word, *other);
                }
                self.pool.masks.push(other);
                Ok(Mask::Bits(bits))
            }
        }
    }

    /// The values of `number`.
    ///
    /// # Errors
    /// A length of an indicator that is no whole number from 1 on.
    pub(super) fn number(&mut self, number: &Number) -> Result<Column<'a>, Failure> {
        if let Some(value) = number.fixed(self.world.values) {
            return Ok(Column::Same(value));
        }
        match number {
            Number::Constant(_) | Number::Parameter(_) => unreachable!("these are fixed"),
            Number::Price(price) => {
                let shadow = self.series.price_shadow(*price);
                Ok(Column::Data(self.series.price(*price), shadow))
            }
            Number::Signal(index) => Ok(Column::Data(&self.series.signals[*index].values, None)),
            Number::Unary(function, a) => self.map(a, |a| function.apply(a)),
            Number::Binary(operation, a, b) => {
                let (a, b) = (self.number(a)?, self.number(b)?);
                let mut values = self.pool.columns.pop().unwrap_or_default();
                values.clear();
                let apply = |a: f64, b: f64| operation.apply(a, b);
                match (a.slice(), b.slice()) {
                    (Ok(a), Ok(b)) => values.extend(a.iter().zip(b).map(|(a, b)| apply(*a, *b))),
                    (Ok(a), Err(b)) => values.extend(a.iter().map(|a| apply(*a, b))),
                    (Err(a), Ok(b)) => values.extend(b.iter().map(|b| apply(a, *b))),
                    // Indicators whose parameters are inactive.
                    (Err(a), Err(b)) => {
                        self.pool.columns.push(values);
                        return Ok(Column::Same(apply(a, b)));
                    }
                }
                self.recycle([a, b]);
                Ok(Column::Own(values))
            }
            Number::Indicator(indicator, series, numbers) => {
                self.kept(number, |this| this.indicator(*indicator, series, numbers))
            }
            Number::Kept(inner) => self.kept(number, |this| this.whole(inner)),
            Number::Session => self.kept(number, |this| Ok(this.sessions())),
            Number::Coarser(timeframe, a) => self.kept(number, |this| this.coarser(*timeframe, a)),
            Number::Of(symbol, a) => self.kept(number, |this| this.of(*symbol, a)),
            Number::Across(across, a) => self.kept(number, |this| this.across(*across, a)),
        }
    }

    fn map(&mut self, a: &Number, function: impl Fn(f64) -> f64) -> Result<Column<'a>, Failure> {
        let a = self.number(a)?;
        let mut values = self.pool.columns.pop().unwrap_or_default();
        values.clear();
        match a.slice() {
            Ok(from) => values.extend(from.iter().map(|a| function(*a))),
            Err(same) => {
                self.pool.columns.push(values);
                return Ok(Column::Same(function(same)));
            }
        }
        self.recycle([a]);
        Ok(Column::Own(values))
    }

    /// A column that is computed once for all runs that need it.
    fn kept(
        &mut self,
        number: &Number,
        compute: impl FnOnce(&mut Self) -> Result<Vec<f64>, Unkept>,
    ) -> Result<Column<'a>, Failure> {
        let mut key = std::mem::take(&mut self.pool.key);
        key.clear();
        let frame = self.timeframe.map_or(0, |timeframe| timeframe as u64 + 1);
        key.extend([self.symbol as u64, frame]);
        number.identify(self.world.values, &mut key);
        let cache = self.world.cache;
        let column = cache.get(&key, || {
            compute(self).map(|values| {
                let shadow = shadow(&values);
                let from = values.iter().position(|value| !value.is_nan());
                Known { shadow, from: from.unwrap_or(values.len()), values }
            })
        });
        self.pool.key = key;
        let column = match column {
            Ok(column) => column,
            Err(Unkept::Same(value)) => return Ok(Column::Same(value)),
            Err(Unkept::Failed(failure)) => return Err(failure),
        };
        self.warm_up = self.warm_up.max(column.from);
        Ok(Column::Shared(column))
    }

    fn whole(&mut self, number: &Number) -> Result<Vec<f64>, Unkept> {
        match self.number(number)? {
            Column::Own(values) => Ok(values),
            Column::Same(value) => Err(Unkept::Same(value)),
            column => Ok(column.slice().expect("one number for each bar").to_vec()),
        }
    }

    fn indicator(
        &mut self,
        indicator: Indicator,
        series: &[Number],
        numbers: &[Number],
    ) -> Result<Vec<f64>, Unkept> {
        let mut fixed = Vec::with_capacity(numbers.len());
        let arguments = &indicator.definition().arguments[series.len()..];
        for (number, argument) in numbers.iter().zip(arguments) {
            let number = number.fixed(self.world.values);
            let number = number.expect("the compiler has checked that it is fixed");
            if number.is_nan() {
                // An inactive parameter: the indicator is never known.
                return Err(Unkept::Same(f64::NAN));
            }
            if argument.kind == Kind::Length && whole_number(number).is_none() {
                let name = indicator.name();
                let message = format!(
                    "found the length {number} of {name}, allowed: a whole number from 1 on"
                );
                return Err(Failure::new(message).into());
            }
            fixed.push(number);
        }
        let mut columns = Vec::with_capacity(series.len());
        for number in series {
            columns.push(match self.number(number)? {
                Column::Same(value) => {
                    let mut values = self.pool.columns.pop().unwrap_or_default();
                    values.clear();
                    values.resize(self.series.len(), value);
                    Column::Own(values)
                }
                column => column,
            });
        }
        let slices: Vec<&[f64]> =
            columns.iter().map(|column| column.slice().expect("made so above")).collect();
        let values = indicator.compute(&slices, &fixed, self.world.summation);
        for column in columns {
            self.pool.take_back(column);
        }
        Ok(values)
    }

    pub(super) fn recycle<const N: usize>(&mut self, columns: [Column<'_>; N]) {
        for column in columns {
            self.pool.take_back(column);
        }
    }
}
