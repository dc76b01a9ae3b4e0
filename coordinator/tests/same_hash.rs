//! The headline: the same study has the same results hash, on one thread or eight, in one go or
//! killed at twenty random moments and resumed, for every algorithm and for both simulators.

mod support;

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
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

fn check(study: &str, algorithm: &str, trials: Option<u64>, seed: u64) {
    let place = Place::new();
    place.write("mixed.toml", MIXED);
    let limit = trials.map_or(String::new(), |trials| format!("--trials {trials}"));
    let start = format!("start {study} --algorithm {algorithm} {limit} --seed {seed} --quiet");
    let whole = |name: &str, threads: u32| {
        let words = format!("{start} --format json --name {name} --threads {threads}");
        place.run(&words).ended(0).hash()
    };
    let expected = whole("one", 1);
    assert_eq!(whole("eight", 8), expected, "{algorithm}: eight threads");

    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut moment = || Duration::from_millis(u64::from(15 + random.next_u32() % 90));
    let mut command = place.command(&format!("{start} --name killed --threads 2"));
    let mut kills = 0;
    loop {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        sleep(moment());
        let ended = killed(&mut child);
        // A study that was killed before it had a name cannot be resumed: it is started again.
        let there = place.path().join("optimize-store/killed/study.json").exists();
        if ended {
            assert!(there, "{algorithm}: it cannot have ended otherwise");
            break;
        }
        kills += 1;
        if kills == KILLS {
            break;
        }
        if there {
            command = place.command("resume killed --quiet --threads 3");
        } else {
            let _ = std::fs::remove_dir_all(place.path().join("optimize-store/killed"));
        }
    }
    assert!(kills >= KILLS.min(10), "{algorithm}: over after {kills} kills; take more trials");
    let resumed = place.run("resume killed --quiet --format json").ended(0);
    assert_eq!(resumed.hash(), expected, "{algorithm}: killed {kills} times");

    // Every row is in the view, exactly once.
    let count = |name: &str| {
        let sql = "select count(*) as rows, count(distinct trial) as trials from trials";
        let said = place.run(&format!("results {name} --format json --sql '{sql}'")).ended(0);
        (said.json()[0]["rows"].clone(), said.json()[0]["trials"].clone())
    };
    assert_eq!(count("killed"), count("one"), "{algorithm}");
    assert_eq!(count("killed").0, count("killed").1, "{algorithm}");
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
fn problem_in_a_finite_space() {
    check(FINITE, "random", Some(150_000), 11);
}
