//! When bars can begin: trading days, cut by the clock of an exchange.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use search_spaces::{Section, TemplateError, nearest};

use super::data::Series;
use super::date::Date;

pub(super) const DAY: i64 = 86_400;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The weekday of 1970-01-01, counted from Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// When bars can begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sessions {
    /// The first weekday of a week with sessions, from 0 for Monday, and how many days they have.
    first: i64,
    days: i64,
    /// Seconds from midnight to the opening, with which a trading day begins.
    open: i64,
    /// Seconds from the opening to the close.
    length: i64,
    /// On whose clocks all this is read, where bars have their times in UTC; none where it is read
    /// on the times of the bars as they stand.
    zone: Option<TimeZone>,
    /// Whether bars are of days within which sessions open and close: their time is the midnight
    /// before their session, which is no part of that of the day before.
    are_within_days: bool,
}

/// A time as its trading day, counted from that of 1970-01-01, and the seconds since it opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub day: i64,
    pub since_open: i64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { first: 0, days: 7, open: 0, length: DAY, zone: None, are_within_days: false }
    }
}

impl Sessions {
    /// Reads the table `sessions`; `of_data` is the zone that the data say, if they do.
    pub(super) fn read(
        section: &mut Section<'_>,
        of_data: Option<&str>,
    ) -> Result<Self, TemplateError> {
        let mut table = section.section_or_empty("sessions")?;
        let mut sessions = Self::default();
        if let Some(text) = table.text("days")? {
            let weekday = |name: &str| WEEKDAYS.iter().zip(0_i64..).find(|(day, _)| **day == name);
            let range = text.split_once('-').unwrap_or((&text, &text));
            let (Some((_, first)), Some((_, last))) = (weekday(range.0), weekday(range.1)) else {
                let allowed = "weekdays such as \"mon-fri\" or \"sun-thu\"";
                return Err(table.error("days", format!("{text:?}"), allowed));
            };
            (sessions.first, sessions.days) = (first, (last - first).rem_euclid(7) + 1);
        }
        let mut time = |key: &str| -> Result<Option<i64>, TemplateError> {
            let Some(text) = table.text(key)? else { return Ok(None) };
            match Date::parse(&format!("1970-01-01 {text}")) {
                Some(date) if text.len() == 5 => Ok(Some(date.seconds())),
                _ => Err(table.error(key, format!("{text:?}"), "a time HH:MM, such as \"09:30\"")),
            }
        };
        sessions.open = time("open")?.unwrap_or(0);
        let close = time("close")?.unwrap_or(sessions.open);
        let written = table.text("timezone")?;
        if let Some(name) = written.as_deref().or(of_data) {
            let zone = zone(name).map_err(|found| {
                let allowed = "a zone of the IANA database, such as \"America/New_York\"";
                table.error("timezone", found, allowed)
            })?;
            sessions.zone = Some(zone).filter(|zone| *zone != TimeZone::UTC);
        }
        table.finish()?;
        // A session that closes when it opens lasts the whole day; one may close after midnight.
        sessions.length = (close - sessions.open + DAY - 1).rem_euclid(DAY) + 1;
        Ok(sessions)
    }

    /// The same for these bars: those of days have the days of the exchange as their times, in
    /// whatever zone that is.
    pub(super) fn of(self, all: &[Series]) -> Self {
        if !are_of_days(all) {
            return self;
        }
        let are_within_days = self.open > 0 && self.open + self.length <= DAY;
        Self { zone: None, are_within_days, ..self }
    }

    /// What the clock of the exchange shows at a time in UTC; the time itself, where nothing says
    /// that times are in UTC.
    pub(super) fn by_its_clock(&self, date: Date) -> Date {
        date.later_by(self.ahead(date.seconds()))
    }

    /// What it says, where that is not the default.
    pub(super) fn texts(&self) -> Vec<String> {
        if *self == Self::default() {
            return Vec::new();
        }
        let Self { first, days, open, length, zone, are_within_days: _ } = self;
        let zone = zone.as_ref().and_then(TimeZone::iana_name);
        let zone = zone.map(|name| format!("timezone = {name}"));
        std::iter::once(format!("sessions = {first} {days} {open} {length}")).chain(zone).collect()
    }

    /// Whether days begin with the midnight of their bars, and not with the opening.
    pub(super) fn are_within_days(&self) -> bool {
        self.are_within_days
    }

    /// By how many seconds the clocks are ahead of the times of the bars.
    fn ahead(&self, seconds: i64) -> i64 {
        let Some(zone) = &self.zone else { return 0 };
        let at = Timestamp::from_second(seconds);
        at.map_or(0, |at| i64::from(zone.to_offset(at).seconds()))
    }

    /// The trading day of a time at which clocks are so far ahead, with the seconds since it opened
    /// by the clock.
    fn by_the_clock(&self, seconds: i64, ahead: i64) -> Place {
        let open = if self.are_within_days { 0 } else { self.open };
        let since = seconds + ahead - open;
        Place { day: since.div_euclid(DAY), since_open: since.rem_euclid(DAY) }
    }

