//! Pruning as a user sees it: what is said, what is saved, and why a trial ended.

mod support;

use support::Place;

const CURVES: &str = "start --template problem:sphere --set problem.steps=27 --trials 200 --quiet \
     --format json";

#[test]
fn every_pruner_saves_work_and_gives_the_same_table_on_any_number_of_threads() {
    let place = Place::new();
    for pruner in ["forecast", "median", "percentile", "asha", "halving", "hyperband"] {
        let study = |threads: u32| {
            let name = format!("{pruner}-{threads}");
            let words = format!("{CURVES} --prune {pruner} --threads {threads} --name {name}");
            place.run(&words).ended(0).json()
        };
        let (one, eight) = (study(1), study(8));
        assert_eq!(one["results_hash"], eight["results_hash"], "{pruner}");
        let (steps, whole) = (one["steps"].as_u64(), one["whole_steps"].as_u64());
        assert_eq!(whole, Some(200 * 27), "{pruner}");
        assert!(steps.is_some_and(|steps| 10 * steps < 8 * 200 * 27), "{pruner}: {steps:?}");
        let verified = place.run(&format!("verify {pruner}-8 --format json")).ended(0).json();
        assert_eq!(verified["verified"], verified["evaluated"], "{pruner}");
    }
}

#[test]
fn a_trial_that_went_on_has_the_point_and_the_seed_of_its_origin() {
    let place = Place::new();
    place.run(&format!("{CURVES} --prune asha --name a")).ended(0);
    let sql = "select count(*) as all, sum((a.x1 = b.x1 and a.x2 = b.x2 and a.seed = b.seed)::int) \
               as same from trials a join trials b on a.origin = b.trial";
    let counts = place.run(&format!("results a --sql '{sql}' --format json")).ended(0).json();
    assert!(counts[0]["all"].as_u64() >= Some(60), "{counts}");
    assert_eq!(counts[0]["all"], counts[0]["same"]);
    // Counted with its latest report, a trial that went on counts once.
    let points = "select count(distinct (x1, x2)) as n from trials";
    let points = place.run(&format!("results a --sql '{points}' --format json")).ended(0).json();
    let ranked = "results a --include-pruned --top 1000 --format json";
    let ranked = place.run(ranked).ended(0).json();
    assert_eq!(points[0]["n"], 200);
    assert_eq!(ranked.as_array().map(Vec::len), Some(200));
    assert!(ranked[199]["f"].is_number(), "pruned trials have the metrics of their last report");
    let complete = place.run("results a --top 1000 --format json").ended(0).json();
    assert!(complete.as_array().is_some_and(|rows| rows.len() < 40));
}

#[test]
fn replications_that_were_run_are_not_run_again() {
    let place = Place::new();
    let study = "--template problem:ackley --set problem.noise=2 --replications 9 --trials 100";
    let start = format!("start {study} --quiet --format json --prune asha:forecast=false");
    let told = place.run(&format!("{start} --name r")).ended(0).json();
    // 100 with one, a third of them with two more, and a third of those with six.
    let steps = told["steps"].as_u64().unwrap_or(0);
    assert!((220..=250).contains(&steps), "{told}");
    let verified = place.run("verify r --format json").ended(0).json();
    assert_eq!(verified["verified"], verified["evaluated"], "run from their beginning");
    let sql = "select max(n) as most, min(n) as least from (select trial, count(*) as n from \
               reports where trial in (select trial from trials where status = $$complete$$) \
               group by trial)";
    let counts = place.run(&format!("results r --sql '{sql}' --format json")).ended(0).json();
    assert_eq!((&counts[0]["most"], &counts[0]["least"]), (&9.into(), &9.into()));
}

