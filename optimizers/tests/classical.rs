//! What the classical algorithms reach, beside other implementations of them.

mod common;

use std::cell::Cell;
use std::collections::BTreeSet;

use common::{
    best, floats, median, numbers, objectives, rastrigin, rosenbrock, run, space, sphere, told, zdt,
};
use optimizers::pareto::{Scores, hypervolume};
use optimizers::{Algorithm, Plan, Task, Told};
use search_spaces::{Point, Value};

fn problem(name: &str) -> impl Fn(&[f64]) -> Vec<f64> + use<'_> {
    move |x| match name {
        "sphere" => sphere(&x.iter().map(|x| x - 0.7).collect::<Vec<_>>()),
        "rosenbrock" => rosenbrock(x),
        "rastrigin" => rastrigin(&x.iter().map(|x| x - 0.7).collect::<Vec<_>>()),
        _ => panic!("{name}"),
    }
}

/// How many trials it takes to come within `within` of the optimum, which is 0.
fn trials_to(name: &str, of: &str, dimensions: usize, within: f64, lag: u64, seeds: u64) -> f64 {
    let space = floats(dimensions, -5.0, 5.0);
    let trials = 20_000;
    let of_seed = |seed| {
        let task = Task::new(&space, seed, Some(trials));
        let all = run(name, &task, trials, lag, &told(problem(of)));
        let mut found = 0;
        while found < all.len() && best(&all[found..=found]) > within {
            found += 1;
        }
        found as f64 + 1.0
    };
    median((0..seeds).map(of_seed).collect())
}

/// The median of what `trials` trials come down to.
fn reached(name: &str, of: &str, dimensions: usize, trials: u64, lag: u64, seeds: u64) -> f64 {
    let space = floats(dimensions, -5.0, 5.0);
    let of_seed = |seed| {
        let task = Task::new(&space, seed, Some(trials));
        if name == "random" {
            let algorithm = Algorithm::parse(name).unwrap();
            let Plan::Sequence(sequence) = algorithm.plan(&task).unwrap() else {
                panic!("random points are a sequence")
            };
            let points = (0..trials).filter_map(|number| sequence.point(number));
            let value = |point| problem(of)(&numbers(&point))[0];
            return points.map(value).fold(f64::INFINITY, f64::min);
        }
        best(&run(name, &task, trials, lag, &told(problem(of))))
    };
    median((0..seeds).map(of_seed).collect())
}

#[test]
fn a_simplex_needs_no_more_trials_than_that_of_scipy() {
    // scipy 1.x, adaptive, restarted at random points: medians of 31 seeds.
    for (of, dimensions, theirs) in [("sphere", 5, 382.0), ("rosenbrock", 4, 590.0)] {
        let needed = trials_to("nelder-mead", of, dimensions, 1e-6, 1, 11);
        assert!(needed <= theirs, "{of}: {needed}");
    }
}

#[test]
fn all_find_far_more_than_chance() {
    for (of, dimensions, trials, share) in
        [("sphere", 5, 300, 0.1), ("rosenbrock", 4, 400, 0.1), ("rastrigin", 5, 1000, 0.7)]
    {
        let chance = reached("random", of, dimensions, trials, 1, 7);
        for name in ["nelder-mead", "pso", "annealing"] {
            for lag in [1, 8] {
                let found = reached(name, of, dimensions, trials, lag, 7);
                assert!(found < share * chance, "{name} {of} lag {lag}: {found}, {chance}");
            }
        }
    }
}

