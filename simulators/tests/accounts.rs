//! Accounts: several symbols on one cash, limits on what is held, limits of loss, and reports.

#![expect(clippy::float_cmp, reason = "exact results are asserted")]

mod support;

use search_spaces::{Point, Value};
use simulators::{Reason, Report, Simulator as _, Trace, Trade, Trial, Verdict, Watcher};
use support::bars::{Bars, on_bars};
use support::{SMA_CROSS, SMA_SPACE, backtest, bits, ints};

const FLAT: [f64; 4] = [100.0, 101.0, 99.0, 100.0];

fn trace(bars: &Bars, settings: &str, rules: &str) -> Trace {
    let backtest = on_bars(bars, settings, rules);
    backtest.trace(&Point::new(vec![Value::Int(2)])).expect("no failure")
}

fn sizes(trace: &Trace) -> Vec<(u32, f64)> {
    trace.trades.iter().map(|trade| (trade.symbol, trade.size)).collect()
}

fn equity(trace: &Trace) -> Vec<f64> {
    trace.equity.iter().map(|(_, equity)| *equity).collect()
}

/// Three symbols with the same flat bars.
fn three() -> Bars {
    let bars = vec![FLAT; 5];
    Bars::of_symbols(&[("A", 0, &bars), ("B", 0, &bars), ("C", 0, &bars)])
}

const BUY_ALL: &str = "long_entry = 'volume >= 0'\n";

#[test]
fn entries_of_one_time_share_the_cash_in_proportion() {
    let settings = "accounts = 'shared'\ncash = 30000\nshares = 'fractional'";
    let found = trace(&three(), settings, BUY_ALL);
    for (_, size) in sizes(&found) {
        assert!((size - 100.0).abs() < 1e-9, "a third each, whatever the order: {size}");
    }
    assert_eq!(equity(&found), [30000.0; 5]);
    let alone = trace(&three(), "cash = 30000\nshares = 'fractional'", BUY_ALL);
    assert_eq!(sizes(&alone), sizes(&found));
}

#[test]
fn one_account_follows_all_dates_and_gives_cash_back_to_all() {
    // B begins two days later; A is sold at bar 3, and what it has won buys more of B.
    let a = [FLAT, FLAT, FLAT, [200.0, 200.0, 200.0, 200.0], [200.0; 4], [200.0; 4]];
    let b = [[10.0; 4], [10.0; 4], [10.0; 4], [20.0; 4]];
    let bars = Bars::of_symbols(&[("A", 0, &a), ("B", 2, &b)]);
    let rules = "long_entry = '(close > 50 and volume == 0) or (close < 50 and volume == 1)'\n\
         long_exit = 'volume == 2 and close > 50'";
    let settings = "accounts = 'shared'\ncash = 1000\nmetrics = ['trades', 'exposure']";
    let found = trace(&bars, settings, rules);
    let shown: Vec<(u32, f64, usize, usize)> =
        found.trades.iter().map(|t| (t.symbol, t.size, t.entry_bar, t.exit_bar)).collect();
    // 9 shares of A from 100 to 200 make 1900; 189 shares of B at 10, which doubles.
    assert_eq!(shown, [(0, 9.0, 1, 3), (1, 189.0, 2, 3)]);
    let expected = [1000.0, 1000.0, 1000.0, 1900.0, 1900.0, 1900.0 + 1890.0];
    assert_eq!(equity(&found), expected);
    assert_eq!(found.metrics, [2.0, 5.0 / 10.0]);
}

