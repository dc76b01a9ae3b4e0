//! Prices: the bars of each symbol as columns, and what can be wrong with them.

use std::fmt;

use super::date::Date;
use super::shadow::{Shadow, shadow};
use super::text::printable;

/// What is wrong with a data file: where, what was found there and what is allowed.
///
/// Displays as `prices.csv:12: Close: found "abc", allowed: a number above zero`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataError {
    /// The path of the file, or the name of built-in data.
    pub file: String,
    /// Line in that file, from 1; none where the fault is an absence.
    pub line: Option<u64>,
    /// The column at fault; empty for a fault of the whole file or line.
    pub column: String,
    /// What was found there, in a few words.
    pub found: String,
    /// What would have been accepted.
    pub allowed: String,
}

impl DataError {
    /// A fault whose words can be shown as they are: control characters of the data are escaped,
    /// and of a long text only the beginning is told.
    pub fn new(file: &str, line: Option<u64>, column: &str, found: &str, allowed: &str) -> Self {
        const CHARACTERS: usize = 300;
        let found = match found.char_indices().nth(CHARACTERS) {
            Some((end, _)) => format!("{}…", &found[..end]),
            None => found.to_owned(),
        };
        Self {
            file: printable(file),
            line,
            column: column.to_owned(),
            found: printable(&found),
            allowed: allowed.to_owned(),
        }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        if !self.column.is_empty() {
            write!(out, ": {}", self.column)?;
        }
        write!(out, ": found {}, allowed: {}", self.found, self.allowed)
    }
}

impl std::error::Error for DataError {}

/// The bars of one symbol, oldest first; all columns have the same length, at least 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    pub symbol: String,
    pub dates: Vec<Date>,
    /// Open, high, low, close (all above zero), volume (NaN where the file has none).
    pub columns: [Vec<f64>; 5],
    /// Close adjusted for splits and dividends; empty where the file has none.
    pub adjusted: Vec<f64>,
    /// The closes before the prices were adjusted; empty where they are not.
    pub raw_closes: Vec<f64>,
    /// When the bar after the last one begins, where that was cut off.
    pub next: Option<Date>,
    /// Further columns, in the order of the file.
    pub signals: Vec<Signal>,
    /// Those of the columns, once they were made.
    pub shadows: Vec<Shadow>,
}

/// A further column of the data, such as the score of a model, which strategies can name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Signal {
    /// As strategies write it.
    pub name: String,
    /// A value for each bar, NaN where the file has none; nothing at all once it is known that no
    /// strategy needs them.
    pub values: Vec<f64>,
    /// The first value that is no number, with its place, for whoever needs the column.
    pub fault: Option<String>,
}

impl Signal {
    /// A name for a column of a file: small letters, digits and `_`; none where there is none.
    pub(crate) fn name_of(column: &str) -> Option<String> {
        let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
        let name: String = column.trim().to_lowercase().chars().map(plain).collect();
        name.starts_with(|c: char| c.is_alphabetic() || c == '_').then_some(name)
    }

    /// Adds the value that is written in a field. An empty one, `nan` and `null` are not known.
    pub(crate) fn push(&mut self, text: &str, place: impl FnOnce() -> String) {
        let is_known = !matches!(text.to_lowercase().as_str(), "" | "nan" | "null" | "none" | "na");
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        if is_known && number.is_none() && self.fault.is_none() {
            self.fault = Some(format!("\"{text}\" {}", place()));
        }
        self.values.push(number.filter(|_| is_known).unwrap_or(f64::NAN));
    }

    /// The same column without its values.
    pub(crate) fn without_values(&self) -> Self {
        Self { values: Vec::new(), ..self.clone() }
    }
}

/// A column that strategies can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Price {
    Open,
    High,
    Low,
    Close,
    Volume,
}

impl Price {
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("open", Self::Open),
        ("high", Self::High),
        ("low", Self::Low),
        ("close", Self::Close),
        ("volume", Self::Volume),
    ];
}

impl Series {
    pub(crate) fn len(&self) -> usize {
        self.dates.len()
    }

    pub(crate) fn price(&self, price: Price) -> &[f64] {
        &self.columns[price as usize]
    }

    /// The shadow of a price, once it was made.
    pub(super) fn price_shadow(&self, price: Price) -> Option<&[f32]> {
        self.shadows.get(price as usize).map(Vec::as_slice)
    }

    /// Makes the shadows of all prices.
    pub(crate) fn cast_shadows(&mut self) {
        self.shadows = self.columns.iter().map(|column| shadow(column)).collect();
    }

