//! What a coordinator does once a second: it shows that it lives, and finds jobs that are lost.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::streams::StreamInfoConsumersReply;
use redis::{cmd, pipe};

use super::super::beats::now;
use super::super::keys::GROUP;
use super::super::link::Answer;
use super::Coordinator;
use crate::queue::{Event, QueueError};

/// Generation and owner, messages that workers refused, whether there is a stream of results, the
/// workers' counters, and what they say of themselves.
type Looked = (
    (Option<String>, Option<String>, Option<u64>),
    bool,
    BTreeMap<String, u64>,
    BTreeMap<String, String>,
);

/// Takes everything from a worker in one step: between two, it might be given another job.
const TAKE_BACK: &str = "
local taken = {}
local pending = redis.pcall('XPENDING', KEYS[1], 'workers', '-', '+', 100000, ARGV[1])
if not pending.err then
  for _, entry in ipairs(pending) do
    redis.call('XACK', KEYS[1], 'workers', entry[1])
    redis.call('XDEL', KEYS[1], entry[1])
    taken[#taken + 1] = entry[1]
  end
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], 'workers', ARGV[1])
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
return taken";

impl Coordinator {
    /// Shows that this coordinator lives, and finds workers that do not.
    pub(super) fn look_after_workers(&mut self) -> Result<(), QueueError> {
        let mut commands = pipe();
        commands.cmd("HINCRBY").arg(&self.keys.meta).arg("beat").arg(1).ignore();
        commands.cmd("HMGET").arg(&self.keys.meta).arg("generation").arg("owner").arg("refused");
        commands.cmd("EXISTS").arg(&self.keys.results);
        commands.cmd("HGETALL").arg(&self.keys.beats);
        commands.cmd("HGETALL").arg(&self.keys.about);
        let ((generation, owner, refused), has_results, beats, about) =
            match self.link.give_all::<Looked>(&commands) {
                Answer::Value(found) => found,
                Answer::Unreachable => return Ok(()),
                Answer::Refused(error) => return Err(self.refusal(&error)),
            };
        if owner.as_ref().is_some_and(|owner| *owner != self.owner) {
            return Err(QueueError(
                "another coordinator has taken this study over; this one ends".to_owned(),
            ));
        }
        if generation.as_ref() != Some(&self.generation) || !has_results {
            // The server has lost its memory, or a part of it.
            return self.begin_epoch("Redis has forgotten the study, or a part of it").map(drop);
        }
        let refused = refused.unwrap_or(0);
        let fresh = refused.saturating_sub(self.refused_by_workers);
        if fresh > 0 {
            tracing::info!(messages = fresh, "workers have refused messages");
        }
        self.refused += fresh;
        self.refused_by_workers = refused;
        let consumers = cmd("XINFO").arg("CONSUMERS").arg(&self.keys.jobs).arg(GROUP).clone();
        let consumers = match self.link.give::<StreamInfoConsumersReply>(&consumers, Duration::ZERO)
        {
            Answer::Value(found) => found.consumers,
            Answer::Unreachable => return Ok(()),
            // Somebody has deleted the stream or its group.
            Answer::Refused(_) => {
                return self.begin_epoch("somebody has deleted the stream of jobs").map(drop);
            }
        };
        self.beats.observe(&beats, &about, &consumers);
        let gone = self.beats.gone(&beats, self.lease);
        for name in gone {
            self.take_back(&name, !beats.contains_key(&name))?;
        }
        self.find_vanished()
    }

    /// Takes the jobs of a worker back and forgets it. One that has said good-bye has not died of
    /// them.
    fn take_back(&mut self, worker: &str, has_left: bool) -> Result<(), QueueError> {
        let script = redis::Script::new(TAKE_BACK);
        let mut call = script.key(&self.keys.jobs);
        call.key(&self.keys.beats).key(&self.keys.about).arg(worker);
        let entries = match self.link.run::<Vec<String>>(&call) {
            Answer::Value(found) => found,
            Answer::Unreachable => return Ok(()),
            Answer::Refused(error) => return Err(self.refusal(&error)),
        };
        let host = self.beats.forget(worker).unwrap_or_default();
        let jobs = entries.len();
        if has_left {
            tracing::info!(worker, host, jobs, "worker left");
        } else {
            let silent = self.lease.as_secs_f64();
            tracing::warn!(
                worker,
                host,
                jobs,
                "lost a worker on {host}: silent for {silent} s; {jobs} of its jobs go to others"
            );
        }
        for entry in entries {
            let found = self.open.iter().find(|(_, open)| open.entry == entry);
            if let Some(job) = found.map(|(job, _)| *job) {
                self.open.remove(&job);
                self.lost += 1;
                self.tell(if has_left { Event::Dropped(job.0) } else { Event::Lost(job.0) });
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
        for ((job, open), entry) in self.open.iter_mut().zip(found) {
            let is_there = matches!(entry, redis::Value::Array(entries) if !entries.is_empty());
            let gone = if is_there { None } else { Some(*open.gone.get_or_insert_with(now)) };
            open.gone = gone;
            if gone.is_some_and(|since| since.elapsed() >= self.lease) {
                vanished.push(*job);
            }
        }
        for job in vanished {
            self.open.remove(&job);
            self.lost += 1;
            self.tell(Event::Dropped(job.0));
        }
        Ok(())
    }
}
