//! Dates of bars: in UTC where the data say their offset from it, else in whatever zone the data
//! are in.

use std::fmt;

const SECONDS_A_DAY: i64 = 86_400;

/// The date, with or without a time, of a bar: the time since 1970-01-01T00:00:00, in UTC where
/// the data give an offset from it, else in the data's own time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    seconds: i64,
    /// The fraction of a second that comes on top, below 10^9.
    nanoseconds: u32,
}

impl Date {
    /// What [`Date::parse`] reads, for messages.
    pub const ALLOWED: &'static str = "a date YYYY-MM-DD, optionally with a time HH:MM, \
         HH:MM:SS or HH:MM:SS.123, and with the time optionally Z or an offset such as +01:00";

    /// Whole seconds since 1970-01-01T00:00:00, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// What comes on top of [`Date::seconds`], below 10^9.
    pub(crate) fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// The time so many microseconds after 1970-01-01T00:00:00.
    #[must_use]
    pub fn from_microseconds(microseconds: i64) -> Self {
        let fraction = microseconds.rem_euclid(1_000_000) as u32;
        Self { seconds: microseconds.div_euclid(1_000_000), nanoseconds: fraction * 1000 }
    }

    /// Microseconds since 1970-01-01T00:00:00; none where that is no whole number.
    #[must_use]
    pub fn microseconds(self) -> Option<i64> {
        let is_whole = self.nanoseconds.is_multiple_of(1000);
        let fraction = i64::from(self.nanoseconds / 1000);
        self.seconds.checked_mul(1_000_000)?.checked_add(fraction).filter(|_| is_whole)
    }

    /// Minutes from `earlier` to this date, with a fraction.
    pub(crate) fn minutes_since(self, earlier: Self) -> f64 {
        let fraction = (f64::from(self.nanoseconds) - f64::from(earlier.nanoseconds)) / 1e9;
        ((self.seconds - earlier.seconds) as f64 + fraction) / 60.0
    }

    /// Days from `earlier` to this date, with a fraction.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> f64 {
        let fraction = (f64::from(self.nanoseconds) - f64::from(earlier.nanoseconds)) / 1e9;
        ((self.seconds - earlier.seconds) as f64 + fraction) / SECONDS_A_DAY as f64
    }

    /// Reads `YYYY-MM-DD`, optionally followed by a space or `T` and a time: `HH:MM`, `HH:MM:SS`
    /// or a fraction, `HH:MM:SS.123456789`. After the time there may be `Z` or an offset from UTC
    /// (`+01:00`, `+0100`, `+01`), by which the time is converted to UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.get(10..11) {
            None => (text, None),
            Some(" " | "T") => (&text[..10], Some(&text[11..])),
            Some(_) => return None,
        };
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let days_in_month = match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if !(1..=12).contains(&month) || !(1..=days_in_month).contains(&day) {
            return None;
        }
        let midnight = days_of(year, month, day) * SECONDS_A_DAY;
        let Some(time) = time else {
            return Some(Self { seconds: midnight, nanoseconds: 0 });
        };
        let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
        let clock = if zone.is_empty() { clock } else { clock.strip_suffix(' ').unwrap_or(clock) };
        let (seconds, nanoseconds) = time_of_day(clock)?;
        Some(Self { seconds: midnight + seconds - offset(zone)?, nanoseconds })
    }

    /// The month to which a day belongs, counted from January of the year 0; days are counted from
    /// 1970-01-01.
    pub(crate) fn month_of(day: i64) -> i64 {
        // The inverse of `days_of`: eras of 400 years, whose years begin in March.
        let since = day + 719_468;
        let in_era = since.rem_euclid(146_097);
        let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * year + year / 4 - year / 100);
        let month = (5 * in_year + 2) / 153;
        (since.div_euclid(146_097) * 400 + year) * 12 + month + 2
    }

    /// The time so many seconds after this one.
    pub(crate) fn later_by(self, seconds: i64) -> Self {
        Self { seconds: self.seconds + seconds, ..self }
    }

    /// The same day at its last moment, so that a closing bound includes the whole day.
    pub(crate) fn end_of_day(self) -> Self {
        let midnight = self.seconds - self.seconds.rem_euclid(SECONDS_A_DAY);
        Self { seconds: midnight + SECONDS_A_DAY - 1, nanoseconds: 999_999_999 }
    }

    /// Its text with a time of day, also at midnight.
    pub(crate) fn with_time(self) -> String {
        if self.is_midnight() { format!("{self}T00:00:00") } else { self.to_string() }
    }

    pub(crate) fn is_midnight(self) -> bool {
        self.seconds % SECONDS_A_DAY == 0 && self.nanoseconds == 0
    }
}

