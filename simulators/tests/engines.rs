//! The engines of the backtester give the same bits wherever several of them can run.

#![expect(clippy::cast_precision_loss, reason = "small numbers")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use search_spaces::{Point, Template, Value};
use simulators::{
    Backtest, Engine, Report, Simulator as _, Trace, Trial, Unwatched, Verdict, Watcher,
};
use support::{backtest_in, backtest_text, bits, ints};

const TEMPLATES: [&str; 4] = [
    include_str!("../../search-spaces/templates/sma-crossover.toml"),
    include_str!("../../search-spaces/templates/ema-crossover.toml"),
    include_str!("../../search-spaces/templates/breakout.toml"),
    include_str!("../../search-spaces/templates/rsi-reversal.toml"),
];

fn opened(text: &str) -> (Template, Backtest) {
    let template = support::template(text);
    let settings = template.settings().expect("a table");
    let backtest = Backtest::open(settings, &template.space, Path::new(""));
    let backtest = backtest.unwrap_or_else(|error| panic!("{error}"));
    (template, backtest)
}

/// A point of the space from a number, spread over all its parameters.
fn some_point(template: &Template, number: u64) -> Point {
    let unit: Vec<f64> = (0..template.space.parameters().len())
        .map(|i| (number as f64 * 0.618_033_988_75 * (i + 1) as f64 + 0.1 * i as f64).fract())
        .collect();
    template.space.decode(&unit)
}

/// Asserts that two runs agree in every trade, decision and bit.
fn assert_same(a: &Trace, b: &Trace, what: &str) {
    assert_eq!(a.decisions, b.decisions, "{what}");
    assert_eq!(a.trades, b.trades, "{what}");
    let curve = |trace: &Trace| bits(&trace.equity.iter().map(|e| e.1).collect::<Vec<_>>());
    assert_eq!(curve(a), curve(b), "{what}");
    assert_eq!(bits(&a.metrics), bits(&b.metrics), "{what}");
}

#[test]
fn the_templates_give_the_same_bits_with_every_engine() {
    for text in TEMPLATES {
        let (template, signals) = opened(text);
        assert_eq!((signals.engine(), signals.beyond_signals()), (Engine::Signals, None));
        let others = [Engine::Events, Engine::EveryBar]
            .map(|engine| (engine, opened(text).1.with_engine(engine)));
        for number in 0..40 {
            let point = some_point(&template, number);
            let expected = signals.trace(&point).expect("no failure");
            for (engine, other) in &others {
                assert_eq!(other.engine(), *engine);
                let found = other.trace(&point).expect("no failure");
                assert_same(&found, &expected, &format!("{engine:?} {}", template.name));
            }
        }
    }
}

/// Who looks on changes nothing, and sees what a run on the bars so far would have come to, whichever
/// engine runs; whoever is stopped has told no more than that.
#[test]
fn reports_are_the_same_from_every_engine_and_change_nothing() {
    let folder = Folder::new();
    for (bars, symbols) in [(397, 1), (9000, 1), (397, 2)] {
        let mut text = walk(bars, 5).replace("Date,", "Symbol,Date,").replace("\n2", "\nA,2");
        if symbols == 2 {
            text.push_str(
                &walk(bars / 2, 6).replace("\n2", "\nB,2")
                    ["Date,Open,High,Low,Close,Volume\n".len()..],
            );
        }
        std::fs::write(folder.0.join("p.csv"), text).expect("a file");
        for shares in ["whole", "fractional"] {
            let settings = format!("cash = 1e6\nshares = '{shares}'\nreports = 7\n{ALL_METRICS}");
            let engines = engines(&folder, &settings, &random_rules([25, 40, 35, 60]));
            let seen = engines.map(|backtest| {
                let point = ints(&[1]);
                let trial = Trial::new(&point, 0);
                let mut session = backtest.session();
                let alone = session.run(&trial, &mut Unwatched).expect("no failure");
                let mut reports: Vec<Report> = Vec::new();
                let watched = session.run(&trial, &mut reports).expect("no failure");
                assert_eq!(bits(&watched), bits(&alone), "{bars} bars");
                assert_eq!(reports.len(), 7);
                assert_eq!(bits(&reports[6].values), bits(&alone), "{bars} bars");
                let mut stopped = StopAt(3, Vec::new());
                session.run(&trial, &mut stopped).expect("no failure");
                assert_eq!(stopped.1.len(), 3);
                for (report, other) in stopped.1.iter().zip(&reports) {
                    assert_eq!(
                        (report.step, bits(&report.values)),
                        (other.step, bits(&other.values))
                    );
                }
                reports.iter().map(|report| bits(&report.values)).collect::<Vec<_>>()
            });
            assert_eq!(seen[0], seen[1], "{bars} bars, {symbols} symbols, {shares}");
            assert_eq!(seen[0], seen[2], "{bars} bars, {symbols} symbols, {shares}");
        }
    }
}

