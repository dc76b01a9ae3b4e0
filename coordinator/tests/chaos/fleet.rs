//! The processes of a round: a server, a coordinator, and workers that come and go.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use redis::{FromRedisValue, cmd};

use crate::process::{Process, now};
use crate::proxy::Proxy;
use crate::rooms::{Clocks, Disk};
use crate::server::Server;
use crate::studies::Study;
use crate::support::{Place, Said};

/// A worker that stands still for so long is taken for dead.
pub const LEASE: Duration = Duration::from_secs(2);

/// The key of the queue.
pub const SECRET: &str = "a secret of the tests";

/// How a round is set up.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The program, where it is not the one that was just built.
    pub program: Option<PathBuf>,
    /// The study.
    pub study: Study,
    /// How long it is.
    pub size: u64,
    /// Whether the server writes down what it knows: `everysec` or `always`.
    pub persistence: Option<&'static str>,
    /// Whether connections go through proxies.
    pub has_proxies: bool,
    /// Whether the store is on a small disk.
    pub has_disk: bool,
    /// Whether clocks can be set.
    pub has_clocks: bool,
    /// Limits are multiplied by this.
    pub slack: f64,
}

impl Setting {
    /// A folder to run the program in.
    pub fn place(&self) -> Place {
        let place = self.program.as_deref().map_or_else(Place::new, Place::with);
        self.study.prepare(&place);
        place
    }

    /// A limit, as this machine may stretch it.
    pub fn patience(&self, limit: Duration) -> Duration {
        limit.mul_f64(self.slack)
    }
}

/// How far the study is, as its status file says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    /// The process that wrote it.
    pub pid: u32,
    /// Trials that are done, without a gap.
    pub done: u64,
}

/// What a round has beside its processes.
pub struct Site {
    /// How it was set up.
    pub setting: Setting,
    /// The folder of the round.
    pub place: Place,
    /// The server.
    pub server: Server,
    /// Between server and coordinator, and between server and workers.
    pub proxies: Option<[Proxy; 2]>,
    /// Where the store is.
    pub disk: Option<Disk>,
    /// The clocks of the processes.
    pub clocks: Option<Clocks>,
    started: usize,
}

/// The processes of a round.
pub struct Fleet {
    /// What they have.
    pub site: Site,
    /// Those that work.
    pub workers: Vec<Process>,
    /// The one that coordinates.
    pub coordinator: Process,
    /// Those that were killed or ended, for what they said.
    pub gone: Vec<Process>,
    /// The most workers that there were at a time.
    pub most_workers: u64,
    begun: Instant,
}

impl Fleet {
    /// Starts a server and a coordinator.
    pub fn start(setting: Setting) -> Self {
        let mut site = Site::new(setting);
        let coordinator = site.start(&Role::Start);
        let (workers, gone, begun) = (Vec::new(), Vec::new(), now());
        Self { site, workers, coordinator, gone, most_workers: 0, begun }
    }

    /// Adds a worker.
    pub fn join(&mut self) {
        let worker = self.site.start(&Role::Worker);
        self.workers.push(worker);
        self.most_workers = self.most_workers.max(self.workers.len() as u64);
    }

    /// Goes on with the study, once its coordinator has ended.
    pub fn resume(&mut self) {
        let next = self.site.start(&Role::Resume);
        self.gone.push(std::mem::replace(&mut self.coordinator, next));
    }

    /// A second coordinator of the same study: beside the first one, or with a store of its own
    /// as on another machine.
    pub fn second(&mut self, is_elsewhere: bool) -> Process {
        self.site.start(if is_elsewhere { &Role::Elsewhere } else { &Role::Resume })
    }

    /// Whether the study is not at its end.
    pub fn is_running(&mut self) -> bool {
        self.coordinator.is_alive()
    }

    /// Seconds since the round began.
    pub fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Every process that there is or was.
    pub fn everybody(&self) -> impl Iterator<Item = &Process> {
        self.gone.iter().chain([&self.coordinator]).chain(&self.workers)
    }
}

/// What a process does.
enum Role {
    Start,
    Resume,
    Elsewhere,
    Worker,
}

