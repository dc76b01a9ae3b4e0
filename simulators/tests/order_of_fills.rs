//! What is filled first: orders that wait, the levels of positions, and several symbols with one
//! cash.

mod support;

use search_spaces::{Point, Value};
use simulators::{Action, Reason, Trace};
use support::bars::{Bars, on_bars};
use support::{backtest, ints};

const FLAT: [f64; 4] = [100.0, 101.0, 99.0, 100.0];

fn trace(bars: &Bars, settings: &str, rules: &str) -> Trace {
    on_bars(bars, settings, rules).trace(&Point::new(vec![Value::Int(2)])).expect("no failure")
}

/// Sign, entry bar and price, exit bar and price, of each trade.
fn shown(trace: &Trace) -> Vec<(f64, usize, f64, usize, f64)> {
    let trades = trace.trades.iter();
    trades
        .map(|t| (t.size.signum(), t.entry_bar, t.entry_price, t.exit_bar, t.exit_price))
        .collect()
}

/// The exit rule that cancels an order once swallowed the opposite entry of the same close.
#[test]
fn an_exit_cancels_an_order_and_the_opposite_entry_takes_its_place() {
    let bars = Bars::new(&[FLAT, FLAT, FLAT, FLAT, [100.0, 100.5, 94.0, 95.0], [95.0; 4]]);
    let rules = "long_entry = 'volume == 0'\nlong_exit = 'volume == 2'\n\
         short_entry = 'volume == 2'\nentry = { stop = '2%' }";
    let found = trace(&bars, "", rules);
    assert_eq!(shown(&found), [(-1.0, 4, 98.0, 5, 95.0)]);
}

/// With an order that waits, an exit counts beside the entry of its direction, as with a position.
#[test]
fn an_exit_beside_a_further_signal_cancels_an_order() {
    let rises = [100.0, 103.0, 99.0, 103.0];
    let bars = Bars::new(&[FLAT, FLAT, FLAT, FLAT, rises, [103.0; 4]]);
    let rules = "long_entry = 'volume == 0 or volume == 2'\nentry = { stop = '2%' }";
    assert_eq!(shown(&trace(&bars, "", rules)), [(1.0, 4, 102.0, 5, 103.0)]);
    let found = trace(&bars, "", &format!("{rules}\nlong_exit = 'volume == 2'"));
    assert!(found.trades.is_empty());
    assert_eq!(found.decisions.last().map(|decision| decision.action), Some(Action::Close));
}

/// The long position once took its profit at 102, later in the bar, and the short was entered at
/// the open, before that.
#[test]
fn an_order_that_the_open_has_passed_comes_before_what_the_bar_reaches_later() {
    let bars = Bars::new(&[
        FLAT,
        FLAT,
        FLAT,
        [100.0, 100.5, 99.5, 100.2],
        [100.2, 100.4, 99.9, 100.0],
        [101.5, 103.0, 101.2, 102.0],
        [102.0, 102.5, 101.5, 102.0],
    ]);
    let rules = "long_entry = 'volume == 2'\nshort_entry = 'volume == 4'\ntake_profit = '2%'\n\
         entry = { limit = 'close * 1.02', short_limit = 'close * 1.01' }";
    for same_bar in ["stop-first", "target-first", "nearest-to-open"] {
        let found = trace(&bars, &format!("same_bar = '{same_bar}'"), rules);
        let expected = [(1.0, 3, 100.0, 5, 101.5), (-1.0, 5, 101.5, 6, 102.0)];
        assert_eq!(shown(&found), expected, "{same_bar}");
    }
    // A profit level that the open has passed as well is met there first.
    let rules = rules.replace("'2%'", "'1%'");
    let found = trace(&bars, "", &rules);
    assert_eq!(shown(&found)[0], (1.0, 3, 100.0, 5, 101.5));
    assert_eq!(found.trades[0].reason, Reason::TakeProfit);
}

