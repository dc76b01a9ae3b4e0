//! What a server looks like from here, for a person who wants to know whether a fleet can work.
//!
//! Nothing is changed and nothing is judged. What the server does not let this user see is `None`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::streams::StreamInfoConsumersReply;
use redis::{Cmd, FromRedisValue, cmd};

use super::board::{STUDIES, specification_key};
use super::keys::{GROUP, Keys};
use super::link::{Answer, Link};
use super::server::Server;
use super::{WorkerAbout, rights};
use crate::job::StudyId;
use crate::queue::QueueError;
use crate::seal::{Key, Kind};

/// Times that an answer is waited for, to know how long it takes.
const ASKED: usize = 9;

/// Those who live move their counters about once a second; who has not by then is told.
const WATCH: Duration = Duration::from_secs(4);

/// Counters are looked at this often meanwhile.
const LOOK: Duration = Duration::from_millis(250);

/// A server with its studies.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Its address, without a password.
    pub address: String,
    /// Whether it is on this machine.
    pub is_local: bool,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// How long an answer takes.
    pub round_trip: Duration,
    /// How far its clock is ahead of this machine's, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
    /// The user that commands are given as.
    pub user: String,
    /// What the user may not do; not asked of a replica, which lets nobody write.
    pub denied: Option<Denied>,
    /// What it says of itself.
    pub about: Option<ServerAbout>,
    /// Whether it makes snapshots by itself and refuses writes once it could not.
    pub stops_when_snapshots_fail: Option<bool>,
    /// The shards of its cluster, where it is part of one.
    pub shards: Option<u64>,
    /// The studies that are up, the most urgent first.
    pub studies: Option<Vec<StudySeen>>,
    /// How long counters that stand still were watched.
    pub watched: Duration,
}

/// Commands that are needed and that the server refuses to this user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denied {
    /// Of those that a coordinator needs.
    pub coordinator: Vec<String>,
    /// Of those that a worker needs.
    pub worker: Vec<String>,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerAbout {
    /// Redis, or Valkey.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Bytes of memory in use.
    pub used_memory: u64,
    /// The most that it may use; 0 for no limit.
    pub max_memory: u64,
    /// What it does when its memory is full.
    pub policy: String,
    /// What it keeps on its disk.
    pub saving: Saving,
    /// Whether it copies another server.
    pub is_replica: bool,
    /// Whether it is part of a cluster.
    pub is_cluster: bool,
}

/// What a server keeps on its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saving {
    /// Whether every write goes to a file.
    pub appends: bool,
    /// Whether the last such write failed.
    pub append_failed: bool,
    /// Whether the last snapshot failed.
    pub snapshot_failed: bool,
}

/// A study on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudySeen {
    /// Its fingerprint.
    pub id: String,
    /// Its priority.
    pub priority: i64,
    /// What workers are told of it.
    pub notice: Notice,
    /// Whether its coordinator's counter moved.
    pub is_coordinated: bool,
    /// Its workers.
    pub workers: Vec<WorkerBeat>,
    /// Entries in its stream of jobs.
    pub jobs: Option<u64>,
    /// Entries in its stream of results.
    pub results: Option<u64>,
}

/// What workers are told of a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Its specification.
    Opened(Vec<u8>),
    /// It was not opened, for want of a key.
    Sealed,
    /// It was written with another key.
    Foreign,
    /// There is none.
    Missing,
}

/// A worker of a study, as far as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerBeat {
    /// Its name, new with every start.
    pub name: String,
    /// What it says of itself.
    pub about: Option<WorkerAbout>,
    /// Whether its counter moved.
    pub is_alive: bool,
    /// Since when it has not asked for a job, by the server's clock.
    pub idle: Option<Duration>,
}

#[expect(clippy::disallowed_methods, reason = "how long answers take is told to people")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "two clocks are compared for people")]
fn clock_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Looks at a server; takes about a second, and a few where something stands still.
///
/// # Errors
/// It cannot be reached, or does not let this user in.
pub fn inspect(server: &Server, key: Option<&Key>) -> Result<Inspection, QueueError> {
    let mut link = Link::new(server);
    match link.give::<redis::Value>(&cmd("TIME"), Duration::ZERO) {
        Answer::Value(_) => {}
        // A user that may not even ask this is let in.
        Answer::Refused(error) if error.code() == Some("NOPERM") => {}
        Answer::Refused(error) => return Err(link.refusal(&error)),
        Answer::Unreachable => return Err(link.nobody()),
    }
    let round_trip = round_trip(&mut link)?;
    let begun = clock_us();
    let time = ask::<(i64, i64)>(&mut link, &cmd("TIME"))?;
    let middle = begun + (clock_us() - begun) / 2;
    let clock_ahead_ms =
        time.map(|(seconds, micros)| (seconds * 1_000_000 + micros - middle) / 1000);
    let about = ask::<String>(&mut link, &cmd("INFO"))?.map(|text| ServerAbout::from_info(&text));
    let (studies, watched) = studies(&mut link, key)?;
    let user = ask::<String>(&mut link, cmd("ACL").arg("WHOAMI"))?;
    let denied = match &about {
        Some(about) if about.is_replica => None,
        _ => Some(rights::denied(server)?),
    };
    Ok(Inspection {
        address: server.to_string(),
        is_local: server.is_local(),
        is_encrypted: server.is_encrypted(),
        round_trip,
        clock_ahead_ms,
        user: user.unwrap_or_else(|| server.user().to_owned()),
        denied,
        stops_when_snapshots_fail: stops_when_snapshots_fail(&mut link)?,
        shards: shards(&mut link, about.as_ref())?,
        about,
        studies,
        watched,
    })
}

