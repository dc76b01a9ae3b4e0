//! Runs the real program in a folder of its own.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder with a store in it.
pub struct Place {
    folder: TempDir,
    program: PathBuf,
}

/// What the program printed, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The hash that a study's JSON status names.
    pub fn hash(&self) -> String {
        let status: serde_json::Value = serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err));
        status["results_hash"].as_str().expect("a hash").to_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Place {
    pub fn new() -> Self {
        Self::with(assert_cmd::cargo::cargo_bin!("optimize"))
    }

    /// A folder in which another program than the one that was just built is run.
    pub fn with(program: &Path) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self { folder, program: program.to_owned() }
    }

    /// Leaves the folder where it is, for somebody to look into.
    pub fn keep(&mut self) {
        self.folder.disable_cleanup(true);
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("writable");
        path
    }

    /// The program with these words, not started yet.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.path()).args(split(words)).env_remove("OPTIMIZE_STORE");
        command.env_remove("OPTIMIZE_DATA");
        command
    }

    /// Runs the program with these words.
    pub fn run(&self, words: &str) -> Said {
        self.command(words).output().expect("the program starts").into()
    }
}

/// Splits at spaces, except within single quotes.
fn split(words: &str) -> Vec<String> {
    let parts = words.split('\'').enumerate();
    let mut list = Vec::new();
    for (index, part) in parts {
        if index % 2 == 1 {
            list.push(part.to_owned());
        } else {
            list.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    list
}
