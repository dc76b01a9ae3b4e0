//! `optimize worker`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use jobs::{Board, Order, Queue, QueueError, RedisOptions, RedisQueue, StudyId};
use worker::{Assignment, Desk, Meter};

use crate::apart::Processes;
use crate::cli::Worker;
use crate::exit::{Exit, Failure};
use crate::metrics::{self, Endpoint};
use crate::progress::thousands;
use crate::remote::{host_name, options};
use crate::say;
use crate::signals::{Interrupts, joined};
use crate::specification::Specification;

/// A worker without any study waits so long for word of one.
const IDLE: Duration = Duration::from_millis(250);

/// A study that could not be served is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Opening a study is waited for so long; one that takes longer opens while others are served.
const OPENING: Duration = Duration::from_millis(300);

/// The board is looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// `optimize worker`: runs the jobs of all studies on a server until it is told to stop.
///
/// # Errors
/// The server is not there, or refuses; there is no key.
pub fn worker(args: &Worker) -> Result<Exit, Failure> {
    let threads = crate::commands::threads(args.threads);
    let endpoint = Endpoint::bind(args.watch.metrics.as_ref())?;
    let options = options(&args.queue, &args.address, threads, false)?;
    let board = Board::open(&options.server, options.key.clone());
    // A wrong address should be said at once, and not by silence.
    board.studies()?;
    let cache = args.data_cache.clone().unwrap_or_else(usual_cache);
    let (opener, news) = channel();
    let roster = Roster {
        board,
        options,
        cache,
        may_run_programs: args.allow_commands,
        idle: args.idle,
        opening: BTreeSet::new(),
        opener,
        news,
        hosted: BTreeMap::new(),
        refused: BTreeMap::new(),
        order: Vec::new(),
        looked: None,
        busy: now(),
        stop: Arc::new(AtomicBool::new(false)),
        leaving: Vec::new(),
        farewells: Vec::new(),
        shown: Arc::default(),
    };
    // Orders are heard from here on.
    roster.board.orders(Duration::ZERO);
    let runtime = crate::commands::runtime()?;
    let meter = Arc::new(Meter::default());
    if let Some(endpoint) = endpoint {
        endpoint.serve(&runtime, page(threads, Arc::clone(&meter), Arc::clone(&roster.shown)))?;
    }
    let exit = runtime.block_on(serve(roster, threads, meter, args.max_time));
    runtime.shutdown_background();
    exit
}

/// What Prometheus is told of a worker.
fn page(threads: usize, meter: Arc<Meter>, shown: Arc<Shown>) -> impl Fn() -> String {
    let started = wall_clock();
    move || {
        let (served, refused) = (&shown.served, &shown.refused);
        let mut figures = metrics::of_threads(threads, &meter.read());
        figures.extend(metrics::of_studies(
            served.load(Ordering::Relaxed),
            refused.load(Ordering::Relaxed),
        ));
        figures.extend(metrics::of_traffic());
        figures.extend(metrics::of_process(started));
        metrics::text(figures)
    }
}

