//! The headline: the same study has the same results hash, on one thread or eight, in one go or
//! killed at twenty random moments and resumed, for every algorithm and every simulator.

mod support;

use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use optimizers::{Algorithm, Plan, Task};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use search_spaces::{Document, Space};
use support::Place;

const KILLS: u32 = 20;

/// A study of the backtester that takes a second or two.
const BACKTEST: &str = "--template sma-crossover --set space.fast.int=[2,120] \
     --set space.slow.int=[10,400]";

/// A study of a noisy problem with a learning curve, in a mixed, constrained space.
const PROBLEM: &str = "--template mixed.toml";

const MIXED: &str = "
name = 'mixed'
simulator = 'problem'
[objectives]
f1 = 'minimize'
f2 = 'minimize'
[space]
x1 = { float = [0.0, 1.0], points = 60 }
x2 = { float = [1e-3, 1.0], scale = 'log', points = 50 }
x3 = { int = [0, 40] }
constraints = ['x1 + x2 < 1.5']
[problem]
name = 'zdt1'
noise = 0.1
steps = 3
";

/// The same in a finite space, where samples have to avoid repetitions.
const FINITE: &str = "--template mixed.toml --set space.x1={float=[0.0,1.0],step=0.01} \
     --set space.x2={float=[0.001,1.0],step=0.005,scale=\"log\"}";

/// A study of a program that draws from its seed, reports, fails and is pruned by turns.
const PROGRAM: &str = "--template program.toml";

const PROGRAM_TEMPLATE: &str = "
name = 'program'
simulator = 'command'
prune = ['step >= 2 and cost > 1.4']
[objectives]
cost = 'minimize'
[space]
x = { float = [0.0, 1.0] }
[command]
run = ['python3', 'sim.py']
metrics = ['cost']
";

const PROGRAM_SOURCE: &str = r#"
import json, random, sys
def say(message):
    print(json.dumps(message), flush=True)
def run(trial):
    x, noise = trial["params"]["x"], random.Random(trial["seed"]).random()
    if noise < 0.1:
        return {"error": f"unlucky with {noise}"}
    for step in (1, 2, 3) if noise < 0.2 else ():
        say({"step": step, "metrics": {"cost": x + noise + step / 3}})
        if sys.stdin.readline().strip() == "stop":
            break
    return {"metrics": {"cost": (x - 0.3) ** 2 + noise}}
say({"optimize": 1})
sys.stdin.readline()
for line in sys.stdin:
    say(run(json.loads(line)))
"#;

fn check(study: &str, algorithm: &str, trials: Option<u64>, seed: u64) {
    let place = Place::new();
    place.write("mixed.toml", MIXED);
    place.write("program.toml", PROGRAM_TEMPLATE);
    place.write("sim.py", PROGRAM_SOURCE);
    let limit = trials.map_or(String::new(), |trials| format!("--trials {trials}"));
    let start = format!("start {study} --algorithm {algorithm} {limit} --seed {seed} --quiet");
    let whole = |name: &str, threads: u32| {
        let words = format!("{start} --format json --name {name} --threads {threads}");
        place.run(&words).ended(0).hash()
    };
    let expected = whole("one", 1);
    assert_eq!(whole("eight", 8), expected, "{algorithm}: eight threads");

    // A fast machine may end a study before it has been killed often enough: then another one
    // takes the rest of the kills.
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut kills, mut round) = (0, 0);
    while kills < KILLS && round < 20 {
        let name = format!("killed-{round}");
        kill_often(&place, &start, &name, &mut random, &mut kills);
        let resumed = place.run(&format!("resume {name} --quiet --format json")).ended(0);
        assert_eq!(resumed.hash(), expected, "{algorithm}: {name}, {kills} kills");
        round += 1;
    }
    assert!(kills > 0, "{algorithm}: too fast to be killed; take more trials");

    // Every row is in the view, exactly once.
    let count = |name: &str| {
        let sql = "select count(*) as rows, count(distinct trial) as trials from trials";
        let said = place.run(&format!("results {name} --format json --sql '{sql}'")).ended(0);
        (said.json()[0]["rows"].clone(), said.json()[0]["trials"].clone())
    };
    assert_eq!(count("killed-0"), count("one"), "{algorithm}");
    assert_eq!(count("killed-0").0, count("killed-0").1, "{algorithm}");
}

