//! A worker's side.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use redis::streams::{StreamRangeReply, StreamReadReply};
use redis::{Script, cmd, pipe};

use super::keys::{GROUP, Keys};
use super::link::{Answer, Link};
use super::{RedisOptions, lock, random_text};
use crate::job::{JobResult, JobSpec, StudyId};
use crate::queue::{Lease, QueueError};
use crate::seal::{Key, Kind};

/// The worker's counter moves this often.
const BEAT: Duration = Duration::from_secs(1);

/// A worker that ends waits so long for its last results to be safe.
const FAREWELL: Duration = Duration::from_secs(10);

/// The heart looks up from its rest this often, to see whether it should stop.
const REST: Duration = Duration::from_millis(50);

/// Puts a result into its stream and takes the job out of its own, if the job is still the
/// worker's. A result of a job that was taken back is as good as any other, and goes in as well.
/// Without a stream of results nothing happens, and the answer is nil.
const FINISH: &str = "
local id = redis.call('XADD', KEYS[2], 'NOMKSTREAM', '*', 'm', ARGV[3])
if not id then return false end
local mine = redis.pcall('XPENDING', KEYS[1], 'workers', ARGV[1], ARGV[1], 1, ARGV[2])
if not mine.err and #mine > 0 then
  redis.call('XACK', KEYS[1], 'workers', ARGV[1])
  redis.call('XDEL', KEYS[1], ARGV[1])
end
return id";

/// A result that the coordinator has not confirmed yet.
#[derive(Debug)]
struct Unsafe {
    job: String,
    message: Vec<u8>,
    /// Its entry in the stream of results, once it is there.
    entry: Option<String>,
}

/// The generation, and the oldest result that the coordinator has not deleted.
type Looked = (Option<String>, StreamRangeReply);

/// What the threads of a worker share.
struct Shared {
    keys: Keys,
    key: Key,
    study: StudyId,
    name: String,
    about: String,
    epoch: AtomicU64,
    stop: AtomicBool,
    finish: Script,
    outbox: Mutex<Outbox>,
}

struct Outbox {
    link: Link,
    generation: Option<String>,
    results: BTreeMap<u64, Unsafe>,
    next: u64,
}

struct Inbox {
    link: Link,
    /// The connection that the worker's own pending entries were last read on.
    reread: u64,
    /// Entries that this process holds.
    held: BTreeMap<u64, String>,
    tokens: u64,
}

/// Takes jobs, keeps results until they are safe, and shows that it lives.
pub(super) struct Worker {
    shared: Arc<Shared>,
    inbox: Mutex<Inbox>,
    heart: Option<JoinHandle<()>>,
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
        let (results, next) = (BTreeMap::new(), 0);
        let shared = Arc::new(Shared {
            keys: Keys::new(study),
            key: options.key.clone(),
            study,
            name: random_text()?,
            about: options.about.to_text(),
            epoch: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            finish: Script::new(FINISH),
            outbox: Mutex::new(Outbox { link: link(), generation: None, results, next }),
        });
        let inbox = Inbox { link: link(), reread: 0, held: BTreeMap::new(), tokens: 0 };
        let heart = {
            let (shared, link) = (Arc::clone(&shared), link());
            // A thread of its own: trials may keep every other one busy.
            std::thread::Builder::new()
                .name("heartbeat".to_owned())
                .spawn(move || shared.beat(link))
                .map_err(|error| QueueError(format!("failed to start a thread: {error}")))?
        };
        Ok(Self { shared, inbox: Mutex::new(inbox), heart: Some(heart) })
    }

    pub(super) fn take(&self, wait: Duration) -> Result<Option<Lease>, QueueError> {
        let mut inbox = lock(&self.inbox);
        let shared = &self.shared;
        // After a fault of the network, entries may be ours that never reached us.
        let own = inbox.reread != inbox.link.connections || inbox.link.connections == 0;
        let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(1000).min(1000);
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&shared.name).arg("COUNT").arg(1);
        if !own && milliseconds > 0 {
            read.arg("BLOCK").arg(milliseconds);
        }
        let last = inbox.held.values().max_by_key(|entry| order(entry)).map_or("0", String::as_str);
        read.arg("STREAMS").arg(&shared.keys.jobs).arg(if own { last } else { ">" });
        let reply = match inbox.link.give::<Option<StreamReadReply>>(&read, wait) {
            Answer::Value(reply) => reply.unwrap_or_default(),
            Answer::Unreachable => return Ok(None),
            // No stream or no group: the coordinator has not begun, or begins anew.
            Answer::Refused(error) if matches!(error.code(), Some("NOGROUP" | "UNBLOCKED")) => {
                drop(inbox);
                std::thread::sleep(wait);
                return Ok(None);
            }
            Answer::Refused(error) => return Err(inbox.link.refusal(&error)),
        };
        let entry = reply.keys.into_iter().flat_map(|stream| stream.ids).next();
        let Some(entry) = entry else {
            if own {
                inbox.reread = inbox.link.connections;
            }
            return Ok(None);
        };
        let message: Vec<u8> = entry.get("m").unwrap_or_default();
        let Some(job) = shared.opened(&message) else {
            // Forged, damaged or of an earlier epoch: nobody runs it.
            let mut commands = pipe();
            commands.cmd("XACK").arg(&shared.keys.jobs).arg(GROUP).arg(&entry.id).ignore();
            commands.cmd("XDEL").arg(&shared.keys.jobs).arg(&entry.id).ignore();
            let _: Answer<()> = inbox.link.give_all(&commands);
            return Ok(None);
        };
        inbox.tokens += 1;
        let token = inbox.tokens;
        inbox.held.insert(token, entry.id);
        Ok(Some(Lease { token, job }))
    }

    pub(super) fn finish(&self, lease: &Lease, result: &JobResult) -> Result<(), QueueError> {
        let Some(job) = lock(&self.inbox).held.remove(&lease.token) else { return Ok(()) };
        let shared = &self.shared;
        let epoch = shared.epoch.load(Ordering::Relaxed);
        let message = shared.key.seal(Kind::Result, shared.study, epoch, &result.to_bytes());
        let mut outbox = lock(&shared.outbox);
        let number = outbox.next;
        outbox.next += 1;
        outbox.results.insert(number, Unsafe { job, message, entry: None });
        shared.send(&mut outbox, number)
    }
}

