//! External programs, well behaved and otherwise.

use std::fs;
use std::time::Duration;

use command_lab::{Lab, dies, failure, now, point, run};
use simulators::{FailureKind, Report, Simulator, Trial, Unwatched};

mod command_lab;

#[test]
fn a_child_that_stays_answers_in_any_session_to_the_bit() {
    let lab = Lab::new();
    let simulator = lab.python(
        "say(json.dumps({'metrics': {'cost': p['x'] / 3 + p['n'] + request['seed'] + len(p['k'])}}))",
        "",
    );
    let expected = |x: f64| x / 3.0 + 3.0 + 7.0 + 5.0;
    for x in [0.1, 1.0 / 3.0, 5e-324, 0.0, 1.0f64.next_down()] {
        assert_eq!(run(&*simulator, x), Ok(vec![expected(x)]), "{x}");
    }
    let threads: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut session = simulator.session();
                    let mut one = |i: u32| {
                        let at = point(f64::from(i) / 50.0, 3, 0);
                        session.run(&Trial::new(&at, 7), &mut Unwatched).expect("complete")[0]
                    };
                    (0..50).map(&mut one).collect()
                })
            })
            .collect();
        all.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    for values in threads {
        assert!((0..50).zip(values).all(|(i, v)| v == expected(f64::from(i) / 50.0)));
    }
}

#[test]
fn reports_arrive_and_what_is_no_number_has_its_names() {
    let lab = Lab::new();
    let simulator = lab.python(
        "for step in (1, 5):\n    say(json.dumps({'step': step, 'metrics': {'cost': step * p['x']}}))\n    \
         assert sys.stdin.readline() == 'continue\\n'\n\
         say('{\"metrics\": {\"cost\": ' + ('NaN' if p['n'] == 1 else '\"-inf\"') + '}}')",
        "",
    );
    let mut session = simulator.session();
    let mut seen: Vec<Report> = Vec::new();
    let end = session.run(&Trial::new(&point(0.5, 1, 0), 1), &mut seen);
    assert!(end.expect("complete")[0].is_nan());
    let report = |step, value| Report { step, values: vec![value] };
    assert_eq!(seen, [report(1, 0.5), report(5, 2.5)]);
    let end = session.run(&Trial::new(&point(0.5, 2, 0), 1), &mut Unwatched);
    assert_eq!(end, Ok(vec![f64::NEG_INFINITY]));
}

#[test]
fn faulty_answers_fail_their_own_trial_with_the_reason() {
    let lab = Lab::new();
    let simulator = lab.python(
        "n = int(p['x'] * 10 + 0.5)\n\
         if n == 1: say('{\"error\": \"no mesh\"}')\n\
         elif n == 2: say('{\"metrics\": {\"mass\": 1}}')\n\
         elif n == 3: say('{\"metrics\": {\"cost\": true}}')\n\
         elif n == 4: print('about to die', file=sys.stderr, flush=True); os._exit(3)\n\
         elif n == 5: say('hello there')\n\
         elif n == 6: os.kill(os.getpid(), signal.SIGKILL)\n\
         elif n == 7: say('x' * 3000000)\n\
         elif n == 8: say('{\"step\": 0, \"metrics\": {\"cost\": 1}}')\n\
         else: say('{\"metrics\": {\"cost\": 1}}')",
        "grace = '200ms'",
    );
    let mut session = simulator.session();
    for (x, expected) in [
        (0.1, "no mesh"),
        (0.2, "metric cost is missing; found: mass"),
        (0.3, "metric cost is true, allowed: a number"),
        (0.4, "the program ended with exit code 3; standard error ends: about to die"),
        (0.5, "the program wrote \"hello there\", allowed: {\"metrics\""),
        (0.6, "the program was ended by signal 9"),
        (0.7, "a line of more than 1048576 bytes"),
        (0.8, "the report's step is 0, allowed: whole numbers above 0"),
    ] {
        let error =
            session.run(&Trial::new(&point(x, 1, 0), 1), &mut Unwatched).expect_err(expected);
        assert!(error.message.contains(expected), "{expected}: {error}");
        let is_signal = expected.contains("signal");
        let kind = if is_signal { FailureKind::Signal } else { FailureKind::Error };
        assert_eq!(error.kind, kind);
        let after = session.run(&Trial::new(&point(0.9, 1, 0), 1), &mut Unwatched);
        assert_eq!(after, Ok(vec![1.0]), "after {expected}");
    }
}

