//! The coordinator's side.

mod lookout;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::streams::StreamReadReply;
use redis::{cmd, pipe};

use super::beats::{Beats, now};
use super::keys::{GROUP, Keys};
use super::link::{Answer, Link, is_passing};
use super::{RedisOptions, Shown, lock, random_text};
use crate::job::{JobId, JobResult, JobSpec, StudyId};
use crate::queue::{Event, QueueError};
use crate::seal::{Key, Kind};

/// Workers are looked after this often.
const LOOK: Duration = Duration::from_secs(1);

/// Results read at once.
const MANY: usize = 64;

/// A server that was there at the beginning is given so long to come back.
const RETURN: Duration = Duration::from_secs(30);

/// A server that has no room is asked again after so long.
const FULL: Duration = Duration::from_millis(200);

/// How long the counter of another coordinator is watched before it is taken for dead.
const OTHERS: Duration = Duration::from_secs(4);

/// Jobs pushed at once.
const BATCH: usize = 64;

/// A job that has been pushed and not answered.
#[derive(Debug)]
struct Open {
    /// Its entry in the stream.
    entry: String,
    /// How many trials it has.
    len: u64,
    /// Since when its entry is known to be gone, without a result.
    gone: Option<Instant>,
}

/// What became of an entry: its name, or nothing where there is no stream.
type Added = redis::RedisResult<Option<String>>;

/// A job to be pushed.
struct Outgoing {
    id: JobId,
    attempt: u32,
    len: u64,
    message: Vec<u8>,
}

/// Pushes jobs, reads results, and takes the jobs of dead workers back.
pub(super) struct Coordinator {
    link: Link,
    keys: Keys,
    key: Key,
    study: StudyId,
    address: String,
    lease: Duration,
    owner: String,
    epoch: u64,
    generation: String,
    outgoing: Vec<Outgoing>,
    /// By id and attempt: an audit's job has the id of the trial's first one.
    open: BTreeMap<(JobId, u32), Open>,
    /// Entries of jobs whose results came from elsewhere.
    needless: Vec<String>,
    /// Events, and the entries that they come from.
    events: VecDeque<(Event, Option<String>)>,
    /// The last result that was read.
    cursor: String,
    /// Results read and not confirmed.
    read: Vec<String>,
    beats: Beats,
    shown: Arc<Mutex<Shown>>,
    looked: Instant,
    /// Whether the server has to be looked at before anything else.
    must_look: bool,
    /// Messages that were not taken, here and by workers, and what the server's count was.
    refused: u64,
    refused_by_workers: u64,
    /// Jobs that were lost.
    lost: u64,
}

impl std::fmt::Debug for Coordinator {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Coordinator").field("study", &self.study).finish_non_exhaustive()
    }
}

impl Coordinator {
    /// Connects and makes the study's streams.
    pub(super) fn open(
        study: StudyId,
        options: &RedisOptions,
        shown: Arc<Mutex<Shown>>,
    ) -> Result<Self, QueueError> {
        let mut side = Self {
            link: Link::new(&options.server),
            keys: Keys::new(study),
            key: options.key.clone(),
            study,
            address: options.server.to_string(),
            lease: options.lease,
            owner: format!("{} {}", random_text()?, options.about.host),
            epoch: 0,
            generation: String::new(),
            outgoing: Vec::new(),
            open: BTreeMap::new(),
            needless: Vec::new(),
            events: VecDeque::new(),
            cursor: "0-0".to_owned(),
            read: Vec::new(),
            beats: Beats::default(),
            shown,
            looked: now(),
            must_look: false,
            refused: 0,
            refused_by_workers: 0,
            lost: 0,
        };
        side.refuse_eviction()?;
        side.wait_for_others()?;
        let begun = now();
        while !side.begin_epoch("a coordinator begins")? {
            if !side.may_return(begun) {
                return Err(side.nobody());
            }
        }
        side.show();
        Ok(side)
    }

    fn refusal(&self, error: &redis::RedisError) -> QueueError {
        self.link.refusal(error)
    }

    /// The answer to a command at the beginning, when a server that was never there is an error,
    /// and one that has just gone is waited for.
    fn insist<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, QueueError> {
        let begun = now();
        loop {
            match self.link.give(command, FULL) {
                Answer::Value(value) => return Ok(value),
                Answer::Refused(error) => return Err(self.refusal(&error)),
                Answer::Unreachable if self.may_return(begun) => {}
                Answer::Unreachable => return Err(self.nobody()),
            }
        }
    }

    /// Whether a server that cannot be reached since `begun` is worth waiting for.
    fn may_return(&self, begun: Instant) -> bool {
        self.link.connections > 0 && begun.elapsed() < RETURN
    }

    fn nobody(&self) -> QueueError {
        self.link.nobody()
    }

