//! Reading what a strategy says beside its four rules.

use search_spaces::{Section, TemplateError};

use super::compile::Compiler;
use super::expression::{Number, whole_number};
use super::orders::{Level, Orders, PARTIAL_EXITS, Size};
use super::rules::Trail;

/// Which directions the strategy's rules enter.
#[derive(Clone, Copy)]
pub(super) struct Directions {
    pub long: bool,
    pub short: bool,
}

/// Reads the keys of one strategy, and takes down their texts for the fingerprint.
pub(super) struct OrdersReader<'a> {
    pub compiler: &'a Compiler<'a>,
    pub directions: Directions,
    /// `key = text` of all that was read.
    pub texts: Vec<String>,
}

const DISTANCE: &str = "a distance from the entry, such as \"3%\" or \"2 * (high - low)\", or \
                        { price = \"…\", short_price = \"…\" }";
const PRICE: &str = "a price, such as \"highest(high, 20)\", or its distance from the close, \
                     such as \"1%\"";
const SIZE: &str = "\"all\", or a table with one of shares, fraction, risk, volatility_target";

impl OrdersReader<'_> {
    pub(super) fn read(
        &mut self,
        section: &mut Section<'_>,
    ) -> Result<Orders<Number>, TemplateError> {
        let size = self.size(section)?;
        let (entry_stop, entry_limit) = self.entry(section)?;
        let waits = entry_stop.is_some() || entry_limit.is_some();
        let expires = self.bars(section, "expires")?;
        if expires.is_some() && !waits {
            let allowed = "an entry that waits: entry = { limit = \"…\" } or { stop = \"…\" }";
            return Err(section.error("expires", "an entry at the market", allowed));
        }
        let orders = Orders {
            size,
            entry_stop,
            entry_limit,
            expires,
            stop_loss: self.guard(section, "stop_loss")?,
            take_profit: self.guard(section, "take_profit")?,
            trailing_stop: self.guard(section, "trailing_stop")?,
            trail: self.trail(section)?,
            time_stop: self.bars(section, "time_stop")?,
            partial_exits: self.partial_exits(section)?,
        };
        if let Some(Level::Price { .. }) = orders.trailing_stop {
            let allowed = "a distance, such as \"3%\": a trailing stop moves with the price";
            return Err(section.error("trailing_stop", "a price", allowed));
        }
        let has_stop = orders.stop_loss.is_some() || orders.trailing_stop.is_some();
        if matches!(orders.size, Size::Risk(_)) && !has_stop {
            let allowed = "a strategy with stop_loss or trailing_stop, by whose distance it counts";
            return Err(section.error("size", "a size by its risk", allowed));
        }
        Ok(orders)
    }

    fn note(&mut self, section: &Section<'_>, key: &str, text: &str) {
        self.texts.push(format!("{} = {text}", section.path_of(key)));
    }

    /// An expression, if the key is there.
    fn number(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
    ) -> Result<Option<Number>, TemplateError> {
        let Some(text) = section.expression(key)? else { return Ok(None) };
        self.note(section, key, &text);
        self.compiled(section, key, &text).map(Some)
    }

    fn compiled(
        &self,
        section: &Section<'_>,
        key: &str,
        text: &str,
    ) -> Result<Number, TemplateError> {
        self.compiler.number_of(text).map_err(|fault| fault.at(section, key, text))
    }

    fn size(&mut self, section: &mut Section<'_>) -> Result<Size<Number>, TemplateError> {
        if !section.is_table("size") {
            return match section.text("size")?.as_deref() {
                None | Some("all") => Ok(Size::All),
                Some(other) => Err(section.error("size", format!("{other:?}"), SIZE)),
            };
        }
        let mut table = section.section("size")?.expect("it was seen to be a table");
        let shares = self.number(&mut table, "shares")?;
        let fraction = self.number(&mut table, "fraction")?;
        let risk = self.number(&mut table, "risk")?;
        let target = self.number(&mut table, "volatility_target")?;
        let volatility = self.number(&mut table, "volatility")?;
        let size = match (shares, fraction, risk, target, volatility) {
            (Some(shares), None, None, None, None) => Size::Shares(shares),
            (None, Some(fraction), None, None, None) => Size::Fraction(fraction),
            (None, None, Some(risk), None, None) => Size::Risk(risk),
            (None, None, None, Some(target), Some(volatility)) => {
                Size::Volatility { target, volatility }
            }
            (None, None, None, Some(_), None) => {
                let allowed = "the volatility that is divided by, as a fraction";
                return Err(table.missing("volatility", allowed));
            }
            _ => {
                let found = format!("the keys {}", table.keys().join(", "));
                return Err(section.error("size", found, SIZE));
            }
        };
        table.finish()?;
        Ok(size)
    }

    /// The stop and the limit of an entry.
    #[expect(clippy::type_complexity, reason = "a pair of two of the same")]
    fn entry(
        &mut self,
        section: &mut Section<'_>,
    ) -> Result<(Option<Level<Number>>, Option<Level<Number>>), TemplateError> {
        const ALLOWED: &str = "\"market\", or a table with stop, limit or both";
        if !section.is_table("entry") {
            return match section.text("entry")?.as_deref() {
                None | Some("market") => Ok((None, None)),
                Some(other) => Err(section.error("entry", format!("{other:?}"), ALLOWED)),
            };
        }
        let mut table = section.section("entry")?.expect("it was seen to be a table");
        let stop = self.entry_price(&mut table, "stop", "short_stop")?;
        let limit = self.entry_price(&mut table, "limit", "short_limit")?;
        if stop.is_none() && limit.is_none() {
            return Err(section.error("entry", "neither stop nor limit", ALLOWED));
        }
        table.finish()?;
        Ok((stop, limit))
    }

    fn entry_price(
        &mut self,
        table: &mut Section<'_>,
        key: &str,
        short_key: &str,
    ) -> Result<Option<Level<Number>>, TemplateError> {
        if let Some(percent) = self.percent(table, key)? {
            return Ok(Some(percent));
        }
        self.prices(table, key, short_key, PRICE)
    }

    /// A distance in percent, if that is what the key's text is.
    fn percent(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
    ) -> Result<Option<Level<Number>>, TemplateError> {
        let text = section.expression(key)?;
        let Some(number) = text.as_deref().and_then(|text| text.trim_end().strip_suffix('%'))
        else {
            return Ok(None);
        };
        self.note(section, key, text.as_deref().unwrap_or_default());
        let percent = self.compiled(section, key, number)?;
        positive(section, key, &percent)?;
        Ok(Some(Level::Percent(percent)))
    }

    /// Prices for the directions in which the strategy enters.
    fn prices(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
        short_key: &str,
        allowed: &str,
    ) -> Result<Option<Level<Number>>, TemplateError> {
        let long = self.number(section, key)?;
        let short = self.number(section, short_key)?;
        if long.is_none() && short.is_none() {
            return Ok(None);
        }
        let wanted =
            [(key, self.directions.long, &long), (short_key, self.directions.short, &short)];
        for (key, enters, price) in wanted {
            if enters && price.is_none() {
                return Err(section.missing(key, allowed));
            }
            if !enters && price.is_some() {
                let allowed = "no price for a direction that the strategy does not enter";
                return Err(section.error(key, "a price", allowed));
            }
        }
        Ok(Some(Level::Price { long, short }))
    }

    /// The level of an order that guards a position.
    fn guard(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
    ) -> Result<Option<Level<Number>>, TemplateError> {
        if section.is_table(key) {
            let mut table = section.section(key)?.expect("it was seen to be a table");
            let level = self.prices(&mut table, "price", "short_price", PRICE)?;
            table.finish()?;
            return level
                .map(Some)
                .ok_or_else(|| section.error(key, "a table without a price", DISTANCE));
        }
        if let Some(percent) = self.percent(section, key)? {
            return Ok(Some(percent));
        }
        let distance = self.number(section, key)?;
        if let Some(distance) = &distance {
            positive(section, key, distance)?;
        }
        Ok(distance.map(Level::Distance))
    }

    fn trail(&mut self, section: &mut Section<'_>) -> Result<Trail, TemplateError> {
        let trail = section.one_of("trail", Trail::NAMES)?.unwrap_or(Trail::Extreme);
        if trail != Trail::Extreme {
            self.note(section, "trail", trail.name());
        }
        Ok(trail)
    }

    /// A number of bars that is the same for a whole run.
    fn bars(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
    ) -> Result<Option<Number>, TemplateError> {
        let Some(bars) = self.number(section, key)? else { return Ok(None) };
        let allowed = "a whole number of bars from 1 on, of parameters and numbers only";
        if !bars.is_fixed() {
            return Err(section.error(key, "a number that changes from bar to bar", allowed));
        }
        match bars.constant() {
            Some(value) if whole_number(value).is_none() => {
                Err(section.error(key, value.to_string(), allowed))
            }
            _ => Ok(Some(bars)),
        }
    }

    fn partial_exits(
        &mut self,
        section: &mut Section<'_>,
    ) -> Result<Vec<(Level<Number>, Number)>, TemplateError> {
        const KEY: &str = "partial_exits";
        let mut exits = Vec::new();
        for mut step in section.sections(KEY)? {
            let Some(at) = self.guard(&mut step, "at")? else {
                return Err(step.missing("at", DISTANCE));
            };
            let allowed = "the share that is closed, above 0, up to 1";
            let Some(share) = self.number(&mut step, "share")? else {
                return Err(step.missing("share", allowed));
            };
            match share.constant() {
                Some(value) if !(value > 0.0 && value <= 1.0) => {
                    return Err(step.error("share", value.to_string(), allowed));
                }
                _ => exits.push((at, share)),
            }
            step.finish()?;
        }
        if exits.len() > PARTIAL_EXITS {
            let allowed = format!("at most {PARTIAL_EXITS} partial exits");
            return Err(section.error(KEY, exits.len().to_string(), allowed));
        }
        Ok(exits)
    }
}

/// Refuses a distance that would fail every trial in the same way.
fn positive(section: &Section<'_>, key: &str, distance: &Number) -> Result<(), TemplateError> {
    match distance.constant() {
        Some(value) if value.is_nan() || value <= 0.0 => {
            Err(section.error(key, format!("the distance {value}"), "a distance above 0"))
        }
        _ => Ok(()),
    }
}
