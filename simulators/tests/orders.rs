//! Orders on few bars, where every fill can be checked by hand. Cases that come from other engines
//! name them.

#![expect(clippy::float_cmp, reason = "exact results are asserted")]

mod support;

use search_spaces::{Point, Value};
use simulators::{Action, Reason, Trace};
use support::bars::{Bars, on_bars};

fn trace(bars: &[[f64; 4]], settings: &str, rules: &str) -> Trace {
    trace_at(2, bars, settings, rules)
}

/// A run with the parameter n.
fn trace_at(n: i64, bars: &[[f64; 4]], settings: &str, rules: &str) -> Trace {
    let backtest = on_bars(&Bars::new(bars), settings, rules);
    backtest.trace(&Point::new(vec![Value::Int(n)])).expect("no failure")
}

/// (size, entry bar, entry price, exit bar, exit price, reason) of all trades.
fn trades(trace: &Trace) -> Vec<(f64, usize, f64, usize, f64, Reason)> {
    let row = |t: &simulators::Trade| {
        (t.size, t.entry_bar, t.entry_price, t.exit_bar, t.exit_price, t.reason)
    };
    trace.trades.iter().map(row).collect()
}

/// The exits of all trades.
fn exits(trace: &Trace) -> Vec<(usize, f64, Reason)> {
    trace.trades.iter().map(|t| (t.exit_bar, t.exit_price, t.reason)).collect()
}

const FLAT: [f64; 4] = [100.0, 101.0, 99.0, 100.0];
/// The volume counts the bars, so this decides at the close of the first bar.
const BUY_FIRST: &str = "long_entry = 'volume == 0'\n";
const SELL_FIRST: &str = "short_entry = 'volume == 0'\n";

#[test]
fn a_stop_is_filled_at_its_price_or_at_a_worse_open() {
    let rules = format!("{BUY_FIRST}stop_loss = '5%'");
    let within = [FLAT, FLAT, [99.0, 99.0, 94.0, 96.0], FLAT];
    assert_eq!(exits(&trace(&within, "", &rules)), [(2, 95.0, Reason::StopLoss)]);
    let gap = [FLAT, FLAT, [93.0, 97.0, 92.0, 96.0], FLAT];
    assert_eq!(exits(&trace(&gap, "", &rules)), [(2, 93.0, Reason::StopLoss)]);
    let short = format!("{SELL_FIRST}stop_loss = '5%'");
    let rise = [FLAT, FLAT, [101.0, 106.0, 100.0, 103.0], FLAT];
    assert_eq!(exits(&trace(&rise, "", &short)), [(2, 105.0, Reason::StopLoss)]);
    let gap = [FLAT, FLAT, [108.0, 109.0, 100.0, 103.0], FLAT];
    assert_eq!(exits(&trace(&gap, "", &short)), [(2, 108.0, Reason::StopLoss)]);
}

#[test]
fn a_target_is_filled_at_its_price_or_at_a_better_open() {
    let rules = format!("{BUY_FIRST}take_profit = '2 * n'");
    let within = [FLAT, FLAT, [101.0, 105.0, 100.0, 102.0], FLAT];
    assert_eq!(exits(&trace(&within, "", &rules)), [(2, 104.0, Reason::TakeProfit)]);
    let gap = [FLAT, FLAT, [107.0, 108.0, 100.0, 102.0], FLAT];
    assert_eq!(exits(&trace(&gap, "", &rules)), [(2, 107.0, Reason::TakeProfit)]);
    let short = format!("{SELL_FIRST}take_profit = {{ short_price = 'close - 4' }}");
    let fall = [FLAT, FLAT, [99.0, 99.0, 95.0, 97.0], FLAT];
    assert_eq!(exits(&trace(&fall, "", &short)), [(2, 96.0, Reason::TakeProfit)]);
}

