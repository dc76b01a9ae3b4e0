//! What a strategy says beside its four rules: sizes, orders of entry, and the orders that guard a
//! position. First as expressions, then evaluated for a run.

use super::evaluate::{Column, Evaluator, Pool};
use super::expression::{Number, whole_number};
use super::rules::Trail;
use crate::contract::Failure;

/// So many partial exits a strategy can have.
pub(super) const PARTIAL_EXITS: usize = 8;

/// So many steps a trailing stop can have beyond the first, and so many levels a take profit.
pub(super) const STEPS: usize = 8;

/// The orders of a strategy; `N` is an expression, or its values at all bars of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Orders<N> {
    pub size: Size<N>,
    /// Where an entry waits for a price; a market order where both are absent.
    pub entry_stop: Option<Level<N>>,
    pub entry_limit: Option<Level<N>>,
    /// Bars for which an entry waits; for good where absent.
    pub expires: Option<N>,
    pub stop_loss: Option<Level<N>>,
    /// The take profit from the entry on.
    pub take_profit: Option<Level<N>>,
    /// What replaces it with the time; of those whose time has come, the last counts.
    pub later_targets: Vec<LaterTarget<N>>,
    /// The distance of the trailing stop from the entry on.
    pub trailing_stop: Option<Level<N>>,
    /// The distances that it has from a profit on.
    pub trail_steps: Vec<TrailStep<N>>,
    pub trail: Trail,
    /// Bars for which a position is held.
    pub time_stop: Option<N>,
    /// Profit levels, and the share of the position that is closed there.
    pub partial_exits: Vec<(Level<N>, N)>,
}

impl<N> Default for Orders<N> {
    fn default() -> Self {
        Self {
            size: Size::All,
            entry_stop: None,
            entry_limit: None,
            expires: None,
            stop_loss: None,
            take_profit: None,
            later_targets: Vec::new(),
            trailing_stop: None,
            trail_steps: Vec::new(),
            trail: Trail::Extreme,
            time_stop: None,
            partial_exits: Vec::new(),
        }
    }
}

/// How large a position is to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Size<N> {
    /// As large as the equity.
    All,
    /// So many shares.
    Shares(N),
    /// A fraction of the equity.
    Fraction(N),
    /// The fraction of the equity at which the position is as volatile as wished: the target
    /// divided by the symbol's volatility.
    Volatility { target: N, volatility: N },
    /// So large that the way to the stop loses this fraction of the equity.
    Risk(N),
}

/// A take profit that counts from some time in the position on. Its level may lie at the price of
/// the entry, or at a loss.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LaterTarget<N> {
    pub after: After<N>,
    pub at: Level<N>,
}

/// A time since the entry, one and the same for a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum After<N> {
    Bars(N),
    Minutes(N),
}

/// The distance of a trailing stop once the best price is beyond a profit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TrailStep<N> {
    pub activation: Level<N>,
    pub distance: Level<N>,
}

/// A price, given as such or by its distance from another.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Level<N> {
    /// Percent of the other price.
    Percent(N),
    /// Cash for a share.
    Distance(N),
    /// The price itself, for long and for short positions.
    Price { long: Option<N>, short: Option<N> },
}

impl<N> Level<N> {
    fn evaluated<M>(
        &self,
        evaluate: &mut impl FnMut(&N) -> Result<M, Failure>,
    ) -> Result<Level<M>, Failure> {
        Ok(match self {
            Self::Percent(number) => Level::Percent(evaluate(number)?),
            Self::Distance(number) => Level::Distance(evaluate(number)?),
            Self::Price { long, short } => Level::Price {
                long: long.as_ref().map(&mut *evaluate).transpose()?,
                short: short.as_ref().map(&mut *evaluate).transpose()?,
            },
        })
    }
}

/// On which side of the other price a level lies, seen from a long position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Below,
    Above,
}

impl Level<Column<'_>> {
    /// The level at a bar for a position of this sign, as a price times the sign, so that shorts
    /// read as longs; NaN where it is not known, or a distance is not above zero.
    pub(super) fn signed(&self, bar: usize, sign: f64, other: f64, side: Side) -> f64 {
        let positive = |number: f64| if number > 0.0 { number } else { f64::NAN };
        self.placed(bar, sign, other, side, positive)
    }

    /// The level at which a position has gained so much since its entry: a price times the sign, as
    /// before. A distance below zero is a loss.
    pub(super) fn gained(&self, bar: usize, sign: f64, entry: f64) -> f64 {
        self.placed(bar, sign, entry, Side::Above, |number| number)
    }

    fn placed(
        &self,
        bar: usize,
        sign: f64,
        other: f64,
        side: Side,
        checked: impl Fn(f64) -> f64,
    ) -> f64 {
        let toward = match side {
            Side::Below => -sign,
            Side::Above => sign,
        };
        match self {
            Self::Percent(percent) => {
                // Multiplied before it is divided, so that 10 % above 100 is 110 and nothing else.
                sign * (other + toward * (other * checked(percent.at(bar)) / 100.0))
            }
            Self::Distance(distance) => sign * (other + toward * checked(distance.at(bar))),
            Self::Price { long, short } => {
                let price = if sign > 0.0 { long } else { short };
                price.as_ref().map_or(f64::NAN, |price| sign * price.at(bar))
            }
        }
    }

    /// How a trailing stop follows from a level times the sign: the factor, and what is taken off.
    pub(super) fn trail(&self, bar: usize, sign: f64) -> (f64, f64) {
        match self {
            Self::Percent(percent) => (1.0 - sign * (percent.at(bar) / 100.0), 0.0),
            Self::Distance(distance) => (1.0, distance.at(bar)),
            Self::Price { .. } => unreachable!("the reader refuses it"),
        }
    }

    /// Whether it is left out, because its parameter is inactive.
    fn is_inactive(&self) -> bool {
        self.fixed().is_some_and(f64::is_nan)
    }

    /// The number from which a distance follows, where the level is one and the same for a run.
    fn fixed(&self) -> Option<f64> {
        match self {
            Self::Percent(number) | Self::Distance(number) => number.fixed(),
            Self::Price { .. } => None,
        }
    }
}

