//! The trading rules on few bars, where every number can be checked by hand.

#![expect(clippy::float_cmp, reason = "exact results are asserted")]

mod support;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use search_spaces::{Point, Value};
use simulators::{Action, Backtest, Trace};
use support::{backtest_in, backtest_text};

/// Writes a CSV file of (open, close) bars for a test and opens a backtest on it.
fn on_bars(bars: &[(f64, f64)], settings: &str, rules: &str) -> Backtest {
    let mut text = String::from("Date,Open,High,Low,Close,Volume\n");
    for (day, (open, close)) in bars.iter().enumerate() {
        let (high, low) = (open.max(*close), open.min(*close));
        text += &format!("2020-01-{:02},{open},{high},{low},{close},{day}\n", day + 1);
    }
    on_text(&text, "n = { int = [1, 9] }", settings, rules)
}

fn on_text(text: &str, space: &str, settings: &str, rules: &str) -> Backtest {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("simulators-trading-{}-{count}", std::process::id());
    let folder: PathBuf = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("p.csv"), text).expect("a temporary file");
    let settings = format!("data = 'p.csv'\n{settings}");
    let (backtest, _) = backtest_in(&backtest_text(space, &settings, rules), &folder);
    std::fs::remove_dir_all(&folder).expect("the folder is there");
    backtest
}

fn trace(backtest: &Backtest) -> Trace {
    let point = Point::new(vec![Value::Int(2)]);
    backtest.trace(&point).expect("no failure")
}

fn equity(trace: &Trace) -> Vec<f64> {
    trace.equity.iter().map(|(_, equity)| *equity).collect()
}

fn actions(trace: &Trace) -> Vec<(usize, Action)> {
    let pair = |decision: &simulators::Decision| (decision.bar, decision.action);
    trace.decisions.iter().map(pair).collect()
}

/// The volume counts the bars, so that a rule can name the bars at which it holds.
const BARS: [(f64, f64); 6] =
    [(10.0, 11.0), (12.0, 13.0), (14.0, 12.0), (11.0, 10.0), (9.0, 8.0), (8.5, 9.5)];

/// The volatility of a single bar was once -0.
#[test]
fn what_has_no_deviation_has_no_volatility() {
    for statistics in ["arithmetic", "geometric"] {
        let settings = format!("statistics = '{statistics}'\nmetrics = ['volatility', 'sharpe']");
        for bars in 1..=2 {
            let found = trace(&on_bars(&BARS[..bars], &settings, "long_entry = 'volume == 0'"));
            assert!(found.metrics.iter().all(|metric| metric.is_nan()), "{bars} {statistics}");
        }
    }
}

/// The documents once said that an exit beats an entry in the same direction, which without a
/// position it did not; vectorbt and freqtrade pass over both.
#[test]
fn an_entry_and_an_exit_at_one_bar_are_settled_by_a_rule() {
    // Both at bar 0 without a position, and at bar 2 with one, where there is any.
    let entered = "long_entry = 'volume <= 2'\nlong_exit = 'volume == 0 or volume == 2'";
    let shorts = entered.replace("long", "short");
    let always = "long_entry = 'volume == 1'\nlong_exit = 'volume >= 0'";
    for (settings, expected, in_position) in [
        ("", vec![(0, 2)], vec![(1, 2)]),
        ("conflict = 'by-position'", vec![(0, 2)], vec![(1, 2)]),
        ("conflict = 'exit'", vec![(1, 2)], vec![]),
        ("conflict = 'neither'", vec![(1, 5)], vec![]),
        ("preset = 'vectorbt'\nfill = 'next-open'", vec![(1, 5)], vec![]),
    ] {
        let run = |rules: &str| {
            let settings = format!("cash = 1000\n{settings}");
            let found = trace(&on_bars(&BARS, &settings, rules));
            let bars = |t: &simulators::Trade| (t.entry_bar - 1, t.exit_bar);
            found.trades.iter().map(bars).collect::<Vec<_>>()
        };
        // The exit that is decided at bar 2 is filled at bar 3; the end is at bar 5.
        let filled = |trades: &[(usize, usize)]| -> Vec<(usize, usize)> {
            let exit = |exit: usize| if exit == 2 { 3 } else { exit };
            trades.iter().map(|trade| (trade.0, exit(trade.1))).collect()
        };
        assert_eq!(run(entered), filled(&expected), "{settings}");
        assert_eq!(run(&shorts), filled(&expected), "{settings}");
        assert_eq!(run(always), filled(&in_position), "{settings}");
    }
}

