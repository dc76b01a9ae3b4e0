//! Parity with other engines: the numbers in `parity/` come from them, not from this project.

#![expect(clippy::cast_precision_loss, reason = "small numbers")]

mod support;

use search_spaces::Value;
use serde_json::Value as Json;
use simulators::Trade;
use support::{CONVENTIONS, SMA_CROSS, SMA_SPACE, backtest, ints, run};

/// The statistics of backtesting.py, the metric of the same meaning, and its unit in theirs.
const NAMES: [(&str, &str, f64); 11] = [
    ("# Trades", "trades", 1.0),
    ("Equity Final [$]", "equity_final", 1.0),
    ("Equity Peak [$]", "equity_peak", 1.0),
    ("Return [%]", "total_return", 100.0),
    ("Sharpe Ratio", "sharpe", 1.0),
    ("Sortino Ratio", "sortino", 1.0),
    ("Calmar Ratio", "calmar", 1.0),
    ("Max. Drawdown [%]", "max_drawdown", -100.0),
    ("Win Rate [%]", "win_rate", 100.0),
    ("Profit Factor", "profit_factor", 1.0),
    ("SQN", "sqn", 1.0),
];

fn number(json: &Json) -> f64 {
    json.as_f64().expect("a number")
}

#[test]
fn crossovers_give_the_numbers_of_backtesting_py() {
    let file: Json =
        serde_json::from_str(include_str!("parity/wiki_sma_cross.json")).expect("valid JSON");
    let cases = file["cases"].as_object().expect("cases");
    assert_eq!(cases.len(), 5);
    for (name, expected) in cases {
        let words: Vec<&str> = name.split([' ', '/']).collect();
        let [symbol, fast, slow, commission] = words[..] else { panic!("{name}") };
        let commission = commission.strip_prefix("c=").expect("c=");
        let metrics: Vec<&str> = NAMES.iter().map(|(_, metric, _)| *metric).collect();
        let settings = format!(
            "data = 'stocks-daily'\nsymbols = ['{symbol}']\ncommission = {commission}\n\
             metrics = {:?}\n{CONVENTIONS}",
            [&metrics[..], &["exposure"]].concat()
        );
        let backtest = backtest(SMA_SPACE, &settings, SMA_CROSS);
        let point = ints(&[fast, slow].map(|n| n.parse().expect("a number")));
        let values = run(&backtest, &point);
        let exposure = ("Exposure Time [%]", "exposure", 100.0);
        for ((statistic, metric, unit), value) in NAMES.iter().chain([&exposure]).zip(&values) {
            let expected = number(&expected[*statistic]) / unit;
            let error = (value / expected - 1.0).abs();
            let tolerance = if *metric == "trades" { 0.0 } else { 1e-8 };
            assert!(error <= tolerance, "{name}: {metric} {value} against {expected}");
        }
        let preset = settings.replace(CONVENTIONS, "preset = 'backtesting.py'");
        let preset = support::backtest(SMA_SPACE, &preset, SMA_CROSS);
        assert_eq!(support::bits(&run(&preset, &point)), support::bits(&values));
        let bars = backtest.trace(&point).expect("no failure").equity.len();
        assert_eq!(bars as u64, expected["bars"].as_u64().expect("bars"));
    }
}

