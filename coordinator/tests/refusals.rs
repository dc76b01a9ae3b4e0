//! Bad input gets a message that names what was found and what is allowed, and the right exit
//! code, before anything is started; broken infrastructure loses nothing.

mod support;

use std::collections::BTreeSet;

use support::Place;

/// A template of a backtest on `prices.csv`.
const TEMPLATE: &str = "
name = 'mine'
simulator = 'backtest'
[objectives]
sharpe = 'maximize'
[space]
fast = { int = [2, 5] }
slow = { int = [4, 9] }
constraints = ['fast < slow']
[backtest]
data = 'prices.csv'
[backtest.strategy]
long_entry = 'cross_above(sma(close, fast), sma(close, slow))'
";

fn prices() -> String {
    let mut text = "Date,Open,High,Low,Close\n".to_owned();
    for day in 0..200 {
        let close = 100 + (day * 7) % 23;
        let (month, day_of_month) = (1 + day / 28, 1 + day % 28);
        text += &format!(
            "2001-{month:02}-{day_of_month:02},{close},{},{},{close}\n",
            close + 2,
            close - 2
        );
    }
    text
}

/// Changes one thing and expects a refusal that says all of `words`.
#[track_caller]
fn refused(change: impl Fn(&mut String, &mut String), words: &[&str]) {
    let place = Place::new();
    let (mut template, mut data) = (TEMPLATE.to_owned(), prices());
    change(&mut template, &mut data);
    place.write("mine.toml", &template);
    place.write("prices.csv", &data);
    let said = place.run("start --template mine.toml --algorithm grid --quiet").ended(2);
    for word in words {
        assert!(said.err.contains(word), "{word:?} is not in: {}", said.err);
    }
    assert!(!place.path().join("optimize-store").exists(), "something was started");
    assert!(!said.err.contains("panicked"), "{}", said.err);
}

fn template(from: &'static str, to: &'static str) -> impl Fn(&mut String, &mut String) {
    move |template, _| {
        assert!(template.contains(from));
        *template = template.replace(from, to);
    }
}

fn data(from: &'static str, to: &'static str) -> impl Fn(&mut String, &mut String) {
    move |_, data| {
        assert!(data.contains(from));
        *data = data.replacen(from, to, 1);
    }
}

#[test]
fn the_unchanged_study_runs() {
    let place = Place::new();
    place.write("mine.toml", TEMPLATE);
    place.write("prices.csv", &prices());
    place.run("start --template mine.toml --algorithm grid --quiet").ended(0);
}

#[test]
fn an_unknown_parameter() {
    refused(
        template("fast < slow", "fats < slow"),
        &["mine.toml:9", "space.constraints", "unknown parameter 'fats' (of fast, slow)"],
    );
    refused(template("sma(close, slow)", "sma(close, slwo)"), &["slwo", "did you mean 'slow'"]);
}

#[test]
fn an_empty_range() {
    refused(template("[2, 5]", "[5, 2]"), &["mine.toml:7", "space.fast.int", "empty range [5, 2]"]);
}

#[test]
fn contradictory_constraints() {
    refused(
        template("fast < slow", "fast > slow + 3"),
        &["mine.toml:9", "no point meets", "all 24 tried"],
    );
}

#[test]
fn unknown_keys_metrics_and_simulators() {
    refused(template("cross_above", "crossabove"), &["long_entry", "crossabove"]);
    refused(template("data =", "dat ="), &["backtest.data", "nothing (but \"dat\")"]);
    refused(template("data =", "cahs = 3\ndata ="), &["cahs", "did you mean \"cash\""]);
    refused(template("sharpe =", "sharp ="), &["objectives.sharp", "did you mean sharpe"]);
    refused(template("'backtest'", "'backtset'"), &["backtset"]);
    refused(template("'maximize'", "'most'"), &["found \"most\"", "\"maximize\""]);
}

#[test]
fn bad_prices() {
    let file = "prices.csv";
    refused(data("101", "nan"), &[file, "nan"]);
    refused(data("Open", "Opne"), &[file, "Open"]);
    refused(data("2001-01-05", "2001-01-02"), &[file, "2001-01-02"]);
    refused(data("2001-01-05", "2000-01-05"), &[file, "2000-01-05"]);
    refused(data("2001-01-05", "5 January"), &[file, "5 January"]);
    refused(|_, data| data.truncate(25), &[file]);
    refused(template("prices.csv", "none.csv"), &["none.csv"]);
}