/// The bar of an entry at a limit that the open has passed once went to the stop, whatever the
/// finer bars told, although that of an entry at the market at the very same price did not.
#[test]
fn the_bar_of_an_order_that_the_open_has_passed_is_drilled() {
    let mut bars =
        Bars::new(&[FLAT, FLAT, FLAT, [99.0, 103.0, 96.0, 100.5], [100.5, 101.0, 100.0, 100.5]]);
    let hours = [
        ("09:00", [99.0, 99.5, 98.5, 99.2]),
        ("10:00", [99.2, 103.0, 99.0, 102.0]),
        ("11:00", [102.0, 102.0, 96.0, 97.0]),
        ("12:00", [97.0, 100.5, 96.5, 100.5]),
    ];
    bars.detail("h.csv", 3, &hours);
    let settings = "same_bar = 'drill-down'\ndetail = ['h.csv']";
    let rules = "long_entry = 'volume == 2'\nstop_loss = '2%'\ntake_profit = '2%'\n";
    for entry in ["", "entry = { limit = '0.5%' }"] {
        let found = trace(&bars, settings, &format!("{rules}{entry}"));
        assert_eq!(shown(&found), [(1.0, 3, 99.0, 3, 99.0 * 1.02)], "{entry}");
    }
}

const SHARED: &str = "accounts = 'shared'\nshares = 'fractional'\ncash = 10000";

/// The sizes of the trades of A and of B, whichever comes first in the data.
fn of_both(a: &[[f64; 4]], b: &[[f64; 4]], settings: &str, rules: &str) -> [[Vec<f64>; 2]; 2] {
    [["A", "B"], ["B", "A"]].map(|order| {
        let bars = order.map(|symbol| (symbol, 0, if symbol == "A" { a } else { b }));
        let settings = format!("{SHARED}\n{settings}\nsymbols = ['{}', '{}']", order[0], order[1]);
        let found = trace(&Bars::of_symbols(&bars), &settings, rules);
        ["A", "B"].map(|symbol| {
            let trades = found.trades.iter().filter(|t| order[t.symbol as usize] == symbol);
            trades.map(|trade| trade.size).collect()
        })
    })
}

fn assert_sizes(found: [[Vec<f64>; 2]; 2], a: &[f64], b: &[f64]) {
    for sizes in found {
        for (found, expected) in sizes.iter().zip([a, b]) {
            assert_eq!(found.len(), expected.len(), "{sizes:?}");
            let near = found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-6);
            assert!(near, "{sizes:?}, expected {a:?} and {b:?}");
        }
    }
}

/// The first symbol once had all the cash.
#[test]
fn orders_that_wait_share_the_cash_when_they_are_filled_at_one_time() {
    let opens = [FLAT, FLAT, [102.0, 104.0, 101.0, 103.0], [103.0; 4]];
    let touches = [FLAT, FLAT, [100.0, 104.0, 99.0, 103.0], [103.0; 4]];
    let rules = "long_entry = 'volume == 1'\nentry = { stop = '1%' }";
    let half = 5000.0 / 102.0;
    assert_sizes(of_both(&opens, &opens, "", rules), &[half], &[half]);
    let half = 5000.0 / 101.0;
    assert_sizes(of_both(&touches, &touches, "", rules), &[half], &[half]);
    // What is filled at the open comes before what the bar reaches later.
    assert_sizes(of_both(&touches, &opens, "", rules), &[], &[10000.0 / 102.0]);
    // A long and a short position of one time balance each other.
    let falls = [FLAT, FLAT, [98.0, 99.0, 97.0, 98.0], [98.0; 4]];
    let rules = "long_entry = \"volume == 1 and symbol == 'A'\"\n\
         short_entry = \"volume == 1 and symbol == 'B'\"\nentry = { stop = '1%' }\n\
         size = { fraction = 0.4 }";
    let limits = "risk = { max_net = 0.2, max_gross = 2 }";
    let found = of_both(&opens, &falls, limits, rules);
    assert_sizes(found, &[4000.0 / 102.0], &[-4000.0 / 98.0]);
}

