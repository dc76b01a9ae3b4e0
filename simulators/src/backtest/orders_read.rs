//! Reading what a strategy says beside its four rules.

use search_spaces::{Section, TemplateError};

use super::compile::Compiler;
use super::expression::{Number, whole_number};
use super::orders::{After, LaterTarget, Level, Orders, PARTIAL_EXITS, STEPS, Size, TrailStep};
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
    /// The value of all positions that the account may have, as a fraction of its equity.
    pub max_gross: f64,
    /// `key = text` of all that was read.
    pub texts: Vec<String>,
}

const DISTANCE: &str = "a distance from the entry, such as \"3%\" or \"2 * (high - low)\", or \
                        { price = \"…\", short_price = \"…\" }";
const PRICE: &str = "a price, such as \"highest(high, 20)\", or its distance from the close, \
                     such as \"1%\"";
const TARGETS: &str = "a distance from the entry, such as \"3%\", or a list of levels, such as \
                       [{ at = \"8%\" }, { bars = 20, at = \"2%\" }]";
const TRAIL: &str = "a distance, such as \"3%\": a trailing stop moves with the price; or a list of \
                     them, such as [{ distance = \"8%\" }, { activation = \"5%\", distance = \"3%\" }]";
const SIZE: &str = "\"all\", or a table with one of shares, fraction, risk, volatility_target, \
                    such as { fraction = 0.5 }";

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
        // In this order the texts were taken down ever since, of which the fingerprint is made.
        let stop_loss = self.guard(section, "stop_loss")?;
        let (take_profit, later_targets) = self.take_profit(section)?;
        let (trailing_stop, trail_steps) = self.trailing_stop(section)?;
        let orders = Orders {
            size,
            entry_stop,
            entry_limit,
            expires,
            stop_loss,
            take_profit,
            later_targets,
            trailing_stop,
            trail_steps,
            trail: self.trail(section)?,
            time_stop: self.bars(section, "time_stop")?,
            partial_exits: self.partial_exits(section)?,
        };
        if orders.trailing_stop.is_none()
            && orders.trail_steps.is_empty()
            && orders.trail != Trail::Extreme
        {
            let found = format!("\"{}\", but no trailing_stop", orders.trail.name());
            return Err(section.error("trail", found, "trailing_stop beside it"));
        }
        let has_stop = orders.stop_loss.is_some() || orders.trailing_stop.is_some();
        if matches!(orders.size, Size::Risk(_)) && !has_stop {
            let allowed = "a strategy with stop_loss or with trailing_stop from the entry on, by \
                           whose distance it counts";
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

    /// A number that is of use above zero only.
    fn amount(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
    ) -> Result<Option<Number>, TemplateError> {
        let number = self.number(section, key)?;
        match number.as_ref().and_then(Number::constant).filter(|value| *value <= 0.0) {
            Some(value) => Err(section.error(key, value.to_string(), "a number above zero")),
            None => Ok(number),
        }
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
            return match section.text("size") {
                Ok(None) => Ok(Size::All),
                Ok(Some(text)) if text == "all" => Ok(Size::All),
                Ok(Some(other)) => Err(section.error("size", format!("{other:?}"), SIZE)),
                Err(error) => Err(TemplateError { allowed: SIZE.to_owned(), ..error }),
            };
        }
        let mut table = section.section("size")?.expect("it was seen to be a table");
        let shares = self.amount(&mut table, "shares")?;
        let fraction = self.amount(&mut table, "fraction")?;
        let risk = self.amount(&mut table, "risk")?;
        let target = self.amount(&mut table, "volatility_target")?;
        let volatility = self.number(&mut table, "volatility")?;
        let size = match (shares, fraction, risk, target, volatility) {
            (Some(shares), None, None, None, None) => Size::Shares(shares),
            (None, Some(fraction), None, None, None) => {
                if let Some(value) = fraction.constant().filter(|value| *value > self.max_gross) {
                    let most = self.max_gross;
                    let allowed = format!(
                        "a fraction of the equity, such as 0.5, up to risk.max_gross, which is {most}"
                    );
                    return Err(table.error("fraction", value.to_string(), allowed));
                }
                Size::Fraction(fraction)
            }
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
        if let Some(percent) = self.percent(table, key, Bound::AboveZero)? {
            return Ok(Some(percent));
        }
        self.prices(table, key, short_key, PRICE)
    }

    /// A distance in percent, if that is what the key's text is.
    fn percent(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
        bound: Bound,
    ) -> Result<Option<Level<Number>>, TemplateError> {
        let text = section.expression(key)?;
        let Some(number) = text.as_deref().and_then(|text| text.trim_end().strip_suffix('%'))
        else {
            return Ok(None);
        };
        self.note(section, key, text.as_deref().unwrap_or_default());
        let percent = self.compiled(section, key, number)?;
        bound.check(section, key, &percent)?;
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
        self.level(section, key, Bound::AboveZero)
    }

    fn level(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
        bound: Bound,
    ) -> Result<Option<Level<Number>>, TemplateError> {
        if section.is_table(key) {
            let mut table = section.section(key)?.expect("it was seen to be a table");
            let level = self.prices(&mut table, "price", "short_price", PRICE)?;
            table.finish()?;
            return level
                .map(Some)
                .ok_or_else(|| section.error(key, "a table without a price", DISTANCE));
        }
        if let Some(percent) = self.percent(section, key, bound)? {
            return Ok(Some(percent));
        }
        let distance = self.number(section, key)?;
        if let Some(distance) = &distance {
            bound.check(section, key, distance)?;
        }
        Ok(distance.map(Level::Distance))
    }

    /// The take profit from the entry on, and what replaces it with the time.
    #[expect(clippy::type_complexity, reason = "a level, and further ones")]
    fn take_profit(
        &mut self,
        section: &mut Section<'_>,
    ) -> Result<(Option<Level<Number>>, Vec<LaterTarget<Number>>), TemplateError> {
        const KEY: &str = "take_profit";
        if !section.is_list(KEY) {
            return Ok((self.guard(section, KEY)?, Vec::new()));
        }
        let (mut first, mut later) = (None, Vec::new());
        let rows = counted(section, KEY, TARGETS)?;
        for (index, mut row) in rows.into_iter().enumerate() {
            let after = match (self.bars(&mut row, "bars")?, self.minutes(&mut row)?) {
                (Some(bars), None) => Some(After::Bars(bars)),
                (None, Some(minutes)) => Some(After::Minutes(minutes)),
                (None, None) if index == 0 => None,
                (None, None) => {
                    let allowed = "bars or minutes since the entry: only the first level counts \
                                   from it on";
                    return Err(row.missing("bars", allowed));
                }
                (Some(_), Some(_)) => {
                    return Err(row.error("minutes", "minutes beside bars", "one of the two"));
                }
            };
            let bound = if after.is_some() { Bound::Any } else { Bound::AboveZero };
            let Some(at) = self.level(&mut row, "at", bound)? else {
                return Err(row.missing("at", DISTANCE));
            };
            row.finish()?;
            match after {
                None => first = Some(at),
                Some(after) => later.push(LaterTarget { after, at }),
            }
        }
        Ok((first, later))
    }

    /// A number of minutes that is the same for a whole run.
    fn minutes(&mut self, section: &mut Section<'_>) -> Result<Option<Number>, TemplateError> {
        const KEY: &str = "minutes";
        let Some(minutes) = self.number(section, KEY)? else { return Ok(None) };
        let allowed = "a number of minutes above 0, of parameters and numbers only";
        if !minutes.is_fixed() {
            return Err(section.error(KEY, "a number that changes from bar to bar", allowed));
        }
        match minutes.constant() {
            Some(value) if value.is_nan() || value <= 0.0 => {
                Err(section.error(KEY, value.to_string(), allowed))
            }
            _ => Ok(Some(minutes)),
        }
    }

    /// The distance of a trailing stop from the entry on, and those from a profit on.
    #[expect(clippy::type_complexity, reason = "a level, and further ones")]
    fn trailing_stop(
        &mut self,
        section: &mut Section<'_>,
    ) -> Result<(Option<Level<Number>>, Vec<TrailStep<Number>>), TemplateError> {
        const KEY: &str = "trailing_stop";
        let rows = if section.is_list(KEY) {
            counted(section, KEY, TRAIL)?
        } else if section.is_table(KEY) {
            let table = section.section(KEY)?.expect("it was seen to be a table");
            if table.keys().iter().any(|key| key == "price" || key == "short_price") {
                return Err(section.error(KEY, "a price", TRAIL));
            }
            vec![table]
        } else {
            return Ok((self.guard(section, KEY)?, Vec::new()));
        };
        let (mut first, mut steps) = (None, Vec::new());
        for (index, mut row) in rows.into_iter().enumerate() {
            let activation = self.level(&mut row, "activation", Bound::FromZero)?;
            let distance = match self.guard(&mut row, "distance")? {
                None => return Err(row.missing("distance", TRAIL)),
                Some(Level::Price { .. }) => return Err(row.error("distance", "a price", TRAIL)),
                Some(distance) => distance,
            };
            match activation {
                None if index == 0 => first = Some(distance),
                None => {
                    let allowed = "a profit, such as \"5%\": only the first distance counts from \
                                   the entry on";
                    return Err(row.missing("activation", allowed));
                }
                Some(activation) => steps.push(TrailStep { activation, distance }),
            }
            row.finish()?;
        }
        Ok((first, steps))
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
        let shares = exits.iter().filter_map(|(_, share)| share.constant());
        let sum: f64 = shares.sum();
        if sum > 1.0 + 1e-9 {
            let found = format!("shares that add up to {}", (sum * 1e9).round() / 1e9);
            return Err(section.error(
                KEY,
                found,
                "shares of the position that add up to 1 at most",
            ));
        }
        if exits.len() > PARTIAL_EXITS {
            let allowed = format!("at most {PARTIAL_EXITS} partial exits");
            return Err(section.error(KEY, exits.len().to_string(), allowed));
        }
        Ok(exits)
    }
}