/// freqtrade's tests tc1 and tc4: a low beyond the stop leaves at the stop; a bar that reaches the
/// target and the stop leaves at the stop.
#[test]
fn the_stop_comes_before_the_target_in_one_bar() {
    let one = [
        [5000.0, 5025.0, 4975.0, 4987.0],
        [5000.0, 5025.0, 4975.0, 4987.0],
        [4987.0, 5012.0, 4600.0, 4600.0],
        [4975.0, 5000.0, 4950.0, 4962.0],
    ];
    let rules = format!("{BUY_FIRST}stop_loss = '1%'");
    assert_eq!(exits(&trace(&one, "", &rules)), [(2, 4950.0, Reason::StopLoss)]);
    let four = [
        [5000.0, 5050.0, 4950.0, 5000.0],
        [5000.0, 5050.0, 4950.0, 5000.0],
        [5000.0, 5750.0, 4850.0, 5750.0],
        [4975.0, 5000.0, 4950.0, 4962.0],
    ];
    let rules = format!("{BUY_FIRST}stop_loss = '2%'\ntake_profit = '6%'");
    assert_eq!(exits(&trace(&four, "", &rules)), [(2, 4900.0, Reason::StopLoss)]);
    let target = trace(&four, "same_bar = 'target-first'", &rules);
    assert_eq!(exits(&target), [(2, 5300.0, Reason::TakeProfit)]);
}

#[test]
fn the_level_nearer_to_the_open_may_come_first() {
    let rules = format!("{BUY_FIRST}stop_loss = '5%'\ntake_profit = '5%'");
    let both = |open: f64| {
        let bars = [FLAT, FLAT, [open, 106.0, 94.0, 100.0], FLAT];
        trace(&bars, "same_bar = 'nearest-to-open'", &rules).trades[0].reason
    };
    assert_eq!(both(101.0), Reason::TakeProfit);
    assert_eq!(both(99.0), Reason::StopLoss);
    assert_eq!(both(100.0), Reason::StopLoss, "equally near");
    assert_eq!(both(105.5), Reason::TakeProfit, "open beyond the target");
}

/// vectorbt's `test_sl_stop`: long 20 at 5.0; closes 5, 4, 3, 2, 1 with opens 0.25 above them,
/// highs 0.5 above and lows 0.5 below.
#[test]
fn stops_of_vectorbt() {
    let with_range = |close: f64| [close + 0.25, close + 0.5, close - 0.5, close];
    let bars: Vec<[f64; 4]> = [5.0, 4.0, 3.0, 2.0, 1.0].map(with_range).to_vec();
    let plain: Vec<[f64; 4]> = [5.0, 4.0, 3.0, 2.0, 1.0].map(|close| [close; 4]).to_vec();
    let run = |bars: &[[f64; 4]], stop: &str| {
        let rules = format!("{BUY_FIRST}stop_loss = '{stop}'");
        let trace = trace(bars, "preset = 'vectorbt'\ncash = 100", &rules);
        let first = trace.trades[0];
        assert!((first.size - 20.0).abs() < 1e-12 && first.entry_price == 5.0);
        (first.exit_bar, first.exit_price)
    };
    assert_eq!(run(&bars, "10%"), (1, 4.25), "gap: the open");
    assert_eq!(run(&bars, "15%"), (1, 4.25), "at the open");
    assert_eq!(run(&bars, "20%"), (1, 4.0));
    assert_eq!(run(&plain, "10%"), (1, 4.0));
    assert_eq!(run(&plain, "50%"), (3, 2.0));
}

/// vectorbt's `test_tp_stop`, mirrored: short at 5.0 and falling prices.
#[test]
fn targets_of_shorts_in_falling_markets() {
    let with_range = |close: f64| [close + 0.25, close + 0.5, close - 0.5, close];
    let bars: Vec<[f64; 4]> = [5.0, 4.0, 3.0, 2.0, 1.0].map(with_range).to_vec();
    let run = |target: &str| {
        let rules = format!("{SELL_FIRST}take_profit = '{target}'");
        let first = trace(&bars, "preset = 'vectorbt'\ncash = 100", &rules).trades[0];
        (first.exit_bar, first.exit_price)
    };
    assert_eq!(run("10%"), (1, 4.25));
    assert_eq!(run("20%"), (1, 4.0));
    assert_eq!(run("50%"), (2, 2.5));
}