const ALL_METRICS: &str = "metrics = ['sharpe', 'sortino', 'calmar', 'max_drawdown', 'volatility', \
    'turnover', 'exposure', 'trades', 'win_rate', 'profit_factor', 'equity_final', 'equity_peak', \
    'average_drawdown', 'beta', 'sqn', 'average_trade', 'average_trade_days', 'max_trade_days']";

/// Stops at a step.
struct StopAt(u64, Vec<Report>);

impl Watcher for StopAt {
    fn report(&mut self, report: Report) -> Verdict {
        self.1.push(report);
        if self.1.len() as u64 == self.0 { Verdict::Stop } else { Verdict::Continue }
    }

    fn restart(&mut self) {}
}

#[test]
fn a_backtest_says_in_which_way_it_runs_and_why() {
    let way = |settings: &str, rules: &str| {
        let settings = format!("data = 'stocks-daily'\nsymbols = ['GOOG', 'IBM']\n{settings}");
        let rules = format!("long_entry = 'close > sma(close, n)'\n{rules}");
        let text = backtest_text("n = { int = [1, 9] }", &settings, &rules);
        backtest_in(&text, Path::new("")).0.way().expect("a sentence")
    };
    assert!(way("", "").starts_with("by signals alone: "));
    let broker =
        "by the broker of orders, from event to event, because signals alone do not decide: ";
    for (settings, rules, reason) in [
        ("", "stop_loss = '2%'", "the orders of [backtest.strategy]"),
        ("fill = 'next-close'", "", "fill = \"next-close\""),
        ("accounts = 'shared'", "", "accounts = \"shared\" with several symbols"),
        ("execution.spread = 0.01", "", "[backtest.execution]"),
        ("risk.max_positions = 1", "", "[backtest.risk]"),
    ] {
        assert_eq!(way(settings, rules), format!("{broker}{reason}"));
    }
}

/// A folder of one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("simulators-engines-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A random walk with gaps, whose volume holds random bits for rules to look at.
fn walk(bars: usize, seed: u64) -> String {
    let (mut text, mut price) = (String::from("Date,Open,High,Low,Close,Volume\n"), 50_i64);
    let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
    let mut below = |range: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        i64::try_from((state >> 33) % range).expect("small")
    };
    for bar in 0..bars {
        let open = (price + below(7) - 3).max(3);
        let close = (open + below(9) - 4).max(3);
        let (high, low) = (open.max(close) + below(3), (open.min(close) - below(3)).max(2));
        let (year, month, day) = (2000 + bar / 336, bar / 28 % 12 + 1, bar % 28 + 1);
        let volume = below(1 << 20);
        writeln!(text, "{year}-{month:02}-{day:02},{open},{high},{low},{close},{volume}")
            .expect("writing to a String succeeds");
        price = close;
    }
    text
}

/// A condition that holds at about two bars in `rarity`; another one for each place.
fn random_rule(rarity: u32, place: u32) -> String {
    format!("abs(volume - previous(volume, {})) < 1048576 / {rarity}", place + 1)
}

fn random_rules(rarities: [u32; 4]) -> String {
    let keys = ["long_entry", "long_exit", "short_entry", "short_exit"];
    let rules = keys.iter().zip(rarities).enumerate().filter(|(_, (_, rarity))| *rarity > 0);
    rules
        .map(|(place, (key, rarity))| {
            format!("{key} = '{}'\n", random_rule(rarity, u32::try_from(place).expect("small")))
        })
        .collect()
}

fn engines(folder: &Folder, settings: &str, rules: &str) -> [Backtest; 3] {
    let text = backtest_text("n = { int = [1, 9] }", &format!("data = 'p.csv'\n{settings}"), rules);
    [Engine::Signals, Engine::Events, Engine::EveryBar]
        .map(|engine| backtest_in(&text, &folder.0).0.with_engine(engine))
}

