//! Parity with other engines: the numbers in `parity/` come from them, not from this project.

mod support;

use search_spaces::Value;
use serde_json::Value as Json;
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
