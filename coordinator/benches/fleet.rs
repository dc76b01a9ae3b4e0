//! How busy a fleet is kept: real workers on real connections, whose trials only sleep, for times
//! with a heavy tail.
//!
//! `scripts/bench fleet` runs it. A grid goes through `optimize start`; an algorithm that learns
//! through the driver itself, with the lag of DESIGN: trial k is asked after telling exactly the
//! trials up to k - lag. Beside what is measured stands what a schedule without any overhead
//! would reach with the same times and the same lag.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures and says")]

#[path = "../../jobs/tests/server/mod.rs"]
mod server;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coordinator::driver::{Driver, Inputs, Next};
use jobs::{
    Board, Certificates, Event, Key, Queue, RedisOptions, RedisQueue, StudyId, WorkerAbout,
};
use optimizers::{Asked, Optimizer, Plan, Told};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use search_spaces::{Direction, Measure, Objective, Point, Sequence, Value, unit_from_bits};
use server::Server;
use simulators::{Failure, Session, Simulator, Trial, Watcher};
use worker::{OneStudy, Options, Study, serve};

const KEY: &str = "the key of a bench, for nobody else";

/// The mean time of a trial, and the standard deviation of its logarithm: one trial in a hundred
/// takes more than six times the mean.
const MEAN: f64 = 0.05;
const SIGMA: f64 = 1.0;

fn seconds(trial: u64) -> f64 {
    let mut generator = ChaCha8Rng::seed_from_u64(trial);
    let (a, b) = (unit_from_bits(generator.next_u64()), unit_from_bits(generator.next_u64()));
    let normal = (-2.0 * libm::log(1.0 - a)).sqrt() * libm::cos(std::f64::consts::TAU * b);
    MEAN * libm::exp(SIGMA * normal - SIGMA * SIGMA / 2.0)
}

/// Sleeps, and writes down when it did.
struct Sleeper {
    metrics: Vec<String>,
    begun: Instant,
    sleeps: Mutex<Vec<(u64, f64, f64)>>,
}

impl Simulator for Sleeper {
    fn metrics(&self) -> &[String] {
        &self.metrics
    }

    fn fingerprint(&self) -> [u8; 32] {
        [0; 32]
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(Sleep(self))
    }

    fn reports(&self) -> bool {
        false
    }
}

struct Sleep<'a>(&'a Sleeper);

impl Session for Sleep<'_> {
    fn run(&mut self, trial: &Trial<'_>, _: &mut dyn Watcher) -> Result<Vec<f64>, Failure> {
        let start = self.0.begun.elapsed().as_secs_f64();
        std::thread::sleep(Duration::from_secs_f64(seconds(trial.number)));
        let end = self.0.begun.elapsed().as_secs_f64();
        self.0.sleeps.lock().expect("no panic").push((trial.number, start, end));
        Ok(vec![trial.number as f64])
    }
}

/// Any point: nobody looks at it.
struct Anywhere;

impl Sequence for Anywhere {
    fn end(&self) -> Option<u64> {
        None
    }

    fn point(&self, _: u64) -> Option<Point> {
        Some(Point::new(vec![Value::Float(0.5)]))
    }

    fn is_distinct(&self) -> bool {
        true
    }
}

/// An optimizer that asks anywhere, and is told as one that learns.
struct Learner;

impl Optimizer for Learner {
    fn ask(&mut self, _: u64, _: &mut ChaCha8Rng, _: &[Point]) -> Asked {
        Asked::Point(Point::new(vec![Value::Float(0.5)]))
    }

    fn tell(&mut self, _: u64, _: &Point, _: &Told) {}
}

/// Workers with a thread and three connections each.
struct Fleet {
    sleeper: Arc<Sleeper>,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

fn address(server: &Server) -> jobs::Server {
    jobs::Server::new(&server.address(), &Certificates::default()).expect("an address")
}

fn options(server: &Server) -> RedisOptions {
    RedisOptions {
        server: address(server),
        key: Key::from_text(KEY),
        lease: Duration::from_secs(15),
        about: WorkerAbout { host: "bench".to_owned(), threads: 1 },
    }
}

fn fleet(server: &Server, id: StudyId, workers: usize) -> Fleet {
    let metrics = vec!["f".to_owned()];
    let sleeper = Arc::new(Sleeper { metrics, begun: Instant::now(), sleeps: Mutex::default() });
    let stop = Arc::new(AtomicBool::new(false));
    let start = |_| {
        let study = Study {
            id,
            simulator: Arc::<Sleeper>::clone(&sleeper),
            sequence: Some(Arc::new(Anywhere)),
            pruning_rules: Arc::new([]),
            measure: Measure::new(&[], &[], &[]),
            files: None,
            cancelled: Arc::default(),
        };
        let queue = Arc::new(RedisQueue::new(id, options(server)));
        let mut desk = OneStudy { queue, study: Arc::new(study) };
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            let options = Options {
                threads: 1,
                name: "bench".to_owned(),
                nursery: None,
                meter: Arc::default(),
            };
            serve(&mut desk, &options, &stop).expect("the worker works");
        })
    };
    let threads = (0..workers).map(start).collect();
    Fleet { sleeper, stop, threads }
}

