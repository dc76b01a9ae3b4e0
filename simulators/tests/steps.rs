//! Trailing stops that begin or change with the profit, take profits that change with the time, and
//! the rules of gaps and touches, on few bars, where every fill can be checked by hand.

mod support;

use search_spaces::{Point, Value};
use simulators::Reason;
use support::bars::{Bars, on_bars};

const FLAT: [f64; 4] = [100.0, 101.0, 99.0, 100.0];
const BUY_FIRST: &str = "long_entry = 'volume == 0'\n";
const SELL_FIRST: &str = "short_entry = 'volume == 0'\n";

/// The exits of a run: bar, price and reason.
fn exits(bars: &[[f64; 4]], settings: &str, rules: &str) -> Vec<(usize, f64, Reason)> {
    exits_at(Value::Int(2), &Bars::new(bars), settings, rules)
}

fn exits_at(n: Value, bars: &Bars, settings: &str, rules: &str) -> Vec<(usize, f64, Reason)> {
    let trace = on_bars(bars, settings, rules).trace(&Point::new(vec![n])).expect("no failure");
    trace.trades.iter().map(|t| (t.exit_bar, t.exit_price, t.reason)).collect()
}

#[test]
fn a_trailing_stop_can_begin_with_a_profit() {
    let rules = format!("{BUY_FIRST}trailing_stop = {{ activation = '10%', distance = 4 }}");
    // 110 is not beyond the activation, which is at 110; 111 is.
    let bars = [
        FLAT,
        FLAT,
        [100.0, 110.0, 90.0, 109.0],
        [109.0, 111.0, 108.0, 110.0],
        [110.0, 110.0, 106.0, 107.0],
        FLAT,
    ];
    assert_eq!(exits(&bars, "", &rules), [(4, 107.0, Reason::TrailingStop)]);
    assert_eq!(exits(&bars[..4], "", &rules), [(3, 110.0, Reason::End)]);
    let short = format!("{SELL_FIRST}trailing_stop = {{ activation = 'n', distance = '10%' }}");
    let fall = [
        FLAT,
        FLAT,
        [99.0, 120.0, 98.0, 98.0],
        [98.0, 98.0, 90.0, 91.0],
        [95.0; 4],
        [96.0, 101.0, 95.0, 100.0],
    ];
    let found = exits(&fall, "", &short);
    assert_eq!(found.len(), 1);
    assert!((found[0].1 - 90.0 * 1.1).abs() < 1e-12 && found[0].0 == 5, "{found:?}");
}

#[test]
fn the_distance_of_a_trailing_stop_can_change_and_never_takes_it_back() {
    let two = "trailing_stop = [{ distance = '10%' }, { activation = '10%', distance = '2%' }]";
    let rules = format!("{BUY_FIRST}{two}");
    let rise = [100.0, 120.0, 100.0, 119.0];
    let bars = [FLAT, FLAT, [100.0, 105.0, 95.0, 104.0], rise, [119.0, 119.0, 110.0, 112.0]];
    let found = exits(&bars, "", &rules);
    assert!((found[0].1 - 120.0 * 0.98).abs() < 1e-12 && found[0].0 == 4, "{found:?}");
    let early = [FLAT, FLAT, [100.0, 105.0, 95.0, 104.0], [104.0, 104.0, 94.0, 95.0], FLAT];
    assert_eq!(exits(&early, "", &rules), [(3, 105.0 * 0.9, Reason::TrailingStop)]);
    // From 10 % on it is 20 away; until then it came to 107.
    let wider = "trailing_stop = [{ distance = 2 }, { activation = '10%', distance = 20 }]";
    let rules = format!("{BUY_FIRST}{wider}");
    let bars = [
        FLAT,
        [100.0, 101.0, 99.0, 101.0],
        [101.0, 109.0, 101.0, 109.0],
        [109.0, 115.0, 108.0, 114.0],
        [114.0, 114.0, 106.0, 108.0],
    ];
    assert_eq!(exits(&bars, "", &rules), [(4, 107.0, Reason::TrailingStop)]);
}

