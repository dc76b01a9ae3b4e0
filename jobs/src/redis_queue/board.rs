//! What a server knows beside the jobs: which studies there are, and what workers need to know of
//! them.

use std::sync::Mutex;
use std::time::Duration;

use redis::{FromRedisValue, cmd, pipe};

use super::link::{Answer, Link};
use super::lock;
use super::orders::{self, Listener, Order};
use super::server::Server;
use crate::job::StudyId;
use crate::queue::QueueError;
use crate::seal::{Key, Kind};

/// The studies of this server: a hash from study to priority.
pub(super) const STUDIES: &str = "optimize:studies";

/// The notice board of a server: studies with their specifications and files.
///
/// What is on it is bytes to this room. A specification carries a MAC; a file is known by the
/// hash of its bytes, which a specification names, and is checked against it.
#[derive(Debug)]
pub struct Board {
    link: Mutex<Link>,
    orders: Mutex<Listener>,
    key: Key,
}

/// The hash by which a file is known.
#[must_use]
pub fn file_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

impl Board {
    /// The board of a server. Nothing is connected yet.
    #[must_use]
    pub fn open(server: &Server, key: Key) -> Self {
        let orders = Mutex::new(Listener::new(Link::new(server), key.clone()));
        Self { link: Mutex::new(Link::new(server)), orders, key }
    }

    /// Puts a study up, with the files that its specification names.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub fn publish(
        &self,
        study: StudyId,
        priority: i64,
        specification: &[u8],
        files: &[Vec<u8>],
    ) -> Result<(), QueueError> {
        for bytes in files {
            let name = file_key(study, &file_hash(bytes));
            self.give::<()>(cmd("SET").arg(name).arg(bytes))?;
        }
        let sealed = self.key.seal(Kind::Spec, study, 0, specification);
        let mut commands = pipe();
        commands.cmd("SET").arg(specification_key(study)).arg(sealed).ignore();
        commands.cmd("HSET").arg(STUDIES).arg(study.to_string()).arg(priority).ignore();
        orders::give(&self.key, &Order::Look, &mut commands);
        self.give_all(&commands)
    }

    /// Whether a study is up, with everything that workers need to know of it.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub fn is_up(&self, study: StudyId, file_hashes: &[String]) -> Result<bool, QueueError> {
        let mut files = cmd("EXISTS");
        files.arg(specification_key(study));
        for hash in file_hashes {
            files.arg(file_key(study, hash));
        }
        let is_listed: bool = self.give(cmd("HEXISTS").arg(STUDIES).arg(study.to_string()))?;
        let found: usize = self.give(&files)?;
        Ok(is_listed && found == 1 + file_hashes.len())
    }

    /// Gives an order to all workers.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub fn order(&self, order: &Order) -> Result<(), QueueError> {
        let mut commands = pipe();
        orders::give(&self.key, order, &mut commands);
        self.give_all(&commands)
    }

    /// The orders since the last call, waiting for one at most so long; those that were given
    /// before the first call are not heard. A server that cannot be reached gives none.
    pub fn orders(&self, wait: Duration) -> Vec<Order> {
        lock(&self.orders).hear(u64::try_from(wait.as_millis()).unwrap_or(1000).min(1000))
    }

    /// Takes a study down; what is kept for it stays, for when it goes on.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub fn hide(&self, study: StudyId) -> Result<(), QueueError> {
        self.give::<u64>(cmd("HDEL").arg(STUDIES).arg(study.to_string())).map(|_| ())
    }

    /// Takes a study down, with everything that is kept for it, and has workers drop what they
    /// have begun.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub fn withdraw(&self, study: StudyId, file_hashes: &[String]) -> Result<(), QueueError> {
        self.give::<u64>(cmd("HDEL").arg(STUDIES).arg(study.to_string()))?;
        let keys = super::keys::Keys::new(study);
        let mut delete = cmd("DEL");
        delete.arg(specification_key(study)).arg(&keys.all());
        for hash in file_hashes {
            delete.arg(file_key(study, hash));
        }
        self.give::<u64>(&delete)?;
        // A server that has no room for it now has workers finish what nobody needs.
        let _ = self.order(&Order::Cancel(study));
        Ok(())
    }

    /// The studies that are up, the most urgent first.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub fn studies(&self) -> Result<Vec<StudyId>, QueueError> {
        let found: Vec<(String, i64)> = self.give(cmd("HGETALL").arg(STUDIES))?;
        let mut studies: Vec<(i64, StudyId)> = found
            .into_iter()
            .filter_map(|(id, priority)| Some((-priority, StudyId::parse(&id)?)))
            .collect();
        studies.sort_unstable();
        Ok(studies.into_iter().map(|(_, id)| id).collect())
    }

    /// The specification of a study; none where it is not up, or was not written with this key.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub fn specification(&self, study: StudyId) -> Result<Option<Vec<u8>>, QueueError> {
        let sealed: Option<Vec<u8>> = self.give(cmd("GET").arg(specification_key(study)))?;
        let open = |sealed: Vec<u8>| {
            let opened = self.key.open(Kind::Spec, study, &sealed);
            opened.ok().map(|(_, bytes)| bytes.to_vec())
        };
        Ok(sealed.and_then(open))
    }

    /// A file of a study; none where it is not there, or damaged.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub fn file(&self, study: StudyId, hash: &str) -> Result<Option<Vec<u8>>, QueueError> {
        let found: Option<Vec<u8>> = self.give(cmd("GET").arg(file_key(study, hash)))?;
        Ok(found.filter(|bytes| file_hash(bytes) == hash))
    }

    fn give<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, QueueError> {
        let mut link = lock(&self.link);
        // A connection that was idle for long may be broken; the next one is not.
        let answer = match link.give(command, Duration::ZERO) {
            Answer::Unreachable => link.give(command, Duration::ZERO),
            answer => answer,
        };
        told(&link, answer)
    }

    fn give_all(&self, commands: &redis::Pipeline) -> Result<(), QueueError> {
        let mut link = lock(&self.link);
        let answer = match link.give_all(commands) {
            Answer::Unreachable => link.give_all(commands),
            answer => answer,
        };
        told(&link, answer)
    }
}

fn told<T>(link: &Link, answer: Answer<T>) -> Result<T, QueueError> {
    match answer {
        Answer::Value(value) => Ok(value),
        Answer::Refused(error) => Err(link.refusal(&error)),
        Answer::Unreachable => Err(link.nobody()),
    }
}

pub(super) fn specification_key(study: StudyId) -> String {
    format!("optimize:{{{}}}:specification", super::keys::tag(study))
}

fn file_key(study: StudyId, hash: &str) -> String {
    format!("optimize:{{{}}}:file:{hash}", super::keys::tag(study))
}