    /// Scales open, high, low and close by adjusted close / close, so that splits and dividends
    /// leave no jump. The volume stays as it was traded.
    pub(crate) fn adjust(&mut self) {
        if !self.adjusted.is_empty() {
            self.raw_closes.clone_from(&self.columns[Price::Close as usize]);
        }
        for bar in 0..self.adjusted.len() {
            self.scale(bar, self.adjusted[bar], self.raw_closes[bar]);
        }
    }

    /// Scales the prices of a bar by adjusted close / close.
    pub(super) fn scale(&mut self, bar: usize, adjusted: f64, close: f64) {
        // Multiplied first, then divided: prices that were equal stay equal, and order stays order,
        // so no close comes to lie above its high.
        for column in &mut self.columns[..4] {
            column[bar] = column[bar] * adjusted / close;
        }
    }

    /// Gives up the values of all further columns but those at these places.
    pub(crate) fn forget_signals_but(&mut self, needed: &[usize]) {
        for (index, signal) in self.signals.iter_mut().enumerate() {
            if !needed.contains(&index) {
                signal.values = Vec::new();
            }
        }
    }

    /// Keeps the bars from `from` to `to`, both included.
    pub(crate) fn keep(&mut self, from: Option<Date>, to: Option<Date>) {
        let start = from.map_or(0, |from| self.dates.partition_point(|date| *date < from));
        let end = to.map_or(self.len(), |to| self.dates.partition_point(|date| *date <= to));
        self.cut(start, end.max(start));
    }

    /// Keeps the bars before `end`; all of them where there is none.
    pub(super) fn cut_off(&mut self, end: Option<Date>) {
        let Some(end) = end else { return };
        self.cut(0, self.dates.partition_point(|date| *date < end));
    }

    fn cut(&mut self, start: usize, end: usize) {
        self.next = self.dates.get(end).copied().or(self.next);
        self.dates = self.dates[start..end].to_vec();
        let signals = self.signals.iter_mut().map(|signal| &mut signal.values);
        for column in self.columns.iter_mut().chain([&mut self.adjusted]).chain(signals) {
            if !column.is_empty() {
                *column = column[start..end].to_vec();
            }
        }
    }

    /// Feeds everything that a run can see of the bars into a hash.
    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&(self.symbol.len() as u64).to_le_bytes());
        hasher.update(self.symbol.as_bytes());
        hasher.update(&(self.len() as u64).to_le_bytes());
        for date in &self.dates {
            hasher.update(&date.seconds().to_le_bytes());
        }
        // Whole seconds have the fingerprint that they had before there were fractions.
        if self.dates.iter().any(|date| date.nanoseconds() > 0) {
            hasher.update(b"fractions");
            for date in &self.dates {
                hasher.update(&date.nanoseconds().to_le_bytes());
            }
        }
        for value in self.columns.iter().flatten() {
            hasher.update(&value.to_bits().to_le_bytes());
        }
        // Columns that no strategy needs have no values, and make no difference.
        for signal in self.signals.iter().filter(|signal| !signal.values.is_empty()) {
            hasher.update(b"signal");
            hasher.update(&(signal.name.len() as u64).to_le_bytes());
            hasher.update(signal.name.as_bytes());
            for value in &signal.values {
                hasher.update(&value.to_bits().to_le_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(dates: [&str; 2]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        let dates = dates.iter().map(|date| Date::parse(date).expect(date)).collect();
        Series { dates, ..Series::default() }.hash(&mut hasher);
        hasher.finalize()
    }

    #[test]
    fn fractions_of_a_second_are_part_of_the_fingerprint() {
        let whole = fingerprint(["2020-01-01T10:00:00Z", "2020-01-01T10:00:01"]);
        assert_eq!(whole, fingerprint(["2020-01-01 10:00", "2020-01-01 11:00:01.000+01:00"]));
        let half = fingerprint(["2020-01-01T10:00:00.5", "2020-01-01T10:00:01"]);
        assert_ne!(whole, half);
        assert_ne!(half, fingerprint(["2020-01-01T10:00:00.25", "2020-01-01T10:00:01"]));
    }

    #[test]
    fn a_long_text_is_cut() {
        let error = DataError::new("p.csv", Some(1), "", &"é".repeat(5000), "less");
        assert_eq!(
            error.to_string(),
            format!("p.csv:1: found {}…, allowed: less", "é".repeat(300))
        );
    }
}