/// What rounding leaves of the cash, some 10^-12 of it, once bought B: 10^-14 shares, with which the
/// symbol was in a position, so that its real entry was passed over.
#[test]
fn what_rounding_leaves_of_the_cash_buys_nothing() {
    let a = vec![[100.3, 101.0, 99.0, 100.0]; 7];
    let mut b = vec![[50.0, 51.0, 49.0, 50.0]; 5];
    b.extend([[50.0, 61.0, 49.0, 60.0]; 2]);
    for (cash, commission) in [(9000.0, 0.001), (10_000.0, 0.0), (7777.0, 0.0013)] {
        for price in [100.3, 99.7, 33.1, 12.34] {
            let a: Vec<[f64; 4]> =
                a.iter().map(|_| [price, price + 1.0, price - 1.0, price]).collect();
            let bars = Bars::of_symbols(&[("A", 0, &a), ("B", 0, &b)]);
            let rules = "long_entry = \"symbol == 'A' and volume == 0 or \
                 symbol == 'B' and (volume == 1 or volume == 4)\"\n\
                 long_exit = \"symbol == 'A' and volume == 3\"";
            for risk in ["max_gross = 1", "max_gross = 2, max_net = 1", "max_exposure = 1e5"] {
                let settings = format!(
                    "accounts = 'shared'\nshares = 'fractional'\ncash = {cash}\n\
                     commission = {commission}\nrisk = {{ {risk} }}"
                );
                let found = trace(&bars, &settings, rules);
                let entries: Vec<(u32, usize)> =
                    found.trades.iter().map(|t| (t.symbol, t.entry_bar)).collect();
                assert_eq!(entries, [(0, 1), (1, 5)], "{settings} {price}");
            }
        }
    }
}

/// At an open, the other holdings once counted at their closes before, although their opens of that
/// very time were known: here 5,000 of B were bought beside a short position that had come to be
/// worth all the equity.
#[test]
fn holdings_count_at_the_opens_of_the_time_of_a_fill() {
    let a = [FLAT, FLAT, FLAT, [150.0; 4], [150.0; 4], [150.0; 4]];
    let b = [FLAT; 6];
    let rules = "long_entry = \"symbol == 'B' and volume == 2\"\n\
         short_entry = \"symbol == 'A' and volume == 0\"\nsize = { fraction = 0.5 }";
    let settings = "accounts = 'shared'\nshares = 'fractional'\ncash = 10000";
    for order in [["A", "B"], ["B", "A"]] {
        let bars = order.map(|symbol| (symbol, 0, if symbol == "A" { &a[..] } else { &b[..] }));
        let found = trace(&Bars::of_symbols(&bars), settings, rules);
        assert_eq!(found.trades.len(), 1, "equity and gross exposure are 7,500");
        assert_eq!(equity(&found)[5], 7500.0);
        let more = format!("{settings}\nrisk.max_gross = 2");
        let found = trace(&Bars::of_symbols(&bars), &more, rules);
        let b = found.trades.iter().find(|trade| trade.size > 0.0).expect("bought");
        assert!((b.size - 37.5).abs() < 1e-9, "half of 7,500, not of 10,000: {}", b.size);
    }
}

/// An order that is filled within a bar once found the holdings of symbols that come before it in
/// the data at the close of that bar, and those that come after it at the close before.
#[test]
fn holdings_count_at_their_opens_for_what_is_filled_within_the_bar() {
    let a = [FLAT, FLAT, FLAT, [110.0, 120.0, 110.0, 120.0], [120.0; 4]];
    let b = [FLAT, FLAT, FLAT, [100.0, 100.0, 90.0, 100.0], FLAT];
    let settings = "accounts = 'shared'\nshares = 'fractional'\ncash = 10000\nrisk.max_gross = 2";
    let rules = "long_entry = \"symbol == 'A' and volume == 0 or symbol == 'B' and volume == 2\"\n\
         size = { fraction = 0.5 }\nentry = { limit = \"110 - 10 * volume\" }";
    for order in [["A", "B"], ["B", "A"]] {
        let bars = order.map(|symbol| (symbol, 0, if symbol == "A" { &a[..] } else { &b[..] }));
        let found = trace(&Bars::of_symbols(&bars), settings, rules);
        let b = found.trades.iter().find(|trade| trade.entry_price == 90.0).expect("bought");
        assert_eq!(b.entry_bar, 3);
        assert!((b.size * 90.0 - 5250.0).abs() < 1e-9, "50 of A are worth 5,500 at the open");
    }
}

