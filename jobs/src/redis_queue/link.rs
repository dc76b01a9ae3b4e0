//! A connection that is made again when it breaks.

use std::time::{Duration, Instant};

use redis::{Connection, FromRedisValue, RedisError};

use super::server::Server;
use super::traffic;
use crate::queue::QueueError;

/// Time to connect, and for an answer beyond the time that a command itself may wait.
const PATIENCE: Duration = Duration::from_secs(5);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A server that has no room is asked again after so long.
const FULL: Duration = Duration::from_millis(200);

/// One connection, used by one thread at a time.
///
/// The connection is a blocking one: a read that waits in the server has it for itself, no
/// command is ever abandoned half-way, and after any fault of the network it is thrown away and
/// made anew. Whether a command took effect before the fault is unknown, so that every command
/// may be given twice.
pub(super) struct Link {
    server: Server,
    connection: Option<Connection>,
    /// Connections made so far; a change means that something may have been missed.
    pub(super) connections: u64,
    /// What the server said when it had no room, until it has some.
    pub(super) full: Option<String>,
    pause: Duration,
    retry_at: Option<Instant>,
    /// What came of the last attempt, where that was nothing.
    fault: Option<RedisError>,
}

/// What became of a command.
pub(super) enum Answer<T> {
    /// The server answered.
    Value(T),
    /// The server cannot be reached now, or has no room, and it was waited a moment.
    Unreachable,
    /// The server refused the command.
    Refused(RedisError),
}

impl std::fmt::Debug for Link {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Link").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Link {
    /// A link that has not connected yet.
    pub(super) fn new(server: &Server) -> Self {
        Self {
            server: server.clone(),
            connection: None,
            connections: 0,
            full: None,
            pause: FIRST_PAUSE,
            retry_at: None,
            fault: None,
        }
    }

    /// What to say after [`Answer::Unreachable`].
    pub(super) fn nobody(&self) -> QueueError {
        match &self.full {
            Some(full) => QueueError(format!("Redis at {} has no room: {full}", self.server)),
            None => self.server.nobody(self.fault.as_ref()),
        }
    }

    /// What to say after [`Answer::Refused`].
    pub(super) fn refusal(&self, error: &RedisError) -> QueueError {
        self.server.refusal(error)
    }

    /// Gives a command that the server may keep waiting for `wait`.
    pub(super) fn give<T: FromRedisValue>(
        &mut self,
        command: &redis::Cmd,
        wait: Duration,
    ) -> Answer<T> {
        let patience = PATIENCE + wait;
        self.with(wait, |connection| {
            connection.set_read_timeout(Some(patience))?;
            command.query(connection)
        })
    }

    /// Gives several commands at once.
    pub(super) fn give_all<T: FromRedisValue>(&mut self, commands: &redis::Pipeline) -> Answer<T> {
        self.with(Duration::ZERO, |connection| {
            connection.set_read_timeout(Some(PATIENCE))?;
            commands.query(connection)
        })
    }

    /// Runs a script; `give` prepares keys and arguments.
    pub(super) fn run<T: FromRedisValue>(&mut self, script: &redis::ScriptInvocation) -> Answer<T> {
        self.with(Duration::ZERO, |connection| {
            connection.set_read_timeout(Some(PATIENCE))?;
            script.invoke(connection)
        })
    }

    #[expect(clippy::disallowed_methods, reason = "how soon to knock again decides no result")]
    fn with<T>(
        &mut self,
        wait: Duration,
        command: impl FnOnce(&mut Connection) -> Result<T, RedisError>,
    ) -> Answer<T> {
        if self.connection.is_none() {
            let now = Instant::now();
            if let Some(left) = self.retry_at.map(|at| at.saturating_duration_since(now))
                && !left.is_zero()
            {
                std::thread::sleep(left.min(wait.max(FIRST_PAUSE)));
                return Answer::Unreachable;
            }
            match self.server.client().get_connection_with_timeout(PATIENCE) {
                Ok(connection) => {
                    // What cannot be written for so long goes nowhere.
                    let _ = connection.set_write_timeout(Some(PATIENCE));
                    self.connection = Some(connection);
                    self.connections += 1;
                    traffic::connect();
                }
                Err(error) if is_refusal(&error) => return Answer::Refused(error),
                Err(error) => {
                    if self.connections > 0 {
                        traffic::miss(&error);
                    }
                    self.fault = Some(error);
                    self.retry_at = Some(Instant::now() + self.pause);
                    self.pause = (2 * self.pause).min(LONGEST_PAUSE);
                    return Answer::Unreachable;
                }
            }
        }
        let connection = self.connection.as_mut().expect("made above");
        match command(connection) {
            Ok(value) => {
                (self.pause, self.retry_at, self.full) = (FIRST_PAUSE, None, None);
                Answer::Value(value)
            }
            Err(error) if is_full(&error) => {
                self.full = Some(error.to_string());
                std::thread::sleep(FULL);
                Answer::Unreachable
            }
            Err(error) if is_refusal(&error) => Answer::Refused(error),
            Err(error) => {
                traffic::lose(&error);
                if is_passing(&error) {
                    // It answers at once, and the same; after a change of roles, perhaps another
                    // server is to be asked.
                    self.retry_at = Some(Instant::now() + self.pause);
                    self.pause = (2 * self.pause).min(LONGEST_PAUSE);
                }
                self.fault = Some(error);
                self.connection = None;
                Answer::Unreachable
            }
        }
    }
}

/// What the server said no to a command with, or to the first of several: of a pipeline and of a
/// transaction, an error has no code of its own, or one that says nothing.
pub(super) fn code(error: &RedisError) -> Option<String> {
    let errors = error.clone().into_server_errors()?;
    errors.first().map(|(_, error)| error.code().to_owned())
}

/// Whether the server itself said no; everything else is the network's fault.
fn is_refusal(error: &RedisError) -> bool {
    match code(error) {
        Some(code) => !PASSING.contains(&code.as_str()),
        None => !(error.is_io_error() || error.is_timeout() || error.is_connection_dropped()),
    }
}

/// Whether the server has no room, in memory or on its disk.
fn is_full(error: &RedisError) -> bool {
    code(error).is_some_and(|code| ["OOM", "MISCONF"].contains(&code.as_str()))
}

/// Errors of a server that begins or changes its role.
const PASSING: [&str; 5] = ["LOADING", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "READONLY"];

/// Whether a command failed for a while only.
pub(super) fn is_passing(error: &RedisError) -> bool {
    is_full(error) || code(error).is_some_and(|code| PASSING.contains(&code.as_str()))
}
