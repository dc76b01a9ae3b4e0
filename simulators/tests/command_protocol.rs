//! What programs and `optimize` tell each other about a trial on its way, and which child is
//! asked.

use std::fs;
use std::time::Duration;

use command_lab::{Lab, failure, now, point, run};
use simulators::{Failure, Report, Simulator, Trial, Unwatched, Verdict, Watcher};

mod command_lab;

/// Stops a trial at a step.
struct Until {
    last: u64,
    steps: Vec<u64>,
}

impl Watcher for Until {
    fn report(&mut self, report: Report) -> Verdict {
        self.steps.push(report.step);
        if report.step < self.last { Verdict::Continue } else { Verdict::Stop }
    }

    fn restart(&mut self) {
        self.steps.clear();
    }
}

/// Runs a trial with this `n` that is stopped at a step, and returns the steps of its reports.
fn steps(simulator: &dyn Simulator, n: i64, last: u64) -> (Result<Vec<f64>, Failure>, Vec<u64>) {
    let mut until = Until { last, steps: Vec::new() };
    let result = simulator.session().run(&Trial::new(&point(0.5, n, 0), 1), &mut until);
    (result, until.steps)
}

/// Reports at steps 1, 2, .. until it is told to stop, and then does what `n` says. Its metric
/// is the id of its process.
const PRUNABLE: &str = r#"
def tell(step):
    say(json.dumps({'step': step, 'metrics': {'cost': step}}))
    return sys.stdin.readline()
n, step = p['n'], 1
while n < 9 and tell(step) == 'continue\n': step += 1
if n == 1: say('{"stopped": true}')
elif n == 2:
    assert [tell(step + 1), tell(step)] == ['stop\n'] * 2
    say('chatter')
    say('{"metrics": {}}')
elif n == 3: say('{"error": "told to stop"}')
elif n == 4: time.sleep(1000)
elif n == 5: os._exit(1)
else: say(json.dumps({'metrics': {'cost': os.getpid()}}))
"#;

#[test]
fn a_pruned_trial_ends_soon_and_its_child_goes_on_if_it_can() {
    let lab = Lab::new();
    let simulator = lab.python(PRUNABLE, "grace = '60s'\nretries = 3\nretry_on = [1]");
    let pid = || steps(&*simulator, 9, 3).0.expect("complete");
    let mut last = pid();
    for (n, stays) in [(1, true), (2, true), (3, true), (5, false)] {
        let (result, steps) = steps(&*simulator, n, 3);
        assert_eq!(result.expect_err("it was stopped").message, "stopped");
        assert_eq!(steps, [1, 2, 3], "{n}");
        let next = pid();
        assert_eq!(next == last, stays, "{n}");
        last = next;
    }
}

#[test]
fn a_pruned_trial_that_does_not_end_has_the_grace_but_not_beyond_its_timeout() {
    let lab = Lab::new();
    for limits in ["grace = '300ms'", "grace = '60s'\ntimeout = '2s'"] {
        let simulator = lab.python(PRUNABLE, limits);
        let begun = now();
        assert_eq!(steps(&*simulator, 4, 3).1, [1, 2, 3]);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert!(steps(&*simulator, 9, 3).0.is_ok(), "another child answers");
    }
}

#[test]
fn a_refused_report_fails_its_trial_but_not_its_child() {
    let lab = Lab::new();
    let simulator = lab.python(
        "n = p['n']\n\
         if n < 9:\n    \
             first = {1: (0, 'cost'), 2: (1, 'mass')}[n]\n    \
             say(json.dumps({'step': first[0], 'metrics': {first[1]: 1}}))\n    \
             assert sys.stdin.readline() == 'stop\\n'\n    \
             say('{\"stopped\": true}')\n\
         else: say(json.dumps({'metrics': {'cost': os.getpid()}}))",
        "",
    );
    let pid = steps(&*simulator, 9, 9).0.expect("complete");
    for (n, expected) in [(1, "the report's step is 0"), (2, "metric cost is missing; found: mass")]
    {
        let error = steps(&*simulator, n, 9).0.expect_err(expected);
        assert!(error.message.contains(expected), "{error}");
        assert_eq!(steps(&*simulator, 9, 9).0, Ok(pid.clone()));
    }
}