/// The returns of empyrical's own tests become an equity curve by way of a strategy that is always
/// long with fractional shares.
#[test]
fn arithmetic_statistics_are_those_of_empyrical() {
    let file: Json =
        serde_json::from_str(include_str!("parity/metrics_oracle.json")).expect("valid JSON");
    let oracle = &file["empyrical"];
    let returns = oracle["returns"].as_array().expect("returns");
    let mut text = String::from("Date,Open,High,Low,Close\n");
    let mut price = 100.0;
    for (day, growth) in returns.iter().enumerate() {
        price *= 1.0 + growth.as_f64().unwrap_or(0.0);
        text += &format!("2020-01-{:02},{price},{price},{price},{price}\n", day + 1);
    }
    let folder = std::env::temp_dir().join(format!("simulators-parity-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("oracle.csv"), text).expect("a temporary file");
    let settings = "data = 'oracle.csv'\nshares = 'fractional'\nfill = 'same-close'\nmetrics = [\
         'sharpe', 'sortino', 'volatility', 'max_drawdown', 'annual_return', 'calmar', \
         'downside_risk']";
    let space = "n = { int = [1, 2] }";
    let text = support::backtest_text(space, settings, "long_entry = 'close > 0'");
    let (backtest, _) = support::backtest_in(&text, &folder);
    std::fs::remove_dir_all(&folder).expect("the folder is there");
    let values = run(&backtest, &search_spaces::Point::new(vec![Value::Int(1)]));
    let expected = [
        number(&oracle["sharpe"]["expected"]),
        number(&oracle["sortino"]["expected"]),
        number(&oracle["annual_volatility"]["expected"]),
        -number(&oracle["max_drawdown"]),
        number(&oracle["annual_return"]["expected"]),
        number(&oracle["calmar"]),
        number(&oracle["downside_risk"]),
    ];
    for (value, expected) in values.iter().zip(expected) {
        assert!((value / expected - 1.0).abs() < 1e-8, "{value} against {expected}");
    }
}

/// The strategies of `wiki_brackets.json`, in the order of their names: further settings, and rules
/// with their orders. All levels are prices that are known when an entry is decided, as in
/// backtesting.py, which looks at the first bar after the longest average is known.
fn brackets() -> Vec<(&'static str, &'static str, String)> {
    const LONG: &str = "long_entry = 'cross_above(sma(close, 10), sma(close, 30))'\n";
    const SHORT: &str = "short_entry = 'cross_below(sma(close, 10), sma(close, 30))'\n";
    const ABOVE: &str =
        "long_entry = 'sma(close, 10) > sma(close, 30) and previous(sma(close, 30), 1) > 0'\n";
    let long = |stop: &str, target: &str| {
        format!("stop_loss = {{ price = '{stop}' }}\ntake_profit = {{ price = '{target}' }}\n")
    };
    let usual = long("close * (1 - 0.05)", "close * (1 + 0.08)");
    let both = "stop_loss = { price = 'close * (1 - 0.05)', short_price = 'close * (1 + 0.05)' }\n\
         take_profit = { price = 'close * (1 + 0.08)', short_price = 'close * (1 - 0.08)' }\n";
    let short = "stop_loss = { short_price = 'close * (1 + 0.05)' }\n\
         take_profit = { short_price = 'close * (1 - 0.08)' }\n";
    let tight = long("close * (1 - 0.012)", "close * (1 + 0.015)");
    let stop = long("close * (1 - 0.02)", "high * 1.002 * (1 + 0.02)");
    let limit = long("low * (1 - 0.03)", "close * (1 + 0.03)");
    vec![
        ("bracket", "", format!("{LONG}{usual}")),
        ("bracket with commission", "commission = 0.002", format!("{LONG}{usual}")),
        ("bracket on close", "fill = 'same-close'", format!("{LONG}{usual}")),
        ("short", "", format!("{SHORT}{short}")),
        ("tight", "", format!("{ABOVE}{tight}")),
        ("stop entry", "", format!("{ABOVE}entry = {{ stop = 'high * 1.002' }}\n{stop}")),
        ("limit entry", "", format!("{ABOVE}entry = {{ limit = 'low * 0.998' }}\n{limit}")),
        ("reversal", "", format!("{LONG}{SHORT}{both}")),
        ("fraction", "", format!("{LONG}size = {{ fraction = 0.3 }}\n{usual}")),
    ]
}

#[test]
fn brackets_and_entries_that_wait_give_the_trades_of_backtesting_py() {
    let file: Json =
        serde_json::from_str(include_str!("parity/wiki_brackets.json")).expect("valid JSON");
    let cases = file["cases"].as_object().expect("cases");
    assert_eq!(cases.len(), 27);
    for symbol in ["GOOG", "IBM", "AAPL"] {
        for (name, settings, rules) in brackets() {
            let expected = &cases[&format!("{symbol} {name}")];
            let settings = format!(
                "data = 'stocks-daily'\nsymbols = ['{symbol}']\npreset = 'backtesting.py'\n\
                 metrics = ['equity_final']\n{settings}"
            );
            let found = backtest("n = { int = [1, 2] }", &settings, &rules);
            let found = found.trace(&ints(&[1])).expect("no failure");
            let sum = |term: fn(&Trade) -> f64| found.trades.iter().map(term).sum::<f64>();
            let sums = [
                ("final", found.metrics[0]),
                ("trades", sum(|_| 1.0)),
                ("sizes", sum(|trade| trade.size.abs())),
                ("entry_bars", sum(|trade| trade.entry_bar as f64)),
                ("exit_bars", sum(|trade| trade.exit_bar as f64)),
                ("entry_prices", sum(|trade| trade.entry_price)),
                ("exit_prices", sum(|trade| trade.exit_price)),
            ];
            for (key, found) in sums {
                let expected = number(&expected[key]);
                let error = (found / expected - 1.0).abs();
                let exact = found.fract() == 0.0 && expected.fract() == 0.0;
                let tolerance = if exact { 0.0 } else { 1e-8 };
                assert!(error <= tolerance, "{symbol} {name}: {key} {found} against {expected}");
            }
        }
    }
}
