//! Bars put together to longer ones.

use simulators::{Bars, Column, PRICES, VOLUME};

use crate::error::SetError;
use crate::timeframe::{DAY, Timeframe};
use crate::zone::Zone;

/// Puts bars together to those of a longer timeframe.
///
/// The time of a long bar is when it opens, and it holds the short ones that open from then until
/// the next long bar opens: nothing that was known only after its own last short bar. Below a day
/// they begin at whole multiples in UTC; days, weeks (from Monday) and months are those of the
/// zone's calendar.
pub(crate) fn resample(
    all: &[Bars],
    from: Timeframe,
    to: Timeframe,
    zone: &Zone,
) -> Result<Vec<Bars>, SetError> {
    if !is_coarser(from, to) {
        let found = format!("{to}, for bars of {from}");
        return Err(SetError::asked("--timeframe", found, "a multiple of what the bars have"));
    }
    let label = |time: i64| {
        // The times of days are days of the calendar already.
        let wall = if from.is_daily() { time } else { zone.wall(time) };
        label(time, wall, to)
    };
    Ok(all.iter().map(|bars| resampled(bars, label)).collect())
}

fn is_coarser(from: Timeframe, to: Timeframe) -> bool {
    match (from, to) {
        (_, Timeframe::Irregular) | (Timeframe::Months(_), Timeframe::Fixed(_)) => false,
        (Timeframe::Irregular, _) => true,
        (Timeframe::Fixed(from), Timeframe::Fixed(to)) => to > from && to % from == 0,
        (Timeframe::Fixed(from), Timeframe::Months(_)) => from <= DAY,
        (Timeframe::Months(from), Timeframe::Months(to)) => to > from && to % from == 0,
    }
}

/// When the long bar opens that a time is in; `wall` is what the clock of the zone shows then.
fn label(time: i64, wall: i64, to: Timeframe) -> i64 {
    let floor = |value: i64, length: i64| value - value.rem_euclid(length);
    match to {
        Timeframe::Fixed(length) if length % (7 * DAY) == 0 => {
            // 1970-01-05 was the first Monday.
            4 * DAY + floor(wall - 4 * DAY, length)
        }
        Timeframe::Fixed(length) if length % DAY == 0 => floor(wall, length),
        Timeframe::Fixed(length) => floor(time, length),
        Timeframe::Months(count) => month(wall, i64::from(count)),
        Timeframe::Irregular => time,
    }
}

/// The first day of the months, so many at a time from January 1970, that a time is in.
fn month(wall: i64, count: i64) -> i64 {
    let text = simulators::time_text(wall);
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<i64>().ok());
    let (Some(year), Some(month)) = (part(0..4), part(5..7)) else { return wall };
    let months = (year - 1970) * 12 + month - 1;
    let first = months - months.rem_euclid(count);
    let day = format!("{:04}-{:02}-01", 1970 + first.div_euclid(12), first.rem_euclid(12) + 1);
    let first = simulators::Date::parse(&day).and_then(simulators::Date::microseconds);
    first.unwrap_or(wall)
}

fn resampled(bars: &Bars, label: impl Fn(i64) -> i64) -> Bars {
    let labels: Vec<i64> = bars.times.iter().map(|time| label(*time)).collect();
    let mut groups = Vec::new();
    let mut start = 0;
    for group in labels.chunk_by(PartialEq::eq) {
        groups.push(start..start + group.len());
        start += group.len();
    }
    let together = |column: &Column| {
        let values =
            groups.iter().map(|group| put_together(&column.name, &column.values[group.clone()]));
        Column { name: column.name.clone(), values: values.collect() }
    };
    Bars {
        symbol: bars.symbol.clone(),
        times: groups.iter().map(|group| labels[group.start]).collect(),
        columns: bars.columns.iter().map(together).collect(),
    }
}

