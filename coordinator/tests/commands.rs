//! The commands as a person uses them.

mod support;

use std::process::Stdio;
use std::time::Duration;

use support::Place;

const SMALL: &str = "start --template sma-crossover --algorithm grid --quiet \
     --set space.fast.int=[5,12] --set space.slow.int=[10,24]";

#[test]
fn a_study_from_start_to_frontier() {
    let place = Place::new();
    let said = place.run(&format!("{SMALL} --format json")).ended(0);
    let status = said.json();
    assert_eq!(status["state"], "complete");
    assert_eq!(status["name"], "sma-crossover");
    assert_eq!(status["evaluated"].as_u64(), Some(8 * 15 - 6));
    assert_eq!(status["skipped"].as_u64(), Some(6));

    let shown = place.run("results --pareto").ended(0).out;
    assert!(shown.contains("sharpe") && shown.contains("max_drawdown"), "{shown}");
    assert!(shown.contains("hypervolume"), "{shown}");

    let rows = place.run("results --pareto --format json").ended(0).json();
    let rows = rows.as_array().expect("a list").clone();
    assert!(!rows.is_empty());
    let number = |row: &serde_json::Value, name: &str| row[name].as_f64().expect("a number");
    for pair in rows.windows(2) {
        // On a frontier of two objectives, what is worse in one is better in the other.
        assert!(number(&pair[0], "sharpe") >= number(&pair[1], "sharpe"));
        assert!(number(&pair[0], "max_drawdown") >= number(&pair[1], "max_drawdown"));
    }
    let best = status["best"][0].clone();
    assert_eq!(best["metric"], "sharpe");
    assert_eq!(best["value"], rows[0]["sharpe"]);
}

#[test]
fn trades_and_equity_of_a_trial_are_listed() {
    let place = Place::new();
    place.run(SMALL).ended(0);
    let metrics =
        "results --format json --sql 'select trades, total_return from trials where trial = 3'";
    let metrics = place.run(metrics).ended(0).json();
    let trades = place.run("explain 3 --list trades --format json").ended(0).json();
    let trades = trades.as_array().expect("a list").clone();
    assert_eq!(metrics[0]["trades"].as_f64(), Some(trades.len() as f64));
    for trade in &trades {
        assert_eq!(trade["symbol"], "GOOG");
        let number = |name: &str| trade[name].as_f64().expect("a number");
        let gain = number("size") * (number("exit_price") - number("entry_price"));
        assert!((gain - number("commission") - number("profit")).abs() < 1e-9, "{trade}");
    }
    let equity = place.run("explain 3 --list equity --format csv").ended(0).out;
    let last = equity.trim_end().lines().last().expect("a line").to_owned();
    assert!(equity.starts_with("date,equity\n"), "{equity}");
    let last: f64 = last.split(',').next_back().and_then(|it| it.parse().ok()).expect("a number");
    let total_return = metrics[0]["total_return"].as_f64().expect("a number");
    assert!((last / 10_000.0 - 1.0 - total_return).abs() < 1e-12, "{last} {metrics}");
    let wrong = place.run("explain 3 --list trade").ended(2).err;
    assert!(wrong.contains("--list: found \"trade\", allowed: trades, equity"), "{wrong}");
    place.run("start --template problem:sphere --trials 2 --quiet").ended(0);
    let none = place.run("explain sphere 0 --list trades").ended(2).err;
    assert!(none.contains("this simulator lists nothing"), "{none}");
}

#[test]
fn whoever_asks_is_told_how_trials_are_run() {
    let place = Place::new();
    let signals = "backtest: by signals alone: ";
    let told = |words: &str| place.run(words).ended(0).err;
    assert!(!told(SMALL).contains(signals));
    let verbose = SMALL.replace("--quiet", "--verbose --trials 5");
    assert!(told(&verbose).contains(signals));
    let stop = "--set 'backtest.strategy.stop_loss=\"2%\"'";
    let broker = "because signals alone do not decide: the orders of [backtest.strategy]";
    assert!(told(&format!("{verbose} {stop}")).contains(broker));
    let checked = place.run(&format!("check --template sma-crossover {stop}")).ended(0).out;
    assert!(checked.contains(broker), "{checked}");
}

#[test]
fn results_select_sort_and_export() {
    let place = Place::new();
    place.run(SMALL).ended(0);
    let top = place.run("results --sort trades:asc --where 'fast > 6' --top 3 --format json");
    let top = top.ended(0).json();
    assert_eq!(top.as_array().expect("a list").len(), 3);
    assert!(top[0]["trades"].as_f64() <= top[1]["trades"].as_f64());
    assert!(top.as_array().expect("a list").iter().all(|row| row["fast"].as_u64() > Some(6)));

    let sql = "select fast, count(*) as n from trials group by fast order by fast";
    let grouped = place.run(&format!("results --sql '{sql}' --format csv")).ended(0).out;
    assert!(grouped.starts_with("fast,n\n5,15\n"), "{grouped}");

    for name in ["all.parquet", "all.csv", "all.json"] {
        place.run(&format!("results -o {name}")).ended(0);
        let sql = format!("select count(*) as n from '{name}'");
        let refused = place.run(&format!("results --sql \"{sql}\""));
        assert_ne!(refused.code, Some(0), "queries must not read files");
        assert!(place.path().join(name).metadata().expect("written").len() > 100, "{name}");
    }
    let csv = std::fs::read_to_string(place.path().join("all.csv")).expect("written");
    assert_eq!(csv.lines().count(), 1 + 114);
    let wrong = place.run("results --sort sharp").ended(2);
    assert!(wrong.err.contains("did you mean sharpe"), "{}", wrong.err);
    place.run("results --sql 'drop table trials'").ended(2);
    place.run("results --where 'fast >'").ended(2);
    assert_eq!(
        place.run("results --format json --sql 'select count(*) as n from trials'").json()[0]["n"],
        114
    );
}

