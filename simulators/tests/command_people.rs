//! What people are told: whether a program is ready, and how a trial goes.

use std::fs;

use command_lab::{Lab, names, point, run};
use simulators::{Failure, FailureKind, Rehearsal, Report, Simulator, Trial};

mod command_lab;

fn rehearse(simulator: &dyn Simulator) -> Rehearsal {
    let at = point(0.5, 3, 0);
    simulator.rehearse(&Trial { number: 4, ..Trial::new(&at, 7) })
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
    let rehearsal = rehearse(&*simulator);
    assert_eq!(rehearsal.result, Ok(vec![2.0]));
    assert_eq!(rehearsal.reports, [Report { step: 1, values: vec![9.0] }]);
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
    assert_eq!(rehearse(&*simulator), rehearsal, "each is a fresh start");
}

#[test]
fn a_rehearsal_shows_what_went_wrong() {
    let lab = Lab::new();
    lab.file("sim.sh", "echo hello; echo oops >&2; exec sleep 1000");
    let rehearsal = rehearse(&*lab.opened("run = ['sh', 'sim.sh']\nmetrics = ['cost']"));
    let message = rehearsal.result.expect_err("no handshake").message;
    assert!(message.contains("the program wrote \"hello\""), "{message}");
    let seen = pairs(&rehearsal.seen);
    assert_eq!(seen[1], ("program writes", "hello"));
    assert_eq!(seen.last(), Some(&("ends", "signal 15")));
    let simulator = lab.python("print('bad', file=sys.stderr, flush=True)\nos._exit(4)", "");
    let rehearsal = rehearse(&*simulator);
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
    let rehearsal = rehearse(&*simulator(0));
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
    let rehearsal = rehearse(&*simulator(7));
    assert!(rehearsal.result.expect_err("exit code 7").message.contains("exit code 7"));
    assert_eq!(pairs(&rehearsal.seen).last(), Some(&("ends", "exit code 7")));
    assert!(!names(lab.path()).iter().any(|name| name.starts_with("running-")));
}
