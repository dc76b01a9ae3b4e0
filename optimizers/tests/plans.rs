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
    points_of(name, &Task::new(space, seed, Some(count)))
}

/// The points that an algorithm gives to a task of so many trials.
fn points_of(name: &str, task: &Task<'_>) -> (Vec<Point>, bool) {
    let algorithm = Algorithm::parse(name).expect(name);
    let count = task.trials.expect("a number of trials");
    let mut points = Vec::new();
    match algorithm.plan(task).expect(name) {
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
fn given_points_come_first_and_are_not_repeated() {
    for text in [MIXED, FINITE] {
        let space = space(text);
        // Points that the grid and the samples come to as well.
        let (mut first, _) = points("grid:shuffle", &space, 9, 5);
        first.extend(points("random", &space, 1, 3).0);
        for name in names() {
            let task = Task { first: first.clone(), ..Task::new(&space, 1, Some(200)) };
            let (points, _) = points_of(name, &task);
            assert_eq!(points[..first.len()], first, "{name}");
            let distinct: BTreeSet<u128> = points.iter().map(Point::hash).collect();
            assert_eq!(distinct.len(), points.len(), "{name} repeats itself");
            assert!(points.len() > 100, "{name}: {}", points.len());
            assert!(points.iter().all(|point| space.contains(point)), "{name}");
        }
    }
}

#[test]
fn a_latin_hypercube_has_a_stratum_for_each_trial_that_is_not_given() {
    let space = space("x = { float = [0, 1] }");
    let first = vec![Point::new(vec![Value::Float(0.5)])];
    let (points, _) = points_of("lhs", &Task { first, ..Task::new(&space, 1, Some(11)) });
    assert_eq!(points.len(), 11);
    let mut tenths: Vec<usize> =
        points[1..].iter().map(|p| (p.values()[0].as_number().unwrap() * 10.0) as usize).collect();
    tenths.sort_unstable();
    assert_eq!(tenths, (0..10).collect::<Vec<_>>());
}

#[test]
fn auto_stands_for_another_and_says_why() {
    let finite = space(FINITE);
    let auto = Algorithm::parse("auto:cost=30").unwrap();
    assert_eq!(auto.to_string(), "auto:cost=30");
    let (chosen, reason) = auto.resolved(&Task::new(&finite, 1, Some(10_000))).unwrap();
    assert_eq!(chosen.to_string(), "grid");
    assert_eq!(reason.unwrap(), "7200 points in all, no more than trials");
    for objectives in 1..6 {
        for trials in [5, 100, 1000, 30_000, 1_000_000] {
            let task = Task { objectives, ..Task::new(&finite, 1, Some(trials)) };
            let (chosen, _) = auto.resolved(&task).unwrap();
            assert_eq!(chosen, Algorithm::parse(&chosen.to_string()).unwrap());
            assert!(chosen.plan(&task).is_ok(), "{chosen} for {objectives}, {trials}");
        }
    }
    let wrong = Algorithm::parse("auto:price=3").unwrap().resolved(&Task::new(&finite, 1, None));
    assert_eq!(wrong.unwrap_err(), "auto: found the option price, allowed: cost");
    let (same, reason) =
        Algorithm::parse("lhs").unwrap().resolved(&Task::new(&finite, 1, None)).unwrap();
    assert!(same.to_string() == "lhs" && reason.is_none());
}

#[test]
fn what_learns_nothing_refuses_results() {
    let space = space(MIXED);
    let (points, _) = points("random", &space, 1, 1);
    for name in names() {
        let known = vec![(points[0].clone(), Told::Failed)];
        let task = Task { known, ..Task::new(&space, 1, Some(100)) };
        let plan = Algorithm::parse(name).unwrap().plan(&task);
        let learns = matches!(plan, Ok(Plan::Optimizer { learns: true, .. }));
        let refuses = plan.is_err_and(|error| error.contains("learns nothing from results"));
        assert!(learns != refuses, "{name}");
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