impl Shared {
    /// The job of a message of this epoch.
    fn opened(&self, message: &[u8]) -> Option<JobSpec> {
        let (epoch, bytes) = self.key.open(Kind::Job, self.study, message).ok()?;
        // Epochs only grow: the newest that was seen in a sealed message is the present one.
        let known = self.epoch.fetch_max(epoch, Ordering::Relaxed);
        if epoch < known {
            return None;
        }
        JobSpec::from_bytes(bytes).ok().filter(|job| job.study == self.study)
    }

    /// Sends a result that is not in the stream yet; what cannot be sent now stays.
    fn send(&self, outbox: &mut Outbox, number: u64) -> Result<(), QueueError> {
        let Outbox { link, results, .. } = outbox;
        let Some(result) = results.get_mut(&number) else { return Ok(()) };
        let mut call = self.finish.key(&self.keys.jobs);
        call.key(&self.keys.results).arg(&result.job).arg(&self.name).arg(&result.message);
        match link.run::<Option<String>>(&call) {
            Answer::Value(entry) => result.entry = entry,
            Answer::Unreachable => {}
            Answer::Refused(error) if matches!(error.code(), Some("OOM" | "MISCONF")) => {}
            Answer::Refused(error) => return Err(link.refusal(&error)),
        }
        Ok(())
    }

    /// Moves the counter until the worker has ended and its results are safe.
    fn beat(&self, mut link: Link) {
        let mut patience = FAREWELL.as_millis() / REST.as_millis();
        loop {
            // As one step: an empty stream means that all is safe only if nothing was lost before.
            let mut commands = pipe();
            commands.atomic();
            commands.cmd("HINCRBY").arg(&self.keys.beats).arg(&self.name).arg(1).ignore();
            commands.cmd("HSET").arg(&self.keys.about).arg(&self.name).arg(&self.about).ignore();
            commands.cmd("HGET").arg(&self.keys.meta).arg("generation");
            commands.cmd("XRANGE").arg(&self.keys.results).arg("-").arg("+").arg("COUNT").arg(1);
            let mut is_over = false;
            match link.give_all::<Looked>(&commands) {
                Answer::Value((Some(generation), first)) => {
                    let first = first.ids.first().map(|entry| entry.id.clone());
                    self.tend(&generation, first.as_deref());
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
                let is_safe = is_over || lock(&self.outbox).results.is_empty();
                if is_safe || patience == 0 {
                    break;
                }
                patience -= 1;
                std::thread::sleep(REST);
            }
        }
        let mut leave = pipe();
        leave.atomic();
        leave.cmd("HDEL").arg(&self.keys.beats).arg(&self.name).ignore();
        leave.cmd("HDEL").arg(&self.keys.about).arg(&self.name).ignore();
        let _: Answer<()> = link.give_all(&leave);
    }

    /// Forgets results that are safe, and sends those again that may be lost. `first` is the
    /// oldest result that the coordinator has not deleted.
    fn tend(&self, generation: &str, first: Option<&str>) {
        let mut outbox = lock(&self.outbox);
        if outbox.generation.as_deref() == Some(generation) {
            let oldest = first.map(order);
            outbox.results.retain(|_, result| {
                let safe = |entry: &String| oldest.is_none_or(|oldest| order(entry) < oldest);
                !result.entry.as_ref().is_some_and(safe)
            });
        } else {
            outbox.generation = Some(generation.to_owned());
            outbox.results.values_mut().for_each(|result| result.entry = None);
        }
        let unsent = |(number, result): (&u64, &Unsafe)| result.entry.is_none().then_some(*number);
        let unsent: Vec<u64> = outbox.results.iter().filter_map(unsent).collect();
        for number in unsent {
            // What the server refuses now is told by the next finish.
            let _ = self.send(&mut outbox, number);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(heart) = self.heart.take() {
            let _ = heart.join();
        }
    }
}

/// The two numbers of an entry's id, which order the entries.
fn order(entry: &str) -> (u64, u64) {
    let number = |text: &str| text.parse().unwrap_or(0);
    let (time, count) = entry.split_once('-').unwrap_or((entry, "0"));
    (number(time), number(count))
}