#[test]
fn limits_cut_one_name_then_all_then_the_side_that_weighs_too_much() {
    let limited = |risk: &str, rules: &str| {
        let settings = format!("accounts = 'shared'\ncash = 30000\nshares = 'fractional'\n{risk}");
        let found = trace(&three(), &settings, rules);
        sizes(&found).into_iter().map(|(_, size)| size.round()).collect::<Vec<_>>()
    };
    assert_eq!(limited("risk.max_position = 0.2", BUY_ALL), [60.0; 3]);
    assert_eq!(limited("risk = { max_position = 0.2, max_gross = 0.3 }", BUY_ALL), [30.0; 3]);
    assert_eq!(limited("risk.max_exposure = 6000", BUY_ALL), [20.0; 3]);
    assert_eq!(limited("risk.max_shares = 7", BUY_ALL), [7.0; 3]);
    assert_eq!(limited("risk.max_positions = 2", BUY_ALL), [150.0; 2], "the first two symbols");
    assert_eq!(limited("risk.max_gross = 3", BUY_ALL), [300.0; 3], "each has all the equity");
    assert_eq!(limited("risk.max_net = 0.5", BUY_ALL), [50.0; 3]);
}

#[test]
fn longs_and_shorts_weigh_against_each_other() {
    let up = vec![[100.0; 4]; 4];
    let down = vec![[50.0; 4]; 4];
    let bars = Bars::of_symbols(&[("A", 0, &up), ("B", 0, &up), ("C", 0, &down)]);
    let rules = "long_entry = 'close > 60'\nshort_entry = 'close < 60'";
    let settings = "accounts = 'shared'\ncash = 30000\nshares = 'fractional'\nrisk.max_net = 0.2";
    let found = trace(&bars, settings, rules);
    // A third each: 20,000 long, 10,000 short; the longs give 4,000 to come down to a net of 6,000.
    let rounded: Vec<f64> = sizes(&found).iter().map(|(_, size)| size.round()).collect();
    assert_eq!(rounded, [80.0, 80.0, -200.0]);
}

#[test]
fn a_fall_of_the_equity_ends_trading_for_good_or_for_a_while() {
    let mut bars = vec![FLAT; 3];
    bars.push([90.0, 90.0, 70.0, 70.0]);
    bars.extend(vec![[72.0, 73.0, 71.0, 72.0]; 8]);
    let bars = Bars::new(&bars);
    let rules = "long_entry = 'volume >= 0'";
    let found = trace(&bars, "risk.drawdown_stop = 0.2", rules);
    let trade = found.trades[0];
    assert_eq!(found.trades.len(), 1, "there is no second one");
    assert_eq!((trade.exit_bar, trade.exit_price), (4, 72.0), "the next open");
    assert_eq!(trade.reason, Reason::RiskStop);
    let again = trace(&bars, "risk = { drawdown_stop = 0.2, cooldown = 3 }", rules);
    assert_eq!(again.trades[1].entry_bar, 7, "decided three closes after the stop");
    let at_once = trace(&bars, "fill = 'same-close'\nrisk.drawdown_stop = 0.2", rules);
    assert_eq!((at_once.trades[0].exit_bar, at_once.trades[0].exit_price), (3, 70.0));
}

#[test]
fn a_daily_loss_ends_the_day() {
    let mut text = String::new();
    let times = ["10:00", "11:00", "12:00", "13:00", "14:00"];
    for day in 1..=2 {
        for (place, time) in times.iter().enumerate() {
            let price = if day == 1 && place >= 2 { 90 } else { 100 };
            text += &format!("2020-01-0{day} {time},{price},{price},{price},{price},1\n");
        }
    }
    let bars = Bars::of_text(&text);
    let found = trace(&bars, "risk.daily_loss_stop = 0.05", "long_entry = 'volume == 1'");
    let shown: Vec<(usize, usize, Reason)> =
        found.trades.iter().map(|t| (t.entry_bar, t.exit_bar, t.reason)).collect();
    let expected = [(1, 3, Reason::RiskStop), (6, 9, Reason::End)];
    assert_eq!(shown, expected, "the first close of the next day decides again");
}

