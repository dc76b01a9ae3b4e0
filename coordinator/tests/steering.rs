//! What steers a study: points given first, results of an earlier study, goals, and the algorithm
//! that is chosen for it. None of it may make the table depend on how it was computed.

mod support;

use serde_json::Value;
use support::Place;

const MINE: &str = "
name = 'mine'
simulator = 'problem'
[objectives]
f = 'minimize'
[space]
x1 = { float = [-5.0, 10.0] }
x2 = { float = [0.0, 15.0] }
constraints = ['x1 < x2']
[problem]
name = 'branin'
";

fn place() -> Place {
    let place = Place::new();
    place.write("mine.toml", MINE);
    place
}

/// The columns of the trials of a study, in order.
fn trials(place: &Place, name: &str, columns: &str) -> Vec<Value> {
    let sql = format!("select {columns} from trials order by trial");
    let said = place.run(&format!("results {name} --format json --sql '{sql}'")).ended(0);
    said.json().as_array().expect("rows").clone()
}

fn status(place: &Place, name: &str) -> Value {
    place.run(&format!("status {name} --format json")).ended(0).json()
}

#[test]
fn given_points_come_first_with_every_algorithm() {
    let place = place();
    place.write("points.csv", "x1,x2\n3.25,12.5\n-1.5,7.75\n");
    place.write(
        "both.toml",
        &MINE.replace(
            "name = 'mine'",
            "name = 'both'\nenqueue = [{ x1 = 3.25, x2 = 12.5 }, { x1 = -1.5, x2 = 7.75 }]",
        ),
    );
    let words = "--enqueue x1=3.25,x2=12.5 --enqueue x1=-1.5,x2=7.75";
    let grid = "--set space.x1.points=5 --set space.x2.points=4";
    for (algorithm, more) in
        [("random", ""), ("sobol", ""), ("lhs", ""), ("nsga2", ""), ("grid", grid)]
    {
        let start = |name: &str, words: &str| {
            let how = format!("--algorithm {algorithm} --trials 12 --quiet --format json {more}");
            place.run(&format!("start {words} --name {name} {how}")).ended(0).hash()
        };
        let name = |what: &str| format!("{algorithm}-{what}");
        let by_words = start(&name("words"), &format!("--template mine.toml {words} --threads 1"));
        let by_file = start(&name("file"), "--template mine.toml --enqueue points.csv --threads 8");
        let by_template = start(&name("both"), "--template both.toml");
        assert!(by_words == by_file && by_words == by_template, "{algorithm}");
        let rows = trials(&place, &name("words"), "x1, x2");
        // The constraint rules out some strata of a hypercube, and no others take their place.
        let all = if algorithm == "lhs" { 5..=12 } else { 12..=12 };
        assert!(all.contains(&rows.len()), "{algorithm}: the budget counts them: {}", rows.len());
        assert_eq!((rows[0]["x1"].as_f64(), rows[0]["x2"].as_f64()), (Some(3.25), Some(12.5)));
        assert_eq!((rows[1]["x1"].as_f64(), rows[1]["x2"].as_f64()), (Some(-1.5), Some(7.75)));
        place.run(&format!("verify {}", name("words"))).ended(0);
        let repeated = rows[2..].iter().any(|row| *row == rows[0] || *row == rows[1]);
        assert!(!repeated, "{algorithm} evaluates a point twice");
    }
    // However the same points are given, it is the same study.
    let print = |name: &str| {
        let path = place.path().join("optimize-store").join(name).join("study.json");
        let text = std::fs::read_to_string(path).expect("a record");
        serde_json::from_str::<Value>(&text).expect("JSON")["fingerprint"].clone()
    };
    assert_eq!(print("random-words"), print("random-file"));
}