#[test]
fn a_request_says_which_trial_it_is_and_how_far_it_may_go() {
    let lab = Lab::new();
    let at = point(0.5, 1, 0);
    let trial = Trial { number: 42, ..Trial::new(&at, u64::MAX) };
    let answer = |simulator: Box<dyn Simulator>| simulator.session().run(&trial, &mut Unwatched);
    let body = "assert request['seed'] == 2**64 - 1\n\
         say(json.dumps({'metrics': {'cost': 1000 * request.get('budget', 0) + request['trial']}}))";
    assert_eq!(answer(lab.python(body, "budget = 50")), Ok(vec![50042.0]));
    assert_eq!(answer(lab.python(body, "")), Ok(vec![42.0]));
    let once = lab.opened(
        "mode = 'once'\nmetrics = ['cost']\nbudget = 50\noutput = 'lines'\n\
         run = ['echo', 'cost = {budget}{trial:03}']",
    );
    assert_eq!(answer(once), Ok(vec![50042.0]));
}

#[test]
fn what_an_earlier_trial_broke_is_not_the_next_ones_failure() {
    let lab = Lab::new();
    let simulator = lab.python(
        r#"
open('log', 'a').write('x')
n = p['n']
hello['served'] = hello.get('served', 0) + 1
say(json.dumps({'step': 1, 'metrics': {'cost': 1}}))
sys.stdin.readline()
if n == 1 and hello['served'] > 1: os._exit(3)
if n == 2 and hello['served'] > 1: say('hello there')
if n == 3: os._exit(3)
if n == 4: say('{"error": "no mesh"}')
say(json.dumps({'metrics': {'cost': p['x']}}))
"#,
        "grace = '1s'",
    );
    let asked = || {
        let text = fs::read_to_string(lab.path().join("log")).expect("it ran");
        fs::remove_file(lab.path().join("log")).expect("ours");
        text.len()
    };
    let good = |n, times| {
        assert_eq!(steps(&*simulator, n, 9), (Ok(vec![0.5]), vec![1]), "{n}");
        assert_eq!(asked(), times, "{n}");
    };
    good(1, 1);
    good(1, 2);
    good(2, 2);
    good(2, 2);
    let error = steps(&*simulator, 3, 9).0.expect_err("it always dies");
    assert!(error.message.contains("exit code 3"), "{error}");
    assert_eq!(asked(), 2);
    good(1, 1);
    assert_eq!(steps(&*simulator, 4, 9).0.expect_err("it says so").message, "no mesh");
    assert_eq!(asked(), 1, "an error is an answer");
}

#[test]
fn a_child_that_has_grown_is_replaced() {
    let lab = Lab::new();
    let body = "if p['n'] == 5: hello['hoard'] = b'x' * 300_000_000\n\
         say(json.dumps({'metrics': {'cost': os.getpid()}}))";
    let pids = |simulator: Box<dyn Simulator>| {
        [1, 5, 2].map(|n| steps(&*simulator, n, 9).0.expect("complete")[0])
    };
    let [first, grown, after] = pids(lab.python(body, "recycle_at = '200MiB'"));
    assert_eq!(first, grown);
    assert_ne!(grown, after);
    let [first, grown, after] = pids(lab.python(body, ""));
    assert_eq!((first, grown), (grown, after));
}

#[test]
fn a_program_that_runs_once_reports_and_is_pruned_too() {
    let lab = Lab::new();
    let script = "trap 'echo bye > bye; exit 0' TERM\nn=1\n\
         echo 'step 1' '{' '{\"step\": 3}'\n\
         while [ $n -le 4 ]; do\n  \
             echo '{\"step\": '$n', \"metrics\": {\"cost\": '$n'}}'\n  n=$((n + 1))\ndone\n\
         [ \"$1\" = 0.25 ] && echo '{\"step\": 4, \"metrics\": {\"cost\": 1}}'\n\
         [ \"$1\" = 0.75 ] || while :; do sleep 0.05; done\n\
         echo '{\"cost\": 7}'";
    let simulator = lab.shell(script, "grace = '30s'");
    let (result, seen) = steps(&*simulator, 1, 3);
    assert_eq!(result.expect_err("it was stopped").message, "stopped");
    assert_eq!(seen, [1, 2, 3]);
    let bye = fs::read_to_string(lab.path().join("bye"));
    assert_eq!(bye.expect("it was asked to end first"), "bye\n");
    assert_eq!(run(&*simulator, 0.75), Ok(vec![7.0]));
    assert!(failure(&*simulator, 0.25).contains("the report's step is 4, allowed: whole numbers"));
}

