//! What people are told: whether a program is ready, and how a trial goes.

use std::fs;

use command_lab::{Lab, names, point, run};
use simulators::{Failure, FailureKind, Rehearsal, Report, Simulator, Trial};

mod command_lab;

fn rehearse(simulator: &dyn Simulator) -> (Rehearsal, Vec<Report>) {
    let at = point(0.5, 3, 0);
    let mut reports = Vec::new();
    let trial = Trial { number: 4, ..Trial::new(&at, 7) };
    (simulator.rehearse(&trial, &mut reports), reports)
}

fn pairs(seen: &[(String, String)]) -> Vec<(&str, &str)> {
    seen.iter().map(|(label, text)| (label.as_str(), text.as_str())).collect()
}

fn not_ready(simulator: &dyn Simulator) -> Failure {
    simulator.ready().expect_err("it is not ready")
}

#[test]
fn what_made_sure_that_all_is_ready_serves_trials() {
    let lab = Lab::new();
    let simulator = lab.python(
        "open('pids', 'a').write(f'{os.getpid()}\\n')\n\
         say('{\"metrics\": {\"cost\": 1}}')",
        "",
    );
    std::thread::scope(|scope| {
        let ready = scope.spawn(|| (simulator.ready(), simulator.ready()));
        assert_eq!(ready.join().expect("no panic"), (Ok(()), Ok(())));
    });
    let children = || {
        let ours = command_lab::processes();
        ours.iter().filter(|(_, parent, _)| *parent == std::process::id()).map(|it| it.0).collect()
    };
    let before: Vec<u32> = children();
    assert_eq!(run(&*simulator, 0.5), Ok(vec![1.0]));
    let pid = fs::read_to_string(lab.path().join("pids")).expect("it ran");
    assert!(before.contains(&pid.trim().parse().expect("a number")), "{pid} is not of {before:?}");
}

#[test]
fn programs_that_do_not_shake_hands_are_told_what_to_do() {
    let lab = Lab::new();
    let message = |script: &str| {
        lab.file("sim.sh", script);
        let settings = "run = ['sh', 'sim.sh']\nmetrics = ['cost']\nstartup = '200ms'";
        not_ready(&*lab.opened(settings))
    };
    let hint = "; see docs/command.md for the handshake, or set mode = \"once\" for a program that \
         runs once per trial";
    let dies = message("echo no module >&2; exit 1");
    assert_eq!(
        dies.message,
        format!(
            "sh sim.sh: the program ended with exit code 1 before its handshake; \
             standard error ends: no module{hint}"
        )
    );
    let silent = message("sleep 1000");
    assert!(silent.message.contains("printed nothing for 200ms (startup)"), "{silent}");
    assert_eq!(silent.kind, FailureKind::Timeout);
    let other = message("echo '{\"cost\": 1}'").message;
    assert!(other.contains("wrote \"{\\\"cost\\\": 1}\"") && other.ends_with(hint), "{other}");
}

#[test]
fn a_script_names_its_interpreter() {
    let lab = Lab::new();
    let open = |script: &str, mode: &str| {
        lab.program("sim", script);
        lab.opened(&format!("mode = '{mode}'\nrun = ['./sim']\nmetrics = ['cost']"))
    };
    for (line, missing) in [
        ("#!/no/such/python3 -u\n", "/no/such/python3"),
        ("#!/usr/bin/env -S A=1 no-such-python\n", "no-such-python"),
        ("#! /bin/sh\r\n", "/bin/sh\\r"),
    ] {
        for mode in ["once", "persistent"] {
            let message = not_ready(&*open(line, mode)).message;
            let expected = format!("\"{missing}\" is not there or not executable");
            assert!(message.contains(&expected), "{message}");
        }
    }
    for line in [
        "#!/bin/sh\n",
        "#! /usr/bin/env sh\n",
        "#!/usr/bin/env -S A=1 sh -e\n",
        "#!/usr/bin/env -u A sh\n",
    ] {
        open(&format!("{line}echo '{{\"cost\": 1}}'\n"), "once").ready().expect(line);
    }
    lab.opened("mode = 'once'\nrun = ['true']\nmetrics = ['cost']").ready().expect("no script");
}

