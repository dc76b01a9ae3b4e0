//! The coordinator's side.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use redis::streams::{StreamInfoConsumersReply, StreamPendingCountReply, StreamReadReply};
use redis::{cmd, pipe};

use super::keys::{GROUP, Keys};
use super::link::{Answer, Link};
use super::{RedisOptions, WorkerAbout, WorkerSeen, random_text};
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

/// Generation and owner, the workers' counters, and what they say of themselves.
type Looked = ((Option<String>, Option<String>), BTreeMap<String, u64>, BTreeMap<String, String>);

/// A job that has been pushed and not answered.
#[derive(Debug)]
struct Open {
    /// Its entry in the stream.
    entry: String,
    /// Since when its entry is known to be gone, without a result.
    gone: Option<Instant>,
}

/// What is known of a worker's counter.
#[derive(Debug)]
struct Beat {
    count: Option<u64>,
    since: Instant,
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
    open: BTreeMap<JobId, Open>,
    events: VecDeque<Event>,
    /// The last result that was read.
    cursor: String,
    /// Results read and not confirmed.
    read: Vec<String>,
    beats: BTreeMap<String, Beat>,
    about: BTreeMap<String, WorkerAbout>,
    looked: Instant,
    /// Messages that were not taken.
    refused: u64,
}