async fn serve(
    mut roster: Roster,
    threads: usize,
    meter: Arc<Meter>,
    max_time: Option<Duration>,
) -> Result<Exit, Failure> {
    let stop = Arc::clone(&roster.stop);
    let host = host_name();
    say!(host, threads, "worker on {host}: {threads} threads");
    let nursery = Arc::new(Processes { cache: roster.cache.clone() });
    let options = worker::Options { threads, name: host_name(), nursery: Some(nursery), meter };
    let mut work = {
        let stop = Arc::clone(&stop);
        tokio::task::spawn_blocking(move || {
            let served = worker::serve(&mut roster, &options, &stop);
            // What is not safe yet is kept for a while, as the queues are closed.
            roster.close();
            served
        })
    };
    let mut interrupts = Interrupts::new()?;
    let deadline = tokio::time::sleep(max_time.unwrap_or(Duration::from_secs(1 << 32)));
    tokio::pin!(deadline);
    let mut asked = 0;
    loop {
        tokio::select! {
            served = &mut work => {
                let jobs = joined(served)??;
                say!(jobs, "worker: {} jobs done", thousands(jobs));
                return Ok(Exit::Done);
            }
            () = interrupts.next() => {
                asked += 1;
                if asked > 1 {
                    // Others take over what this one holds.
                    std::process::exit(Exit::Interrupted as i32);
                }
                say!("draining: finishing the trials under way (Ctrl-C again to leave at once)");
                stop.store(true, Ordering::Relaxed);
            }
            () = &mut deadline, if !stop.load(Ordering::Relaxed) => {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// How many studies a worker serves, and how many it cannot.
#[derive(Debug, Default)]
struct Shown {
    served: AtomicU64,
    refused: AtomicU64,
}

/// The studies of a server, and the queues of those that this worker serves.
struct Roster {
    board: Board,
    options: RedisOptions,
    cache: PathBuf,
    may_run_programs: bool,
    /// Ends the worker after so long without a job.
    idle: Option<Duration>,
    /// Studies that threads of their own are opening, and what has come of those.
    opening: BTreeSet<StudyId>,
    opener: Sender<(StudyId, Result<worker::Study, Failure>)>,
    news: Receiver<(StudyId, Result<worker::Study, Failure>)>,
    hosted: BTreeMap<StudyId, Hosted>,
    /// Studies that this worker cannot serve, why, and when it last tried.
    refused: BTreeMap<StudyId, (String, Instant)>,
    /// The studies that are up, the most urgent first.
    order: Vec<StudyId>,
    looked: Option<Instant>,
    /// When there last was a job.
    busy: Instant,
    stop: Arc<AtomicBool>,
    /// Studies that are not up any more, of which jobs are still under way.
    leaving: Vec<(StudyId, Hosted)>,
    /// Queues that wait for their last results to be safe.
    farewells: Vec<JoinHandle<()>>,
    /// What others may know of it.
    shown: Arc<Shown>,
}

struct Hosted {
    study: Arc<worker::Study>,
    queue: Arc<dyn Queue>,
}

impl Roster {
    /// Looks which studies are up, and opens the new ones.
    fn look(&mut self) {
        self.looked = Some(now());
        // A server that is away for a while is no reason to forget the studies.
        let Ok(order) = self.board.studies() else { return };
        let gone = |id: &&StudyId| !order.contains(id);
        for id in self.hosted.keys().filter(gone).copied().collect::<Vec<_>>() {
            let hosted = self.hosted.remove(&id).expect("listed above");
            self.leaving.push((id, hosted));
        }
        self.see_off();
        self.refused.retain(|id, _| order.contains(id));
        for id in &order {
            let refused = self.refused.get(id);
            let is_fresh = refused.is_some_and(|(_, tried)| tried.elapsed() < TRY_AGAIN);
            if !self.hosted.contains_key(id) && !is_fresh && self.opening.insert(*id) {
                self.open(*id);
            }
        }
        self.order = order;
        let begun = now();
        while let (false, Some(left)) =
            (self.opening.is_empty(), OPENING.checked_sub(begun.elapsed()))
        {
            self.settle(self.news.recv_timeout(left).ok());
        }
        self.show();
    }

    /// Opens a study in a thread: a program that has to shake hands first may take a minute,
    /// while other studies have jobs.
    fn open(&self, id: StudyId) {
        let board = Board::open(&self.options.server, self.options.key.clone());
        let (cache, may_run_programs) = (self.cache.clone(), self.may_run_programs);
        let opener = self.opener.clone();
        std::thread::spawn(move || {
            let study = opened(&board, id, &cache, may_run_programs);
            // Where nobody listens any more, the worker has ended.
            let _ = opener.send((id, study));
        });
    }

    /// Takes a study in that has been opened, or notes why it cannot be.
    fn settle(&mut self, opened: Option<(StudyId, Result<worker::Study, Failure>)>) {
        let Some((id, opened)) = opened else { return };
        self.opening.remove(&id);
        match opened {
            Ok(study) => {
                let queue = Arc::new(RedisQueue::new(id, self.options.clone()));
                self.hosted.insert(id, Hosted { study: Arc::new(study), queue });
                self.refused.remove(&id);
            }
            Err(failure) => {
                let why = failure.to_string();
                if self.refused.get(&id).is_none_or(|(known, _)| *known != why) {
                    tracing::warn!(
                        target: "optimize", id = %id, reason = why,
                        "not serving study {id}: {why}"
                    );
                }
                self.refused.insert(id, (why, now()));
            }
        }
    }

    fn show(&self) {
        self.shown.served.store(self.hosted.len() as u64, Ordering::Relaxed);
        self.shown.refused.store(self.refused.len() as u64, Ordering::Relaxed);
    }

    /// Closes the queues of studies that are gone and of which nothing is under way any more.
    fn see_off(&mut self) {
        let is_idle = |(_, hosted): &mut (StudyId, Hosted)| Arc::strong_count(&hosted.queue) == 1;
        for (_, hosted) in self.leaving.extract_if(.., is_idle) {
            // It may take seconds, while other studies have jobs.
            self.farewells.push(std::thread::spawn(move || drop(hosted)));
        }
        self.farewells.retain(|farewell| !farewell.is_finished());
    }

    /// Closes all queues.
    fn close(mut self) {
        let hosted = std::mem::take(&mut self.hosted).into_iter().chain(self.leaving.drain(..));
        let farewells = hosted.map(|(_, hosted)| std::thread::spawn(move || drop(hosted)));
        for farewell in farewells.collect::<Vec<_>>().into_iter().chain(self.farewells.drain(..)) {
            let _ = farewell.join();
        }
    }

    /// Does what it is told, waiting a moment for that.
    fn obey(&mut self, wait: Duration) {
        for order in self.board.orders(wait) {
            match order {
                Order::Look => self.looked = None,
                Order::Cancel(id) => {
                    // Where it is put up once more, it is opened afresh.
                    self.leaving.extend(self.hosted.remove(&id).map(|hosted| (id, hosted)));
                    for (_, hosted) in self.leaving.iter().filter(|(known, _)| *known == id) {
                        hosted.study.cancel();
                    }
                    self.looked = None;
                }
                Order::Drain(host) if host.as_ref().is_none_or(|host| *host == host_name()) => {
                    say!("draining, as `optimize drain` asks: finishing the trials under way");
                    self.stop.store(true, Ordering::Relaxed);
                }
                Order::Drain(_) => {}
            }
        }
    }

    fn take(
        &self,
        id: StudyId,
        wait: Duration,
        most: usize,
    ) -> Result<Vec<Assignment>, QueueError> {
        let Some(hosted) = self.hosted.get(&id) else { return Ok(Vec::new()) };
        let assigned = |lease| {
            let (study, queue) = (Arc::clone(&hosted.study), Arc::clone(&hosted.queue));
            Assignment { study, queue, lease }
        };
        Ok(hosted.queue.take(wait, most)?.into_iter().map(assigned).collect())
    }
}

impl Desk for Roster {
    fn tend(&mut self) {
        while let Ok(opened) = self.news.try_recv() {
            self.settle(Some(opened));
            self.show();
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.obey(Duration::ZERO);
            self.look();
        }
    }

    fn next(&mut self, wait: Duration, most: usize) -> Result<Vec<Assignment>, QueueError> {
        let hosted: Vec<StudyId> =
            self.order.iter().copied().filter(|id| self.hosted.contains_key(id)).collect();
        let mut found = Vec::new();
        // Of several studies, none is waited for while another may have jobs.
        for id in hosted.iter().filter(|_| hosted.len() > 1) {
            found = self.take(*id, Duration::ZERO, most)?;
            if !found.is_empty() {
                break;
            }
        }
        if found.is_empty() {
            match hosted.first() {
                Some(first) => found = self.take(*first, wait, most)?,
                None => self.obey(IDLE),
            }
        }
        // Jobs in the pool hold on to their queue.
        let is_at_work = self.hosted.values().any(|hosted| Arc::strong_count(&hosted.queue) > 1);
        if !found.is_empty() || is_at_work {
            self.busy = now();
        } else if self.idle.is_some_and(|idle| self.busy.elapsed() >= idle) {
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(found)
    }
}

/// Opens a study of the board.
fn opened(
    board: &Board,
    id: StudyId,
    cache: &Path,
    may_run_programs: bool,
) -> Result<worker::Study, Failure> {
    let study = Specification::open(board, id, cache, may_run_programs)?;
    study.ready()?;
    let name = &study.template.name;
    say!(study = name, id = %id, "serving study {name}");
    Ok(study.for_worker(Some(cache.join(id.to_string()).join("trials"))))
}

/// Where copies of studies' files are kept, unless said.
pub(super) fn usual_cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = base.filter(|base| base.is_absolute()).or(home);
    base.unwrap_or_else(std::env::temp_dir).join("optimize/studies")
}

#[expect(clippy::disallowed_methods, reason = "how long a worker waits decides no result")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "when a worker was started is for people")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
