//! A worker's side: jobs come in on the thread that asks for them, results go out on a thread of
//! their own, so that no trial waits for the network, and a third thread shows that the worker
//! lives.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redis::streams::{StreamId, StreamPendingCountReply, StreamRangeReply, StreamReadReply};
use redis::{RedisResult, cmd, pipe};

use super::beats::now;
use super::keys::{GROUP, Keys};
use super::link::{Answer, Link, is_passing};
use super::outbox::{Letter, Outbox};
use super::{RedisOptions, WorkerAbout, lock, random_text};
use crate::job::{JobResult, JobSpec, StudyId};
use crate::queue::{Lease, QueueError};
use crate::seal::{Key, Kind};

/// The worker's counter moves this often.
const BEAT: Duration = Duration::from_secs(1);

/// A worker that ends waits so long for its last results to be safe.
const FAREWELL: Duration = Duration::from_secs(10);

/// Jobs that never reached their worker are looked for this often.
const CHECK: Duration = Duration::from_secs(1);

/// The heart looks up from its rest this often, to see whether it should stop.
const REST: Duration = Duration::from_millis(50);

/// Puts a result into its stream and takes the job out of its own, if the job is still the
/// worker's. A result of a job that was taken back is as good as any other, and goes in as well.
/// Without a stream of results nothing happens, and the answer is nil; otherwise it is the entry
/// and the generation that it belongs to.
const FINISH: &str = "
local id = redis.call('XADD', KEYS[2], 'NOMKSTREAM', '*', 'm', ARGV[3])
if not id then return false end
local mine = redis.pcall('XPENDING', KEYS[1], 'workers', ARGV[1], ARGV[1], 1, ARGV[2])
if not mine.err and #mine > 0 then
  redis.call('XACK', KEYS[1], 'workers', ARGV[1])
  redis.call('XDEL', KEYS[1], ARGV[1])
end
return {id, redis.call('HGET', KEYS[3], 'generation')}";

/// The generation, and the oldest result that the coordinator has not deleted.
type Looked = (Option<String>, StreamRangeReply);

/// What the threads of a worker share.
struct Shared {
    keys: Keys,
    key: Key,
    study: StudyId,
    name: String,
    about: WorkerAbout,
    /// The newest epoch that was seen, and the generation in which it was asked for last.
    epoch: Mutex<(u64, String)>,
    /// Trials that were returned.
    trials: AtomicU64,
    stop: AtomicBool,
    /// Entries that this process has taken and not finished. Whoever finishes one does not wait
    /// for a read that is under way.
    held: Mutex<BTreeMap<u64, String>>,
    outbox: Outbox,
}

struct Inbox {
    link: Link,
    /// When, and on which connection, stranded entries were last looked for.
    checked: Option<Instant>,
    checked_on: u64,
    tokens: u64,
}

/// Takes jobs, keeps results until they are safe, and shows that it lives.
pub(super) struct Worker {
    shared: Arc<Shared>,
    inbox: Mutex<Inbox>,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Worker").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl Worker {
    /// Joins the workers of a study.
    pub(super) fn join(study: StudyId, options: &RedisOptions) -> Result<Self, QueueError> {
        let link = || Link::new(&options.server);
        let shared = Arc::new(Shared {
            keys: Keys::new(study),
            key: options.key.clone(),
            study,
            name: random_text()?,
            about: options.about.clone(),
            epoch: Mutex::default(),
            trials: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            held: Mutex::default(),
            outbox: Outbox::new(),
        });
        let inbox = Inbox { link: link(), checked: None, checked_on: 0, tokens: 0 };
        let start = |name: &str, work: fn(&Shared, Link)| {
            let (shared, link) = (Arc::clone(&shared), link());
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&shared, link))
                .map_err(|error| QueueError(format!("failed to start a thread: {error}")))
        };
        let threads = vec![start("heartbeat", Shared::beat)?, start("sender", Shared::send)?];
        Ok(Self { shared, inbox: Mutex::new(inbox), threads })
    }

    pub(super) fn take(&self, wait: Duration, most: usize) -> Result<Vec<Lease>, QueueError> {
        if let Some(fault) = self.shared.outbox.fault() {
            return Err(fault);
        }
        let mut inbox = lock(&self.inbox);
        let shared = &self.shared;
        let mut entries = shared.stranded(&mut inbox);
        if entries.is_empty() {
            entries = match shared.fresh(&mut inbox.link, wait, most)? {
                Fresh::Entries(entries) => entries,
                Fresh::NoStream => {
                    drop(inbox);
                    std::thread::sleep(wait);
                    return Ok(Vec::new());
                }
            };
        }
        let (mut leases, mut strange) = (Vec::new(), Vec::new());
        for entry in entries {
            let message: Vec<u8> = entry.get("m").unwrap_or_default();
            let Some(job) = shared.opened(&message, &mut inbox.link) else {
                strange.push(entry.id);
                continue;
            };
            inbox.tokens += 1;
            let token = inbox.tokens;
            lock(&shared.held).insert(token, entry.id);
            leases.push(Lease { token, job });
        }
        if !strange.is_empty() {
            tracing::info!(messages = strange.len(), "messages refused");
            // Forged, damaged or of an earlier epoch: nobody runs it, and it is counted.
            let mut commands = pipe();
            commands.cmd("XACK").arg(&shared.keys.jobs).arg(GROUP).arg(&strange).ignore();
            commands.cmd("XDEL").arg(&shared.keys.jobs).arg(&strange).ignore();
            commands.cmd("HINCRBY").arg(&shared.keys.meta).arg("refused").arg(strange.len());
            let _: Answer<()> = inbox.link.give_all(commands.ignore());
        }
        Ok(leases)
    }

    pub(super) fn finish(&self, lease: &Lease, result: &JobResult) {
        let shared = &self.shared;
        let epoch = lock(&shared.epoch).0;
        let message = shared.key.seal(Kind::Result, shared.study, epoch, &result.to_bytes());
        let mut held = lock(&shared.held);
        let Some(job) = held.remove(&lease.token) else { return };
        shared.trials.fetch_add(result.trials.len() as u64, Ordering::Relaxed);
        // Under the lock, so that at every moment it is in one of the two.
        shared.outbox.put(job, message);
    }
}

