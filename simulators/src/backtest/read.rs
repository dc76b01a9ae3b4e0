//! Reading prices from CSV text, plain or gzipped, with every fault named by line and column.

use std::collections::BTreeMap;

use super::data::{DataError, Series, Signal};
use super::date::Date;
use super::stored;
use super::text::{decoded, unpacked};
use crate::open::Places;
use crate::sets::bar_fault;

/// The name under which templates know the built-in prices.
pub(crate) const BUILT_IN: &str = "stocks-daily";

/// Daily prices of five companies, in the public domain; origin in `data/PROVENANCE.md`.
static STOCKS_DAILY: &[u8] = include_bytes!("../../data/stocks-daily.csv.gz");

/// The columns in the order of [`Columns`], with the spellings that are understood.
const COLUMNS: [(&str, &[&str]); 8] = [
    ("Open", &["open"]),
    ("High", &["high"]),
    ("Low", &["low"]),
    ("Close", &["close"]),
    ("Volume", &["volume"]),
    ("Adj Close", &["adjclose", "adjustedclose"]),
    ("Date", &["", "date", "timestamp", "datetime"]),
    ("Ticker", &["ticker", "symbol"]),
];
const OPEN: usize = 0;
const HIGH: usize = 1;
const LOW: usize = 2;
const CLOSE: usize = 3;
const VOLUME: usize = 4;
const ADJUSTED: usize = 5;
const DATE: usize = 6;
const TICKER: usize = 7;

/// Where each known column is in the file.
type Columns = [Option<usize>; COLUMNS.len()];

/// Reads the bars of all symbols, in the order in which the symbols first appear: the built-in
/// data, a data set, or a file at a path that starts at the template's folder.
pub(crate) fn read<'a>(
    data: &str,
    places: impl Into<Places<'a>>,
) -> Result<Vec<Series>, DataError> {
    let places = places.into();
    if data == BUILT_IN {
        return parse(STOCKS_DAILY, BUILT_IN, BUILT_IN);
    }
    if let Some(folder) = stored::folder_of(data, places) {
        return stored::read(&folder, data);
    }
    let path = places.folder.join(data);
    let file = path.display().to_string();
    let bytes = std::fs::read(&path).map_err(|error| {
        let found = format!("a file that cannot be read ({error})");
        let allowed =
            format!("\"{BUILT_IN}\", or the path of a CSV file from the template's folder");
        DataError::new(&file, None, "", &found, &allowed)
    })?;
    let name = path.file_name().map(|name| name.to_string_lossy());
    let name = name.as_deref().unwrap_or(data);
    parse(&bytes, &file, name.split('.').next().unwrap_or(name))
}

/// What is found where no file can be read, of data that are neither built in nor a data set.
pub(super) fn unreadable<'a>(data: &str, places: impl Into<Places<'a>>) -> Option<String> {
    let places = places.into();
    if data == BUILT_IN || stored::folder_of(data, places).is_some() {
        return None;
    }
    let error = std::fs::File::open(places.folder.join(data)).err()?;
    Some(format!("{data:?}, a file that cannot be read ({error})"))
}

/// Parses CSV bytes; `only` is the symbol of a file without a ticker column.
fn parse(bytes: &[u8], file: &str, only: &str) -> Result<Vec<Series>, DataError> {
    let bytes = unpacked(bytes, file)?;
    let text = decoded(&bytes, file)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| broken(file, &error))?.clone();
    let columns = columns(&header, file)?;
    let signals = signals(&header, &columns);
    let mut series: Vec<Series> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| broken(file, &error))?;
        let row = Row {
            file,
            line: record.position().map(csv::Position::line),
            record: &record,
            columns: &columns,
            signals: &signals,
        };
        let symbol = columns[TICKER].map_or(only, |column| &record[column]);
        if symbol.is_empty() {
            return Err(row.fault(TICKER, "nothing", "the symbol of the bar"));
        }
        if symbol.contains(char::is_control) {
            let found = format!("\"{symbol}\"");
            return Err(row.fault(TICKER, &found, "a symbol without control characters"));
        }
        let place = places.get(symbol).copied().unwrap_or_else(|| {
            places.insert(symbol.to_owned(), series.len());
            let symbol = symbol.to_owned();
            let named =
                |(_, name): &(usize, String)| Signal { name: name.clone(), ..Signal::default() };
            let signals = signals.iter().map(named).collect();
            series.push(Series { symbol, signals, ..Series::default() });
            series.len() - 1
        });
        row.append_to(&mut series[place])?;
    }
    if series.is_empty() {
        let found = "no rows after the header";
        return Err(DataError::new(file, None, "", found, "at least one bar"));
    }
    Ok(series)
}