#[test]
fn names_are_kept_apart_and_found_again() {
    let place = Place::new();
    for expected in ["sma-crossover", "sma-crossover-2"] {
        let said = place.run(&format!("{SMALL} --format json")).ended(0);
        assert_eq!(said.json()["name"], expected);
    }
    place.run(&format!("{SMALL} --name mine --store elsewhere")).ended(0);
    let all = place.run("status --format json").ended(0).json();
    assert_eq!(all.as_array().expect("a list").len(), 2);
    assert_eq!(all[0]["results_hash"], all[1]["results_hash"]);
    let mine = place.run("status mine --store elsewhere --format json").ended(0).json();
    assert_eq!(mine["results_hash"], all[0]["results_hash"]);
    let wrong = place.run("status sma-crosover").ended(2);
    assert!(wrong.err.contains("did you mean sma-crossover"), "{}", wrong.err);
}

#[test]
fn verify_runs_trials_again() {
    let place = Place::new();
    place.run(SMALL).ended(0);
    let all = place.run("verify --format json").ended(0).json();
    assert_eq!(all["verified"].as_u64(), Some(114));
    let some = place.run("verify --sample 10 --format json").ended(0).json();
    assert_eq!(some["verified"].as_u64(), Some(10));
}

#[test]
fn changed_data_is_found_out() {
    let place = Place::new();
    let mut prices = "Date,Open,High,Low,Close,Volume\n".to_owned();
    for day in 0..300 {
        let close = 100 + (day * 7) % 23;
        prices += &format!(
            "{}-{:02}-{:02},{close},{},{},{close},1000\n",
            2001 + day / 250,
            1 + day % 250 / 25,
            1 + day % 25,
            close + 2,
            close - 2
        );
    }
    place.write("prices.csv", &prices);
    let start =
        format!("{SMALL} --set backtest.data=prices.csv --set backtest.symbols=[\"prices\"]");
    let with =
        |words: &str| place.run(&start.replace(" --set backtest.symbols=[\"prices\"]", words));
    with("  --set 'backtest.symbols=[]'");
    let template = place.run("templates show sma-crossover").ended(0).out;
    let template: String = template
        .lines()
        .filter(|line| !line.starts_with("symbols"))
        .map(|l| format!("{l}\n"))
        .collect();
    place.write("mine.toml", &template.replace("\"stocks-daily\"", "\"prices.csv\""));
    place
        .run("start --template mine.toml --algorithm random --trials 20 --quiet --name changed")
        .ended(0);
    place.run("verify changed").ended(0);
    place.write("prices.csv", &prices.replace(",1000\n", ",1001\n").replace("100,102", "101,102"));
    let said = place.run("resume changed").ended(2);
    assert!(said.err.contains("have changed since it was started"), "{}", said.err);
}

#[test]
fn a_time_limit_keeps_what_is_done() {
    let place = Place::new();
    let said = place
        .run("start --template problem:sphere --max-time 1s --seed 4 --quiet --format json")
        .ended(0);
    let status = said.json();
    assert_eq!(status["state"], "stopped");
    let done = status["evaluated"].as_u64().expect("a number");
    assert!(done > 1000, "{done}");
    // What was done is a prefix: the same study with that budget has the same hash.
    let again = place
        .run(&format!(
            "start --template problem:sphere --trials {done} --seed 4 --quiet --format json"
        ))
        .ended(0);
    assert_eq!(again.hash(), said.hash());
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_and_says_how_to_go_on() {
    let place = Place::new();
    let child = place
        .command("start --template problem:zdt1 --trials 100000000 --name big")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // However slow the machine is, there will be rows in the end.
    let rows = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let during = place.run("results big --top 3 --format json");
        during.code == Some(0) && during.json().as_array().is_some_and(|rows| !rows.is_empty())
    });
    assert!(rows, "results can be read while the study runs");
    let running = place.run("status big --format json").ended(0).json();
    assert_eq!(running["state"], "running");
    let twice = place.run("resume big");
    assert_eq!(twice.code, Some(3), "{}", twice.err);
    assert!(twice.err.contains("running in another process"), "{}", twice.err);

    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill");
    assert!(sent.success());
    let said: support::Said = child.wait_with_output().expect("a child").into();
    let said = said.ended(130);
    assert!(said.err.contains("optimize resume big"), "{}", said.err);
    let status = place.run("status big --format json").ended(0).json();
    assert_eq!(status["state"], "interrupted");
    let done = status["evaluated"].as_u64().expect("a number");
    let rows = place.run("results big --format json --sql 'select count(*) as n from trials'");
    assert_eq!(rows.ended(0).json()[0]["n"].as_u64(), Some(done));
}

#[test]
fn templates_are_listed_shown_and_checked() {
    let place = Place::new();
    let list = place.run("templates list --format json").ended(0).json();
    for template in list.as_array().expect("a list") {
        let name = template["name"].as_str().expect("a name");
        assert_ne!(template["description"], "", "{name}");
        place.run(&format!("check --template {name}")).ended(0);
        let text = place.run(&format!("templates show {name}")).ended(0).out;
        place.write("copy.toml", &text);
        place.run("check --template copy.toml").ended(0);
    }
}

#[test]
fn completions_and_help_are_there() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.run(&format!("completions {shell}")).ended(0).out.contains("optimize"));
    }
    for words in ["--help", "start --help", "results --help"] {
        let help = place.run(words).ended(0).out;
        assert!(help.contains("Examples:"), "{help}");
    }
}