fn settings() -> impl Strategy<Value = String> {
    let fill = prop::sample::select(vec!["next-open", "same-close"]);
    let shares = prop::sample::select(vec!["whole", "fractional"]);
    let at_end = prop::sample::select(vec!["last-open", "last-close"]);
    let commission = prop::sample::select(vec!["0.0", "0.001", "0.03"]);
    let cash = prop::sample::select(vec!["40", "1000", "12345.6"]);
    let conflict = prop::sample::select(vec!["by-position", "exit", "neither"]);
    (fill, shares, at_end, commission, cash, conflict).prop_map(
        |(fill, shares, at_end, commission, cash, conflict)| {
            format!(
                "fill = '{fill}'\nshares = '{shares}'\nat_end = '{at_end}'\n\
                 commission = {commission}\ncash = {cash}\nconflict = '{conflict}'"
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_signals_give_the_same_bits_with_every_engine(
        settings in settings(),
        rarities in [1..40_u32, 0..20_u32, 0..40_u32, 0..20_u32],
        bars in 1..400_usize,
        seed in any::<u64>(),
    ) {
        let folder = Folder::new();
        std::fs::write(folder.0.join("p.csv"), walk(bars, seed)).expect("a file");
        let [signals, events, every_bar] = engines(&folder, &settings, &random_rules(rarities));
        let expected = signals.trace(&ints(&[1])).expect("no failure");
        for other in [events, every_bar] {
            let found = other.trace(&ints(&[1])).expect("no failure");
            assert_same(&found, &expected, &settings);
        }
    }

    /// Several symbols in one account, some of whose bars are missing.
    #[test]
    fn passing_over_symbols_and_dates_changes_nothing(
        settings in settings(),
        next_close in any::<bool>(),
        rarities in [1..40_u32, 0..60_u32, 0..90_u32, 0..60_u32],
        orders in orders(),
        rules in rules(),
        limits in prop::sample::select(vec!["", "risk.max_positions = 1", "risk.max_gross = 1.7"]),
        seed in any::<u64>(),
    ) {
        let folder = Folder::new();
        std::fs::write(folder.0.join("p.csv"), several(seed)).expect("a file");
        let settings = match next_close {
            true => settings.replace("'next-open'", "'next-close'"),
            false => settings,
        };
        let settings = format!("accounts = 'shared'\n{settings}\n{rules}\n{limits}");
        let strategy = format!("{}{orders}", random_rules(rarities));
        let [_, events, every_bar] = engines(&folder, &settings, &strategy);
        let expected = every_bar.trace(&ints(&[3])).expect("no failure");
        let found = events.trace(&ints(&[3])).expect("no failure");
        assert_same(&found, &expected, &format!("{settings}\n{strategy}"));
        let mut reports: Vec<Report> = Vec::new();
        let point = ints(&[3]);
        let watched = events.session().run(&Trial::new(&point, 0), &mut reports);
        prop_assert_eq!(bits(&watched.expect("no failure")), bits(&found.metrics));
    }

    /// With orders, there is nothing to compare with but the bars one by one.
    #[test]
    fn leaping_over_bars_changes_nothing(
        settings in settings(),
        next_close in any::<bool>(),
        rarities in [1..30_u32, 0..60_u32, 0..30_u32, 0..60_u32],
        orders in orders(),
        rules in rules(),
        seed in any::<u64>(),
    ) {
        let folder = Folder::new();
        std::fs::write(folder.0.join("p.csv"), walk(400, seed)).expect("a file");
        let settings = match next_close {
            true => settings.replace("'next-open'", "'next-close'"),
            false => settings,
        };
        let settings = format!("{settings}\n{rules}");
        let strategy = format!("{}{orders}", random_rules(rarities));
        let [_, events, every_bar] = engines(&folder, &settings, &strategy);
        let expected = every_bar.trace(&ints(&[3])).expect("no failure");
        let found = events.trace(&ints(&[3])).expect("no failure");
        assert_same(&found, &expected, &format!("{settings}\n{strategy}"));
        // Money is neither made nor lost between the trades and the curve.
        let profit: f64 = found.trades.iter().map(simulators::Trade::profit).sum();
        let (first, last) = (cash_of(&settings), found.equity[found.equity.len() - 1].1);
        if last > 0.0 {
            prop_assert!((first + profit - last).abs() < 1e-9 * (first + profit.abs()));
        }
    }
}

/// Three random walks of which one begins later, one ends early, and all lack some days.
fn several(seed: u64) -> String {
    let mut text = String::from("Symbol,Date,Open,High,Low,Close,Volume\n");
    for (place, (first, bars)) in [(0, 300), (40, 260), (0, 200)].into_iter().enumerate() {
        let place = place as u64;
        let lines = walk(first + bars, seed.wrapping_add(place));
        for (bar, line) in lines.lines().skip(1 + first).enumerate() {
            if !(bar as u64 + place).is_multiple_of(11 + place) {
                writeln!(text, "S{place},{line}").expect("writing to a String succeeds");
            }
        }
    }
    text
}

fn cash_of(settings: &str) -> f64 {
    let line = settings.lines().find_map(|line| line.strip_prefix("cash = "));
    line.expect("a line of cash").parse().expect("a number")
}

const TARGETS: &str = "take_profit = [{ at = '9%' }, { bars = 'n', at = '3%' }, \
     { minutes = 7200, at = 1 }, { bars = 20, at = '-1%' }]";
const BEGUN: &str = "trailing_stop = { activation = '3%', distance = 2 }";
const STEPS: &str = "trailing_stop = [{ distance = 'n' }, { activation = '2%', distance = '9%' }, \
     { activation = '8%', distance = '1%' }]";

fn orders() -> impl Strategy<Value = String> {
    let any = |lines: &'static [&'static str]| prop::sample::select(lines.to_vec());
    (
        any(&["", "stop_loss = '4%'", "stop_loss = 'n'", "stop_loss = '(high - low + 1)'"]),
        any(&["", "take_profit = '6%'", "take_profit = '2 * n'", TARGETS]),
        any(&[
            "",
            "trailing_stop = '5%'",
            "trailing_stop = 'n + 1'\ntrail = 'close'",
            BEGUN,
            STEPS,
        ]),
        any(&["", "time_stop = 5", "time_stop = 'n'"]),
        any(&["", "partial_exits = [{ at = '2%', share = 0.5 }, { at = '3%', share = '1 / n' }]"]),
        any(&["", "entry = { limit = '1%' }", "entry = { stop = '1%' }\nexpires = 3"]),
        any(&["", "size = { fraction = 0.4 }", "size = { shares = 7 }", "size = { shares = 'n' }"]),
    )
        .prop_map(|(a, b, c, d, e, f, g)| [a, b, c, d, e, f, g].join("\n"))
}

const LAST: &str = "same_bar = 'trailing-last'";

fn rules() -> impl Strategy<Value = String> {
    let any = |lines: &'static [&'static str]| prop::sample::select(lines.to_vec());
    (
        any(&["", "same_bar = 'target-first'", "same_bar = 'nearest-to-open'", LAST]),
        any(&["", "entry_bar = 'next-bar'", "entry_bar = 'deferred'", "entry_bar = 'by-close'"]),
        any(&["", "gaps = 'level'"]),
        any(&["", "trailing = 'within-bar'"]),
        any(&["", "targets = 'through'"]),
        any(&["", "reentry = 'next-bar'", "reentry = 'after-signal'"]),
        any(&["", "size_at = 'decision'"]),
        any(&["", "execution.latency = 1", "execution.latency = [0.5, 0.5]"]),
        any(&["", "execution.fees.borrow_per_day = 0.0003", "execution.failure = 0.2"]),
        any(&["", "risk.drawdown_stop = 0.3\nrisk.cooldown = 4", "risk.daily_loss_stop = 0.1"]),
        any(&["", "execution.volume_share = 0.00001", "execution.slippage.fraction = 0.01"]),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i, j, k)| [a, b, c, d, e, f, g, h, i, j, k].join("\n"))
}

