//! Data sets as people use them: import, look, check, sweep.

mod support;

use std::fmt::Write as _;

use support::{Place, Said};

/// A study of the built-in prices, which the tests import from a file as well.
const STUDY: &str = "--template sma-crossover --algorithm grid --set space.fast.int=[2,12] \
     --set space.slow.int=[10,20] --quiet --format json";

/// So many made-up days, every one a weekday.
fn prices(rows: u32) -> String {
    let mut text = String::from("Date,Open,High,Low,Close,Volume\n");
    for row in 0..rows {
        let day = 1_577_923_200 + 86_400 * (row + 2 * ((row + 3) / 5));
        let price = 100.0 + f64::from((row * 37) % 101) / 4.0;
        let (open, high, low) = (price - 0.5, price + 1.0, price - 1.5);
        let _ = writeln!(text, "{day},{open},{high},{low},{price},{}", 1000 + row);
    }
    text
}

fn imported(place: &Place) -> Said {
    place.write("ABC.csv", &prices(300));
    place.run("data import ABC.csv --timeframe 1d").ended(0)
}

#[test]
fn an_imported_file_is_listed_shown_checked_and_removed() {
    let place = Place::new();
    assert!(place.run("data list").ended(0).out.contains("no data sets in optimize-data"));
    let said = imported(&place);
    assert!(said.out.starts_with("data set abc-1d\n"), "{}", said.out);
    assert!(said.out.contains("300 of 1d"), "{}", said.out);
    let again = place.run("data import ABC.csv --timeframe 1d").ended(0);
    assert!(again.err.contains("abc-1d is there already, with the same bars"), "{}", again.err);

    let list = place.run("data list --json").ended(0).json();
    assert_eq!((&list[0]["name"], &list[0]["rows"]), (&"abc-1d".into(), &300.into()));
    let shown = place.run("data show abc-1d").ended(0).out;
    assert!(shown.contains("2020-01-02") && shown.contains("volume"), "{shown}");
    let json = place.run("data show abc-1d --format json").ended(0).json();
    assert_eq!(json["statistics"][0]["columns"][4]["min"], 1000.0);
    let check = place.run("data check").ended(0).out;
    assert!(check.contains("data set abc-1d: nothing is wrong"), "{check}");

    let typo = place.run("data show abd-1d").ended(2).err;
    assert!(typo.contains("no data set \"abd-1d\" (did you mean \"abc-1d\"?)"), "{typo}");
    place.run("data remove abc-1d").ended(0);
    assert_eq!(place.run("data list --json").ended(0).json(), serde_json::json!([]));
}

#[test]
fn what_is_wrong_is_listed_with_dates_and_a_code() {
    let place = Place::new();
    let text = prices(60).replace(",1010\n", ",1010\n1577923200,1,2,1,1.5,5\n");
    place.write("ABC.csv", &text);
    let said = place.run("data import ABC.csv").ended(0);
    assert!(said.err.contains("`optimize data check abc-1d` lists them"), "{}", said.err);
    let check = place.run("data check abc-1d --json").ended(1).json();
    let duplicate = &check[0]["findings"][0];
    assert_eq!(duplicate["kind"], "duplicate");
    assert_eq!(duplicate["examples"][0]["time"], "2020-01-02");
    let start = place.run("start --template sma-crossover --set backtest.data=abc-1d").ended(2);
    assert!(start.err.contains("found a second bar at 2020-01-02 of ABC"), "{}", start.err);
    assert!(start.err.contains("`optimize data check abc-1d` lists all faults"), "{}", start.err);

    place.write("bad.csv", &prices(60).replace(",1010\n", ",many\n"));
    let bad = place.run("data import bad.csv").ended(2).err;
    assert!(bad.contains("bad.csv:12: volume: found \"many\", allowed: a number"), "{bad}");
    for (words, expected) in [
        ("data import ABC.csv --timezone New_York", "did you mean America/New_York?"),
        ("data import ABC.csv --timeframe 1M", "(minutes)"),
        ("data import ABC.csv --column clos=Close", "KIND=COLUMN"),
        ("data import ABC.csv --name ../x", "lower-case letters"),
        ("data import none.csv", "none.csv: found a file that cannot be read"),
        ("data import", "<FILE>"),
    ] {
        let said = place.run(words).ended(2).err;
        assert!(said.contains(expected), "{words}: {said}");
    }
    assert_eq!(place.run("data list --json").ended(0).json().as_array().map(Vec::len), Some(1));
}