#[test]
fn bad_options() {
    let place = Place::new();
    for (words, said) in [
        ("start --template sma-crossovr", "did you mean sma-crossover"),
        ("start --template problem:zdt11", "did you mean problem:zdt1"),
        ("start --template none.toml", "none.toml"),
        ("start --template sma-crossover --algorithm gird", "did you mean grid"),
        ("start --template problem:sphere --algorithm grid", "--set space.x1.points=20"),
        ("start --template problem:sphere --trials 0", "--trials"),
        ("start --template problem:sphere --objective f", "METRIC:max or METRIC:min"),
        ("start --template problem:sphere --set x", "key=value"),
        ("start --template problem:sphere --name 'a b'", "--name"),
        ("start --template problem:sphere --max-time soon", "--max-time"),
        ("results", "optimize start"),
        ("resume", "optimize start"),
        ("results nobody", "nobody"),
    ] {
        let result = place.run(words).ended(2);
        assert!(result.err.contains(said), "{words}: {}", result.err);
    }
}

#[test]
fn a_store_made_by_a_newer_version() {
    let place = Place::new();
    place.run("start --template problem:sphere --trials 10 --quiet").ended(0);
    let format = place.path().join("optimize-store/format.json");
    let text = std::fs::read_to_string(&format).expect("a format file");
    let newer: String = text.replace('1', "999");
    assert_ne!(newer, text);
    std::fs::write(&format, newer).expect("writable");
    for words in ["status", "results", "resume", "start --template problem:sphere --quiet"] {
        let said = place.run(words).ended(3);
        assert!(said.err.contains("format 999"), "{words}: {}", said.err);
        assert!(said.err.contains("newer"), "{words}: {}", said.err);
    }
}

#[test]
fn a_damaged_or_deleted_view_is_made_again() {
    let place = Place::new();
    let start = "start --template problem:zdt1 --trials 500 --name whole --quiet --format json";
    let hash = place.run(start).ended(0).hash();
    let view = place.path().join("optimize-store/whole/results.duckdb");
    let count = "results --format json --sql 'select count(*) as n from trials'";
    for damage in [None, Some(b"not a database".as_slice())] {
        match damage {
            None => std::fs::remove_file(&view).expect("there"),
            Some(bytes) => std::fs::write(&view, bytes).expect("writable"),
        }
        let said = place.run("results").ended(3);
        assert!(said.err.contains("optimize resume whole"), "{}", said.err);
        assert_eq!(place.run("resume --quiet --format json").ended(0).hash(), hash);
        assert_eq!(place.run(count).ended(0).json()[0]["n"], 500);
    }
}

/// A limit on the size of files stands in for a full disk: writing fails in the same place, and
/// nobody has to be root for it.
#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_study_and_loses_nothing() {
    let place = Place::new();
    let study = "--template problem:zdt1 --trials 60000 --seed 5 --quiet --format json";
    let expected = place.run(&format!("start {study} --name whole")).ended(0).hash();

    let mut stages = BTreeSet::new();
    for blocks in [300, 2500, 4000, 8000] {
        let name = format!("full-{blocks}");
        let program = assert_cmd::cargo::cargo_bin!("optimize").display().to_string();
        let script =
            format!("trap '' XFSZ; ulimit -f {blocks}; exec {program} start {study} --name {name}");
        let said: support::Said = std::process::Command::new("sh")
            .args(["-c", &script])
            .current_dir(place.path())
            .output()
            .expect("a shell")
            .into();
        let said = said.ended(3);
        assert!(said.err.contains("no space left"), "{}", said.err);
        assert!(said.err.contains(&name), "the path is named: {}", said.err);
        if !place.path().join(format!("optimize-store/{name}")).exists() {
            assert!(said.err.contains("start again"), "{}", said.err);
            stages.insert("start");
            continue;
        }
        assert!(said.err.contains(&format!("optimize resume {name}")), "{}", said.err);
        stages.insert("run");
        let resumed = place.run(&format!("resume {name} --quiet --format json")).ended(0);
        assert_eq!(resumed.hash(), expected, "{blocks} blocks");
    }
    assert_eq!(stages.len(), 2, "both while starting and while running");
}