#[test]
fn a_trailing_stop_follows_the_highs_before_the_bar() {
    let bars = [
        FLAT,
        FLAT,
        [100.0, 110.0, 100.0, 108.0],
        // Its own high does not count for its low, which is above 99.
        [108.0, 120.0, 99.5, 119.0],
        [119.0, 119.0, 107.0, 109.0],
    ];
    let rules = format!("{BUY_FIRST}trailing_stop = '10%'");
    assert_eq!(exits(&trace(&bars, "", &rules)), [(4, 108.0, Reason::TrailingStop)]);
    let closes = format!("{rules}\ntrail = 'close'");
    let found = exits(&trace(&bars, "", &closes));
    assert_eq!(found.len(), 1);
    assert!((found[0].1 - 119.0 * 0.9).abs() < 1e-12, "the best close was 119");
    let cash = format!("{BUY_FIRST}trailing_stop = 'n'\nstop_loss = '1%'");
    let both = trace(&[FLAT, FLAT, [100.5, 103.0, 100.5, 103.0], FLAT], "", &cash);
    assert_eq!(both.trades[0].exit_bar, 1, "99 is the low of the bar of entry");
    let short = format!("{SELL_FIRST}trailing_stop = 'n'");
    let bars = [FLAT, FLAT, [97.0, 98.0, 90.0, 91.0], [91.0, 93.0, 91.0, 92.0]];
    assert_eq!(exits(&trace(&bars, "", &short)), [(3, 92.0, Reason::TrailingStop)]);
}

#[test]
fn a_ladder_leaves_in_parts_and_what_is_left_leaves_at_the_stop() {
    let rules = format!(
        "{BUY_FIRST}stop_loss = '5%'\n\
         partial_exits = [{{ at = '4%', share = 0.25 }}, {{ at = 'n', share = 0.5 }}]"
    );
    let bars = [FLAT, FLAT, [101.0, 103.0, 101.0, 103.0], [103.0, 106.0, 94.0, 95.0], FLAT];
    let trace = trace(&bars, "cash = 1000", &rules);
    let expected = [
        (4.0, 1, 100.0, 2, 102.0, Reason::PartialExit),
        (5.0, 1, 100.0, 3, 95.0, Reason::StopLoss),
    ];
    // 9 shares: half of them, rounded down, at 102; the bar that has 104 and 95 stops first.
    assert_eq!(trades(&trace), expected);
    let expected = [1000.0, 1000.0, 1000.0 + 8.0 + 15.0, 983.0, 983.0];
    let equity: Vec<f64> = trace.equity.iter().map(|(_, equity)| *equity).collect();
    assert_eq!(equity, expected);
}

#[test]
fn shares_of_a_ladder_that_add_up_leave_nothing() {
    let rules = format!(
        "{BUY_FIRST}partial_exits = [{{ at = '1%', share = 0.1 }}, {{ at = '2%', share = 0.2 }}, \
         {{ at = '3%', share = 0.7 }}]"
    );
    let bars = [FLAT, [100.0, 100.5, 99.0, 100.0], [100.0, 104.0, 99.0, 104.0], FLAT, FLAT];
    let trace = trace(&bars, "shares = 'fractional'", &rules);
    assert_eq!(trace.trades.len(), 3);
    assert!(trace.trades.iter().all(|trade| trade.reason == Reason::PartialExit));
    let size: f64 = trace.trades.iter().map(|trade| trade.size).sum();
    assert!((size - 100.0).abs() < 1e-9);
}