impl Orders<Column<'_>> {
    /// Whether all levels of a position are known when it is decided; `price` stands for that of
    /// its entry, which is not known yet.
    pub(super) fn are_known(&self, bar: usize, sign: f64, price: f64) -> bool {
        let is_known =
            |level: &Level<Column<'_>>| !level.signed(bar, sign, price, Side::Below).is_nan();
        let is_gain_known = |level: &Level<Column<'_>>| !level.gained(bar, sign, price).is_nan();
        self.stop_loss.iter().all(is_known)
            && self.take_profit.iter().all(is_known)
            && self.later_targets.iter().all(|target| is_gain_known(&target.at))
            && self.trailing_stop.iter().all(is_known)
            && self
                .trail_steps
                .iter()
                .all(|step| is_gain_known(&step.activation) && is_known(&step.distance))
            && self.partial_exits.iter().all(|(at, share)| is_known(at) && share.at(bar) > 0.0)
    }
}

impl<'a> Orders<Column<'a>> {
    /// Gives the memory of all columns back.
    pub(super) fn recycle(self, pool: &mut Pool) {
        let mut level = |level: Option<Level<Column<'a>>>| match level {
            Some(Level::Percent(column) | Level::Distance(column)) => pool.take_back(column),
            Some(Level::Price { long, short }) => {
                long.into_iter().chain(short).for_each(|column| pool.take_back(column));
            }
            None => {}
        };
        let Self { entry_stop, entry_limit, stop_loss, take_profit, trailing_stop, .. } = self;
        [entry_stop, entry_limit, stop_loss, take_profit, trailing_stop]
            .into_iter()
            .for_each(&mut level);
        for (at, share) in self.partial_exits {
            level(Some(at));
            level(Some(Level::Distance(share)));
        }
        self.later_targets.into_iter().for_each(|target| level(Some(target.at)));
        for TrailStep { activation, distance } in self.trail_steps {
            level(Some(activation));
            level(Some(distance));
        }
        match self.size {
            Size::All => {}
            Size::Shares(column) | Size::Fraction(column) | Size::Risk(column) => {
                pool.take_back(column);
            }
            Size::Volatility { target, volatility } => {
                pool.take_back(target);
                pool.take_back(volatility);
            }
        }
    }
}

impl<N> Orders<N> {
    /// Whether a position is guarded by any level.
    pub(super) fn guards(&self) -> bool {
        self.stop_loss.is_some()
            || self.take_profit.is_some()
            || !self.later_targets.is_empty()
            || self.trailing_stop.is_some()
            || !self.trail_steps.is_empty()
            || !self.partial_exits.is_empty()
    }

    /// Whether entries wait for a price.
    pub(super) fn waits(&self) -> bool {
        self.entry_stop.is_some() || self.entry_limit.is_some()
    }
}

