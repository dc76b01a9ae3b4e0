//! What trading costs and what can go wrong on the way: the table `[backtest.execution]`.
//!
//! All parts can be combined. Without the table every order is filled at its price, at once and
//! whole. What is left to chance is drawn from the trial's seed.

use search_spaces::{Section, TemplateError};

/// The models of execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Execution {
    pub slippage: Slippage,
    /// Distance between bid and ask as a fraction of the price; each side pays half of it.
    pub spread: f64,
    /// The probabilities of 0, 1, 2 .. bars of delay, added up; empty for none.
    pub latency: Vec<f64>,
    /// The largest part of a bar's volume that one fill can have.
    pub volume_share: Option<f64>,
    /// Probability that a fill does not come about.
    pub failure: f64,
    pub fees: Fees,
}

/// What market and stop orders lose to the market; limit orders never do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Slippage {
    /// Cash for each share.
    pub fixed: f64,
    /// Fraction of the price.
    pub fraction: f64,
    /// Fraction of the price where a fill is as large as the bar's volume; it falls with the
    /// square of its share of the volume.
    pub impact: f64,
}

/// Fees beyond the commission.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fees {
    /// Cash for each share.
    pub per_share: f64,
    /// Cash for each fill.
    pub per_order: f64,
    /// The least cash for each fill, of these fees together.
    pub minimum: f64,
    /// Fraction of the value of fills of limit orders that waited; a rebate where negative.
    pub maker: f64,
    /// Fraction of the value of all other fills.
    pub taker: f64,
    /// Value traded so far, ascending from 0, and the fraction from there on.
    pub tiers: Vec<(f64, f64)>,
    /// Fraction of a long position's value for each day that it is held.
    pub funding: f64,
    /// Fraction of a short position's value for each day that it is held.
    pub borrow: f64,
}

impl Execution {
    /// Reads the table; one that is absent or empty is perfect execution.
    pub(super) fn read(section: &mut Section<'_>, has_volume: bool) -> Result<Self, TemplateError> {
        let mut table = section.section_or_empty("execution")?;
        let mut slippage = table.section_or_empty("slippage").map_err(|error| {
            let allowed = "a table with fixed, fraction or impact, such as { fraction = 0.001 }";
            TemplateError { allowed: allowed.to_owned(), ..error }
        })?;
        let mut execution = Self {
            slippage: Slippage {
                fixed: number(&mut slippage, "fixed", NOT_NEGATIVE)?,
                fraction: number(&mut slippage, "fraction", FRACTION)?,
                impact: number(&mut slippage, "impact", NOT_NEGATIVE)?,
            },
            spread: number(&mut table, "spread", FRACTION)?,
            latency: latency(&mut table)?,
            volume_share: None,
            failure: number(&mut table, "failure", FRACTION)?,
            fees: Fees::read(&mut table)?,
        };
        if let Some(share) = table.number("volume_share")? {
            if !(share > 0.0 && share <= 1.0) {
                let allowed = "a fraction above 0, up to 1, such as 0.1";
                return Err(table.error("volume_share", share.to_string(), allowed));
            }
            execution.volume_share = Some(share);
        }
        if !has_volume && (execution.volume_share.is_some() || execution.slippage.impact > 0.0) {
            let (table, key) = match execution.volume_share {
                Some(_) => (&table, "volume_share"),
                None => (&slippage, "impact"),
            };
            return Err(table.error(key, "a model of volume", "data that have volume"));
        }
        slippage.finish()?;
        table.finish()?;
        Ok(execution)
    }

    /// Everything that differs from perfect execution, for the fingerprint.
    pub(super) fn texts(&self) -> Vec<String> {
        if *self == Self::default() { Vec::new() } else { vec![format!("execution = {self:?}")] }
    }
}

impl Slippage {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Fees {
    fn read(table: &mut Section<'_>) -> Result<Self, TemplateError> {
        let mut section = table.section_or_empty("fees").map_err(|error| {
            let allowed = "a table with per_share, per_order, minimum, maker, taker, tiers, \
                           funding_per_day or borrow_per_day, such as { taker = 0.001 }";
            TemplateError { allowed: allowed.to_owned(), ..error }
        })?;
        let fees = Self {
            per_share: number(&mut section, "per_share", NOT_NEGATIVE)?,
            per_order: number(&mut section, "per_order", NOT_NEGATIVE)?,
            minimum: number(&mut section, "minimum", NOT_NEGATIVE)?,
            maker: number(&mut section, "maker", SMALL)?,
            taker: number(&mut section, "taker", SMALL)?,
            tiers: tiers(&mut section)?,
            funding: number(&mut section, "funding_per_day", SMALL)?,
            borrow: number(&mut section, "borrow_per_day", SMALL)?,
        };
        section.finish()?;
        Ok(fees)
    }

    /// Whether there is any fee at a fill.
    pub(super) fn at_fills(&self) -> bool {
        let held = Self { funding: self.funding, borrow: self.borrow, ..Self::default() };
        *self != held
    }