    /// The same place with the seconds that have passed since the day opened: more or fewer than by
    /// the clock on days on which clocks are put back or forward.
    fn as_passed(&self, Place { day, since_open }: Place, seconds: i64, ahead: i64) -> Place {
        // The opening lies at most a change of the clocks away from where this time's would have it.
        let passed = since_open + self.ahead(seconds - since_open) - ahead;
        Place { day, since_open: if passed > 0 { passed } else { 0 } }
    }

    /// The trading day of a time, with the seconds that have passed since it opened.
    pub(super) fn place(&self, seconds: i64) -> Place {
        let ahead = self.ahead(seconds);
        self.as_passed(self.by_the_clock(seconds, ahead), seconds, ahead)
    }

    /// The number of the trading day of a bar.
    pub(super) fn number(&self, date: Date) -> i64 {
        self.by_the_clock(date.seconds(), self.ahead(date.seconds())).day
    }

    /// The days from the beginning of the week of 1970-01-01 to a trading day.
    pub(super) fn since_week_of_1970(&self, day: i64) -> i64 {
        day + EPOCH_WEEKDAY - self.first
    }

    /// The time in UTC at which the clock of the exchange shows this; the time itself, where nothing
    /// says that times are in UTC.
    pub(super) fn in_utc(&self, clock: Date) -> Date {
        let near = clock.seconds() - self.ahead(clock.seconds());
        clock.later_by(-self.ahead(near))
    }

    /// When a bar of days that begins then and lasts so long is over, by the clock of the exchange:
    /// with the last session that it holds.
    pub(super) fn end_of_days(&self, date: Date, length: i64) -> i64 {
        let closes_on_its_day = self.open + self.length <= DAY;
        let opening = if closes_on_its_day { 0 } else { self.open };
        let first = (date.seconds() - opening).div_euclid(DAY);
        let mut last = first + (length + DAY - 1).div_euclid(DAY) - 1;
        while last > first && !self.is_open(last) {
            last -= 1;
        }
        let close = last * DAY + self.open + self.length;
        // What is so short that it holds no day is over at once.
        if last < first { date.seconds() } else { close }
    }

    /// When any other bar that begins then and lasts so long is over: not after its session.
    pub(super) fn end_of_bar(&self, date: Date, length: i64) -> i64 {
        let Place { since_open, .. } = self.place(date.seconds());
        let is_cut = self.length < DAY && since_open < self.length;
        let left = if is_cut { self.length - since_open } else { length };
        date.seconds() + length.min(left)
    }

    fn is_open(&self, day: i64) -> bool {
        self.since_week_of_1970(day).rem_euclid(7) < self.days
    }

    /// The first time from `seconds` on at which a bar can begin.
    pub(super) fn next_start(&self, seconds: i64) -> Place {
        let ahead = self.ahead(seconds);
        let place = self.by_the_clock(seconds, ahead);
        if self.is_open(place.day) && place.since_open < self.length {
            return self.as_passed(place, seconds, ahead);
        }
        let mut day = place.day + 1;
        while !self.is_open(day) {
            day += 1;
        }
        Place { day, since_open: 0 }
    }
}

/// Whether the times of bars are days, and not moments of them.
pub(super) fn are_of_days(all: &[Series]) -> bool {
    all.iter().flat_map(|series| &series.dates).all(|date| date.is_midnight())
}

