//! What a trial costs beyond its evaluation: whole studies, asked and told.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use optimizers::{Algorithm, Asked, Plan, Task, Told};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use search_spaces::{Document, Space};

const TRIALS: u64 = 20_000;

fn study(name: &str, space: &Arc<Space>) -> f64 {
    let task = Task { objectives: 2, ..Task::new(space, 1, Some(TRIALS)) };
    let plan = Algorithm::parse(name).and_then(|algorithm| algorithm.plan(&task));
    let Ok(Plan::Optimizer { mut optimizer, .. }) = plan else { panic!("{name} learns") };
    let mut generator = ChaCha8Rng::seed_from_u64(1);
    let mut sum = 0.0;
    for trial in 0..TRIALS {
        let Asked::Point(point) = optimizer.ask(trial, &mut generator, &[]) else { break };
        let x: Vec<f64> = point.values().iter().filter_map(|value| value.as_number()).collect();
        let rest: f64 = x[1..].iter().sum();
        let objectives = vec![x[0], (1.0 + rest) * (1.0 - x[0] / (1.0 + rest))];
        sum += objectives[1];
        optimizer.tell(trial, &point, &Told::Complete { objectives, violation: 0.0 });
    }
    sum
}

fn benches(criterion: &mut Criterion) {
    let lines: String = (0..5).map(|i| format!("x{i} = {{ float = [0, 1] }}\n")).collect();
    let document = Document::parse("bench.toml", &lines).expect("TOML");
    let space = Arc::new(Space::read(document.section()).expect("a space"));
    let mut group = criterion.benchmark_group("2 x 10^4 trials, 5 floats, 2 objectives");
    group.throughput(Throughput::Elements(TRIALS));
    for name in ["nsga2:population=50", "nsga2", "nsga3", "smsemoa", "moead"] {
        group.bench_function(name, |bench| bench.iter(|| study(name, &space)));
    }
    group.finish();
}

criterion_group! {
    name = evolution;
    config = Criterion::default().sample_size(10);
    targets = benches
}
criterion_main!(evolution);
