//! What an account may hold and when it has to stop: the table `[backtest.risk]`.

use search_spaces::{Section, TemplateError};

/// Limits of an account. Fractions are of its equity; a limit that is absent is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Risk {
    /// Value of the position in one symbol, as a fraction.
    pub max_position: f64,
    /// Shares in one symbol.
    pub max_shares: f64,
    /// Value of all positions, longs and shorts added up, as a fraction; 1 means no credit.
    pub max_gross: f64,
    /// Value of all longs less that of all shorts, as a fraction of either sign.
    pub max_net: f64,
    /// Value of all positions, longs and shorts added up, in cash.
    pub max_exposure: f64,
    /// Positions at one time.
    pub max_positions: usize,
    /// Fall from the equity's peak, as a fraction, at which all is closed.
    pub drawdown_stop: f64,
    /// Fall since the close of the day before, as a fraction, at which all is closed until the
    /// next day.
    pub daily_loss_stop: f64,
    /// Closes at which no entry is decided after a stop.
    pub cooldown: usize,
}

impl Default for Risk {
    fn default() -> Self {
        Self {
            max_position: f64::INFINITY,
            max_shares: f64::INFINITY,
            max_gross: 1.0,
            max_net: f64::INFINITY,
            max_exposure: f64::INFINITY,
            max_positions: usize::MAX,
            drawdown_stop: f64::INFINITY,
            daily_loss_stop: f64::INFINITY,
            cooldown: 0,
        }
    }
}

impl Risk {
    /// Reads the table; one that is absent leaves an account without credit, and no other limit.
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, TemplateError> {
        let mut table = section.section_or_empty("risk")?;
        let absent = Self::default();
        let risk = Self {
            max_position: above_zero(&mut table, "max_position", absent.max_position)?,
            max_shares: above_zero(&mut table, "max_shares", absent.max_shares)?,
            max_gross: above_zero(&mut table, "max_gross", absent.max_gross)?,
            max_net: above_zero(&mut table, "max_net", absent.max_net)?,
            max_exposure: above_zero(&mut table, "max_exposure", absent.max_exposure)?,
            max_positions: count(&mut table, "max_positions", absent.max_positions)?,
            drawdown_stop: below_one(&mut table, "drawdown_stop")?,
            daily_loss_stop: below_one(&mut table, "daily_loss_stop")?,
            cooldown: count(&mut table, "cooldown", absent.cooldown)?,
        };
        if risk.max_position.is_finite() && risk.max_position > risk.max_gross {
            let allowed = format!(
                "a fraction of the equity, such as 0.2, up to max_gross, which is {}",
                risk.max_gross
            );
            return Err(table.error("max_position", risk.max_position.to_string(), allowed));
        }
        table.finish()?;
        Ok(risk)
    }

    /// Whether the equity has to be watched at every bar.
    pub(super) fn watches(&self) -> bool {
        self.drawdown_stop.is_finite() || self.daily_loss_stop.is_finite()
    }

    /// Whether it matters where days begin.
    pub(super) fn counts_days(&self) -> bool {
        self.daily_loss_stop.is_finite()
    }

    /// Everything that differs from an account without limits, for the fingerprint.
    pub(super) fn texts(&self) -> Vec<String> {
        if *self == Self::default() { Vec::new() } else { vec![format!("risk = {self:?}")] }
    }
}

fn above_zero(section: &mut Section<'_>, key: &str, absent: f64) -> Result<f64, TemplateError> {
    match section.number(key)? {
        None => Ok(absent),
        Some(number) if number > 0.0 => Ok(number),
        Some(number) => Err(section.error(key, number.to_string(), "a number above 0")),
    }
}

fn below_one(section: &mut Section<'_>, key: &str) -> Result<f64, TemplateError> {
    match section.number(key)? {
        None => Ok(f64::INFINITY),
        Some(number) if number > 0.0 && number < 1.0 => Ok(number),
        Some(number) => {
            Err(section.error(key, number.to_string(), "a fraction between 0 and 1, such as 0.2"))
        }
    }
}

fn count(section: &mut Section<'_>, key: &str, absent: usize) -> Result<usize, TemplateError> {
    match section.integer(key)? {
        None => Ok(absent),
        Some(number) => match usize::try_from(number) {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(section.error(key, number.to_string(), "a whole number from 1 on")),
        },
    }
}
