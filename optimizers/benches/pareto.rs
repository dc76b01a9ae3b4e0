//! Times of the Pareto mathematics at the sizes that a large study's report meets.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use optimizers::pareto::{
    Archive, Scores, hypervolume, hypervolume_contributions, non_dominated, ranks,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Uniform rows of the unit cube.
fn uniform(rows: usize, width: usize) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    (0..rows * width).map(|_| (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64).collect()
}

/// Rows of which none dominates another: directions on the unit sphere, seen from its far side.
fn spherical(rows: usize, width: usize) -> Vec<f64> {
    let mut values = uniform(rows, width);
    for row in values.chunks_exact_mut(width) {
        let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
        for value in row.iter_mut() {
            *value = 1.0 - *value / length;
        }
    }
    values
}

fn benches(criterion: &mut Criterion) {
    for width in [2, 3] {
        for (shape, rows_of) in [("uniform", uniform as fn(_, _) -> _), ("sphere", spherical)] {
            let few = rows_of(10_000, width);
            criterion.bench_function(&format!("ranks, {shape} 10^4 x {width}"), |bench| {
                bench.iter(|| ranks(Scores::new(black_box(&few), width)));
            });
            let many = rows_of(1_000_000, width);
            criterion.bench_function(&format!("non_dominated, {shape} 10^6 x {width}"), |bench| {
                bench.iter(|| non_dominated(Scores::new(black_box(&many), width)));
            });
        }
        let rows = if width == 2 { 100_000 } else { 10_000 };
        let reference = vec![1.1; width];
        for (shape, values) in
            [("uniform", uniform(rows, width)), ("sphere", spherical(rows, width))]
        {
            criterion.bench_function(&format!("hypervolume, {shape} {rows} x {width}"), |bench| {
                bench.iter(|| hypervolume(Scores::new(black_box(&values), width), &reference));
            });
        }
        let many = uniform(1_000_000, width);
        criterion.bench_function(&format!("archive, uniform 10^6 inserts x {width}"), |bench| {
            bench.iter(|| archive_all(black_box(&many), width));
        });
    }
    for (rows, width) in [(1_000, 4), (300, 5)] {
        let values = spherical(rows, width);
        let reference = vec![1.1; width];
        criterion.bench_function(&format!("hypervolume, sphere {rows} x {width}"), |bench| {
            bench.iter(|| hypervolume(Scores::new(black_box(&values), width), &reference));
        });
    }
    for (rows, width) in [(1_000, 2), (1_000, 3), (100, 4)] {
        let values = spherical(rows, width);
        let reference = vec![1.1; width];
        criterion.bench_function(&format!("contributions, sphere {rows} x {width}"), |bench| {
            bench.iter(|| {
                hypervolume_contributions(Scores::new(black_box(&values), width), &reference)
            });
        });
    }
    let front = spherical(1_000_000, 2);
    criterion.bench_function("archive, sphere 10^6 inserts x 2", |bench| {
        bench.iter(|| archive_all(black_box(&front), 2));
    });
}

fn archive_all(values: &[f64], width: usize) -> Archive {
    let mut archive = Archive::new(width);
    for (id, row) in (0..).zip(values.chunks_exact(width)) {
        archive.insert(id, row, 0.0);
    }
    archive
}

criterion_group! {
    name = pareto;
    config = Criterion::default().sample_size(10);
    targets = benches
}
criterion_main!(pareto);
