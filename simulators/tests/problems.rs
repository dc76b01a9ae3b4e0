//! The test problems: known optima, values computed independently (with numpy, from the papers'
//! formulas), noise, learning curves, templates and refusals.

#![expect(clippy::unreadable_literal, reason = "printed by numpy")]
#![expect(clippy::disallowed_methods, reason = "an oracle may use other mathematics")]

mod support;

use std::path::Path;

use search_spaces::{Document, Point, Template, Value};
use simulators::{
    Report, Simulator, Trial, Unwatched, problem_names, problem_template, problem_template_of,
};
use support::{bits, open, refusal};

fn text(variables: usize, settings: &str) -> String {
    let space: Vec<String> =
        (1..=variables).map(|i| format!("x{i} = {{ float = [-50.0, 50.0] }}\n")).collect();
    format!(
        "name = 't'\nsimulator = 'problem'\n[objectives]\nf = 'minimize'\n[space]\n{}\
         [problem]\n{settings}\n",
        space.concat()
    )
}

fn point(x: &[f64]) -> Point {
    Point::new(x.iter().map(|x| Value::Float(*x)).collect())
}

fn value(name: &str, x: &[f64]) -> Vec<f64> {
    let problem = open(&text(x.len(), &format!("name = '{name}'"))).expect("valid");
    support::run(&*problem, &point(x))
}

#[track_caller]
fn check(name: &str, x: &[f64], expected: &[f64]) {
    let found = value(name, x);
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs();
        assert!(error <= 1e-12 * expected.abs().max(1.0), "{name} at {x:?}: {found} {expected}");
    }
}

#[test]
fn minima_are_where_they_are_known_to_be() {
    use std::f64::consts::PI;
    check("sphere", &[0.0, 0.0], &[0.0]);
    check("rosenbrock", &[1.0; 4], &[0.0]);
    check("ackley", &[0.0; 5], &[0.0]);
    check("rastrigin", &[0.0; 5], &[0.0]);
    check("ellipsoid", &[0.0; 10], &[0.0]);
    for x in [[-PI, 12.275], [PI, 2.275], [3.0 * PI, 2.475]] {
        check("branin", &x, &[0.397_887_357_729_738_16]);
    }
    let x = [0.20168952, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730054];
    check("hartmann6", &x, &[-3.322_368_011_415_515]);
}

#[test]
fn values_elsewhere_are_those_of_the_formulas() {
    let x = [0.3, -1.2, 0.7, 1.1, -0.4];
    check("sphere", &x, &[3.39]);
    check("sphere", &[3.0, -4.0], &[25.0]);
    check("ackley", &x, &[4.814938299838335]);
    check("ackley", &[3.0; 5], &[9.023767278119472]);
    check("rastrigin", &x, &[56.48016994374947]);
    check("rastrigin", &[2.5; 5], &[131.25]);
    check("ellipsoid", &x, &[198799.18648634385]);
    check("ellipsoid", &[1.0, -2.0], &[4000001.0]);
    check("ellipsoid", &[3.0], &[9.0]);
    check("rosenbrock", &x[..4], &[263.8]);
    check("rosenbrock", &[0.0; 4], &[3.0]);
    check("branin", &[0.0, 0.0], &[55.602112642270264]);
    check("branin", &[2.5, 7.5], &[24.129964413622268]);
    check("hartmann6", &[0.5; 6], &[-0.5053149917022333]);
    check("hartmann6", &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], &[-1.4069105761385297]);
    let (v, w) = ([0.2, 0.4, 0.1, 0.9, 0.3], [0.75, 0.5, 0.5, 0.25, 1.0]);
    check("zdt1", &v, &[0.2, 3.8426558647805744]);
    check("zdt1", &w, &[0.75, 3.9301597363460026]);
    check("zdt2", &v, &[0.2, 4.816709844559584]);
    check("zdt2", &w, &[0.75, 5.969716494845361]);
    check("zdt3", &v, &[0.2, 3.8426558647805744]);
    check("zdt3", &w, &[0.75, 4.680159736346003]);
    check("zdt4", &v, &[0.2, 38.02995173182652]);
    check("zdt4", &w, &[0.75, 18.448879332023917]);
    check("zdt6", &v, &[0.9814699527707215, 8.150216873173433]);
    check("zdt6", &w, &[0.950212931632136, 8.691558501975367]);
    check("dtlz1", &v, &[1.48, 2.22, 14.8]);
    check("dtlz1", &w, &[43.546875, 43.546875, 29.03125]);
    check("dtlz2", &v, &[1.0464124026395862, 0.7602631123499286, 0.42026311234992847]);
    check("dtlz2", &w, &[0.35515994072094187, 0.3551599407209418, 1.2125918864210639]);
    check("dtlz7", &v, &[0.2, 0.4, 17.14490279765796]);
    check("dtlz7", &w, &[0.75, 0.5, 20.46966991411009]);
}

