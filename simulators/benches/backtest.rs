//! One run of the moving-average crossover on Google's 2,148 daily bars, default metrics, over
//! many pairs of lengths; the throughput is in bars, so that criterion's time per element is the
//! time per bar.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use search_spaces::{Document, Point, Template, Value};
use simulators::{Backtest, Simulator as _, Trial, Unwatched};

const TEMPLATE: &str = r#"
name = "bench"
simulator = "backtest"
[objectives]
sharpe = "maximize"
[space]
fast = { int = [2, 60] }
slow = { int = [10, 210] }
[backtest]
data = "stocks-daily"
symbols = ["GOOG"]
[backtest.strategy]
long_entry = "cross_above(sma(close, fast), sma(close, slow))"
short_entry = "cross_below(sma(close, fast), sma(close, slow))"
"#;

/// As many pairs as keep every indicator in the cache.
fn pairs() -> Vec<Point> {
    let pairs = (2..=60).flat_map(|fast| (61..=210).step_by(10).map(move |slow| (fast, slow)));
    pairs.map(|(fast, slow)| Point::new(vec![Value::Int(fast), Value::Int(slow)])).collect()
}

fn crossover(criterion: &mut Criterion) {
    let document = Document::parse("bench.toml", TEMPLATE).expect("the template is valid");
    let template = Template::read(document, Path::new("")).expect("the template is valid");
    let settings = template.settings().expect("the table is there");
    let backtest = Backtest::open(settings, &template.space, Path::new("")).expect("built in");
    let points = pairs();
    let bars = backtest.trace(&points[0]).expect("valid").equity.len();
    let mut session = backtest.session();
    let mut group = criterion.benchmark_group("sma crossover");
    group.throughput(Throughput::Elements(bars as u64));
    let mut next = 0;
    group.bench_function("run", |bencher| {
        bencher.iter(|| {
            next = (next + 1) % points.len();
            let trial = Trial::new(black_box(&points[next]), 0);
            black_box(session.run(&trial, &mut Unwatched))
        });
    });
    group.finish();
}

criterion_group!(benches, crossover);
criterion_main!(benches);
