//! How programs end at their limits, and how they are ended.

use std::fs;

use command_lab::{Lab, run};
use rustix::process::{Pid, Signal, kill_process};
use simulators::{Failure, FailureKind, Simulator};
use std::time::Duration;

mod command_lab;

fn error(simulator: &dyn Simulator) -> Failure {
    run(simulator, 0.5).expect_err("it fails")
}

#[test]
fn a_signal_for_too_much_processor_time_may_come_as_a_code() {
    let lab = Lab::new();
    for end in ["exit 152", "exit 137", "kill -9 $$; sleep 1000", "kill -24 $$; sleep 1000"] {
        let limited = error(&*lab.shell(end, "cpu = '100s'"));
        assert_eq!(limited.kind, FailureKind::Timeout, "{end}");
        assert_eq!(limited.message, "the program used up its processor time (cpu)");
        let free = error(&*lab.shell(end, "")).kind;
        assert_eq!(free == FailureKind::Timeout, end.starts_with("kill -24"), "{end}");
        let stays = format!("echo '{{\"optimize\": 1}}'\nread hello\nread trial\n{end}");
        lab.file("stays.sh", &stays);
        let settings = "run = ['sh', 'stays.sh']\nmetrics = ['cost']\ncpu = '100s'";
        assert_eq!(error(&*lab.opened(settings)).kind, FailureKind::Timeout, "{end}");
    }
    assert_eq!(error(&*lab.shell("exit 9", "cpu = '100s'")).kind, FailureKind::Error);
}

#[test]
fn one_that_closed_its_output_has_the_grace_to_end() {
    let lab = Lab::new();
    let open = |end: &str, settings: &str| {
        let script = "echo '{\"optimize\": 1}'\nread hello\nread trial\necho words >&2\nexec >&-\n";
        lab.file("sim.sh", &format!("{script}{end}"));
        lab.opened(&format!("run = ['sh', 'sim.sh']\nmetrics = ['cost']\n{settings}"))
    };
    let slow = error(&*open("sleep 1.5; exit 3", "grace = '60s'"));
    assert_eq!(slow.message, "the program ended with exit code 3; standard error ends: words");
    assert_eq!(slow.kind, FailureKind::Error);
    for limits in ["grace = '300ms'", "grace = '60s'\ntimeout = '300ms'"] {
        let never = error(&*open("exec sleep 1000", limits));
        let expected = "the program closed its output and did not end; standard error ends: words";
        assert_eq!((never.message.as_str(), never.kind), (expected, FailureKind::Timeout));
    }
}

#[test]
fn the_grace_is_for_the_whole_group() {
    let lab = Lab::new();
    let inner = "trap 'sleep 0.5; echo saved > saved; exit' TERM\necho '{\"step\": 1, \"metrics\": {\"cost\": 1}}'\n\
         while :; do sleep 0.1; done\n";
    lab.file("inner.sh", inner);
    let simulator = lab.shell("sh inner.sh\necho never", "grace = '60s'\ntimeout = '1s'");
    let begun = command_lab::now();
    assert_eq!(error(&*simulator).kind, FailureKind::Timeout);
    assert!(lab.path().join("saved").exists(), "the wrapper's child had its time");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

/// Set in the process that stands still for a while.
const STILL: &str = "OPTIMIZE_TEST_STILL";

#[test]
fn a_trial_that_ended_in_time_has_no_timeout_if_we_look_late() {
    let folder = std::env::var_os(STILL);
    if let Some(folder) = folder {
        let lab = Lab::new();
        let folder = fs::canonicalize(folder).expect("ours").display().to_string();
        let work = format!("touch {folder}/started; sleep 0.5");
        let once = lab.shell(&format!("{work}; echo '{{\"cost\": 1}}'"), "timeout = '1500ms'");
        assert_eq!(run(&*once, 0.5), Ok(vec![1.0]));
        let stays = lab.python(
            &format!("os.system('{work}')\nsay('{{\"metrics\": {{\"cost\": 1}}}}')"),
            "timeout = '1500ms'",
        );
        assert_eq!(run(&*stays, 0.5), Ok(vec![1.0]));
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = std::process::Command::new(std::env::current_exe().expect("a test"))
        .args(["--exact", "a_trial_that_ended_in_time_has_no_timeout_if_we_look_late"])
        .env(STILL, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the test itself");
    let pid = Pid::from_child(&child);
    for _ in 0..2 {
        while fs::remove_file(folder.path().join("started")).is_err() {
            assert!(matches!(child.try_wait(), Ok(None)), "it is at work");
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(pid, Signal::STOP).expect("ours");
        std::thread::sleep(Duration::from_secs(2));
        kill_process(pid, Signal::CONT).expect("ours");
    }
    assert!(child.wait().expect("ours").success());
}

#[test]
fn names_that_a_shell_throws_away_are_refused_beside_limits() {
    let lab = Lab::new();
    let settings = "mode = 'once'\nrun = ['true']\nmetrics = ['cost']\nenv = { 'a.b' = '1' }\n";
    lab.opened(settings).ready().expect("no shell");
    for limit in ["memory = '1GiB'", "cpu = '1s'"] {
        let error = match lab.open(&format!("{settings}{limit}")) {
            Ok(_) => panic!("it is opened"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains("found \"a.b\" beside"), "{error}");
    }
    let settings = settings.replace("a.b", "_A1");
    lab.opened(&format!("{settings}memory = '1GiB'")).ready().expect("a plain name");
}