/// Days were once cut at midnight in UTC, whatever the sessions said, so that a loss within one
/// session was two small ones.
#[test]
fn a_daily_loss_is_one_of_the_trading_day() {
    // A session from 18:00 to 17:00 in New York, in winter: 23:00 to 22:00 in UTC.
    let bars = |times: [&str; 6]| {
        let prices = [100, 100, 98, 95, 95, 95];
        let line = |(time, price): (&str, i32)| {
            format!("2020-01-{time},{price},{price},{price},{price},1\n")
        };
        Bars::of_text(&times.into_iter().zip(prices).map(line).collect::<String>())
    };
    let run = |bars: &Bars, settings: &str| {
        let settings = format!("risk.daily_loss_stop = 0.04\n{settings}");
        let found = trace(bars, &settings, "long_entry = 'volume == 1'");
        (found.trades[0].exit_bar, found.trades[0].reason)
    };
    let local = ["06 18:00", "06 20:00", "06 23:00", "07 01:00", "07 02:00", "07 03:00"];
    let sessions = "sessions = { days = 'sun-thu', open = '18:00', close = '17:00'";
    assert_eq!(run(&bars(local), ""), (5, Reason::End), "2 % and 3.1 %");
    assert_eq!(run(&bars(local), &format!("{sessions} }}")), (4, Reason::RiskStop));
    let utc = ["06 23:00", "07 01:00", "07 04:00", "07 06:00", "07 07:00", "07 08:00"];
    let zone = format!("{sessions}, timezone = 'America/New_York' }}");
    assert_eq!(run(&bars(utc), &zone), (4, Reason::RiskStop));
    // Midnight in New York is at 05:00 in UTC.
    let midnight = "sessions = { timezone = 'America/New_York' }";
    assert_eq!(run(&bars(utc), midnight), (5, Reason::End));
}

#[test]
fn a_stop_loss_may_be_followed_by_a_pause() {
    let mut bars = vec![FLAT; 2];
    bars.push([99.0, 99.0, 90.0, 92.0]);
    bars.extend(vec![[92.0, 93.0, 91.0, 92.0]; 8]);
    let rules = "long_entry = 'volume >= 0'\nstop_loss = '5%'";
    for (cooldown, entry) in [(1, 4), (3, 6)] {
        let found = trace(&Bars::new(&bars), &format!("risk.cooldown = {cooldown}"), rules);
        assert_eq!((found.trades[0].exit_bar, found.trades[1].entry_bar), (2, entry));
    }
}

#[test]
fn several_symbols_are_ruined_together() {
    let short = [[10.0; 4], [10.0; 4], [10.0; 4], [50.0; 4], [50.0; 4]];
    let still = [[10.0; 4]; 5];
    let bars = Bars::of_symbols(&[("A", 0, &short), ("B", 0, &still)]);
    let settings = "accounts = 'shared'\ncash = 1000\nmetrics = ['equity_final', 'trades']";
    let found = trace(&bars, settings, "short_entry = 'volume == 0'");
    assert_eq!(found.trades.iter().filter(|t| t.reason == Reason::Ruin).count(), 2);
    assert_eq!(equity(&found), [1000.0, 1000.0, 1000.0, 0.0, 0.0]);
}

/// Stops at a report.
struct StopAt(u64, Vec<Report>);

impl Watcher for StopAt {
    fn report(&mut self, report: Report) -> Verdict {
        self.1.push(report);
        if self.1.len() as u64 == self.0 { Verdict::Stop } else { Verdict::Continue }
    }

    fn restart(&mut self) {}
}

