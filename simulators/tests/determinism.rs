//! What makes the results hash possible: no look-ahead, and the same bits in any session, in any
//! order, with and without the cache.

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use search_spaces::{Point, Template, Value};
use simulators::{Backtest, Decision, Simulator as _, Trial, Unwatched};
use support::{SMA_CROSS, SMA_SPACE, backtest, backtest_in, backtest_text, bits, ints, some_point};

const CROSSOVER: &str = include_str!("../../search-spaces/templates/sma-crossover.toml");
const REVERSAL: &str = include_str!("../../search-spaces/templates/rsi-reversal.toml");

fn opened(text: &str) -> (Template, Backtest) {
    let template = support::template(text);
    let settings = template.settings().expect("a table");
    let backtest = Backtest::open(settings, &template.space, Path::new(""));
    let backtest = backtest.unwrap_or_else(|error| panic!("{error}"));
    (template, backtest)
}

#[test]
fn interleaved_sessions_and_threads_give_the_same_bits() {
    let (template, backtest) = opened(REVERSAL);
    let points: Vec<Point> = (0..40).map(|number| some_point(&template, number)).collect();
    let alone: Vec<Vec<u64>> =
        points.iter().map(|point| bits(&support::run(&backtest, point))).collect();
    let (mut a, mut b) = (backtest.session(), backtest.session());
    for (index, point) in points.iter().enumerate() {
        let back = points.len() - 1 - index;
        let first = a.run(&Trial::new(point, 1), &mut Unwatched).expect("no failure");
        let second = b.run(&Trial::new(&points[back], 2), &mut Unwatched).expect("no failure");
        assert_eq!((&bits(&first), &bits(&second)), (&alone[index], &alone[back]));
    }
    std::thread::scope(|scope| {
        for shift in 0..4 {
            let (points, alone, backtest) = (&points, &alone, &backtest);
            scope.spawn(move || {
                let mut session = backtest.session();
                for index in 0..points.len() {
                    let index = (index * 7 + shift * 11) % points.len();
                    let values = session
                        .run(&Trial::new(&points[index], 0), &mut Unwatched)
                        .expect("no failure");
                    assert_eq!(bits(&values), alone[index]);
                }
            });
        }
    });
}