/// What a read of new entries gave.
enum Fresh {
    Entries(Vec<StreamId>),
    /// The coordinator has not begun, or begins anew.
    NoStream,
}

impl Shared {
    /// Entries that the server has given to this worker and that never reached it: a fault of the
    /// network swallows the answer, and the server may give one on a connection that is dead
    /// already. They are looked for on every new connection, and every now and then.
    fn stranded(&self, inbox: &mut Inbox) -> Vec<StreamId> {
        let is_new = inbox.checked_on != inbox.link.connections;
        if !is_new && inbox.checked.is_some_and(|checked| checked.elapsed() < CHECK) {
            return Vec::new();
        }
        let mut mine = cmd("XPENDING");
        mine.arg(&self.keys.jobs).arg(GROUP).arg("-").arg("+").arg(1000).arg(&self.name);
        let listed = inbox.link.give::<StreamPendingCountReply>(&mine, Duration::ZERO);
        let Answer::Value(pending) = listed else { return Vec::new() };
        (inbox.checked, inbox.checked_on) = (Some(now()), inbox.link.connections);
        let held = lock(&self.held);
        let is_lost = |id: &String| !held.values().any(|it| it == id) && !self.outbox.holds(id);
        let lost: Vec<String> = pending.ids.into_iter().map(|it| it.id).filter(is_lost).collect();
        drop(held);
        if lost.is_empty() {
            return Vec::new();
        }
        let mut read = pipe();
        for id in &lost {
            read.cmd("XRANGE").arg(&self.keys.jobs).arg(id).arg(id);
        }
        match inbox.link.give_all::<Vec<StreamRangeReply>>(&read) {
            Answer::Value(found) => found.into_iter().flat_map(|reply| reply.ids).collect(),
            _ => Vec::new(),
        }
    }