/// The answer to a question; none where the server does not let this user ask it, or does not
/// understand it.
fn ask<T: FromRedisValue>(link: &mut Link, command: &Cmd) -> Result<Option<T>, QueueError> {
    match link.give(command, Duration::ZERO) {
        Answer::Value(value) => Ok(Some(value)),
        Answer::Refused(_) => Ok(None),
        Answer::Unreachable if link.full.take().is_some() => Ok(None),
        Answer::Unreachable => Err(link.nobody()),
    }
}

fn round_trip(link: &mut Link) -> Result<Duration, QueueError> {
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let begun = now();
        // Other than PING, this is answered by a server that cannot save as well.
        let _: Option<redis::Value> = ask(link, &cmd("TIME"))?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[ASKED / 2])
}

fn stops_when_snapshots_fail(link: &mut Link) -> Result<Option<bool>, QueueError> {
    let mut command = cmd("CONFIG");
    command.arg("GET").arg("stop-writes-on-bgsave-error").arg("save");
    let settings: Option<BTreeMap<String, String>> = ask(link, &command)?;
    let stops = |settings: BTreeMap<String, String>| {
        let makes_some = settings.get("save").is_some_and(|save| !save.is_empty());
        let stops = settings.get("stop-writes-on-bgsave-error").is_some_and(|text| text == "yes");
        makes_some && stops
    };
    Ok(settings.map(stops))
}

fn shards(link: &mut Link, about: Option<&ServerAbout>) -> Result<Option<u64>, QueueError> {
    if !about.is_some_and(|about| about.is_cluster) {
        return Ok(None);
    }
    let text: Option<String> = ask(link, cmd("CLUSTER").arg("INFO"))?;
    Ok(text.and_then(|text| fields(&text).get("cluster_size").and_then(|size| size.parse().ok())))
}

/// The lines of `NAME:VALUE` that servers answer with.
fn fields(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.trim().split_once(':')).collect()
}

impl ServerAbout {
    fn from_info(text: &str) -> Self {
        let fields = fields(text);
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        let number = |name: &str| field(name).parse().unwrap_or(0);
        // Valkey keeps Redis's name and an old version for programs that know nothing else.
        let (product, version) = match field("valkey_version") {
            "" => ("Redis", field("redis_version")),
            version => ("Valkey", version),
        };
        Self {
            product: product.to_owned(),
            version: version.to_owned(),
            used_memory: number("used_memory"),
            max_memory: number("maxmemory"),
            policy: field("maxmemory_policy").to_owned(),
            saving: Saving {
                appends: field("aof_enabled") == "1",
                append_failed: field("aof_last_write_status") == "err",
                snapshot_failed: field("rdb_last_bgsave_status") == "err",
            },
            is_replica: field("role") == "slave",
            is_cluster: field("cluster_enabled") == "1",
        }
    }
}

/// The counters of one study.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Beats {
    coordinator: Option<u64>,
    workers: BTreeMap<String, u64>,
}

impl Beats {
    fn read(link: &mut Link, keys: &Keys) -> Result<Self, QueueError> {
        Ok(Self {
            coordinator: ask(link, cmd("HGET").arg(&keys.meta).arg("beat"))?.flatten(),
            workers: ask(link, cmd("HGETALL").arg(&keys.beats))?.unwrap_or_default(),
        })
    }

    /// Whether every counter of `self` has moved, or gone, by the time of `later`.
    fn all_moved(&self, later: &Self) -> bool {
        let moved = |(name, count): (&String, &u64)| later.workers.get(name) != Some(count);
        self.coordinator != later.coordinator && self.workers.iter().all(moved)
    }
}

/// A study that is watched.
struct Watched {
    study: StudyId,
    priority: i64,
    keys: Keys,
    first: Beats,
    last: Beats,
}