    /// Whether holding a position costs anything.
    pub(super) fn charge_holding(&self) -> bool {
        self.funding != 0.0 || self.borrow != 0.0
    }

    /// The most that a fill costs whatever its size.
    pub(super) fn fixed(&self) -> f64 {
        if self.minimum > self.per_order { self.minimum } else { self.per_order }
    }

    /// The fraction of a fill's value, after `traded` cash has changed hands.
    pub(super) fn rate(&self, is_maker: bool, traded: f64) -> f64 {
        let side = if is_maker { self.maker } else { self.taker };
        let reached = self.tiers.iter().take_while(|(from, _)| *from <= traded);
        side + reached.last().map_or(0.0, |(_, fraction)| *fraction)
    }

    /// The fees of one fill.
    pub(super) fn of(&self, value: f64, shares: f64, is_maker: bool, traded: f64) -> f64 {
        let fee = value * self.rate(is_maker, traded) + shares * self.per_share + self.per_order;
        // A rebate stays one where there is no minimum.
        if self.minimum > 0.0 && fee < self.minimum { self.minimum } else { fee }
    }
}

/// A range of numbers, and how a message tells of it.
type Range = (fn(f64) -> bool, &'static str);

const NOT_NEGATIVE: Range = (|number| number >= 0.0, "a number from 0 on");
const FRACTION: Range =
    (|number| (0.0..1.0).contains(&number), "a fraction from 0 to below 1, such as 0.001");
const SMALL: Range = (|number| number.abs() < 1.0, "a fraction between -1 and 1, such as 0.0002");

fn number(section: &mut Section<'_>, key: &str, range: Range) -> Result<f64, TemplateError> {
    match section.number(key)? {
        None => Ok(0.0),
        Some(number) if range.0(number) => Ok(number),
        Some(number) => Err(section.error(key, number.to_string(), range.1)),
    }
}

/// A number of bars, or the probabilities of 0, 1, 2 .. bars.
fn latency(section: &mut Section<'_>) -> Result<Vec<f64>, TemplateError> {
    const KEY: &str = "latency";
    let allowed = "a whole number of bars from 0 to 1000, or a list of the weights of 0, 1, 2 .. \
                   bars, none negative and one of them above 0";
    if !section.is_list(KEY) {
        let bars = section.integer(KEY);
        let bars = bars.map_err(|error| TemplateError { allowed: allowed.to_owned(), ..error })?;
        let bars = bars.unwrap_or(0);
        return match usize::try_from(bars) {
            Ok(0) => Ok(Vec::new()),
            Ok(bars) if bars <= 1000 => Ok([vec![0.0; bars], vec![1.0]].concat()),
            _ => Err(section.error(KEY, bars.to_string(), allowed)),
        };
    }
    let weights = section.numbers(KEY)?.unwrap_or_default();
    let total: f64 = weights.iter().sum();
    if weights.iter().any(|weight| *weight < 0.0) || !(total > 0.0 && total.is_finite()) {
        return Err(section.error(KEY, format!("{weights:?}"), allowed));
    }
    let mut sum = 0.0;
    let add = |weight: &f64| {
        sum += weight / total;
        sum
    };
    Ok(weights.iter().map(add).collect())
}

/// Pairs of the value traded so far and the fraction from there on.
fn tiers(section: &mut Section<'_>) -> Result<Vec<(f64, f64)>, TemplateError> {
    let mut tiers: Vec<(f64, f64)> = Vec::new();
    for mut tier in section.sections("tiers")? {
        let from = tier.number("from")?.unwrap_or(0.0);
        let fraction = number(&mut tier, "fraction", SMALL)?;
        if tiers.last().map_or(from < 0.0, |(before, _)| from <= *before) {
            return Err(tier.error("from", from.to_string(), "values that ascend, from 0 on"));
        }
        tier.finish()?;
        tiers.push((from, fraction));
    }
    if tiers.is_empty() && section.keys().iter().any(|key| key == "tiers") {
        return Err(section.error("tiers", "an empty list", "at least one tier"));
    }
    Ok(tiers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_add_up_by_tier_and_side_down_to_a_minimum() {
        let fees = Fees {
            per_share: 0.01,
            per_order: 1.0,
            minimum: 3.0,
            maker: -0.001,
            taker: 0.002,
            tiers: vec![(0.0, 0.01), (1000.0, 0.005)],
            ..Fees::default()
        };
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
        near(fees.of(1000.0, 100.0, false, 0.0), 12.0 + 1.0 + 1.0);
        near(fees.of(1000.0, 100.0, false, 1000.0), 7.0 + 1.0 + 1.0);
        near(fees.of(1000.0, 100.0, true, 999.0), 9.0 + 1.0 + 1.0);
        near(fees.of(10.0, 1.0, true, 0.0), 3.0);
        let rebate = Fees { maker: -0.001, ..Fees::default() };
        near(rebate.of(1000.0, 1.0, true, 0.0), -1.0);
        assert!(fees.at_fills());
        assert!(!Fees { borrow: 0.1, funding: 0.1, ..Fees::default() }.at_fills());
    }
}
