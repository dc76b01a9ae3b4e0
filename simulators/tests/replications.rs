//! Replications, as somebody would try them: a template in, metrics out.

mod support;

use std::path::Path;

use search_spaces::{Point, Value};
use simulators::{Report, Simulator, Trial, Unwatched, Verdict, Watcher, open_template};
use support::{bits, run, template};

/// A sphere of one variable with noise.
fn noisy(replications: &str) -> String {
    format!(
        "name = 't'\nsimulator = 'problem'\n[objectives]\nf = 'minimize'\n\
         [space]\nx = {{ float = [-5.0, 5.0] }}\n[problem]\nname = 'sphere'\nnoise = 1.0\n\
         [replications]\n{replications}\n"
    )
}

/// A moving average on built-in prices.
fn crossover(replications: &str) -> String {
    let text = support::backtest_text(
        "n = { int = [5, 50] }",
        "data = 'stocks-daily'\nsymbols = ['GOOG']\nmetrics = ['total_return', 'trades']",
        "long_entry = 'close > sma(close, n)'\nlong_exit = 'close < sma(close, n)'",
    );
    text.replace("sharpe", "total_return") + replications
}

/// A program that fails where CODE is not 0.
fn program(replications: &str) -> String {
    format!(
        "name = 't'\nsimulator = 'command'\n[objectives]\ncost = 'minimize'\n\
         [space]\nx = {{ float = [-5.0, 5.0] }}\n[command]\nmode = 'once'\n\
         run = ['sh', '-c', 'echo \"{{{{\\\"cost\\\": {{x}}, \\\"cost_se\\\": 7}}}}\"; exit $CODE']\n\
         metrics = ['cost', 'cost_se']\nenv = {{ CODE = '0' }}\n[replications]\n{replications}\n"
    )
}