#[test]
fn an_answer_too_many_is_never_taken_for_the_next_one() {
    let lab = Lab::new();
    let simulator = lab.python(
        "answer = json.dumps({'metrics': {'cost': p['x']}})\nsay(answer + '\\n' + answer)",
        "",
    );
    let mut session = simulator.session();
    for i in 0..5 {
        let x = f64::from(i) / 8.0;
        assert_eq!(session.run(&Trial::new(&point(x, 1, 0), 1), &mut Unwatched), Ok(vec![x]));
    }
}

#[test]
fn without_a_handshake_nothing_runs() {
    let lab = Lab::new();
    let open = |script: &str, settings: &str| {
        lab.file("sim.sh", script);
        lab.opened(&format!("run = ['sh', 'sim.sh']\nmetrics = ['cost']\n{settings}"))
    };
    let expected = "the program wrote \"hi\", allowed: the handshake {\"optimize\": 1}";
    assert!(failure(&*open("echo hi; read a", ""), 0.5).contains(expected));
    let newer = open("echo '{\"optimize\": 2}'; read a", "");
    assert!(failure(&*newer, 0.5).contains("allowed: the handshake"));
    let silent = open("exit 4", "");
    assert!(failure(&*silent, 0.5).contains("ended with exit code 4 before its handshake"));
    let other = open("echo '{\"optimize\": 1, \"metrics\": [\"mass\"]}'; read a", "");
    assert!(failure(&*other, 0.5).contains("no metric cost; it has: mass"));
    let slow = open("sleep 60", "startup = '100ms'\ngrace = '100ms'");
    let error = run(&*slow, 0.5).expect_err("too slow");
    assert_eq!(error.kind, FailureKind::Timeout);
    assert!(error.message.contains("the program printed nothing for 100ms (startup)"), "{error}");
}