#[test]
fn the_exit_code_may_be_the_metric() {
    let lab = Lab::new();
    let settings = "mode = 'once'\nmetrics = ['cost']\noutput = 'exit-code'\n";
    assert_eq!(run(&*lab.opened(&format!("{settings}run = ['true']")), 0.5), Ok(vec![0.0]));
    let code = |script: &str| run(&*lab.shell(script, "output = 'exit-code'\nretries = 3"), 0.5);
    assert_eq!(code("exit 75"), Ok(vec![75.0]));
    let error = code("kill -9 $$").expect_err("a signal is no exit code");
    assert!(error.message.contains("was ended by signal 9"), "{error}");
}

#[test]
fn a_program_that_is_still_being_written_is_waited_for() {
    let lab = Lab::new();
    lab.program("sim", "#!/bin/sh\necho '{\"cost\": 1}'\n");
    let simulator = lab.opened("mode = 'once'\nmetrics = ['cost']\nrun = ['./sim']");
    let path = lab.path().join("sim");
    let writer = fs::OpenOptions::new().append(true).open(path).expect("ours");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            drop(writer);
        });
        assert_eq!(run(&*simulator, 0.5), Ok(vec![1.0]));
    });
}

#[test]
fn an_answer_that_names_another_trial_is_none() {
    let lab = Lab::new();
    // Its second trial finds a late answer to the first one.
    let simulator = lab.python(
        r"
open('log', 'a').write('x')
hello['served'] = hello.get('served', 0) + 1
if hello['served'] == 2:
    say(json.dumps({'trial': request['trial'] - 1, 'metrics': {'cost': -1}}))
say(json.dumps({'trial': request['trial'], 'error': None, 'metrics': {'cost': p['x']}}))
",
        "",
    );
    let mut session = simulator.session();
    for number in 1..=4 {
        let at = point(number as f64 / 8.0, 1, 0);
        let trial = Trial { number, ..Trial::new(&at, 1) };
        assert_eq!(session.run(&trial, &mut Unwatched), Ok(vec![number as f64 / 8.0]));
    }
    let asked = fs::read_to_string(lab.path().join("log")).expect("it ran").len();
    assert_eq!(asked, 7, "three of the four are asked again of a fresh child");
    let simulator = lab.python("say('{\"trial\": 5, \"metrics\": {\"cost\": 1}}')", "");
    assert!(failure(&*simulator, 0.5).contains("the program wrote \"{\\\"trial\\\": 5"));
}

#[test]
fn a_null_is_no_error_in_either_mode() {
    let lab = Lab::new();
    let answer = "'{\"error\": null, \"metrics\": {\"cost\": 2}}'";
    assert_eq!(run(&*lab.shell(&format!("echo {answer}"), ""), 0.5), Ok(vec![2.0]));
    assert_eq!(run(&*lab.python(&format!("say({answer})"), ""), 0.5), Ok(vec![2.0]));
}

#[test]
fn what_a_fresh_child_wrote_before_its_trial_is_in_the_message() {
    let lab = Lab::new();
    lab.file(
        "sim.sh",
        "echo '{\"optimize\": 1}'\nread hello\necho early >&2\nsleep 0.2\nread trial\n\
         echo late >&2\nexit 3\n",
    );
    let simulator = lab.opened("run = ['sh', 'sim.sh']\nmetrics = ['cost']");
    simulator.ready().expect("it shakes hands");
    std::thread::sleep(Duration::from_millis(100));
    let expected = "the program ended with exit code 3; standard error ends: early | late";
    for _ in 0..2 {
        assert_eq!(failure(&*simulator, 0.5), expected);
    }
}

#[test]
fn how_far_a_child_gets_until_it_is_ended_is_in_no_message() {
    let lab = Lab::new();
    let simulator = lab.python(
        "print('before', file=sys.stderr, flush=True)\n\
         signal.signal(signal.SIGTERM, lambda *_: (print('at the end', file=sys.stderr, flush=True), os._exit(1)))\n\
         say('hello')\ntime.sleep(1000)",
        "",
    );
    let message = failure(&*simulator, 0.5);
    let expected =
        "the program wrote \"hello\", allowed: {\"metrics\": ..}, {\"error\": ..} or a report";
    assert_eq!(message, expected);
}
