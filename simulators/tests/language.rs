//! Strategies from the whole grammar on data of all kinds: none panics, none looks ahead, and the
//! cache and the choice of the engine change nothing.
//!
//! `FUZZ_CASES=100000 cargo test --release -p simulators --test language` tries more of them.

mod support;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use search_spaces::{Document, Point, Template};
use simulators::{Backtest, Date, Decision, Engine, OpenError, Trace};
use support::{backtest_text, bits, some_point};

fn cases() -> u32 {
    std::env::var("FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48)
}

const SPACE: &str = "n = { int = [1, 30] }\nk = { float = [-1.0, 4.0] }\nflag = { bool = true }\n\
     kind = { choice = ['a', 'b'] }\nm = { int = [0, 9], when = \"kind == 'b'\" }";

/// Functions of a series and a length, of a series alone, of lengths, of a series with factors.
const OF_SERIES: [&str; 20] = [
    "sma",
    "ema",
    "wma",
    "rma",
    "rsi",
    "highest",
    "lowest",
    "sum",
    "std",
    "stddev",
    "median",
    "rank",
    "zscore",
    "mom",
    "roc",
    "previous",
    "macd",
    "bbands_upper",
    "bbands_percent",
    "bbands_width",
];
const OF_BARS: [&str; 24] = [
    "atr",
    "natr",
    "donchian_upper",
    "donchian_middle",
    "donchian_lower",
    "keltner_upper",
    "keltner_lower",
    "stochf_k",
    "stochf_d",
    "stoch_k",
    "stoch_d",
    "willr",
    "plus_di",
    "minus_di",
    "dx",
    "adx",
    "cci",
    "ichimoku_a",
    "ichimoku_b",
    "mfi",
    "rolling_vwap",
    "supertrend",
    "supertrend_direction",
    "ichimoku_base",
];
const LEAVES: [&str; 14] = [
    "open",
    "high",
    "low",
    "close",
    "volume",
    "score",
    "n",
    "k",
    "flag",
    "obv()",
    "vwap()",
    "true_range()",
    "typical()",
    "m",
];

fn length() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (1..40_u32).prop_map(|n| n.to_string()),
        2 => Just("n".to_owned()),
        1 => Just("m".to_owned()),
        1 => Just("n * 3 - 2".to_owned()),
        1 => Just("9000000000".to_owned()),
    ]
}

