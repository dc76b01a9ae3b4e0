//! What becomes of the children of a process that is killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use command_lab::{Lab, dies, processes, run};

mod command_lab;

/// Set in the process that is to be killed: the folder with its programs.
const VICTIM: &str = "OPTIMIZE_TEST_VICTIM";

/// Names its own process and that of a child of its own, and ends only if it has to. Its streams
/// lead nowhere, as the other ends of its pipes are gone with the victim.
const STUBBORN: &str = "exec > /dev/null 2>&1\nsh -c \"trap '' TERM; while :; do sleep 0.1; done\" &\n\
     trap 'echo asked > asked.$1' TERM\necho $$ $! > pids.$1\nwhile :; do sleep 0.1; done\n";

/// Runs trials that never end, if it is the one that is to be killed.
#[test]
fn victim() {
    let Some(folder) = std::env::var_os(VICTIM) else { return };
    let open = |script: &str, mode: &str| {
        // A folder of its own would be left behind.
        Lab::new().opened(&format!(
            "mode = '{mode}'\nrun = ['sh', '{script}']\nmetrics = ['cost']\ngrace = '300ms'\n\
             folder = '{}'",
            Path::new(&folder).display()
        ))
    };
    let (once, stays) = (open("once.sh", "once"), open("stays.sh", "persistent"));
    std::thread::scope(|scope| {
        scope.spawn(|| run(&*once, 0.5));
        scope.spawn(|| run(&*stays, 0.5));
    });
}

#[test]
fn children_of_a_killed_process_are_ended() {
    let lab = Lab::new();
    lab.file("once.sh", &format!("set once\n{STUBBORN}"));
    let hello = "echo '{\"optimize\": 1}'\nread hello\nread trial\n";
    lab.file("stays.sh", &format!("{hello}set stays\n{STUBBORN}"));
    let mut victim = Command::new(std::env::current_exe().expect("a test"))
        .args(["--exact", "victim"])
        .env(VICTIM, lab.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("the test itself");
    let pids = |name: &str| -> Vec<String> {
        for _ in 0..3000 {
            let text = fs::read_to_string(lab.path().join(name)).unwrap_or_default();
            if text.ends_with('\n') {
                return text.split_whitespace().map(str::to_owned).collect();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{name} does not come");
    };
    let mut all = [pids("pids.once"), pids("pids.stays")].concat();
    assert_eq!(all.len(), 4);
    let children: Vec<String> = processes()
        .iter()
        .filter(|(_, parent, _)| *parent == victim.id())
        .map(|(pid, ..)| pid.to_string())
        .collect();
    let arguments = |pid: &String| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let is_guard =
        |pid: &&String| String::from_utf8_lossy(&arguments(pid)).contains("optimize-guard");
    let guards: Vec<String> = children.iter().filter(is_guard).cloned().collect();
    assert_eq!(guards.len(), 2, "one of each simulator");
    all.extend(guards);
    victim.kill().expect("SIGKILL");
    victim.wait().expect("ours");
    for pid in all {
        assert!(dies(&pid), "{pid} outlives optimize");
    }
    for name in ["asked.once", "asked.stays"] {
        assert!(lab.path().join(name).exists(), "{name}: SIGTERM came first");
    }
}