#[test]
fn points_of_the_known_fronts_lie_on_them() {
    use std::f64::consts::PI;
    for step in 0..=20 {
        let x = f64::from(step) / 20.0;
        let mut at_zero = [0.0; 10];
        at_zero[0] = x;
        check("zdt1", &at_zero, &[x, 1.0 - x.sqrt()]);
        check("zdt2", &at_zero, &[x, 1.0 - x * x]);
        check("zdt3", &at_zero, &[x, 1.0 - x.sqrt() - x * (10.0 * PI * x).sin()]);
        check("zdt4", &at_zero, &[x, 1.0 - x.sqrt()]);
        let f = value("zdt6", &at_zero);
        assert!((f[1] - (1.0 - f[0] * f[0])).abs() < 1e-12 && f[0] >= 0.2807753);
        for y in [0.0, 0.25, 1.0] {
            let middle = [x, y, 0.5, 0.5, 0.5];
            let plane: f64 = value("dtlz1", &middle).iter().sum();
            assert!((plane - 0.5).abs() < 1e-12, "{plane}");
            let sphere: f64 = value("dtlz2", &middle).iter().map(|f| f * f).sum();
            assert!((sphere - 1.0).abs() < 1e-12, "{sphere}");
            let h = 3.0
                - x / 2.0 * (1.0 + (3.0 * PI * x).sin())
                - y / 2.0 * (1.0 + (3.0 * PI * y).sin());
            check("dtlz7", &[x, y, 0.0, 0.0], &[x, y, 2.0 * h]);
        }
    }
}

#[test]
fn the_number_of_objectives_is_free_where_the_family_allows_it() {
    let problem = open(&text(6, "name = 'dtlz2'\nobjectives = 5\ndimensions = 6")).expect("valid");
    assert_eq!(problem.metrics(), ["f1", "f2", "f3", "f4", "f5"]);
    let values = support::run(&*problem, &point(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.5]));
    let sphere: f64 = values.iter().map(|f| f * f).sum();
    assert!((sphere - 1.0).abs() < 1e-12);
}

fn reported(problem: &dyn Simulator, x: &[f64], seed: u64) -> (Vec<f64>, Vec<Report>) {
    let mut reports: Vec<Report> = Vec::new();
    let mut session = problem.session();
    let point = point(x);
    let values = session.run(&Trial::new(&point, seed), &mut reports).expect("no failure");
    (values, reports)
}

#[test]
fn noise_comes_from_the_seed_and_has_its_deviation() {
    let problem = open(&text(2, "name = 'sphere'\nnoise = 0.5")).expect("valid");
    let sample = |seed| reported(&*problem, &[1.0, 2.0], seed).0[0] - 5.0;
    assert_eq!(sample(7).to_bits(), sample(7).to_bits());
    let samples: Vec<f64> = (0..4000).map(sample).collect();
    let mean = samples.iter().sum::<f64>() / 4000.0;
    let square = samples.iter().map(|s| s * s).sum::<f64>() / 4000.0;
    assert!(mean.abs() < 0.03, "{mean}");
    assert!((square.sqrt() - 0.5).abs() < 0.02, "{square}");
    let steps = open(&text(2, "name = 'sphere'\nnoise = 0.5\nsteps = 3")).expect("valid");
    assert_eq!(bits(&reported(&*steps, &[1.0, 2.0], 7).0), bits(&[sample(7) + 5.0]));
}

#[test]
fn learning_curves_fall_to_the_final_value_and_cross() {
    let problem = open(&text(5, "name = 'zdt1'\nsteps = 20")).expect("valid");
    let curve = |x: f64, seed| reported(&*problem, &[x, 0.1, 0.1, 0.1, 0.1], seed);
    let (values, reports) = curve(0.4, 3);
    let steps: Vec<u64> = reports.iter().map(|report| report.step).collect();
    assert_eq!(steps, (1..=20).collect::<Vec<u64>>());
    assert_eq!(bits(&reports[19].values), bits(&values));
    for pair in reports.windows(2) {
        assert!(pair[0].values[0] > pair[1].values[0] && pair[0].values[1] > pair[1].values[1]);
    }
    // v + (1 - s / S)^2 (1 + |v|) c with c in [0.5, 1.5).
    let c = (reports[9].values[0] - values[0]) / (0.25 * (1.0 + values[0]));
    assert!((0.5..1.5).contains(&c), "{c}");
    assert_eq!(curve(0.4, 3), (values, reports));
    let cross = (0..50).any(|seed| {
        let (worse, better) = (curve(0.42, seed), curve(0.4, seed + 100));
        worse.1[0].values[0] < better.1[0].values[0]
    });
    assert!(cross, "a curve that ends higher may start lower");
}