#[test]
fn a_time_stop_holds_for_so_many_bars() {
    let bars = [FLAT; 8];
    for (fill, entry) in [("next-open", 1), ("same-close", 0), ("next-close", 1)] {
        for held in [1, 2, 4] {
            let rules = format!("{BUY_FIRST}time_stop = 'n'");
            let trace = trace_at(held, &bars, &format!("fill = '{fill}'"), &rules);
            let first = trace.trades[0];
            let held = usize::try_from(held).expect("small");
            assert_eq!((first.entry_bar, first.exit_bar), (entry, entry + held), "{fill}");
            assert_eq!(first.reason, Reason::TimeStop);
        }
    }
}

#[test]
fn a_limit_waits_for_its_price_until_it_expires() {
    let rules = format!("{BUY_FIRST}entry = {{ limit = '2%' }}");
    let bars = [FLAT, FLAT, [100.0, 101.0, 97.0, 100.0], FLAT];
    let found = trace(&bars, "cash = 1000", &rules);
    assert_eq!(trades(&found), [(10.0, 2, 98.0, 3, 100.0, Reason::End)]);
    let expired = trace(&bars, "cash = 1000", &format!("{rules}\nexpires = 1"));
    assert!(expired.trades.is_empty());
    let prices = "entry = { limit = 'close - 2', short_limit = 'close + 0.5' }";
    let both = "long_entry = 'volume == 0'\nshort_entry = 'volume == 2'";
    let found = trace(&bars, "cash = 1000", &format!("{both}\n{prices}"));
    let expected =
        [(10.0, 2, 98.0, 3, 100.5, Reason::Signal), (-10.0, 3, 100.5, 3, 100.0, Reason::End)];
    assert_eq!(trades(&found), expected, "a reversal leaves when it enters");
}

#[test]
fn a_waiting_entry_moves_with_its_signal_and_goes_with_the_exit() {
    let bars =
        [FLAT, [100.0, 101.0, 97.5, 98.0], [98.0, 99.0, 95.5, 96.0], [96.0, 97.0, 94.0, 95.0]];
    let moved = "long_entry = 'volume <= 1'\nentry = { limit = '3%' }";
    let found = trace(&bars, "cash = 1000", moved);
    assert_eq!((found.decisions.len(), found.trades.len()), (2, 1));
    assert_eq!((found.trades[0].entry_bar, found.trades[0].entry_price), (3, 98.0 * 0.97));
    let cancelled = "long_entry = 'volume == 0'\nlong_exit = 'volume == 1'\n\
         entry = { limit = '3%' }";
    let found = trace(&bars, "cash = 1000", cancelled);
    assert!(found.trades.is_empty());
    assert_eq!(found.decisions[1].action, Action::Close);
}

/// What becomes of an order that waits was once not looked at while a position was open, so that
/// reversals came about that the exit rule of their direction had cancelled.
#[test]
fn a_waiting_reversal_goes_with_its_exit_and_with_an_opposite_entry() {
    let up = [100.0, 106.0, 99.0, 105.0];
    let bars = [FLAT, FLAT, FLAT, FLAT, FLAT, up, [105.0; 4], [105.0; 4]];
    let run = |more: &str| {
        let rules = format!("entry = {{ limit = '110', short_limit = '105' }}\n{more}");
        let found = trace(&bars, "cash = 1000", &rules);
        found.trades.iter().map(|t| (t.size.signum(), t.exit_bar)).collect::<Vec<_>>()
    };
    let entries = "long_entry = 'volume == 0'\nshort_entry = 'volume == 2'";
    assert_eq!(run(entries), [(1.0, 5), (-1.0, 7)], "nothing cancels it");
    assert_eq!(run(&format!("{entries}\nshort_exit = 'volume == 3'")), [(1.0, 7)]);
    let again = "long_entry = 'volume == 0 or volume == 3'\nshort_entry = 'volume == 2'";
    assert_eq!(run(again), [(1.0, 7)], "replaced by an entry that is there already");
    let both = "long_entry = 'volume == 0'\nshort_entry = 'volume == 2 or volume == 3'\n\
         short_exit = 'volume == 3'";
    assert_eq!(run(both), [(1.0, 7)], "an exit at the bar of a further signal cancels it, too");
    let left = format!("{entries}\nlong_exit = 'volume == 3'\nshort_exit = 'volume == 3'");
    assert_eq!(run(&left), [(1.0, 4)], "and the position is left as ever");
}

