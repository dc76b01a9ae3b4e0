//! `optimize ask`: whoever evaluates the trials gets the points that a study would have, in
//! whatever order the answers come, and hears of every mistake.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};
use support::{Place, Said};

/// The Python of the page is run as it stands there.
#[test]
fn the_example_of_the_documentation_works() {
    let page = include_str!("../../docs/ask.md");
    let script = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let place = Place::new();
    place.write("client.py", script.expect("an example"));
    let program = assert_cmd::cargo::cargo_bin!("optimize");
    let folder = program.parent().expect("a folder").display();
    let path = format!("{folder}:{}", std::env::var("PATH").expect("a path"));
    let done = Command::new("python3")
        .arg(place.path().join("client.py"))
        .current_dir(place.path())
        .env("PATH", path)
        .output()
        .expect("python3 starts");
    let said = Said::from(done).ended(0);
    assert_eq!(said.out, "['f']\n");
    assert!(said.err.contains("nsga2: 200 trials, best f = "), "{}", said.err);
}

/// The program at the other end of two pipes.
struct Client {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    welcome: Json,
}

impl Client {
    fn new(place: &Place, words: &str) -> Self {
        let mut child = place
            .command(&format!("ask {words}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut client = Self { child, input, output, welcome: Json::Null };
        client.welcome = client.read().unwrap_or_default();
        client
    }

    /// The next line; none at the end.
    fn read(&mut self) -> Option<Json> {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("readable");
        (!line.is_empty()).then(|| serde_json::from_str(&line).expect("JSON"))
    }

    fn write(&mut self, answer: &Json) {
        // A program that has ended says why elsewhere.
        let _ = writeln!(self.input, "{answer}");
    }

    /// Closes the pipes and waits for the end.
    fn end(self) -> Said {
        drop(self.input);
        drop(self.output);
        self.child.wait_with_output().expect("it ends").into()
    }
}

/// What a study recorded of its trials: parameters and metrics.
fn table(place: &Place) -> Vec<Json> {
    let query = "select x1, x2, x3, f1, f2 from trials order by trial";
    let rows = place.run(&format!("results --format json --sql '{query}'")).ended(0).json();
    rows.as_array().expect("a list").clone()
}

fn metrics_of(row: &Json) -> Json {
    json!({ "f1": row["f1"], "f2": row["f2"] })
}

const STUDY: &str = "--template few.toml --algorithm nsga2:population=12 --trials 96 --seed 5";

const FEW: &str = "
name = 'few'
simulator = 'problem'
[objectives]
f1 = 'minimize'
f2 = 'minimize'
[space]
x1 = { float = [0, 1] }
x2 = { float = [0, 1], step = 0.125 }
x3 = { int = [0, 1] }
[problem]
name = 'zdt1'
";

/// A study that is run, and its table and hash.
fn recorded(place: &Place) -> (Vec<Json>, String) {
    place.write("few.toml", FEW);
    let started = place.run(&format!("start {STUDY} --lag 8 --quiet --format json")).ended(0);
    (table(place), started.hash())
}

/// Answers from the table, `bunch` trials together and the latest first; the points that were
/// asked for, by trial.
fn answer_all(client: &mut Client, rows: &[Json], bunch: usize) -> BTreeMap<u64, Json> {
    let mut asked = BTreeMap::new();
    let mut open = Vec::new();
    while let Some(ask) = client.read() {
        let trial = ask["trial"].as_u64().expect("a number");
        asked.insert(trial, ask["params"].clone());
        open.push(trial);
        if open.len() == bunch {
            for trial in open.drain(..).rev() {
                let metrics = metrics_of(&rows[usize::try_from(trial).expect("small")]);
                client.write(&json!({ "trial": trial, "metrics": metrics }));
            }
        }
    }
    asked
}

#[track_caller]
fn same_points(asked: &BTreeMap<u64, Json>, rows: &[Json]) {
    for (trial, params) in asked {
        let row = &rows[usize::try_from(*trial).expect("small")];
        for name in ["x1", "x2", "x3"] {
            assert_eq!(params[name], row[name], "{name} of trial {trial}");
        }
    }
}

#[test]
fn the_points_are_those_of_a_study_in_whatever_order_it_is_answered() {
    let place = Place::new();
    let (rows, hash) = recorded(&place);
    for bunch in [1, 8] {
        let mut client = Client::new(&place, &format!("{STUDY} --lag 8"));
        assert_eq!(client.welcome["optimize"], 1);
        assert_eq!(client.welcome["metrics"], json!(["f1", "f2"]));
        assert_eq!(client.welcome["lag"], 8);
        let asked = answer_all(&mut client, &rows, bunch);
        assert_eq!(asked.len(), 96);
        same_points(&asked, &rows);
        let said = client.end().ended(0);
        assert!(said.err.contains(&hash), "{} does not say {hash}", said.err);
    }
}

#[test]
fn what_was_told_before_is_not_asked_again() {
    let place = Place::new();
    let (rows, hash) = recorded(&place);
    // Answers of an earlier process, which ended with two of them missing.
    let told = (0..40).rev().filter(|trial| ![33, 37].contains(trial)).map(|trial: usize| {
        format!("{}\n", json!({ "trial": trial, "metrics": metrics_of(&rows[trial]) }))
    });
    // Within the lag they may be in any order.
    let mut lines: Vec<String> = told.collect();
    lines.reverse();
    lines.chunks_mut(8).for_each(<[String]>::reverse);
    place.write("told.jsonl", &lines.concat());
    let mut client = Client::new(&place, &format!("{STUDY} --lag 8 --told told.jsonl"));
    let asked = answer_all(&mut client, &rows, 1);
    let first: Vec<u64> = asked.keys().copied().take(4).collect();
    assert_eq!(first, [33, 37, 40, 41]);
    assert_eq!(asked.len(), 96 - 38);
    same_points(&asked, &rows);
    assert!(client.end().ended(0).err.contains(&hash));
}

#[test]
fn a_template_needs_a_space_and_objectives_only() {
    let place = Place::new();
    place.write(
        "bare.toml",
        "outcome_constraints = ['mass <= 2 * limit']\n[objectives]\ncost = 'minimize'\n\
         [space]\nx = { float = [0, 1] }\nkind = { choice = ['a', 'b'] }\n\
         y = { int = [1, 3], when = \"kind == 'b'\" }\n",
    );
    let mut client = Client::new(&place, "--template bare.toml --trials 40");
    assert_eq!(client.welcome["metrics"], json!(["cost", "mass", "limit"]));
    assert_eq!(client.welcome["trials"], 40);
    let mut kinds = [0; 2];
    while let Some(ask) = client.read() {
        let params = ask["params"].as_object().expect("a table");
        assert_eq!(params.contains_key("y"), params["kind"] == "b", "inactive ones are absent");
        kinds[usize::from(params["kind"] == "b")] += 1;
        let trial = ask["trial"].as_u64().expect("a number");
        let answer = match trial % 4 {
            0 => json!({ "trial": trial, "metrics": { "cost": trial, "mass": 2, "limit": 1 } }),
            1 => json!({ "trial": trial, "error": "no mesh" }),
            2 => json!({ "trial": trial, "pruned": true, "step": 3, "metrics": { "cost": 9 } }),
            _ => json!({ "trial": trial, "metrics": { "cost": 0, "mass": 9, "limit": 1 } }),
        };
        client.write(&answer);
    }
    assert!(kinds.iter().all(|count| *count > 0));
    let said = client.end().ended(0);
    for part in ["40 trials", "10 failed", "10 pruned", "10 infeasible", "best cost = 0 at trial 0"]
    {
        assert!(said.err.contains(part), "{part:?} is not in {}", said.err);
    }
}

#[test]
fn a_finite_space_ends_by_itself_and_a_client_may_leave() {
    let place = Place::new();
    let bare = "[objectives]\nf = 'maximize'\n[space]\nx = { int = [1, 6] }\n";
    place.write("die.toml", bare);
    let mut client = Client::new(&place, "--template die.toml --algorithm nsga2");
    let mut seen = Vec::new();
    while let Some(ask) = client.read() {
        seen.push(ask["params"]["x"].as_u64().expect("a number"));
        client.write(&json!({ "trial": ask["trial"], "metrics": { "f": "nan" } }));
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    let said = client.end().ended(1);
    assert!(said.err.contains("6 failed"), "{}", said.err);
    // Nobody is kept who has seen enough.
    let client = Client::new(&place, "--template problem:sphere");
    let said = client.end().ended(0);
    assert!(said.err.contains("256 not answered"), "{}", said.err);
}

#[test]
fn a_goal_ends_it() {
    let place = Place::new();
    let bare = "stop = ['cost <= 3 * limit']\nenqueue = [{ x = 7 }]\n[objectives]\n\
                cost = 'minimize'\n[space]\nx = { int = [1, 9] }\n";
    place.write("goal.toml", bare);
    let mut client = Client::new(&place, "--template goal.toml --algorithm grid --lag 2");
    assert_eq!(client.welcome["metrics"], json!(["cost", "limit"]));
    let mut asked = Vec::new();
    while let Some(ask) = client.read() {
        let x = ask["params"]["x"].as_u64().expect("a number");
        asked.push(x);
        let cost = if x == 3 { 2 } else { 9 };
        client.write(&json!({ "trial": ask["trial"], "metrics": { "cost": cost, "limit": 1 } }));
    }
    // Points that were given come first, and the trial after the last may be out already.
    assert_eq!(asked[..4], [7, 1, 2, 3]);
    let said = client.end().ended(0);
    for part in ["4 trials", "goal reached: cost <= 3 * limit at trial 3"] {
        assert!(said.err.contains(part), "{part:?} is not in {}", said.err);
    }
}

#[test]
fn a_line_that_is_no_answer_is_refused_with_its_number() {
    let place = Place::new();
    let good = "{\"trial\": 0, \"metrics\": {\"f\": 1}}";
    for (line, words) in [
        ("hello", "found \"hello\", allowed: {\"trial\": 0, \"metrics\""),
        ("[1]", "allowed: {\"trial\": 0, \"metrics\""),
        ("{\"metrics\": {\"f\": 1}}", "trial: found nothing"),
        ("{\"trial\": \"0\"}", "trial: found \"0\""),
        ("{\"trial\": 1.5}", "trial: found 1.5"),
        (
            "{\"trial\": 9, \"error\": \"\"}",
            "9, which was not handed out, allowed: an open trial: 1",
        ),
        (good, "trial: found 0, which was answered before, allowed: an open trial: 1, 2, 3"),
        ("{\"trial\": 1}", "metrics: found nothing, allowed: \"metrics\": {\"f\": number}"),
        ("{\"trial\": 1, \"metric\": {\"f\": 1}}", "found nothing (but \"metric\")"),
        ("{\"trial\": 1, \"metrics\": 3}", "metrics: found 3"),
        ("{\"trial\": 1, \"metrics\": {\"F\": 1}}", "metrics: found no f (but F)"),
        ("{\"trial\": 1, \"metrics\": {\"f\": \"big\"}}", "found f = \"big\", allowed:"),
        ("{\"trial\": 1, \"pruned\": true, \"step\": 0}", "step: found 0"),
    ] {
        let mut client = Client::new(&place, "--template problem:sphere --lag 3");
        writeln!(client.input, "{good}\n\n{line}").expect("it reads");
        while client.read().is_some() {}
        let said = client.end().ended(2);
        assert!(said.err.contains("standard input:3: "), "{line}: {}", said.err);
        assert!(said.err.contains(words), "{line}: {words:?} is not in {}", said.err);
    }
}

#[test]
fn what_is_wrong_before_the_first_trial_is_refused() {
    let place = Place::new();
    place.write("told.jsonl", "{\"trial\": 0, \"metrics\": {\"f\": 1}}\n{\"trial\": 0}\n");
    for (words, said) in [
        ("--template problem:sphere --algorithm gird", "did you mean grid"),
        ("--template problem:sphere --algorithm grid", "--algorithm"),
        ("--template problem:sphere --told none.jsonl", "none.jsonl"),
        ("--template problem:sphere --told told.jsonl", "told.jsonl:2: trial: found 0, which was"),
        ("--template problem:sphere --lag 0", "--lag"),
        ("--template problem:sphere '--set=outcome_constraints=[\"f\"]'", "outcome_constraints"),
    ] {
        let result = place.run(&format!("ask {words}")).ended(2);
        assert!(result.err.contains(said), "{words}: {said:?} is not in {}", result.err);
        assert_eq!(result.out, "", "nothing was asked");
    }
}
