//! Tests of numbers: expressions against the values of TA-Lib and pandas, and against themselves on
//! data that are cut.

use std::cell::RefCell;
use std::path::Path;

use search_spaces::Document;

use super::cache::{BYTES, Cache};
use super::compile::Compiler;
use super::data::{Price, Series};
use super::evaluate::{Evaluator, Pool, World};
use super::events::Events;
use super::frames::Frames;
use super::read;
use super::sessions::Sessions;
use super::settings::{Crossing, Summation};

/// The values of an expression at all bars of a symbol.
fn values(all: &[Series], symbol: usize, text: &str, sessions: Sessions) -> Vec<f64> {
    let events = Events::default();
    let compiler = Compiler {
        parameters: &[],
        all,
        has_volume: true,
        events: &events,
        needs: RefCell::default(),
    };
    let number = compiler.number_of(text);
    let number = number.unwrap_or_else(|fault| panic!("{text}: found {}", fault.found));
    let frames = Frames::new(all, &compiler.needs.borrow().timeframes, sessions);
    let (cache, masks) = (Cache::new(BYTES), Cache::new(BYTES));
    let world = World {
        all,
        frames: &frames,
        events: &events,
        values: &[],
        summation: Summation::Exact,
        crossing: Crossing::Strict,
        cache: &cache,
        masks: &masks,
    };
    let (series, mut pool) = (&all[symbol], Pool::default());
    let pool = &mut pool;
    let mut evaluator = Evaluator {
        world,
        symbol,
        timeframe: None,
        series,
        pool,
        warm_up: 0,
        compared: Vec::new(),
    };
    let column = evaluator.number(&number).unwrap_or_else(|failure| panic!("{failure}"));
    let again = evaluator.number(&number).unwrap_or_else(|failure| panic!("{failure}"));
    let values: Vec<f64> = (0..series.len()).map(|bar| column.at(bar)).collect();
    let same = |bar: usize| again.at(bar).to_bits() == values[bar].to_bits();
    assert!((0..values.len()).all(same), "{text} from the cache");
    values
}

fn stocks() -> Vec<Series> {
    read::read(read::BUILT_IN, Path::new("")).expect("valid")
}

/// The beginning of a series.
fn cut(series: &Series, bars: usize) -> Series {
    let mut part = series.clone();
    part.keep(None, Some(series.dates[bars - 1]));
    part
}

#[test]
fn indicators_have_the_values_of_ta_lib_and_pandas() {
    let table = include_str!("../../tests/parity/indicators.json");
    let table: serde_json::Value = serde_json::from_str(table).expect("JSON");
    let bars = table["bars"].as_u64().expect("a count") as usize;
    let ibm = stocks().into_iter().find(|series| table["symbol"] == series.symbol);
    let all = [cut(&ibm.expect("built in"), bars)];
    let at = table["at"].as_array().expect("a list");
    let cases = table["values"].as_object().expect("a table");
    assert!(cases.len() > 50);
    for (text, expected) in table["settled"].as_object().expect("a table") {
        let (found, expected) = (values(&all, 0, text, Sessions::default()), expected.as_f64());
        let (found, expected) = (found[bars - 1], expected.expect("a number"));
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{text}: {found}, {expected}");
    }
    for (text, expected) in cases {
        let found = values(&all, 0, text, Sessions::default());
        for (bar, expected) in at.iter().zip(expected.as_array().expect("a list")) {
            let bar = bar.as_u64().expect("a bar") as usize;
            let (found, expected) = (found[bar], expected.as_f64().unwrap_or(f64::NAN));
            let close = (found - expected).abs() <= 1e-9 * expected.abs().max(1.0);
            assert!(
                close || found.is_nan() && expected.is_nan(),
                "{text} at bar {bar}: {found}, not {expected}"
            );
        }
    }
}

/// Numbers that look elsewhere, in all ways in which that can be written.
const ELSEWHERE: [&str; 9] = [
    "close@1w",
    "atr(3)@1mo",
    "sma(high - low, 3)@2w / close",
    "close@'IBM'",
    "ema(close, 4)@1w@'MSFT' - close@'FB'",
    "rank_across(roc(close, 5))",
    "mean_across(log(close)) - log(close)",
    "rank_across(rsi(close@1w, 2) - close@'AAPL')",
    "vwap()@1w + highest(rank_across(volume), 3)",
];