impl Fleet {
    /// Ends the workers; when their trials slept.
    fn end(self) -> Vec<(u64, f64, f64)> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        std::mem::take(&mut self.sleeper.sleeps.lock().expect("no panic"))
    }
}

/// The share of the workers' time in which they were at work, from when a tenth of the trials had
/// begun until the last one began: neither the start nor the last few trials count.
fn utilisation(sleeps: &[(u64, f64, f64)], workers: usize) -> f64 {
    let mut starts: Vec<f64> = sleeps.iter().map(|(_, start, _)| *start).collect();
    starts.sort_by(f64::total_cmp);
    let (from, to) = (starts[starts.len() / 10], starts[starts.len() - 1]);
    let within = |(_, start, end): &(u64, f64, f64)| (end.min(to) - start.max(from)).max(0.0);
    sleeps.iter().map(within).sum::<f64>() / (workers as f64 * (to - from))
}

/// What a schedule without overhead reaches: a trial starts as soon as a worker is free and all
/// trials up to `lag` before it have ended.
fn predicted(trials: u64, workers: usize, lag: u64) -> f64 {
    let mut free = vec![0.0_f64; workers];
    let (mut ends, mut told) = (Vec::<f64>::new(), Vec::<f64>::new());
    let mut sleeps = Vec::new();
    for trial in 0..trials {
        let next = free.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("a worker");
        let known = trial.checked_sub(lag).map_or(0.0, |last| told[last as usize]);
        let start = next.max(known);
        let end = start + seconds(trial);
        *next = end;
        ends.push(end);
        told.push(told.last().copied().unwrap_or(0.0).max(end));
        sleeps.push((trial, start, end));
    }
    utilisation(&sleeps, workers)
}

fn grid(workers: usize, trials: u64) {
    let server = Server::start(&[]);
    let store = tempfile::tempdir().expect("a folder");
    let mut study = Command::new(env!("CARGO_BIN_EXE_optimize"))
        .args(["start", "--template", "problem:sphere", "--algorithm", "random", "--quiet"])
        .args(["--trials", &trials.to_string(), "--queue", &server.address()])
        .arg("--store")
        .arg(store.path())
        .env("OPTIMIZE_KEY", KEY)
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let board = Board::open(&address(&server), Key::from_text(KEY));
    let id = loop {
        if let Some(id) = board.studies().expect("the server is there").pop() {
            break id;
        }
        assert!(study.try_wait().expect("a child").is_none(), "the study does not run");
        std::thread::sleep(Duration::from_millis(5));
    };
    let fleet = fleet(&server, id, workers);
    assert!(study.wait().expect("a child").success());
    let sleeps = fleet.end();
    println!(
        "grid: {workers} workers, {trials} trials: utilisation {:.1} % (without overhead {:.1} %)",
        100.0 * utilisation(&sleeps, workers),
        100.0 * predicted(trials, workers, u64::MAX),
    );
}

fn learning(workers: usize, trials: u64, lag: u64) {
    let server = Server::start(&[]);
    let id = StudyId([9; 32]);
    let inputs =
        Inputs { study: id, seed: 1, trials: Some(trials), chunk: 1, lag, continues: false };
    let plan = Plan::Optimizer { optimizer: Box::new(Learner), learns: true };
    let objective = Objective { metric: "f".to_owned(), direction: Direction::Minimize };
    let measure = Measure::new(&["f".to_owned()], &[objective], &[]);
    let mut driver = Driver::new(inputs, plan, None, measure);
    let queue = RedisQueue::new(id, options(&server));
    queue.open().expect("the server is there");
    let fleet = fleet(&server, id, workers);
    'study: loop {
        loop {
            match driver.next_job(1) {
                Next::Job(job) => queue.push(job).expect("pushed"),
                Next::Wait => break,
                Next::Done => break 'study,
            }
        }
        let mut wait = Duration::from_millis(50);
        while let Some(event) = queue.next_event(wait).expect("the server is there") {
            wait = Duration::ZERO;
            match event {
                Event::Finished(result) => _ = driver.accept(result),
                Event::Lost(id) | Event::Dropped(id) => driver.lost(id, false),
            }
        }
        queue.confirm().expect("confirmed");
        while driver.release().is_some() {}
    }
    let sleeps = fleet.end();
    println!(
        "learning: {workers} workers, lag {lag} = {} x workers: utilisation {:.1} % (without \
         overhead {:.1} %)",
        lag / workers as u64,
        100.0 * utilisation(&sleeps, workers),
        100.0 * predicted(trials, workers, lag),
    );
}

fn main() {
    println!("trials sleep {MEAN} s on average, log-normal with sigma {SIGMA}");
    grid(64, 40_000);
    for (workers, times) in [(8, 4), (8, 8), (32, 4), (32, 8)] {
        learning(workers, 150 * workers as u64, times * workers as u64);
    }
}