#[test]
fn a_rehearsal_shows_the_conversation() {
    let lab = Lab::new();
    let script = "echo '{\"optimize\": 1}'\nread -r hello\nwhile read -r trial; do\n\
         echo '{\"step\": 1, \"metrics\": {\"cost\": 9}}'\nread -r answer\n\
         echo working >&2\necho '{\"metrics\": {\"cost\": 2}}'\ndone\nexit 3\n";
    lab.file("sim.sh", script);
    let simulator = lab.opened(
        "run = ['sh', 'sim.sh']\nmetrics = ['cost']\nenv = { A = '1', B = 'x y' }\nbudget = 5",
    );
    let (rehearsal, reports) = rehearse(&*simulator);
    assert_eq!(rehearsal.result, Ok(vec![2.0]));
    assert_eq!(reports, [Report { step: 1, values: vec![9.0] }]);
    let start = format!("sh sim.sh  in {}", lab.path().display());
    let request = "{\"trial\": 4, \"seed\": 7, \"budget\": 5, \
         \"params\": {\"x\": 0.5, \"n\": 3, \"k\": \"plain\"}}";
    let expected = [
        ("starts", start.as_str()),
        ("environment", "A=1\nB=x y"),
        ("program writes", "{\"optimize\": 1}"),
        ("optimize writes", "{\"metrics\":[\"cost\"],\"optimize\":1}"),
        ("optimize writes", request),
        ("program writes", "{\"step\": 1, \"metrics\": {\"cost\": 9}}"),
        ("optimize writes", "continue"),
        ("program writes", "{\"metrics\": {\"cost\": 2}}"),
        ("standard error", "working"),
        ("ends", "exit code 3"),
    ];
    assert_eq!(pairs(&rehearsal.seen), expected);
    assert_eq!(rehearse(&*simulator).0, rehearsal, "each is a fresh start");
}

#[test]
fn a_rehearsal_shows_what_went_wrong() {
    let lab = Lab::new();
    lab.file("sim.sh", "echo hello; echo oops >&2; exec sleep 1000");
    let (rehearsal, _) = rehearse(&*lab.opened("run = ['sh', 'sim.sh']\nmetrics = ['cost']"));
    let message = rehearsal.result.expect_err("no handshake").message;
    assert!(message.contains("the program wrote \"hello\""), "{message}");
    let seen = pairs(&rehearsal.seen);
    assert_eq!(seen[1], ("program writes", "hello"));
    assert_eq!(seen.last(), Some(&("ends", "signal 15")));
    let simulator = lab.python("print('bad', file=sys.stderr, flush=True)\nos._exit(4)", "");
    let (rehearsal, _) = rehearse(&*simulator);
    assert!(rehearsal.result.is_err());
    let seen = pairs(&rehearsal.seen);
    assert_eq!(seen[seen.len() - 2..], [("standard error", "bad"), ("ends", "exit code 4")]);
}

#[test]
fn a_rehearsal_of_a_single_run_shows_its_files_and_streams() {
    let lab = Lab::new();
    lab.file("deck.tpl", "x = {{ x }}\n");
    lab.file(
        "sim.sh",
        "cat > /dev/null\nseq 1 100\necho 'not good' >&2\n\
         printf 'cost\\n1.5\\n' > out.csv\nexit $1\n",
    );
    let simulator = |code: u8| {
        lab.opened(&format!(
            "mode = 'once'\nrun = ['sh', 'sim.sh', '{code}', 'a b']\nmetrics = ['cost']\n\
             input = '{{n}}'\ndeck = {{ file = 'in.txt', template = 'deck.tpl' }}\n\
             output = {{ csv = {{ file = 'out.csv' }} }}"
        ))
    };
    let (rehearsal, _) = rehearse(&*simulator(0));
    assert_eq!(rehearsal.result, Ok(vec![1.5]));
    let mut seen = pairs(&rehearsal.seen);
    let start = seen.remove(1);
    assert_eq!(start.0, "starts");
    assert!(start.1.contains("/sim.sh 0 'a b'  in "), "{}", start.1);
    let last: Vec<String> = (81..=100).map(|n| n.to_string()).collect();
    let output = format!("[...]\n{}", last.join("\n"));
    let expected = [
        ("deck in.txt", "x = 0.5"),
        ("standard input", "3"),
        ("standard output", output.as_str()),
        ("standard error", "not good"),
        ("file out.csv", "cost\n1.5"),
        ("ends", "exit code 0"),
    ];
    assert_eq!(seen, expected);
    let (rehearsal, _) = rehearse(&*simulator(7));
    assert!(rehearsal.result.expect_err("exit code 7").message.contains("exit code 7"));
    assert_eq!(pairs(&rehearsal.seen).last(), Some(&("ends", "exit code 7")));
    assert!(!names(lab.path()).iter().any(|name| name.starts_with("running-")));
}

#[test]
fn a_missing_interpreter_is_named_by_the_trial_too() {
    let lab = Lab::new();
    lab.program("sim", "#!/no/such/python3\n");
    for mode in ["once", "persistent"] {
        let simulator =
            lab.opened(&format!("mode = '{mode}'\nrun = ['./sim']\nmetrics = ['cost']"));
        let error = run(&*simulator, 0.5).expect_err("no interpreter");
        let expected = "the program cannot be started: its first line is \"#!/no/such/python3\", \
             and \"/no/such/python3\" is not there or not executable";
        assert_eq!((error.message.as_str(), error.kind), (expected, FailureKind::Error));
    }
}

