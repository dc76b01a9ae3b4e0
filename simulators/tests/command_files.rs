//! Working directories of single trials: what is in them, and which of them are kept.

use std::fs;
use std::path::Path;

use command_lab::{Lab, names, point};
use simulators::{Failure, Report, Simulator, Trial, Verdict, Watcher, sweep_files};

mod command_lab;

/// Runs a trial whose files may be kept in a folder.
struct Stop;

impl Watcher for Stop {
    fn report(&mut self, _report: Report) -> Verdict {
        Verdict::Stop
    }

    fn restart(&mut self) {}
}

fn run(
    simulator: &dyn Simulator,
    number: u64,
    x: f64,
    files: Option<&Path>,
) -> Result<Vec<f64>, Failure> {
    let at = point(x, 3, 0);
    let trial = Trial { number, files, ..Trial::new(&at, 7) };
    simulator.session().run(&trial, &mut Stop)
}

#[test]
fn a_deck_is_written_into_a_folder_that_is_kept_when_the_trial_fails() {
    let lab = Lab::new();
    lab.file("deck.tpl", "&in x={{ x : .3e }}, n={{n:04d}} kind='{{ k }}' {single} /\n");
    lab.file("model.dat", "42\n");
    lab.file(
        "sim.sh",
        "cat input.txt >&2; pwd >&2; echo here; [ \"$1\" != 0.25 ] || exit 9\n\
         echo \"cost = $(cat model.dat)\"\n",
    );
    let settings = "mode = 'once'\nrun = ['sh', 'sim.sh', '{x}']\nmetrics = ['cost']\n\
         output = 'lines'\ninputs = ['model.dat']\n\
         deck = { file = 'input.txt', template = 'deck.tpl' }";
    let simulator = lab.opened(settings);
    let files = lab.path().join("study/trials");
    assert_eq!(run(&*simulator, 11, 0.5, Some(&files)), Ok(vec![42.0]));
    assert_eq!(names(&files), [""; 0], "what went well is not kept");
    let deck = "&in x=2.500e-01, n=0003 kind='plain' {single} /";
    let expected = format!("the program ended with exit code 9; standard error ends: {deck} | .");
    // Messages are part of the results: they are the same wherever the trial ran.
    for files in [Some(&*files), Some(&files), None] {
        let error = run(&*simulator, 12, 0.25, files).expect_err("exit code 9");
        assert_eq!(error.message, expected);
    }
    assert_eq!(names(&files), ["12"]);
    let kept = files.join("12");
    let held = ["input.txt", "model.dat", "optimize-stderr.txt", "optimize-stdout.txt"];
    assert_eq!(names(&kept), held);
    let text = |name: &str| fs::read_to_string(kept.join(name)).expect("kept");
    assert_eq!(text("input.txt").trim(), deck);
    assert_eq!(text("optimize-stdout.txt"), "here\n");
    assert!(text("optimize-stderr.txt").starts_with(deck));
    let ours = format!("optimize-trial-{}-", std::process::id());
    let left = names(&std::env::temp_dir());
    assert!(!left.iter().any(|name| name.starts_with(&ours)), "nothing is kept elsewhere");
}

#[test]
fn so_many_directories_are_kept_and_no_more() {
    let lab = Lab::new();
    let script = "echo \"$1\" > mine\necho '{\"cost\": '$1'}'\n[ \"$1\" != 0.0 ]";
    let keep = |settings: &str, folder: &str| {
        let simulator = lab.shell(script, settings);
        let files = lab.path().join(folder);
        // The first three fail, and of the second there is an older one.
        for (number, x) in [(0, 0.0), (1, 0.0), (1, 0.0), (2, 0.0), (3, 0.5), (4, 0.5)] {
            assert_eq!(run(&*simulator, number, x, Some(&files)).is_ok(), x > 0.0);
        }
        names(&files).join(" ")
    };
    assert_eq!(keep("keep = 'all'", "all"), "0 1 2 3 4");
    assert_eq!(fs::read_to_string(lab.path().join("all/3/mine")).expect("kept"), "0.5\n");
    assert_eq!(keep("keep = 'failed'", "failed"), "0 1 2");
    assert_eq!(keep("keep = 'none'", "none"), "");
    assert_eq!(keep("keep = 'all'\nkeep_limit = 4", "some"), "0 1 2 3");
    // A simulator that is opened later counts what is there, and replaces what it can.
    assert_eq!(keep("keep = 'all'\nkeep_limit = 2", "failed"), "0 1 2");
    assert_eq!(keep("keep = 'all'\nkeep_limit = 4", "failed"), "0 1 2 3");
}