/// Finds the known columns; spaces, underscores and case of the names do not matter.
fn columns(header: &csv::StringRecord, file: &str) -> Result<Columns, DataError> {
    let mut columns = Columns::default();
    for (at, name) in header.iter().enumerate() {
        let plain = name.trim_start_matches('\u{feff}').to_lowercase();
        let plain: String = plain.chars().filter(|c| !matches!(c, ' ' | '_')).collect();
        // A column without a name is an index, and only the first can be the dates.
        if plain.is_empty() && at > 0 {
            continue;
        }
        let known = |(_, names): &(&str, &[&str])| names.contains(&plain.as_str());
        let Some(column) = COLUMNS.iter().position(known) else {
            continue;
        };
        if columns[column].replace(at).is_some() {
            let found = format!("a second column of this kind, \"{name}\"");
            return Err(DataError::new(file, Some(1), COLUMNS[column].0, &found, "one"));
        }
    }
    for required in [DATE, OPEN, HIGH, LOW, CLOSE] {
        if columns[required].is_none() {
            let names: Vec<&str> = header.iter().collect();
            let found = format!("no such column among {}", names.join(", "));
            let allowed = "a header with Date, Open, High, Low, Close and optionally Volume, \
                           Adj Close, Ticker";
            return Err(DataError::new(file, Some(1), COLUMNS[required].0, &found, allowed));
        }
    }
    Ok(columns)
}

/// The columns that are not known but have a name, the first of each name.
fn signals(header: &csv::StringRecord, columns: &Columns) -> Vec<(usize, String)> {
    let mut signals: Vec<(usize, String)> = Vec::new();
    for (at, text) in header.iter().enumerate() {
        let name = Signal::name_of(text.trim_start_matches('\u{feff}'));
        let Some(name) = name.filter(|_| !columns.contains(&Some(at))) else { continue };
        if signals.iter().all(|(_, other)| *other != name) {
            signals.push((at, name));
        }
    }
    signals
}

/// One line of the file.
struct Row<'a> {
    file: &'a str,
    line: Option<u64>,
    record: &'a csv::StringRecord,
    columns: &'a Columns,
    signals: &'a [(usize, String)],
}

impl Row<'_> {
    fn append_to(&self, series: &mut Series) -> Result<(), DataError> {
        let text = self.text(DATE).expect("the header has a date column");
        let date = Date::parse(text)
            .ok_or_else(|| self.fault(DATE, &format!("\"{text}\""), Date::ALLOWED))?;
        if let Some(last) = series.dates.last().filter(|last| **last >= date) {
            let symbol = &series.symbol;
            let found = match *last == date {
                true => format!("{date} a second time for {symbol}"),
                false => format!("{date}, which follows {last} of {symbol}"),
            };
            let allowed = "dates that ascend, oldest first, each once for a symbol";
            return Err(self.fault(DATE, &found, allowed));
        }
        series.dates.push(date);
        for column in [OPEN, HIGH, LOW, CLOSE] {
            series.columns[column].push(self.price(column)?);
        }
        let bar = series.dates.len() - 1;
        let prices = [OPEN, HIGH, LOW, CLOSE].map(|column| series.columns[column][bar]);
        if let Some((name, found, allowed)) = bar_fault(prices) {
            let column = COLUMNS.iter().position(|(_, names)| names.contains(&name));
            return Err(self.fault(column.expect("it is one of the four"), &found, allowed));
        }
        let volume = match self.text(VOLUME) {
            Some(text) => self.number(VOLUME, text, |v| v >= 0.0, "a number from 0 on")?,
            None => f64::NAN,
        };
        series.columns[VOLUME].push(volume);
        if self.columns[ADJUSTED].is_some() {
            series.adjusted.push(self.price(ADJUSTED)?);
        }
        for (signal, (at, _)) in series.signals.iter_mut().zip(self.signals) {
            let place = || format!("in line {}", self.line.unwrap_or_default());
            signal.push(&self.record[*at], place);
        }
        Ok(())
    }

    fn text(&self, column: usize) -> Option<&str> {
        self.columns[column].map(|at| &self.record[at])
    }

    fn price(&self, column: usize) -> Result<f64, DataError> {
        let text = self.text(column).expect("the header has this column");
        self.number(column, text, |price| price > 0.0, "a number above zero")
    }

    fn number(
        &self,
        column: usize,
        text: &str,
        fits: impl Fn(f64) -> bool,
        allowed: &str,
    ) -> Result<f64, DataError> {
        let number = text.parse::<f64>().ok();
        number
            .filter(|number| number.is_finite() && fits(*number))
            .ok_or_else(|| self.fault(column, &format!("\"{text}\""), allowed))
    }

    fn fault(&self, column: usize, found: &str, allowed: &str) -> DataError {
        DataError::new(self.file, self.line, COLUMNS[column].0, found, allowed)
    }
}

