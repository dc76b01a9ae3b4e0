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

/// The shares of the first trade with their price, and the cash that is left.
fn bought(bars: &Bars, settings: &str, size: &str) -> Option<(f64, f64, f64)> {
    let rules = format!("long_entry = 'volume == 0'\nsize = {size}\nstop_loss = '5%'");
    let found = trace(bars, settings, &rules);
    let trade = found.trades.first()?;
    let close = 100.0;
    let cash = found.equity[trade.entry_bar].1 - trade.size * close;
    Some((trade.size, trade.entry_price, cash))
}

/// So many shares were once bought at any price: 99 at 105 for 10,395 of 10,000.
#[test]
fn shares_that_are_asked_for_are_paid_with_their_slippage_and_fees() {
    let calm = [100.0, 106.0, 99.0, 100.0];
    let bars = Bars::new(&[FLAT, calm, calm, calm]);
    let slips = "execution.slippage.fraction = 0.05\nentry_bar = 'next-bar'";
    for (settings, size) in [
        ("", "{ shares = 99 }"),
        ("", "{ risk = 0.049 }"),
        ("", "'all'"),
        ("size_at = 'decision'", "'all'"),
    ] {
        let (shares, price, cash) =
            bought(&bars, &format!("{slips}\n{settings}"), size).expect(size);
        assert_eq!((shares, price), (95.0, 105.0), "{settings} {size}");
        assert_near(cash, 25.0);
        let refuses = format!("{slips}\n{settings}\nunaffordable = 'refuse'");
        let is_of_shares = size != "'all'" || !settings.is_empty();
        assert_eq!(bought(&bars, &refuses, size).is_none(), is_of_shares, "{settings} {size}");
    }
    let lent = format!("{slips}\nrisk.max_gross = 1.0395");
    assert_eq!(bought(&bars, &lent, "{ shares = 99 }").expect("credit").0, 99.0);
    for (fees, shares, left) in [
        ("per_order = 50", 100, 50.0),
        ("minimum = 80", 100, 20.0),
        ("minimum = 80", 99, 20.0),
        ("minimum = 80, per_share = 1", 99, 1.0),
    ] {
        let settings = format!("execution.fees = {{ {fees} }}");
        let (size, _, cash) =
            bought(&flat(5), &settings, &format!("{{ shares = {shares} }}")).expect(fees);
        assert_eq!(size, 99.0, "{fees}");
        assert_near(cash, left);
    }
    let settings = "execution.fees.per_order = 50\nshares = 'fractional'";
    let (size, _, cash) = bought(&flat(5), settings, "{ shares = 100 }").expect("room");
    assert_near(size, 99.5);
    assert_near(cash, 0.0);
    // A short sale keeps the size of the price without its slippage.
    let rules = "short_entry = 'volume == 0'\nsize = { shares = 99 }";
    let short = trace(&flat(5), slips, rules).trades[0];
    assert_eq!((short.size, short.entry_price), (-99.0, 95.0));
}

/// The rest of an order that the volume has kept back was once as large as if there were no
/// slippage.
#[test]
fn the_rest_of_an_order_is_what_the_cash_still_pays() {
    let bars = flat(9).with_volume(&[0, 201, 202, 203, 204, 205, 206, 207, 208]);
    let settings = "execution = { volume_share = 0.1, slippage = { fraction = 0.05 } }";
    for unaffordable in ["cut", "refuse"] {
        let settings = format!("{settings}\nunaffordable = '{unaffordable}'");
        let found = trace(&bars, &settings, "long_entry = 'volume == 0'");
        assert_eq!(found.trades[0].size, 95.0, "{unaffordable}");
    }
}

/// Shares once brought -880 apiece, and the account more than all it had was lost in the list of
/// its trades.
#[test]
fn a_sale_brings_nothing_at_the_worst() {
    let bars = flat(6).with_volume(&[0, 1000, 2, 10, 1000, 1000]);
    let found = trace(&bars, "execution.slippage.impact = 0.1", BUY_AND_SELL);
    let trade = found.trades[0];
    assert_eq!((trade.size, trade.exit_price), (99.0, 0.0));
    assert_near(found.equity[5].1, 10_000.0 + trade.profit());
    let found = trace(&flat(6), "execution.slippage.fixed = 150", BUY_AND_SELL);
    let trade = found.trades[0];
    assert_eq!((trade.size, trade.entry_price, trade.exit_price), (39.0, 250.0, 0.0));
    // Nobody enters where there is nothing to receive.
    let short = "short_entry = 'volume == 0'";
    assert!(trace(&flat(6), "execution.slippage.fixed = 150", short).trades.is_empty());
}

/// Nine shares once cost as much apiece as the 99 that were wanted.
#[test]
fn a_purchase_is_cut_to_the_shares_that_are_paid_at_their_own_impact() {
    let settings = "execution.slippage.impact = 0.1\nentry_bar = 'next-bar'";
    for (volume, shares) in [(10, 39.0), (100, 92.0)] {
        let bars = flat(4).with_volume(&[0, volume, 1000, 1001]);
        let share: f64 = shares / f64::from(volume);
        for size in ["'all'", "{ shares = 99 }"] {
            let (size, price, cash) = bought(&bars, settings, size).expect(size);
            assert_eq!(size, shares);
            assert_near(price, 100.0 * (1.0 + 0.1 * share * share));
            assert!(cash >= 0.0);
        }
    }
}

/// Where the entry failed, the exit was once dropped as well, and the long position was kept
/// against its signal.
#[test]
fn a_reversal_that_fails_still_leaves_the_position() {
    let rules = "long_entry = 'volume == 0'\nshort_entry = 'volume == 5'";
    let backtest = on_bars(&flat(40), "execution.failure = 0.5", rules);
    let mut later = 0;
    for seed in 0..60 {
        let trace = backtest.trace_with_seed(&point(), seed).expect("no failure");
        if let Some(long) = trace.trades.iter().find(|trade| trade.size > 0.0) {
            assert_eq!(long.reason, Reason::Signal, "{long:?}");
            later += usize::from(long.exit_bar > 6);
        }
    }
    assert!((8..=22).contains(&later), "a quarter has a long whose reversal fails: {later}");
}

/// The rest was once sold at the open and by the stop again: 40 shares of a volume of 200.
#[test]
fn the_rest_of_a_stop_is_sold_once_a_bar() {
    let bars = Bars::new(&[
        FLAT,
        FLAT,
        FLAT,
        [100.0, 101.0, 95.0, 97.0],
        [97.5, 98.0, 96.0, 97.0],
        [98.0, 104.0, 97.0, 103.0],
        [103.0, 104.0, 102.0, 103.0],
        [103.0, 104.0, 102.0, 103.0],
    ]);
    let bars = bars.with_volume(&[0, 1000, 1001, 200, 201, 202, 203, 204]);
    let rules = "long_entry = 'volume == 0'\nstop_loss = '3%'\ntake_profit = '4%'";
    let found = trace(&bars, "execution.volume_share = 0.1", rules);
    let sold: Vec<(f64, f64, Reason)> =
        found.trades.iter().map(|t| (t.size, t.exit_price, t.reason)).collect();
    let expected = [(20.0, 97.0), (20.0, 97.5), (20.0, 98.0), (20.0, 103.0), (19.0, 103.0)];
    assert_eq!(sold, expected.map(|(size, price)| (size, price, Reason::StopLoss)));
}