#[test]
fn a_timeout_ends_the_whole_group_even_if_it_will_not() {
    let lab = Lab::new();
    let stubborn = "trap '' TERM\nsh -c \"trap '' TERM; while :; do sleep 1; done\" &\n\
         echo $$ $! > pids\nwhile :; do sleep 1; done\n";
    let gone = |simulator: &dyn Simulator| {
        let begun = now();
        let error = run(simulator, 0.5).expect_err("it never answers");
        assert_eq!(error.kind, FailureKind::Timeout);
        assert!(error.message.starts_with("stopped at its timeout of 300ms"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        let pids = fs::read_to_string(lab.path().join("pids")).expect("it ran");
        for pid in pids.split_whitespace() {
            assert!(dies(pid), "{pid} outlives its trial");
        }
    };
    let limits = "timeout = '300ms'\ngrace = '200ms'";
    gone(&*lab.shell(stubborn, limits));
    lab.file("stay.sh", &format!("echo '{{\"optimize\": 1}}'\nread hello\nread trial\n{stubborn}"));
    gone(&*lab.opened(&format!("run = ['sh', 'stay.sh']\nmetrics = ['cost']\n{limits}")));
}

#[test]
fn what_outlives_its_program_is_ended_without_waiting_for_it() {
    let lab = Lab::new();
    let simulator = lab.shell("sleep 1000 &\necho $! > pid\necho '{\"cost\": 1}'", "");
    let begun = now();
    assert_eq!(run(&*simulator, 0.5), Ok(vec![1.0]));
    assert!(begun.elapsed() < Duration::from_secs(5));
    let pid = fs::read_to_string(lab.path().join("pid")).expect("it ran");
    assert!(dies(pid.trim()));
}

#[test]
fn children_end_with_their_simulator() {
    let lab = Lab::new();
    let simulator = lab.python("say(json.dumps({'metrics': {'cost': os.getpid()}}))", "");
    let pid = run(&*simulator, 0.5).expect("complete")[0];
    assert_eq!(run(&*simulator, 0.6), Ok(vec![pid]), "another session has the same child");
    drop(simulator);
    assert!(dies(&pid.to_string()));
    let simulator =
        lab.python("say(json.dumps({'metrics': {'cost': os.getpid()}}))", "recycle = 1");
    assert_ne!(run(&*simulator, 0.5), run(&*simulator, 0.5));
}

#[test]
fn a_flood_costs_kilobytes() {
    let lab = Lab::new();
    let flood = "head -c 100000000 /dev/zero\nhead -c 100000000 /dev/zero >&2\n\
         echo\necho '{\"cost\": 2}'";
    let simulator = lab.shell(flood, "output_limit = '4KiB'");
    let peak = || {
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a peak");
        line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).expect("kB")
    };
    let before = peak();
    assert_eq!(run(&*simulator, 0.5), Ok(vec![2.0]));
    assert!(peak() - before < 50_000, "{} kB more", peak() - before);
}

#[test]
fn every_extraction_finds_its_metrics_and_says_what_is_missing() {
    let lab = Lab::new();
    let rich = "echo 'start {'\necho '{\"cost\": 9}'\necho '{\"cost\": 2.5}'\necho cost = 1\n\
         echo 'cost = 3.5'\necho 'Total: 1.5D+01 kg'\necho 'Total: 4.5D+00 kg'\n\
         printf 'Step, Cost\\n1, 7\\n2, 5.5\\n' > out.csv";
    let poor = "echo mass = 1\necho '{\"mass\": 1}'\nprintf 'Mass\\n1\\n' > out.csv";
    for (output, value, missing) in [
        ("'json'", 2.5, "metric cost is missing; found: mass"),
        ("'lines'", 3.5, "standard output has no line with cost; found: mass"),
        ("{ regex = { cost = 'Total: (\\S+)' } }", 4.5, "no match for cost"),
        (
            "{ csv = { file = 'out.csv', columns = { cost = 'Cost' } } }",
            5.5,
            "out.csv has no column \"Cost\"; found: Mass",
        ),
    ] {
        let settings = format!("keep = 'none'\noutput = {output}");
        assert_eq!(run(&*lab.shell(rich, &settings), 0.5), Ok(vec![value]), "{output}");
        let message = failure(&*lab.shell(poor, &settings), 0.5);
        assert!(message.contains(missing), "{message}");
        assert!(run(&*lab.shell("exit 0", &settings), 0.5).is_err());
    }
    assert!(!lab.path().join("out.csv").exists(), "it was written into the trial's own folder");
}

#[test]
fn exit_codes_come_with_the_last_words() {
    let lab = Lab::new();
    let simulator = lab.shell("echo one >&2; echo two >&2; exit 3", "");
    let expected = "the program ended with exit code 3; standard error ends: one | two";
    assert_eq!(failure(&*simulator, 0.5), expected);
}

#[test]
fn transient_failures_are_tried_again_and_others_are_not() {
    let lab = Lab::new();
    let script = "echo x >> tries\n[ $(wc -l < tries) -ge 3 ] || exit 75\necho '{\"cost\": 1}'";
    let tries = || fs::read_to_string(lab.path().join("tries")).expect("it ran").lines().count();
    assert_eq!(run(&*lab.shell(script, "retries = 2"), 0.5), Ok(vec![1.0]));
    assert_eq!(tries(), 3);
    fs::remove_file(lab.path().join("tries")).expect("there");
    assert!(failure(&*lab.shell(script, "retries = 1"), 0.5).contains("exit code 75"));
    assert_eq!(tries(), 2);
    fs::remove_file(lab.path().join("tries")).expect("there");
    assert!(run(&*lab.shell(script, "retries = 5\nretry_on = [76]"), 0.5).is_err());
    assert_eq!(tries(), 1);
}

#[test]
fn values_are_arguments_and_never_shell() {
    let lab = Lab::new();
    lab.file(
        "args.py",
        "import json, os, sys\n\
         ok = sys.argv[1:] == ['0.5', '--k=$(touch pwned); `x` \"q\" {b}', '{lit}']\n\
         ok = ok and os.environ['NOTE'] == 'n=003' and sys.stdin.read() == '5.00e-01 7\\n'\n\
         print(json.dumps({'cost': float(ok)}))\n",
    );
    let simulator = lab.opened(
        "mode = 'once'\nmetrics = ['cost']\ninput = \"{x:.2e} {seed}\\n\"\n\
         run = ['python3', 'args.py', '{x}', '--k={k}', '{{lit}}']\nenv = { NOTE = 'n={n:03d}' }\n\
         memory = '4GiB'\ncpu = '20s'",
    );
    let values = simulator.session().run(&Trial::new(&point(0.5, 3, 1), 7), &mut Unwatched);
    assert_eq!(values, Ok(vec![1.0]));
    assert!(!lab.path().join("pwned").exists());
}

#[test]
fn limits_of_memory_and_processor_hold() {
    let lab = Lab::new();
    lab.file("eat.py", "x = bytearray(800000000)\nprint('{\"cost\": 1}')\n");
    let settings = "mode = 'once'\nrun = ['python3', 'eat.py']\nmetrics = ['cost']\n";
    let message = failure(&*lab.opened(&format!("{settings}memory = '400MiB'")), 0.5);
    assert!(message.contains("MemoryError"), "{message}");
    lab.file("eat.py", "while True: pass\n");
    let error = run(&*lab.opened(&format!("{settings}cpu = '1s'")), 0.5).expect_err("it spins");
    assert_eq!(error.kind, FailureKind::Timeout);
    assert!(error.message.contains("processor time"), "{error}");
}

#[test]
fn the_fingerprint_follows_the_files_beside_the_template() {
    let lab = Lab::new();
    lab.file("model.dat", "1");
    let mark = |script: &str, settings: &str| lab.shell(script, settings).fingerprint();
    let first = mark("exit 1", "inputs = ['model.dat']");
    assert_eq!(first, mark("exit 1", "inputs = ['model.dat']"));
    assert_ne!(first, mark("exit 2", "inputs = ['model.dat']"));
    assert_ne!(first, mark("exit 1", "output = 'lines'\ninputs = ['model.dat']"));
    assert_ne!(first, mark("exit 1", "budget = 5\ninputs = ['model.dat']"));
    lab.file("model.dat", "2");
    assert_ne!(first, mark("exit 1", "inputs = ['model.dat']"));
}

#[test]
fn faults_are_found_before_anything_runs() {
    let lab = Lab::new();
    lab.file("data.txt", "no program");
    lab.file("deck.tpl", "{{ y }}");
    let once = "mode = 'once'\nmetrics = ['cost']\nrun = ['true']\n";
    for (settings, expected) in [
        ("metrics = ['cost']", "command.run: found nothing"),
        ("run = ['true']", "command.metrics: found nothing"),
        ("run = ['true']\nmetrics = []", "command.metrics: found []"),
        (
            "run = ['no-such-program']\nmetrics = ['cost']",
            "\"no-such-program\", which is not there",
        ),
        ("run = ['./data.txt']\nmetrics = ['cost']", "\"./data.txt\", which is not executable"),
        ("run = ['true', '{x}']\nmetrics = ['cost']", "no placeholders with mode = \"persistent\""),
        ("run = ['true']\nmetrics = ['cost']\noutput = 'json'", "with mode = \"once\""),
        (&format!("{once}input = '{{zzz}}'"), "unknown placeholder {zzz}, allowed: x, n, k, seed"),
        (&format!("{once}env = {{ A = '{{k:.3f}}' }}"), "command.env.A: found {k:.3f}"),
        (&format!("{once}output = 'exit-code'\nbudget = 0"), "command.budget: found 0"),
        (
            "run = ['true']\nmetrics = ['a', 'b']\nmode = 'once'\noutput = 'exit-code'",
            "a single metric",
        ),
        ("run = ['true']\nmetrics = ['cost']\nkeep_limit = 3", "it with mode = \"once\""),
        (&format!("{once}output = 'xml'"), "command.output: found \"xml\", allowed: \"json\""),
        (&format!("{once}output = {{ regex = {{ cost = '(' }} }}"), "regular expression"),
        (&format!("{once}inputs = ['none.dat']"), "\"none.dat\", which is not there"),
        (&format!("{once}timeout = '5'"), "a time such as"),
        (&format!("{once}timeoot = '5s'"), "did you mean \"timeout\""),
        (&format!("{once}deck = {{ file = 'a', template = 'b' }}"), "a text file that is there"),
        (&format!("{once}deck = {{ file = 'a', template = 'deck.tpl' }}"), "placeholder {y}"),
        (&format!("{once}output = {{ csv = {{ file = '../a' }} }}"), "working directory"),
    ] {
        let error = match lab.open(settings) {
            Ok(_) => panic!("{settings} is opened"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
