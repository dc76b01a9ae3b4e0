//! When there should be bars.

use simulators::Bars;

use crate::timeframe::DAY;
use crate::zone::Zone;

/// When a market is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calendar {
    /// At those times of the week at which there are bars in at least half of the weeks.
    #[default]
    Usual,
    /// Always.
    Always,
    /// From Monday to Friday.
    Weekdays,
}

/// A market that is closed for so many days in a row may have holidays: more would be without
/// example, as the four after 2001-09-11 were.
pub(crate) const HOLIDAYS: usize = 4;

impl Calendar {
    /// The calendars with their names.
    pub const NAMES: [(&'static str, Self); 3] =
        [("usual", Self::Usual), ("24/7", Self::Always), ("weekdays", Self::Weekdays)];
}

/// A second, in microseconds: a week is divided no finer.
const SECOND: i64 = 1_000_000;

/// A week as the clock of an exchange shows it, in slots of a bar each.
#[derive(Clone, Debug)]
pub(crate) struct Week {
    width: i64,
    open: Vec<bool>,
}

impl Week {
    /// The week of bars of a length of at most a day, in microseconds.
    pub(crate) fn new(calendar: Calendar, length: i64, all: &[Bars], clock: &Clock<'_>) -> Self {
        let width = length.max(SECOND);
        let slots = ((7 * DAY - 1) / width + 1) as usize;
        let open = match calendar {
            Calendar::Always => vec![true; slots],
            Calendar::Weekdays => {
                (0_i64..).take(slots).map(|slot| slot * width / DAY < 5).collect()
            }
            Calendar::Usual => {
                let mut open = vec![false; slots];
                for bars in all {
                    let usual = usual(bars, width, slots, clock);
                    open.iter_mut().zip(usual).for_each(|(open, usual)| *open |= usual);
                }
                open
            }
        };
        Self { width, open }
    }

    /// Whether bars are expected at a time of the clock.
    pub(crate) fn is_open(&self, wall: i64) -> bool {
        self.open[slot_of_week(wall, self.width)]
    }

    /// How long a slot is.
    pub(crate) fn width(&self) -> i64 {
        self.width
    }

    /// How many bars are expected on the day of the week of a time.
    pub(crate) fn of_day(&self, wall: i64) -> usize {
        let midnight = wall - wall.rem_euclid(DAY);
        let times = (0..DAY / self.width.min(DAY)).map(|slot| midnight + slot * self.width);
        times.filter(|time| self.is_open(*time)).count()
    }

    /// Whether there are days without any bar in a usual week.
    pub(crate) fn has_closed_days(&self) -> bool {
        (0..7).any(|day| self.of_day(day * DAY) == 0)
    }

    /// Whether there are hours without any bar on the day of a time.
    pub(crate) fn has_closed_hours(&self, wall: i64) -> bool {
        self.of_day(wall) < (DAY / self.width.min(DAY)) as usize
    }
}

/// What turns the time of a bar into that of the clock of its exchange. Those of days are days of
/// the exchange already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock<'a> {
    pub zone: &'a Zone,
    pub is_daily: bool,
}

impl Clock<'_> {
    pub(crate) fn wall(&self, time: i64) -> i64 {
        if self.is_daily { time } else { self.zone.wall(time) }
    }
}

/// Weeks begin on Monday; 1970-01-01 was a Thursday.
fn since_monday(wall: i64) -> i64 {
    wall + 3 * DAY
}

fn slot_of_week(wall: i64, width: i64) -> usize {
    (since_monday(wall).rem_euclid(7 * DAY) / width) as usize
}

/// The slots at which a symbol has a bar in at least half of its weeks.
fn usual(bars: &Bars, width: i64, slots: usize, clock: &Clock<'_>) -> Vec<bool> {
    let mut seen = vec![(i64::MIN, 0_u32); slots];
    let (mut weeks, mut current) = (0_u32, i64::MIN);
    for time in &bars.times {
        let wall = clock.wall(*time);
        let week = since_monday(wall).div_euclid(7 * DAY);
        if week != current {
            current = week;
            weeks += 1;
        }
        let (last, count) = &mut seen[slot_of_week(wall, width)];
        if *last != week {
            *last = week;
            *count += 1;
        }
    }
    seen.into_iter().map(|(_, count)| count * 2 >= weeks.max(1)).collect()
}
