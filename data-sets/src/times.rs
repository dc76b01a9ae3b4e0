//! What the cells of a time column say.

use simulators::Date;

use crate::timeframe::DAY;

/// A time as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// What the clock showed, in microseconds since 1970.
    pub wall: i64,
    /// When that was in UTC, where the cell says so.
    pub instant: Option<i64>,
}

/// What is read as a time, for messages.
pub(crate) const ALLOWED: &str = "a date YYYY-MM-DD or YYYYMMDD, optionally with a time HH:MM, \
    HH:MM:SS or HH:MM:SS.123456 and with Z or an offset such as +01:00; or seconds, \
    milliseconds, microseconds or nanoseconds since 1970";

/// Reads a text: what [`Date::parse`] reads, with `.` or `/` for the `-` of a date and without
/// them. Numbers that are not dates are none of its business.
pub(crate) fn written(text: &str) -> Option<Written> {
    let text = text.trim();
    let (date, time) = text.split_at(text.find([' ', 'T']).unwrap_or(text.len()));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let date = match date.len() {
        8 if digits(date) => format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]),
        10 if date.is_ascii() && digits(&date[..4]) => date.replace(['.', '/'], "-"),
        _ => return None,
    };
    // UTC by its name, and a time without minutes for its seconds, as some write them.
    let time = match time.strip_suffix(" UTC").or_else(|| time.strip_suffix(" GMT")) {
        Some(time) => format!("{time}Z"),
        None => time.to_owned(),
    };
    let zone = time.find(['Z', '+', '-']);
    let full = Date::parse(&format!("{date}{time}"))?.microseconds()?;
    let Some(zone) = zone else {
        return Some(Written { wall: full, instant: None });
    };
    let clock = time[..zone].trim_end();
    let wall = Date::parse(&format!("{date}{clock}"))?.microseconds()?;
    Some(Written { wall, instant: Some(full) })
}

/// Reads a column of numbers: days as `20200102` where all are, else the time since 1970 in the
/// unit in which the largest is not beyond the year 5000. Gives the place of a number that is no
/// time.
pub(crate) fn counted(numbers: &[f64]) -> Result<Vec<Written>, usize> {
    if let Some(place) = numbers.iter().position(|number| !number.is_finite()) {
        return Err(place);
    }
    let as_day = |number: &f64| {
        let whole = *number == number.trunc() && (19_000_101.0..=22_001_231.0).contains(number);
        whole.then(|| written(&format!("{number:.0}"))).flatten()
    };
    if let Some(days) = numbers.iter().map(as_day).collect::<Option<Vec<_>>>() {
        return Ok(days);
    }
    let largest = numbers.iter().fold(0.0, |largest: f64, number| largest.max(number.abs()));
    let of_unit = |number: f64| match largest {
        ..1e11 => number * 1e6,
        ..1e14 => number * 1e3,
        ..1e17 => number,
        _ => number / 1e3,
    };
    let times = numbers.iter().map(|number| {
        let instant = of_unit(*number).round() as i64;
        Written { wall: instant, instant: Some(instant) }
    });
    Ok(times.collect())
}

/// A time whose clock showed midnight, which is a day where bars are of days.
pub(crate) fn is_midnight(wall: i64) -> bool {
    wall.rem_euclid(DAY) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        Date::parse(text).and_then(Date::microseconds).expect(text)
    }

    #[test]
    fn texts_of_many_kinds_are_the_same_time() {
        let plain = at("2020-01-02 09:30");
        for text in [
            "2020-01-02 09:30",
            "2020-01-02T09:30:00",
            "2020.01.02 09:30",
            "2020/01/02 09:30:00.000",
            "20200102 09:30",
            " 2020-01-02 09:30 ",
        ] {
            assert_eq!(written(text), Some(Written { wall: plain, instant: None }), "{text}");
        }
        let zoned = written("2020-01-02 09:30:00-05:00").expect("valid");
        assert_eq!(zoned, Written { wall: plain, instant: Some(at("2020-01-02 14:30")) });
        let utc = written("2020-01-02 09:30:00 UTC").expect("valid");
        assert_eq!(utc, Written { wall: plain, instant: Some(plain) });
        for text in
            ["01/02/2020", "2020-1-2", "2020-13-01", "yesterday", "", "2020é01é02", "1577957400"]
        {
            assert_eq!(written(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_times_in_the_unit_that_fits() {
        let instant = at("2020-01-02 09:30");
        for unit in [1e-6, 1e-3, 1.0, 1e3] {
            let numbers = [instant as f64 * unit, (instant + 60_000_000) as f64 * unit];
            let times = counted(&numbers).expect("times");
            assert_eq!(times[0].instant, Some(instant), "{unit}");
            assert_eq!(times[1].instant, Some(instant + 60_000_000), "{unit}");
        }
        let days = counted(&[20_200_102.0, 20_200_103.0]).expect("days");
        assert_eq!(days[1], Written { wall: at("2020-01-03"), instant: None });
        assert_eq!(counted(&[1e9, f64::NAN]), Err(1));
    }
}
