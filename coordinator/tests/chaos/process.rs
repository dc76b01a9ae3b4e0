//! One real process of a round, and what it says.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a process that should end is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A process whose words go to files, so that it never waits for a reader.
pub struct Process {
    /// What people call it.
    pub name: String,
    child: Child,
    said: PathBuf,
    ended: Option<ExitStatus>,
}

/// The time that passed is told to people, and limits how long a test waits.
#[expect(clippy::disallowed_methods, reason = "limits and times of a test, told to people")]
pub fn now() -> Instant {
    Instant::now()
}

impl Process {
    /// Starts it; its words go to `folder`.
    pub fn start(name: String, mut command: Command, folder: &Path) -> Self {
        let said = folder.join(&name);
        let file = |end: &str| File::create(said.with_extension(end)).expect("writable");
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, child, said, ended: None }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it runs, or stands still.
    pub fn is_alive(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child");
        }
        self.ended.is_none()
    }

    /// Its exit code, once it has ended by itself.
    pub fn code(&self) -> Option<i32> {
        self.ended.and_then(|status| status.code())
    }

    /// Ends it as the kernel would.
    pub fn kill(&mut self) {
        if self.is_alive() {
            self.child.kill().expect("alive");
            self.ended = Some(self.child.wait().expect("a child"));
        }
    }

    /// Sends it a signal, such as `-TERM`; nothing where it has ended.
    pub fn signal(&mut self, signal: &str) {
        if self.is_alive() {
            send(self.id(), signal);
        }
    }

    /// Waits until it has ended; whether it did in time.
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        let begun = now();
        while self.is_alive() {
            if begun.elapsed() >= limit {
                return false;
            }
            sleep(LOOK);
        }
        true
    }

    /// What it wrote to standard output so far.
    pub fn out(&self) -> String {
        self.words("out")
    }

    /// What it wrote to standard error so far.
    pub fn err(&self) -> String {
        self.words("err")
    }

    fn words(&self, end: &str) -> String {
        let bytes = std::fs::read(self.said.with_extension(end)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal to a process that is not waited for.
pub fn send(id: u32, signal: &str) {
    let status = Command::new("kill").args([signal, &id.to_string()]).status();
    assert!(status.expect("kill is there").success(), "{signal} to {id}");
}
