//! What the table `[backtest]` says: rules as enums, numbers checked, data chosen.

use search_spaces::{Section, TemplateError};

use super::data::Series;
use super::date::Date;
use super::engine::AccountRules;
use super::execution::Execution;
use super::metrics::{DEFAULTS, METRICS, Metric};
use super::read;
use super::risk::Risk;
use super::rules::{Accounts, Conventions, OrderRules, Preset, Reentry, SizeAt};
use super::stored;
use crate::open::{OpenError, Places};

/// When a decision is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// At the open of the bar after the decision.
    NextOpen,
    /// At the close at which the decision was made.
    SameClose,
    /// At the close of the bar after the decision.
    NextClose,
}

/// What sizes a position can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shares {
    Whole,
    Fractional,
}

/// Where a position that is still open at the end is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtEnd {
    /// At the last bar's open, as backtesting.py's `finalize_trades` does.
    LastOpen,
    LastClose,
}

/// How simple moving averages add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Summation {
    /// Each window by itself, from its oldest bar.
    Exact,
    /// As pandas does, moving along with compensation.
    Rolling,
}

/// What a cross is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crossing {
    /// Below at the last bar, above at this one.
    Strict,
    /// Below or equal at the last bar, above at this one.
    Touch,
}

/// Which definitions the statistics of returns follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statistics {
    /// The textbook ones, as in empyrical.
    Arithmetic,
    /// Those of backtesting.py, with compounded returns.
    Geometric,
}

/// The whole table but the strategy; all of it goes into the fingerprint.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub account: AccountRules,
    pub summation: Summation,
    pub crossing: Crossing,
    pub statistics: Statistics,
    pub periods_per_year: f64,
    pub metrics: Vec<Metric>,
    pub orders: OrderRules,
    pub execution: Execution,
    pub risk: Risk,
    /// Into how many parts of equal length a run is divided for its reports; 0 for none.
    pub reports: u64,
}

impl Settings {
    /// Reads everything but `strategy` and the data, of which `has_volume` tells enough.
    pub(super) fn read(section: &mut Section<'_>, has_volume: bool) -> Result<Self, TemplateError> {
        let preset = section.one_of("preset", Preset::NAMES)?.unwrap_or(Preset::Own);
        let conventions = Conventions::of(preset);
        let cash = section.number("cash")?.unwrap_or(10_000.0);
        if cash <= 0.0 {
            return Err(section.error("cash", cash.to_string(), "a number above 0"));
        }
        let commission = section.number("commission")?.unwrap_or(0.0);
        if !(0.0..1.0).contains(&commission) {
            let allowed = "a fraction from 0 to below 1, such as 0.001";
            return Err(section.error("commission", commission.to_string(), allowed));
        }
        let shares = [("whole", Shares::Whole), ("fractional", Shares::Fractional)];
        let fill = [
            ("next-open", Fill::NextOpen),
            ("same-close", Fill::SameClose),
            ("next-close", Fill::NextClose),
        ];
        let at_end = [("last-open", AtEnd::LastOpen), ("last-close", AtEnd::LastClose)];
        let account = AccountRules {
            cash,
            commission,
            shares: section.one_of("shares", &shares)?.unwrap_or(conventions.shares),
            fill: section.one_of("fill", &fill)?.unwrap_or(conventions.fill),
            at_end: section.one_of("at_end", &at_end)?.unwrap_or(conventions.at_end),
        };
        let summation = [("exact", Summation::Exact), ("rolling", Summation::Rolling)];
        let crossing = [("strict", Crossing::Strict), ("touch", Crossing::Touch)];
        let statistics =
            [("arithmetic", Statistics::Arithmetic), ("geometric", Statistics::Geometric)];
        let periods_per_year = section.number("periods_per_year")?.unwrap_or(252.0);
        if periods_per_year <= 0.0 {
            let found = periods_per_year.to_string();
            return Err(section.error("periods_per_year", found, "a number above 0"));
        }
        Ok(Self {
            account,
            summation: section.one_of("summation", &summation)?.unwrap_or(conventions.summation),
            crossing: section.one_of("crossing", &crossing)?.unwrap_or(conventions.crossing),
            statistics: section
                .one_of("statistics", &statistics)?
                .unwrap_or(conventions.statistics),
            periods_per_year,
            metrics: metrics(section)?,
            orders: OrderRules::read(section, &conventions)?,
            execution: Execution::read(section, has_volume)?,
            risk: Risk::read(section)?,
            reports: reports(section)?,
        })
    }

    /// What keeps the rules and models from being run by the signals alone; none if nothing does.
    pub(super) fn beyond_signals(&self, symbols: usize) -> Option<&'static str> {
        let reasons = [
            (self.account.fill == Fill::NextClose, "fill = \"next-close\""),
            (self.orders.reentry != Reentry::SameBar, "reentry"),
            (self.orders.size_at != SizeAt::Fill, "size_at = \"decision\""),
            (
                self.orders.accounts == Accounts::Shared && symbols > 1,
                "accounts = \"shared\" with several symbols",
            ),
            (self.execution != Execution::default(), "[backtest.execution]"),
            (self.risk != Risk::default(), "[backtest.risk]"),
        ];
        reasons.into_iter().find(|(is_so, _)| *is_so).map(|(_, reason)| reason)
    }

    /// Feeds all settings into a hash, in a fixed order.
    pub(super) fn hash(&self, hasher: &mut blake3::Hasher) {
        for number in [self.account.cash, self.account.commission, self.periods_per_year] {
            hasher.update(&number.to_bits().to_le_bytes());
        }
        hasher.update(&[
            self.account.shares as u8,
            self.account.fill as u8,
            self.account.at_end as u8,
            self.summation as u8,
            self.crossing as u8,
            self.statistics as u8,
        ]);
        hasher.update(&(self.metrics.len() as u64).to_le_bytes());
        for metric in &self.metrics {
            hasher.update(metric.name().as_bytes());
            hasher.update(&[0]);
        }
        // What says nothing new leaves the fingerprint that it had before there was anything new.
        let texts = [self.orders.texts(), self.execution.texts(), self.risk.texts()].concat();
        for text in texts {
            hasher.update(b"rule");
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        if self.reports != REPORTS {
            hasher.update(b"reports");
            hasher.update(&self.reports.to_le_bytes());
        }
    }
}