/// What an account does until some bar does not depend on how many come after it.
#[test]
fn no_order_looks_ahead() {
    const BARS: usize = 120;
    let folder = Folder::new();
    let text = walk(BARS, 77);
    let lines: Vec<&str> = text.lines().collect();
    let rules = random_rules([3, 20, 4, 20]);
    let orders = "stop_loss = '3%'\ntake_profit = '5%'\ntrailing_stop = '4%'\n\
         entry = { stop = '0.5%' }\nexpires = 4\nsize = { risk = 0.02 }";
    for fill in ["next-open", "same-close", "next-close"] {
        let trace = |bars: usize| {
            let file = format!("{}\n", lines[..=bars].join("\n"));
            std::fs::write(folder.0.join("p.csv"), file).expect("a file");
            let settings = format!("fill = '{fill}'\ncash = 1000\nexecution.latency = [0.7, 0.3]");
            let [_, events, _] = engines(&folder, &settings, &format!("{rules}{orders}"));
            events.trace(&Point::new(vec![Value::Int(3)])).expect("no failure")
        };
        let whole = trace(BARS);
        assert!(whole.trades.len() > 10, "{} trades", whole.trades.len());
        for bars in 1..BARS {
            let cut = trace(bars);
            let before = whole.decisions.iter().filter(|decision| decision.bar < bars);
            assert_eq!(cut.decisions, before.copied().collect::<Vec<_>>(), "cut after {bars}");
            let ended = |trace: &Trace| -> Vec<simulators::Trade> {
                let before = trace.trades.iter().filter(|trade| trade.exit_bar + 1 < bars);
                before.copied().collect()
            };
            assert_eq!(ended(&cut), ended(&whole), "cut after {bars}");
        }
    }
}