/// The studies on the board, the most urgent first, and how long their counters were watched.
fn studies(
    link: &mut Link,
    key: Option<&Key>,
) -> Result<(Option<Vec<StudySeen>>, Duration), QueueError> {
    let Some(found) = board(link)? else { return Ok((None, Duration::ZERO)) };
    let begun = now();
    let mut all = Vec::new();
    for (study, priority) in found {
        let keys = Keys::new(study);
        let first = Beats::read(link, &keys)?;
        all.push(Watched { study, priority, keys, last: first.clone(), first });
    }
    while begun.elapsed() < WATCH && !all.iter().all(|each| each.first.all_moved(&each.last)) {
        std::thread::sleep(LOOK);
        for each in &mut all {
            each.last = Beats::read(link, &each.keys)?;
        }
    }
    let watched = begun.elapsed();
    // What has ended meanwhile is no longer anybody's business.
    let left = board(link)?.unwrap_or_default();
    let mut studies = Vec::new();
    for each in all.iter().filter(|each| left.contains_key(&each.study)) {
        studies.push(StudySeen {
            id: each.study.to_string(),
            priority: each.priority,
            notice: notice(link, key, each.study)?,
            is_coordinated: each.first.coordinator != each.last.coordinator,
            workers: workers(link, each)?,
            jobs: ask(link, cmd("XLEN").arg(&each.keys.jobs))?,
            results: ask(link, cmd("XLEN").arg(&each.keys.results))?,
        });
    }
    studies.sort_by(|a, b| (-a.priority, &a.id).cmp(&(-b.priority, &b.id)));
    Ok((Some(studies), watched))
}

/// The studies that are up, with their priorities.
fn board(link: &mut Link) -> Result<Option<BTreeMap<StudyId, i64>>, QueueError> {
    let found: Option<Vec<(String, i64)>> = ask(link, cmd("HGETALL").arg(STUDIES))?;
    let known = |(id, priority): (String, i64)| Some((StudyId::parse(&id)?, priority));
    Ok(found.map(|found| found.into_iter().filter_map(known).collect()))
}

fn notice(link: &mut Link, key: Option<&Key>, study: StudyId) -> Result<Notice, QueueError> {
    let name = specification_key(study);
    let sealed: Option<Option<Vec<u8>>> = ask(link, cmd("GET").arg(name))?;
    let Some(sealed) = sealed.flatten() else { return Ok(Notice::Missing) };
    let Some(key) = key else { return Ok(Notice::Sealed) };
    Ok(match key.open(Kind::Spec, study, &sealed) {
        Ok((_, bytes)) => Notice::Opened(bytes.to_vec()),
        Err(_) => Notice::Foreign,
    })
}

fn workers(link: &mut Link, watched: &Watched) -> Result<Vec<WorkerBeat>, QueueError> {
    let Watched { keys, first, last, .. } = watched;
    let about: BTreeMap<String, String> =
        ask(link, cmd("HGETALL").arg(&keys.about))?.unwrap_or_default();
    let mut command = cmd("XINFO");
    command.arg("CONSUMERS").arg(&keys.jobs).arg(GROUP);
    let consumers: Option<StreamInfoConsumersReply> = ask(link, &command)?;
    let consumers = consumers.map(|reply| reply.consumers).unwrap_or_default();
    let idle = consumers.into_iter().map(|each| (each.name, each.idle as u64));
    let idle: BTreeMap<String, Duration> =
        idle.map(|(name, idle)| (name, Duration::from_millis(idle))).collect();
    // A worker may have asked for a job and not moved its counter yet; one whose counter has gone
    // has left.
    let has_left =
        |name: &&String| first.workers.contains_key(*name) && !last.workers.contains_key(*name);
    let names: BTreeSet<&String> = last.workers.keys().chain(idle.keys()).collect();
    let seen = |name: &String| WorkerBeat {
        name: name.clone(),
        about: about.get(name).and_then(|text| WorkerAbout::read(text)).map(|it| it.0),
        is_alive: last.workers.get(name) != first.workers.get(name),
        idle: idle.get(name).copied(),
    };
    Ok(names.into_iter().filter(|name| !has_left(name)).map(seen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_itself_is_understood() {
        let redis = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nused_memory:1024\r\n\
                     maxmemory:2048\r\nmaxmemory_policy:volatile-lru\r\naof_enabled:1\r\n\
                     aof_last_write_status:err\r\nrdb_last_bgsave_status:ok\r\nrole:slave\r\n\
                     cluster_enabled:0\r\n";
        let expected = ServerAbout {
            product: "Redis".to_owned(),
            version: "7.0.15".to_owned(),
            used_memory: 1024,
            max_memory: 2048,
            policy: "volatile-lru".to_owned(),
            saving: Saving { appends: true, append_failed: true, snapshot_failed: false },
            is_replica: true,
            is_cluster: false,
        };
        assert_eq!(ServerAbout::from_info(redis), expected);
        let valkey = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n\
                      rdb_last_bgsave_status:err\r\nrole:master\r\ncluster_enabled:1\r\n";
        let about = ServerAbout::from_info(valkey);
        assert_eq!((about.product.as_str(), about.version.as_str()), ("Valkey", "8.1.0"));
        assert!(about.saving.snapshot_failed && about.is_cluster && !about.is_replica);
    }
}
