//! What every algorithm must do, run on all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use optimizers::{Algorithm, Asked, Plan, Task, Told};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use search_spaces::{Document, Point, Space, Value};

fn space(text: &str) -> Arc<Space> {
    let document = Document::parse("t.toml", text).expect("TOML");
    Arc::new(Space::read(document.section()).expect("a space"))
}

/// The first `count` points of an algorithm, and whether there were no more.
fn points(name: &str, space: &Arc<Space>, seed: u64, count: u64) -> (Vec<Point>, bool) {
    let algorithm = Algorithm::parse(name).expect(name);
    let mut points = Vec::new();
    match algorithm.plan(&Task::new(space, seed, Some(count))).expect(name) {
        Plan::Sequence(sequence) => {
            let mut number = 0;
            while (points.len() as u64) < count {
                if sequence.end().is_some_and(|len| number >= len) {
                    return (points, true);
                }
                points.extend(sequence.point(number));
                number += 1;
            }
        }
        Plan::Optimizer { mut optimizer, .. } => {
            for trial in 0..count {
                let mut generator = ChaCha8Rng::seed_from_u64(trial);
                let Asked::Point(point) = optimizer.ask(trial, &mut generator, &[]) else {
                    return (points, true);
                };
                optimizer.tell(trial, &point, &Told::Failed);
                points.push(point);
            }
        }
    }
    (points, false)
}

const MIXED: &str = "
    rate = { float = [1e-4, 1.0], scale = 'log', points = 5 }
    fast = { int = [2, 20] }
    slow = { int = [10, 60], step = 5 }
    filter = { choice = ['none', 'rsi'] }
    level = { float = [20.0, 80.0], points = 3, when = \"filter == 'rsi'\" }
    constraints = ['fast < slow', \"not (filter == 'rsi' and fast > 10)\"]
";

const FINITE: &str = "
    fast = { int = [1, 12] }
    slow = { int = [1, 100], scale = 'log' }
    hedge = { bool = true }
    size = { ordinal = ['s', 'm', 'l'], when = 'hedge' }
    constraints = ['fast < slow']
";

fn names() -> impl Iterator<Item = &'static str> {
    Algorithm::names().iter().map(|(name, _)| *name)
}

#[test]
fn every_point_lies_in_the_space_and_meets_its_constraints() {
    for text in [MIXED, FINITE] {
        let space = space(text);
        for name in names() {
            let (points, _) = points(name, &space, 1, 500);
            assert!(points.len() > 100, "{name}: {}", points.len());
            assert!(points.iter().all(|point| space.contains(point)), "{name}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_points_and_another_seed_others() {
    let space = space(MIXED);
    for name in names() {
        let of_seed = |seed| points(name, &space, seed, 100).0;
        assert_eq!(of_seed(1), of_seed(1), "{name}");
        assert_eq!(of_seed(1) == of_seed(2), name == "grid", "{name}");
    }
}

#[test]
fn a_finite_space_is_exhausted_without_repetition() {
    let space = space(FINITE);
    let mut of_grid: Vec<u128> =
        points("grid", &space, 1, 1 << 20).0.iter().map(Point::hash).collect();
    of_grid.sort_unstable();
    assert!(of_grid.len() > 4000);
    for name in names() {
        let (points, exhausted) = points(name, &space, 7, 1 << 20);
        let distinct: BTreeSet<u128> = points.iter().map(Point::hash).collect();
        assert!(exhausted, "{name}");
        assert_eq!(distinct.len(), points.len(), "{name} repeats itself");
        assert_eq!(distinct.into_iter().collect::<Vec<_>>(), of_grid, "{name}");
    }
}

#[test]
fn random_and_its_kin_follow_a_log_scale_in_a_finite_space() {
    let space = space("n = { int = [1, 1000000], scale = 'log' }");
    for name in ["random", "sobol", "lhs"] {
        let (points, _) = points(name, &space, 3, 400);
        let below_thousand =
            points.iter().filter(|point| matches!(point.values()[0], Value::Int(..1000))).count();
        assert!((100..260).contains(&below_thousand), "{name}: {below_thousand} of 400");
    }
}

#[test]
fn even_plans_are_more_even_than_chance() {
    let space = space("x = { float = [0, 1] }\ny = { float = [0, 1] }");
    let worst_gap = |name: &str| {
        let (points, _) = points(name, &space, 5, 256);
        let mut xs: Vec<f64> = points.iter().filter_map(|p| p.values()[0].as_number()).collect();
        xs.sort_by(f64::total_cmp);
        xs.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
    };
    assert!(worst_gap("sobol") <= 2.0 / 256.0);
    assert!(worst_gap("lhs") <= 2.0 / 256.0);
    assert!(worst_gap("random") > 2.0 / 256.0);
}

#[test]
fn a_billion_points_start_at_once() {
    let axis = |name: &str| format!("{name} = {{ int = [0, 999] }}\n");
    let space = space(&["a", "b", "c"].map(axis).concat());
    for name in ["grid", "grid:shuffle"] {
        let plan = Algorithm::parse(name).unwrap().plan(&Task::new(&space, 1, None)).unwrap();
        let Plan::Sequence(sequence) = plan else { panic!("a grid is a sequence") };
        assert_eq!(sequence.end(), Some(1_000_000_000));
        assert!(space.contains(&sequence.point(999_999_999).unwrap()));
    }
}

#[test]
fn what_cannot_be_planned_says_what_to_do() {
    let continuous = space("x = { float = [0, 1] }");
    let error = |name: &str, trials| {
        let plan = Algorithm::parse(name).and_then(|a| a.plan(&Task::new(&continuous, 1, trials)));
        plan.err().unwrap_or_default()
    };
    assert!(error("grid", None).contains("points = N"));
    assert!(error("lhs", None).contains("--trials"));
    assert!(error("rnadom", None).contains("did you mean random"), "{}", error("rnadom", None));
}
