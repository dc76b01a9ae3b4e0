//! What the integration tests share: opening simulators from template text.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod bars;

use std::path::Path;

use search_spaces::{Document, Point, Space, Template, Value};
use simulators::{Backtest, OpenError, Simulator, Trial, Unwatched};

/// Reads template text.
pub(crate) fn template(text: &str) -> Template {
    let document = Document::parse("t.toml", text).expect(text);
    Template::read(document, Path::new("")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Opens the simulator of a template.
pub(crate) fn open(text: &str) -> Result<Box<dyn Simulator>, OpenError> {
    let template = template(text);
    let settings = template.settings().expect("a table");
    simulators::open(&template.simulator, settings, &template.space, Path::new(""))
}

/// The message with which opening fails.
pub(crate) fn refusal(text: &str) -> String {
    match open(text) {
        Ok(_) => panic!("opened, but should not:\n{text}"),
        Err(error) => error.to_string(),
    }
}

/// A template of a backtest: the lines of `[space]`, of `[backtest]`, of `[backtest.strategy]`.
pub(crate) fn backtest_text(space: &str, settings: &str, rules: &str) -> String {
    format!(
        "name = \"t\"\nsimulator = \"backtest\"\n[objectives]\nsharpe = \"maximize\"\n\
         [space]\n{space}\n[backtest]\n{settings}\n[backtest.strategy]\n{rules}\n"
    )
}

/// Opens a backtest, giving its space, too.
pub(crate) fn backtest_in(text: &str, folder: &Path) -> (Backtest, Space) {
    let template = template(text);
    let settings = template.settings().expect("a table");
    let backtest = Backtest::open(settings, &template.space, folder)
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    (backtest, template.space)
}

/// Opens a backtest on built-in data.
pub(crate) fn backtest(space: &str, settings: &str, rules: &str) -> Backtest {
    backtest_in(&backtest_text(space, settings, rules), Path::new("")).0
}

/// The rules of backtesting.py's example strategy.
pub(crate) const SMA_CROSS: &str = "\
     long_entry = 'cross_above(sma(close, fast), sma(close, slow))'\n\
     short_entry = 'cross_below(sma(close, fast), sma(close, slow))'";

/// The space of that strategy.
pub(crate) const SMA_SPACE: &str = "fast = { int = [1, 300] }\nslow = { int = [1, 300] }";

/// The settings that give the conventions of backtesting.py.
pub(crate) const CONVENTIONS: &str = "at_end = 'last-open'\nsummation = 'rolling'\n\
     statistics = 'geometric'";

/// A point of whole numbers.
pub(crate) fn ints(values: &[i64]) -> Point {
    Point::new(values.iter().map(|value| Value::Int(*value)).collect())
}

/// A point of the space from a number, spread over all its parameters.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(crate) fn some_point(template: &Template, number: u64) -> Point {
    let unit: Vec<f64> = (0..template.space.parameters().len())
        .map(|i| (number as f64 * 0.618_033_988_75 * (i + 1) as f64 + 0.1 * i as f64).fract())
        .collect();
    template.space.decode(&unit)
}

/// One run in a session of its own.
pub(crate) fn run(simulator: &dyn Simulator, point: &Point) -> Vec<f64> {
    simulator
        .session()
        .run(&Trial::new(point, 0), &mut Unwatched)
        .unwrap_or_else(|failure| panic!("{failure}"))
}

/// The bits of the values.
pub(crate) fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}