#[test]
fn a_decision_is_filled_at_the_next_open_with_all_the_cash_in_whole_shares() {
    let rules = "long_entry = 'volume == 0'\nlong_exit = 'volume == 3'";
    let settings = "cash = 100\ncommission = 0.01\nmetrics = ['trades', 'exposure', 'turnover', \
         'win_rate', 'total_return']";
    let trace = trace(&on_bars(&BARS, settings, rules));
    assert_eq!(actions(&trace), [(0, Action::Buy), (3, Action::Close)]);
    // 100 / (12 * 1.01) = 8.25 shares at 12; commissions 0.96 and 8 * 9 * 0.01 = 0.72.
    let first = trace.trades[0];
    assert_eq!((first.size, first.entry_bar, first.exit_bar), (8.0, 1, 4));
    assert_eq!((first.entry_price, first.exit_price), (12.0, 9.0));
    assert!((first.commission - 1.68).abs() < 1e-12);
    assert!((first.profit() + 25.68).abs() < 1e-12);
    assert!((first.profit_fraction() + 25.68 / 96.0).abs() < 1e-12);
    assert_eq!(first.entry_date.to_string(), "2020-01-02");
    let expected = [100.0, 107.04, 99.04, 83.04, 74.32, 74.32];
    for (found, expected) in equity(&trace).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    let mean = expected.iter().sum::<f64>() / 6.0;
    let turnover = 8.0 * (12.0 + 9.0) / mean / (5.0 / 365.25);
    for (found, expected) in trace.metrics.iter().zip([1.0, 4.0 / 6.0, turnover, 0.0, -0.2568]) {
        assert!((found - expected).abs() < 1e-12 * turnover, "{found} {expected}");
    }
}

#[test]
fn the_opposite_entry_reverses_and_counts_the_shared_bar_once() {
    let rules = "long_entry = 'volume == 0'\nshort_entry = 'volume == 1'";
    let trace = trace(&on_bars(&BARS, "cash = 100\nmetrics = ['exposure']", rules));
    assert_eq!(actions(&trace), [(0, Action::Buy), (1, Action::SellShort)]);
    // 8 shares from 12 to 14 make 116; 8 short from 14, closed at the last close 9.5.
    let sizes: Vec<f64> = trace.trades.iter().map(|trade| trade.size).collect();
    assert_eq!(sizes, [8.0, -8.0]);
    assert_eq!(equity(&trace), [100.0, 108.0, 132.0, 148.0, 164.0, 152.0]);
    assert_eq!(trace.trades[1].profit(), 36.0);
    assert_eq!(trace.metrics, [5.0 / 6.0]);
}

#[test]
fn an_open_trade_ends_at_the_last_close_or_the_last_open() {
    let rules = "long_entry = 'volume == 3'";
    let last_close = trace(&on_bars(&BARS, "cash = 100", rules));
    assert_eq!((last_close.trades[0].exit_price, equity(&last_close)[5]), (9.5, 105.5));
    let last_open = trace(&on_bars(&BARS, "cash = 100\nat_end = 'last-open'", rules));
    assert_eq!((last_open.trades[0].exit_price, equity(&last_open)[5]), (8.5, 94.5));
    assert_eq!(equity(&last_open)[4], 89.0);
}

#[test]
fn same_close_fills_at_once_and_never_enters_at_the_last_bar() {
    let settings = "cash = 100\nfill = 'same-close'\nshares = 'fractional'";
    let rules = "long_entry = 'volume == 0 or volume == 5'\nlong_exit = 'volume == 1'";
    let trace = trace(&on_bars(&BARS, settings, rules));
    assert_eq!(trace.trades.len(), 1, "the entry at the last bar is not filled");
    assert_eq!((trace.trades[0].entry_bar, trace.trades[0].exit_bar), (0, 1));
    assert!((trace.trades[0].size - 100.0 / 11.0).abs() < 1e-12);
    assert!((equity(&trace)[1] - 100.0 * 13.0 / 11.0).abs() < 1e-12);
    assert_eq!(actions(&trace).len(), 3, "but it is a decision");
    // An exit at the last bar is filled at its close whatever `at_end` says.
    let settings = format!("{settings}\nat_end = 'last-open'");
    let rules = "long_entry = 'volume == 4'\nlong_exit = 'volume == 5'";
    let trace = trace_of(&settings, rules);
    assert_eq!(trace.trades[0].exit_price, 9.5);
}

fn trace_of(settings: &str, rules: &str) -> Trace {
    trace(&on_bars(&BARS, settings, rules))
}