    /// Entries that nobody has taken yet.
    fn fresh(&self, link: &mut Link, wait: Duration, most: usize) -> Result<Fresh, QueueError> {
        let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(1000).min(1000);
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.name).arg("COUNT").arg(most.max(1));
        if milliseconds > 0 {
            read.arg("BLOCK").arg(milliseconds);
        }
        read.arg("STREAMS").arg(&self.keys.jobs).arg(">");
        match link.give::<Option<StreamReadReply>>(&read, wait) {
            Answer::Value(reply) => {
                let streams = reply.unwrap_or_default().keys.into_iter();
                Ok(Fresh::Entries(streams.flat_map(|stream| stream.ids).collect()))
            }
            Answer::Unreachable => Ok(Fresh::Entries(Vec::new())),
            Answer::Refused(error) if matches!(error.code(), Some("NOGROUP" | "UNBLOCKED")) => {
                Ok(Fresh::NoStream)
            }
            Answer::Refused(error) => Err(link.refusal(&error)),
        }
    }

    /// The job of a message of this epoch.
    fn opened(&self, message: &[u8], link: &mut Link) -> Option<JobSpec> {
        let (epoch, bytes) = self.key.open(Kind::Job, self.study, message).ok()?;
        let mut known = lock(&self.epoch);
        if epoch < known.0 {
            // Epochs only grow, unless the server has lost its memory and the coordinator as well.
            let mut ask = cmd("HGET");
            ask.arg(&self.keys.meta).arg("generation");
            match link.give::<Option<String>>(&ask, Duration::ZERO) {
                Answer::Value(Some(generation)) if generation != known.1 => known.1 = generation,
                _ => return None,
            }
        }
        known.0 = epoch;
        JobSpec::from_bytes(bytes).ok().filter(|job| job.study == self.study)
    }

    /// Sends results as they come, until the outbox is closed.
    fn send(&self, mut link: Link) {
        let script = redis::Script::new(FINISH);
        loop {
            let letters = self.outbox.letters();
            if letters.is_empty() {
                return;
            }
            let found = self.finish(&mut link, script.get_hash(), &letters);
            let is_unknown = |result: &RedisResult<_>| {
                result
                    .as_ref()
                    .is_err_and(|error: &redis::RedisError| error.code() == Some("NOSCRIPT"))
            };
            let Some(found) = found else { continue };
            let found = if found.iter().any(is_unknown) {
                let load = cmd("SCRIPT").arg("LOAD").arg(FINISH).clone();
                let _: Answer<String> = link.give(&load, Duration::ZERO);
                self.finish(&mut link, script.get_hash(), &letters).unwrap_or_default()
            } else {
                found
            };
            for (letter, result) in letters.iter().zip(found) {
                match result {
                    Ok(Some((entry, generation))) => {
                        self.outbox.sent(letter.number, &generation.unwrap_or_default(), &entry);
                    }
                    Ok(None) => {}
                    Err(error) if is_passing(&error) || error.code() == Some("NOSCRIPT") => {}
                    Err(error) => {
                        self.outbox.refused(link.refusal(&error));
                    }
                }
            }
        }
    }

    /// Hands results in together; nothing where the server cannot be reached.
    fn finish(&self, link: &mut Link, script: &str, letters: &[Letter]) -> Option<Vec<Finished>> {
        let mut commands = pipe();
        for letter in letters {
            commands.cmd("EVALSHA").arg(script).arg(3);
            commands.arg(&self.keys.jobs).arg(&self.keys.results).arg(&self.keys.meta);
            commands.arg(&letter.job).arg(&self.name).arg(&*letter.message);
        }
        match link.give_all(commands.ignore_errors()) {
            Answer::Value(found) => Some(found),
            Answer::Unreachable => None,
            Answer::Refused(error) => {
                self.outbox.refused(link.refusal(&error));
                None
            }
        }
    }

    /// Moves the counter until the worker has ended and its results are safe.
    fn beat(&self, mut link: Link) {
        let mut stopped = None;
        loop {
            let look = self.outbox.begin_look();
            let about = self.about.to_text(self.trials.load(Ordering::Relaxed));
            // As one step: an empty stream means that all is safe only if nothing was lost before.
            let mut commands = pipe();
            commands.atomic();
            commands.cmd("HINCRBY").arg(&self.keys.beats).arg(&self.name).arg(1).ignore();
            commands.cmd("HSET").arg(&self.keys.about).arg(&self.name).arg(&about).ignore();
            commands.cmd("HGET").arg(&self.keys.meta).arg("generation");
            commands.cmd("XRANGE").arg(&self.keys.results).arg("-").arg("+").arg("COUNT").arg(1);
            let mut is_over = false;
            match link.give_all::<Looked>(&commands) {
                Answer::Value((Some(generation), first)) => {
                    let first = first.ids.first().map(|entry| entry.id.as_str());
                    self.outbox.tend(look, &generation, first);
                }
                // Nobody coordinates the study: it has ended, or the server has just forgotten it.
                Answer::Value((None, _)) => is_over = true,
                _ => {}
            }
            for _ in 0..BEAT.as_millis() / REST.as_millis() {
                if self.stop.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(REST);
            }
            if self.stop.load(Ordering::Relaxed) {
                let since = *stopped.get_or_insert_with(now);
                if is_over || self.outbox.is_empty() || since.elapsed() >= FAREWELL {
                    break;
                }
                std::thread::sleep(REST);
            }
        }
        self.outbox.close();
        let mut leave = pipe();
        leave.atomic();
        leave.cmd("HDEL").arg(&self.keys.beats).arg(&self.name).ignore();
        leave.cmd("HDEL").arg(&self.keys.about).arg(&self.name).ignore();
        let _: Answer<()> = link.give_all(&leave);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What became of a result: its entry and generation, or nothing where there is no stream.
type Finished = RedisResult<Option<(String, Option<String>)>>;