/// The value of a long bar from those of its short ones: first open, highest high, lowest low, sum
/// of volumes, and the last that is known of everything else.
fn put_together(name: &str, values: &[f64]) -> f64 {
    let known = values.iter().copied().filter(|value| !value.is_nan());
    let value = match name {
        _ if name == PRICES[0] => known.clone().next(),
        _ if name == PRICES[1] => known.clone().reduce(f64::max),
        _ if name == PRICES[2] => known.clone().reduce(f64::min),
        VOLUME => known.clone().reduce(|sum, value| sum + value),
        _ => known.clone().next_back(),
    };
    value.unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        simulators::Date::parse(text).and_then(simulators::Date::microseconds).expect(text)
    }

    fn bars(times: &[&str]) -> Bars {
        let values = |of: fn(f64) -> f64| (0..times.len()).map(|bar| of(bar as f64)).collect();
        let column = |name: &str, values| Column { name: name.to_owned(), values };
        Bars {
            symbol: "A".to_owned(),
            times: times.iter().map(|time| at(time)).collect(),
            columns: vec![
                column("open", values(|bar| 10.0 + bar)),
                column("high", values(|bar| 12.0 - bar)),
                column("low", values(|bar| 9.0 + bar)),
                column("close", values(|bar| 11.0 + bar)),
                column("volume", values(|_| 5.0)),
                column("score", values(|bar| if bar == 1.0 { f64::NAN } else { bar })),
            ],
        }
    }

    fn of(bars: &Bars, from: &str, to: &str, zone: &str) -> Vec<(String, Vec<f64>)> {
        let frame = |text| Timeframe::parse(text).expect(text);
        let zone = Zone::parse(zone).expect(zone);
        let all = resample(std::slice::from_ref(bars), frame(from), frame(to), &zone).expect(to);
        let row = |bar: usize| all[0].columns.iter().map(|column| column.values[bar]).collect();
        let times = all[0].times.iter().enumerate();
        times.map(|(bar, time)| (simulators::time_text(*time), row(bar))).collect()
    }

    #[test]
    fn long_bars_are_made_of_their_short_ones() {
        let short = bars(&["2020-01-02 14:30", "2020-01-02 14:59", "2020-01-02 15:00"]);
        let hours = of(&short, "1m", "1h", "UTC");
        assert_eq!(
            hours,
            [
                ("2020-01-02T14:00:00".to_owned(), vec![10.0, 12.0, 9.0, 12.0, 10.0, 0.0]),
                ("2020-01-02T15:00:00".to_owned(), vec![12.0, 10.0, 11.0, 13.0, 5.0, 2.0]),
            ]
        );
    }

    #[test]
    fn days_weeks_and_months_are_those_of_the_exchange() {
        let short = bars(&["2020-01-02 23:00", "2020-01-03 01:00", "2020-01-06 15:00"]);
        let labels = |to, zone| -> Vec<String> {
            of(&short, "1h", to, zone).into_iter().map(|(time, _)| time).collect()
        };
        assert_eq!(labels("1d", "UTC"), ["2020-01-02", "2020-01-03", "2020-01-06"]);
        assert_eq!(labels("1d", "America/New_York"), ["2020-01-02", "2020-01-06"]);
        assert_eq!(labels("1w", "UTC"), ["2019-12-30", "2020-01-06"]);
        assert_eq!(labels("1mo", "UTC"), ["2020-01-01"]);
        // Days stay the days that they are.
        let days = bars(&["2020-01-31", "2020-02-03"]);
        let months = of(&days, "1d", "1mo", "America/New_York");
        assert_eq!((months[0].0.as_str(), months[1].0.as_str()), ("2020-01-01", "2020-02-01"));
    }

    #[test]
    fn a_bar_never_holds_what_came_later() {
        let times: Vec<String> =
            (0..50).map(|i| format!("2020-01-02 {:02}:{:02}", i / 12, i % 12 * 5)).collect();
        let all = bars(&times.iter().map(String::as_str).collect::<Vec<_>>());
        let whole = of(&all, "5m", "1h", "UTC");
        for cut in 1..50 {
            let some = bars(&times[..cut].iter().map(String::as_str).collect::<Vec<_>>());
            let part = of(&some, "5m", "1h", "UTC");
            let done = cut / 12;
            assert_eq!(
                format!("{:?}", &part[..done]),
                format!("{:?}", &whole[..done]),
                "bars whose last short bar is known stay as they are"
            );
        }
    }

    #[test]
    fn only_multiples_can_be_made() {
        let zone = Zone::parse("UTC").expect("known");
        for (from, to) in
            [("1h", "1h"), ("1h", "30m"), ("4h", "6h"), ("1d", "irregular"), ("1w", "1mo")]
        {
            let frame = |text| Timeframe::parse(text).expect(text);
            let error = resample(&[], frame(from), frame(to), &zone).expect_err(to).to_string();
            assert!(error.contains(&format!("found {to}, for bars of {from}")), "{error}");
        }
    }
}