impl std::fmt::Debug for Coordinator {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Coordinator").field("study", &self.study).finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "a monotonic clock judges whether workers live")]
fn now() -> Instant {
    Instant::now()
}

impl Coordinator {
    /// Connects and makes the study's streams.
    pub(super) fn open(study: StudyId, options: &RedisOptions) -> Result<Self, QueueError> {
        let mut side = Self {
            link: Link::new(&options.server),
            keys: Keys::new(study),
            key: options.key.clone(),
            study,
            address: options.server.to_string(),
            lease: options.lease,
            owner: random_text()?,
            epoch: 0,
            generation: String::new(),
            open: BTreeMap::new(),
            events: VecDeque::new(),
            cursor: "0-0".to_owned(),
            read: Vec::new(),
            beats: BTreeMap::new(),
            about: BTreeMap::new(),
            looked: now(),
            refused: 0,
        };
        side.refuse_eviction()?;
        side.wait_for_others()?;
        let begun = now();
        while !side.begin_epoch()? {
            if !side.may_return(begun) {
                return Err(side.nobody());
            }
        }
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
                return Err(QueueError(format!(
                    "another coordinator works on this study through Redis at {}",
                    self.address
                )));
            }
        }
        Ok(())
    }

    /// Makes the streams anew; every open job is lost, and will be pushed again. False where the
    /// server cannot be reached: then everything is as it was.
    fn begin_epoch(&mut self) -> Result<bool, QueueError> {
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
        (self.epoch, self.generation) = (epoch, generation);
        self.beats.clear();
        self.read.clear();
        "0-0".clone_into(&mut self.cursor);
        let lost = std::mem::take(&mut self.open);
        self.events.extend(lost.into_keys().map(Event::Lost));
        Ok(true)
    }

    pub(super) fn push(&mut self, job: &JobSpec) -> Result<(), QueueError> {
        let id = job.id;
        let message = self.key.seal(Kind::Job, self.study, self.epoch, &job.to_bytes());
        let mut add = cmd("XADD");
        add.arg(&self.keys.jobs).arg("NOMKSTREAM").arg("*").arg("m").arg(message);
        match self.link.give::<Option<String>>(&add, Duration::ZERO) {
            Answer::Value(Some(entry)) => {
                self.open.insert(id, Open { entry, gone: None });
            }
            // The stream is gone, or nobody knows what became of the entry. It is pushed again
            // in a new epoch, or once the server answers.
            Answer::Value(None) | Answer::Unreachable => {
                self.events.push_back(Event::Lost(id));
            }
            // A full server, or one that cannot write its own files: it is waited for.
            Answer::Refused(error) if matches!(error.code(), Some("OOM" | "MISCONF")) => {
                self.events.push_back(Event::Lost(id));
                std::thread::sleep(FULL);
            }
            Answer::Refused(error) => return Err(self.refusal(&error)),
        }
        Ok(())
    }

    pub(super) fn next_event(&mut self, wait: Duration) -> Result<Option<Event>, QueueError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        if self.looked.elapsed() >= LOOK {
            self.looked = now();
            self.look_after_workers()?;
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
        Ok(self.events.pop_front())
    }

    fn take_in(&mut self, reply: StreamReadReply) {
        for entry in reply.keys.into_iter().flat_map(|stream| stream.ids) {
            self.cursor.clone_from(&entry.id);
            let message: Vec<u8> = entry.get("m").unwrap_or_default();
            self.read.push(entry.id);
            if message.is_empty() {
                continue;
            }
            let result = self.key.open(Kind::Result, self.study, &message).ok();
            // A result is a function of its job: one of an earlier epoch is as good as another.
            let result = result.and_then(|(_, bytes)| JobResult::from_bytes(bytes).ok());
            match result.filter(|result| result.study == self.study) {
                Some(result) => {
                    self.open.remove(&result.id);
                    self.events.push_back(Event::Finished(result));
                }
                None => self.refused += 1,
            }
        }
    }

    /// Everything that was returned is safe: workers may forget it.
    pub(super) fn confirm(&mut self) -> Result<(), QueueError> {
        // Results that are read and wait here are not safe yet; they are the last ones read.
        let waiting = self.events.iter().filter(|event| matches!(event, Event::Finished(_)));
        let safe = self.read.len().saturating_sub(waiting.count());
        if safe == 0 {
            return Ok(());
        }
        let mut delete = cmd("XDEL");
        delete.arg(&self.keys.results).arg(&self.read[..safe]);
        match self.link.give::<u64>(&delete, Duration::ZERO) {
            Answer::Value(_) => {
                self.read.drain(..safe);
            }
            Answer::Unreachable => {}
            Answer::Refused(error) => return Err(self.refusal(&error)),
        }
        Ok(())
    }

    pub(super) fn workers(&self) -> Vec<WorkerSeen> {
        let seen = |(name, beat): (&String, &Beat)| WorkerSeen {
            name: name.clone(),
            about: self.about.get(name).cloned().unwrap_or_default(),
            silent: beat.since.elapsed(),
        };
        self.beats.iter().map(seen).collect()
    }

    /// Workers and their threads. Asked before every job, so that nothing is copied.
    pub(super) fn size(&self) -> (usize, usize) {
        let threads = |name| self.about.get(name).map_or(0, |about| about.threads as usize);
        (self.beats.len(), self.beats.keys().map(threads).sum())
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Shows that this coordinator lives, and finds workers that do not.
    fn look_after_workers(&mut self) -> Result<(), QueueError> {
        let mut commands = pipe();
        commands.cmd("HINCRBY").arg(&self.keys.meta).arg("beat").arg(1).ignore();
        commands.cmd("HMGET").arg(&self.keys.meta).arg("generation").arg("owner");
        commands.cmd("HGETALL").arg(&self.keys.beats);
        commands.cmd("HGETALL").arg(&self.keys.about);
        let ((generation, owner), beats, about) = match self.link.give_all::<Looked>(&commands) {
            Answer::Value(found) => found,
            Answer::Unreachable => return Ok(()),
            Answer::Refused(error) => return Err(self.refusal(&error)),
        };
        if owner.as_ref().is_some_and(|owner| *owner != self.owner) {
            return Err(QueueError(
                "another coordinator has taken this study over; this one ends".to_owned(),
            ));
        }
        if generation.as_ref() != Some(&self.generation) {
            // The server has lost its memory.
            return self.begin_epoch().map(drop);
        }
        let read = |(name, text): (String, String)| Some((name, WorkerAbout::from_text(&text)?));
        self.about = about.into_iter().filter_map(read).collect();
        let consumers = cmd("XINFO").arg("CONSUMERS").arg(&self.keys.jobs).arg(GROUP).clone();
        let consumers = match self.link.give::<StreamInfoConsumersReply>(&consumers, Duration::ZERO)
        {
            Answer::Value(found) => found.consumers,
            Answer::Unreachable => return Ok(()),
            // Somebody has deleted the stream or its group.
            Answer::Refused(_) => return self.begin_epoch().map(drop),
        };
        // A worker may die after its first read and before its first beat.
        for name in beats.keys().chain(consumers.iter().map(|each| &each.name)) {
            let count = beats.get(name).copied();
            let known = self.beats.entry(name.clone()).or_insert(Beat { count, since: now() });
            if known.count != count && count.is_some() {
                (known.count, known.since) = (count, now());
            }
        }
        let gone = |name: &&String| {
            let beat = &self.beats[*name];
            let has_left = beat.count.is_some() && !beats.contains_key(*name);
            has_left || beat.since.elapsed() >= self.lease
        };
        let gone: Vec<String> = self.beats.keys().filter(gone).cloned().collect();
        for name in gone {
            self.take_back(&name)?;
        }
        self.find_vanished()
    }

    /// Takes the jobs of a worker back and forgets it.
    fn take_back(&mut self, worker: &str) -> Result<(), QueueError> {
        let mut list = cmd("XPENDING");
        list.arg(&self.keys.jobs).arg(GROUP).arg("-").arg("+").arg(10_000).arg(worker);
        let pending = match self.link.give::<StreamPendingCountReply>(&list, Duration::ZERO) {
            Answer::Value(found) => found.ids,
            Answer::Unreachable => return Ok(()),
            Answer::Refused(error) => return Err(self.refusal(&error)),
        };
        let mut commands = pipe();
        commands.atomic();
        for entry in &pending {
            commands.cmd("XACK").arg(&self.keys.jobs).arg(GROUP).arg(&entry.id).ignore();
            commands.cmd("XDEL").arg(&self.keys.jobs).arg(&entry.id).ignore();
        }
        commands.cmd("XGROUP").arg("DELCONSUMER").arg(&self.keys.jobs).arg(GROUP).arg(worker);
        commands.ignore();
        commands.cmd("HDEL").arg(&self.keys.beats).arg(worker).ignore();
        commands.cmd("HDEL").arg(&self.keys.about).arg(worker).ignore();
        match self.link.give_all::<()>(&commands) {
            Answer::Value(()) => {}
            Answer::Unreachable => return Ok(()),
            Answer::Refused(error) => return Err(self.refusal(&error)),
        }
        self.beats.remove(worker);
        for entry in pending {
            let found = self.open.iter().find(|(_, open)| open.entry == entry.id);
            if let Some(id) = found.map(|(id, _)| *id) {
                self.open.remove(&id);
                self.events.push_back(Event::Lost(id));
            }
        }
        Ok(())
    }

    /// A job whose entry is gone has a result. Where that does not come, something has deleted
    /// it, and the job is lost.
    fn find_vanished(&mut self) -> Result<(), QueueError> {
        if self.open.is_empty() {
            return Ok(());
        }
        let mut commands = pipe();
        for open in self.open.values() {
            commands.cmd("XRANGE").arg(&self.keys.jobs).arg(&open.entry).arg(&open.entry);
        }
        let found: Vec<redis::Value> = match self.link.give_all(&commands) {
            Answer::Value(found) => found,
            Answer::Unreachable => return Ok(()),
            Answer::Refused(error) => return Err(self.refusal(&error)),
        };
        let mut vanished = Vec::new();
        for ((id, open), entry) in self.open.iter_mut().zip(found) {
            let is_there = matches!(entry, redis::Value::Array(entries) if !entries.is_empty());
            let gone = if is_there { None } else { Some(*open.gone.get_or_insert_with(now)) };
            open.gone = gone;
            if gone.is_some_and(|since| since.elapsed() >= self.lease) {
                vanished.push(*id);
            }
        }
        for id in vanished {
            self.open.remove(&id);
            self.events.push_back(Event::Lost(id));
        }
        Ok(())
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
