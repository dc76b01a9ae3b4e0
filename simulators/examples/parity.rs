//! Compares the backtester with backtesting.py 0.6.6 on the prices that its own test uses.
//!
//! Usage: `cargo run --release -p simulators --example parity -- GOOG.csv`, with the file from the
//! package (see `scripts/parity`, which fetches it). Exits with 1 if a number differs.

#![expect(clippy::unreadable_literal, reason = "copied from the test of the other engine")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
#![expect(clippy::cast_precision_loss, reason = "a count of bars")]

use std::path::Path;
use std::process::ExitCode;

use search_spaces::{Document, Point, Template, Value};
use simulators::{Backtest, Simulator as _, Trial, Unwatched};

const TEMPLATE: &str = r#"
name = "parity"
simulator = "backtest"
[objectives]
sharpe = "maximize"
[space]
fast = { int = [1, 300] }
slow = { int = [1, 300] }
[backtest]
at_end = "last-open"
summation = "rolling"
statistics = "geometric"
[backtest.strategy]
long_entry = "cross_above(sma(close, fast), sma(close, slow))"
short_entry = "cross_below(sma(close, fast), sma(close, slow))"
"#;

/// Metric, the number in backtesting/test/_test.py (`test_compute_stats`), and its unit there.
const EXPECTED: [(&str, f64, f64); 29] = [
    ("trades", 66.0, 1.0),
    ("average_drawdown_days", 41.0, 1.0),
    ("average_drawdown", -5.925851581948801, -100.0),
    ("average_trade_days", 46.0, 1.0),
    ("average_trade", 2.531715975158555, 100.0),
    ("best_trade", 53.59595229490424, 100.0),
    ("buy_and_hold", 522.0601851851852, 100.0),
    ("calmar", 0.44166409202994605, 1.0),
    ("equity_final", 51422.98999999996, 1.0),
    ("equity_peak", 75787.44, 1.0),
    ("expectancy", 3.2748078066748834, 100.0),
    ("exposure", 96.74115456238361, 100.0),
    ("max_drawdown_days", 584.0, 1.0),
    ("max_drawdown", -47.98012705007589, -100.0),
    ("max_trade_days", 183.0, 1.0),
    ("profit_factor", 2.167945974262033, 1.0),
    ("annual_return", 21.191099249053224, 100.0),
    ("total_return", 414.2298999999996, 100.0),
    ("volatility", 36.49716090702389, 100.0),
    ("cagr", 21.160245705962623, 100.0),
    ("sqn", 1.0766187356697705, 1.0),
    ("kelly", 0.1518705127029717, 1.0),
    ("sharpe", 0.5806232244485349, 1.0),
    ("sortino", 1.0853434352488662, 1.0),
    ("win_rate", 46.96969696969697, 100.0),
    ("worst_trade", -18.39887353835481, 100.0),
    ("alpha", 394.3739114202746, 100.0),
    ("beta", 0.03803390709192, 1.0),
    ("bars", 2148.0, 1.0),
];

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: parity GOOG.csv");
        return ExitCode::from(2);
    };
    let metrics: Vec<&str> = EXPECTED.iter().map(|row| row.0).collect();
    let mut document = Document::parse("parity.toml", TEMPLATE).expect("the template is valid");
    let metrics = &metrics[..metrics.len() - 1];
    for setting in [format!("data={path:?}"), format!("metrics={metrics:?}")] {
        let set = document.set(&format!("backtest.{setting}"));
        set.expect("the setting is valid");
    }
    let template = Template::read(document, Path::new("")).expect("the template is valid");
    let settings = template.settings().expect("the table is there");
    let backtest = match Backtest::open(settings, &template.space, Path::new("")) {
        Ok(backtest) => backtest,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let point = Point::new(vec![Value::Int(10), Value::Int(30)]);
    let trace = backtest.trace(&point).expect("both lengths are valid");
    let session = backtest.session().run(&Trial::new(&point, 0), &mut Unwatched);
    assert_eq!(session.as_ref(), Ok(&trace.metrics), "a trace is the same run");
    let bars = trace.equity.len() as f64;
    let mut different = 0;
    for ((name, expected, unit), value) in EXPECTED.iter().zip(trace.metrics.iter().chain([&bars]))
    {
        let error = (value * unit / expected - 1.0).abs();
        let verdict = if error <= 1e-8 { "equal" } else { "DIFFERENT" };
        different += u32::from(error > 1e-8);
        println!("{name:22} {:>22} {expected:>22} {error:9.1e} {verdict}", value * unit);
    }
    println!("{} numbers, {different} different (tolerance 1e-8, relative)", EXPECTED.len());
    ExitCode::from(u8::from(different > 0))
}