/// A time zone by its name, or what was found instead.
fn zone(name: &str) -> Result<TimeZone, String> {
    if let Ok(zone) = jiff::tz::db().get(name) {
        // All names of UTC are one.
        return Ok(if name.eq_ignore_ascii_case("UTC") { TimeZone::UTC } else { zone });
    }
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    let meant = nearest(name, known.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |zone| format!(" (did you mean {zone:?}?)"));
    Err(format!("{name:?}{meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, of_data: Option<&str>) -> Result<Sessions, TemplateError> {
        let document = search_spaces::Document::parse("t.toml", text).expect(text);
        Sessions::read(&mut document.section(), of_data)
    }

    fn seconds(text: &str) -> i64 {
        Date::parse(text).expect(text).seconds()
    }

    #[test]
    fn days_open_and_close_on_the_clocks_of_the_exchange() {
        let text = "sessions = { days = 'mon-fri', open = '09:30', close = '16:00' }";
        let new_york = read(text, Some("America/New_York")).expect("valid");
        let monday = seconds("2021-03-15") / DAY;
        let place = |time: &str| {
            let Place { day, since_open } = new_york.place(seconds(time));
            (day - monday, since_open)
        };
        // Clocks were put forward on Sunday, the 14th.
        assert_eq!(place("2021-03-12 14:30"), (-3, 0));
        assert_eq!(place("2021-03-12 20:45"), (-3, 22_500));
        assert_eq!(place("2021-03-15 13:30"), (0, 0));
        assert_eq!(place("2021-03-15 13:29"), (-1, DAY - 60));
        assert_eq!(place("2021-03-14 13:29"), (-2, DAY - 3660), "the night had an hour less");
        let next = new_york.next_start(seconds("2021-03-12 21:00"));
        assert_eq!((next.day - monday, next.since_open), (0, 0));
        let next = new_york.next_start(seconds("2021-03-15 19:45"));
        assert_eq!((next.day - monday, next.since_open), (0, 22_500), "still open");
        // A key of the table says more than the data.
        let tokyo = text.replace('}', ", timezone = 'Asia/Tokyo' }");
        let tokyo = read(&tokyo, Some("America/New_York")).expect("valid");
        assert_eq!(tokyo.place(seconds("2021-03-15 00:30")).since_open, 0);
        assert_ne!(tokyo.texts(), new_york.texts());
        assert_eq!(new_york.texts()[1], "timezone = America/New_York");
    }

    #[test]
    fn an_hour_that_comes_twice_is_two_hours() {
        let berlin = read("", Some("Europe/Berlin")).expect("valid");
        // At 01:00 in UTC on the 31st, clocks go from 03:00 back to 02:00.
        let hours: Vec<i64> = (0..27)
            .map(|hour| berlin.place(seconds("2021-10-30 22:00") + 3600 * hour))
            .map(|place| place.day * 100 + place.since_open / 3600)
            .collect();
        let first = seconds("2021-10-31") / DAY * 100;
        let expected: Vec<i64> =
            (0..25).map(|h| first + h).chain([first + 100, first + 101]).collect();
        assert_eq!(hours, expected);
    }

    #[test]
    fn bars_are_over_when_their_session_closes() {
        const HOUR: i64 = 3600;
        let end = |text: &str, date: &str, length: i64| {
            let sessions = read(text, None).expect("valid");
            let date = Date::parse(date).expect(date);
            let end = match date.is_midnight() {
                true => sessions.end_of_days(date, length),
                false => sessions.end_of_bar(date, length),
            };
            (end - date.seconds()) / HOUR
        };
        let stocks = "sessions = { days = 'mon-fri', open = '09:00', close = '16:00' }";
        assert_eq!(end(stocks, "2021-01-06", DAY), 16);
        assert_eq!(end(stocks, "2021-01-06", 0), 0);
        assert_eq!(end(stocks, "2021-01-04", 7 * DAY), 4 * 24 + 16, "a week is over on Friday");
        assert_eq!(end(stocks, "2021-01-09", DAY), 16, "a Saturday, whatever the sessions say");
        assert_eq!(end(stocks, "2021-01-06 14:00", HOUR), 1);
        assert_eq!(end(stocks, "2021-01-06 14:00", 4 * HOUR), 2);
        assert_eq!(end(stocks, "2021-01-06 18:00", HOUR), 1, "after the close");
        // The bar of Monday has opened on Sunday.
        let futures = "sessions = { days = 'sun-thu', open = '18:00', close = '17:00' }";
        assert_eq!(end(futures, "2021-01-04", DAY), 17);
        assert_eq!(end("", "2021-01-06", DAY), 24);
        assert_eq!(end("", "2021-01-06 22:00", 4 * HOUR), 4, "there is no close");
    }

    #[test]
    fn utc_and_days_are_read_as_they_stand() {
        for utc in ["UTC", "utc"] {
            assert_eq!(read("", Some(utc)).expect("valid"), Sessions::default());
        }
        let of = |dates: &[&str]| {
            let dates = dates.iter().map(|date| Date::parse(date).expect(date)).collect();
            let all = [Series { dates, ..Series::default() }];
            read("", Some("America/New_York")).expect("valid").of(&all)
        };
        let monday = seconds("2021-03-15");
        assert_eq!(of(&["2021-03-15", "2021-03-16"]).place(monday).day, monday / DAY);
        assert_eq!(of(&["2021-03-15", "2021-03-15 01:00"]).place(monday).day, monday / DAY - 1);
    }

    #[test]
    fn sessions_with_a_fault_are_refused() {
        for (text, expected) in [
            ("sessions = { days = 'mo-fr' }", "sessions.days: found \"mo-fr\", allowed: weekdays"),
            (
                "sessions = { open = '9:30' }",
                "sessions.open: found \"9:30\", allowed: a time HH:MM",
            ),
            ("sessions = { close = '24:00' }", "sessions.close: found \"24:00\""),
            ("sessions = { day = 'mon' }", "did you mean \"days\""),
            (
                "sessions = { timezone = 'America/NewYork' }",
                "sessions.timezone: found \"America/NewYork\" (did you mean \
                 \"America/New_York\"?), allowed: a zone of the IANA database",
            ),
        ] {
            let error = read(text, None).expect_err(text).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
