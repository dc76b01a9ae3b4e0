//! Finer bars that tell what happened within a bar: which of them count, and at which prices.

mod support;

use search_spaces::{Point, Value};
use simulators::{Backtest, Reason, Trace};
use support::{backtest_text, template};

const DAYS: &str = "Date,Open,High,Low,Close,le\n\
    2021-01-04,100,101,99,100,0\n2021-01-05,100,101,99,100,0\n2021-01-06,100,101,99,100,1\n\
    2021-01-07,100,103,97,100.5,0\n2021-01-08,100.5,101,100,100.5,0\n\
    2021-01-09,100.5,101,100,100.8,0\n";

/// The target is reached in the second hour, the stop in the third.
const HOURS: &str = "Date,Open,High,Low,Close\n2021-01-07 09:00,100,100.5,99.5,100.2\n\
    2021-01-07 10:00,100.2,103,100,102.5\n2021-01-07 11:00,102.5,102.5,97,97.2\n\
    2021-01-07 12:00,97.2,100.6,97.1,100.5\n";

const BRACKET: &str = "long_entry = 'le > 0'\nstop_loss = '2%'\ntake_profit = '2%'\n";

/// Opens a backtest on days and hours, bought at the open of the 7th.
fn opened(days: &str, hours: &str, settings: &str, rules: &str) -> Result<Backtest, String> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("d.csv"), days).expect("a file");
    std::fs::write(folder.path().join("h.csv"), hours).expect("a file");
    let settings =
        format!("data = 'd.csv'\nsame_bar = 'drill-down'\ndetail = ['h.csv']\n{settings}");
    let template = template(&backtest_text("n = { int = [1, 9] }", &settings, rules));
    let settings = template.settings().expect("a table");
    Backtest::open(settings, &template.space, folder.path()).map_err(|error| error.to_string())
}

fn traced(days: &str, hours: &str, settings: &str, rules: &str) -> Trace {
    let backtest = opened(days, hours, settings, rules).unwrap_or_else(|error| panic!("{error}"));
    backtest.trace(&Point::new(vec![Value::Int(1)])).expect("no failure")
}

/// Date, price and reason of the first exit.
fn exit(run: &Trace) -> (String, f64, Reason) {
    let trade = &run.trades[0];
    (trade.exit_date.to_string(), (trade.exit_price * 1e6).round() / 1e6, trade.reason)
}

fn on_the_7th(price: f64, reason: Reason) -> (String, f64, Reason) {
    ("2021-01-07".to_owned(), price, reason)
}

/// Prices with an adjusted close that is a quarter of the close.
fn adjusted(bars: &str) -> String {
    let adjusted = |line: &str| {
        let close = line.split(',').nth(4).expect("a close");
        let quarter = close.parse().map_or("Adj Close".to_owned(), |c: f64| (c / 4.0).to_string());
        format!("{line},{quarter}\n")
    };
    bars.lines().map(adjusted).collect()
}

/// Hours without an adjusted close once met adjusted levels: bought at 25, sold at 100.
#[test]
fn finer_bars_are_adjusted_as_the_bars_that_they_refine() {
    let expected = on_the_7th(25.5, Reason::TakeProfit);
    assert_eq!(exit(&traced(&adjusted(DAYS), HOURS, "", BRACKET)), expected);
    assert_eq!(exit(&traced(&adjusted(DAYS), &adjusted(HOURS), "", BRACKET)), expected);
    let raw = on_the_7th(102.0, Reason::TakeProfit);
    assert_eq!(exit(&traced(&adjusted(DAYS), HOURS, "adjust = false", BRACKET)), raw);
    assert_eq!(exit(&traced(DAYS, &adjusted(HOURS), "", BRACKET)), raw);
}

#[test]
fn finer_bars_far_from_the_bar_that_they_refine_are_refused() {
    // After the close the price may go anywhere.
    let later = format!("{HOURS}2021-01-07 17:00,120,121,119,120\n");
    assert_eq!(opened(DAYS, &later, "", BRACKET).err(), None);
    let four_times = "Date,Open,High,Low,Close\n2021-01-07 09:00,400,402,398,401\n\
        2021-01-07 10:00,401,412,388,402\n";
    let error = opened(DAYS, four_times, "", BRACKET).err().expect("another scale");
    let expected = "backtest.detail: found \"h.csv\", whose bar of d at 2021-01-07T09:00:00 goes \
                    from 398 to 402, and the bar of the data at 2021-01-07, to which it belongs, \
                    from 97 to 103, allowed: finer bars of the same symbol, adjusted alike";
    assert!(error.contains(expected), "{error}");
}