/// Seven windows of three symbols, in some of which some strategies never trade: their Sharpe ratio
/// is undefined.
const FOLDS: &str = r#"
name = "folds"
simulator = "backtest"
[objectives]
sharpe = "max"
[space]
fast = { int = [2, 60] }
slow = { int = [10, 200] }
constraints = ["fast < slow"]
[backtest]
data = "stocks-daily"
[backtest.strategy]
long_entry = "cross_above(sma(close, fast), sma(close, slow))"
long_exit = "cross_below(sma(close, fast), sma(close, slow))"
[replications]
vary = [
 { symbols = ["AAPL"], from = "2000-06-01", to = "2004-12-31" },
 { symbols = ["IBM"], from = "2005-01-01", to = "2008-12-31" },
 { symbols = ["AAPL"], from = "2009-01-01", to = "2010-12-31" },
 { symbols = ["IBM"], from = "2000-06-01", to = "2004-12-31" },
 { symbols = ["MSFT"], from = "2005-01-01", to = "2005-12-31" },
 { symbols = ["MSFT"], from = "2006-01-01", to = "2008-12-31" },
 { symbols = ["IBM"], from = "2009-01-01", to = "2012-12-31" } ]
"#;

#[test]
fn a_trial_without_a_finite_objective_on_its_rung_does_not_go_on() {
    let place = Place::new();
    place.write("folds.toml", FOLDS);
    for pruner in ["asha:forecast=false,min=1", "halving:forecast=false,min=1"] {
        let name = pruner.split(':').next().expect("a word");
        let start = format!("start --template folds.toml --trials 150 --quiet --name {name}");
        place.run(&format!("{start} --prune {pruner}")).ended(0);
        let sql = "select t.trial, (select count(*) from trials c where c.trial > t.trial and \
                   c.origin = coalesce(t.origin, t.trial)) as went_on from trials t where \
                   t.status = $$pruned$$ and (select arg_max_null(r.sharpe, r.step) from reports r \
                   where r.trial = t.trial) is null order by 1";
        let told = place.run(&format!("results {name} --sql '{sql}' --format json")).ended(0);
        let undefined = told.json();
        let undefined = undefined.as_array().expect("rows");
        assert!(undefined.len() > 2, "{pruner}: {undefined:?}");
        assert!(undefined.iter().all(|row| row["went_on"] == 0), "{pruner}: {undefined:?}");
        let said = place.run(&format!("explain {name} {}", undefined[0]["trial"])).ended(0).out;
        assert!(said.contains("without a finite objective: such a trial does not go"), "{said}");
        let verified = place.run(&format!("verify {name} --format json")).ended(0).json();
        assert_eq!(verified["verified"], verified["evaluated"], "{pruner}");
    }
}

#[test]
fn promising_backtests_run_on_where_others_pause() {
    let place = Place::new();
    let study = |pruner: &str, threads: u32| {
        let name = format!("{pruner}-{threads}");
        let words = format!("--prune {pruner} --threads {threads} --name {name} --format json");
        let start = format!("start --template sma-crossover --trials 300 --quiet {words}");
        place.run(&start).ended(0).json()
    };
    for pruner in ["asha", "halving", "hyperband"] {
        let (one, four) = (study(pruner, 1), study(pruner, 4));
        assert_eq!(one["results_hash"], four["results_hash"], "{pruner}");
        let (steps, whole) = (one["steps"].as_u64(), one["whole_steps"].as_u64());
        assert!(steps.zip(whole).is_some_and(|(steps, whole)| 10 * steps < 7 * whole), "{one}");
        let verified = place.run(&format!("verify {pruner}-4 --format json")).ended(0).json();
        assert_eq!(verified["verified"], verified["evaluated"], "{pruner}");
    }
    let sql = "select count(*) filter (status = $$complete$$ and origin is null) as at_once, \
               min(trial) filter (error like $$%not expected%$$) as stopped from trials";
    let told = place.run(&format!("results asha-1 --sql '{sql}' --format json")).ended(0).json();
    assert!(told[0]["at_once"].as_u64() > Some(40), "the control group is a fiftieth: {told}");
    let said = place.run(&format!("explain asha-1 {}", told[0]["stopped"])).ended(0).out;
    assert!(said.contains("asha held it against these bars"), "{said}");
    assert!(said.contains("expected end") && said.contains("behind"), "{said}");
}