/// Starts a study and kills and resumes it at random moments, until it has ended or the kills are
/// used up.
fn kill_often(place: &Place, start: &str, name: &str, random: &mut ChaCha8Rng, kills: &mut u32) {
    let folder = place.path().join("optimize-store").join(name);
    while *kills < KILLS {
        // A study that was killed before it had a record is started again.
        let words = if folder.join("study.json").exists() {
            format!("resume {name} --quiet --threads 3")
        } else {
            let _ = std::fs::remove_dir_all(&folder);
            format!("{start} --name {name} --threads 2")
        };
        let mut command = place.command(&words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        // An interpreter takes a while to start, and nothing is at stake before it has.
        let first = if start.contains(PROGRAM) { 120 } else { 15 };
        sleep(Duration::from_millis(u64::from(first + random.next_u32() % 90)));
        if killed(&mut child) {
            return;
        }
        *kills += 1;
    }
    if !folder.join("study.json").exists() {
        let _ = std::fs::remove_dir_all(&folder);
        place.run(&format!("{start} --name {name}")).ended(0);
    }
}

/// Kills the process, as the kernel would; whether it had ended by itself.
fn killed(child: &mut Child) -> bool {
    if let Some(status) = child.try_wait().expect("a child") {
        assert!(status.success(), "it ended by itself with {status}");
        return true;
    }
    child.kill().expect("alive");
    child.wait().expect("a child");
    false
}

#[test]
fn program_sobol() {
    check(PROGRAM, "sobol", Some(40_000), 7);
}

#[test]
fn backtest_grid() {
    check(BACKTEST, "grid", None, 1);
}

#[test]
fn backtest_shuffled_grid() {
    check(BACKTEST, "grid:shuffle", Some(40_000), 2);
}

#[test]
fn backtest_random() {
    check(BACKTEST, "random", Some(40_000), 3);
}

#[test]
fn backtest_sobol() {
    check(BACKTEST, "sobol", Some(40_000), 4);
}

#[test]
fn backtest_lhs() {
    check(BACKTEST, "lhs", Some(40_000), 5);
}

#[test]
fn problem_grid() {
    check(PROBLEM, "grid", None, 6);
}

#[test]
fn problem_shuffled_grid() {
    check(PROBLEM, "grid:shuffle", None, 7);
}

#[test]
fn problem_random() {
    check(PROBLEM, "random", Some(150_000), 8);
}

#[test]
fn problem_sobol() {
    check(PROBLEM, "sobol", Some(150_000), 9);
}

#[test]
fn problem_lhs() {
    check(PROBLEM, "lhs", Some(150_000), 10);
}

#[test]
fn problem_nsga2() {
    check(PROBLEM, "nsga2", Some(20_000), 12);
}

#[test]
fn problem_nsga2_in_a_finite_space_with_points_given_first() {
    let given = format!("{FINITE} --enqueue x1=0.5,x2=0.001,x3=7 --enqueue x1=0,x2=0.501,x3=0");
    check(&given, "nsga2:population=30", Some(20_000), 13);
}

#[test]
fn problem_nsga2_with_trials_that_pause_and_go_on() {
    let curves = format!("{PROBLEM} --set problem.steps=9 --prune asha");
    check(&curves, "nsga2:population=20", Some(15_000), 15);
}

#[test]
fn problem_random_with_trials_behind_the_median() {
    let curves = format!("{PROBLEM} --set problem.steps=9 --prune median");
    check(&curves, "random", Some(20_000), 16);
}

#[test]
fn program_nsga2_with_trials_that_fail_and_are_pruned() {
    check(PROGRAM, "nsga2:population=20", Some(8000), 14);
}

/// Every algorithm that learns, on few trials: some of them think for long about each.
#[test]
fn every_algorithm_that_learns() {
    let text = "x = { float = [0, 1] }";
    let document = Document::parse("t.toml", text).expect("TOML");
    let space = Arc::new(Space::read(document.section()).expect("a space"));
    let learns = |name: &str, objectives: usize| {
        let task = Task { objectives, ..Task::new(&space, 1, Some(10)) };
        let plan = Algorithm::parse(name).expect("known").plan(&task);
        matches!(plan, Ok(Plan::Optimizer { learns: true, .. }))
    };
    let place = Place::new();
    place.write("mixed.toml", MIXED);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut tried = 0;
    for (name, _) in Algorithm::names().iter().filter(|(name, _)| *name != "auto") {
        let objectives = match (learns(name, 2), learns(name, 1)) {
            (true, _) => "",
            (false, true) => "--objective f2:min",
            (false, false) => continue,
        };
        let how = format!("{objectives} --trials 150 --seed 3 --quiet --format json");
        let start = format!("start {PROBLEM} --algorithm {name} {how}");
        let whole = |threads: u32| {
            let words = format!("{start} --name {name}-{threads} --threads {threads}");
            place.run(&words).ended(0).hash()
        };
        let expected = whole(1);
        assert_eq!(whole(8), expected, "{name}: eight threads");
        let mut kills = KILLS - 3;
        let killed = format!("{name}-killed");
        kill_often(&place, &start, &killed, &mut random, &mut kills);
        let resumed = place.run(&format!("resume {killed} --quiet --format json")).ended(0);
        assert_eq!(resumed.hash(), expected, "{name}: killed");
        tried += 1;
    }
    assert!(tried > 0);
}

#[test]
fn problem_in_a_finite_space() {
    check(FINITE, "random", Some(150_000), 11);
}
