//! How fast a sweep of a template goes on one thread, and what it holds: for `scripts/bench
//! backtests`.
//!
//! Usage: `sweep TEMPLATE [TRIALS] [ROUNDS]`. Runs so many trials of the template's grid, one after
//! the other and again from the start if there are fewer, in each of so many rounds after one that
//! does not count. Prints a line of JSON: seconds per trial (median of the rounds), trades and
//! bars, the most memory held after that first round and at the end, and of the first point the metrics and the trades (bar of entry and of
//! exit, size, prices).

#![expect(clippy::print_stdout, reason = "a program of its own")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::path::Path;
use std::time::Instant;

use search_spaces::{Document, Point, Template};
use simulators::{Backtest, Simulator as _, Trial, Unwatched};

fn main() {
    let mut words = std::env::args().skip(1);
    let file = words.next().expect("the path of a template");
    let mut number =
        |default: usize| words.next().map_or(default, |word| word.parse().expect("a whole number"));
    let (trials, rounds) = (number(1000), number(5));
    let path = Path::new(&file);
    let text = std::fs::read_to_string(path).expect("a readable template");
    let document = Document::parse(&file, &text).unwrap_or_else(|error| panic!("{error}"));
    let folder = path.parent().expect("a file has a folder");
    let template = Template::read(document, folder).unwrap_or_else(|error| panic!("{error}"));
    let settings = template.settings().expect("a table [backtest]");
    let backtest = Backtest::open(settings, &template.space, folder);
    let backtest = backtest.unwrap_or_else(|error| panic!("{error}"));

    let grid = template.space.grid().expect("a space with a grid");
    let points: Vec<Point> =
        (0..grid.len()).filter_map(|index| grid.point(&template.space, index)).collect();
    let mut session = backtest.session();
    let mut run = |number: usize| {
        let trial = Trial::new(&points[number % points.len()], 0);
        session.run(&trial, &mut Unwatched).unwrap_or_else(|failure| panic!("{failure}"))
    };
    let first = run(0);
    let mut round = || {
        let began = Instant::now();
        (0..trials).for_each(|number| drop(run(number)));
        began.elapsed().as_secs_f64() / trials as f64
    };
    round();
    let warm_megabytes = peak_megabytes();
    let mut seconds: Vec<f64> = (0..rounds).map(|_| round()).collect();
    seconds.sort_by(f64::total_cmp);
    let trace = backtest.trace(&points[0]).unwrap_or_else(|failure| panic!("{failure}"));
    let metrics: serde_json::Map<String, serde_json::Value> =
        backtest.metrics().iter().cloned().zip(first.into_iter().map(Into::into)).collect();
    let trades: Vec<(usize, usize, f64, f64, f64)> = (trace.trades.iter())
        .map(|t| (t.entry_bar, t.exit_bar, t.size, t.entry_price, t.exit_price))
        .collect();
    let answer = serde_json::json!({
        "seconds": seconds[seconds.len() / 2],
        "trials": trials,
        "points": points.len(),
        "bars": trace.equity.len(),
        "trades": trace.trades.len(),
        "engine": format!("{:?}", backtest.engine()),
        "warm_megabytes": warm_megabytes,
        "peak_megabytes": peak_megabytes(),
        "first": { "metrics": metrics, "trades": trades },
    });
    println!("{answer}");
}

/// The most memory that this process has held; none where the system does not tell.
fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes / 1024.0)
}