/// C was once bought at the open with what B takes later in that bar, if it came after B.
#[test]
fn what_is_sold_within_a_bar_pays_for_nothing_at_its_open() {
    let b = [FLAT, FLAT, [100.0, 104.0, 99.0, 103.0], [103.0; 4], [103.0; 4]];
    let c = [FLAT, FLAT, [101.0, 102.0, 100.0, 101.0], [101.0; 4], [101.0; 4]];
    let rules = "long_entry = \"volume == 0 and symbol == 'B' or volume == 1 and symbol == 'A'\"\n\
         entry = { limit = 'close * 1.5' }\ntake_profit = \"3%\"";
    assert_sizes(of_both(&c, &b, "", rules), &[], &[100.0]);
    // What is sold at that open does.
    let b = [FLAT, FLAT, [104.0, 104.0, 103.0, 103.0], [103.0; 4], [103.0; 4]];
    assert_sizes(of_both(&c, &b, "", rules), &[10400.0 / 101.0], &[100.0]);
}

/// Breakouts of three symbols that are sized by their risk and share one account.
#[test]
fn the_order_of_symbols_does_not_matter_to_orders_that_wait() {
    let rules = "long_entry = 'close > 0'\n\
         entry = { stop = 'highest(high, n)', short_stop = 'lowest(low, n)' }\n\
         short_entry = 'close < 0'\nlong_exit = 'close < previous(lowest(low, 10), 1)'\n\
         size = { risk = 0.02 }\nstop_loss = '2 * atr(20)'";
    let returns = [["AAPL", "IBM", "MSFT"], ["MSFT", "IBM", "AAPL"], ["IBM", "MSFT", "AAPL"]];
    let returns = returns.map(|symbols| {
        let settings = format!(
            "data = 'stocks-daily'\n{SHARED}\nsymbols = {symbols:?}\nmetrics = ['total_return']"
        );
        let backtest = backtest("n = { int = [1, 99] }", &settings, rules);
        backtest.trace(&ints(&[20])).expect("no failure").metrics[0]
    });
    for other in &returns[1..] {
        assert!((other - returns[0]).abs() < 1e-6 * returns[0].abs(), "{returns:?}");
    }
}

/// The order to reverse once swallowed the exit, and the position was held to the end of the data.
#[test]
fn an_exit_counts_beside_a_reversal_that_waits() {
    let falls = [100.0, 101.0, 99.0, 99.0];
    let bars = Bars::new(&[FLAT, FLAT, FLAT, falls, [99.0; 4], [99.0; 4]]);
    let rules = "long_entry = 'volume == 0'\nlong_exit = 'volume == 2'\n\
         short_entry = 'volume == 2'\nexpires = 2\n\
         entry = { limit = 'close', short_limit = 'close + 5' }";
    assert_eq!(shown(&trace(&bars, "", rules)), [(1.0, 1, 100.0, 3, 100.0)]);
    // And so did a time stop.
    let timed = rules.replace("long_exit = 'volume == 2'", "time_stop = 2");
    assert_eq!(shown(&trace(&bars, "", &timed)), [(1.0, 1, 100.0, 3, 100.0)]);
}

/// By the position the exit counts and the entry does not, so that it cannot cancel the other one.
#[test]
fn an_entry_beside_the_exit_of_its_position_cancels_nothing() {
    let bars = Bars::new(&[FLAT, FLAT, FLAT, FLAT, FLAT]);
    let rules = "long_entry = 'volume == 0 or volume == 2'\nlong_exit = 'volume == 2'\n\
         short_entry = 'volume == 2'";
    let reversed = [(1.0, 1, 100.0, 3, 100.0), (-1.0, 3, 100.0, 4, 100.0)];
    assert_eq!(shown(&trace(&bars, "", rules)), reversed);
    let guarded = format!("{rules}\nstop_loss = '50%'");
    assert_eq!(shown(&trace(&bars, "", &guarded)), reversed);
    let neither = trace(&bars, "conflict = 'neither'", rules);
    assert_eq!(shown(&neither)[0], (1.0, 1, 100.0, 3, 100.0), "the short entry alone is left");
}

/// A limit that has rested is met by the open; one that has only come is an order at the market.
#[test]
fn a_limit_that_rests_pays_no_slippage_where_the_open_passes_it() {
    let gap = [90.0, 91.0, 89.0, 90.0];
    let settings = "execution.slippage = { fixed = 1.0 }";
    let rules = "long_entry = 'volume == 0'\nentry = { limit = '5%' }";
    let at_once = trace(&Bars::new(&[FLAT, gap, gap]), settings, rules);
    assert_eq!(shown(&at_once)[0].2, 91.0);
    let later = trace(&Bars::new(&[FLAT, FLAT, gap, gap]), settings, rules);
    assert_eq!(shown(&later)[0].2, 90.0);
}

