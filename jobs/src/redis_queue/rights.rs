//! Whether a user may give the commands that coordinators and workers give.

use std::time::Duration;

use redis::cmd;

use super::board::{STUDIES, specification_key};
use super::inspect::Denied;
use super::keys::Keys;
use super::link::{Answer, Link};
use super::orders::ORDERS;
use super::server::Server;
use crate::job::StudyId;
use crate::queue::QueueError;

/// Who needs a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Coordinator,
    Worker,
    Both,
}

use Who::{Both, Coordinator, Worker};

/// The commands, each given such that it changes nothing: the keys are those of a study that there
/// is not, a value is no number, an option is none, a script is none. The server looks whether a
/// user may give a command before it looks at any of that, so that NOPERM is the one answer that
/// counts. JOBS, META and SPEC stand for keys of the study, BOARD and ORDERS for those of the server.
///
/// MULTI comes last: nothing follows it on the connection.
const PROBES: [(Who, &str, &str); 33] = [
    (Coordinator, "INFO", "memory"),
    (Both, "HGETALL", "BOARD"),
    (Coordinator, "HSET", "BOARD id 0 odd"),
    (Coordinator, "HDEL", "BOARD none"),
    (Coordinator, "SET", "SPEC value NONE"),
    (Worker, "GET", "SPEC"),
    (Coordinator, "DEL", "JOBS"),
    (Coordinator, "EXISTS", "SPEC"),
    (Coordinator, "HEXISTS", "BOARD none"),
    (Coordinator, "XADD", "ORDERS none m x"),
    (Coordinator, "EXPIRE", "ORDERS none"),
    (Worker, "XREVRANGE", "ORDERS + - COUNT 1"),
    (Worker, "XREAD", "COUNT 1 STREAMS ORDERS $"),
    (Both, "HGET", "META none"),
    (Coordinator, "HMGET", "META none"),
    (Both, "HSET", "META field value odd"),
    (Both, "HINCRBY", "META field none"),
    (Both, "HDEL", "META none"),
    (Coordinator, "HGETALL", "META"),
    (Both, "XADD", "JOBS NOMKSTREAM * m x"),
    (Both, "XDEL", "JOBS 0-1"),
    (Both, "XACK", "JOBS workers 0-1"),
    (Both, "XRANGE", "JOBS - + COUNT 1"),
    (Coordinator, "XREAD", "COUNT 1 STREAMS JOBS 0"),
    (Both, "XPENDING", "JOBS workers"),
    (Worker, "XREADGROUP", "GROUP workers nobody COUNT 1 STREAMS JOBS >"),
    (Coordinator, "XGROUP CREATE", "JOBS workers 0"),
    (Coordinator, "XGROUP DELCONSUMER", "JOBS workers nobody"),
    (Coordinator, "XINFO CONSUMERS", "JOBS workers"),
    (Both, "EVALSHA", "none 1 META"),
    (Both, "SCRIPT LOAD", "?"),
    (Both, "EXEC", ""),
    (Both, "MULTI", ""),
];

/// The commands that are refused to the user of this address.
///
/// # Errors
/// The server cannot be reached.
pub(super) fn denied(server: &Server) -> Result<Denied, QueueError> {
    let mut link = Link::new(server);
    let nobody = StudyId([0; 32]);
    let (keys, specification) = (Keys::new(nobody), specification_key(nobody));
    let mut denied = Denied::default();
    for (who, name, arguments) in PROBES {
        let mut words = name.split(' ');
        let mut command = cmd(words.next().expect("a name"));
        for word in words.chain(arguments.split_whitespace()) {
            command.arg(match word {
                "BOARD" => STUDIES,
                "JOBS" => &keys.jobs,
                "META" => &keys.meta,
                "ORDERS" => ORDERS,
                "SPEC" => &specification,
                word => word,
            });
        }
        match link.give::<redis::Value>(&command, Duration::ZERO) {
            Answer::Refused(error) if is_denied(&error) => {}
            Answer::Value(_) | Answer::Refused(_) => continue,
            // A server without room has let the user pass.
            Answer::Unreachable if link.full.take().is_some() => continue,
            Answer::Unreachable => return Err(link.nobody()),
        }
        let add = |list: &mut Vec<String>| {
            if !list.iter().any(|known| known == name) {
                list.push(name.to_owned());
            }
        };
        if who != Worker {
            add(&mut denied.coordinator);
        }
        if who != Coordinator {
            add(&mut denied.worker);
        }
    }
    Ok(denied)
}

fn is_denied(error: &redis::RedisError) -> bool {
    // That EXEC is not permitted is said within its own kind of error.
    let is_of_exec = |detail: &str| detail.contains("NOPERM");
    error.code() == Some("NOPERM") || error.detail().is_some_and(is_of_exec)
}
