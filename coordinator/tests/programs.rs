//! Studies of external programs, and what they are told about their trials.

mod support;

use support::Place;

/// A study of a program that stays, and the program.
fn program(place: &Place, settings: &str, answer: &str) {
    let template = format!(
        "name = 'program'\nsimulator = 'command'\n[objectives]\ncost = 'minimize'\n[space]\n\
         x = {{ float = [0.0, 1.0] }}\nkind = {{ choice = ['a', 'b'] }}\n[command]\n\
         run = ['python3', 'sim.py']\nmetrics = ['cost']\n{settings}\n"
    );
    place.write("program.toml", &template);
    let script = format!(
        "import json, random, sys, time\n\
         def say(message):\n    print(json.dumps(message), flush=True)\n\
         say({{'optimize': 1}})\nsys.stdin.readline()\n\
         for line in sys.stdin:\n    trial = json.loads(line)\n    x = trial['params']['x']\n    \
         {answer}\n"
    );
    place.write("sim.py", &script);
}

const PLAIN: &str = "say({'metrics': {'cost': x}})";

#[test]
fn an_audit_finds_what_is_not_deterministic_and_marks_the_study() {
    let place = Place::new();
    program(&place, "", "say({'metrics': {'cost': x + random.random()}})");
    let start = "start --template program.toml --trials 40 --quiet";
    place.run(&format!("{start} --name unaudited")).ended(0);
    let said = place.run(&format!("{start} --audit 25%")).ended(4);
    for expected in ["not deterministic: trial 0 gave cost ", " first and then cost "] {
        assert!(said.err.contains(expected), "{}", said.err);
    }
    let status = place.run("status program --format json").ended(0).json();
    let found = status["contradictions"].as_array().expect("a list");
    assert_eq!(found.len() as u64, status["audited"].as_u64().expect("a count"));
    assert_ne!(found[0]["first"], found[0]["again"]);
    let tainted = status["tainted"].as_str().expect("a text");
    assert!(tainted.ends_with("trials gave two results"), "{tainted}");
    assert!(place.run("results program").ended(0).err.contains(tainted));
    let sql = "results program --format json --sql 'select tainted from studies'";
    assert_eq!(place.run(sql).ended(0).json()[0]["tainted"], tainted);
    place.run("resume program --quiet").ended(4);
}

#[test]
fn an_audit_leaves_the_results_of_a_deterministic_program_alone() {
    let place = Place::new();
    program(&place, "", PLAIN);
    let start = "start --template program.toml --trials 200 --quiet";
    let plain = place.run(&format!("{start} --format json")).ended(0).hash();
    let audited = place.run(&format!("{start} --format json --audit 100%")).ended(0);
    let status = audited.json();
    assert_eq!((status["audited"].as_u64(), audited.hash()), (Some(200), plain));
    assert_eq!(status["tainted"], serde_json::Value::Null);
    let said = place.run(&format!("{start} --audit 10%")).ended(0).out;
    assert!(said.contains("trials run again, all equal to the bit"), "{said}");
    let wrong = place.run(&format!("{start} --audit 200%")).ended(2).err;
    assert!(wrong.contains("such as 1% or 0.01"), "{wrong}");
}

/// They once counted as work that was done, and not as work that there was: it was -11 % then.
#[test]
fn what_failed_trials_took_was_not_to_be_saved() {
    let place = Place::new();
    let curve = "stop = ''\n    for step in range(1, 6):\n        \
         say({'step': step, 'metrics': {'cost': x}})\n        \
         stop = sys.stdin.readline().strip()\n        \
         if stop == 'stop': break\n    \
         say({'stopped': True} if stop == 'stop' else {'error': 'no'} if x < 0.4 else \
         {'metrics': {'cost': x}})";
    program(&place, "", curve);
    let start = "start --template program.toml --trials 60 --quiet --format json";
    let told = place.run(&format!("{start} --prune 'cost > 0.7'")).ended(0).json();
    let count = |key: &str| told[key].as_u64().expect("a count");
    let (failed, pruned) = (count("failed"), count("pruned"));
    assert!(failed > 10 && pruned > 10, "{told}");
    assert_eq!(count("steps"), 5 * (60 - pruned) + pruned);
    assert_eq!(count("whole_steps"), 5 * 60);
}