/// The cash of a profit that the open has passed once came too late for what was bought there.
#[test]
fn what_the_open_has_passed_pays_for_entries_at_that_open() {
    let gap = [110.0, 110.0, 110.0, 110.0];
    let a = [FLAT, FLAT, gap, gap];
    let b = [FLAT, FLAT, FLAT, FLAT];
    let bars = Bars::of_symbols(&[("A", 0, &a), ("B", 1, &b)]);
    // The first bar of A is a date before that of B, so that A has all the cash by then.
    let settings = "accounts = 'shared'\nshares = 'fractional'";
    let found = trace(&bars, settings, "long_entry = 'volume == 0'\ntake_profit = '5%'");
    let entries: Vec<usize> = found.trades.iter().map(|trade| trade.entry_bar).collect();
    assert_eq!(entries, [1, 1], "{:?}", found.trades);
    assert_eq!(found.trades[0].exit_price, 110.0);
    assert!((found.trades[1].size - 1.1 * found.trades[0].size).abs() < 1e-6);
}

/// Rounding once decided between levels of the same distance.
#[test]
fn a_stop_as_near_as_the_target_comes_first() {
    for cents in 0..200 {
        let price = 86.0 + f64::from(cents) / 100.0;
        let bar = [price, price + 2.0, price - 2.0, price];
        let rules = "long_entry = 'volume == 0'\nstop_loss = '1'\ntake_profit = '1'";
        let bars = Bars::new(&[[price; 4], bar, [price; 4]]);
        let found = trace(&bars, "same_bar = 'nearest-to-open'", rules);
        assert_eq!(found.trades[0].reason, Reason::StopLoss, "{price}");
    }
}

/// A curve that falls by rounding alone once had the best ratios of all.
#[test]
fn rounding_is_no_drawdown() {
    let prices: Vec<[f64; 4]> = (0..200).map(|bar| [98.2311 + 0.37 * f64::from(bar); 4]).collect();
    let settings = "shares = 'fractional'\nmetrics = ['max_drawdown', 'downside_risk', 'calmar']";
    let rules = "long_entry = 'close > 0'\nlong_exit = 'close > 0'";
    let found = trace(&Bars::new(&prices), settings, rules);
    assert!(found.trades.len() > 50, "{}", found.trades.len());
    assert_eq!(found.metrics[..2], [0.0, 0.0]);
    assert!(found.metrics[2].is_nan());
}

/// A level that the price comes to last once was reached if a nearer one was.
#[test]
fn each_profit_level_is_held_against_the_stop_by_its_own_distance() {
    let bars = Bars::new(&[[100.0; 4], [100.0, 111.0, 98.0, 105.0], [105.0; 4]]);
    let rules = "long_entry = 'volume == 0'\nstop_loss = '1%'\ntake_profit = '10%'";
    let exits = |rules: &str| -> Vec<(f64, Reason)> {
        let found = trace(&bars, "same_bar = 'nearest-to-open'", rules);
        found.trades.iter().map(|trade| (trade.exit_price, trade.reason)).collect()
    };
    assert_eq!(exits(rules), [(99.0, Reason::StopLoss)]);
    let partial = format!("{rules}\npartial_exits = [{{ at = '0.5%', share = 0.5 }}]");
    assert_eq!(exits(&partial), [(100.5, Reason::PartialExit), (99.0, Reason::StopLoss)]);
}