#[test]
fn a_template_names_a_data_set() {
    let place = Place::new();
    place.write("ABC.csv", &prices(300));
    let dated = prices(300).lines().skip(1).fold(
        String::from("Date,Open,High,Low,Close,Volume\n"),
        |text, row| {
            let (seconds, rest) = row.split_once(',').expect("a row");
            let seconds: i64 = seconds.parse().expect("seconds");
            text + &simulators::time_text(seconds * 1_000_000) + "," + rest + "\n"
        },
    );
    place.write("dated.csv", &dated);
    place.run("data import ABC.csv --timeframe 1d").ended(0);
    let study = |data: &str, symbol: &str, name: &str| {
        let data = format!("--set backtest.data={data} --set backtest.symbols=[\"{symbol}\"]");
        place.run(&format!("start {STUDY} {data} --name {name}"))
    };
    let of_set = study("abc-1d", "ABC", "set").ended(0).hash();
    let of_file = study("dated.csv", "dated", "file").ended(0).hash();
    assert_eq!(of_set, of_file, "the same bars give the same results");
    place.run("verify set").ended(0);

    let typo = study("abc-1x", "ABC", "typo").ended(2).err;
    assert!(typo.contains("which is no data set and no file (did you mean \"abc-1d\"?)"), "{typo}");
    assert!(typo.contains("\"stocks-daily\", \"abc-1d\""), "{typo}");

    // Another folder, by option and by environment.
    place.run("data import ABC.csv --data elsewhere --name other").ended(0);
    let words =
        "--template sma-crossover --set backtest.data=other --set backtest.symbols=[\"ABC\"]";
    place.run(&format!("check {words}")).ended(2);
    place.run(&format!("check {words} --data elsewhere")).ended(0);
    let mut command = place.command(&format!("check {words}"));
    let said: Said = command.env("OPTIMIZE_DATA", "elsewhere").output().expect("it starts").into();
    said.ended(0);

    // What has changed since is found out.
    let path = place.path().join("optimize-data/abc-1d/bars.parquet");
    std::fs::write(&path, "other").expect("writable");
    let changed = place.run("verify set").ended(2).err;
    assert!(changed.contains("bars.parquet: found other bytes"), "{changed}");
    place.write("ABC.csv", &prices(300).replace(",1100\n", ",1101\n"));
    place.run("data import ABC.csv --timeframe 1d").ended(2);
    place.run("data import ABC.csv --timeframe 1d --replace").ended(0);
    let changed = place.run("verify set").code;
    assert_ne!(changed, Some(0), "other bars are another study");
}

#[test]
fn strategies_name_further_columns_of_a_data_set() {
    let place = Place::new();
    let mut text = String::new();
    for (row, line) in prices(300).lines().enumerate() {
        let score = if row == 0 { "Model Score".to_owned() } else { (row % 7).to_string() };
        let _ = writeln!(text, "{line},{score}");
    }
    place.write("ABC.csv", &text);
    place.run("data import ABC.csv --timeframe 1d").ended(0);
    let check = |rule: &str| {
        place.run(&format!(
            "check --template sma-crossover --set backtest.data=abc-1d \
             --set backtest.symbols=[\"ABC\"] --set 'backtest.strategy.long_entry={rule}'"
        ))
    };
    check("model_score > 3").ended(0);
    let typo = check("model_scor > 3").ended(2).err;
    assert!(typo.contains("did you mean 'model_score'?"), "{typo}");
}

