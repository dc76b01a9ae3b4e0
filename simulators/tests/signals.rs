//! What strategies hear beside prices: further columns of the data, events, other symbols, coarser
//! bars; and what a run tells of events.

mod support;

use std::path::Path;

use simulators::{Backtest, Simulator as _, Trial};
use support::{backtest_in, backtest_text, bits, ints};

const SPACE: &str = "n = { int = [1, 9] }\nvix = { int = [1, 9] }";

struct Folder(tempfile::TempDir);

impl Folder {
    /// Files by name.
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (file, text) in files {
            std::fs::write(folder.path().join(file), text).expect("a temporary file");
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(&self, settings: &str, rules: &str) -> Backtest {
        let text = backtest_text(SPACE, &format!("data = 'p.csv'\n{settings}"), rules);
        backtest_in(&text, self.path()).0
    }

    fn refusal(&self, settings: &str, rules: &str) -> String {
        let text = backtest_text(SPACE, &format!("data = 'p.csv'\n{settings}"), rules);
        let template = support::template(&text);
        let settings = template.settings().expect("a table");
        match Backtest::open(settings, &template.space, self.path()) {
            Ok(_) => panic!("opened, but should not:\n{text}"),
            Err(error) => error.to_string(),
        }
    }
}

/// The bars at which something was decided.
fn decided(backtest: &Backtest) -> Vec<usize> {
    let trace = backtest.trace(&ints(&[3, 5])).expect("it runs");
    trace.decisions.iter().map(|decision| decision.bar).collect()
}

const SCORED: &str = "Date,Open,High,Low,Close,Model Score,VIX,Note,9th\n\
    2020-01-01,10,11,9,10,0.1,20,a,1\n2020-01-02,10,11,9,10,,21,,2\n\
    2020-01-03,10,11,9,10,0.9,NaN,b,3\n2020-01-06,10,11,9,10,0.2,30,,4\n";

#[test]
fn further_columns_are_signals_by_name() {
    let folder = Folder::new(&[("p.csv", SCORED)]);
    let bars = |rule: &str| {
        decided(&folder.open("", &format!("long_entry = \"{rule}\"\nlong_exit = 'true'")))
    };
    assert_eq!(bars("model_score > 0.5"), [2, 3]);
    assert_eq!(bars("model_score < 0.5"), [0, 1, 3]);
    assert_eq!(bars("ffill(model_score) < 0.15 and close > 0"), [0, 1]);
    // A parameter comes before a column of its name.
    assert_eq!(bars("vix == 5 and model_score > 0.5"), [2, 3]);
    let message = folder.refusal("", "long_entry = 'note > 1'");
    assert!(
        message.contains("found the column 'note' with \"a\" in line 2 at column 1"),
        "{message}"
    );
    let message = folder.refusal("", "long_entry = 'model_scor > 1'");
    assert!(message.contains("'model_scor' (did you mean 'model_score'?)"), "{message}");
    // What no rule needs does not count.
    let without = Folder::new(&[("p.csv", &SCORED.replace(",30,", ",31,"))]);
    let print = |folder: &Folder, rule: &str| folder.open("", rule).fingerprint();
    assert_eq!(
        print(&folder, "long_entry = 'close > 1'"),
        print(&without, "long_entry = 'close > 1'")
    );
    let other = Folder::new(&[("p.csv", &SCORED.replace("0.2,", "0.3,"))]);
    let rule = "long_entry = 'model_score > 1'";
    assert_ne!(print(&folder, rule), print(&other, rule));
}

const TWO: &str = "Date,Open,High,Low,Close,Ticker\n\
    2020-01-01,10,10,10,10,A\n2020-01-02,10,10,10,10,A\n2020-01-03,10,12,10,12,A\n\
    2020-01-06,12,12,11,11,A\n2020-01-07,11,11,11,11,A\n2020-01-08,11,11,8,8,A\n\
    2020-01-01,20,20,20,20,B\n2020-01-02,20,20,20,20,B\n2020-01-03,20,25,20,25,B\n\
    2020-01-06,25,25,25,25,B\n2020-01-07,25,25,25,25,B\n2020-01-08,25,25,25,25,B\n";

const EVENTS: &str = "date,symbol,direction,tag\n2020-01-01,A,long,good\n2020-01-03,A,exit,\n\
    2020-01-04,A,long,bad\n2020-01-02,B,long,good\n2020-01-02 12:00,C,long,other\n";

const LISTENING: &str = "long_entry = \"event('long')\"\nlong_exit = \"event('exit')\"";

#[test]
fn events_make_entries_and_their_tags_make_metrics() {
    let folder = Folder::new(&[("p.csv", TWO), ("e.csv", EVENTS)]);
    for accounts in ["separate", "shared"] {
        for fill in ["next-open", "same-close", "next-close"] {
            let settings = format!(
                "events = 'e.csv'\naccounts = '{accounts}'\nfill = '{fill}'\nmetrics = ['trades']\n\
                 shares = 'fractional'"
            );
            let rules = format!("{LISTENING}\nsize = {{ fraction = 0.4 }}");
            let backtest = folder.open(&settings, &rules);
            let names = backtest.metrics();
            assert_eq!(names.len(), 10);
            let metric = |metrics: &[f64], name: &str| {
                metrics[names.iter().position(|known| known == name).expect(name)]
            };
            let trace = backtest.trace(&ints(&[3, 5])).expect("it runs");
            let value = |name: &str| metric(&trace.metrics, name);
            assert_eq!(value("trades"), 3.0, "{accounts} {fill}");
            assert_eq!([value("trades_good"), value("trades_bad")], [2.0, 1.0]);
            assert_eq!(value("trades_other"), 0.0);
            assert!(value("win_rate_other").is_nan() && value("return_other") == 0.0);
            let profit = |symbol: u32, place: usize| {
                let of = trace.trades.iter().filter(|trade| trade.symbol == symbol);
                of.map(simulators::Trade::profit).nth(place).expect("a trade")
            };
            // The second event of A is known on Monday; B holds to the end.
            let good = (profit(0, 0) + profit(1, 0)) / 10_000.0;
            assert!((value("return_good") - good).abs() < 1e-12);
            assert_eq!(value("return_bad"), profit(0, 1) / 10_000.0);
            assert_eq!(value("win_rate_bad"), 0.0);
            let mut reports: Vec<simulators::Report> = Vec::new();
            let point = ints(&[3, 5]);
            let values = backtest.session().run(&Trial::new(&point, 0), &mut reports);
            assert_eq!(bits(&values.expect("it runs")), bits(&trace.metrics));
            // At first nothing is closed, and at last all is.
            assert_eq!(metric(&reports[0].values, "trades_good"), 0.0);
            assert_eq!(bits(&reports[9].values), bits(&trace.metrics));
        }
    }
    let one_tag = "long_entry = \"event('long', 'bad') and symbol == 'A'\"";
    assert_eq!(decided(&folder.open("events = 'e.csv'", one_tag)), [3]);
}

#[test]
fn faults_in_events_and_their_rules_are_refused_in_words() {
    let folder = Folder::new(&[("p.csv", TWO), ("e.csv", EVENTS)]);
    for (rule, expected) in [
        ("event('up')", "found the direction 'up' of 'event' at column 7, allowed: 'long'"),
        (
            "event('long', 'goood')",
            "found the tag 'goood' at column 15, allowed: a tag of the events: bad",
        ),
        ("event(n)", "found a direction of 'event' that is no text in quotes at column 7"),
        ("event()", "found 0 argument(s) of 'event' at column 1, allowed: event('long')"),
        ("event('long') > 1", "found a condition (of 'event') at column 1"),
        (
            "symbol == 'AA'",
            "found the symbol 'AA' (did you mean 'A'?) at column 11, allowed: a symb",
        ),
        (
            "symbol",
            "found the text 'symbol' at column 1, allowed: a comparison, such as symbol == 'A'",
        ),
        ("symbol < 'A'", "found an order of symbols at column 8"),
        ("symbol == 1", "found no text to compare 'symbol' with at column 11"),
        (
            "close@'XYZ' > 1",
            "found the symbol 'XYZ' at column 6, allowed: a symbol of the study: A, B",
        ),
        (
            "close@4x > 1",
            "found the timeframe '4x' at column 6, allowed: a whole number of s, m, h",
        ),
        ("close@1w@1d > 1", "found '@1w' within a timeframe at column 6, allowed: one timeframe"),
        ("rank_across(close)@1w > 1", "found 'rank_across' within a timeframe at column 1"),
        ("(close > 1)@1w", "found a condition (of '>') at column 8"),
        ("close@1w", "found a number (of '@') at column 6, allowed: a condition"),
        ("obv() > 1", "found 'obv', which needs 'volume' at column 1"),
        ("_cci(close, 3) > 1", "found the unknown function '_cci' (did you mean 'cci'?)"),
        ("_session > 1", "found the unknown name '_session'"),
        ("bbands_upper(close, 20, close) > 1", "found a k of 'bbands_upper' that changes from bar"),
        (
            "bbands_upper(close, 20, 1, 1) > 1",
            "allowed: 1 to 3, as in bbands_upper(x, n = 20, k = 2)",
        ),
        ("atr(2.5) > 1", "found the length 2.5 of 'atr' at column 5"),
        ("close > smaa(close, 3)", "found the unknown function 'smaa' (did you mean 'sma'?)"),
    ] {
        let message = folder.refusal("events = 'e.csv'", &format!("long_entry = \"{rule}\""));
        assert!(message.contains(expected), "{rule}: {message}");
        let mark = message.lines().last().expect("a line");
        assert!(mark.trim() == "^" && message.contains(&format!("\n    {rule}\n")), "{message}");
    }
    let message = folder.refusal("", LISTENING);
    assert!(message.contains("found 'event', but no list of events"), "{message}");
    let message = folder.refusal("events = 'x.csv'", LISTENING);
    assert!(
        message.contains("backtest.events: found \"x.csv\", a file that cannot be read"),
        "{message}"
    );
    let lines: String = (0..9).map(|day| format!("2020-02-0{},1,1,1,1\n", day + 1)).collect();
    let daily = Folder::new(&[("p.csv", &format!("Date,Open,High,Low,Close\n{lines}"))]);
    let minutes: String =
        (0..9).map(|minute| format!("2020-02-01 00:0{minute},1,1,1,1,M\n")).collect();
    let both = lines.replace(",1\n", ",1,D\n") + &minutes;
    let both = Folder::new(&[("p.csv", &format!("Date,Open,High,Low,Close,Ticker\n{both}"))]);
    for rule in ["close@'D' > 1", "rank_across(close) == 1"] {
        let message = both.refusal("", &format!("long_entry = \"{rule}\""));
        let expected = "bars of 86400 seconds of 'D' beside bars of 60 seconds of 'M' at column";
        assert!(message.contains(expected), "{message}");
    }
    let message = daily.refusal("", "long_entry = 'close@4h > 1'");
    assert!(message.contains("timeframe '4h' of bars that are 86400 seconds long"), "{message}");
}

#[test]
fn events_and_sessions_are_part_of_the_fingerprint_and_of_the_files() {
    let folder = Folder::new(&[
        ("p.csv", TWO),
        ("e.csv", EVENTS),
        ("f.csv", &EVENTS.replace("good", "fine")),
        ("g.csv", &EVENTS.replace("2020-01-04", "2020-01-07")),
    ]);
    let mut all: Vec<[u8; 32]> = ["e", "f", "g"]
        .map(|file| folder.open(&format!("events = '{file}.csv'"), LISTENING).fingerprint())
        .to_vec();
    for settings in ["", "sessions = { days = 'mon-fri' }", "sessions = { open = '09:30' }"] {
        all.push(folder.open(settings, "long_entry = 'close@1w > 1'").fingerprint());
    }
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
    let plain = folder.open("", "long_entry = 'close@1w > 1'").fingerprint();
    let whole_day = "sessions = { days = 'mon-sun', open = '00:00' }";
    assert_eq!(plain, folder.open(whole_day, "long_entry = 'close@1w > 1'").fingerprint());
    assert_eq!(folder.open("events = 'e.csv'", LISTENING).files(), ["p.csv", "e.csv"]);
}

#[test]
fn an_inactive_length_is_never_known_wherever_it_stands() {
    let folder = Folder::new(&[("p.csv", TWO)]);
    let space = "on = { bool = true }\nn = { int = [1, 9], when = 'on' }";
    for rule in [
        "-sma(close, n) < 0",
        "sma(close, n) - ema(close, n) < 1",
        "abs(sma(close, n)@1w - zscore(close, n)) < 9",
        "rank_across(sma(close, n)) == 1",
        "highest(sma(close, n), 2)@'B' > 0",
    ] {
        let text = backtest_text(space, "data = 'p.csv'", &format!("long_entry = \"{rule}\""));
        let (backtest, space) = backtest_in(&text, folder.path());
        let point = space.decode(&[0.0, 0.5]);
        assert!(backtest.trace(&point).expect("it runs").decisions.is_empty(), "{rule}");
    }
}

#[test]
fn formulas_do_not_see_the_parameters_of_a_strategy() {
    let folder = Folder::new(&[("p.csv", TWO)]);
    let decisions = |space: &str, length: &str| {
        let rule = format!("long_entry = \"close > keltner_upper({length}, 0.1, 2)\"");
        let text = backtest_text(space, "data = 'p.csv'", &rule);
        let (backtest, space) = backtest_in(&text, folder.path());
        let trace = backtest.trace(&space.decode(&[0.5, 0.5])).expect("it runs");
        trace.decisions.len()
    };
    // The names of the formula's own arguments, with values that would change it.
    let clashing = "n = { int = [8, 9] }\nrange = { int = [8, 9] }";
    let others = "a = { int = [8, 9] }\nb = { int = [8, 9] }";
    assert_eq!(decisions(clashing, "2"), decisions(others, "2"));
    assert!(decisions(others, "2") > 0);
    // An argument that is a parameter of the same name is that of the strategy.
    assert_eq!(decisions(clashing, "n"), 0);
}
