//! Dates of bars, without a time zone: whatever zone the data are in.

use std::fmt;

const SECONDS_A_DAY: i64 = 86_400;

/// The date, with or without a time, of a bar: seconds since 1970-01-01T00:00:00 in the data's own
/// time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(i64);

impl Date {
    /// What [`Date::parse`] reads, for messages.
    pub(crate) const ALLOWED: &'static str =
        "a date YYYY-MM-DD, optionally followed by HH:MM or HH:MM:SS";

    /// Seconds since 1970-01-01T00:00:00.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Days from `earlier` to this date, with a fraction.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / SECONDS_A_DAY as f64
    }

    /// Reads `YYYY-MM-DD`, optionally followed by a space or `T` and `HH:MM` or `HH:MM:SS`.
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
        let [hour, minute, second] = match time {
            None => [0; 3],
            Some(time) if time.len() == 5 => {
                let [hour, minute] = numbers(time, ':', [2, 2])?;
                [hour, minute, 0]
            }
            Some(time) => numbers(time, ':', [2, 2, 2])?,
        };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = hour * 3600 + minute * 60 + second;
        Some(Self(days_of(year, month, day) * SECONDS_A_DAY + seconds))
    }

    /// The same day at its last second, so that a closing bound includes the whole day.
    pub(crate) fn end_of_day(self) -> Self {
        Self(self.0 - self.0.rem_euclid(SECONDS_A_DAY) + SECONDS_A_DAY - 1)
    }

    pub(crate) fn is_midnight(self) -> bool {
        self.0 % SECONDS_A_DAY == 0
    }
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

/// Displays as `YYYY-MM-DD`, with `THH:MM:SS` where the time is not midnight.
impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0.div_euclid(SECONDS_A_DAY);
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
        let seconds = self.0.rem_euclid(SECONDS_A_DAY);
        if seconds == 0 {
            return Ok(());
        }
        let (hour, minute) = (seconds / 3600, seconds / 60 % 60);
        write!(out, "T{hour:02}:{minute:02}:{:02}", seconds % 60)
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
            let date = Date(day * SECONDS_A_DAY);
            assert_eq!(Date::parse(&date.to_string()), Some(date));
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
            "2020-01-01 10:00:00Z",
            "2020/01/01",
            "2020-01-0é",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }
}