#[test]
fn what_the_machine_refuses_is_no_failure_of_the_trial() {
    let lab = Lab::new();
    fs::create_dir(lab.path().join("work")).expect("ours");
    for mode in ["once", "persistent"] {
        let simulator = lab.opened(&format!(
            "mode = '{mode}'\nrun = ['true']\nmetrics = ['cost']\nfolder = 'work'"
        ));
        fs::remove_dir(lab.path().join("work")).expect("ours");
        let error = run(&*simulator, 0.5).expect_err("no folder");
        assert_eq!(error.kind, FailureKind::Machine, "{error}");
        fs::create_dir(lab.path().join("work")).expect("ours");
    }
    let simulator = lab.shell("echo '{\"cost\": 1}'", "keep = 'all'");
    lab.file("trials", "a file in place of a folder");
    let files = lab.path().join("trials");
    let at = point(0.5, 3, 0);
    let trial = Trial { files: Some(&files), ..Trial::new(&at, 7) };
    let error = simulator.session().run(&trial, &mut Vec::new()).expect_err("no folder");
    assert_eq!(error.kind, FailureKind::Machine, "{error}");
    assert!(error.message.contains("working directory cannot be made"), "{error}");
}

/// Set in the process that does not learn how its children end.
const DEAF: &str = "OPTIMIZE_TEST_DEAF";

#[test]
fn an_unknown_end_is_no_success() {
    if std::env::var_os(DEAF).is_none() {
        let test = std::env::current_exe().expect("a test");
        // Shells keep this signal for themselves.
        let script = "import os, signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n\
             os.execv(sys.argv[1], [sys.argv[1], '--exact', 'an_unknown_end_is_no_success'])";
        let status = std::process::Command::new("python3")
            .args(["-c", script])
            .arg(test)
            .env(DEAF, "1")
            .stdout(std::process::Stdio::null())
            .status()
            .expect("the test itself");
        assert!(status.success());
        return;
    }
    let simulator = Lab::new().opened(
        "mode = 'once'\nmetrics = ['cost']\nrun = ['echo', '{{\"cost\": 1}}']\nfolder = '/'",
    );
    let error = run(&*simulator, 0.5).expect_err("nobody knows");
    assert_eq!(error.kind, FailureKind::Machine);
    assert!(error.message.contains("SIGCHLD is ignored"), "{error}");
}

#[test]
fn messages_do_not_say_where_a_study_is() {
    let outer = tempfile::tempdir().expect("a temporary folder");
    let far = outer.path().join("a/much/longer/path/than/that/of/the/other/one/".repeat(4));
    fs::create_dir_all(&far).expect("ours");
    let fails = "import json, os, sys\nhere = os.path.dirname(os.path.abspath(__file__))\n\
         print('x' * 900, here, 'y' * 60, file=sys.stderr, flush=True)\n";
    let once = format!("{fails}raise ValueError(__file__)\n");
    let hello =
        "print('{\"optimize\": 1}', flush=True)\ninput()\np = json.loads(input())['params']\n";
    let stays = format!(
        "{fails}{hello}where = here + '/' + 'z' * 70\n\
         if p['n'] == 1: print(json.dumps({{'error': where}}), flush=True)\n\
         elif p['n'] == 2: print(where, flush=True)\n\
         elif p['n'] == 3: print(json.dumps({{'metrics': {{'cost': where}}}}), flush=True)\n\
         else: raise ValueError(here)\n"
    );
    let lines = format!("{fails}print('cost =', here + '/' + 'z' * 70)\n");
    let tells = format!("{fails}print(json.dumps({{'error': here}}))\n");
    let messages = |folder: &std::path::Path| {
        let mut messages = Vec::new();
        for (script, settings) in [
            (&once, "mode = 'once'\nkeep = 'all'"),
            (&once, "mode = 'once'"),
            (&lines, "mode = 'once'\noutput = 'lines'"),
            (&tells, "mode = 'once'"),
            (&stays, ""),
        ] {
            fs::write(folder.join("sim.py"), script).expect("ours");
            let simulator = command_lab::opened_in(
                folder,
                &format!("run = ['python3', 'sim.py']\nmetrics = ['cost']\n{settings}"),
            );
            let files = folder.join("study/trials");
            for n in 1..=4 {
                let at = point(0.5, n, 0);
                let trial = Trial { files: Some(&files), ..Trial::new(&at, 7) };
                let result = simulator.session().run(&trial, &mut Vec::new());
                messages.push(result.expect_err("it fails").message);
            }
        }
        messages
    };
    let lab = Lab::new();
    let near = messages(lab.path());
    assert_eq!(messages(&far), near);
    assert!(near.iter().all(|it| !it.contains(&*lab.path().display().to_string())), "{near:?}");
    assert!(near[12].starts_with(".; standard error ends: xxx"), "{}", near[12]);
    assert_eq!(near[16], format!("./{}", "z".repeat(70)));
}
