//! Parity with freqtrade: the cases of its own test of the order of events within bars, by the
//! preset of its name. The file holds bars, rules in this project's words, and what freqtrade does.

#![expect(clippy::cast_possible_truncation, reason = "small numbers")]

mod support;

use serde_json::Value as Json;
use simulators::Trade;
use support::bars::{Bars, on_bars};
use support::ints;

/// The cases that cannot be written down; all others have to agree.
const NOT_EXPRESSIBLE: [u64; 3] = [44, 45, 46];

fn list<'a>(case: &'a Json, key: &str) -> &'a [Json] {
    case[key].as_array().map_or(&[], |list| list)
}

fn number(json: &Json) -> f64 {
    json.as_f64().expect("a number")
}

/// The rules: signals at the bars that the case names, and its orders.
fn rules(case: &Json) -> String {
    let mut rules = String::new();
    for key in ["long_entry", "long_exit", "short_entry", "short_exit"] {
        let bars: Vec<String> =
            list(case, key).iter().map(|bar| format!("volume == {bar}")).collect();
        if !bars.is_empty() {
            rules += &format!("{key} = '{}'\n", bars.join(" or "));
        }
    }
    let orders = list(case, "rules").iter().map(|line| line.as_str().expect("a line"));
    rules + &orders.collect::<Vec<_>>().join("\n")
}

/// The bars of a case, of an hour each, whose volume counts them.
fn bars(case: &Json) -> Bars {
    let line = |(bar, prices): (usize, &Json)| {
        let [open, high, low, close] = [0, 1, 2, 3].map(|place| number(&prices[place]));
        format!("2018-10-03 {bar:02}:00,{open},{high},{low},{close},{bar}\n")
    };
    Bars::of_text(&list(case, "bars").iter().enumerate().map(line).collect::<String>())
}

/// A trade as the file writes it.
fn shown(trade: &Trade) -> Json {
    let side = if trade.size > 0.0 { "long" } else { "short" };
    serde_json::json!([side, trade.entry_bar, trade.exit_bar, trade.reason.name()])
}

#[test]
fn the_preset_of_freqtrade_decides_within_bars_as_freqtrade_does() {
    let file = include_str!("parity/freqtrade.json");
    let file: Json = serde_json::from_str(file).expect("valid JSON");
    assert_eq!(list(&file, "cases").len(), 54);
    let mut inexpressible = Vec::new();
    let mut faults = String::new();
    for case in list(&file, "cases") {
        let name = case["case"].as_u64().expect("a number");
        if case["not_expressible"].is_string() {
            inexpressible.push(name);
            continue;
        }
        let settings = case["settings"].as_str().unwrap_or_default();
        let settings = format!("preset = 'freqtrade'\ncash = 1e6\n{settings}");
        let rules = rules(case);
        let found = on_bars(&bars(case), &settings, &rules).trace(&ints(&[1]));
        let trades = found.expect("no failure").trades;
        // freqtrade's tests compare profits, as fractions of the margin, to three digits.
        let leverage = case["leverage"].as_f64().unwrap_or(1.0);
        let profit: f64 = trades.iter().map(|trade| trade.profit_fraction() * leverage).sum();
        let seen = Json::Array(trades.iter().map(shown).collect());
        let is_same_profit =
            (profit * 1e3).round() as i64 == (number(&case["profit"]) * 1e3).round() as i64;
        if seen != case["trades"] || !is_same_profit {
            faults += &format!(
                "case {name}: {seen} with {profit:.4}, not {} with {}\n{rules}\n",
                case["trades"], case["profit"]
            );
        }
        if let Some(trade) = trades.first() {
            let size = leverage * 1e6 / trade.entry_price;
            assert!((trade.size.abs() / size - 1.0).abs() < 1e-9, "case {name}");
        }
    }
    assert_eq!(faults, "");
    assert_eq!(inexpressible, NOT_EXPRESSIBLE);
}
