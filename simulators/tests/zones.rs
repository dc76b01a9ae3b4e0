//! Sessions of data sets, whose bars have their times in UTC, on the clocks of their exchange.

mod support;

use std::path::Path;

use search_spaces::{Point, Value};
use simulators::{
    BARS, Backtest, Bars, Column, DataFolder, Date, MANIFEST, Manifest, PRICES, Places, Reason,
    SETS_FORMAT, Simulator as _, content_hash, write_bars,
};
use support::{backtest_text, template};

/// Makes a data set called x of bars that open at these times in UTC. The closes count the bars.
fn make(folder: &Path, timeframe: &str, timezone: &str, times: &[i64]) {
    let bars: Vec<(i64, [f64; 4])> =
        times.iter().zip(1_u32..).map(|(time, count)| (*time, [f64::from(count); 4])).collect();
    make_of(folder, "x", timeframe, timezone, &bars);
}

/// Makes a data set of these bars.
fn make_of(folder: &Path, name: &str, timeframe: &str, timezone: &str, rows: &[(i64, [f64; 4])]) {
    let times: Vec<i64> = rows.iter().map(|(time, _)| *time).collect();
    let column = |(place, name): (usize, &&str)| Column {
        name: (*name).to_owned(),
        values: rows.iter().map(|(_, prices)| prices[place]).collect(),
    };
    let columns = PRICES.iter().enumerate().map(column).collect();
    let bars = [Bars { symbol: "X".to_owned(), times: times.clone(), columns }];
    let mut bytes = Vec::new();
    write_bars(&bars, &mut bytes).expect("memory has room");
    let manifest = Manifest {
        format: SETS_FORMAT,
        symbols: vec!["X".to_owned()],
        timeframe: timeframe.to_owned(),
        timezone: timezone.to_owned(),
        rows: times.len() as u64,
        columns: PRICES.map(str::to_owned).to_vec(),
        first: String::new(),
        last: String::new(),
        content: content_hash(&bars),
        file: blake3::hash(&bytes).to_hex().to_string(),
        sources: Vec::new(),
        origin: None,
        repeated: 0,
        out_of_order: 0,
    };
    let place = DataFolder::new(folder).of(name);
    std::fs::create_dir_all(&place).expect("a folder");
    std::fs::write(place.join(BARS), bytes).expect("a file");
    let text = serde_json::to_string(&manifest).expect("JSON");
    std::fs::write(place.join(MANIFEST), text).expect("a file");
}

fn at(text: &str) -> i64 {
    Date::parse(text).and_then(Date::microseconds).expect(text)
}

/// 15-minute bars from 09:30 to 16:00 in New York on the ten days around the change of the clocks on
/// 2021-03-14.
fn two_weeks() -> Vec<i64> {
    let day = |day: i64| {
        let open = if day < 14 { "14:30" } else { "13:30" };
        let open = at(&format!("2021-03-{day:02} {open}"));
        (0..26).map(move |bar| open + bar * 900_000_000)
    };
    (8..=12).chain(15..=19).flat_map(day).collect()
}

fn opened(folder: &Path, settings: &str, rule: &str) -> Backtest {
    let settings = format!("data = 'x'\n{settings}");
    let text = backtest_text("n = { int = [1, 9] }", &settings, &format!("long_entry = '{rule}'"));
    let template = template(&text);
    let settings = template.settings().expect("a table");
    let places = Places { folder, data: Some(folder) };
    Backtest::open(settings, &template.space, places).unwrap_or_else(|error| panic!("{error}"))
}

/// The bars at which a rule holds, as far as no position is open before.
fn first_decision(backtest: &Backtest) -> Option<usize> {
    let point = Point::new(vec![Value::Int(1)]);
    let trace = backtest.trace(&point).expect("no failure");
    trace.decisions.first().map(|decision| decision.bar)
}

const SESSIONS: &str = "sessions = { days = 'mon-fri', open = '09:30', close = '16:00' }";

/// Sessions were once read in UTC, where no setting is right on both sides of a change of the clocks:
/// the day would have ended at 10:45 or 11:45 in New York.
#[test]
fn days_of_a_data_set_are_those_of_its_exchange_across_changes_of_the_clocks() {
    let folder = tempfile::tempdir().expect("a folder");
    make(folder.path(), "15m", "America/New_York", &two_weeks());
    for day in 0..10 {
        // A day is known at its last close, which counts the bars, and stays until the next one.
        let rule = format!("close@1d == {}", 26 * (day + 1));
        let found = first_decision(&opened(folder.path(), SESSIONS, &rule));
        assert_eq!(found, Some(26 * (day + 1) - 1), "{rule}");
        let hour = format!("close@1h == {}", 26 * day + 4);
        let found = first_decision(&opened(folder.path(), SESSIONS, &hour));
        assert_eq!(found, Some(26 * day + 3), "the first hour from 09:30 on");
    }
    let within = "close@1d < 27 and close@1d != 26";
    assert_eq!(first_decision(&opened(folder.path(), SESSIONS, within)), None);
    // The zone is part of what the results depend on.
    let new_york = opened(folder.path(), SESSIONS, within).fingerprint();
    let utc = SESSIONS.replace(" }", ", timezone = 'UTC' }");
    let as_utc = opened(folder.path(), &utc, within);
    assert!(first_decision(&as_utc).is_some(), "a day that ends at 16:00 in UTC");
    assert_ne!(as_utc.fingerprint(), new_york);
}