impl Site {
    fn new(setting: Setting) -> Self {
        let place = setting.place();
        place.write("key", SECRET);
        std::fs::create_dir(place.path().join("said")).expect("writable");
        let clocks = setting.has_clocks.then(|| Clocks::build(place.path())).flatten();
        let disk = setting.has_disk.then(|| Disk::mount(&place.path().join("disk"))).flatten();
        let environment = clocks.as_ref().map(|clocks| clocks.environment("server"));
        let append = setting.persistence.map(|how| ["--appendonly", "yes", "--appendfsync", how]);
        let append = append.as_ref().map_or(&[][..], |append| &append[..]);
        let server = Server::start_in(append, environment.unwrap_or_default());
        let proxies = setting.has_proxies.then(|| [(); 2].map(|()| Proxy::start(&server.socket())));
        Self { setting, place, server, proxies, disk, clocks, started: 0 }
    }

    fn start(&mut self, role: &Role) -> Process {
        let is_worker = matches!(role, Role::Worker);
        let address = self
            .proxies
            .as_ref()
            .map_or_else(|| self.server.address(), |each| each[usize::from(is_worker)].address());
        let lease = LEASE.as_secs();
        let queue = format!("--queue {address} --key-file key --lease {lease}s");
        let (study, store) = (self.setting.study, self.store().display().to_string());
        let how = format!("{} --quiet --format json {queue}", study.running());
        let words = study.words(self.setting.size);
        let (kind, words) = match role {
            Role::Start => ("start", format!("start {words} --name far --store {store} {how}")),
            Role::Elsewhere => {
                ("elsewhere", format!("start {words} --name far --store elsewhere {how}"))
            }
            Role::Resume => ("resume", format!("resume far --store {store} {how}")),
            Role::Worker => (
                "worker",
                format!("worker {queue} --threads 1 --allow-commands --data-cache cache"),
            ),
        };
        self.started += 1;
        let name = format!("{:02}-{kind}", self.started);
        let mut command = self.place.command(&words);
        command.env("RUNS", self.place.path().join("runs"));
        command.env_remove("OPTIMIZE_QUEUE").env_remove("OPTIMIZE_KEY");
        if let Some(clocks) = &self.clocks {
            command.envs(clocks.environment(&name));
        }
        let command = match &self.disk {
            Some(disk) if !is_worker => disk.inside(&command),
            _ => command,
        };
        Process::start(name, command, &self.place.path().join("said"))
    }

    /// The store of the round; on the disk, where there is one.
    fn store(&self) -> PathBuf {
        self.place.path().join("disk/store")
    }

    /// Runs the program on the study's store.
    pub fn run(&self, words: &str) -> Said {
        let mut command =
            self.place.command(&format!("{words} --store {}", self.store().display()));
        if let Some(disk) = &self.disk {
            command = disk.inside(&command);
        }
        command.output().expect("the program starts").into()
    }

    /// How far the study is.
    pub fn status(&self) -> Option<Status> {
        let bytes = std::fs::read(self.study_file("status.json")).ok()?;
        let status: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        let pid = u32::try_from(status["pid"].as_u64()?).ok()?;
        Some(Status { pid, done: status["done"].as_u64()? })
    }

    /// When a result was last made durable.
    pub fn recorded(&self) -> Option<SystemTime> {
        std::fs::metadata(self.study_file("ledger.redb")).ok()?.modified().ok()
    }

    fn study_file(&self, name: &str) -> PathBuf {
        let path = self.store().join("far").join(name);
        self.disk.as_ref().map_or(path.clone(), |disk| disk.seen(&path))
    }

    /// What the server answers; nothing where it cannot.
    pub fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Option<T> {
        let mut command = cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        self.server.ask(&command)
    }

    /// The keys whose names have a part.
    pub fn keys(&self, part: &str) -> Vec<String> {
        let mut keys: Vec<String> = self.ask(&["KEYS", "optimize:*"]).unwrap_or_default();
        keys.retain(|key| format!("{key}:").contains(&format!(":{part}:")));
        keys.sort_unstable();
        keys
    }
}