#[test]
fn trials_are_pruned_by_rules_of_the_template_and_of_the_command_line() {
    let place = Place::new();
    let curve = "stop = ''\n    for step in range(1, 6):\n        \
         say({'step': step, 'metrics': {'cost': x * step}})\n        \
         stop = sys.stdin.readline().strip()\n        \
         if stop == 'stop': break\n    \
         say({'stopped': True} if stop == 'stop' else {'metrics': {'cost': 5 * x}})";
    program(&place, "", curve);
    let start = "start --template program.toml --trials 60 --quiet --format json";
    let rule = "--prune 'step >= 3 and cost > 1.5'";
    let status = place.run(&format!("{start} {rule} --name ruled")).ended(0);
    let whole = place.run(&format!("{start} --name whole")).ended(0);
    assert_ne!(status.hash(), whole.hash());
    let rows = |name: &str, sql: &str| {
        place.run(&format!("results {name} --format json --sql '{sql}'")).ended(0).json()
    };
    let sql = "select status, error, count(*) as n, max(x) < 0.5 as low, min(x) >= 0.3 as high, \
         max(steps) as steps from (select t.*, (select count(*) from reports r where \
         r.trial = t.trial) as steps from trials t) group by all order by all";
    let found = rows("ruled", sql);
    let pruned: u64 = found
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| row["status"] == "pruned")
        .map(|row| row["n"].as_u64().expect("a count"))
        .sum();
    assert_eq!(Some(pruned), status.json()["pruned"].as_u64());
    assert!(pruned > 20, "{found}");
    let first = &found[0];
    assert_eq!((first["status"].as_str(), first["low"].as_bool()), (Some("complete"), Some(true)));
    assert_eq!(found[1]["error"], "step >= 3 and cost > 1.5 at step 3");
    assert_eq!((found[1]["steps"].as_u64(), found[2]["steps"].as_u64()), (Some(3), Some(4)));
    // A rule in the template is the same study.
    let template = std::fs::read_to_string(place.path().join("program.toml")).expect("there");
    place.write("ruled.toml", &format!("prune = ['step >= 3 and cost > 1.5']\n{template}"));
    let again = place.run(&start.replace("program.toml", "ruled.toml")).ended(0);
    assert_eq!(again.hash(), status.hash());
    let wrong = place.run(&format!("{start} --prune 'costs > 1'")).ended(2).err;
    assert!(wrong.contains("unknown name 'costs' (of step, cost)"), "{wrong}");
}