fn open(text: &str) -> Box<dyn Simulator> {
    open_template(&template(text), Path::new(".")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[track_caller]
fn refused(text: &str, message: &str) {
    match open_template(&template(text), Path::new(".")) {
        Ok(_) => panic!("opened, but should not:\n{text}"),
        Err(error) => assert!(error.to_string().contains(message), "{message}: {error}"),
    }
}

fn at(x: f64) -> Point {
    Point::new(vec![Value::Float(x)])
}

/// The metrics of a trial, and its reports.
fn reported(simulator: &dyn Simulator, trial: &Trial<'_>) -> (Vec<f64>, Vec<Report>) {
    let mut reports = Vec::new();
    let metrics = simulator.session().run(trial, &mut reports).expect("it succeeds");
    (metrics, reports)
}

/// Says stop at a step.
struct StopsAt(u64, Vec<u64>);

impl Watcher for StopsAt {
    fn report(&mut self, report: Report) -> Verdict {
        self.1.push(report.step);
        if report.step >= self.0 { Verdict::Stop } else { Verdict::Continue }
    }

    fn restart(&mut self) {
        self.1.clear();
    }
}

#[test]
fn without_the_table_nothing_is_replicated() {
    let text = noisy("").replace("[replications]", "");
    let simulator = open(&text);
    assert_eq!(simulator.metrics(), ["f"]);
    assert_eq!(simulator.replicates(), None);
    assert_eq!(simulator.fingerprint(), support::open(&text).expect("opens").fingerprint());
}

#[test]
fn all_trials_of_a_study_meet_the_same_noise() {
    let simulator = open(&noisy("seeds = 5"));
    let value = |x: f64, seed: u64, common: u64| {
        let point = at(x);
        let trial = Trial { common, ..Trial::new(&point, seed) };
        simulator.session().run(&trial, &mut Unwatched).expect("it succeeds")
    };
    assert_eq!(
        bits(&value(1.0, 1, 7)),
        bits(&value(1.0, 2, 7)),
        "the trial's own seed is not used"
    );
    assert_ne!(value(1.0, 1, 7), value(1.0, 1, 8), "another study has other noise");
    // The noise cancels out between points: the difference is that of the sphere itself.
    let difference = value(2.0, 1, 7)[0] - value(1.0, 9, 7)[0];
    assert!((difference - 3.0).abs() < 1e-12, "{difference}");
}

#[test]
fn noise_averages_out_and_its_size_is_told() {
    let simulator = open(&noisy("seeds = 400"));
    assert_eq!(simulator.metrics(), ["f", "f_se"]);
    assert_eq!((simulator.steps(), simulator.reports()), (Some(400), true));
    let found = run(&*simulator, &at(2.0));
    // A deviation of 1 over the root of 400 is 0.05.
    assert!((found[1] - 0.05).abs() < 0.01, "{found:?}");
    assert!((found[0] - 4.0).abs() < 4.0 * found[1], "{found:?}");
    let single = run(&*open(&noisy("seeds = 1")), &at(2.0));
    assert!(single[0].is_finite() && single[1].is_nan(), "one value has no spread: {single:?}");
}

#[test]
fn each_replication_is_reported_by_itself_and_all_make_the_metrics() {
    let point = at(2.0);
    let (metrics, reports) = reported(&*open(&noisy("seeds = 4")), &Trial::new(&point, 0));
    let steps: Vec<u64> = reports.iter().map(|report| report.step).collect();
    assert_eq!(steps, [1, 2, 3, 4]);
    let mut values: Vec<f64> = reports.iter().map(|report| report.values[0]).collect();
    let mean = values.iter().sum::<f64>() / 4.0;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / 3.0;
    assert!((metrics[0] - mean).abs() < 1e-12);
    assert!((metrics[1] - (variance / 4.0).sqrt()).abs() < 1e-12);
    assert!(reports[0].values[1].is_nan());
    assert_eq!(bits(&reports[3].values[1..]), bits(&metrics[1..]), "the error of all of them");
    values.sort_by(f64::total_cmp);
    for (direction, aggregate, expected) in [
        ("minimize", "median", f64::midpoint(values[1], values[2])),
        ("minimize", "worst", values[3]),
        ("maximize", "worst", values[0]),
        ("minimize", "quantile:0", values[0]),
        ("minimize", "cvar:0.5", f64::midpoint(values[2], values[3])),
        ("maximize", "cvar:0.5", f64::midpoint(values[0], values[1])),
        ("minimize", "cvar:0.375", (values[3] + 0.5 * values[2]) / 1.5),
    ] {
        let text = noisy(&format!("seeds = 4\naggregate = '{aggregate}'"));
        let found = run(&*open(&text.replace("minimize", direction)), &point);
        assert!((found[0] - expected).abs() < 1e-12, "{direction} {aggregate}: {found:?}");
        assert_eq!(found[1].to_bits(), metrics[1].to_bits(), "the error is that of the mean");
    }
}

#[test]
fn a_strategy_is_tried_on_several_symbols_and_in_several_years() {
    let point = support::ints(&[20]);
    let alone = |settings: &str| {
        let text = crossover("").replace("symbols = ['GOOG']", settings);
        run(&*support::open(&text).expect("opens"), &point)
    };
    let several = "[replications]\nvary = { symbols = [['GOOG'], ['MSFT'], ['IBM']] }\n";
    let simulator = open(&crossover(several));
    let (metrics, reports) = reported(&*simulator, &Trial::new(&point, 0));
    assert_eq!(simulator.metrics(), ["total_return", "trades", "total_return_se"]);
    let expected = ["GOOG", "MSFT", "IBM"].map(|name| alone(&format!("symbols = ['{name}']")));
    for (report, expected) in reports.iter().zip(&expected) {
        assert_eq!(bits(&report.values[..2]), bits(expected));
    }
    let mean = |metric: usize| expected.iter().map(|values| values[metric]).sum::<f64>() / 3.0;
    assert!((metrics[0] - mean(0)).abs() < 1e-12 && (metrics[1] - mean(1)).abs() < 1e-9);

    let windows = "[[replications.vary]]\nfrom = '2005-01-01'\nto = '2006-12-31'\n\
         [[replications.vary]]\nfrom = '2007-01-01'\nto = '2008-12-31'\n\
         [replications]\naggregate = 'worst'\n";
    let found = run(&*open(&crossover(windows)), &point);
    let years = ["2005-01-01'\nto = '2006-12-31", "2007-01-01'\nto = '2008-12-31"]
        .map(|span| alone(&format!("symbols = ['GOOG']\nfrom = '{span}'")));
    assert_eq!(found[0].to_bits(), years[0][0].min(years[1][0]).to_bits());
    assert!((found[1] - f64::midpoint(years[0][1], years[1][1])).abs() < 1e-9, "trades: the mean");
}

#[test]
fn variations_take_turns_and_every_replication_has_a_seed_of_its_own() {
    let point = at(0.0);
    let varied = open(&noisy("seeds = 3\nvary = { noise = [1.0, 10.0] }"));
    let (_, reports) = reported(&*varied, &Trial::new(&point, 0));
    let (_, plain) = reported(&*open(&noisy("seeds = 6")), &Trial::new(&point, 0));
    assert_eq!(reports.len(), 6);
    for (index, (varied, plain)) in reports.iter().zip(&plain).enumerate() {
        // At 0, all there is is the noise.
        let factor = if index % 2 == 0 { 1.0 } else { 10.0 };
        assert!((varied.values[0] - factor * plain.values[0]).abs() < 1e-9, "{index}");
    }
    let mut values: Vec<u64> = plain.iter().map(|report| report.values[0].to_bits()).collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), 6, "no two replications have the same noise");
}

#[test]
fn a_trial_that_is_stopped_runs_no_further_replications() {
    // The third one would fail.
    let simulator = open(&program("vary.env.CODE = ['0', '0', '3']"));
    let (point, mut watcher) = (at(1.0), StopsAt(2, Vec::new()));
    simulator.session().run(&Trial::new(&point, 0), &mut watcher).expect("it is stopped before");
    assert_eq!(watcher.1, [1, 2]);
    let failure = simulator.session().run(&Trial::new(&point, 0), &mut Unwatched);
    let message = failure.expect_err("the third one fails").message;
    assert!(message.starts_with("replication 3 of 3 (env.CODE=3): "), "{message}");
    assert!(message.contains('3') && message.contains("exit"), "{message}");
    let seeds = open(&program("seeds = 2").replace("CODE = '0'", "CODE = '4'"));
    let failure = seeds.session().run(&Trial::new(&point, 0), &mut Unwatched);
    let message = failure.expect_err("every one fails").message;
    assert!(message.starts_with("replication 1 of 2: "), "{message}");
}