const MIXED: &str = "
    rate = { float = [1e-4, 1.0], scale = 'log' }
    window = { int = [2, 60] }
    slow = { int = [10, 90], step = 5 }
    size = { ordinal = ['s', 'm', 'l'] }
    filter = { choice = ['none', 'rsi', 'atr', 'adx'] }
    level = { float = [20.0, 80.0], when = \"filter == 'rsi'\" }
    constraints = ['window < slow']
";

/// Best with one choice, one size and numbers in the midst of their ranges.
fn mixed(point: &Point) -> f64 {
    let number = |index: usize| point.values()[index].as_number();
    let label = |index: usize| match point.values()[index] {
        Value::Label(label) => f64::from(label),
        _ => 0.0,
    };
    let term = |index: usize, best: f64, range: f64| {
        number(index).map_or(0.0, |value| ((value - best) / range) * ((value - best) / range))
    };
    let wrong = f64::from(u8::from(label(4) != 1.0));
    term(0, 0.01, 0.1)
        + term(1, 20.0, 60.0)
        + term(2, 55.0, 90.0)
        + (label(3) - 1.0).abs()
        + 2.0 * wrong
        + term(5, 50.0, 60.0)
}

#[test]
fn annealing_steps_between_choices_and_levels() {
    let space = space(MIXED);
    let evaluate =
        |_: u64, point: &Point| Told::Complete { objectives: vec![mixed(point)], violation: 0.0 };
    let found =
        |seed| best(&run("annealing", &Task::new(&space, seed, Some(400)), 400, 1, &evaluate));
    let found = median((0..7).map(found).collect());
    assert!(found < 0.01, "{found}");
}

#[test]
fn failures_prunings_and_violations_lead_back_to_what_is_sound() {
    let space = floats(3, -5.0, 5.0);
    // Where x0 is negative, trials fail; where x1 is, they are pruned; where x2 is, they violate a
    // constraint, the more the farther. The optimum lies in the corner of what is left.
    let evaluate = |_: u64, point: &Point| {
        let x = numbers(point);
        match (x[0] < 0.0, x[1] < 0.0) {
            (true, _) => Told::Failed,
            (_, true) => Told::Pruned { step: 1, objectives: None },
            _ => Told::Complete { objectives: sphere(&x), violation: (-x[2]).max(0.0) },
        }
    };
    for name in ["nelder-mead", "pso", "annealing"] {
        let task = Task::new(&space, 3, Some(500));
        let found = best(&run(name, &task, 500, 4, &evaluate));
        assert!(found < 0.5, "{name}: {found}");
    }
}

#[test]
fn runs_start_at_the_best_of_what_is_given() {
    let space = floats(4, -5.0, 5.0);
    let at = |x: f64| space.point(vec![Value::Float(x); 4]);
    let value = |point: &Point| sphere(&numbers(point))[0];
    for lag in [1, 8] {
        let first = vec![at(4.0), at(0.5), at(-3.0)];
        let task = Task { first, ..Task::new(&space, 1, None) };
        let all = run("nelder-mead:scouts=0", &task, 40, lag, &told(sphere));
        assert_eq!(all[1].0, at(0.5));
        assert!(best(&all) < value(&at(0.5)), "lag {lag}: {}", best(&all));
    }
    let known = [at(4.0), at(0.25)].map(|point| {
        let objectives = vec![value(&point)];
        (point, Told::Complete { objectives, violation: 0.0 })
    });
    let task = Task { known: known.to_vec(), ..Task::new(&space, 1, None) };
    let all = run("nelder-mead:scouts=0", &task, 30, 1, &told(sphere));
    assert!(best(&all) < 0.25, "{}", best(&all));
}

#[test]
fn polish_refines_the_best_of_random_points() {
    let space = floats(4, -5.0, 5.0);
    for lag in [1, 8, 64] {
        let found = |name: &str, seed| {
            let task = Task::new(&space, seed, Some(500));
            let all = run(name, &task, 500, lag, &told(rosenbrock));
            assert_eq!(all.len(), 500, "{name}");
            (best(&all[..300]), best(&all))
        };
        let of_seed = |seed| {
            let (before, after) = found("random+polish=200", seed);
            after / before
        };
        let gain = median((0..7).map(of_seed).collect());
        assert!(gain < 0.1, "lag {lag}: {gain}");
    }
}

#[test]
fn polish_begins_when_everything_is_told_and_changes_nothing_before() {
    let space = floats(5, 0.0, 1.0);
    for (name, trials) in [("sobol", 100), ("nsga2:population=20", 150)] {
        let objectives = if name == "sobol" { 1 } else { 2 };
        let task = |trials| Task { objectives, ..Task::new(&space, 5, Some(trials)) };
        let plain = match Algorithm::parse(name).unwrap().plan(&task(trials)).unwrap() {
            Plan::Optimizer { .. } => run(name, &task(trials), trials, 16, &told(zdt(1)))
                .into_iter()
                .map(|(point, _)| point)
                .collect(),
            Plan::Sequence(sequence) => {
                (0..trials).filter_map(|number| sequence.point(number)).collect::<Vec<Point>>()
            }
        };
        let polished = format!("{name}+polish=60");
        let told = |trial: u64, point: &Point| match told(zdt(1))(trial, point) {
            Told::Complete { objectives: all, violation } => {
                Told::Complete { objectives: all[..objectives].to_vec(), violation }
            }
            other => other,
        };
        let all = run(&polished, &task(trials + 60), trials + 60, 16, &told);
        let points: Vec<Point> = all[..trials as usize].iter().map(|each| each.0.clone()).collect();
        assert_eq!(points, plain, "{name}");
        assert_eq!(all.len() as u64, trials + 60);
        // Replayed, it goes on as it did.
        assert_eq!(run(&polished, &task(trials + 60), trials + 60, 16, &told), all);
    }
}

#[test]
fn polish_pushes_a_frontier() {
    let space = floats(6, 0.0, 1.0);
    let attained = |name: &str, seed| {
        let task = Task { objectives: 2, ..Task::new(&space, seed, Some(900)) };
        let all = objectives(&run(name, &task, 900, 8, &told(zdt(1))));
        hypervolume(Scores::new(&all, 2), &[1.1, 1.1])
    };
    let median = |name: &str| median((0..7).map(|seed| attained(name, seed)).collect());
    let [more, polished] = ["sobol+polish=1", "sobol+polish=400"].map(median);
    assert!(polished > more + 0.1, "{polished} {more}");
}

#[test]
fn polish_of_a_grid_leaves_it_and_of_a_finite_space_repeats_nothing() {
    let grid = space("x = { float = [-1, 1], points = 6 }\ny = { float = [-1, 1], points = 6 }");
    let all = run("grid+polish=80", &Task::new(&grid, 1, None), 1000, 1, &told(sphere));
    assert_eq!(all.len(), 36 + 80);
    assert!(best(&all) < 1e-4 && best(&all[..36]) > 0.01, "{}", best(&all));

    let finite = space("x = { int = [-9, 9] }\ny = { int = [-9, 9] }\nz = { int = [-9, 9] }");
    let evaluated = Cell::new(0);
    let evaluate = |trial: u64, point: &Point| {
        evaluated.set(evaluated.get() + 1);
        told(sphere)(trial, point)
    };
    let task = Task::new(&finite, 1, Some(300));
    let all = run("random+polish=100", &task, 300, 4, &evaluate);
    let distinct: BTreeSet<u128> = all.iter().map(|(point, _)| point.hash()).collect();
    assert_eq!((distinct.len(), evaluated.get()), (300, 300));
    assert!(best(&all) < best(&all[..200]), "{}", best(&all));
}

#[test]
fn what_is_chosen_is_polished_once() {
    let space = floats(3, -5.0, 5.0);
    for objectives in [1, 2] {
        let task = Task { objectives, ..Task::new(&space, 1, Some(90)) };
        let evaluate = |_: u64, point: &Point| Told::Complete {
            objectives: vec![sphere(&numbers(point))[0]; objectives],
            violation: 0.0,
        };
        let resolved = Algorithm::parse("auto+polish=60").unwrap().resolved(&task).unwrap().0;
        assert_eq!(resolved.polish(), 60);
        let own = Task { trials: Some(30), ..task.clone() };
        let chosen = Algorithm::parse("auto").unwrap().resolved(&own).unwrap().0.to_string();
        let plain = run(&chosen, &own, 30, 4, &evaluate);
        let polished = run("auto+polish=60", &task, 90, 4, &evaluate);
        assert_eq!(polished[..30], plain[..], "{chosen}");
    }
}

#[test]
fn polish_is_written_behind_the_algorithm_and_needs_an_end_before_it() {
    let space = floats(2, 0.0, 1.0);
    let text = "nsga2:population=20+polish=50";
    assert_eq!(Algorithm::parse(text).unwrap().to_string(), text);
    let random = Algorithm::parse("random").unwrap();
    assert_eq!(random.polished(50).unwrap(), Algorithm::parse("random+polish=50").unwrap());
    let error = |text: &str, trials| {
        let plan = Algorithm::parse(text).and_then(|each| each.plan(&Task::new(&space, 1, trials)));
        plan.err().unwrap_or_default()
    };
    for (text, trials, message) in [
        ("random+polish=50", None, "--trials N"),
        ("random+polish=50", Some(50), "of 50 trials, 50 are to refine"),
        ("random+polish=0", Some(9), "allowed: a number of trials from 1"),
        ("random+polish=5+polish=6", Some(99), "polishing once"),
    ] {
        assert!(error(text, trials).contains(message), "{text}: {}", error(text, trials));
    }
}

#[test]
#[ignore = "prints a table"]
#[expect(clippy::print_stdout, reason = "it prints a table")]
fn table() {
    // Others, and options, for measuring them: NAMES="pso:swarm=10 annealing".
    let names = std::env::var("NAMES").unwrap_or("nelder-mead pso annealing".to_owned());
    for (of, dimensions) in [("sphere", 5), ("rosenbrock", 4), ("rosenbrock", 10), ("sphere", 20)] {
        for name in names.split(' ').filter(|name| name.starts_with("nelder")) {
            for lag in [1, 4] {
                let needed = trials_to(name, of, dimensions, 1e-6, lag, 11);
                println!("{of} {dimensions}-D lag {lag} {name:20} {needed} trials to 1e-6");
            }
        }
    }
    for (of, dimensions, trials) in [
        ("sphere", 5, 200),
        ("rosenbrock", 4, 400),
        ("rastrigin", 2, 300),
        ("rastrigin", 5, 1000),
        ("rastrigin", 10, 2000),
    ] {
        for name in ["random", "nsga2"].into_iter().chain(names.split(' ')) {
            let values = [1, 4, 20].map(|lag| reached(name, of, dimensions, trials, lag, 21));
            let [one, four, twenty] = values.map(|value| format!("{value:.3e}"));
            println!("{of} {dimensions}-D, {trials}: {name} lag 1 {one}, 4 {four}, 20 {twenty}");
        }
    }
}
