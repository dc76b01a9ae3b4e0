//! Coarser bars, made of the bars of the data without a look ahead.
//!
//! A coarse bar is made of the bars that begin in its stretch of time. It is known at the close of
//! the last of them, and which one is the last is told by the clock and the sessions alone: the bar
//! after which the next one would belong to another stretch. Where that bar does not come, such as
//! before a holiday that the sessions do not know, the coarse bar is known with the next bar that
//! does. What is known never changes: were a bar of the same stretch to come after all, it would
//! begin another coarse bar.
//!
//! The length of a bar is the shortest way from one bar to the next so far, so that it, too, is
//! known when it is used.

use super::data::{Price, Series};
use super::date::Date;
use super::sessions::{DAY, Place, Sessions};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Seconds within a trading day.
    Seconds,
    Days,
    Weeks,
    Months,
}

/// A length of bars, such as 4h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeframe {
    count: i64,
    unit: Unit,
}

impl Timeframe {
    pub(super) const ALLOWED: &str =
        "a whole number of s, m, h (up to 24h), d, w or mo, such as 15m, 4h, 1d, 1w, 1mo";

    /// Reads `15m`, `4h`, `1d`, `1w`, `1mo` and the like.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let count: i64 = text[..digits].parse().ok().filter(|count| (1..=DAY).contains(count))?;
        let (count, unit) = match &text[digits..] {
            "s" => (count, Unit::Seconds),
            "m" => (count * 60, Unit::Seconds),
            "h" => (count * 3600, Unit::Seconds),
            "d" => (count, Unit::Days),
            "w" => (count, Unit::Weeks),
            "mo" => (count, Unit::Months),
            _ => return None,
        };
        (unit != Unit::Seconds || count <= DAY).then_some(Self { count, unit })
    }

    /// The shortest that a whole bar of it can be, in seconds.
    pub(super) fn seconds(self) -> i64 {
        let unit = match self.unit {
            Unit::Seconds => 1,
            Unit::Days => DAY,
            Unit::Weeks => 7 * DAY,
            Unit::Months => 28 * DAY,
        };
        self.count * unit
    }

    /// A number that is the same for all times that belong to one coarse bar, and for no others.
    fn stretch(self, at: Place, sessions: &Sessions) -> i64 {
        let Place { day, since_open } = at;
        match self.unit {
            Unit::Seconds => {
                // The last stretch of a day may be shorter than the others, and a day on which
                // clocks are put back has more of them.
                let in_a_day = (2 * DAY + self.count - 1) / self.count;
                day * in_a_day + since_open / self.count
            }
            Unit::Days => day.div_euclid(self.count),
            Unit::Weeks => sessions.since_week_of_1970(day).div_euclid(7 * self.count),
            Unit::Months => Date::month_of(day).div_euclid(self.count),
        }
    }
}

/// The shortest way from one bar to the next so far, in whole seconds; 0 before there is one.
pub(super) fn lengths(dates: &[Date]) -> impl Iterator<Item = i64> {
    let mut shortest = None;
    (0..dates.len()).map(move |bar| {
        if bar > 0 {
            let way = dates[bar].seconds() - dates[bar - 1].seconds();
            shortest = Some(shortest.map_or(way, |shortest: i64| shortest.min(way)));
        }
        shortest.unwrap_or(0)
    })
}

/// The bars of a symbol in one timeframe.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Coarse {
    pub series: Series,
    /// How many of them are known at the close of each bar of the data.
    pub known: Vec<u32>,
}

impl Coarse {
    pub(super) fn new(fine: &Series, timeframe: Timeframe, sessions: &Sessions) -> Self {
        let mut series = Series { symbol: fine.symbol.clone(), ..Series::default() };
        series.signals = fine.signals.iter().map(super::data::Signal::without_values).collect();
        let mut known = Vec::with_capacity(fine.len());
        let mut complete = 0;
        // The stretch of the coarse bar that is being made.
        let mut current = None;
        for (bar, length) in lengths(&fine.dates).enumerate() {
            let seconds = fine.dates[bar].seconds();
            let stretch = timeframe.stretch(sessions.place(seconds), sessions);
            if current == Some(stretch) {
                series.extend_last(fine, bar);
            } else {
                complete += u32::from(current.is_some());
                series.begin(fine, bar);
                current = Some(stretch);
            }
            let next = sessions.next_start(seconds + length);
            if timeframe.stretch(next, sessions) != stretch {
                complete += 1;
                current = None;
            }
            known.push(complete);
        }
        Self { series, known }
    }
}

impl Series {
    /// Begins a bar with one of another series.
    fn begin(&mut self, fine: &Self, bar: usize) {
        self.dates.push(fine.dates[bar]);
        for (column, from) in self.columns.iter_mut().zip(&fine.columns) {
            column.push(from[bar]);
        }
        for (signal, from) in self.signals.iter_mut().zip(&fine.signals) {
            signal.values.extend(from.values.get(bar));
        }
    }