    /// A server that may throw keys away loses jobs without a word.
    fn refuse_eviction(&mut self) -> Result<(), QueueError> {
        let text: String = self.insist(cmd("INFO").arg("memory"))?;
        let policy = text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"));
        let policy = policy.unwrap_or("noeviction").trim();
        if policy.starts_with("allkeys") {
            return Err(QueueError(format!(
                "Redis at {} has maxmemory-policy {policy}, allowed: noeviction (set it with \
                 `redis-cli config set maxmemory-policy noeviction`), because it would throw jobs \
                 away when its memory is full",
                self.address
            )));
        }
        Ok(())
    }

    /// Refuses to work beside another coordinator of this study.
    fn wait_for_others(&mut self) -> Result<(), QueueError> {
        let read = cmd("HMGET").arg(&self.keys.meta).arg("owner").arg("beat").clone();
        let first: (Option<String>, Option<u64>) = self.insist(&read)?;
        if first.0.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
        let begun = now();
        while begun.elapsed() < OTHERS.min(self.lease) {
            std::thread::sleep(Duration::from_millis(100));
            let again: (Option<String>, Option<u64>) = self.insist(&read)?;
            if again.0.as_deref().is_none_or(str::is_empty) {
                return Ok(());
            }
            if again != first {
                let other = first.0.as_deref().and_then(|owner| owner.split_once(' '));
                let place = other.map_or(String::new(), |(_, host)| format!(", on {host},"));
                return Err(QueueError(format!(
                    "another coordinator{place} works on this study through Redis at {}",
                    self.address
                )));
            }
        }
        Ok(())
    }

    /// Makes the streams anew; every open job is lost, and will be pushed again. False where the
    /// server cannot be reached: then everything is as it was.
    fn begin_epoch(&mut self, why: &str) -> Result<bool, QueueError> {
        let mut read = cmd("HGET");
        read.arg(&self.keys.meta).arg("epoch");
        let found = match self.link.give::<Option<u64>>(&read, Duration::ZERO) {
            Answer::Value(found) => found.unwrap_or(0),
            Answer::Unreachable => return Ok(false),
            Answer::Refused(error) => return Err(self.refusal(&error)),
        };
        let epoch = found.max(self.epoch) + 1;
        let generation = random_text()?;
        let mut commands = pipe();
        commands.atomic();
        commands.cmd("DEL").arg(&self.keys.jobs).arg(&self.keys.beats).arg(&self.keys.about);
        commands.ignore();
        commands.cmd("XGROUP").arg("CREATE").arg(&self.keys.jobs).arg(GROUP);
        commands.arg("0").arg("MKSTREAM").ignore();
        // Results of earlier epochs count: a stream without one is all that has to be made.
        commands.cmd("XADD").arg(&self.keys.results).arg("*").arg("m").arg("").ignore();
        commands.cmd("HSET").arg(&self.keys.meta);
        commands.arg("epoch").arg(epoch).arg("generation").arg(&generation);
        commands.arg("owner").arg(&self.owner).ignore();
        match self.link.give_all::<()>(&commands) {
            Answer::Value(()) => {}
            Answer::Unreachable => return Ok(false),
            Answer::Refused(error) => return Err(self.refusal(&error)),
        }
        let jobs = self.open.len();
        if self.epoch == 0 {
            tracing::info!(epoch, "epoch begun: {why}");
        } else {
            tracing::warn!(epoch, jobs, "{why}: begun anew, {jobs} jobs are pushed again");
        }
        (self.epoch, self.generation) = (epoch, generation);
        self.beats.clear();
        self.read.clear();
        self.needless.clear();
        "0-0".clone_into(&mut self.cursor);
        for (id, _) in std::mem::take(&mut self.open).into_keys() {
            self.lost += 1;
            self.tell(Event::Dropped(id));
        }
        Ok(true)
    }

    fn tell(&mut self, event: Event) {
        if let Event::Lost(id) | Event::Dropped(id) = &event {
            tracing::debug!(job = id.0.0, "job lost");
        }
        self.events.push_back((event, None));
    }

    /// Takes a job on; it travels with others, at the next look for events at the latest.
    pub(super) fn push(&mut self, job: &JobSpec) -> Result<(), QueueError> {
        let message = self.key.seal(Kind::Job, self.study, self.epoch, &job.to_bytes());
        let (id, attempt, len) = (job.id, job.attempt, job.len());
        self.outgoing.push(Outgoing { id, attempt, len, message });
        if self.outgoing.len() >= BATCH { self.send() } else { Ok(()) }
    }

    /// Sends the jobs that were taken on.
    fn send(&mut self) -> Result<(), QueueError> {
        if self.outgoing.is_empty() {
            return Ok(());
        }
        let outgoing = std::mem::take(&mut self.outgoing);
        let mut commands = pipe();
        for job in &outgoing {
            commands.cmd("XADD").arg(&self.keys.jobs).arg("NOMKSTREAM").arg("*").arg("m");
            commands.arg(&job.message);
        }
        let found = match self.link.give_all::<Vec<Added>>(commands.ignore_errors()) {
            Answer::Value(found) => found,
            Answer::Unreachable => Vec::new(),
            Answer::Refused(error) => return Err(self.refusal(&error)),
        };
        let mut found = found.into_iter();
        let mut is_full = false;
        for Outgoing { id, attempt, len, .. } in outgoing {
            match found.next() {
                Some(Ok(Some(entry))) => {
                    self.open.insert((id, attempt), Open { entry, len, gone: None });
                }
                Some(Err(error)) if !is_passing(&error) => return Err(self.refusal(&error)),
                // A full server, or one that cannot write its own files: it is waited for.
                Some(Err(_)) => {
                    is_full = true;
                    self.tell(Event::Dropped(id));
                }
                // The stream is gone: a new epoch is due.
                Some(Ok(None)) => {
                    self.must_look = true;
                    self.tell(Event::Dropped(id));
                }
                // Nobody knows what became of the entry.
                None => self.tell(Event::Dropped(id)),
            }
        }
        if is_full {
            std::thread::sleep(FULL);
        }
        Ok(())
    }