#[test]
fn every_problem_has_a_template_that_opens_and_runs() {
    assert_eq!(problem_names().len(), 15);
    assert_eq!(problem_template("nonsense"), None);
    for name in problem_names() {
        let text = problem_template(name).expect(name);
        let document = Document::parse(name, &text).expect("valid TOML");
        let template = Template::read(document, Path::new("")).expect("a valid template");
        assert_eq!(template.name, name);
        let problem = open(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let objectives: Vec<&str> =
            template.objectives.iter().map(|objective| objective.metric.as_str()).collect();
        assert_eq!(problem.metrics(), objectives);
        let middle = template.space.decode(&vec![0.5; template.space.parameters().len()]);
        assert!(support::run(&*problem, &middle).iter().all(|f| f.is_finite()), "{name}");
    }
    assert!(problem_template("sphere").expect("there").contains("x2 = { float = [-5.12, 5.12] }"));
}

#[test]
fn templates_are_written_for_as_many_variables_and_objectives_as_are_asked_for() {
    let counted = |name, dimensions, objectives| {
        let text = problem_template_of(name, dimensions, objectives).expect("there");
        let document = Document::parse(name, &text).expect("valid TOML");
        let template = Template::read(document, Path::new("")).expect("a valid template");
        assert!(open(&text).is_ok(), "{name}");
        (template.space.parameters().len(), template.objectives.len())
    };
    assert_eq!(counted("sphere", Some(10), None), (10, 1));
    assert_eq!(counted("dtlz2", None, Some(4)), (13, 4));
    assert_eq!(counted("dtlz2", Some(20), Some(5)), (20, 5));
    assert_eq!(counted("branin", Some(10), Some(3)), (2, 1), "it is what it is");
}

#[test]
fn refusals_name_the_key_and_what_is_allowed() {
    let cases = [
        (2, "", "problem.name: found nothing, allowed: one of ackley, branin"),
        (2, "name = 'sphare'", "problem.name: found \"sphare\", allowed: one of ackley"),
        (3, "name = 'branin'", "problem.name: found branin with 3 parameter(s) in [space]"),
        (1, "name = 'rosenbrock'", "rosenbrock with 1 parameter(s)"),
        (1, "name = 'zdt1'", "from 2 on for zdt1"),
        (2, "name = 'dtlz1'", "from 3 on for dtlz1"),
        (2, "name = 'sphere'\ndimensions = 3", "problem.dimensions: found 3, but 2 parameter(s)"),
        (2, "name = 'branin'\ndimensions = 3", "problem.dimensions: found 3, allowed: 2 for"),
        (
            2,
            "name = 'sphere'\nobjectives = 2",
            "problem.objectives: found 2, allowed: 1 for sphere",
        ),
        (2, "name = 'dtlz2'\nobjectives = 1", "problem.objectives: found 1, allowed: from 2"),
        (2, "name = 'sphere'\nnoise = -1", "problem.noise: found -1, allowed: a number from 0 on"),
        (2, "name = 'sphere'\nsteps = -1", "problem.steps: found -1, allowed: a whole number"),
        (2, "name = 'sphere'\nnoize = 1", "did you mean \"noise\""),
    ];
    for (variables, settings, expected) in cases {
        let message = refusal(&text(variables, settings));
        assert!(message.contains(expected), "{settings}: {message}");
    }
    let choice = text(2, "name = 'sphere'").replace("{ float = [-50.0, 50.0] }", "{ bool = true }");
    assert!(refusal(&choice).contains("the parameter x1 that is no number"));
    let unknown = text(2, "name = 'sphere'").replace("simulator = 'problem'", "simulator = 'p'");
    let unknown = unknown.replace("[problem]", "[p]");
    assert!(
        refusal(&unknown)
            .contains("unknown simulator \"p\"; allowed: \"backtest\", \"command\", \"problem\"")
    );
}

#[test]
fn an_inactive_variable_is_a_failed_trial() {
    let problem = open(&text(2, "name = 'sphere'")).expect("valid");
    let point = Point::new(vec![Value::Int(1), Value::Inactive]);
    let failure = problem.session().run(&Trial::new(&point, 0), &mut Unwatched).unwrap_err();
    assert_eq!(failure.message, "variable 2 of the problem is inactive");
}

#[test]
fn fingerprints_tell_settings_apart_and_nothing_else() {
    let print = |settings: &str| open(&text(5, settings)).expect("valid").fingerprint();
    let all = [
        "name = 'sphere'",
        "name = 'ackley'",
        "name = 'sphere'\nnoise = 1",
        "name = 'sphere'\nsteps = 1",
        "name = 'dtlz2'",
        "name = 'dtlz2'\nobjectives = 4",
    ];
    for (i, a) in all.iter().enumerate() {
        for (j, b) in all.iter().enumerate() {
            assert_eq!(print(a) == print(b), i == j, "{a} {b}");
        }
    }
    assert_eq!(print("name = 'sphere'"), print("noise = 0.0\nname = 'sphere'\ndimensions = 5"));
}
