//! Models of execution on few bars: what orders cost, when they arrive, and what fails.

#![expect(clippy::float_cmp, reason = "exact results are asserted")]

mod support;

use search_spaces::{Point, Value};
use simulators::{Reason, Simulator as _, Trace, Trial, Unwatched};
use support::bars::{Bars, on_bars};

const FLAT: [f64; 4] = [100.0, 101.0, 99.0, 100.0];
const BUY_AND_SELL: &str = "long_entry = 'volume == 0'\nlong_exit = 'volume == 2'\n";

fn point() -> Point {
    Point::new(vec![Value::Int(2)])
}

fn trace(bars: &Bars, settings: &str, rules: &str) -> Trace {
    on_bars(bars, settings, rules).trace(&point()).expect("no failure")
}

fn flat(bars: usize) -> Bars {
    Bars::new(&vec![FLAT; bars])
}

/// Asserts equality up to rounding.
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} {expected}");
}

#[test]
fn slippage_and_spread_make_both_sides_dearer_but_no_limit() {
    let settings = "execution.slippage = { fixed = 0.1, fraction = 0.01 }\n\
         execution.spread = 0.004";
    let found = trace(&flat(5), settings, BUY_AND_SELL).trades[0];
    assert_near(found.entry_price, 100.0 + 0.1 + 1.0 + 0.2);
    assert_near(found.exit_price, 100.0 - 0.1 - 1.0 - 0.2);
    assert_eq!(found.size, 98.0, "sized with the price that is paid: 10000 / 101.3");
    let limits = "long_entry = 'volume == 0'\nentry = { limit = '1%' }\ntake_profit = 'n'\n";
    let found = trace(&flat(5), settings, limits).trades[0];
    assert_eq!((found.entry_price, found.exit_price), (99.0, 101.0));
    let stop = "long_entry = 'volume == 0'\nstop_loss = '0.5%'\n";
    let found = trace(&flat(5), settings, stop).trades[0];
    let level = 101.3 * 0.995;
    assert_near(found.exit_price, 100.0 - 1.3);
    assert!(level > 100.0, "the stop of a dear entry lies above the open");
}

#[test]
fn impact_grows_with_the_square_of_the_share_of_the_volume() {
    let bars = flat(5).with_volume(&[0, 200, 2, 200, 4]);
    let settings = "cash = 1e6\nexecution.slippage.impact = 0.1";
    let rules = format!("{BUY_AND_SELL}size = {{ shares = 100 }}");
    let found = trace(&bars, settings, &rules).trades[0];
    assert_near(found.entry_price, 100.0 * (1.0 + 0.1 * 0.25));
    assert_near(found.exit_price, 100.0 * (1.0 - 0.1 * 0.25));
}

#[test]
fn fees_by_share_order_side_and_tier() {
    let fee = |settings: &str, rules: &str| {
        let rules = format!("{rules}size = {{ shares = 10 }}");
        trace(&flat(6), settings, &rules).trades[0].commission
    };
    assert_near(fee("execution.fees.per_share = 0.05", BUY_AND_SELL), 1.0);
    assert_near(fee("execution.fees.per_order = 2", BUY_AND_SELL), 4.0);
    assert_near(fee("execution.fees = { per_share = 0.05, minimum = 3 }", BUY_AND_SELL), 6.0);
    let sides = "execution.fees = { maker = -0.001, taker = 0.002 }";
    assert_near(fee(sides, BUY_AND_SELL), 4.0);
    let limits = "long_entry = 'volume == 0'\nentry = { limit = '1%' }\ntake_profit = 'n'\n";
    assert_near(fee(sides, limits), -0.99 - 1.01);
    let tiers = "execution.fees.tiers = [{ fraction = 0.01 }, { from = 1000, fraction = 0.001 }]";
    assert_near(fee(tiers, BUY_AND_SELL), 10.0 + 1.0);
    assert_near(fee(&format!("{tiers}\ncommission = 0.02"), BUY_AND_SELL), 11.0 + 40.0);
}

#[test]
fn all_the_equity_pays_its_fees_as_well() {
    let settings = "cash = 1000\nexecution.fees = { per_order = 10, per_share = 10 }";
    let found = trace(&flat(5), settings, BUY_AND_SELL);
    // (1000 - 10) / 110 shares.
    assert_eq!(found.trades[0].size, 8.0);
    assert!(found.equity.iter().all(|(_, equity)| *equity > 0.0));
}

#[test]
fn holding_costs_by_the_day_until_it_ends() {
    let settings = "cash = 10000\nexecution.fees = { funding_per_day = 0.001, \
         borrow_per_day = 0.002 }";
    let long = format!("{BUY_AND_SELL}size = {{ shares = 10 }}");
    let found = trace(&flat(6), settings, &long);
    // Bought at the open of bar 1, sold at the open of bar 3: two nights at 0.1 % of 1000.
    assert_near(found.trades[0].commission, 2.0);
    assert_near(found.equity[2].1, 9999.0);
    assert_near(found.equity[5].1, 9998.0);
    let short = "short_entry = 'volume == 0'\nsize = { shares = 10 }";
    let found = trace(&flat(6), settings, short);
    assert_near(found.trades[0].commission, 4.0 * 2.0);
}