/// An order that further signals move once never came to the market where that takes some bars.
#[test]
fn an_order_stays_where_it_is_until_its_move_arrives() {
    let rules = "long_entry = 'volume <= 2'\nentry = { limit = '1%' }\nlong_exit = 'volume == 5'";
    let bar = |open: f64, low: f64| [open, open + 1.0, low, open];
    let entered = |third: f64, fourth: f64| {
        let bars = [bar(100.0, 99.5), bar(110.0, 109.5), bar(110.0, third), bar(110.0, fourth)];
        let rest = [bar(110.0, 109.5); 3];
        let found = trace(&Bars::new(&[&bars[..], &rest].concat()), "execution.latency = 1", rules);
        found.trades.first().map(|trade| (trade.entry_bar, trade.entry_price))
    };
    // The first order is at 99 and in the market from the third bar on; its move to 108.9 a bar later.
    assert_eq!(entered(98.0, 109.5), Some((2, 99.0)));
    assert_eq!(entered(108.0, 108.0), Some((3, 110.0 - 1.1)));
    assert_eq!(entered(109.5, 109.5), None);
}

/// Having ordered once counted as having entered.
#[test]
fn only_an_entry_that_was_filled_waits_for_its_signal_to_end() {
    let settings = "reentry = 'after-signal'";
    let up = |price: f64| [price; 4];
    let back = [104.0, 104.0, 103.0, 103.4];
    let bars = Bars::new(&[up(100.0), up(102.0), up(104.0), back, up(104.0)]);
    let rules = "long_entry = 'volume <= 2'\nentry = { limit = '0.5%' }";
    let found = trace(&bars, settings, rules);
    assert_eq!(shown(&found), [(1.0, 3, 104.0 - 0.52, 4, 104.0)]);

    // A reversal whose order is moved leaves the old position when it is filled.
    let high = [100.0, 101.0, 100.0, 100.0];
    let still = [100.0, 100.0, 99.8, 100.0];
    let bars = [up(100.0), high, up(100.0), still, still, [100.0, 100.0, 99.0, 99.5], up(99.5)];
    let rules = "short_entry = 'volume == 0'\nlong_entry = 'volume >= 2 and volume <= 4'\n\
         entry = { limit = '0.5%' }";
    let found = trace(&Bars::new(&bars), settings, rules);
    assert_eq!(shown(&found), [(-1.0, 1, 100.5, 5, 99.5), (1.0, 5, 99.5, 6, 99.5)]);

    // What has left a position waits for the signal to end.
    let fall = [100.0, 100.0, 90.0, 95.0];
    let bars = Bars::new(&[up(100.0), up(100.0), fall, up(95.0), up(95.0), up(95.0), up(95.0)]);
    let rules = "long_entry = 'volume != 4'\nstop_loss = '5%'";
    let entries = |settings: &str| -> Vec<usize> {
        trace(&bars, settings, rules).trades.iter().map(|trade| trade.entry_bar).collect()
    };
    assert_eq!(entries(settings), [1, 6]);
    assert_eq!(entries(""), [1, 3]);
}

/// An entry at the close of the fall was once filled, and closed again at the same price.
#[test]
fn nothing_is_entered_at_the_close_of_a_fall() {
    let bars = Bars::new(&[[100.0; 4], [100.0, 100.0, 90.0, 90.0], [90.0; 4], [90.0; 4]]);
    let rules = "long_entry = 'volume == 0'\nshort_entry = 'volume == 1'";
    for risk in ["risk.drawdown_stop = 0.05", "risk.daily_loss_stop = 0.05"] {
        let found = trace(&bars, &format!("fill = 'same-close'\n{risk}"), rules);
        assert_eq!(shown(&found), [(1.0, 0, 100.0, 1, 90.0)], "{risk}");
        assert_eq!(found.trades[0].reason, Reason::RiskStop);
    }
}

/// 100 * 1.1 is 110.00000000000001.
#[test]
fn a_round_distance_ends_at_a_round_price() {
    for percent in 1..=50 {
        let far = f64::from(percent);
        let bars = Bars::new(&[[100.0; 4], [100.0, 100.0 + far, 100.0, 100.0], [100.0; 4]]);
        let rules = format!("long_entry = 'volume == 0'\ntake_profit = '{percent}%'");
        assert_eq!(shown(&trace(&bars, "", &rules)), [(1.0, 1, 100.0, 1, 100.0 + far)]);
        let rules = format!("short_entry = 'volume == 0'\nstop_loss = '{percent}%'");
        assert_eq!(shown(&trace(&bars, "", &rules)), [(-1.0, 1, 100.0, 1, 100.0 + far)]);
    }
}