/// A number; the places of `@` are sometimes wrong, which has to be refused.
fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop::sample::select(LEAVES.to_vec()).prop_map(str::to_owned),
        1 => (0..150_u32).prop_map(|n| n.to_string()),
        2 => (prop::sample::select(OF_BARS.to_vec()), length())
            .prop_map(|(function, n)| format!("{function}({n})")),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        let unary = prop::sample::select(vec!["-", "abs", "log", "exp", "sqrt", "ffill"]);
        let across = prop::sample::select(vec!["rank_across", "mean_across"]);
        let operator = prop::sample::select(vec!["+", "-", "*", "/"]);
        let place = prop::sample::select(vec!["@2d", "@1h", "@1d", "@1w", "@1mo", "@'A'", "@'B'"]);
        prop_oneof![
            4 => (prop::sample::select(OF_SERIES.to_vec()), inner.clone(), length())
                .prop_map(|(function, series, n)| format!("{function}({series}, {n})")),
            2 => (inner.clone(), operator, inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            1 => (unary, inner.clone()).prop_map(|(function, a)| format!("{function}({a})")),
            1 => (across, inner.clone()).prop_map(|(function, a)| format!("{function}({a})")),
            2 => (inner.clone(), place).prop_map(|(a, place)| format!("({a}){place}")),
            1 => (inner.clone(), inner).prop_map(|(a, b)| format!("max({a}, {b})")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let comparison = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let plain =
        ["flag", "kind == 'a'", "symbol != 'A'", "event('long')", "event('short', 'x')", "true"];
    let leaf = prop_oneof![
        3 => (number(), comparison, number()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (number(), number()).prop_map(|(a, b)| format!("cross_above({a}, {b})")),
        1 => prop::sample::select(plain.to_vec()).prop_map(str::to_owned),
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

/// Orders, each with a number somewhere.
fn orders() -> impl Strategy<Value = String> {
    let order = prop::sample::select(vec![
        "stop_loss = \"X\"",
        "take_profit = \"X %\"",
        "trailing_stop = \"X\"",
        "trailing_stop = [{ distance = \"X\" }, { activation = \"2%\", distance = \"X %\" }]",
        "take_profit = [{ bars = \"n\", at = \"X\" }, { minutes = \"90 * n\", at = \"X %\" }]",
        "size = { fraction = \"X\" }",
        "size = { shares = \"X\" }",
        "size = { volatility_target = 0.2, volatility = \"X\" }",
        "partial_exits = [{ at = \"X\", share = 0.5 }]",
        "entry = { stop = \"1%\", limit = \"2%\" }",
        "time_stop = \"n\"",
    ]);
    let lines = prop::collection::vec((order, number()), 0..3);
    lines.prop_map(|lines| {
        let mut text = String::new();
        for (order, number) in lines {
            let key = order.split(' ').next().expect("a key");
            if !text.contains(key) {
                writeln!(text, "{}", order.replace('X', &number)).expect("memory");
            }
        }
        text
    })
}

fn settings() -> impl Strategy<Value = String> {
    let all = vec![
        "fill = 'next-open'",
        "fill = 'same-close'\nsessions = { days = 'mon-fri', open = '09:30', close = '16:00' }",
        "accounts = 'shared'\nrisk.max_gross = 1",
        "accounts = 'shared'\nfill = 'next-close'\nsummation = 'rolling'\nshares = 'fractional'",
        "execution.slippage.fraction = 0.01\nreentry = 'after-signal'",
        "preset = 'freqtrade'",
        "preset = 'backtesting.py'\nsessions = { open = '18:00', close = '17:00' }",
    ];
    prop::sample::select(all).prop_map(str::to_owned)
}

/// Bars of two symbols: how many, how many seconds apart, how wild, and from which seed.
#[derive(Clone, Debug)]
struct Data {
    bars: u64,
    apart: u64,
    wildness: u64,
    seed: u64,
}

fn data() -> impl Strategy<Value = Data> {
    let apart = prop::sample::select(vec![60_u64, 300, 3600, 86_400]);
    (1..160_u64, apart, 0..3_u64, any::<u64>()).prop_map(|(bars, apart, wildness, seed)| Data {
        bars,
        apart,
        wildness,
        seed,
    })
}

fn date(seconds: u64) -> String {
    let (day, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = (2020 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

impl Data {
    /// The lines of the file with the seconds of each: gaps, flat stretches, missing values, volumes
    /// of zero, prices from tiny to huge.
    fn lines(&self) -> Vec<(u64, String)> {
        let mut state = self.seed | 1;
        let mut below = |range: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            (state >> 33) % range
        };
        let mut prices = [1000_u64, 40];
        let (mut seconds, mut lines) = (34_200, Vec::new());
        for _ in 0..self.bars {
            for (symbol, price) in prices.iter_mut().enumerate() {
                // The first bars are there for both, so that no cut leaves a symbol without any.
                if !lines.is_empty() && lines.len() > 1 && below(9) == 0 {
                    continue;
                }
                let step = |below: &mut dyn FnMut(u64) -> u64| match self.wildness {
                    0 => below(2),
                    1 => below(9),
                    _ => below(5000),
                };
                let open = (*price + step(&mut below)).saturating_sub(step(&mut below)).max(1);
                let close = (open + step(&mut below)).saturating_sub(step(&mut below)).max(1);
                let (high, low) = (open.max(close) + below(3), open.min(close).max(2) - 1);
                let scale = ["", "", "e-300", "e290"][(self.seed % 4) as usize * symbol];
                let volume = if below(4) == 0 { 0 } else { below(1000) };
                let score = if below(3) == 0 { String::new() } else { below(100).to_string() };
                let (name, time) = (["A", "B"][symbol], date(seconds));
                let [open, high, low, close] =
                    [open, high, low.max(1), close].map(|price| format!("{price}{scale}"));
                let line = format!("{time},{open},{high},{low},{close},{volume},{score},{name}\n");
                lines.push((seconds, line));
                *price = close.trim_end_matches(scale).parse().expect("a whole number");
            }
            seconds += self.apart * (1 + below(12) / 11 * below(30));
        }
        lines
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("simulators-language-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        Self(folder)
    }

    fn write(&self, file: &str, header: &str, lines: &[String]) {
        let text = format!("{header}\n{}", lines.concat());
        std::fs::write(self.0.join(file), text).expect("a temporary file");
    }

    /// A backtest on the lines up to a time.
    fn open(
        &self,
        text: &str,
        lines: &[(u64, String)],
        until: u64,
    ) -> Result<(Template, Backtest), OpenError> {
        let kept = lines.iter().filter(|(seconds, _)| *seconds <= until);
        let kept: Vec<String> = kept.map(|(_, line)| line.clone()).collect();
        self.write("p.csv", "Date,Open,High,Low,Close,Volume,Score,Ticker", &kept);
        let document = Document::parse("t.toml", text)?;
        let template = Template::read(document, &self.0)?;
        let backtest = Backtest::open(template.settings()?, &template.space, &self.0)?;
        Ok((template, backtest))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The events of every run: times, symbols, directions, tags.
fn events(lines: &[(u64, String)]) -> Vec<String> {
    let event = |(place, (seconds, _)): (usize, &(u64, String))| {
        let kind = ["long", "short", "exit"][place % 3];
        let (symbol, tag) = (["A", "B"][place / 5 % 2], ["x", "y", ""][place / 3 % 3]);
        format!("{},{symbol},{kind},{tag}\n", date(seconds + place as u64 % 900))
    };
    lines.iter().enumerate().step_by(4).map(event).collect()
}

/// What a run came to; a failure is a result as well.
fn outcome(backtest: &Backtest, point: &Point) -> Result<Trace, String> {
    backtest.trace_with_seed(point, 7).map_err(|failure| failure.to_string())
}

fn shown(outcome: &Result<Trace, String>) -> String {
    match outcome {
        Err(message) => message.clone(),
        Ok(trace) => {
            let Trace { decisions, trades, metrics, .. } = trace;
            format!("{decisions:?} {trades:?} {:?}", bits(metrics))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases())
    })]

    #[test]
    fn any_strategy_runs_on_any_data_and_knows_nothing_of_the_future(
        long in condition(),
        exit in condition(),
        short in condition(),
        orders in orders(),
        settings in settings(),
        data in data(),
        number in 0..1000_u64,
        cut in 0..1000_usize,
    ) {
        let folder = Folder::new();
        let lines = data.lines();
        folder.write("e.csv", "date,symbol,direction,tag", &events(&lines));
        let settings = format!("data = 'p.csv'\nevents = 'e.csv'\n{settings}");
        let rules = format!(
            "long_entry = \"{long}\"\nlong_exit = \"{exit}\"\nshort_entry = \"{short}\"\n{orders}"
        );
        let text = backtest_text(SPACE, &settings, &rules);
        // What is refused is refused in words; all that counts is that nothing panics.
        let Ok((template, backtest)) = folder.open(&text, &lines, u64::MAX) else { return Ok(()) };
        let point = some_point(&template, number);
        let whole = outcome(&backtest, &point);
        prop_assert_eq!(shown(&outcome(&backtest, &point)), shown(&whole));
        let slow = backtest.with_cache_bytes(0).with_engine(Engine::EveryBar);
        prop_assert_eq!(shown(&outcome(&slow, &point)), shown(&whole));
        let until = lines[cut % lines.len()].0;
        let Ok((_, part)) = folder.open(&text, &lines, until) else { return Ok(()) };
        if let (Ok(part), Ok(whole)) = (outcome(&part, &point), &whole) {
            // No entry is filled at the last close, so what follows on it may be decided otherwise.
            let spared = usize::from(settings.contains("next-close"));
            let kept = ["A\n", "B\n"].map(|symbol| {
                let of = |line: &&(u64, String)| line.0 <= until && line.1.ends_with(symbol);
                lines.iter().filter(of).map(|line| line.0).collect::<Vec<u64>>()
            });
            // What a symbol whose bars end leaves behind in a shared account is there for others.
            let ends = kept.each_ref().map(|times| *times.last().expect("both have the first"));
            let last = match settings.contains("shared") {
                true => ends.into_iter().min().expect("two"),
                false => until,
            };
            let last = Date::parse(&date(last)).expect("a date");
            let is_seen = |decision: &&Decision| {
                let bars = kept[decision.symbol as usize].len();
                decision.date <= last && decision.bar + spared < bars
            };
            let [part, whole] = [&part, whole].map(|trace| {
                trace.decisions.iter().filter(is_seen).copied().collect::<Vec<Decision>>()
            });
            prop_assert_eq!(part, whole);
        }
    }

    #[test]
    fn no_text_panics(
        words in prop::collection::vec(prop::sample::select(vec![
            "close", "sma(", "macd(", ")", ",", "@", "@1d", "@'A'", "'A'", "event(", "symbol", "==", "-",
            "rank_across(", "3", "n", "kind", "not", "and", ">", "(", "\u{e9}", "1e9", "%", "_session",
            "_cci(", "score", "0", "/", "ffill(", "@999999mo",
        ]), 0..24),
    ) {
        let folder = Folder::new();
        let lines = Data { bars: 9, apart: 60, wildness: 1, seed: 3 }.lines();
        let text = backtest_text(SPACE, "data = 'p.csv'", &format!("long_entry = \"{}\"", words.join(" ")));
        match folder.open(&text, &lines, u64::MAX) {
            Ok((template, backtest)) => drop(outcome(&backtest, &some_point(&template, 5))),
            Err(error) => prop_assert!(error.to_string().contains("allowed: "), "{error}"),
        }
    }
}