#[test]
fn a_name_that_is_taken_gets_an_underscore_and_a_person_sees_each_replication() {
    let simulator = open(&program("seeds = 2"));
    assert_eq!(simulator.metrics(), ["cost", "cost_se", "cost_se_"]);
    assert_eq!(run(&*simulator, &at(1.5)), [1.5, 7.0, 0.0]);
    let point = at(1.5);
    let rehearsal = simulator.rehearse(&Trial::new(&point, 0), &mut Unwatched);
    assert_eq!(rehearsal.result, Ok(vec![1.5, 7.0, 0.0]));
    let begins = rehearsal.seen.iter().filter(|(label, _)| label == "replication");
    let begins: Vec<&str> = begins.map(|(_, text)| text.split(',').next().unwrap()).collect();
    assert_eq!(begins, ["replication 1 of 2", "replication 2 of 2"]);
    assert!(rehearsal.seen.iter().any(|(_, text)| text.contains("\"cost\": 1.5")));
}

#[test]
fn everything_that_an_answer_depends_on_is_in_the_fingerprint() {
    let fingerprint = |text: &str| open(text).fingerprint();
    let plain = noisy("seeds = 3");
    assert_eq!(fingerprint(&plain), fingerprint(&plain));
    assert_eq!(fingerprint(&plain), fingerprint(&noisy("seeds = 3\naggregate = 'mean'")));
    let mut all = vec![fingerprint(&plain)];
    for text in [
        noisy("seeds = 4"),
        noisy("seeds = 3\naggregate = 'median'"),
        noisy("seeds = 3\naggregate = 'cvar:0.5'"),
        noisy("seeds = 3\naggregate = 'cvar:0.4'"),
        noisy("seeds = 3\nvary = { noise = [1.0, 2.0] }"),
        noisy("seeds = 3\nvary = { noise = [2.0, 1.0] }"),
        plain.replace("noise = 1.0", "noise = 3.0"),
        plain.replace("minimize", "maximize"),
        plain.replace("[replications]", "[other]").replace("[other]\nseeds = 3", ""),
    ] {
        all.push(fingerprint(&text));
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 10);
}

#[test]
fn the_files_of_all_variations_are_known() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.csv", "b.csv"] {
        let bars = "Date,Open,High,Low,Close\n2020-01-01,1,1,1,1\n2020-01-02,2,2,2,2\n";
        std::fs::write(folder.path().join(name), bars).expect("written");
    }
    let text = crossover("[replications]\nvary.data = ['a.csv', 'b.csv']\nseeds = 2\n");
    let template =
        template(&text.replace("symbols = ['GOOG']\n", "").replace("data = 'stocks-daily'\n", ""));
    let simulator = open_template(&template, folder.path()).expect("opens");
    assert_eq!(simulator.files(), ["a.csv", "b.csv"]);
    assert_eq!(simulator.steps(), Some(4));
}

#[test]
fn faults_name_the_line_and_what_is_allowed() {
    for (replications, message) in [
        ("", "t.toml:10: replications.seeds: found nothing, allowed: a whole number from 1 to"),
        ("sedes = 3", "replications.seeds: found nothing (but \"sedes\")"),
        ("seeds = 0", "t.toml:11: replications.seeds: found 0, allowed: a whole number from 1"),
        ("seeds = 2\nagregate = 'mean'", "t.toml:12: replications.agregate: found an unknown key"),
        ("seeds = 2\nagregate = 'mean'", "allowed: aggregate, seeds, vary"),
        ("seeds = 2\naggregate = 'worse'", "t.toml:12: replications.aggregate: found \"worse\""),
        (
            "seeds = 2\naggregate = 'medain'",
            "(did you mean median?), allowed: \"mean\", \"median\"",
        ),
        ("vary.noise = 3.0", "t.toml:11: replications.vary.noise: found 3.0, allowed: a list"),
        (
            "vary.noise = [1.0, -1.0]",
            "t.toml:11: problem.noise: found -1, allowed: a number from 0",
        ),
        ("vary.nose = [1.0]", "t.toml:11: problem.nose: found an unknown key (did you mean"),
        ("seeds = 100000\nvary.noise = [1, 2]", "replications: found 200000 replications in all"),
        ("vary.name = ['sphere', 'zdt1']", "problem.name: found"),
    ] {
        refused(&noisy(replications), message);
    }
    refused(
        &crossover("[replications]\nvary.metrics = [['total_return'], ['total_return', 'sharpe']]"),
        "replications.vary: found the metrics total_return, sharpe with metrics=[\"total_return\", \
         \"sharpe\"], allowed: those of the first for all: total_return",
    );
}