impl Orders<Number> {
    /// Whether a strategy has nothing beyond its four rules.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self { trail: self.trail, ..Self::default() }
    }

    /// The values of all expressions in a run. A level whose parameter is inactive is absent.
    ///
    /// # Errors
    /// A number of bars that is not whole, or a distance that is not above zero, for all bars.
    pub(super) fn evaluated<'a>(
        &self,
        evaluator: &mut Evaluator<'a, '_>,
    ) -> Result<Orders<Column<'a>>, Failure> {
        let mut number = |number: &Number| evaluator.number(number);
        let size = match &self.size {
            Size::All => Size::All,
            Size::Shares(shares) => Size::Shares(number(shares)?),
            Size::Fraction(fraction) => Size::Fraction(number(fraction)?),
            Size::Volatility { target, volatility } => {
                Size::Volatility { target: number(target)?, volatility: number(volatility)? }
            }
            Size::Risk(fraction) => Size::Risk(number(fraction)?),
        };
        let mut level = |key: &str, level: &Option<Level<Number>>| match level {
            None => Ok(None),
            Some(level) => present(key, level.evaluated(&mut number)?),
        };
        let (entry_stop, entry_limit) =
            (level("entry.stop", &self.entry_stop)?, level("entry.limit", &self.entry_limit)?);
        let stop_loss = level("stop_loss", &self.stop_loss)?;
        let take_profit = level("take_profit", &self.take_profit)?;
        let trailing_stop = level("trailing_stop", &self.trailing_stop)?;
        let trail_steps = self.steps(&mut number)?;
        let later_targets = self.targets(&mut number)?;
        let mut partial_exits = Vec::new();
        for (at, share) in &self.partial_exits {
            let at = present("partial_exits.at", at.evaluated(&mut number)?)?;
            let share = number(share)?;
            if let Some(found) = share.fixed().filter(|share| !(*share > 0.0 && *share <= 1.0)) {
                if found.is_nan() {
                    continue;
                }
                let message =
                    format!("found the share {found} of partial_exits, allowed: above 0, up to 1");
                return Err(Failure::new(message));
            }
            partial_exits.extend(at.map(|at| (at, share)));
        }
        let mut bars = |key: &str, bars: &Option<Number>| match bars {
            None => Ok(None),
            Some(bars) => whole(key, number(bars)?),
        };
        let (expires, time_stop) =
            (bars("expires", &self.expires)?, bars("time_stop", &self.time_stop)?);
        let trail = self.trail;
        Ok(Orders {
            size,
            entry_stop,
            entry_limit,
            expires,
            stop_loss,
            take_profit,
            later_targets,
            trailing_stop,
            trail_steps,
            trail,
            time_stop,
            partial_exits,
        })
    }
}

impl Orders<Number> {
    /// The steps of the trailing stop beyond the first, but for inactive ones.
    fn steps<'a>(
        &self,
        number: &mut impl FnMut(&Number) -> Result<Column<'a>, Failure>,
    ) -> Result<Vec<TrailStep<Column<'a>>>, Failure> {
        let mut steps = Vec::new();
        for TrailStep { activation, distance } in &self.trail_steps {
            let distance = present("trailing_stop.distance", distance.evaluated(number)?)?;
            let step = from_zero(activation.evaluated(number)?)?.zip(distance);
            steps.extend(step.map(|(activation, distance)| TrailStep { activation, distance }));
        }
        Ok(steps)
    }

    /// The later levels of the take profit, but for inactive ones.
    fn targets<'a>(
        &self,
        number: &mut impl FnMut(&Number) -> Result<Column<'a>, Failure>,
    ) -> Result<Vec<LaterTarget<Column<'a>>>, Failure> {
        let mut targets = Vec::new();
        for LaterTarget { after, at } in &self.later_targets {
            let at = at.evaluated(number)?;
            let after = after.evaluated(number)?.filter(|_| !at.is_inactive());
            targets.extend(after.map(|after| LaterTarget { after, at }));
        }
        Ok(targets)
    }
}

impl After<Number> {
    /// The time in a run, unless its parameter is inactive.
    fn evaluated<'a>(
        &self,
        number: &mut impl FnMut(&Number) -> Result<Column<'a>, Failure>,
    ) -> Result<Option<After<Column<'a>>>, Failure> {
        Ok(match self {
            Self::Bars(bars) => whole("take_profit.bars", number(bars)?)?.map(After::Bars),
            Self::Minutes(minutes) => {
                let minutes = number(minutes)?;
                match minutes.fixed() {
                    Some(found) if found.is_nan() => None,
                    Some(found) if found <= 0.0 => {
                        let message = format!(
                            "found {found} minutes of take_profit, allowed: a number above 0"
                        );
                        return Err(Failure::new(message));
                    }
                    _ => Some(After::Minutes(minutes)),
                }
            }
        })
    }
}

/// The profit from which a step of a trailing stop counts, unless its parameter is inactive.
fn from_zero(level: Level<Column<'_>>) -> Result<Option<Level<Column<'_>>>, Failure> {
    match level.fixed() {
        Some(number) if number.is_nan() => Ok(None),
        Some(number) if number < 0.0 => {
            let message = format!(
                "found the activation {number} of trailing_stop, allowed: a number from 0 on"
            );
            Err(Failure::new(message))
        }
        _ => Ok(Some(level)),
    }
}

/// The level, unless its parameter is inactive.
fn present<'a>(key: &str, level: Level<Column<'a>>) -> Result<Option<Level<Column<'a>>>, Failure> {
    match level.fixed() {
        Some(number) if number.is_nan() => Ok(None),
        Some(number) if number <= 0.0 => {
            let message =
                format!("found the distance {number} of {key}, allowed: a number above 0");
            Err(Failure::new(message))
        }
        _ => Ok(Some(level)),
    }
}

/// A number of bars, unless its parameter is inactive.
fn whole<'a>(key: &str, bars: Column<'a>) -> Result<Option<Column<'a>>, Failure> {
    match bars.fixed() {
        Some(number) if number.is_nan() => Ok(None),
        Some(number) if whole_number(number).is_none() => {
            let message =
                format!("found {number} bars of {key}, allowed: a whole number from 1 on");
            Err(Failure::new(message))
        }
        _ => Ok(Some(bars)),
    }
}