/// The tables of a list, of which there are some, but not too many.
fn counted<'a>(
    section: &mut Section<'a>,
    key: &str,
    allowed: &str,
) -> Result<Vec<Section<'a>>, TemplateError> {
    let rows = section.sections(key)?;
    match rows.len() {
        0 => Err(section.error(key, "an empty list", allowed)),
        found if found > STEPS => {
            Err(section.error(key, format!("{found} tables"), format!("at most {STEPS} tables")))
        }
        _ => Ok(rows),
    }
}

/// What a distance may be.
#[derive(Clone, Copy)]
enum Bound {
    AboveZero,
    FromZero,
    Any,
}

impl Bound {
    /// Refuses a distance that would fail every trial in the same way.
    fn check(
        self,
        section: &Section<'_>,
        key: &str,
        distance: &Number,
    ) -> Result<(), TemplateError> {
        let Some(value) = distance.constant() else { return Ok(()) };
        let (is_allowed, allowed) = match self {
            Self::AboveZero => (value > 0.0, "a distance above 0"),
            Self::FromZero => (value >= 0.0, "a distance from 0 on"),
            Self::Any => (!value.is_nan(), "a number"),
        };
        match is_allowed {
            true => Ok(()),
            false => Err(section.error(key, format!("the distance {value}"), allowed)),
        }
    }
}