    pub(super) fn next_event(&mut self, wait: Duration) -> Result<Option<Event>, QueueError> {
        self.send()?;
        if self.must_look || self.looked.elapsed() >= LOOK {
            (self.must_look, self.looked) = (false, now());
            self.look_after_workers()?;
            self.show();
        }
        if let Some(event) = self.next() {
            return Ok(Some(event));
        }
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(MANY);
        let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(1000).min(1000);
        if milliseconds > 0 {
            read.arg("BLOCK").arg(milliseconds);
        }
        read.arg("STREAMS").arg(&self.keys.results).arg(&self.cursor);
        match self.link.give::<Option<StreamReadReply>>(&read, wait) {
            Answer::Value(reply) => self.take_in(reply.unwrap_or_default()),
            Answer::Unreachable => {}
            Answer::Refused(error) => return Err(self.refusal(&error)),
        }
        Ok(self.next())
    }

    /// The next event that is here; its entry may be deleted once that is safe.
    fn next(&mut self) -> Option<Event> {
        let (event, entry) = self.events.pop_front()?;
        self.read.extend(entry);
        Some(event)
    }

    fn take_in(&mut self, reply: StreamReadReply) {
        for entry in reply.keys.into_iter().flat_map(|stream| stream.ids) {
            self.cursor.clone_from(&entry.id);
            let message: Vec<u8> = entry.get("m").unwrap_or_default();
            if message.is_empty() {
                self.read.push(entry.id);
                continue;
            }
            let result = self.key.open(Kind::Result, self.study, &message).ok();
            // A result is a function of its job: one of an earlier epoch is as good as another.
            let result =
                result.and_then(|(epoch, bytes)| Some((epoch, JobResult::from_bytes(bytes).ok()?)));
            let Some((epoch, result)) = result.filter(|(_, result)| result.study == self.study)
            else {
                self.refused += 1;
                self.read.push(entry.id);
                tracing::info!("a result was refused: it is forged, damaged, or of another study");
                continue;
            };
            let job = (result.id, result.attempt);
            // Not a longer job that began with the same trial.
            let is_its = |open: &Open| result.trials.len() as u64 <= open.len;
            if self.open.get(&job).is_some_and(is_its) {
                let open = self.open.remove(&job).expect("found above");
                if epoch != self.epoch {
                    // An earlier coordinator has asked for it; nobody needs to run it again.
                    self.needless.push(open.entry);
                }
            }
            self.events.push_back((Event::Finished(result), Some(entry.id)));
        }
    }

    /// Takes back what another attempt has answered.
    pub(super) fn forget(&mut self, id: JobId, attempt: u32) {
        self.outgoing.retain(|job| (job.id, job.attempt) != (id, attempt));
        self.needless.extend(self.open.remove(&(id, attempt)).map(|open| open.entry));
    }

    /// Everything that was returned is safe: workers may forget it.
    pub(super) fn confirm(&mut self) -> Result<(), QueueError> {
        if self.read.is_empty() {
            return Ok(());
        }
        let mut delete = pipe();
        delete.cmd("XDEL").arg(&self.keys.results).arg(&self.read).ignore();
        if !self.needless.is_empty() {
            delete.cmd("XACK").arg(&self.keys.jobs).arg(GROUP).arg(&self.needless).ignore();
            delete.cmd("XDEL").arg(&self.keys.jobs).arg(&self.needless).ignore();
        }
        match self.link.give_all::<()>(&delete) {
            Answer::Value(()) => {
                self.read.clear();
                self.needless.clear();
            }
            Answer::Unreachable => {}
            Answer::Refused(error) => return Err(self.refusal(&error)),
        }
        Ok(())
    }

    /// Lets people see what is known.
    fn show(&self) {
        let mut shown = lock(&self.shown);
        shown.workers = self.beats.seen();
        shown.threads = self.beats.threads();
        (shown.epoch, shown.refused, shown.lost) = (self.epoch, self.refused, self.lost);
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        // Another coordinator need not wait for this one. Where nobody hears it, it waits. A study
        // that has been taken down has nothing left to be said of.
        let leave = redis::Script::new(
            "if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
                 redis.call('HSET', KEYS[1], 'owner', '')
             end",
        );
        let _: Answer<()> = self.link.run(leave.key(&self.keys.meta).arg(&self.owner));
    }
}