#[test]
fn a_take_profit_changes_with_the_bars_and_may_become_a_loss() {
    let levels =
        "take_profit = [{ at = '10%' }, { bars = 'n', at = '4%' }, { bars = 4, at = '-2%' }]";
    let rules = format!("{BUY_FIRST}{levels}");
    let high = |high: f64| [100.0, high, 97.0, 99.0];
    // The bar of the entry is the first of two in which only 110 counts.
    let rise = [FLAT, high(105.0), high(105.0), high(105.0), FLAT];
    assert_eq!(exits(&rise, "", &rules), [(3, 104.0, Reason::TakeProfit)]);
    let still = [FLAT, FLAT, FLAT, FLAT, FLAT, [97.0, 98.5, 96.0, 97.0], FLAT];
    assert_eq!(exits(&still, "", &rules), [(5, 98.0, Reason::TakeProfit)]);
    let gap = [FLAT, FLAT, FLAT, FLAT, FLAT, FLAT];
    assert_eq!(exits(&gap, "", &rules), [(5, 100.0, Reason::TakeProfit)], "the open is better");
    // What is filled at a close is held from the next bar on.
    let close = exits(&rise, "fill = 'same-close'", &rules);
    assert_eq!(close, [(3, 104.0, Reason::TakeProfit)]);
    let late = [FLAT, FLAT, FLAT, high(105.0), high(105.0)];
    assert_eq!(exits(&late, "fill = 'next-close'", &rules)[0].0, 4);
    let without = exits_at(Value::Inactive, &Bars::new(&rise), "", &rules);
    assert_eq!(without, [(4, 100.0, Reason::End)], "a level without its time is left out");
    let short = format!("{SELL_FIRST}take_profit = [{{ bars = 2, at = 4 }}]");
    let fall = [FLAT, [100.0, 101.0, 90.0, 100.0], FLAT, [99.0, 100.0, 95.0, 99.0], FLAT];
    assert_eq!(exits(&fall, "", &short), [(3, 96.0, Reason::TakeProfit)]);
}

#[test]
fn a_take_profit_changes_with_the_minutes_whatever_bars_are_missing() {
    let line = |time: &str, high: f64, volume: u32| {
        format!("2020-01-06 {time},100,{high},99,100,{volume}\n")
    };
    let text = [
        line("10:00", 101.0, 0),
        line("10:10", 104.0, 1),
        line("10:20", 104.0, 2),
        line("11:10", 104.0, 3),
        line("11:20", 104.0, 4),
    ];
    let bars = Bars::of_text(&text.concat());
    let run = |minutes: u32| {
        let levels = format!("[{{ at = 9 }}, {{ minutes = {minutes}, at = 3 }}]");
        exits_at(Value::Int(2), &bars, "", &format!("{BUY_FIRST}take_profit = {levels}"))[0].0
    };
    assert_eq!([10, 11, 60, 61].map(run), [2, 3, 3, 4]);
}

#[test]
fn what_the_open_has_passed_can_be_filled_at_its_level() {
    let level = "gaps = 'level'";
    let stop = format!("{BUY_FIRST}stop_loss = '5%'");
    let back = [FLAT, FLAT, [93.0, 97.0, 92.0, 96.0], FLAT];
    assert_eq!(exits(&back, "", &stop), [(2, 93.0, Reason::StopLoss)]);
    assert_eq!(exits(&back, level, &stop), [(2, 95.0, Reason::StopLoss)]);
    let lost = [FLAT, FLAT, [93.0, 94.0, 92.0, 93.5], FLAT];
    assert_eq!(exits(&lost, level, &stop), [(2, 93.0, Reason::StopLoss)]);
    let target = format!("{BUY_FIRST}take_profit = 4");
    let back = [FLAT, FLAT, [107.0, 108.0, 100.0, 102.0], FLAT];
    assert_eq!(exits(&back, level, &target), [(2, 104.0, Reason::TakeProfit)]);
    let away = [FLAT, FLAT, [107.0, 108.0, 106.0, 107.0], FLAT];
    assert_eq!(exits(&away, level, &target), [(2, 106.0, Reason::TakeProfit)]);
    let comes = format!("{BUY_FIRST}take_profit = [{{ bars = 1, at = 4 }}]");
    assert_eq!(exits(&back, level, &comes), [(2, 107.0, Reason::TakeProfit)], "it comes there");
}