/// A reversal at the market that has not come about yet is cancelled as well; what it was to close
/// is closed.
#[test]
fn a_reversal_that_is_on_its_way_can_be_cancelled() {
    let rules = "long_entry = 'volume == 0'\nshort_entry = 'volume == 3'\n";
    let run = |more: &str| {
        let settings = "cash = 1000\nexecution.latency = 2";
        trades(&trace(&[FLAT; 9], settings, &format!("{rules}{more}")))
    };
    let long = (9.0, 3, 100.0, 6, 100.0, Reason::Signal);
    assert_eq!(run(""), [long, (-9.0, 6, 100.0, 8, 100.0, Reason::End)]);
    assert_eq!(run("short_exit = 'volume == 4'"), [long]);
}

/// backtesting.py's stop 112 with limit 113 buys at 112; stop 107 with limit 105 sells at 107.
#[test]
fn stop_and_stop_limit_entries() {
    let rules = format!("{BUY_FIRST}entry = {{ stop = '112', limit = '113' }}");
    let bars = [FLAT, [110.0, 114.0, 109.0, 113.0], FLAT];
    assert_eq!(trace(&bars, "", &rules).trades[0].entry_price, 112.0);
    let rules = format!("{SELL_FIRST}entry = {{ short_stop = '107', short_limit = '105' }}");
    let bars = [FLAT, [108.0, 109.0, 104.0, 105.0], FLAT];
    assert_eq!(trace(&bars, "", &rules).trades[0].entry_price, 107.0);
    let stop = format!("{BUY_FIRST}entry = {{ stop = 'highest(high, 1) + 1' }}");
    let gap = [FLAT, FLAT, [105.0, 106.0, 104.0, 105.0]];
    assert_eq!(trace(&gap, "", &stop).trades[0].entry_price, 105.0);
}

#[test]
fn what_the_bar_of_the_entry_may_do_is_a_rule() {
    let whole = [FLAT, [100.0, 106.0, 94.0, 100.0], FLAT];
    let rules = format!("{BUY_FIRST}stop_loss = '5%'");
    for (rule, expected) in [("pessimistic", 1), ("deferred", 1), ("next-bar", 2)] {
        let found = trace(&whole, &format!("entry_bar = '{rule}'"), &rules);
        assert_eq!(found.trades[0].exit_bar, expected, "at the open, {rule}");
    }
    // A stop entry at 102 that rises to its target 104; the low may have been before.
    let entry = format!("{BUY_FIRST}entry = {{ stop = '102' }}\n");
    let target = format!("{entry}take_profit = 'n'\nstop_loss = '4'");
    let rise = |low: f64| [FLAT, [100.0, 105.0, low, 104.5], [104.5, 104.5, 104.4, 104.5]];
    let exit = |low: f64, rule: &str| {
        let first = trace(&rise(low), &format!("entry_bar = '{rule}'"), &target).trades[0];
        (first.exit_bar, first.exit_price)
    };
    assert_eq!(exit(99.0, "pessimistic"), (1, 104.0));
    assert_eq!(exit(99.0, "deferred"), (1, 104.0));
    assert_eq!(exit(99.0, "next-bar"), (2, 104.5));
    assert_eq!(exit(97.0, "pessimistic"), (1, 98.0));
    assert_eq!(exit(97.0, "deferred"), (2, 104.5), "what is not certain waits");
    // A limit entry: the fall goes on to the stop, the high may have been before.
    let limit =
        format!("{BUY_FIRST}entry = {{ limit = '98' }}\ntake_profit = '3'\nstop_loss = 'n'");
    let fall = [FLAT, [100.0, 102.0, 97.0, 97.5], [97.5, 97.6, 97.4, 97.5]];
    assert_eq!(exits(&trace(&fall, "", &limit)), [(2, 97.5, Reason::End)]);
    let deep = [FLAT, [100.0, 102.0, 95.0, 97.5], [97.5, 97.6, 97.4, 97.5]];
    assert_eq!(exits(&trace(&deep, "", &limit)), [(1, 96.0, Reason::StopLoss)]);
}

