//! `optimize worker`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jobs::{Board, Queue, QueueError, RedisOptions, RedisQueue, StudyId};
use worker::{Assignment, Desk};

use crate::cli::Worker;
use crate::exit::{Exit, Failure};
use crate::progress::thousands;
use crate::remote::{host_name, options};
use crate::say;
use crate::signals::{Interrupts, joined};
use crate::specification::Specification;

/// The board is looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// `optimize worker`: runs the jobs of all studies on a server until it is told to stop.
///
/// # Errors
/// The server is not there, or refuses; there is no key.
pub fn worker(args: &Worker) -> Result<Exit, Failure> {
    let threads = crate::commands::threads(args.threads);
    let options = options(&args.queue, &args.address, threads, false)?;
    let board = Board::open(&options.server, options.key.clone());
    // A wrong address should be said at once, and not by silence.
    board.studies()?;
    let cache = args.data_cache.clone().unwrap_or_else(usual_cache);
    let roster = Roster {
        board,
        options,
        cache,
        may_run_programs: args.allow_commands,
        idle: args.idle,
        hosted: BTreeMap::new(),
        refused: BTreeSet::new(),
        order: Vec::new(),
        looked: None,
        busy: now(),
        stop: Arc::new(AtomicBool::new(false)),
    };
    let runtime = crate::commands::runtime()?;
    let exit = runtime.block_on(serve(roster, threads, args.max_time));
    runtime.shutdown_background();
    exit
}

async fn serve(
    mut roster: Roster,
    threads: usize,
    max_time: Option<Duration>,
) -> Result<Exit, Failure> {
    let stop = Arc::clone(&roster.stop);
    say!("worker on {}: {threads} threads", host_name());
    let options = worker::Options { threads, name: host_name() };
    let mut work = {
        let stop = Arc::clone(&stop);
        tokio::task::spawn_blocking(move || {
            let served = worker::serve(&mut roster, &options, &stop);
            // What is not safe yet is kept for a while, as the queues are closed.
            drop(roster);
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
                say!("worker: {} jobs done", thousands(joined(served)??));
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

/// The studies of a server, and the queues of those that this worker serves.
struct Roster {
    board: Board,
    options: RedisOptions,
    cache: PathBuf,
    may_run_programs: bool,
    /// Ends the worker after so long without a job.
    idle: Option<Duration>,
    hosted: BTreeMap<StudyId, Hosted>,
    /// Studies that this worker cannot serve; each is spoken of once.
    refused: BTreeSet<StudyId>,
    /// The studies that are up, the most urgent first.
    order: Vec<StudyId>,
    looked: Option<Instant>,
    /// When there last was a job.
    busy: Instant,
    stop: Arc<AtomicBool>,
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
        self.hosted.retain(|id, _| order.contains(id));
        self.refused.retain(|id| order.contains(id));
        for id in &order {
            if self.hosted.contains_key(id) || self.refused.contains(id) {
                continue;
            }
            match self.host(*id) {
                Ok(hosted) => {
                    self.hosted.insert(*id, hosted);
                }
                Err(failure) => {
                    say!("not serving study {id}: {failure}");
                    self.refused.insert(*id);
                }
            }
        }
        self.order = order;
    }

    fn host(&self, id: StudyId) -> Result<Hosted, Failure> {
        let study = Specification::open(&self.board, id, &self.cache, self.may_run_programs)?;
        study.ready()?;
        say!("serving study {}", study.template.name);
        let files = self.cache.join(id.to_string()).join("trials");
        Ok(Hosted {
            study: Arc::new(study.for_worker(Some(files))),
            queue: Arc::new(RedisQueue::new(id, self.options.clone())),
        })
    }

    fn take(&self, id: StudyId, wait: Duration) -> Result<Option<Assignment>, QueueError> {
        let Some(hosted) = self.hosted.get(&id) else { return Ok(None) };
        let assigned = |lease| {
            let (study, queue) = (Arc::clone(&hosted.study), Arc::clone(&hosted.queue));
            Assignment { study, queue, lease }
        };
        Ok(hosted.queue.take(wait)?.map(assigned))
    }
}

impl Desk for Roster {
    fn next(&mut self, wait: Duration) -> Result<Option<Assignment>, QueueError> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.look();
        }
        for id in &self.order {
            if let Some(found) = self.take(*id, Duration::ZERO)? {
                self.busy = now();
                return Ok(Some(found));
            }
        }
        let found = match self.order.iter().find(|id| self.hosted.contains_key(id)) {
            Some(first) => self.take(*first, wait)?,
            None => {
                std::thread::sleep(wait);
                None
            }
        };
        // Jobs in the pool hold on to their queue.
        let is_at_work = self.hosted.values().any(|hosted| Arc::strong_count(&hosted.queue) > 1);
        if found.is_some() || is_at_work {
            self.busy = now();
        } else if self.idle.is_some_and(|idle| self.busy.elapsed() >= idle) {
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(found)
    }
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