#[test]
fn a_slice_is_a_data_set() {
    let place = Place::new();
    imported(&place);
    let said = place.run(
        "data slice abc-1d --from 2020-02-01 --to 2020-03-31 --timeframe 1w --name weeks --json",
    );
    let manifest = said.ended(0).json();
    assert_eq!(manifest["timeframe"], "1w");
    assert_eq!(manifest["origin"]["made"], "from 2020-02-01, to 2020-03-31, timeframe 1w");
    let early =
        place.run("data slice abc-1d --from 2021-01-01 --to 2020-01-01 --name x").ended(2).err;
    assert!(early.contains("--to: found 2020-01-01, before 2021-01-01"), "{early}");
}

#[test]
fn templates_are_compared_key_by_key() {
    let place = Place::new();
    assert_eq!(
        place.run("templates diff sma-crossover sma-crossover").ended(0).out,
        "no differences\n"
    );
    place.write("a.toml", &place.run("templates show sma-crossover").out);
    place.write(
        "b.toml",
        &place.run("templates show sma-crossover").out.replace("[2, 60]", "[2, 30]"),
    );
    let text = place.run("templates diff a.toml b.toml").ended(0).out;
    assert_eq!(text, "- a.toml\n+ b.toml\n\nspace.fast.int\n  - [2, 60]\n  + [2, 30]\n");
    let json = place.run("templates diff a.toml b.toml --format json").ended(0).json();
    assert_eq!(json[0]["key"], "space.fast.int");
    place.run("templates diff a.toml none.toml").ended(2);
}

#[test]
fn a_parameter_chooses_a_rule() {
    let place = Place::new();
    let template = |exit: &str, space: &str| {
        format!(
            "name = 'variants'\nsimulator = 'backtest'\n[space]\nn = {{ int = [5, 40] }}\n{space}\n\
             [objectives]\nsharpe = 'maximize'\n[backtest]\ndata = 'stocks-daily'\n\
             symbols = ['IBM']\n[backtest.strategy]\nlong_entry = 'cross_above(close, sma(close, n))'\n\
             {exit}\n"
        )
    };
    let way = "way = { choice = ['cross', 'extreme', 'never'] }";
    let options = "long_exit = { choose = 'way', options = { cross = 'cross_below(close, sma(close, n))', \
         extreme = 'close >= highest(close, n)', never = '' } }";
    place.write("variants.toml", &template(options, way));
    let metrics = |file: &str, at: &str| -> String {
        let said = place.run(&format!("check --template {file} --at n=20 {at}")).ended(0).out;
        let line = said.lines().rev().find(|line| line.trim_start().starts_with("metrics"));
        line.expect("a line of metrics").to_owned()
    };
    let exits = [
        ("cross", "long_exit = 'cross_below(close, sma(close, n))'"),
        ("extreme", "long_exit = 'close >= highest(close, n)'"),
        ("never", ""),
    ];
    for (label, exit) in exits {
        place.write("plain.toml", &template(exit, ""));
        let chosen = metrics("variants.toml", &format!("--at way={label}"));
        assert_eq!(chosen, metrics("plain.toml", ""), "{label}");
    }
    for (exit, expected) in [
        (options.replace("'way'", "'wya'"), "choose: found \"wya\""),
        (options.replace("never", "nevr"), "long_exit.options.never"),
        (
            options.replace("'close >=", "'close) >="),
            "long_exit.options.extreme: found a syntax error",
        ),
        (options.replace("options", "option"), "long_exit.options"),
    ] {
        place.write("bad.toml", &template(&exit, way));
        let said = place.run("check --template bad.toml").ended(2).err;
        assert!(said.contains(expected), "{exit}: {said}");
    }
}