#[test]
fn entering_again_is_a_rule() {
    let bars = [FLAT, FLAT, [99.0, 99.0, 94.0, 96.0], FLAT, FLAT, FLAT, FLAT];
    let rules = "long_entry = 'volume != 4'\nstop_loss = '5%'";
    let second = |rule: &str| {
        let found = trace(&bars, &format!("reentry = '{rule}'"), rules);
        assert_eq!(found.trades[0].exit_bar, 2);
        found.trades[1].entry_bar
    };
    assert_eq!(second("same-bar"), 3);
    assert_eq!(second("next-bar"), 4);
    assert_eq!(second("after-signal"), 6, "false at bar 4, true again at bar 5");
}

#[test]
fn sizes_are_shares_fractions_volatility_or_risk() {
    let size = |size: &str| {
        let rules = format!("{BUY_FIRST}stop_loss = '5%'\nsize = {size}");
        let found = trace(&[FLAT, FLAT, FLAT], "cash = 10000", &rules);
        found.trades.first().map_or(0.0, |trade| trade.size)
    };
    assert_eq!(size("'all'"), 99.0, "the hundredth would take the very last cent");
    assert_eq!(size("{ shares = 7 }"), 7.0);
    assert_eq!(size("{ shares = 'n + 0.5' }"), 2.0);
    assert_eq!(size("{ shares = 500 }"), 99.0, "there is no credit");
    assert_eq!(size("{ fraction = 0.25 }"), 24.0);
    assert_eq!(size("{ volatility_target = 0.1, volatility = '0.1 * n' }"), 49.0);
    // One percent of 10,000 is 100; the stop is 5 away.
    assert_eq!(size("{ risk = 0.01 }"), 20.0);
    assert_eq!(size("{ shares = 'sma(close, 3)' }"), 0.0, "not known at the first bar");
    let half = "risk.max_gross = 2";
    let rules = format!("{BUY_FIRST}size = {{ fraction = 2 }}");
    let found = trace(&[FLAT, FLAT, FLAT], &format!("cash = 10000\n{half}"), &rules);
    assert_eq!(found.trades[0].size, 199.0, "credit");
}

/// backtesting.py and backtrader cancel an order of more shares than the cash can pay.
#[test]
fn what_the_cash_cannot_pay_is_cut_or_refused() {
    let size = |settings: &str, size: &str| {
        let rules = format!("{BUY_FIRST}size = {size}");
        let gap = [FLAT, [101.0, 101.0, 100.0, 100.0], FLAT];
        let found = trace(&gap, &format!("cash = 1010\n{settings}"), &rules);
        found.trades.first().map_or(0.0, |trade| trade.size)
    };
    assert_eq!(size("", "{ shares = 25 }"), 9.0);
    assert_eq!(size("unaffordable = 'refuse'", "{ shares = 25 }"), 0.0);
    assert_eq!(size("unaffordable = 'refuse'", "{ shares = 10 }"), 10.0, "to the last cent");
    assert_eq!(size("unaffordable = 'refuse'", "'all'"), 9.0, "what there is can be paid");
    assert_eq!(size("preset = 'backtesting.py'", "{ shares = 25 }"), 0.0);
    // Sized with the close of the decision, 100: ten shares, which cost 1,010 and one cent.
    let all_in = |settings: &str| {
        let gap = [FLAT, [101.001, 101.001, 100.0, 100.0], FLAT];
        let settings = format!("cash = 1010\nsize_at = 'decision'\n{settings}");
        let found = trace(&gap, &settings, BUY_FIRST);
        found.trades.first().map_or(0.0, |trade| trade.size)
    };
    assert_eq!(all_in(""), 9.0);
    assert_eq!(all_in("preset = 'backtrader'"), 0.0);
}