    /// Adds one more bar of the other series to the last bar.
    fn extend_last(&mut self, fine: &Self, bar: usize) {
        let last = self.len() - 1;
        let [_, high, low, close, volume] = &mut self.columns;
        let from = |price: Price| fine.price(price)[bar];
        if from(Price::High) > high[last] {
            high[last] = from(Price::High);
        }
        if from(Price::Low) < low[last] {
            low[last] = from(Price::Low);
        }
        close[last] = from(Price::Close);
        volume[last] += from(Price::Volume);
        for (signal, from) in self.signals.iter_mut().zip(&fine.signals) {
            if let Some(value) = from.values.get(bar) {
                signal.values[last] = *value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(dates: &[&str]) -> Series {
        let mut series = Series {
            dates: dates.iter().map(|date| Date::parse(date).expect(date)).collect(),
            ..Series::default()
        };
        for bar in 0..dates.len() {
            let price = 10.0 + bar as f64;
            for (column, value) in
                series.columns.iter_mut().zip([price, price + 2.0, price - 2.0, price + 1.0, 1.0])
            {
                column.push(value);
            }
        }
        series
    }

    fn sessions(text: &str) -> Sessions {
        let document = search_spaces::Document::parse("t.toml", text).expect(text);
        Sessions::read(&mut document.section(), None).unwrap_or_else(|error| panic!("{error}"))
    }

    fn coarse(dates: &[&str], timeframe: &str, text: &str) -> Coarse {
        let timeframe = Timeframe::parse(timeframe).expect(timeframe);
        Coarse::new(&series(dates), timeframe, &sessions(text))
    }

    #[test]
    fn hours_are_known_at_the_close_of_their_last_bar() {
        let dates = ["09:30", "10:00", "10:30", "11:00", "11:30", "12:30"]
            .map(|time| format!("2020-01-06 {time}"));
        let dates = dates.each_ref().map(String::as_str);
        let by_clock = coarse(&dates, "1h", "");
        assert_eq!(by_clock.known, [0, 1, 2, 2, 3, 4]);
        assert_eq!(by_clock.series.price(Price::Open), [10.0, 11.0, 13.0, 15.0]);
        assert_eq!(by_clock.series.price(Price::Close), [11.0, 13.0, 15.0, 16.0]);
        assert_eq!(by_clock.series.price(Price::High)[1], 14.0);
        assert_eq!(by_clock.series.price(Price::Low)[1], 9.0);
        assert_eq!(by_clock.series.price(Price::Volume), [1.0, 2.0, 2.0, 1.0]);
        // From the opening on: 9:30, 10:30, 11:30 (whose second bar is missing) and 12:30.
        let by_session = coarse(&dates, "1h", "sessions = { open = '09:30', close = '13:00' }");
        assert_eq!(by_session.known, [0, 1, 1, 2, 2, 4]);
        assert_eq!(by_session.series.price(Price::Close), [12.0, 14.0, 15.0, 16.0]);
    }

    #[test]
    fn a_week_of_working_days_is_known_on_friday_and_without_one_on_monday() {
        // Monday to Friday, Monday to Thursday (a holiday follows), Monday.
        let days = ["06", "07", "08", "09", "10", "13", "14", "15", "16", "20"]
            .map(|day| format!("2020-01-{day}"));
        let days = days.each_ref().map(String::as_str);
        let known = coarse(&days, "1w", "sessions = { days = 'mon-fri' }").known;
        assert_eq!(known, [0, 0, 0, 0, 1, 1, 1, 1, 1, 2]);
        assert_eq!(coarse(&days, "1w", "").known, [0, 0, 0, 0, 0, 1, 1, 1, 1, 2]);
        assert_eq!(coarse(&days, "1d", "").known, [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn a_session_over_midnight_belongs_to_the_day_on_which_it_opened() {
        let dates =
            ["2020-01-05 18:00", "2020-01-05 23:00", "2020-01-06 04:00", "2020-01-06 12:00"];
        let text = "sessions = { days = 'sun-thu', open = '18:00', close = '17:00' }";
        let day = coarse(&dates, "1d", text);
        assert_eq!((day.series.len(), day.known), (1, vec![0, 0, 0, 1]));
        assert_eq!(sessions(text).number(Date::parse("2020-01-06 12:00").expect("valid")), 18266);
    }

    #[test]
    fn months_and_multiples() {
        let days = ["2020-01-30", "2020-01-31", "2020-02-03", "2020-02-28", "2020-03-02"];
        assert_eq!(coarse(&days, "1mo", "").known, [0, 1, 1, 1, 2]);
        assert_eq!(coarse(&days, "2mo", "").known, [0, 0, 0, 0, 1]);
        for text in ["", "4", "h", "0h", "25h", "4H", "1y", "-1d", "99999999999999999999d", "1.5h"]
        {
            assert_eq!(Timeframe::parse(text), None, "{text}");
        }
    }

    #[test]
    fn cutting_the_data_changes_nothing_before_the_cut() {
        // Bars at uneven distances, so that the length of a bar is learned on the way.
        let mut time = 0;
        let dates: Vec<String> = (0..200)
            .map(|bar: i64| {
                time += 600 * (1 + bar * bar % 7 + bar % 11 / 10 * 300);
                let (day, rest) = (time / DAY, time % DAY);
                format!(
                    "2020-{:02}-{:02} {:02}:{:02}",
                    day / 28 + 1,
                    day % 28 + 1,
                    rest / 3600,
                    rest / 60 % 60
                )
            })
            .collect();
        let dates: Vec<&str> = dates.iter().map(String::as_str).collect();
        let text = "sessions = { days = 'mon-fri', open = '09:00', close = '17:30' }";
        for timeframe in ["45m", "4h", "1d", "3d", "1w", "1mo"] {
            let whole = coarse(&dates, timeframe, text);
            for cut in 1..dates.len() {
                let part = coarse(&dates[..cut], timeframe, text);
                assert_eq!(part.known, whole.known[..cut], "{timeframe} {cut}");
                let complete = part.known[cut - 1] as usize;
                for (part, whole) in part.series.columns.iter().zip(&whole.series.columns) {
                    assert_eq!(part[..complete], whole[..complete], "{timeframe} {cut}");
                }
            }
        }
    }
}
