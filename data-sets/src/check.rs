//! What is wrong with the bars of a data set, or may be.

use std::collections::BTreeSet;

use serde::Serialize;
use simulators::{ADJUSTED, Bars, Manifest, PRICES, VOLUME, bar_fault, time_text};

use crate::calendar::{Calendar, Clock, HOLIDAYS, Week};
use crate::error::SetError;
use crate::timeframe::{DAY, Timeframe};
use crate::zone::Zone;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Bars that should be there are not.
    Gap,
    /// Two bars of one time.
    Duplicate,
    /// Bars that are nearer to each other than the timeframe.
    TooClose,
    /// A price that is missing or not finite, or such a volume.
    NotFinite,
    /// A price of zero or below, or a volume below zero.
    NotPositive,
    /// A high below the low.
    HighBelowLow,
    /// An open or a close above the high or below the low.
    OutsideOfBar,
    /// A price that jumps from one day to the next as a split makes it jump.
    Split,
    /// Rows of the files that followed later ones; the import has put them in order.
    OutOfOrder,
    /// Days without bars that are few enough to be holidays.
    ClosedDays,
    /// A day that begins later or ends earlier than usual.
    ShortDay,
}

impl Kind {
    /// Its name, such as `high-below-low`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Duplicate => "duplicate",
            Self::TooClose => "too-close",
            Self::NotFinite => "not-finite",
            Self::NotPositive => "not-positive",
            Self::HighBelowLow => "high-below-low",
            Self::OutsideOfBar => "outside-of-bar",
            Self::Split => "split",
            Self::OutOfOrder => "out-of-order",
            Self::ClosedDays => "closed-days",
            Self::ShortDay => "short-day",
        }
    }

    /// Whether something is wrong, rather than worth knowing.
    #[must_use]
    pub fn is_problem(self) -> bool {
        !matches!(self, Self::OutOfOrder | Self::ClosedDays | Self::ShortDay)
    }
}

/// Everything of one kind in the bars of one symbol.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The kind.
    pub kind: Kind,
    /// Whether something is wrong.
    pub is_problem: bool,
    /// The symbol; empty where it concerns all.
    pub symbol: String,
    /// How many there are.
    pub count: u64,
    /// The first of them, at most [`Finding::EXAMPLES`].
    pub examples: Vec<Example>,
}

/// Where something was found.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// The time of the bar.
    pub time: String,
    /// What was found there.
    pub found: String,
}

impl Finding {
    /// So many examples are named at most.
    pub const EXAMPLES: usize = 100;
}

/// The factors of usual splits.
const SPLITS: [f64; 13] = [1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0];

/// By how much, as a fraction, the jump of a price may differ from the factor of a split: this is
/// what prices move overnight.
const OVERNIGHT: f64 = 0.03;

/// Looks for whatever may be wrong with bars, symbol by symbol.
///
/// # Errors
/// The manifest names a time zone that there is not.
pub fn check(
    manifest: &Manifest,
    all: &[Bars],
    calendar: Calendar,
) -> Result<Vec<Finding>, SetError> {
    let zone = Zone::parse(&manifest.timezone)?;
    let timeframe = Timeframe::parse(&manifest.timeframe).unwrap_or(Timeframe::Irregular);
    let clock = Clock { zone: &zone, is_daily: timeframe.is_daily() };
    let week = match timeframe {
        Timeframe::Fixed(length) if length <= DAY => Some(Week::new(calendar, length, all, &clock)),
        _ => None,
    };
    let day = |time: &i64| clock.wall(*time).div_euclid(DAY);
    let traded: BTreeSet<i64> = match all.len() {
        1 => BTreeSet::new(),
        _ => all.iter().flat_map(|bars| bars.times.iter().map(day)).collect(),
    };
    let mut findings = Vec::new();
    for bars in all {
        let mut checker = Checker { bars, findings: Vec::new() };
        checker.prices();
        checker.steps(timeframe, week.as_ref(), &clock, &traded);
        checker.splits(&clock);
        let mut own = checker.findings;
        own.sort_by_key(|finding| finding.kind);
        findings.append(&mut own);
    }
    if manifest.out_of_order > 0 {
        findings.push(Finding {
            kind: Kind::OutOfOrder,
            is_problem: Kind::OutOfOrder.is_problem(),
            symbol: String::new(),
            count: manifest.out_of_order,
            examples: Vec::new(),
        });
    }
    Ok(findings)
}