/// The last bar once held all finer bars that follow, and so those after `to`.
#[test]
fn nothing_is_looked_at_beyond_the_end_of_the_data() {
    let rules = "long_entry = 'le > 0'\nstop_loss = '2.9%'\ntake_profit = '2.9%'\n";
    let hours = "Date,Open,High,Low,Close\n2021-01-07 09:00,100,101,99,100.2\n\
        2021-01-07 10:00,100,101,99,100.2\n2021-01-08 09:00,100.5,120,100.5,119\n";
    let days = DAYS.replace("2021-01-08,100.5,101", "2021-01-08,100.5,120");
    let stop = on_the_7th(97.1, Reason::StopLoss);
    assert_eq!(exit(&traced(&days, hours, "to = 2021-01-07", rules)), stop);
    let cut: String = days.lines().take(5).map(|line| format!("{line}\n")).collect();
    assert_eq!(exit(&traced(&cut, hours, "", rules)), stop);
}

/// Finer bars once replaced their bar whole: where those in which a stop was reached are missing, the
/// position lived on.
#[test]
fn finer_bars_that_leave_out_what_their_bar_reaches_tell_nothing() {
    let stop = on_the_7th(98.0, Reason::StopLoss);
    for lines in [1, 2] {
        // None of the hours, one that reaches neither, and two that reach the target only.
        let part: String = HOURS.lines().take(lines).map(|line| format!("{line}\n")).collect();
        let part = format!("{part}2021-01-07 13:00,100,100.6,99.6,100.5\n");
        assert_eq!(exit(&traced(DAYS, &part, "", BRACKET)), stop, "{part}");
    }
    let target_only: String = HOURS.lines().take(3).map(|line| format!("{line}\n")).collect();
    assert_eq!(exit(&traced(DAYS, &target_only, "", BRACKET)), stop);
    // What they leave out that matters to nothing makes no difference.
    let rules = BRACKET.replace("stop_loss = '2%'", "stop_loss = '1%'");
    let hours = HOURS.replace("102.5,102.5,97,97.2", "102.5,102.5,98,98.2");
    let target = on_the_7th(102.0, Reason::TakeProfit);
    assert_eq!(exit(&traced(DAYS, &hours, "", &rules)), target);
}

#[test]
fn a_stop_of_an_entry_within_the_bar_is_not_left_out() {
    let rules = format!("{BRACKET}entry = {{ limit = '0.5%' }}");
    // The limit at 99.5 is reached in the second hour; the stop at 97.51 in none, but on that day.
    let hours = "Date,Open,High,Low,Close\n2021-01-07 09:00,100,100.5,99.8,100.2\n\
        2021-01-07 10:00,100.2,100.6,99.4,100.4\n";
    let expected = on_the_7th(97.51, Reason::StopLoss);
    assert_eq!(exit(&traced(DAYS, hours, "", &rules)), expected);
    assert_eq!(exit(&traced(DAYS, hours, "entry_bar = 'next-bar'", &rules)).0, "2021-01-09");
}

/// Nothing that happens within a bar happens beyond it, whatever a finer bar says.
#[test]
fn no_fill_lies_beyond_the_bar() {
    let hours = "Date,Open,High,Low,Close\n2021-01-07 09:00,100,100.5,99.5,100.2\n\
        2021-01-07 10:00,50,50,50,50\n2021-01-07 11:00,100,103,100,100\n";
    assert_eq!(exit(&traced(DAYS, hours, "", BRACKET)), on_the_7th(97.0, Reason::StopLoss));
}

/// The bar of an entry was once looked into unless its open had passed the order, while one at the
/// market at that very open was drilled.
#[test]
fn the_bar_of_an_order_that_its_open_has_passed_is_looked_into() {
    let days = DAYS.replace("2021-01-07,100,103,97", "2021-01-07,99,103,96");
    let hours = "Date,Open,High,Low,Close\n2021-01-07 09:00,99,99.5,98.5,99.2\n\
        2021-01-07 10:00,99.2,103,99,102\n2021-01-07 11:00,102,102,96,97\n";
    let target = on_the_7th(100.98, Reason::TakeProfit);
    for entry in ["", "entry = { limit = '0.5%' }"] {
        let rules = format!("{BRACKET}{entry}");
        assert_eq!(exit(&traced(&days, hours, "", &rules)), target, "{entry}");
        // On a day without hours the stop comes first.
        let other_day = hours.replace("2021-01-07", "2021-01-05");
        let found = exit(&traced(&days, &other_day, "", &rules));
        assert_eq!(found, on_the_7th(97.02, Reason::StopLoss), "{entry}");
    }
}