#[test]
fn numbers_from_elsewhere_do_not_depend_on_later_bars() {
    let mut all = stocks();
    for series in &mut all {
        // From shortly before the first bar of the youngest symbol on.
        let from = super::date::Date::parse("2012-04-20");
        series.keep(from, super::date::Date::parse("2012-09-01"));
    }
    // One symbol lacks some bars, and one ends early.
    let missing = |bar: &usize| bar % 7 != 3;
    let gaps: Vec<usize> = (0..all[3].len()).filter(missing).collect();
    all[3].dates = gaps.iter().map(|bar| all[3].dates[*bar]).collect();
    for column in &mut all[3].columns {
        *column = gaps.iter().map(|bar| column[*bar]).collect();
    }
    all[2] = cut(&all[2], 40);
    let text = "sessions = { days = 'mon-fri' }";
    let document = Document::parse("t.toml", text).expect(text);
    let weeks = Sessions::read(&mut document.section(), None).expect("valid");
    for text in ELSEWHERE {
        for sessions in [Sessions::default(), weeks.clone()] {
            let whole: Vec<Vec<f64>> =
                (0..all.len()).map(|symbol| values(&all, symbol, text, sessions.clone())).collect();
            assert!(whole[0].iter().any(|value| !value.is_nan()), "{text}");
            for last in all[0].dates.iter().step_by(3) {
                let part: Vec<Series> = all
                    .iter()
                    .map(|series| {
                        let mut series = series.clone();
                        series.keep(None, Some(*last));
                        series
                    })
                    .collect();
                for (symbol, whole) in whole.iter().enumerate() {
                    let part = values(&part, symbol, text, sessions.clone());
                    let bits =
                        |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&part), bits(&whole[..part.len()]), "{text} until {last}");
                }
            }
        }
    }
}

#[test]
fn ranks_and_other_symbols_on_a_few_bars() {
    let series = |symbol: &str, days: &[u32], close: &[f64]| {
        let date = |day: &u32| super::date::Date::parse(&format!("2020-01-{day:02}"));
        let mut series = Series {
            symbol: symbol.to_owned(),
            dates: days.iter().map(|day| date(day).expect("valid")).collect(),
            ..Series::default()
        };
        series.columns.iter_mut().for_each(|column| *column = close.to_vec());
        series
    };
    let all = [
        series("A", &[1, 2, 3, 4], &[5.0, 6.0, 7.0, 8.0]),
        series("B", &[2, 4], &[6.0, 9.0]),
        series("C", &[1, 2, 3], &[1.0, 9.0, 7.5]),
    ];
    let shown = |symbol: usize, text: &str| {
        let values = values(&all, symbol, text, Sessions::default());
        values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown(0, "close@'B'"), "NaN 6 6 9");
    assert_eq!(shown(1, "close@'C'"), "9 7.5");
    assert_eq!(shown(1, "previous(close, 1)@'A'"), "5 7");
    assert_eq!(shown(0, "rank_across(close)"), "1 2 2 2");
    assert_eq!(shown(1, "rank_across(close)"), "2 1");
    assert_eq!(shown(2, "rank_across(close)"), "2 1 1");
    assert_eq!(shown(0, "mean_across(close)"), "3 7 7.25 8.5");
    assert_eq!(shown(2, "rank_across(previous(close, 2))"), "NaN NaN 2");
    assert_eq!(all[0].price(Price::Close).len(), 4);
}

#[test]
fn values_are_known_from_the_documented_bar_on() {
    let ibm = [cut(&stocks()[3], 200)];
    for (text, bar) in [
        ("sma(close, 7)", 6),
        ("wma(close, 7)", 6),
        ("ema(close, 7)", 6),
        ("rma(close, 7)", 6),
        ("rsi(close, 7)", 7),
        ("zscore(close, 7)", 6),
        ("rank(close, 7)", 6),
        ("median(close, 7)", 6),
        ("previous(close, 7)", 7),
        ("ffill(close)", 0),
        ("roc(close, 7)", 7),
        ("macd(close, 5, 9)", 8),
        ("macd_signal(close, 5, 9, 4)", 11),
        ("macd_hist(close, 5, 9, 4)", 11),
        ("bbands_percent(close, 7)", 6),
        ("true_range()", 1),
        ("typical()", 0),
        ("natr(7)", 7),
        ("keltner_upper(9, 2, 5)", 8),
        ("keltner_lower(5, 2, 9)", 9),
        ("stochf_d(7, 4)", 9),
        ("stoch_k(7, 4)", 9),
        ("stoch_d(7, 4, 5)", 13),
        ("willr(7)", 6),
        ("plus_di(7)", 7),
        ("adx(7)", 13),
        ("cci(7)", 6),
        ("ichimoku_base(7)", 6),
        ("ichimoku_a(5, 7, 11)", 17),
        ("ichimoku_b(7, 11)", 17),
        ("supertrend(7)", 7),
        ("obv()", 0),
        ("mfi(7)", 7),
        ("vwap()", 0),
        ("rolling_vwap(7)", 6),
        ("sma(rsi(close, 7), 3)", 9),
    ] {
        let values = values(&ibm, 0, text, Sessions::default());
        assert_eq!(values.iter().position(|value| !value.is_nan()), Some(bar), "{text}");
        assert!(values[bar..].iter().all(|value| !value.is_nan()), "{text}");
    }
}