/// The first bars of a symbol of the built-in data, as the lines of a CSV file.
fn walk(bars: usize) -> Vec<String> {
    // A walk with many small steps, ties included, is as good as prices here.
    let (mut lines, mut price, mut state) = (Vec::new(), 100_i64, 12_345_u64);
    for bar in 0..bars {
        let mut step = |range: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from((state >> 33) % (2 * range + 1)).expect("small") - range.cast_signed()
        };
        let open = (price + step(2)).max(5);
        let close = (open + step(4)).max(5);
        let (high, low) = (open.max(close) + step(1).abs(), open.min(close) - step(1).abs());
        let (year, month, day) = (2000 + bar / 336, bar / 28 % 12 + 1, bar % 28 + 1);
        lines.push(format!("{year}-{month:02}-{day:02},{open},{high},{low},{close},{bar}\n"));
        price = close;
    }
    lines
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("simulators-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        Self(folder)
    }

    /// A backtest on the first `bars` of the lines.
    fn backtest(&self, lines: &[String], bars: usize, text: &str) -> Backtest {
        let header = "Date,Open,High,Low,Close,Volume\n";
        let file = format!("{header}{}", lines[..bars].concat());
        std::fs::write(self.0.join("p.csv"), file).expect("a temporary file");
        backtest_in(text, &self.0).0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Strategies that use everything there is, each with the fill rule to try it with.
const STRATEGIES: [(&str, &str); 6] = [
    ("next-open", SMA_CROSS),
    ("same-close", SMA_CROSS),
    (
        "next-open",
        "long_entry = 'close > previous(highest(high, fast), 1)'\n\
         long_exit = 'close < previous(lowest(low, slow), 1)'\n\
         short_entry = 'rsi(close, fast) > 70'\nshort_exit = 'rsi(close, fast) < 40'",
    ),
    (
        "next-open",
        "long_entry = 'ema(close, fast) > ema(close, slow) and volume > 20'\n\
         long_exit = 'not (close > sma(open, fast))'",
    ),
    (
        "same-close",
        "long_entry = 'cross_above(ema(close - open, fast), 0)'\n\
         short_entry = 'min(close, previous(close, 2)) < lowest(low, slow) + 1'\n\
         short_exit = 'abs(close - open) > 2'",
    ),
    ("next-open", "short_entry = 'sma(sma(close, fast), slow) > close'\nshort_exit = 'true'"),
];

#[test]
fn no_decision_depends_on_a_later_bar() {
    const BARS: usize = 400;
    let lines = walk(BARS);
    let folder = Folder::new("look-ahead");
    let point = ints(&[5, 13]);
    for (fill, rules) in STRATEGIES {
        for summation in ["exact", "rolling"] {
            let settings =
                format!("data = 'p.csv'\nfill = '{fill}'\nsummation = '{summation}'\ncash = 1000");
            let text = backtest_text(SMA_SPACE, &settings, rules);
            let whole = folder.backtest(&lines, BARS, &text).trace(&point).expect("no failure");
            assert!(whole.decisions.len() > 10, "{} decisions of {rules}", whole.decisions.len());
            for bars in 1..BARS {
                let cut = folder.backtest(&lines, bars, &text).trace(&point).expect("no failure");
                let before = |decision: &&Decision| decision.bar < bars;
                let expected: Vec<Decision> =
                    whole.decisions.iter().filter(before).copied().collect();
                assert_eq!(cut.decisions, expected, "{rules} cut after bar {bars}");
                // The last bar closes what is open; before it, the curves are the same.
                let curve = |trace: &simulators::Trace| {
                    bits(&trace.equity[..bars - 1].iter().map(|e| e.1).collect::<Vec<_>>())
                };
                assert_eq!(curve(&cut), curve(&whole));
            }
        }
    }
}

/// A random number expression, and a random condition of two of them.
fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("close".to_owned()),
        Just("open".to_owned()),
        Just("high".to_owned()),
        Just("volume".to_owned()),
        Just("slow".to_owned()),
        (1..150_u32).prop_map(|n| n.to_string()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let function =
            prop::sample::select(vec!["sma", "ema", "highest", "lowest", "rsi", "previous"]);
        let operator = prop::sample::select(vec!["+", "-", "*", "/"]);
        prop_oneof![
            (function, inner.clone(), 1..30_u32)
                .prop_map(|(function, series, n)| format!("{function}({series}, {n})")),
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("max({a}, -abs({b}))")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let comparison = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let leaf = prop_oneof![
        (number(), comparison, number()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (number(), number()).prop_map(|(a, b)| format!("cross_above({a}, {b})")),
        (number(), number()).prop_map(|(a, b)| format!("cross_below({a}, {b})")),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        let operator = prop::sample::select(vec!["and", "or"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_strategies_do_not_look_ahead_and_need_no_cache(
        entry in condition(),
        exit in condition(),
        short in condition(),
        cut in 1..150_usize,
    ) {
        let lines = walk(150);
        let folder = Folder::new("random");
        let rules = format!(
            "long_entry = '{entry}'\nlong_exit = '{exit}'\nshort_entry = '{short}'"
        );
        let text = backtest_text(SMA_SPACE, "data = 'p.csv'\ncash = 1000", &rules);
        let point = ints(&[5, 13]);
        let cached = folder.backtest(&lines, 150, &text);
        let whole = cached.trace(&point).expect("no failure");
        // The second run finds everything in the cache, the third nothing.
        let again = cached.trace(&point).expect("no failure");
        let uncached = folder.backtest(&lines, 150, &text).with_cache_bytes(0);
        let uncached = uncached.trace(&point).expect("no failure");
        for other in [&again, &uncached] {
            prop_assert_eq!(&other.decisions, &whole.decisions);
            prop_assert_eq!(bits(&other.metrics), bits(&whole.metrics));
        }
        let part = folder.backtest(&lines, cut, &text).trace(&point).expect("no failure");
        let before = whole.decisions.iter().filter(|decision| decision.bar < cut);
        prop_assert_eq!(part.decisions, before.copied().collect::<Vec<_>>());
    }
}

#[test]
fn a_small_cache_changes_nothing() {
    let settings = "data = 'stocks-daily'\nsymbols = ['GOOG', 'IBM']";
    let large = backtest(SMA_SPACE, settings, SMA_CROSS);
    let small = backtest(SMA_SPACE, settings, SMA_CROSS).with_cache_bytes(200_000);
    for fast in [2, 5, 10, 20, 5, 2] {
        for slow in [30, 60, 90, 120, 30] {
            let point = ints(&[fast, slow]);
            let (large, small) = (support::run(&large, &point), support::run(&small, &point));
            assert_eq!(bits(&large), bits(&small));
        }
    }
}

#[test]
fn what_is_found_in_the_cache_knows_when_its_indicators_begin() {
    let settings =
        "data = 'stocks-daily'\nsymbols = ['GOOG']\nmetrics = ['buy_and_hold', 'trades']";
    let rules = "long_entry = 'close > sma(close, fast) and close > ema(close, 90)'\n\
         long_exit = 'rsi(close, slow) > 70'";
    let cached = backtest(SMA_SPACE, settings, rules);
    let uncached = backtest(SMA_SPACE, settings, rules).with_cache_bytes(0);
    let mut seen = Vec::new();
    for (fast, slow) in [(10, 5), (200, 5), (10, 5), (10, 150), (200, 150), (10, 5)] {
        let point = ints(&[fast, slow]);
        let values = support::run(&cached, &point);
        assert_eq!(bits(&values), bits(&support::run(&uncached, &point)));
        seen.push(values[0].to_bits());
    }
    assert_eq!(seen[0], seen[2]);
    assert!(seen[0] != seen[1] && seen[0] != seen[3] && seen[1] == seen[4]);
}

/// Orders that differ from each other.
const ORDERS: &[&str] = &[
    "stop_loss = '3%'",
    "stop_loss = 3",
    "take_profit = '3%'",
    "trailing_stop = '3%'",
    "trailing_stop = { activation = '2%', distance = '3%' }",
    "trailing_stop = [{ distance = '2%' }, { activation = '2%', distance = '3%' }]",
    "take_profit = [{ at = '3%' }, { bars = 2, at = '1%' }]",
    "take_profit = [{ at = '3%' }, { minutes = 2, at = '1%' }]",
    "trailing_stop = '3%'\ntrail = 'close'",
    "entry = { limit = '3%' }",
    "entry = { stop = '3%' }",
    "time_stop = 3",
    "size = { shares = 3 }",
    "size = { fraction = 0.3 }",
    "partial_exits = [{ at = '3%', share = 0.5 }]",
    "partial_exits = [{ at = '3%', share = 0.25 }]",
];

#[test]
fn fingerprints_change_with_everything_that_matters_and_nothing_else() {
    let base = "data = 'stocks-daily'\nsymbols = ['GOOG']";
    let print = |space: &str, settings: &str, rules: &str| {
        backtest(space, &format!("{base}\n{settings}"), rules).fingerprint()
    };
    let same = print(SMA_SPACE, "", SMA_CROSS);
    let written_out = "cash = 10000\ncommission = 0.0\nshares = 'whole'\nfill = 'next-open'\n\
         at_end = 'last-close'\nsummation = 'exact'\ncrossing = 'strict'\nadjust = true\n\
         statistics = 'arithmetic'\nperiods_per_year = 252";
    assert_eq!(same, print(SMA_SPACE, written_out, SMA_CROSS));
    let mut all = vec![same];
    for settings in [
        "cash = 1",
        "commission = 0.1",
        "shares = 'fractional'",
        "fill = 'same-close'",
        "at_end = 'last-open'",
        "summation = 'rolling'",
        "crossing = 'touch'",
        "statistics = 'geometric'",
        "periods_per_year = 365",
        "metrics = ['sharpe']",
        "adjust = false",
        "from = 2005-01-03",
        "fill = 'next-close'",
        "preset = 'vectorbt'",
        "same_bar = 'target-first'",
        "entry_bar = 'deferred'",
        "same_bar = 'trailing-last'",
        "entry_bar = 'by-close'",
        "gaps = 'level'",
        "trailing = 'within-bar'",
        "targets = 'through'",
        "preset = 'freqtrade'",
        "reentry = 'after-signal'",
        "size_at = 'decision'",
        "accounts = 'shared'",
        "reports = 5",
        "execution.spread = 0.1",
        "execution.fees.tiers = [{ fraction = 0.1 }]",
        "risk.max_gross = 2",
        "risk.cooldown = 2",
    ] {
        all.push(print(SMA_SPACE, settings, SMA_CROSS));
    }
    let long = "long_entry = 'cross_above(sma(close, fast), sma(close, slow))'";
    all.push(print(SMA_SPACE, "", long));
    all.push(print(SMA_SPACE, "", &long.replace("long_entry", "short_entry")));
    for order in ORDERS {
        all.push(print(SMA_SPACE, "", &format!("{SMA_CROSS}\n{order}")));
    }
    let plain = format!("{SMA_CROSS}\nsize = 'all'\nentry = 'market'\ntrail = 'extreme'");
    assert_eq!(same, print(SMA_SPACE, "preset = 'own'\nreports = 10", &plain));
    let swapped = "slow = { int = [1, 300] }\nfast = { int = [1, 300] }";
    all.push(print(swapped, "", SMA_CROSS));
    let ibm = base.replace("GOOG", "IBM");
    all.push(backtest(SMA_SPACE, &ibm, SMA_CROSS).fingerprint());
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

/// These bits were written down once, and have to be the same on every machine and in every
/// release that does not raise the semantics version.
#[test]
fn golden_values() {
    let (_, backtest) = opened(CROSSOVER);
    let mut digest = blake3::Hasher::new();
    for fast in (2..60).step_by(7) {
        for slow in (60..200).step_by(20) {
            for value in support::run(&backtest, &ints(&[fast, slow])) {
                digest.update(&value.to_bits().to_le_bytes());
            }
        }
    }
    let (template, backtest) = opened(REVERSAL);
    for number in 0..20 {
        for value in support::run(&backtest, &some_point(&template, number)) {
            digest.update(&value.to_bits().to_le_bytes());
        }
    }
    let mut shown = String::new();
    for byte in &digest.finalize().as_bytes()[..8] {
        write!(shown, "{byte:02x}").expect("writing to a String succeeds");
    }
    assert_eq!(shown, "e5a668ee876cfe19");
}

#[test]
fn bools_and_ordinals_take_part_in_rules() {
    let space = "flag = { bool = true }\nsize = { ordinal = ['small', 'middle', 'large'] }";
    let rule = "long_entry = \"(flag == true and size >= 'middle') and close > 50 * flag\"";
    let backtest = backtest(space, "data = 'stocks-daily'\nsymbols = ['GOOG']", rule);
    let enters = |flag: bool, size: u32| {
        let point = Point::new(vec![Value::Bool(flag), Value::Label(size)]);
        !backtest.trace(&point).expect("no failure").decisions.is_empty()
    };
    assert!(enters(true, 1) && enters(true, 2));
    assert!(!enters(true, 0) && !enters(false, 2));
}
