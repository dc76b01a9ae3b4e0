//! A folder with programs in it, for the tests of external programs.
#![allow(dead_code, reason = "no test uses all of it")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use search_spaces::{Document, Point, Template, Value};
use simulators::{Failure, OpenError, Simulator, Trial, Unwatched};
use tempfile::TempDir;

const SPACE: &str = "x = { float = [0, 1] }\nn = { int = [1, 9] }\n\
     k = { choice = ['plain', '$(touch pwned); `x` \"q\" {b}'] }\n";

/// A folder with programs in it.
pub(crate) struct Lab(TempDir);

impl Lab {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("written");
    }

    pub(crate) fn open(&self, settings: &str) -> Result<Box<dyn Simulator>, OpenError> {
        open_in(self.path(), settings)
    }

    pub(crate) fn opened(&self, settings: &str) -> Box<dyn Simulator> {
        self.open(settings).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Writes a file that may be executed.
    pub(crate) fn program(&self, name: &str, text: &str) {
        self.file(name, text);
        let path = self.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("ours");
    }

    /// A persistent simulator in Python whose answers `body` works out: it is given `request`.
    pub(crate) fn python(&self, body: &str, settings: &str) -> Box<dyn Simulator> {
        let body: String = body.lines().map(|line| format!("    {line}\n")).collect();
        self.file("sim.py", &format!("{PRELUDE}{body}"));
        self.opened(&format!("run = ['python3', 'sim.py']\nmetrics = ['cost']\n{settings}"))
    }

    /// A program in shell that runs once per trial.
    pub(crate) fn shell(&self, script: &str, settings: &str) -> Box<dyn Simulator> {
        self.file("sim.sh", script);
        self.opened(&format!(
            "mode = 'once'\nrun = ['sh', 'sim.sh', '{{x}}', '{{k}}']\nmetrics = ['cost']\n{settings}"
        ))
    }
}

/// Opens what a template in this folder says.
pub(crate) fn open_in(folder: &Path, settings: &str) -> Result<Box<dyn Simulator>, OpenError> {
    let text = format!(
        "name = 't'\nsimulator = 'command'\n[objectives]\ncost = 'minimize'\n\
         [space]\n{SPACE}[command]\n{settings}\n"
    );
    let document = Document::parse("t.toml", &text).expect("TOML");
    let template = Template::read(document, folder).expect("a template");
    let settings = template.settings().expect("a table");
    simulators::open("command", settings, &template.space, &template.folder)
}

pub(crate) fn opened_in(folder: &Path, settings: &str) -> Box<dyn Simulator> {
    open_in(folder, settings).unwrap_or_else(|error| panic!("{error}"))
}

const PRELUDE: &str = "import json, os, signal, subprocess, sys, time\n\
     say = lambda text: (sys.stdout.write(text + '\\n'), sys.stdout.flush())\n\
     say('{\"optimize\": 1}')\nhello = json.loads(sys.stdin.readline())\n\
     for line in iter(sys.stdin.readline, ''):\n    request = json.loads(line)\n    \
     p = request['params']\n";

/// All processes, as `(pid, parent, state)`.
pub(crate) fn processes() -> Vec<(u32, u32, char)> {
    let entries = fs::read_dir("/proc").expect("Linux").flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let process = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut words = stat.rsplit(") ").next()?.split_whitespace();
        let state = words.next()?.chars().next()?;
        Some((pid, words.next()?.parse().ok()?, state))
    };
    numbers.filter_map(process).collect()
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[expect(clippy::disallowed_methods, reason = "whether a child is ended in time is the test")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn point(x: f64, n: i64, k: u32) -> Point {
    Point::new(vec![Value::Float(x), Value::Int(n), Value::Label(k)])
}

pub(crate) fn run(simulator: &dyn Simulator, x: f64) -> Result<Vec<f64>, Failure> {
    simulator.session().run(&Trial::new(&point(x, 3, 0), 7), &mut Unwatched)
}

pub(crate) fn failure(simulator: &dyn Simulator, x: f64) -> String {
    run(simulator, x).expect_err("the trial fails").message
}

/// Whether a process is there and no zombie.
pub(crate) fn lives(pid: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Whether a process ends within a time that is more than enough on any machine.
pub(crate) fn dies(pid: &str) -> bool {
    (0..3000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !lives(pid)
    })
}