#[test]
fn opposite_entries_cancel_and_exits_matter_only_with_a_position() {
    let both = trace_of("", "long_entry = 'true'\nshort_entry = 'true'");
    assert!(both.decisions.is_empty() && both.trades.is_empty());
    let again = trace_of("", "long_entry = 'true'");
    assert_eq!(actions(&again), [(0, Action::Buy)], "an entry while long does nothing");
    // Entry and exit hold at every bar: in, out, in, out, ..
    let rules = "long_entry = 'volume >= 0'\nlong_exit = 'true'";
    let turns = trace_of("cash = 100", rules);
    assert_eq!(turns.trades.len(), 3);
    assert_eq!((turns.trades[0].entry_bar, turns.trades[0].exit_bar), (1, 2));
    assert_eq!((turns.trades[1].entry_bar, turns.trades[1].exit_bar), (3, 4));
    let explicit = "long_entry = 'volume == 0'\nshort_entry = 'volume == 1'\nlong_exit = 'false'";
    let kept = trace_of("cash = 100", explicit);
    assert_eq!(kept.trades.len(), 2, "the opposite entry reverses also beside an exit");
}

#[test]
fn a_short_squeeze_ruins_the_account_for_good() {
    let bars = [(10.0, 10.0), (10.0, 10.0), (10.0, 25.0), (5.0, 5.0), (5.0, 9.0)];
    let metrics = "metrics = ['total_return', 'cagr', 'max_drawdown', 'sharpe', 'trades', \
         'annual_return', 'equity_final']";
    let rules = "short_entry = 'volume == 0 or volume == 3'\nlong_entry = 'volume == 2'";
    let trace = trace(&on_bars(&bars, &format!("cash = 100\n{metrics}"), rules));
    assert_eq!(equity(&trace), [100.0, 100.0, 0.0, 0.0, 0.0]);
    assert_eq!(actions(&trace), [(0, Action::SellShort)], "the ruined decide nothing");
    assert_eq!((trace.trades[0].exit_bar, trace.trades[0].exit_price), (2, 25.0));
    assert_eq!(trace.metrics[..3], [-1.0, -1.0, 1.0]);
    // Returns 0 and -1; those after the ruin do not count.
    let sharpe = -0.5 / 0.5_f64.sqrt() * 252.0_f64.sqrt();
    assert!((trace.metrics[3] - sharpe).abs() < 1e-12);
    assert_eq!(trace.metrics[4..], [1.0, -1.0, 0.0]);
}

#[test]
fn who_cannot_pay_for_a_share_does_not_enter() {
    let metrics = "metrics = ['trades', 'win_rate', 'profit_factor', 'sharpe', 'sortino', \
         'calmar', 'best_trade', 'sqn', 'total_return', 'average_drawdown']";
    let settings = format!("cash = 5\n{metrics}");
    let trace = trace_of(&settings, "long_entry = 'true'");
    assert!(trace.trades.is_empty());
    assert_eq!(actions(&trace).len(), 6, "it tries at each bar");
    assert_eq!((trace.metrics[0], trace.metrics[8]), (0.0, 0.0));
    for undefined in [1, 2, 3, 4, 5, 6, 7, 9] {
        assert!(trace.metrics[undefined].is_nan(), "{undefined}");
    }
}

#[test]
fn a_profit_without_a_loss_is_an_infinite_factor() {
    let settings = "cash = 100\nmetrics = ['profit_factor', 'sortino']";
    let rules = "long_entry = 'volume == 0'\nlong_exit = 'volume == 1'";
    let trace = trace_of(settings, rules);
    assert_eq!(trace.metrics, [f64::INFINITY, f64::INFINITY]);
}

#[test]
fn crossing_may_be_strict_or_touch() {
    // The close touches 12 at bar 2 before it rises above at bar 3.
    let bars = [(1.0, 11.0), (1.0, 12.0), (1.0, 13.0), (1.0, 11.0), (1.0, 13.0)];
    let rules = "long_entry = 'cross_above(close, 12)'\nlong_exit = 'cross_below(close, 12)'";
    let strict = trace(&on_bars(&bars, "", rules));
    assert_eq!(actions(&strict), [(4, Action::Buy)]);
    let touch = trace(&on_bars(&bars, "crossing = 'touch'", rules));
    assert_eq!(actions(&touch), [(2, Action::Buy), (3, Action::Close), (4, Action::Buy)]);
}

#[test]
fn comparisons_with_what_is_not_known_are_false() {
    let none = trace_of("", "long_entry = 'sma(close, 7) != 3 or sma(close, 7) <= 1000'");
    assert!(none.decisions.is_empty());
    let negated = trace_of("", "long_entry = 'not (sma(close, 7) < 3)'");
    assert_eq!(actions(&negated), [(0, Action::Buy)], "its negation is true, as documented");
    let space = "period = { int = [1, 5], when = \"filter == 'on'\" }\n\
         filter = { choice = ['off', 'on'] }";
    let mut text = String::from("Date,Open,High,Low,Close\n");
    (1..=6).for_each(|day| text += &format!("2020-01-0{day},{day},{day},{day},{day}\n"));
    let rule = "long_entry = \"filter == 'off' or close > sma(close, period)\"";
    let filtered = on_text(&text, space, "", rule);
    let decisions = |values: [Value; 2]| {
        let trace = filtered.trace(&Point::new(values.to_vec()));
        trace.expect("no failure").decisions.first().map(|decision| decision.bar)
    };
    assert_eq!(decisions([Value::Inactive, Value::Label(0)]), Some(0));
    assert_eq!(decisions([Value::Int(3), Value::Label(1)]), Some(2));
    let rule = "long_entry = \"close > sma(close, period) or period < 3\"";
    let unknown = on_text(&text, space, "", rule);
    let trace = unknown.trace(&Point::new(vec![Value::Inactive, Value::Label(0)]));
    assert!(trace.expect("no failure").decisions.is_empty());
}

