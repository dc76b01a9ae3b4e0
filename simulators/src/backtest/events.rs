//! Events from outside: a list of dates, symbols and directions with tags, to which rules listen,
//! and by whose tags the trades are told apart.
//!
//! An event becomes known with the first bar that closes after it: the bar during which it happened,
//! or, where there is none, the next one. It is not known at any other bar. A bar lasts until the
//! close of its session: what becomes known afterwards has not been known at its close.

use std::path::Path;

use search_spaces::Section;

use super::data::{DataError, Series};
use super::date::Date;
use super::engine::{Action, Deal, Decision};
use super::mask::Mask;
use super::read::broken;
use super::sessions::{Sessions, are_of_days};
use super::settings::Fill;
use super::text::{decoded, unpacked};
use super::timeframe::lengths;
use crate::numbers::real;
use crate::open::OpenError;

/// So many tags there can be, each of which makes three metrics.
const TAGS: usize = 100;

/// What an event speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventKind {
    Long,
    Short,
    Exit,
}

impl EventKind {
    pub(super) const NAMES: [(&'static str, Self); 3] =
        [("long", Self::Long), ("short", Self::Short), ("exit", Self::Exit)];
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Event {
    /// The bar of the symbol with which it becomes known.
    bar: usize,
    kind: EventKind,
    tag: Option<usize>,
}

/// The events of a study.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Events {
    /// The path, as the template writes it; empty where there is no file.
    pub file: String,
    /// Ascending.
    pub tags: Vec<String>,
    /// Those of each symbol, in order of time.
    by_symbol: Vec<Vec<Event>>,
}

impl Events {
    /// Reads the file that the key `events` names, if it does.
    pub(super) fn read(
        section: &mut Section<'_>,
        folder: &Path,
        all: &[Series],
        sessions: &Sessions,
    ) -> Result<Self, OpenError> {
        let Some(file) = section.text("events")? else { return Ok(Self::default()) };
        let path = folder.join(&file);
        let shown = path.display().to_string();
        let bytes = std::fs::read(&path).map_err(|error| {
            let found = format!("{file:?}, a file that cannot be read ({error})");
            section.error("events", found, "the path of a CSV file from the template's folder")
        })?;
        let bytes = unpacked(&bytes, &shown)?;
        let mut events = Self::parse(decoded(&bytes, &shown)?, &shown, all, sessions)?;
        events.file = file;
        Ok(events)
    }

    fn parse(
        text: &str,
        file: &str,
        all: &[Series],
        sessions: &Sessions,
    ) -> Result<Self, DataError> {
        let mut rows = rows(text, file)?;
        // Bars of days are of days of the exchange, so the clock that counts is there.
        let of_days = are_of_days(all);
        if of_days {
            for row in rows.iter_mut().filter(|row| row.has_time) {
                row.date = sessions.by_its_clock(row.date);
            }
        }
        let mut events = Self { by_symbol: vec![Vec::new(); all.len()], ..Self::default() };
        events.tags = rows.iter().filter_map(|row| row.tag.clone()).collect();
        events.tags.sort();
        events.tags.dedup();
        if events.tags.len() > TAGS {
            let found = format!("{} different tags", events.tags.len());
            let allowed = format!("at most {TAGS}");
            return Err(DataError::new(file, None, "tag", &found, &allowed));
        }
        let mut matches = 0;
        for (symbol, series) in all.iter().enumerate() {
            let dates = &series.dates;
            let end = |(bar, length): (usize, i64)| {
                let end = match of_days {
                    true => sessions.end_of_days(dates[bar], length),
                    false => sessions.end_of_bar(dates[bar], length),
                };
                // A bar whose length was overestimated is over when the next one begins.
                dates.get(bar + 1).map_or(end, |next| end.min(next.seconds()))
            };
            let ends: Vec<i64> = lengths(dates).enumerate().map(end).collect();
            for row in rows.iter().filter(|row| row.is_of(series, all)) {
                matches += 1;
                // Whoever is cut off by `from` has nothing to do with the first bar.
                if row.date < series.dates[0] {
                    continue;
                }
                let during = ends.partition_point(|end| *end <= row.date.seconds());
                let from = series.dates.partition_point(|date| *date < row.date);
                let bar = during.min(from);
                if bar < series.len() {
                    let tag = row.tag.as_ref().and_then(|tag| events.tags.binary_search(tag).ok());
                    events.by_symbol[symbol].push(Event { bar, kind: row.kind, tag });
                }
            }
            // Events of one bar in the order of the file, the last of which has the last word.
            events.by_symbol[symbol].sort_by_key(|event| event.bar);
        }
        if matches == 0 {
            let names: Vec<&str> = all.iter().map(|series| series.symbol.as_str()).collect();
            let allowed = format!("events of {}", names.join(", "));
            return Err(DataError::new(file, None, "symbol", "events of no symbol here", &allowed));
        }
        Ok(events)
    }

    pub(super) fn are_there(&self) -> bool {
        !self.file.is_empty()
    }

    /// The bars of a symbol with which an event of this kind, and of this tag if there is one,
    /// becomes known. `bits` is memory to work in.
    pub(super) fn mask(
        &self,
        symbol: usize,
        kind: EventKind,
        tag: Option<usize>,
        bars: usize,
        mut bits: Vec<u64>,
    ) -> Mask {
        bits.clear();
        bits.resize(bars.div_ceil(64), 0);
        let of_kind = |event: &&Event| event.kind == kind && (tag.is_none() || event.tag == tag);
        for event in self.by_symbol[symbol].iter().filter(of_kind) {
            bits[event.bar / 64] |= 1 << (event.bar % 64);
        }
        Mask::Bits(bits)
    }

    /// Feeds all events into a hash.
    pub(super) fn hash(&self, hasher: &mut blake3::Hasher) {
        if !self.are_there() {
            return;
        }
        hasher.update(b"events");
        for tag in &self.tags {
            hasher.update(&(tag.len() as u64).to_le_bytes());
            hasher.update(tag.as_bytes());
        }
        for event in self.by_symbol.iter().flatten() {
            let tag = event.tag.map_or(u64::MAX, |tag| tag as u64);
            for number in [event.bar as u64, event.kind as u64, tag] {
                hasher.update(&number.to_le_bytes());
            }
        }
        for events in &self.by_symbol {
            hasher.update(&(events.len() as u64).to_le_bytes());
        }
    }

    /// The names of the metrics that the tags make: for each tag the number of its closed trades,
    /// the share of them with a profit, and their profit as a fraction of the cash at the start.
    pub(super) fn metric_names(&self) -> impl Iterator<Item = String> {
        let parts = ["trades", "win_rate", "return"];
        self.tags.iter().flat_map(move |tag| parts.map(|part| format!("{part}_{tag}")))
    }

    /// The values of these metrics, appended. A trade has the tag of the last event of its
    /// direction at the bar at which it was decided; `decisions` are in order of symbols, and of
    /// time for each.
    pub(super) fn metrics(
        &self,
        trades: &[Deal],
        decisions: &[Decision],
        fill: Fill,
        cash: f64,
        values: &mut Vec<f64>,
    ) {
        if self.tags.is_empty() {
            return;
        }
        let mut sums = vec![(0_usize, 0_usize, 0.0); self.tags.len()];
        for trade in trades {
            let Some(tag) = self.tag_of(trade, decisions, fill) else { continue };
            let (count, wins, profit) = &mut sums[tag];
            *count += 1;
            *wins += usize::from(trade.profit() > 0.0);
            *profit += trade.profit();
        }
        for (count, wins, profit) in sums {
            let win_rate = if count == 0 { f64::NAN } else { real(wins) / real(count) };
            values.extend([real(count), win_rate, profit / cash]);
        }
    }

    fn tag_of(&self, trade: &Deal, decisions: &[Decision], fill: Fill) -> Option<usize> {
        let (action, kind) = match trade.size > 0.0 {
            true => (Action::Buy, EventKind::Long),
            false => (Action::SellShort, EventKind::Short),
        };
        // What is decided at a close is filled at a later bar, unless at that very close.
        let end = trade.entry_bar + usize::from(fill == Fill::SameClose);
        let before = decisions.partition_point(|d| (d.symbol, d.bar) < (trade.symbol, end));
        let decided = decisions[..before].iter().rev().find(|d| d.action == action)?;
        if decided.symbol != trade.symbol {
            return None;
        }
        let events = &self.by_symbol[trade.symbol as usize];
        let until = events.partition_point(|event| event.bar <= decided.bar);
        let at_bar = events[..until].iter().rev().take_while(|event| event.bar == decided.bar);
        at_bar.filter(|event| event.kind == kind).find_map(|event| event.tag)
    }
}

/// A line of the file.
struct Row {
    date: Date,
    /// Whether it is a moment, and not the beginning of a day.
    has_time: bool,
    /// None where the file has no such column.
    symbol: Option<String>,
    kind: EventKind,
    tag: Option<String>,
}

impl Row {
    fn is_of(&self, series: &Series, all: &[Series]) -> bool {
        match &self.symbol {
            Some(symbol) => *symbol == series.symbol,
            None => all.len() == 1,
        }
    }
}

fn rows(text: &str, file: &str) -> Result<Vec<Row>, DataError> {
    const ALLOWED: &str = "a header with date, direction and optionally symbol and tag";
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| broken(file, &error))?.clone();
    let column = |wanted: &str| {
        let plain = |name: &str| name.trim_start_matches('\u{feff}').to_lowercase();
        header.iter().position(|name| plain(name) == wanted)
    };
    let required = |wanted: &str| {
        column(wanted).ok_or_else(|| {
            let names: Vec<&str> = header.iter().collect();
            let found = format!("no such column among {}", names.join(", "));
            DataError::new(file, Some(1), wanted, &found, ALLOWED)
        })
    };
    let (date, direction) = (required("date")?, required("direction")?);
    let (symbol, tag) = (column("symbol").or_else(|| column("ticker")), column("tag"));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| broken(file, &error))?;
        let line = record.position().map(csv::Position::line);
        let fault = |column: &str, text: &str, allowed: &str| {
            Err(DataError::new(file, line, column, &format!("\"{text}\""), allowed))
        };
        let written = &record[date];
        let Some(date) = Date::parse(written) else {
            return fault("date", written, Date::ALLOWED);
        };
        let has_time = written.len() > "YYYY-MM-DD".len();
        let text = record[direction].to_lowercase();
        let Some((_, kind)) = EventKind::NAMES.iter().find(|(name, _)| *name == text) else {
            return fault("direction", &record[direction], "long, short or exit");
        };
        let tag = tag.map(|tag| record[tag].to_owned()).filter(|tag| !tag.is_empty());
        if let Some(tag) = tag.as_deref().filter(|tag| !is_word(tag)) {
            return fault("tag", tag, "letters, digits and _, of which metrics can be named");
        }
        let symbol = symbol.map(|at| record[at].to_owned());
        rows.push(Row { date, has_time, symbol, kind: *kind, tag });
    }
    Ok(rows)
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(symbol: &str, dates: &[&str]) -> Series {
        let dates = dates.iter().map(|date| Date::parse(date).expect(date)).collect();
        Series { symbol: symbol.to_owned(), dates, ..Series::default() }
    }

    fn bars(events: &Events, symbol: usize, kind: EventKind, tag: Option<usize>) -> Vec<usize> {
        let Mask::Bits(bits) = events.mask(symbol, kind, tag, 64, Vec::new()) else {
            unreachable!("events are bits");
        };
        (0..64).filter(|bar| bits[0] >> bar & 1 == 1).collect()
    }

    #[test]
    fn an_event_is_known_with_the_first_bar_that_closes_after_it() {
        // Friday to Tuesday: nothing on the weekend.
        let daily = series("A", &["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"]);
        let text = "date,symbol,direction,tag\n2020-01-03,A,long,x\n2020-01-04,A,short,\n\
                    2020-01-06 15:00,A,long,y\n2020-01-08,A,long,y\n2020-01-01,A,exit,y\n\
                    2020-01-02,B,exit,\n";
        let all = [daily, series("B", &["2020-01-02"])];
        let events = Events::parse(text, "e.csv", &all, &Sessions::default());
        let events = events.expect("valid");
        assert_eq!(events.tags, ["x", "y"]);
        assert_eq!(bars(&events, 0, EventKind::Long, None), [1, 2]);
        assert_eq!(bars(&events, 0, EventKind::Long, Some(1)), [2]);
        assert_eq!(bars(&events, 0, EventKind::Short, None), [2]);
        assert_eq!(bars(&events, 0, EventKind::Exit, None), [0; 0]);
        assert_eq!(bars(&events, 1, EventKind::Exit, None), [0]);
        // Hours: what happens during a bar is known at its close, what happens between, later.
        let hours = series("A", &["2020-01-02 09:00", "2020-01-02 10:00", "2020-01-02 14:00"]);
        let text = "date,direction\n2020-01-02 10:30,long\n2020-01-02 12:00,short\n";
        let events = Events::parse(text, "e.csv", &[hours], &Sessions::default()).expect("valid");
        assert_eq!(bars(&events, 0, EventKind::Long, None), [1]);
        assert_eq!(bars(&events, 0, EventKind::Short, None), [2]);
    }

    /// A daily bar once lasted until midnight, whatever the sessions said, and what was told in the
    /// evening was traded at the close before.
    #[test]
    fn what_is_told_after_the_close_is_known_at_the_next_one() {
        let text = "sessions = { open = '09:30', close = '16:00' }";
        let document = search_spaces::Document::parse("t.toml", text).expect(text);
        let sessions = Sessions::read(&mut document.section(), None).expect("valid");
        let known = |dates: &[&str], event: &str| {
            let text = format!("date,direction\n{event},long\n");
            let all = [series("A", dates)];
            let events = Events::parse(&text, "e.csv", &all, &sessions).expect("valid");
            bars(&events, 0, EventKind::Long, None)
        };
        let days = ["2021-01-04", "2021-01-05", "2021-01-06", "2021-01-07", "2021-01-08"];
        assert_eq!(known(&days, "2021-01-06 15:59"), [2]);
        assert_eq!(known(&days, "2021-01-06 16:00"), [3]);
        assert_eq!(known(&days, "2021-01-06 17:00"), [3]);
        assert_eq!(known(&days, "2021-01-06"), [2]);
        let hours =
            ["2021-01-06 13:30", "2021-01-06 14:30", "2021-01-06 15:30", "2021-01-07 09:30"];
        assert_eq!(known(&hours, "2021-01-06 15:45"), [2]);
        assert_eq!(known(&hours, "2021-01-06 16:10"), [3]);
        // The bar of 13:30 seems to last an hour, and is over after half of it.
        let uneven =
            ["2021-01-06 12:30", "2021-01-06 13:30", "2021-01-06 14:00", "2021-01-06 14:30"];
        assert_eq!(known(&uneven, "2021-01-06 14:15"), [2]);
    }

    #[test]
    fn faults_name_line_and_column() {
        let one = [series("A", &["2020-01-02"])];
        for (text, expected) in [
            ("symbol,direction\nA,long\n", "e.csv:1: date: found no such column among symbol"),
            ("date,direction\n2020-1-2,long\n", "e.csv:2: date: found \"2020-1-2\", allowed: a"),
            ("date,direction\n2020-01-02,up\n", "e.csv:2: direction: found \"up\", allowed: long"),
            ("date,direction,tag\n2020-01-02,long,a b\n", "e.csv:2: tag: found \"a b\""),
            ("date,direction\n2020-01-02\n", "e.csv:2: found 1 field(s) where the header has 2"),
            ("date,direction,symbol\n2020-01-02,long,B\n", "events of no symbol here, allowed: ev"),
        ] {
            let message = Events::parse(text, "e.csv", &one, &Sessions::default())
                .expect_err(text)
                .to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