#[test]
fn a_pruned_trial_of_replications_is_ranked_by_what_they_amount_to() {
    // Of an even number of values, the worst half is so many whole ones.
    for (aggregate, so_far) in [
        ("mean", "avg(r.f)"),
        ("worst", "max(r.f)"),
        ("median", "median(r.f)"),
        ("cvar:0.5", "list_avg((list(r.f order by r.f desc))[1:(count(*) // 2)])"),
    ] {
        let place = Place::new();
        let study = "--template problem:ackley --set problem.noise=2 --replications 9 --trials 150";
        let set = format!("--set replications.aggregate={aggregate}");
        let prune = "--prune median:warmup=1 --name r";
        place.run(&format!("start {study} {set} --quiet {prune}")).ended(0);
        let even = "having n > 1 and (n % 2 = 0 or $$X$$ not like $$cvar%$$)";
        let sql = format!(
            "select t.trial, {so_far} as amount, count(*) as n from trials t join reports r using \
             (trial) where status = $$pruned$$ group by all {} order by 1",
            even.replace('X', aggregate)
        );
        let amounts = place.run(&format!("results r --sql '{sql}' --format json")).ended(0).json();
        let ranked = "results r --include-pruned --top 1000 --format json";
        let ranked = place.run(ranked).ended(0).json();
        let amounts = amounts.as_array().expect("rows");
        assert!(amounts.len() > 5, "{aggregate}: {amounts:?}");
        for row in amounts {
            let same = |other: &&serde_json::Value| other["trial"] == row["trial"];
            let shown = ranked.as_array().and_then(|rows| rows.iter().find(same)).expect("ranked");
            let (f, amount) = (shown["f"].as_f64().unwrap(), row["amount"].as_f64().unwrap());
            assert!((f - amount).abs() < 1e-9, "{aggregate}: {shown} {row}");
        }
        let told = format!("explain r {} --format json", amounts[0]["trial"]);
        let told = place.run(&told).ended(0).json();
        let last = told["steps"].as_array().and_then(|steps| steps.last()).expect("it reported");
        let (held, amount) = (last["amount"][0].as_f64(), amounts[0]["amount"].as_f64());
        assert!((held.unwrap() - amount.unwrap()).abs() < 1e-9, "{aggregate}: {last}");
        let said = place.run(&format!("explain r {}", amounts[0]["trial"])).ended(0).out;
        assert!(said.contains(&format!("{aggregate} so far")), "{said}");
        let said = place.run("results r --include-pruned").ended(0).out;
        assert!(said.contains("among 150 complete and pruned trials"), "{said}");
    }
}

#[test]
fn nobody_is_stopped_where_the_work_is_done() {
    let place = Place::new();
    // No trial gets better by so much: four reports without are complete at the last step.
    let study = "start --template problem:sphere --set problem.steps=5 --trials 30 --quiet";
    let prune = "--prune patient:reports=4,least=1e9 --format json";
    let told = place.run(&format!("{study} {prune}")).ended(0).json();
    assert_eq!((&told["pruned"], &told["steps"]), (&0.into(), &150.into()), "{told}");
}

#[test]
fn what_a_rule_has_stopped_does_not_go_on() {
    let place = Place::new();
    place.run(&format!("{CURVES} --prune asha --prune 'f > 40' --name a")).ended(0);
    let sql = "select count(*) as stopped, count(*) filter (trial in (select origin from trials \
               where origin is not null)) as again from trials where error like $$f > 40%$$";
    let counts = place.run(&format!("results a --sql '{sql}' --format json")).ended(0).json();
    assert!(counts[0]["stopped"].as_u64() > Some(20), "{counts}");
    assert_eq!(counts[0]["again"], 0);
}