#[test]
fn a_data_set_of_days_has_the_days_of_its_exchange_as_its_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let days: Vec<i64> = (8..=26).map(|day| at(&format!("2021-03-{day:02}"))).collect();
    make(folder.path(), "1d", "America/New_York", &days);
    // Monday the 8th to Sunday the 14th: known at the close of the seventh.
    assert_eq!(first_decision(&opened(folder.path(), "", "close@1w == 7")), Some(6));
}

/// The bar of a day was once taken for a part of the day before wherever sessions open after
/// midnight, so that a Monday was in the week before, and the first of a month in the month before.
#[test]
fn bars_of_days_belong_to_the_sessions_of_their_days() {
    let folder = tempfile::tempdir().expect("a folder");
    let days = (8..=12).chain(15..=19).chain(22..=26).chain(29..=31);
    let days: Vec<String> = days.map(|day| format!("2021-03-{day:02}")).collect();
    let days: Vec<i64> = days.iter().map(String::as_str).chain(["2021-04-01"]).map(at).collect();
    make(folder.path(), "1d", "America/New_York", &days);
    for (rule, bar) in [("close@1w == 5", 4), ("close@1w == 10", 9), ("close@1mo == 18", 17)] {
        for open in ["00:00", "09:30"] {
            let settings = SESSIONS.replace("09:30", open);
            let found = first_decision(&opened(folder.path(), &settings, rule));
            assert_eq!(found, Some(bar), "{rule} {open}");
        }
    }
}

/// Times of events in UTC were once held against days of the exchange: what Sydney heard in the
/// morning of the 6th, the 5th in UTC, was traded at the open of the 6th, or at the close of the 5th.
#[test]
fn events_in_utc_belong_to_the_days_of_the_exchange() {
    let folder = tempfile::tempdir().expect("a folder");
    let days: Vec<i64> = (4..=8).map(|day| at(&format!("2021-01-{day:02}"))).collect();
    make(folder.path(), "1d", "Australia/Sydney", &days);
    let decided = |event: &str, settings: &str| {
        let text = format!("date,direction\n{event},long\n");
        std::fs::write(folder.path().join("e.csv"), text).expect("a file");
        let settings = format!("events = 'e.csv'\n{settings}");
        first_decision(&opened(folder.path(), &settings, "event(\"long\")"))
    };
    assert_eq!(decided("2021-01-05 23:30", ""), Some(2), "10:30 on the 6th");
    assert_eq!(decided("2021-01-06 10:30:00+11:00", ""), Some(2));
    assert_eq!(decided("2021-01-05 12:59", ""), Some(1), "a minute before midnight");
    // A date without a time is a day of the exchange already.
    assert_eq!(decided("2021-01-05", ""), Some(1));
    // In UTC the bars would be of days of London.
    let utc = "sessions = { timezone = 'UTC' }";
    assert_eq!(decided("2021-01-05 23:30", utc), Some(1));
}

/// Hours in UTC were once laid to days of the exchange as they stood: the first hour of Sydney to the
/// day before.
#[test]
fn finer_bars_in_utc_belong_to_the_days_of_the_exchange() {
    let folder = tempfile::tempdir().expect("a folder");
    let flat = [100.0, 101.0, 99.0, 100.0];
    let day = |day: usize| match day {
        6 => [100.0, 103.0, 97.0, 100.0],
        _ => flat,
    };
    let days: Vec<(i64, [f64; 4])> =
        (4..=8).map(|number| (at(&format!("2021-01-{number:02}")), day(number))).collect();
    make_of(folder.path(), "x", "1d", "Australia/Sydney", &days);
    // The stop is reached from 10:00 on, the target an hour later.
    let hours = [
        (at("2021-01-05 23:00"), [100.0, 100.5, 97.0, 98.5]),
        (at("2021-01-06 00:00"), [98.5, 103.0, 98.5, 102.5]),
        (at("2021-01-06 01:00"), [102.5, 102.6, 99.0, 100.0]),
    ];
    make_of(folder.path(), "h", "1h", "Australia/Sydney", &hours);
    let settings = "data = 'x'\nsame_bar = 'drill-down'\ndetail = ['h']";
    let rules = "long_entry = 'close == 100'\nstop_loss = '2%'\ntake_profit = '2%'";
    let found = |settings: &str| {
        let text = backtest_text("n = { int = [1, 9] }", settings, rules);
        let template = template(&text);
        let places = Places { folder: folder.path(), data: Some(folder.path()) };
        let backtest =
            Backtest::open(template.settings().expect("a table"), &template.space, places)
                .unwrap_or_else(|error| panic!("{error}"));
        backtest.trace(&Point::new(vec![Value::Int(1)])).expect("no failure").trades[0].reason
    };
    assert_eq!(found(settings), Reason::StopLoss);
    let target_first =
        [(hours[0].0, hours[1].1), (hours[1].0, [102.5, 102.5, 97.0, 98.5]), hours[2]];
    make_of(folder.path(), "h", "1h", "Australia/Sydney", &target_first);
    assert_eq!(found(settings), Reason::TakeProfit);
}