/// The fault of text that is no CSV: a line with too few or too many fields.
pub(super) fn broken(file: &str, error: &csv::Error) -> DataError {
    let line = error.position().map(csv::Position::line);
    let found = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} field(s) where the header has {expected_len}")
        }
        _ => format!("text that is no CSV ({error})"),
    };
    let allowed = "CSV text with as many fields in each line as in the header";
    DataError::new(file, line, "", &found, allowed)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::path::Path;

    use super::*;

    fn message(text: &str) -> String {
        parse(text.as_bytes(), "p.csv", "p").expect_err(text).to_string()
    }

    const HEADER: &str = "Date,Open,High,Low,Close,Volume,Adj Close,Ticker\n";

    fn row_message(row: &str) -> String {
        message(&format!("{HEADER}2020-01-01,1,2,0.5,1.5,10,0.7,A\n{row}\n"))
    }

    #[test]
    fn the_built_in_data_are_complete() {
        let all = read(BUILT_IN, Path::new("")).expect("valid");
        let sizes: Vec<_> = all.iter().map(|s| (s.symbol.as_str(), s.len())).collect();
        assert_eq!(
            sizes,
            [("AAPL", 3270), ("FB", 196), ("GOOG", 2148), ("IBM", 3270), ("MSFT", 3270)]
        );
        assert_eq!(all[2].dates[0].to_string(), "2004-08-19");
        assert_eq!(all[2].adjusted.len(), 2148);
    }

    #[test]
    fn reads_any_usual_header() {
        let text = "\u{feff}, low ,HIGH,close,Open\n2020-01-02,1,4,3,2\n2020-01-03 10:00,1,4,3,2";
        let series = parse(text.as_bytes(), "x/p.csv", "p").expect("valid");
        assert_eq!(series[0].symbol, "p");
        assert_eq!(series[0].columns[..4].concat(), [2.0, 2.0, 4.0, 4.0, 1.0, 1.0, 3.0, 3.0]);
        assert!(series[0].columns[VOLUME][0].is_nan() && series[0].adjusted.is_empty());
    }

    #[test]
    fn faults_name_line_column_found_and_allowed() {
        let cases = [
            (
                "2020-01-02,1,2,x,1.5,10,0.7,A",
                "p.csv:3: Low: found \"x\", allowed: a number above zero",
            ),
            ("2020-01-02,NaN,2,1,1.5,10,0.7,A", "p.csv:3: Open: found \"NaN\""),
            ("2020-01-02,1,inf,1,1.5,10,0.7,A", "p.csv:3: High: found \"inf\""),
            ("2020-01-02,1,2,1,0,10,0.7,A", "p.csv:3: Close: found \"0\""),
            ("2020-01-02,1,2,1,-3,10,0.7,A", "p.csv:3: Close: found \"-3\""),
            ("2020-01-02,1,2,1,1,10,,A", "p.csv:3: Adj Close: found \"\""),
            (
                "2020-01-02,1,2,1,1,-1,1,A",
                "p.csv:3: Volume: found \"-1\", allowed: a number from 0 on",
            ),
            (
                "2020-01-01,1,2,1,1.5,10,0.7,A",
                "p.csv:3: Date: found 2020-01-01 a second time for A, \
                 allowed: dates that ascend, oldest first, each once for a symbol",
            ),
            (
                "2019-12-31,1,2,1,1.5,10,0.7,A",
                "p.csv:3: Date: found 2019-12-31, which follows 2020-01-01 of A, \
                 allowed: dates that ascend, oldest first",
            ),
            ("2020-01-01T01:00:00.0+01:00,1,2,1,1.5,10,0.7,A", "2020-01-01 a second time for A"),
            (
                "2020-01-01T00:30+01:00,1,2,1,1.5,10,0.7,A",
                "found 2019-12-31T23:30:00, which follows 2020-01-01 of A",
            ),
            (
                "01/02/2020,1,2,1,1.5,10,0.7,A",
                "p.csv:3: Date: found \"01/02/2020\", allowed: a date",
            ),
            (
                "2020-01-02,1,2,3,1.5,10,0.7,A",
                "p.csv:3: High: found 2 below the low 3, allowed: a high that is at least the low",
            ),
            (
                "2020-01-02,2.1,2,1,1.5,10,0.7,A",
                "p.csv:3: Open: found 2.1 above the high 2, allowed: a price from the low to the",
            ),
            ("2020-01-02,0.9,2,1,1.5,10,0.7,A", "p.csv:3: Open: found 0.9 below the low 1"),
            ("2020-01-02,1,2,1,2.00001,10,0.7,A", "p.csv:3: Close: found 2.00001 above the high 2"),
            ("2020-01-02,1,2,1,0.99999,10,0.7,A", "p.csv:3: Close: found 0.99999 below the low 1"),
            ("2020-01-02,1,2,1,1.5,10,0.7,", "p.csv:3: Ticker: found nothing"),
            ("2020-01-02,1,2,1,1.5,10,0.7,\u{1b}[2J", "p.csv:3: Ticker: found \"\\u{1b}[2J\""),
            ("2020-01-02,1,2,1,\u{7}x,10,0.7,A", "p.csv:3: Close: found \"\\u{7}x\""),
            ("2020-01-02,1,2", "p.csv:3: found 3 field(s) where the header has 8"),
        ];
        for (row, expected) in cases {
            let message = row_message(row);
            assert!(message.contains(expected), "{row}: {message}");
        }
    }

    #[test]
    fn bars_of_the_built_in_data_hold_their_prices_adjusted_or_not() {
        for mut series in read(BUILT_IN, Path::new("")).expect("valid") {
            series.adjust();
            for bar in 0..series.len() {
                let [open, high, low, close, _] =
                    [OPEN, HIGH, LOW, CLOSE, VOLUME].map(|column| series.columns[column][bar]);
                assert!(low <= open.min(close) && open.max(close) <= high, "{bar}");
            }
        }
    }

    #[test]
    fn rounding_may_carry_a_price_out_of_its_bar() {
        let text = format!("{HEADER}2020-01-01,2.000001,2,1,0.9999995,1,1,A\n");
        let series = parse(text.as_bytes(), "p.csv", "p").expect("valid");
        assert_eq!(
            (series[0].columns[OPEN][0], series[0].columns[CLOSE][0]),
            (2.000001, 0.9999995)
        );
    }

    #[test]
    fn times_ascend_by_their_zones_and_fractions() {
        let times = [
            "2020-11-01T01:59:59.25-04:00",
            "2020-11-01 01:59:59.75-0400",
            "2020-11-01 01:00:00-05",
            "2020-11-01T06:30:00Z",
        ];
        let rows: Vec<String> =
            times.iter().map(|time| format!("{time},1,2,1,1,1,1,A\n")).collect();
        let text = format!("{HEADER}{}", rows.concat());
        let series = parse(text.as_bytes(), "p.csv", "p").expect("ascending");
        let dates: Vec<String> = series[0].dates.iter().map(Date::to_string).collect();
        let expected = ["05:59:59.25", "05:59:59.75", "06:00:00", "06:30:00"];
        assert_eq!(dates, expected.map(|time| format!("2020-11-01T{time}")));
    }

    #[test]
    fn another_symbol_may_have_the_same_dates() {
        let text = format!("{HEADER}2020-01-01,1,2,1,1,1,1,A\n2020-01-01,1,2,1,1,1,1,B\n");
        assert_eq!(parse(text.as_bytes(), "p.csv", "p").expect("valid").len(), 2);
    }

    #[test]
    fn faults_of_the_whole_file() {
        let missing = message("Date,Open,High,Low\n2020-01-01,1,1,1\n");
        assert!(missing.starts_with("p.csv:1: Close: found no such column among Date, Open"));
        assert!(message(HEADER).contains("no rows after the header"));
        assert_eq!(
            message(""),
            "p.csv: found nothing: the file is empty, allowed: a header, and at least one bar"
        );
        let packed = |text: &[u8]| {
            let mut packed = Vec::new();
            flate2::read::GzEncoder::new(text, flate2::Compression::fast())
                .read_to_end(&mut packed)
                .expect("reading memory succeeds");
            parse(&packed, "p.gz", "p").unwrap_err().to_string()
        };
        assert!(packed(b"").starts_with("p.gz: found nothing: the file is empty"));
        assert!(packed(b"Date\n\xff").starts_with("p.gz:2: found the byte 0xFF"));
        assert!(message("Da\u{1b}te,Open\n").contains("among Da\\u{1b}te, Open"));
        let twice = message("Date,Open,High,Low,Close,close\n");
        assert!(twice.contains("Close: found a second column of this kind"), "{twice}");
        let gzip = parse(&[0x1f, 0x8b, 1, 2], "p.gz", "p").unwrap_err().to_string();
        assert!(gzip.contains("cannot be unpacked"), "{gzip}");
        let absent = read("none.csv", Path::new("/nowhere")).unwrap_err().to_string();
        assert!(absent.starts_with("/nowhere/none.csv: found a file that cannot be read"));
    }
}
