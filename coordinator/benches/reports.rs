//! What a report costs where trials are held against others: on the worker, which judges it, and in
//! the study's loop, which learns from it, after a thousand trials and after a million.
//!
//! `cargo bench -p coordinator --bench reports` prints nanoseconds for the reports of one trial; the
//! throughput beside them counts reports.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use optimizers::{End, Pruner, Pruning, PruningTask, Run};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use search_spaces::{Direction, Guard, Measure, Objective, PruningRule, Standing, unit_from_bits};
use simulators::{Report, Watcher};
use worker::Watch;

const STEPS: u64 = 27;

/// A pruner, and the trials that it has been told.
struct Study {
    pruner: Box<dyn Pruner>,
    random: ChaCha8Rng,
    objectives: usize,
    trial: u64,
}

impl Study {
    fn new(pruner: &str, objectives: usize) -> Self {
        let pruning = Pruning::parse(pruner).expect("well-formed").expect("a pruner");
        let task =
            PruningTask { objectives, steps: Some(STEPS), replicates: None, restarts: false };
        let pruner = pruning.pruner(task).expect("known options");
        Self { pruner, random: ChaCha8Rng::seed_from_u64(1), objectives, trial: 0 }
    }

    /// The course of a trial: from a random height to a random end, step by step.
    fn course(&mut self) -> Vec<(u64, Standing)> {
        let draw = |random: &mut ChaCha8Rng| unit_from_bits(random.next_u64());
        let ends: Vec<(f64, f64)> = (0..self.objectives)
            .map(|_| (draw(&mut self.random), draw(&mut self.random)))
            .collect();
        let at = |step: u64| {
            let left = (STEPS - step) as f64 / STEPS as f64;
            ends.iter().map(|(end, height)| end + left * height).collect()
        };
        (1..=STEPS).map(|step| (step, Standing { violation: 0.0, objectives: at(step) })).collect()
    }

    fn guard(&mut self) -> Arc<Guard> {
        self.pruner.begin(self.trial, 1)
    }

    /// Runs a trial as a worker would, and tells the pruner; how many reports there were.
    fn tell(&mut self) -> u64 {
        let guard = self.guard();
        let mut reports = self.course();
        let mut watched = guard.watch();
        let mut stops = |(step, standing): &(u64, Standing)| {
            Some((*step, watched.report(*step, Some(standing))?))
        };
        let stopped = reports.iter().find_map(&mut stops);
        let end = match &stopped {
            Some((step, why)) if guard.pause_at(*step).as_ref() == Some(why) => End::Paused,
            Some(_) => End::Pruned,
            None => End::Feasible,
        };
        reports.truncate(stopped.map_or(reports.len(), |(step, _)| step as usize));
        let count = reports.len() as u64;
        self.pruner.learn(&Run { trial: self.trial, origin: None, reports, end });
        self.trial += 1;
        count
    }
}

fn benches(criterion: &mut Criterion) {
    for (pruner, objectives) in
        [("median", 1), ("forecast", 1), ("asha:resume=false", 1), ("median", 2)]
    {
        let names: Vec<String> = (1..=objectives).map(|place| format!("f{place}")).collect();
        let minimized =
            |metric: &String| Objective { metric: metric.clone(), direction: Direction::Minimize };
        let measured: Vec<Objective> = names.iter().map(minimized).collect();
        let measure = Measure::new(&names, &measured, &[]);
        let rule = PruningRule::compile("step >= 5 and f1 > 1e9", &names, Some(STEPS));
        let rules = [rule.expect("a rule")];
        let mut study = Study::new(pruner, objectives);
        for told in [1_000, 10_000, 100_000, 1_000_000] {
            while study.trial < told {
                study.tell();
            }
            let mut group =
                criterion.benchmark_group(format!("{pruner}, {objectives} objective(s)"));
            let guard = study.guard();
            let of = |standing: Standing| standing.objectives;
            // The best course of all, so that it comes to its end.
            let best: Vec<(u64, Vec<f64>)> = study
                .course()
                .into_iter()
                .map(|(step, standing)| (step, of(standing).iter().map(|x| x - 2.0).collect()))
                .collect();
            group.throughput(Throughput::Elements(STEPS));
            group.bench_function(format!("{STEPS} reports judged, {told} trials told"), |bench| {
                let reports = || -> Vec<Report> {
                    let report = |(step, values): &(u64, Vec<f64>)| Report {
                        step: *step,
                        values: values.clone(),
                    };
                    best.iter().map(report).collect()
                };
                bench.iter_batched(
                    reports,
                    |reports| {
                        let mut watch = Watch::under(&rules, Some(&guard), &measure);
                        for report in reports {
                            black_box(watch.report(report));
                        }
                    },
                    BatchSize::SmallInput,
                );
            });
            // Not every trial comes to its end: the mean of many says what one costs.
            group.throughput(Throughput::Elements(1));
            group.bench_function(format!("a trial run and learnt, {told} trials told"), |bench| {
                bench.iter(|| black_box(study.tell()));
            });
        }
    }
}

criterion_group! {
    name = reports;
    config = Criterion::default().sample_size(20);
    targets = benches
}
criterion_main!(reports);