#[test]
fn given_points_that_cannot_be_are_refused() {
    let place = place();
    for (point, message) in [
        ("x1=1", "--enqueue x1=1: enqueue[0].x2: found nothing, allowed: 0 … 15"),
        ("x1=1,x2=20", "enqueue[0].x2: found 20, allowed: 0 … 15"),
        ("x1=1,x3=2", "enqueue[0].x2: found nothing (but \"x3\")"),
        ("x1=1,x2=2,x3=4", "enqueue[0].x3: found an unknown key"),
        ("x1=9,x2=2", "found x1 = 9, x2 = 2, allowed: points with x1 < x2"),
    ] {
        let said = place.run(&format!("start --template mine.toml --enqueue {point}")).ended(2);
        assert!(said.err.contains(message), "{point}: {}", said.err);
    }
    assert!(!place.path().join("optimize-store").exists(), "nothing was started");
}

#[test]
fn a_goal_ends_a_study_at_the_same_trial_everywhere_and_leaves_a_prefix() {
    let place = place();
    let start = "start --template mine.toml --seed 5 --quiet --format json --algorithm";
    // The usual lag and chunk of nsga2, where there are many trials.
    for algorithm in ["random", "nsga2"] {
        let run = |name: &str, more: &str| {
            place.run(&format!("{start} {algorithm} --name {name} {more}")).ended(0)
        };
        let goal = "--trials 100000 --stop 'f <= 0.6' --stop 'f stalls 50000'";
        let one = run(&format!("{algorithm}-one"), &format!("{goal} --threads 1")).json();
        let eight = run(&format!("{algorithm}-eight"), &format!("{goal} --threads 8")).json();
        assert_eq!(one["state"], "stopped");
        assert_eq!(one["results_hash"], eight["results_hash"], "{algorithm}");
        assert_eq!(one["reason"], eight["reason"]);
        let reason = one["reason"].as_str().expect("a reason").to_owned();
        let last: u64 = reason.strip_prefix("f <= 0.6 at trial ").expect(&reason).parse().unwrap();
        let rows = trials(&place, &format!("{algorithm}-eight"), "trial, f");
        assert_eq!(rows.last().expect("rows")["trial"].as_u64(), Some(last));
        let below = rows.iter().filter(|row| row["f"].as_f64().expect("a number") <= 0.6);
        assert_eq!(below.count(), 1, "{algorithm}: the first that reaches it is the last");
        let evaluated = one["evaluated"].as_u64().expect("a count");
        let shorter =
            run(&format!("{algorithm}-short"), &format!("--trials {evaluated} --lag 32 --chunk 8"));
        assert_eq!(Value::from(shorter.hash()), one["results_hash"], "{algorithm}");
        // It has ended: resuming changes nothing, and its trials are those of its table.
        let again = place.run(&format!("resume {algorithm}-eight --quiet --format json")).ended(0);
        assert_eq!(Value::from(again.hash()), one["results_hash"]);
        assert_eq!(status(&place, &format!("{algorithm}-eight"))["reason"], reason.as_str());
        let verified = place.run(&format!("verify {algorithm}-eight")).ended(0);
        let count = format!("{algorithm}-eight: {evaluated} of {evaluated} trials");
        assert!(verified.out.replace(',', "").contains(&count), "{}", verified.out);
    }
    let said = place.run("status random-one").ended(0);
    assert!(said.out.contains("stopped: f <= 0.6 at trial"), "{}", said.out);
}