#[test]
fn explain_shows_the_bars_that_a_trial_was_held_against() {
    let place = Place::new();
    place.run(&format!("{CURVES} --prune median --prune 'f > 60 at 50%' --name m")).ended(0);
    let sql = "select max(trial) as trial from trials where error like $$median%$$";
    let last = place.run(&format!("results m --sql '{sql}' --format json")).ended(0).json();
    let trial = &last[0]["trial"];
    let told = place.run(&format!("explain m {trial} --format json")).ended(0).json();
    assert_eq!(told["status"], "pruned");
    let last = told["steps"].as_array().and_then(|steps| steps.last()).expect("it reported");
    let bar = &last["bar"];
    assert_eq!((&bar["is_behind"], &bar["rows"]), (&true.into(), &serde_json::json!([])));
    assert!(bar["expected"][0].as_f64() > bar["good_enough"][0][0].as_f64(), "{last}");
    assert!(bar["cohort"].as_u64() >= Some(12));
    let said = place.run(&format!("explain {trial}")).ended(0).out;
    assert!(said.contains("not expected to become as good as the best of"), "{said}");
    assert!(said.contains("of trials"), "{said}");
    let first = place.run("explain m 0").ended(0).out;
    assert!(first.contains("median asked nothing of it: too few had ended by then"), "{first}");
    assert!(place.run("explain m 200").ended(2).err.contains("m has no trial 200"));
    assert!(place.run("explain m last").ended(2).err.contains("allowed: the number of a trial"));
}

#[test]
fn explain_shows_a_bar_of_reports_where_nothing_is_foreseen() {
    let place = Place::new();
    place.write("folds.toml", FOLDS);
    place.run("start --template folds.toml --trials 150 --quiet --prune median --name m").ended(0);
    let sql = "select max(trial) as trial from trials where error like $$%behind the bar%$$";
    let last = place.run(&format!("results m --sql '{sql}' --format json")).ended(0).json();
    let trial = &last[0]["trial"];
    let told = place.run(&format!("explain m {trial} --format json")).ended(0).json();
    let last = told["steps"].as_array().and_then(|steps| steps.last()).expect("it reported");
    let bar = &last["bar"];
    assert_eq!(bar["is_behind"], true);
    assert!(last["amount"][0].as_f64() < bar["rows"][0][0].as_f64(), "{last}");
    let said = place.run(&format!("explain {trial}")).ended(0).out;
    assert!(said.contains("behind the bar of") && said.contains("mean so far"), "{said}");
}

#[test]
fn explain_shows_where_a_trial_stood_on_its_rung() {
    let place = Place::new();
    place.run(&format!("{CURVES} --prune asha:forecast=false --name a")).ended(0);
    let told = place.run("explain a 0 --format json").ended(0).json();
    let (rung, last) = (&told["rung"], told["steps"].as_array().and_then(|steps| steps.last()));
    assert_eq!(rung["came"], 200, "{told}");
    let sql = "select count(distinct origin) as n from trials";
    let counted = place.run(&format!("results a --sql '{sql}' --format json")).ended(0).json();
    assert_eq!(rung["went_on"], counted[0]["n"]);
    assert_eq!(rung["amount"], last.expect("it reported")["values"]);
    let is_worse = rung["amount"][0].as_f64() > rung["worst_that_went_on"].as_f64();
    assert_eq!(is_worse, told["continued_as"].is_null(), "{told}");
    let said = place.run("explain a 0").ended(0).out;
    let went_on = format!("and {} went on", rung["went_on"]);
    assert!(said.contains("of 200 trials that came there, ") && said.contains(&went_on), "{said}");
}

#[test]
fn what_cannot_prune_is_refused_before_anything_starts() {
    let place = Place::new();
    for (words, message) in [
        (
            "--prune medain",
            "--prune medain: prune: found \"medain\" (did you mean median?), allowed: a condition on",
        ),
        ("--prune ?", "or one of forecast, median, percentile"),
        ("--prune median:keep=3", "found the option keep"),
        ("--prune median --prune asha", "allowed: one pruner, and any number of rules"),
        ("--prune 'f > 1 at 0'", "'0' is no step from 1"),
    ] {
        let said = place.run(&format!("{CURVES} {words}")).ended(2).err;
        assert!(said.contains(message), "{words}: {said}");
    }
    let listed = place.run("start --template problem:sphere --quiet --prune ?").ended(2).err;
    assert!(listed.contains("or one of forecast, median, percentile"), "{listed}");
    let silent = "start --template problem:sphere --trials 9 --quiet --prune median";
    assert!(place.run(silent).ended(2).err.contains("these trials report nothing on their way"));
}
