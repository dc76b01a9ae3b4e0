//! The time from one bar to the next.

use std::fmt;

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// The time from one bar to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeframe {
    /// Always the same time, in microseconds, of a millisecond at least. From a day on, bars are of
    /// days of the exchange.
    Fixed(i64),
    /// So many months.
    Months(u32),
    /// Bars come when they come.
    Irregular,
}

/// The units of fixed times in microseconds, the longest first.
const UNITS: [(&str, i64); 6] = [
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
];

impl Timeframe {
    /// What [`Timeframe::parse`] reads, for messages.
    pub const ALLOWED: &'static str = "a number with ms, s, m (minutes), h, d, w or mo (months), \
        such as 5m or 1d, or irregular";

    /// Reads `1d`, `5m`, `irregular` and the like.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "irregular" {
            return Some(Self::Irregular);
        }
        let digits = text.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let count: u32 = text[..digits].parse().ok().filter(|count| *count > 0)?;
        // 1M is a month to some and a minute to others.
        let unit = match &text[digits..] {
            "mo" => return Some(Self::Months(count)),
            "min" => "m",
            "D" => "d",
            "H" => "h",
            "W" => "w",
            other => other,
        };
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        Some(Self::Fixed(length.checked_mul(i64::from(count))?))
    }

    /// Whether its bars are of days or longer, and their times days of the exchange.
    #[must_use]
    pub fn is_daily(self) -> bool {
        match self {
            Self::Fixed(length) => length % DAY == 0,
            Self::Months(_) => true,
            Self::Irregular => false,
        }
    }

    /// The time that most bars are apart, where half of the steps or more are of it. `symbols`
    /// holds the times of each symbol, ascending.
    pub(crate) fn of(symbols: &[&[i64]]) -> Self {
        let steps = symbols.iter().flat_map(|times| times.windows(2).map(|pair| pair[1] - pair[0]));
        let mut steps: Vec<i64> = steps.filter(|step| *step > 0).collect();
        steps.sort_unstable();
        // Of those that are as frequent, the last one here is the shortest.
        let likely = steps.chunk_by(PartialEq::eq).rev().max_by_key(|equal| equal.len());
        let Some(likely) = likely else {
            return Self::Irregular;
        };
        let of_month = |step: &&i64| (28 * DAY..=31 * DAY).contains(*step);
        let months = steps.iter().filter(of_month).count();
        match likely[0] {
            step if of_month(&&step) && months * 2 >= steps.len() => Self::Months(1),
            step if likely.len() * 2 >= steps.len() && step % 1_000 == 0 => Self::Fixed(step),
            _ => Self::Irregular,
        }
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => {
                let unit = UNITS.iter().find(|(_, unit)| length % unit == 0);
                let (name, unit) = unit.unwrap_or(&UNITS[5]);
                write!(out, "{}{name}", length / unit)
            }
            Self::Months(count) => write!(out, "{count}mo"),
            Self::Irregular => write!(out, "irregular"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in ["1ms", "250ms", "1s", "1m", "15m", "4h", "1d", "3d", "1w", "1mo", "irregular"]
        {
            let read = Timeframe::parse(text).expect(text);
            assert_eq!(read.to_string(), text);
        }
        assert_eq!(Timeframe::parse("60m"), Timeframe::parse("1h"));
        for text in ["", "d", "0d", "1", "1M", "1 d", "-1d", "1.5h", "99999999999d", "1y", "é"] {
            assert_eq!(Timeframe::parse(text), None, "{text}");
        }
    }

    #[test]
    fn most_steps_decide() {
        let days: Vec<i64> = [0, 1, 2, 3, 6, 7, 8].iter().map(|day| day * DAY).collect();
        assert_eq!(Timeframe::of(&[&days]), Timeframe::Fixed(DAY));
        let months: Vec<i64> = [0, 31, 59, 90, 120].iter().map(|day| day * DAY).collect();
        assert_eq!(Timeframe::of(&[&months]), Timeframe::Months(1));
        assert_eq!(Timeframe::of(&[&[0, 1_000, 5_000, 7_000, 20_000]]), Timeframe::Irregular);
        assert_eq!(Timeframe::of(&[&[0, DAY, 4 * DAY]]), Timeframe::Fixed(DAY), "over a weekend");
        assert_eq!(Timeframe::of(&[&[5]]), Timeframe::Irregular);
    }
}