#[test]
fn a_check_says_what_a_study_would_make_of_the_trial() {
    let place = Place::new();
    let check = |words: &str| place.run(&format!("check --template program.toml {words}"));
    program(&place, "", "say({'metrics': {'cost': 'nan'}})");
    let said = check("").ended(1).out;
    assert!(said.contains("failed: cost is NaN, not a finite number"), "{said}");
    let curve = "say({'step': 1, 'metrics': {'cost': 9}})\n    \
         say({'stopped': True} if sys.stdin.readline() == 'stop\\n' else {'metrics': {'cost': 1}})";
    program(&place, "", curve);
    let said = check("--set prune=[\"cost>5\"]").ended(0).out;
    for expected in ["pruned: cost>5 at step 1", "stop", "{\"stopped\": true}"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let said = check("--set outcome_constraints=[\"cost>5\"]").ended(0).out;
    assert!(said.contains("misses           cost>5"), "{said}");
    assert!(check("--at x=0 --at x=1").ended(2).err.contains("one value for x"));
}

#[test]
fn failures_are_told_listed_and_limited() {
    let place = Place::new();
    program(&place, "", "say({'error': 'no mesh'} if x > 0.5 else {'metrics': {'cost': x}})");
    let start = "start --template program.toml --algorithm sobol --trials 64 --seed 2 --quiet";
    place.run(start).ended(0);
    let shown = place.run("results program").ended(0);
    assert!(shown.err.contains("32 failed, 32 of them alike: no mesh"), "{}", shown.err);
    let mut list = place.command("results program --top 5");
    let list = list.args(["--where", "status = 'failed'"]).output();
    let listed: support::Said = list.expect("it starts").into();
    assert_eq!(listed.out.matches("no mesh").count(), 5, "{}{}", listed.out, listed.err);
    let said = place.run(&format!("{start} --max-failures 5 --format json")).ended(1);
    let failed = said.json()["failed"].as_u64().expect("a count");
    assert!(said.err.contains("trials failed (--max-failures)"), "{}", said.err);
    assert!((5..32).contains(&failed), "{failed}");
    assert_eq!(said.json()["state"], "stopped");
}

#[test]
fn a_rule_that_nothing_can_meet_is_refused() {
    let place = Place::new();
    let words = "start --template problem:branin --trials 3 --prune 'f > 0'";
    assert!(place.run(words).ended(2).err.contains("report nothing on their way"));
    place.run(&format!("{words} --set problem.steps=3 --quiet")).ended(1);
}

#[test]
fn programs_that_stay_may_tidy_up_before_the_end() {
    let place = Place::new();
    program(&place, "", PLAIN);
    let tidy = "\ntime.sleep(0.4)\nopen(f'tidy-{random.getrandbits(64)}', 'w').close()\n";
    let source = std::fs::read_to_string(place.path().join("sim.py")).expect("there");
    place.write("sim.py", &(source + tidy));
    place.run("start --template program.toml --trials 9 --threads 2 --quiet").ended(0);
    let names = std::fs::read_dir(place.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let tidied = names.filter(|name| name.starts_with("tidy-")).count();
    assert!(tidied == 1 || tidied == 2, "{tidied} of at most two children came to their end");
}

#[test]
fn a_machine_without_room_ends_the_command_and_says_nothing_of_trials() {
    let place = Place::new();
    program(&place, "mode = 'once'\nkeep = 'failed'", "");
    place.write("sim.py", "print('{\"cost\": 1}')\n");
    place.run("start --template program.toml --trials 5 --quiet").ended(0);
    let mut verify = place.command("verify program");
    let said: support::Said =
        verify.env("TMPDIR", "/nowhere/at/all").output().expect("it starts").into();
    assert!(said.ended(3).err.contains("could not be run on this machine"));
}

#[test]
fn a_check_runs_one_trial_and_shows_what_it_saw() {
    let place = Place::new();
    program(&place, "", PLAIN);
    let said = place.run("check --template program.toml --at x=0.25 --at kind=b").ended(0).out;
    for expected in ["x = 0.25, kind = b", "{\"optimize\": 1}", "\"x\": 0.25", "cost = 0.25"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    for (at, expected) in [
        ("x=2", "allowed: a value of x: 0 … 1"),
        ("y=2", "allowed: one of the parameters x, kind"),
        ("kind=c", "allowed: a value of kind: a, b"),
    ] {
        let wrong = place.run(&format!("check --template program.toml --at {at}")).ended(2).err;
        assert!(wrong.contains(expected), "{wrong}");
    }
    program(&place, "", "say({'error': 'no mesh'})");
    let said = place.run("check --template program.toml").ended(1).out;
    assert!(said.contains("no mesh"), "{said}");
}

#[test]
fn a_program_that_does_not_speak_is_found_before_the_study_starts() {
    let place = Place::new();
    program(&place, "", PLAIN);
    place.write("sim.py", "import nothing_of_this_name\n");
    for command in ["start --template program.toml", "check --template program.toml"] {
        let said = place.run(command);
        assert_ne!(said.code, Some(0));
        let text = format!("{}{}", said.out, said.err);
        for expected in ["before its handshake", "nothing_of_this_name"] {
            assert!(text.contains(expected), "{command}: {text}");
        }
    }
    assert!(place.run("start --template program.toml").ended(2).err.starts_with("error: program"));
    assert!(place.run("status").ended(0).out.contains("no studies"));
}

#[test]
fn trials_ended_by_the_clock_mark_the_study() {
    let place = Place::new();
    let slow = "time.sleep(1000) if x > 0.9 else say({'metrics': {'cost': x}})";
    program(&place, "timeout = '2s'\ngrace = '10ms'", slow);
    let start = "start --template program.toml --algorithm sobol --trials 16 --threads 8 --quiet";
    let said = place.run(start).ended(0).out;
    assert!(said.contains("timed out") && said.contains("tainted: "), "{said}");
    let status = place.run("status program --format json").ended(0).json();
    assert!(status["timed_out"].as_u64().expect("a count") >= 1, "{status}");
    assert!(status["tainted"].as_str().expect("a text").ends_with("ended by the clock"));
    program(&place, "timeout = '2s'\ngrace = '10ms'", slow);
    place.run("verify program").ended(0);
}