/// Seconds and nanoseconds since midnight of `HH:MM` or `HH:MM:SS`, the latter with at most nine
/// digits after a point: more would be lost, and times that differ could seem to be the same.
fn time_of_day(clock: &str) -> Option<(i64, u32)> {
    let (whole, nanoseconds) = match clock.split_once('.') {
        None => (clock, 0),
        Some((whole, digits)) if whole.len() == 8 && (1..=9).contains(&digits.len()) => {
            let [number] = numbers(digits, '.', [digits.len()])?;
            let zeros = u32::try_from(9 - digits.len()).ok()?;
            (whole, u32::try_from(number * 10_i64.pow(zeros)).ok()?)
        }
        Some(_) => return None,
    };
    let [hour, minute, second] = match whole.len() {
        5 => {
            let [hour, minute] = numbers(whole, ':', [2, 2])?;
            [hour, minute, 0]
        }
        _ => numbers(whole, ':', [2, 2, 2])?,
    };
    let valid = hour <= 23 && minute <= 59 && second <= 59;
    valid.then_some((hour * 3600 + minute * 60 + second, nanoseconds))
}

/// The seconds by which a zone is ahead of UTC: 0 for `Z` and for none.
fn offset(zone: &str) -> Option<i64> {
    let (sign, ahead) = match zone.split_at_checked(1) {
        None | Some(("Z", "")) => return Some(0),
        Some(("+", ahead)) => (1, ahead),
        Some(("-", ahead)) => (-1, ahead),
        Some(_) => return None,
    };
    let [hours, minutes] = match ahead.len() {
        2 => [numbers::<1>(ahead, ':', [2])?[0], 0],
        4 => {
            let [both] = numbers(ahead, ':', [4])?;
            [both / 100, both % 100]
        }
        _ => numbers(ahead, ':', [2, 2])?,
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Numbers of exactly these widths with `separator` between them.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; years count from March, so that the
/// leap day is the last of its year.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// Displays as `YYYY-MM-DD`, with `THH:MM:SS` where the time is not midnight, and with the
/// fraction of a second where there is one.
impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.seconds.div_euclid(SECONDS_A_DAY);
        // Years are at most 366 days long before 1970 and at least 365 after, so the estimate is
        // never too early; the loop mends the rest.
        let mut year = 1971 + days.div_euclid(365).max(days.div_euclid(366));
        while days_of(year, 1, 1) > days {
            year -= 1;
        }
        let month = (1..=12)
            .rev()
            .find(|month| days_of(year, *month, 1) <= days)
            .expect("January begins with the year");
        let day = days - days_of(year, month, 1) + 1;
        write!(out, "{year:04}-{month:02}-{day:02}")?;
        if self.is_midnight() {
            return Ok(());
        }
        let seconds = self.seconds.rem_euclid(SECONDS_A_DAY);
        let (hour, minute) = (seconds / 3600, seconds / 60 % 60);
        write!(out, "T{hour:02}:{minute:02}:{:02}", seconds % 60)?;
        if self.nanoseconds > 0 {
            let digits = format!("{:09}", self.nanoseconds);
            write!(out, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates_have_their_known_day_numbers() {
        let day = |text| Date::parse(text).expect(text).seconds() / SECONDS_A_DAY;
        assert_eq!(day("1970-01-01"), 0);
        assert_eq!(day("2000-03-01"), 11_017);
        assert_eq!(day("1969-12-31"), -1);
        assert_eq!(day("2013-03-01") - day("2004-08-19"), 3116);
    }

    #[test]
    fn every_day_of_four_centuries_prints_and_reads_back() {
        for day in days_of(1800, 1, 1)..days_of(2201, 1, 1) {
            let date = Date { seconds: day * SECONDS_A_DAY, nanoseconds: 0 };
            let text = date.to_string();
            assert_eq!(Date::parse(&text), Some(date));
            let [year, month] = [0..4, 5..7].map(|part| text[part].parse::<i64>().expect("digits"));
            assert_eq!(Date::month_of(day), year * 12 + month - 1, "{text}");
        }
    }

    #[test]
    fn times_are_read_and_nonsense_is_not() {
        let noon = Date::parse("2020-02-29 12:00:05").expect("valid");
        assert_eq!(noon.to_string(), "2020-02-29T12:00:05");
        assert_eq!(Date::parse("2020-02-29T12:00:05"), Some(noon));
        assert_eq!(Date::parse("2020-02-29 12:00"), Date::parse("2020-02-29 12:00:00"));
        for text in [
            "",
            "2020",
            "2021-02-29",
            "2020-13-01",
            "2020-00-10",
            "2020-1-1",
            "20-01-2020",
            "2020-01-01x",
            "2020-01-01 24:00",
            "2020-01-01 1:00",
            "2020-01-01 10:00:00z",
            "2020-01-01 10:00:00ZZ",
            "2020-01-01 10:00:00 ",
            "2020-01-01 10:00:00  +01:00",
            "2020-01-01 10:00:00+",
            "2020-01-01 10:00:00+1",
            "2020-01-01 10:00:00+24:00",
            "2020-01-01 10:00:00+01:60",
            "2020-01-01 10:00:00+0x00",
            "2020-01-01 10:00:00+01:00:00",
            "2020-01-01 10:00:00+é1",
            "2020-01-01 10:00:00.",
            "2020-01-01 10:00:00.1234567890",
            "2020-01-01 10:00:00.1.2",
            "2020-01-01 10:00:00.-1",
            "2020-01-01 10:00.5",
            "2020-01-01Z",
            "2020-01-01+01:00",
            "2020-01-01 Z",
            "2020/01/01",
            "2020-01-0é",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn offsets_convert_to_utc() {
        for (text, utc) in [
            ("2020-01-01T09:30:00Z", "2020-01-01T09:30:00"),
            ("2020-01-01T09:30Z", "2020-01-01T09:30:00"),
            ("2020-01-01T09:30:00+01:00", "2020-01-01T08:30:00"),
            ("2020-01-01 09:30:00+0100", "2020-01-01T08:30:00"),
            ("2020-01-01 09:30:00 +01", "2020-01-01T08:30:00"),
            ("2020-01-01 00:15-05:45", "2020-01-01T06:00:00"),
            ("2020-01-01T00:00:00+14:00", "2019-12-31T10:00:00"),
            ("2020-12-31T19:00:00.000-05:00", "2021-01-01"),
        ] {
            let date = Date::parse(text).expect(text);
            assert_eq!(date.to_string(), utc, "{text}");
        }
    }

    #[test]
    fn fractions_of_a_second_order_and_print() {
        let date = |text| Date::parse(text).expect(text);
        let ascending = [
            "2019-12-31T23:59:59.999999999",
            "2020-01-01",
            "2020-01-01T00:00:00.000000001",
            "2020-01-01T00:00:00.09",
            "2020-01-01T00:00:00.1",
            "2020-01-01T00:00:01",
        ];
        for pair in ascending.windows(2) {
            assert!(date(pair[0]) < date(pair[1]), "{pair:?}");
            assert_eq!(date(pair[0]).to_string(), pair[0]);
        }
        assert_eq!(date("2020-01-01 10:00:00.500"), date("2020-01-01T11:00:00.5+01:00"));
        let days = date("2020-01-02T00:00:00.5").days_since(date("2020-01-01T00:00:00.75"));
        assert_eq!(days, (86_400.0 - 0.25) / 86_400.0);
        assert_eq!(date("1969-12-31T23:59:59.5").seconds(), -1);
        assert!(date("2020-01-01").end_of_day() >= date("2020-01-01T23:59:59.999999999"));
        assert!(!date("2020-01-01T00:00:00.1").is_midnight());
        assert_eq!(date("2020-01-01").with_time(), "2020-01-01T00:00:00");
        assert_eq!(date("2020-01-01T10:30").with_time(), "2020-01-01T10:30:00");
    }
}