/// The number of reports where the template does not say.
const REPORTS: u64 = 10;

fn reports(section: &mut Section<'_>) -> Result<u64, TemplateError> {
    let reports = section.integer("reports")?.unwrap_or(REPORTS.cast_signed());
    match u64::try_from(reports) {
        Ok(reports) if reports <= 1000 => Ok(reports),
        _ => {
            let allowed = "a whole number from 0, for none, to 1000";
            Err(section.error("reports", reports.to_string(), allowed))
        }
    }
}

fn metrics(section: &mut Section<'_>) -> Result<Vec<Metric>, TemplateError> {
    let Some(names) = section.texts("metrics")? else {
        return Ok(DEFAULTS.to_vec());
    };
    let allowed = || {
        let names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
        format!("a list of different metrics, of {}", names.join(", "))
    };
    let mut metrics = Vec::new();
    for name in &names {
        match METRICS.iter().find(|(known, _)| known == name) {
            Some((_, metric)) if !metrics.contains(metric) => metrics.push(*metric),
            _ => {
                let what = if METRICS.iter().any(|(known, _)| known == name) {
                    "again"
                } else {
                    "which is no metric"
                };
                return Err(section.error("metrics", format!("{name:?} {what}"), allowed()));
            }
        }
    }
    if metrics.is_empty() {
        return Err(section.error("metrics", "an empty list", allowed()));
    }
    Ok(metrics)
}

/// Reads the data that the table names, cut and adjusted as it says.
pub(super) fn data(
    section: &mut Section<'_>,
    places: Places<'_>,
) -> Result<Vec<Series>, OpenError> {
    let Some(data) = section.text("data")? else {
        let allowed = format!(
            "\"{}\", the name of a data set, or the path of a CSV file from the template's folder",
            read::BUILT_IN
        );
        return Err(section.missing("data", allowed).into());
    };
    if let Some((found, allowed)) = stored::unknown(&data, places) {
        return Err(section.error("data", found, allowed).into());
    }
    if let Some(found) = read::unreadable(&data, places) {
        let allowed =
            format!("\"{}\", or the path of a CSV file from the template's folder", read::BUILT_IN);
        return Err(section.error("data", found, allowed).into());
    }
    let from = date(section, "from")?;
    let to = date(section, "to")?;
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        let found = format!("{to}, before {from}");
        return Err(section.error("to", found, "a date that is not before `from`").into());
    }
    // A day means the whole day, also where the bars have times.
    let to = to.map(|to| if to.is_midnight() { to.end_of_day() } else { to });
    let mut all = read::read(&data, places)?;
    if let Some(wanted) = section.texts("symbols")? {
        all = choose(section, all, &wanted)?;
    }
    let adjust = section.boolean("adjust")?;
    for series in &mut all {
        if series.adjusted.is_empty() && adjust == Some(true) {
            let found = "true, but the data have no adjusted close";
            let allowed = "false, or data with a column Adj Close";
            return Err(section.error("adjust", found, allowed).into());
        }
        series.keep(from, to);
        if series.len() == 0 {
            let key = if from.is_some() { "from" } else { "to" };
            let found = format!("no bar of {} between the dates", series.symbol);
            let allowed = "dates between which every symbol has bars";
            return Err(section.error(key, found, allowed).into());
        }
        if adjust != Some(false) {
            series.adjust();
        }
    }
    Ok(all)
}

fn date(section: &mut Section<'_>, key: &str) -> Result<Option<Date>, TemplateError> {
    let Some(text) = section.text(key)? else {
        return Ok(None);
    };
    match Date::parse(&text) {
        Some(date) => Ok(Some(date)),
        None => Err(section.error(key, format!("{text:?}"), Date::ALLOWED)),
    }
}

/// The wanted symbols, in the order in which they are wanted.
fn choose(
    section: &Section<'_>,
    mut all: Vec<Series>,
    wanted: &[String],
) -> Result<Vec<Series>, TemplateError> {
    let names: Vec<String> = all.iter().map(|series| series.symbol.clone()).collect();
    let allowed = || format!("a list of different symbols, of {}", names.join(", "));
    let mut chosen = Vec::new();
    for symbol in wanted {
        let Some(place) = all.iter().position(|series| series.symbol == *symbol) else {
            let what = if names.contains(symbol) { "again" } else { "which is not in the data" };
            return Err(section.error("symbols", format!("{symbol:?} {what}"), allowed()));
        };
        chosen.push(all.swap_remove(place));
    }
    if chosen.is_empty() {
        return Err(section.error("symbols", "an empty list", allowed()));
    }
    Ok(chosen)
}
