//! Time zones: from the clock on the wall of an exchange to UTC and back.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};
use search_spaces::nearest;

use crate::error::SetError;

/// A time zone of the IANA database, which is part of the program, so that every machine has the
/// same.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Finds a zone by its name, such as `America/New_York`.
    ///
    /// # Errors
    /// There is none; says which one may be meant.
    pub fn parse(name: &str) -> Result<Self, SetError> {
        if let Ok(zone) = jiff::tz::db().get(name) {
            let name = zone.iana_name().unwrap_or(name).to_owned();
            return Ok(Self { name, zone });
        }
        let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        // Most people know the city.
        let of_city = |zone: &&String| {
            let city = name.replace(' ', "_");
            zone.rsplit('/').next().is_some_and(|own| own.eq_ignore_ascii_case(&city))
        };
        let meant = known.iter().find(of_city).map(String::as_str);
        let meant = meant.or_else(|| nearest(name, known.iter().map(String::as_str)));
        let meant = meant.map_or_else(String::new, |zone| format!(" (did you mean {zone}?)"));
        let allowed = "a zone of the IANA database, such as UTC, America/New_York or Europe/London";
        Err(SetError::asked("--timezone", format!("\"{name}\"{meant}"), allowed))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the clock on the wall shows at an instant; both in microseconds since 1970.
    pub(crate) fn wall(&self, instant: i64) -> i64 {
        match Timestamp::from_microsecond(instant) {
            Ok(at) => instant + i64::from(self.zone.to_offset(at).seconds()) * 1_000_000,
            Err(_) => instant,
        }
    }

    /// When the clock on the wall shows a time; none if it never does, because it is put forward.
    /// A time that it shows twice is the first one, or the second if the first is not after
    /// `previous`.
    pub(crate) fn instant(&self, wall: i64, previous: Option<i64>) -> Option<i64> {
        let Ok(as_utc) = Timestamp::from_microsecond(wall) else { return Some(wall) };
        let shown = TimeZone::UTC.to_datetime(as_utc);
        let before = |offset: jiff::tz::Offset| wall - i64::from(offset.seconds()) * 1_000_000;
        match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => Some(before(offset)),
            AmbiguousOffset::Gap { .. } => None,
            AmbiguousOffset::Fold { before: first, after: second } => {
                let first = before(first);
                let is_taken = previous.is_some_and(|previous| first <= previous);
                Some(if is_taken { before(second) } else { first })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        simulators::Date::parse(text).and_then(simulators::Date::microseconds).expect(text)
    }

    #[test]
    fn clocks_of_new_york() {
        let zone = Zone::parse("America/New_York").expect("known");
        for (wall, utc) in [
            ("2020-01-02 09:30", "2020-01-02 14:30"),
            ("2020-07-02 09:30", "2020-07-02 13:30"),
            ("1950-01-03 10:00", "1950-01-03 15:00"),
        ] {
            assert_eq!(zone.instant(at(wall), None), Some(at(utc)), "{wall}");
            assert_eq!(zone.wall(at(utc)), at(wall), "{wall}");
        }
        assert_eq!(zone.instant(at("2020-03-08 02:30"), None), None, "the clock is put forward");
        let twice = at("2020-11-01 01:30");
        let first = at("2020-11-01 05:30");
        assert_eq!(zone.instant(twice, None), Some(first));
        assert_eq!(zone.instant(twice, Some(first - 60_000_000)), Some(first));
        assert_eq!(zone.instant(twice, Some(first)), Some(at("2020-11-01 06:30")));
    }

    #[test]
    fn names_are_suggested() {
        for (name, meant) in [
            ("America/NewYork", "America/New_York"),
            ("new york", "America/New_York"),
            ("Tokyo", "Asia/Tokyo"),
        ] {
            let message = Zone::parse(name).expect_err(name).to_string();
            assert!(message.contains(&format!("did you mean {meant}?")), "{message}");
        }
        assert_eq!(Zone::parse("utc").expect("known").name(), "UTC");
    }
}