#[test]
fn goals_on_progress_end_a_study_and_wrong_ones_are_refused() {
    let place = place();
    let zdt1 = "start --template problem:zdt1 --algorithm nsga2 --quiet --format json";
    let said = place.run(&format!("{zdt1} --trials 200000 --stop 'hypervolume stalls 3000'"));
    let said = said.ended(0).json();
    let reason = said["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("hypervolume stalls 3000 at trial "), "{reason}");
    assert!(said["evaluated"].as_u64().expect("a count") < 100_000, "{said}");
    for (goal, message) in [
        ("g <= 1", "unknown metric"),
        ("x1 stalls 5", "stop: found \"x1 stalls 5\", allowed: f stalls TRIALS"),
        ("hypervolume stalls 5", "hypervolume with 2 or 3 objectives"),
        ("f stalls long", "f stalls TRIALS, a number from 1"),
    ] {
        let said = place.run(&format!("start --template mine.toml --stop '{goal}'")).ended(2);
        assert!(said.err.contains(message), "{goal}: {}", said.err);
    }
}

#[test]
fn results_of_an_earlier_study_are_learnt_from_and_not_evaluated_again() {
    let place = place();
    let start = "start --template mine.toml --algorithm nsga2:population=20 --quiet --format json";
    place.run(&format!("{start} --trials 200 --seed 1 --name early")).ended(0);
    let cold = place.run(&format!("{start} --trials 60 --seed 2 --name cold")).ended(0);
    let from = format!("{start} --trials 60 --seed 2 --from early");
    let one = place.run(&format!("{from} --name one --threads 1")).ended(0);
    assert_eq!(one.hash(), place.run(&format!("{from} --name eight --threads 8")).ended(0).hash());
    assert_ne!(one.hash(), cold.hash());
    let mean = |name: &str| {
        let rows = trials(&place, name, "f");
        rows.iter().map(|row| row["f"].as_f64().expect("a number")).sum::<f64>() / rows.len() as f64
    };
    let (cold, warm) = (mean("cold"), mean("one"));
    assert!(warm < cold / 2.0, "it begins where the other ended: {warm} against {cold}");
    let points = |name: &str| trials(&place, name, "x1, x2");
    let early = points("early");
    assert!(points("one").iter().all(|point| !early.contains(point)), "evaluated again");
    // A path instead of a name, and the earlier study need not stay.
    let elsewhere = format!("{start} --trials 60 --seed 2 --from optimize-store/early");
    let part = place.run(&format!("{elsewhere} --name part --store elsewhere --stop 'f < 1e9'"));
    assert_eq!(part.ended(0).json()["evaluated"], 1);
    let by_path = place.run(&format!("{elsewhere} --name path --store elsewhere")).ended(0);
    assert_eq!(by_path.hash(), one.hash());
    std::fs::remove_dir_all(place.path().join("optimize-store/early")).expect("removable");
    let resumed = place.run("resume one --quiet --format json").ended(0);
    assert_eq!(resumed.hash(), one.hash());
    place.run("verify one --sample 5").ended(0);
}

#[test]
fn results_that_do_not_fit_are_refused() {
    let place = place();
    place.run("start --template mine.toml --trials 40 --quiet --algorithm random").ended(0);
    let start = "start --template mine.toml --algorithm nsga2 --trials 10 --quiet";
    for (more, message) in [
        ("--from mien", "did you mean mine"),
        ("--from mine --algorithm sobol", "sobol learns nothing from results"),
        ("--from mine --set space.x2.float=[0,3]", "allowed: 0 … 3"),
        (
            "--from mine --set space.x3={int=[1,3]}",
            "found the parameters x1, x2, allowed: x1, x2, x3",
        ),
        ("--from mine --objective f:max", "found the objectives minimize f, allowed: maximize f"),
        ("--from mine --set 'space.constraints=[\"x1 + 3 < x2\"]'", "points with x1 + 3 < x2"),
    ] {
        let start = match more.contains("--algorithm") {
            true => start.replace("--algorithm nsga2 ", ""),
            false => start.to_owned(),
        };
        let said = place.run(&format!("{start} {more} --name next")).ended(2);
        assert!(said.err.contains(message), "{more}: {}", said.err);
    }
    assert!(!place.path().join("optimize-store/next").exists(), "nothing was started");
}

#[test]
fn auto_says_what_it_chose_and_the_record_keeps_that() {
    let place = place();
    let said = place.run("start --template mine.toml --algorithm auto --trials 30").ended(0);
    let line = said.err.lines().find(|line| line.contains("auto: ")).expect("a line").to_owned();
    let path = place.path().join("optimize-store/mine/study.json");
    let record: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("a record")).expect("JSON");
    let algorithm = record["algorithm"].as_str().expect("a name");
    assert_ne!(algorithm, "auto");
    assert!(line.contains(algorithm), "{line}");
    let reason = record["algorithm_reason"].as_str().expect("a reason");
    assert!(line.contains(reason) && reason.contains("30 trials for 2 parameters"), "{line}");
    let small = "start --template mine.toml --algorithm auto --set space.x1={int=[0,5]} \
                 --set space.x2={int=[0,5]} --name small";
    let said = place.run(small).ended(0);
    assert!(said.err.contains("auto: grid, for 36 points in all"), "{}", said.err);
}
