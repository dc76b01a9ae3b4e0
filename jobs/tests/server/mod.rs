//! A Redis server of a test's own.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A server on a socket in a folder of its own; it ends with the test.
pub struct Server {
    folder: TempDir,
    settings: Vec<String>,
    environment: Vec<(String, String)>,
    child: Option<Child>,
}

/// A server that does not answer for so long is no good to a test.
const PATIENCE: Duration = Duration::from_secs(20);

impl Server {
    /// Starts a server with further settings, such as `["--appendonly", "yes"]`.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_in(settings, Vec::new())
    }

    /// Starts a server with further settings and further variables in its environment.
    pub fn start_in(settings: &[&str], environment: Vec<(String, String)>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let settings = settings.iter().map(|&each| each.to_owned()).collect();
        let mut server = Self { folder, settings, environment, child: None };
        server.launch();
        server
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Where it is reached.
    pub fn address(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Starts it, again where it was killed.
    pub fn launch(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", "socket", "--save", ""])
            .args(&self.settings)
            .envs(self.environment.iter().cloned())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed; `scripts/setup` does that");
        self.child = Some(child);
        for _ in 0..1000 {
            if self.connection().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not answer");
    }

    /// Kills it, as the kernel would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("alive");
            child.wait().expect("a child");
        }
    }

    fn connection(&self) -> Option<redis::Connection> {
        let mut connection =
            redis::Client::open(self.address()).expect("an address").get_connection().ok()?;
        let pong: Option<String> = redis::cmd("PING").query(&mut connection).ok();
        pong.map(|_| connection)
    }

    /// What the server answers; nothing where it cannot be reached, or says no.
    pub fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Option<T> {
        let client = redis::Client::open(self.address()).expect("an address");
        let mut connection = client.get_connection_with_timeout(PATIENCE).ok()?;
        connection.set_read_timeout(Some(PATIENCE)).ok()?;
        command.query(&mut connection).ok()
    }

    /// Gives the server a command of a test's own.
    pub fn give<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query(&mut self.connection().expect("it runs")).expect("an answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