struct Checker<'a> {
    bars: &'a Bars,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn found(&mut self, kind: Kind, bar: usize, found: impl FnOnce() -> String) {
        let place = self.findings.iter().position(|finding| finding.kind == kind);
        let place = place.unwrap_or_else(|| {
            self.findings.push(Finding {
                kind,
                is_problem: kind.is_problem(),
                symbol: self.bars.symbol.clone(),
                count: 0,
                examples: Vec::new(),
            });
            self.findings.len() - 1
        });
        let finding = &mut self.findings[place];
        finding.count += 1;
        if finding.examples.len() < Finding::EXAMPLES {
            let time = time_text(self.bars.times[bar]);
            finding.examples.push(Example { time, found: found() });
        }
    }

    fn prices(&mut self) {
        let bars = self.bars;
        for bar in 0..bars.times.len() {
            let prices = bars.prices(bar);
            let named = PRICES.into_iter().zip(prices);
            let others = [VOLUME, ADJUSTED]
                .into_iter()
                .filter_map(|name| Some((name, bars.column(name)?[bar])));
            let mut is_number = true;
            for (name, value) in named.chain(others) {
                let is_price = name != VOLUME;
                if !value.is_finite() {
                    self.found(Kind::NotFinite, bar, || match value.is_nan() {
                        true => format!("{name} is missing"),
                        false => format!("{name} {value}"),
                    });
                } else if value < 0.0 || (is_price && value == 0.0) {
                    self.found(Kind::NotPositive, bar, || format!("{name} {value}"));
                } else {
                    continue;
                }
                is_number &= !PRICES.contains(&name);
            }
            if !is_number {
                continue;
            }
            if let Some((column, found, _)) = bar_fault(prices) {
                let kind = match column {
                    "high" => Kind::HighBelowLow,
                    _ => Kind::OutsideOfBar,
                };
                self.found(kind, bar, || format!("{column} {found}"));
            }
        }
    }

    fn steps(
        &mut self,
        timeframe: Timeframe,
        week: Option<&Week>,
        clock: &Clock<'_>,
        traded: &BTreeSet<i64>,
    ) {
        let (length, longest) = match timeframe {
            Timeframe::Fixed(length) if length <= DAY => (length, length),
            Timeframe::Fixed(length) => (length, length + length / 2),
            Timeframe::Months(count) => (28 * DAY * i64::from(count), 46 * DAY * i64::from(count)),
            Timeframe::Irregular => (0, i64::MAX),
        };
        for bar in 1..self.bars.times.len() {
            let (before, time) = (self.bars.times[bar - 1], self.bars.times[bar]);
            match time - before {
                0 => self.found(Kind::Duplicate, bar, || "a second bar".to_owned()),
                step if step < length => {
                    self.found(Kind::TooClose, bar, || {
                        format!("follows {} by less than {timeframe}", time_text(before))
                    });
                }
                step if step > longest => {
                    let after = time_text(before);
                    let Some(week) = week else {
                        self.found(Kind::Gap, bar, || format!("no bar since {after}"));
                        continue;
                    };
                    let missing = Missing::between(week, clock.wall(before), clock.wall(time));
                    if let Some(kind) = missing.kind(week, traded) {
                        let count = missing.count;
                        self.found(kind, bar, || format!("{count} missing since {after}"));
                    }
                }
                _ => {}
            }
        }
    }

    /// Jumps of the price, adjusted where it is, from the close of a day to the open of the next.
    fn splits(&mut self, clock: &Clock<'_>) {
        let bars = self.bars;
        let adjusted = bars.column(ADJUSTED);
        let scale = |bar: usize| {
            let close = bars.prices(bar)[3];
            adjusted.map_or(1.0, |adjusted| adjusted[bar] / close)
        };
        for bar in 1..bars.times.len() {
            let day = |bar: usize| clock.wall(bars.times[bar]).div_euclid(DAY);
            let (close, open) = (bars.prices(bar - 1)[3], bars.prices(bar)[0]);
            // Most bars need no more than this.
            if (close / open - 1.0).abs() < 0.3 && adjusted.is_none() {
                continue;
            }
            let (close, open) = (close * scale(bar - 1), open * scale(bar));
            let factor = (close / open).max(open / close);
            let near = |split: &&f64| (factor / **split - 1.0).abs() <= OVERNIGHT;
            if let Some(split) = SPLITS.iter().find(near)
                && day(bar) != day(bar - 1)
            {
                let way = if close > open { "fell" } else { "rose" };
                self.found(Kind::Split, bar, || {
                    format!("{way} from {close} to {open}, by a factor of about {split}")
                });
            }
        }
    }
}

/// The bars that should be between two others.
struct Missing {
    count: usize,
    /// Of them, on the day of the bar before and on that of the bar after.
    edges: [usize; 2],
    /// The days in between on which some should be.
    days: Vec<i64>,
    walls: [i64; 2],
}

impl Missing {
    fn between(week: &Week, before: i64, after: i64) -> Self {
        let day = |wall: i64| wall.div_euclid(DAY);
        let width = week.width();
        let mut missing =
            Self { count: 0, edges: [0; 2], days: Vec::new(), walls: [before, after] };
        let first = before.div_euclid(width) + 1;
        for slot in first..after.div_euclid(width) {
            let wall = slot * width;
            if !week.is_open(wall) {
                continue;
            }
            missing.count += 1;
            if day(wall) == day(before) {
                missing.edges[0] += 1;
            } else if day(wall) == day(after) {
                missing.edges[1] += 1;
            } else if missing.days.last() != Some(&day(wall)) {
                missing.days.push(day(wall));
            }
        }
        missing
    }

    /// What it is that bars are missing; nothing where none are.
    fn kind(&self, week: &Week, traded: &BTreeSet<i64>) -> Option<Kind> {
        if self.count == 0 {
            return None;
        }
        let holidays = self.days.is_empty()
            || week.has_closed_days()
                && self.days.len() <= HOLIDAYS
                && !self.days.iter().any(|day| traded.contains(day));
        let is_one_day = self.walls[0].div_euclid(DAY) == self.walls[1].div_euclid(DAY);
        let is_short = |edge: usize| {
            let wall = self.walls[edge];
            week.has_closed_hours(wall) && self.edges[edge] * 2 <= week.of_day(wall)
        };
        Some(match self.edges {
            _ if !holidays || is_one_day => Kind::Gap,
            [0, 0] => Kind::ClosedDays,
            [_, 0] if is_short(0) => Kind::ShortDay,
            [0, _] if is_short(1) => Kind::ShortDay,
            _ => Kind::Gap,
        })
    }
}
