//! Throughput of single runs with the default metrics, in bars, so that criterion's time per
//! element is the time per bar.
//!
//! - `sma crossover`: signals alone, on Google's 2,148 daily bars, over many pairs of lengths;
//! - `orders`: the same crossover on a random walk of 200,000 bars, with signals alone, with the
//!   general engine for the same, and with a stop, a target, a trailing stop, orders that wait;
//! - `expressions`: signals alone on the same walk, from a rule of ten comparisons.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use search_spaces::{Document, Point, Template, Value};
use simulators::{Backtest, Engine, Simulator as _, Trial, Unwatched};

const GOOGLE: &str = "data = \"stocks-daily\"\nsymbols = [\"GOOG\"]";

fn opened(settings: &str, orders: &str, folder: &Path) -> Backtest {
    let text = format!(
        r#"
name = "bench"
simulator = "backtest"
[objectives]
sharpe = "maximize"
[space]
fast = {{ int = [2, 60] }}
slow = {{ int = [10, 210] }}
[backtest]
{settings}
[backtest.strategy]
long_entry = "cross_above(sma(close, fast), sma(close, slow))"
short_entry = "cross_below(sma(close, fast), sma(close, slow))"
{orders}
"#
    );
    let document = Document::parse("bench.toml", &text).expect("the template is valid");
    let template = Template::read(document, Path::new("")).expect("the template is valid");
    let settings = template.settings().expect("the table is there");
    Backtest::open(settings, &template.space, folder).unwrap_or_else(|error| panic!("{error}"))
}

/// As many pairs as keep every indicator in the cache.
fn pairs(slow: &[i64]) -> Vec<Point> {
    let pair = |fast, slow| Point::new(vec![Value::Int(fast), Value::Int(slow)]);
    (2..=60).step_by(9).flat_map(|fast| slow.iter().map(move |slow| pair(fast, *slow))).collect()
}

fn bench(criterion: &mut Criterion, group: &str, name: &str, backtest: &Backtest, slow: &[i64]) {
    bench_points(criterion, group, name, backtest, &pairs(slow));
}

fn bench_points(
    criterion: &mut Criterion,
    group: &str,
    name: &str,
    backtest: &Backtest,
    points: &[Point],
) {
    let bars = backtest.trace(&points[0]).expect("valid").equity.len();
    let mut session = backtest.session();
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(bars as u64));
    let mut next = 0;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            next = (next + 1) % points.len();
            let trial = Trial::new(black_box(&points[next]), 0);
            black_box(session.run(&trial, &mut Unwatched))
        });
    });
    group.finish();
}

fn crossover(criterion: &mut Criterion) {
    let backtest = opened(GOOGLE, "", Path::new(""));
    bench(criterion, "sma crossover", "run", &backtest, &[61, 91, 121, 151, 181]);
}

/// A folder with a random walk of minutes, removed when it is dropped.
struct Walk(PathBuf);

impl Walk {
    fn new(bars: u32) -> Self {
        let folder = std::env::temp_dir().join(format!("optimize-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let (mut text, mut price) = (String::from("Date,Open,High,Low,Close\n"), 100_000_i64);
        let mut state = 1_u64;
        let mut below = |range: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            i64::try_from((state >> 33) % range).expect("small")
        };
        for bar in 0..bars {
            let open = price;
            price = (price + below(401) - 200).max(1000);
            let (high, low) = (open.max(price) + below(100), open.min(price) - below(100));
            let (day, hour, minute) = (bar / 1440, bar / 60 % 24, bar % 60);
            let (year, month, day) = (2000 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
            let date = format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}");
            writeln!(text, "{date},{open},{high},{low},{price}").expect("memory");
        }
        std::fs::write(folder.join("walk.csv"), text).expect("a temporary file");
        Self(folder)
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn orders(criterion: &mut Criterion) {
    let walk = Walk::new(200_000);
    let settings = "data = \"walk.csv\"\ncash = 1e9";
    let slow = [120, 180];
    let mut run = |name: &str, orders: &str, engine: Engine| {
        let backtest = opened(settings, orders, &walk.0).with_engine(engine);
        bench(criterion, "orders", name, &backtest, &slow);
    };
    run("signals alone", "", Engine::Signals);
    run("signals alone by the general engine", "", Engine::Events);
    let bracket = "stop_loss = \"2%\"\ntake_profit = \"3%\"";
    run("stop and target", bracket, Engine::Events);
    run("stop and target, bar by bar", bracket, Engine::EveryBar);
    run("trailing stop", "trailing_stop = \"2%\"", Engine::Events);
    let ladder = "stop_loss = \"2%\"\npartial_exits = [{ at = \"1%\", share = 0.5 }]";
    run("stop and ladder", ladder, Engine::Events);
    run("entries that wait", "entry = { limit = \"0.1%\" }\nexpires = 30", Engine::Events);
}

fn expressions(criterion: &mut Criterion) {
    let walk = Walk::new(200_000);
    let exit = "long_exit = \"\"\"ema(close, fast) < ema(close, slow) * 0.999 or adx(14) < 10 or \
                rsi(close, fast) > 75 or cci(20) > 200 or willr(14) > -5 or \
                close > bbands_upper(close, slow, 3) or macd_hist(close) < -2 * atr(14) or \
                zscore(close, slow) > 3 or close@1h < sma(close, 20)@1h or \
                roc(close, fast) < -2\"\"\"";
    let backtest = opened("data = \"walk.csv\"\ncash = 1e9", exit, &walk.0);
    // Fewer pairs than above: each has some ten columns in the cache.
    bench_points(criterion, "expressions", "ten deep", &backtest, &pairs(&[120])[..2]);
}

criterion_group!(benches, crossover, orders, expressions);
criterion_main!(benches);