/// LEAN's `BasicTemplateDailyAlgorithm`: SPY from 2013-10-08 on, adjusted by 0.8646266, sized with
/// the close of the decision and a buffer of 0.25 %, filled at the next open, 0.005 a share; the
/// published end equity is 104486.22.
#[test]
fn lean_daily_reproduces_its_basic_template() {
    let factor = 0.864_626_6;
    let at = |price: f64| [price * factor; 4];
    let bars = [at(165.48), at(165.82), at(173.27)];
    let settings = "preset = 'lean-daily'\ncash = 100000\nmetrics = ['equity_final']\n\
         execution.fees.per_share = 0.005";
    let rules = format!("{BUY_FIRST}size = {{ fraction = 0.9975 }}");
    let found = trace(&bars, settings, &rules);
    assert_eq!(found.trades[0].size, 697.0);
    // LEAN does not close at the end; here the fees of that are paid, too.
    let end = found.metrics[0] + 697.0 * 0.005;
    assert!((end - 104_486.22).abs() < 0.005, "{end}");
}

#[test]
fn an_inactive_parameter_leaves_its_order_out_and_a_bad_distance_fails() {
    let rules = format!("{BUY_FIRST}stop_loss = 'n - 3'");
    let bars = [FLAT, FLAT, [99.0, 99.0, 50.0, 60.0], FLAT];
    let backtest = on_bars(&Bars::new(&bars), "", &rules);
    let failure = backtest.trace(&Point::new(vec![Value::Int(3)])).unwrap_err();
    assert_eq!(failure.message, "found the distance 0 of stop_loss, allowed: a number above 0");
    let found = backtest.trace(&Point::new(vec![Value::Inactive])).expect("no failure");
    assert_eq!(exits(&found), [(3, 100.0, Reason::End)]);
}

#[test]
fn finer_bars_tell_what_came_first() {
    let coarse = [FLAT, FLAT, [100.0, 106.0, 94.0, 100.0], FLAT];
    let rules = format!("{BUY_FIRST}stop_loss = '5%'\ntake_profit = '5%'");
    let settings = "same_bar = 'drill-down'\ndetail = ['hours.csv', 'minutes.csv']";
    let mut bars = Bars::new(&coarse);
    let up_first = [("10:00", [100.0, 106.0, 99.0, 105.0]), ("11:00", [105.0, 105.0, 94.0, 100.0])];
    bars.detail("hours.csv", 2, &up_first);
    bars.detail("minutes.csv", 2, &[]);
    let run = |bars: &Bars| {
        let backtest = on_bars(bars, settings, &rules);
        backtest.trace(&Point::new(vec![Value::Int(2)])).expect("no failure").trades[0].reason
    };
    assert_eq!(run(&bars), Reason::TakeProfit);
    // One hour has both: the stop comes first unless the minutes know better.
    let mut bars = Bars::new(&coarse);
    bars.detail("hours.csv", 2, &[("10:00", [100.0, 106.0, 94.0, 100.0])]);
    bars.detail("minutes.csv", 2, &[]);
    assert_eq!(run(&bars), Reason::StopLoss);
    let minutes = [("10:00", [100.0, 106.0, 99.0, 105.0]), ("10:01", [105.0, 105.0, 94.0, 100.0])];
    bars.detail("minutes.csv", 2, &minutes);
    assert_eq!(run(&bars), Reason::TakeProfit);
}