#[test]
fn the_last_attempt_counts_and_pruned_trials_have_not_failed() {
    let lab = Lab::new();
    let files = lab.path().join("trials");
    let script = format!(
        "echo x >> {0}/tries\n[ -e {0}/tries2 ] || {{ touch {0}/tries2; exit 75; }}\n\
         [ \"$1\" = 0.5 ] && echo '{{\"step\": 1, \"metrics\": {{\"cost\": 1}}}}' && sleep 1000\n\
         echo '{{\"cost\": 1}}'",
        lab.path().display()
    );
    let simulator = lab.shell(&script, "keep = 'failed'\nretries = 1");
    assert_eq!(run(&*simulator, 1, 0.25, Some(&files)), Ok(vec![1.0]));
    let tries = fs::read_to_string(lab.path().join("tries")).expect("it ran");
    assert_eq!(tries.lines().count(), 2);
    assert!(run(&*simulator, 2, 0.5, Some(&files)).is_err());
    assert_eq!(names(&files), [""; 0]);
    let simulator = lab.shell(&script, "keep = 'all'");
    assert!(run(&*simulator, 2, 0.5, Some(&files)).is_err());
    assert_eq!(names(&files), ["2"]);
}

#[test]
fn what_a_crash_left_is_swept_and_nothing_else() {
    let lab = Lab::new();
    let files = lab.path().join("trials");
    sweep_files(&files).expect("there is nothing yet");
    for name in ["7", "running-8-a1b2c3/deep", "running-9-d4e5f6", "notes"] {
        fs::create_dir_all(files.join(name)).expect("ours");
    }
    fs::write(files.join("running-8-a1b2c3/deep/file"), "text").expect("ours");
    sweep_files(&files).expect("all is ours");
    assert_eq!(names(&files), ["7", "notes"]);
}

#[test]
fn no_two_files_of_a_working_directory_have_one_name() {
    let lab = Lab::new();
    fs::create_dir(lab.path().join("other")).expect("ours");
    for name in ["model.dat", "other/model.dat", "out.csv", "input.txt", "deck.tpl"] {
        lab.file(name, "mine {{ x }}");
    }
    let once = "mode = 'once'\nrun = ['true']\nmetrics = ['cost']\n";
    let deck = "deck = { file = 'input.txt', template = 'deck.tpl' }";
    for (settings, expected) in [
        ("keep = 'all'\ninputs = ['model.dat', 'other/model.dat']", "another input"),
        (&format!("{deck}\ninputs = ['model.dat', 'input.txt']"), "the deck"),
        ("output = { csv = { file = 'out.csv' } }\ninputs = ['out.csv']", "the file that"),
    ] {
        let error = match lab.open(&format!("{once}{settings}")) {
            Ok(_) => panic!("{settings} is opened"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains("command.inputs: found"), "{error}");
        assert!(error.contains(&format!("which is the name of {expected}")), "{error}");
    }
    lab.opened(&format!("{once}inputs = ['model.dat', 'other/model.dat']"));
    lab.opened(&format!("{once}{deck}\ninputs = ['model.dat', 'out.csv']"));
}

#[test]
fn what_a_killed_process_left_among_temporary_files_is_removed() {
    let mut gone = std::process::Command::new("true").spawn().expect("true");
    let dead = gone.id();
    gone.wait().expect("ours");
    let temporary = std::env::temp_dir();
    let make = |pid: u32, name: &str| {
        let path = temporary.join(format!("optimize-trial-{pid}-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("deep")).expect("ours");
        path
    };
    // The one of process 1 lives, and what is locked is in use by somebody far away.
    let (left, alive, locked) = (make(dead, "left"), make(1, "alive"), make(dead, "locked"));
    let lock = fs::File::open(&locked).expect("ours");
    lock.try_lock().expect("nobody has it");
    let lab = Lab::new();
    let simulator = lab.shell("echo '{\"cost\": 1}'", "keep = 'all'");
    assert_eq!(run(&*simulator, 1, 0.5, None), Ok(vec![1.0]));
    let found = [&left, &alive, &locked].map(|path| path.exists());
    fs::remove_dir_all(&alive).expect("ours");
    fs::remove_dir_all(&locked).expect("ours");
    assert_eq!(found, [false, true, true]);
}