#[test]
fn latency_delays_orders_at_the_market_and_those_that_wait() {
    let entry = |settings: &str, rules: &str| {
        let trade = trace(&flat(9), settings, rules).trades[0];
        (trade.entry_bar, trade.exit_bar)
    };
    let overtaken = trace(&flat(9), "execution.latency = 2", BUY_AND_SELL);
    assert!(overtaken.trades.is_empty(), "the exit calls the entry back while it is on its way");
    let late = "long_entry = 'volume == 0'\nlong_exit = 'volume == 4'\n";
    assert_eq!(entry("execution.latency = 2", late), (3, 7));
    assert_eq!(entry("execution.latency = 2\nfill = 'same-close'", late), (2, 6));
    let limit = format!("{late}entry = {{ limit = '1%' }}");
    assert_eq!(entry("execution.latency = 1", &limit).0, 2);
}

#[test]
fn delays_are_drawn_from_the_seed_of_the_trial() {
    let settings = "execution.latency = [1, 2, 1]";
    let rules = "long_entry = 'volume == 0'\nlong_exit = 'volume == 10'\n";
    let backtest = on_bars(&flat(20), settings, rules);
    let mut counts = [0; 3];
    for seed in 0..400 {
        let trace = backtest.trace_with_seed(&point(), seed).expect("no failure");
        let again = backtest.trace_with_seed(&point(), seed).expect("no failure");
        assert_eq!(trace.trades, again.trades);
        let mut session = backtest.session();
        let point = point();
        let metrics = session.run(&Trial::new(&point, seed), &mut Unwatched).expect("no failure");
        assert_eq!(support::bits(&metrics), support::bits(&trace.metrics));
        counts[trace.trades[0].entry_bar - 1] += 1;
    }
    // 100, 200, 100 are expected, with deviations of about 9 and 10.
    assert!((60..140).contains(&counts[0]) && (60..140).contains(&counts[2]), "{counts:?}");
}

#[test]
fn a_part_of_the_volume_fills_a_part_of_the_order() {
    let bars = flat(7).with_volume(&[0, 40, 60, 1000, 2, 50, 1000]);
    let rules = "long_entry = 'volume == 0'\nlong_exit = 'volume == 2'\nsize = { shares = 15 }";
    let found = trace(&bars, "cash = 10000\nexecution.volume_share = 0.1", rules);
    // 4 at bar 1, 6 at bar 2, the last 5 at bar 3; sold 5 at bar 5 and 10 at bar 6.
    let sizes: Vec<(f64, usize, usize)> =
        found.trades.iter().map(|t| (t.size, t.entry_bar, t.exit_bar)).collect();
    assert_eq!(sizes, [(5.0, 1, 5), (10.0, 1, 6)]);
    let stop = "long_entry = 'volume == 0'\nsize = { shares = 4 }\nstop_loss = '3%'";
    let mut prices = vec![FLAT; 6];
    prices[2] = [99.0, 99.0, 96.0, 96.5];
    prices[3] = [95.0, 95.0, 94.0, 94.0];
    let bars = Bars::new(&prices).with_volume(&[0, 40, 10, 1000, 2, 50]);
    let found = trace(&bars, "execution.volume_share = 0.1", stop);
    let exits: Vec<(f64, f64)> = found.trades.iter().map(|t| (t.size, t.exit_price)).collect();
    assert_eq!(exits, [(1.0, 97.0), (3.0, 95.0)], "the rest of a stop is sold at the next open");
}

/// The rest of a partial exit was once forgotten where the volume did not suffice.
#[test]
fn the_rest_of_a_partial_exit_stays_at_its_price() {
    let rules = "long_entry = 'volume == 1'\nsize = { shares = 20 }\n\
         partial_exits = [{ at = '2%', share = 0.5 }, { at = '4%', share = 0.5 }]";
    let mut prices = vec![FLAT; 8];
    prices[2] = [100.0, 103.0, 100.0, 100.0];
    prices[4] = [100.0, 103.0, 100.0, 100.0];
    prices[5] = [103.0, 105.0, 103.0, 103.0];
    let bars = Bars::new(&prices).with_volume(&[1, 1000, 40, 50, 30, 1000, 60, 70]);
    let found = trace(&bars, "cash = 10000\nexecution.volume_share = 0.1", rules);
    let exits: Vec<(usize, f64, f64)> =
        found.trades.iter().map(|t| (t.exit_bar, t.size, t.exit_price)).collect();
    // 4 of 10 at bar 2; bar 3 does not come back to 102; 3 at bar 4; the last 3 at the open of
    // bar 5, which is better, and the second exit there.
    assert_eq!(exits, [(2, 4.0, 102.0), (4, 3.0, 102.0), (5, 3.0, 103.0), (5, 10.0, 104.0)]);
}

#[test]
fn what_fails_is_dropped_when_it_enters_and_tried_again_when_it_leaves() {
    let rules = "long_entry = 'volume == 0'\nlong_exit = 'volume == 2'\n";
    let backtest = on_bars(&flat(30), "execution.failure = 0.5", rules);
    let (mut entered, mut late) = (0, 0);
    for seed in 0..400 {
        let trace = backtest.trace_with_seed(&point(), seed).expect("no failure");
        assert!(trace.trades.len() <= 1);
        for trade in trace.trades {
            entered += 1;
            late += u32::from(trade.exit_bar > 3);
            assert_eq!((trade.entry_bar, trade.reason), (1, Reason::Signal));
        }
    }
    assert!((150..250).contains(&entered), "{entered} of 400");
    assert!((60..140).contains(&late), "{late} of {entered}");
}