#[test]
fn reports_are_the_metrics_of_the_run_so_far() {
    let settings = |to: &str| {
        format!(
            "data = 'stocks-daily'\nsymbols = ['GOOG', 'IBM']\nfrom = 2005-01-03\nto = {to}\n\
             reports = 4\nmetrics = ['equity_final', 'max_drawdown', 'trades', 'sharpe', \
             'exposure', 'buy_and_hold', 'turnover']"
        )
    };
    let point = ints(&[10, 30]);
    let rules = format!("{SMA_CROSS}\nstop_loss = '5%'");
    for rules in [SMA_CROSS, &rules] {
        let whole = backtest(SMA_SPACE, &settings("2008-12-31"), rules);
        assert!(whole.reports());
        let mut reports: Vec<Report> = Vec::new();
        let trial = Trial::new(&point, 0);
        let metrics = whole.session().run(&trial, &mut reports).expect("no failure");
        let steps: Vec<u64> = reports.iter().map(|report| report.step).collect();
        assert_eq!(steps, [1, 2, 3, 4]);
        assert_eq!(bits(&reports[3].values), bits(&metrics), "the last one is the result");
        // Half of the bars by themselves: the same, but that they close what is open.
        let dates = whole.trace(&point).expect("no failure").equity;
        let half = dates[dates.len().div_ceil(2) - 1].0.to_string();
        let cut = backtest(SMA_SPACE, &settings(&half), rules).trace(&point).expect("no failure");
        let report = &reports[1].values;
        let open = cut.trades.iter().filter(|trade| trade.reason == Reason::End).count();
        assert_eq!(report[2] + open as f64, cut.metrics[2]);
        for place in [0, 1, 4, 5] {
            let (found, expected) = (report[place], cut.metrics[place]);
            assert!((found / expected - 1.0).abs() < 1e-12, "{place}: {found} {expected}");
        }
        // Turnover has the entry of what is open; the cut run has its exit, too.
        assert!(open > 0 || rules != SMA_CROSS, "always in the market");
        let value = |trades: &[Trade], value: fn(&Trade) -> f64| trades.iter().map(value).sum();
        let all: f64 = value(&cut.trades, |t| t.size.abs() * (t.entry_price + t.exit_price));
        let exits: f64 = value(&cut.trades, |t| match t.reason {
            Reason::End => t.size.abs() * t.exit_price,
            _ => 0.0,
        });
        let (found, expected) = (report[6], cut.metrics[6] * (1.0 - exits / all));
        assert!((found / expected - 1.0).abs() < 1e-12, "turnover: {found} {expected}");
        let mut stop = StopAt(2, Vec::new());
        whole.session().run(&trial, &mut stop).expect("no failure");
        assert_eq!(stop.1, reports[..2]);
    }
    let silent = backtest(SMA_SPACE, "data = 'stocks-daily'\nreports = 0", SMA_CROSS);
    assert!(!silent.reports());
}

/// The limit on shares once came last: half of the cash was kept for shares of B that it then
/// forbade.
#[test]
fn the_limit_on_shares_comes_before_entries_are_scaled() {
    let bars = Bars::of_symbols(&[("A", 0, &[FLAT; 4]), ("B", 0, &[[10.0; 4]; 4])]);
    let settings = "accounts = 'shared'\nshares = 'fractional'\nrisk.max_shares = 100";
    for size in ["'all'", "{ shares = 1000 }"] {
        let found = trace(&bars, settings, &format!("long_entry = 'volume == 0'\nsize = {size}"));
        for (symbol, size) in sizes(&found) {
            assert!((size - 1000.0 / 11.0).abs() < 1e-6, "{symbol}: {size}");
        }
        assert_eq!(sizes(&found).len(), 2);
    }
    let alone = Bars::new(&[[10.0; 4]; 4]);
    for fees in ["", "minimum = 5, per_share = 0.1", "minimum = 50", "per_order = 5, taker = 0.001"]
    {
        let settings = format!("risk.max_shares = 100\nexecution.fees = {{ {fees} }}");
        let found = trace(&alone, &settings, "long_entry = 'volume == 0'");
        assert_eq!(sizes(&found), [(0, 100.0)], "whole to the last share: {fees}");
    }
}