#[test]
fn a_level_is_reached_by_a_touch_or_passed() {
    let rules = format!("{BUY_FIRST}take_profit = 4");
    let bars = [FLAT, FLAT, [100.0, 104.0, 99.0, 100.0], [100.0, 104.5, 99.0, 100.0], FLAT];
    assert_eq!(exits(&bars, "", &rules)[0].0, 2);
    assert_eq!(exits(&bars, "targets = 'through'", &rules), [(3, 104.0, Reason::TakeProfit)]);
}

#[test]
fn a_trailing_stop_can_follow_the_bar_that_meets_it() {
    let rules = format!("{BUY_FIRST}stop_loss = '20%'\ntrailing_stop = '10%'");
    let within = "trailing = 'within-bar'";
    let bars = [FLAT, FLAT, [100.0, 120.0, 100.0, 119.0], FLAT, FLAT];
    assert_eq!(exits(&bars, "", &rules), [(3, 100.0, Reason::TrailingStop)], "passed at the open");
    assert_eq!(exits(&bars, within, &rules), [(2, 108.0, Reason::TrailingStop)]);
    // A bar that reaches the stop as it stood leaves there, whatever its high.
    let both = [FLAT, FLAT, [100.0, 120.0, 89.0, 119.0], FLAT];
    assert_eq!(exits(&both, within, &rules), [(2, 101.0 * 0.9, Reason::TrailingStop)]);
    // In the bar of the entry nothing more than the distance is sure to be lost.
    let entry = [FLAT, [100.0, 120.0, 91.0, 119.0], FLAT];
    assert_eq!(exits(&entry, within, &rules), [(1, 91.0, Reason::TrailingStop)]);
    let deep = [FLAT, [100.0, 120.0, 90.5, 119.0], FLAT];
    let begun = format!("{BUY_FIRST}trailing_stop = {{ activation = 8, distance = 10 }}");
    assert_eq!(exits(&deep, within, &begun), [(1, 98.0, Reason::TrailingStop)]);
}

/// A profit and a trailing stop in one bar: the target first, the stop loss before either.
#[test]
fn a_trailing_stop_can_come_last() {
    let last = "same_bar = 'trailing-last'";
    let rules = format!("{BUY_FIRST}stop_loss = '20%'\ntrailing_stop = '10%'\ntake_profit = 15");
    let bars = [FLAT, FLAT, [100.0, 110.0, 100.0, 109.0], [98.0, 116.0, 97.0, 100.0], FLAT];
    assert_eq!(exits(&bars, "", &rules), [(3, 98.0, Reason::TrailingStop)]);
    assert_eq!(exits(&bars, last, &rules), [(3, 115.0, Reason::TakeProfit)]);
    let rules = format!("{BUY_FIRST}stop_loss = '5%'\ntake_profit = 15");
    let gap = [FLAT, FLAT, [118.0, 119.0, 94.0, 100.0], FLAT];
    assert_eq!(exits(&gap, "", &rules), [(2, 118.0, Reason::TakeProfit)]);
    assert_eq!(exits(&gap, last, &rules), [(2, 95.0, Reason::StopLoss)]);
}

/// A limit entry within the bar: its high counts where the bar closes above its open.
#[test]
fn the_close_can_tell_what_came_after_an_entry() {
    let settings = "entry_bar = 'by-close'";
    let rules = format!("{BUY_FIRST}entry = {{ limit = '98' }}\ntake_profit = 3\nstop_loss = '9%'");
    let bar = |close: f64| [FLAT, [100.0, 102.0, 97.0, close], FLAT, FLAT];
    assert_eq!(exits(&bar(100.5), settings, &rules), [(1, 101.0, Reason::TakeProfit)]);
    assert_eq!(exits(&bar(99.5), settings, &rules), [(2, 101.0, Reason::TakeProfit)]);
    assert_eq!(exits(&bar(100.5), "", &rules), [(2, 101.0, Reason::TakeProfit)]);
}
