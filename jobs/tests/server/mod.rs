//! A Redis server of a test's own.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
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

    /// Starts a server that listens at a port as well: `settings` are given a folder for its files
    /// and the port.
    pub fn start_at_port(settings: impl Fn(&Path, u16) -> Vec<String>) -> (Self, u16) {
        for _ in 0..20 {
            // Somebody else may take the port before the server does: then it is another one.
            let port = free_port();
            let folder = TempDir::new().expect("a temporary folder");
            let settings = settings(folder.path(), port);
            let mut server = Self { folder, settings, environment: Vec::new(), child: None };
            if server.is_launched() {
                return (server, port);
            }
        }
        panic!("redis-server does not start at any port");
    }

    /// Starts a cluster with so many shards, of one node each; the first one is returned with the
    /// others.
    pub fn start_cluster(shards: u16) -> Vec<Self> {
        let node = || {
            Self::start_at_port(|_, port| {
                let bus = free_port().to_string();
                let words = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--port"];
                words.into_iter().chain([&*port.to_string()]).map(str::to_owned).collect()
            })
        };
        let nodes: Vec<(Self, u16)> = (0..shards).map(|_| node()).collect();
        for (index, (node, _)) in (0..).zip(&nodes) {
            let slot = |index: u16| u32::from(index) * 16384 / u32::from(shards);
            let (first, last) = (slot(index).to_string(), (slot(index + 1) - 1).to_string());
            let _: String = node.give(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
        for (other, port) in &nodes[1..] {
            let bus = &other.settings[3];
            let port = port.to_string();
            let _: String = nodes[0].0.give(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
        }
        for _ in 0..3000 {
            let is_whole = |(node, _): &(Self, u16)| {
                node.give::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
            };
            if nodes.iter().all(is_whole) {
                return nodes.into_iter().map(|(node, _)| node).collect();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the cluster is never whole");
    }

    /// Where it is reached.
    pub fn address(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Starts it, again where it was killed.
    pub fn launch(&mut self) {
        assert!(self.is_launched(), "redis-server does not answer");
    }

    fn is_launched(&mut self) -> bool {
        let mut child = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", "socket", "--save", ""])
            .args(&self.settings)
            .envs(self.environment.iter().cloned())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed; `scripts/setup` does that");
        for _ in 0..1000 {
            if self.connection().is_some() {
                self.child = Some(child);
                return true;
            }
            if child.try_wait().expect("a child").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.child = Some(child);
        false
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

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