#[test]
fn a_length_that_is_no_whole_number_from_one_on_fails_the_trial() {
    for (length, shown) in [("n - 2", "0"), ("n / 4", "0.5"), ("-n", "-2"), ("n / 0", "inf")] {
        let rule = format!("long_entry = 'close > sma(close, {length})'");
        let backtest = on_bars(&BARS, "", &rule);
        let failure = backtest.trace(&Point::new(vec![Value::Int(2)])).unwrap_err();
        let expected =
            format!("found the length {shown} of sma, allowed: a whole number from 1 on");
        assert_eq!(failure.message, expected);
    }
    let nested = on_bars(&BARS, "", "long_entry = 'close > ema(sma(close, n - 2), 3)'");
    for _ in 0..2 {
        let failure = nested.trace(&Point::new(vec![Value::Int(2)])).unwrap_err();
        assert!(failure.message.contains("of sma"), "a failure is not cached");
    }
}

#[test]
fn arithmetic_and_functions_work_bar_by_bar() {
    let bars = |rule: &str| {
        let trace = trace_of("cash = 1", &format!("long_entry = '{rule}'"));
        // Nothing can be bought for 1, so every bar with a signal is a decision.
        actions(&trace).into_iter().map(|(bar, _)| bar).collect::<Vec<_>>()
    };
    assert_eq!(bars("close - open == 1"), [0, 1, 5]);
    assert_eq!(bars("abs(close - open) >= 2"), [2]);
    assert_eq!(bars("-close < -12"), [1]);
    assert_eq!(bars("max(open, close) == open and min(open, 100 / n) <= 11"), [3, 4]);
    assert_eq!(bars("close > previous(close, 1)"), [1, 5]);
    assert_eq!(bars("close > previous(highest(high, n), 1)"), [] as [usize; 0]);
    assert_eq!(bars("close < previous(lowest(low, n), 1)"), [3, 4]);
    assert_eq!(bars("12 <= close and not (close == 13)"), [2]);
    assert_eq!(bars("2 * close / 2 == close and volume * volume == 4"), [2]);
}

#[test]
fn several_symbols_share_the_cash_in_accounts_of_their_own() {
    let text = "Date,Open,High,Low,Close,Ticker\n2020-01-01,10,10,10,10,A\n\
         2020-01-02,10,20,10,20,A\n2020-01-02,5,5,5,5,B\n2020-01-03,5,5,4,4,B\n";
    let rules = "long_entry = 'close > 0'";
    let space = "n = { int = [1, 9] }";
    let settings = "cash = 200\nmetrics = ['equity_final', 'exposure', 'buy_and_hold', 'trades']";
    let both = trace(&on_text(text, space, settings, rules));
    // A: 9 shares from 10 to 20, as the tenth would take the very last cent; B: 19 from 5 to 4.
    assert_eq!(equity(&both), [200.0, 290.0, 271.0]);
    assert_eq!(both.metrics, [271.0, 0.5, 0.4, 2.0]);
    assert_eq!((both.trades[0].symbol, both.trades[1].symbol), (0, 1));
    let alone = format!("{settings}\nsymbols = ['B']");
    let alone = on_text(text, space, &alone, rules);
    assert_eq!(alone.symbols(), ["B"]);
    assert_eq!(equity(&trace(&alone)), [200.0, 161.0]);
}

#[test]
fn dates_and_adjustment_choose_what_is_seen() {
    let text = "Date,Open,High,Low,Close,Adj Close\n2020-01-01,10,10,10,10,5\n\
         2020-01-02 15:00,10,20,10,20,10\n2020-01-03,8,8,8,8,8\n";
    let space = "n = { int = [1, 9] }";
    let settings = "cash = 100\nfill = 'same-close'\nfrom = 2020-01-01\nto = 2020-01-02";
    let price = |settings: &str| {
        let trace = trace(&on_text(text, space, settings, "long_entry = 'true'"));
        assert_eq!(trace.equity.len(), 2, "the last day counts as a whole");
        trace.trades[0].entry_price
    };
    assert_eq!(price(settings), 5.0);
    assert_eq!(price(&format!("{settings}\nadjust = false")), 10.0);
}
