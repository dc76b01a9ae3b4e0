//! What all workers of a server are told, beside their jobs.

use redis::cmd;
use redis::streams::StreamReadReply;

use super::link::{Answer, Link};
use crate::job::StudyId;
use crate::seal::{Key, Kind};

/// The stream of orders.
pub(super) const ORDERS: &str = "optimize:control";

/// So many orders are kept: workers hear them within seconds, or never.
const KEPT: usize = 1000;

/// The stream is gone so many seconds after the last order.
const LIFE: u64 = 60;

/// Orders belong to no study.
const NO_STUDY: StudyId = StudyId([0; 32]);

/// An order to all workers of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A study was put up: look at the board.
    Look,
    /// A study has ended: what is under way for it is needed by nobody.
    Cancel(StudyId),
    /// Finish what is under way, take nothing more, and end: the workers of a machine, or all.
    Drain(Option<String>),
}

impl Order {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Look => vec![0],
            Self::Cancel(study) => [&[1], &study.0[..]].concat(),
            Self::Drain(host) => [&[2], host.as_deref().unwrap_or("").as_bytes()].concat(),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match kind {
            0 => Some(Self::Look),
            1 => Some(Self::Cancel(StudyId(rest.try_into().ok()?))),
            2 => {
                let host = String::from_utf8(rest.to_vec()).ok()?;
                Some(Self::Drain((!host.is_empty()).then_some(host)))
            }
            _ => None,
        }
    }
}

/// The commands that give an order.
pub(super) fn give(key: &Key, order: &Order, commands: &mut redis::Pipeline) {
    let message = key.seal(Kind::Order, NO_STUDY, 0, &order.to_bytes());
    commands.cmd("XADD").arg(ORDERS).arg("MAXLEN").arg("~").arg(KEPT).arg("*").arg("m");
    commands.arg(message).ignore();
    // A server that is not used any more is left as it was found.
    commands.cmd("EXPIRE").arg(ORDERS).arg(LIFE).ignore();
}

/// Listens to orders, from the first call on.
#[derive(Debug)]
pub(super) struct Listener {
    link: Link,
    key: Key,
    /// The last order that was heard.
    cursor: Option<String>,
}

impl Listener {
    pub(super) fn new(link: Link, key: Key) -> Self {
        Self { link, key, cursor: None }
    }

    /// The orders since the last call, waiting at most so many milliseconds for one. Nothing
    /// where the server cannot be reached or refuses.
    pub(super) fn hear(&mut self, milliseconds: u64) -> Vec<Order> {
        let wait = std::time::Duration::from_millis(milliseconds);
        let Some(cursor) = &self.cursor else {
            let mut last = cmd("XREVRANGE");
            last.arg(ORDERS).arg("+").arg("-").arg("COUNT").arg(1);
            let found = self.link.give::<redis::streams::StreamRangeReply>(&last, wait);
            if let Answer::Value(found) = found {
                let last = found.ids.into_iter().next();
                self.cursor = Some(last.map_or("0-0".to_owned(), |entry| entry.id));
            }
            return Vec::new();
        };
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(KEPT);
        if milliseconds > 0 {
            read.arg("BLOCK").arg(milliseconds);
        }
        read.arg("STREAMS").arg(ORDERS).arg(cursor);
        let reply = match self.link.give::<Option<StreamReadReply>>(&read, wait) {
            Answer::Value(reply) => reply.unwrap_or_default(),
            Answer::Refused(_) => {
                std::thread::sleep(wait);
                return Vec::new();
            }
            Answer::Unreachable => return Vec::new(),
        };
        let mut orders = Vec::new();
        for entry in reply.keys.into_iter().flat_map(|stream| stream.ids) {
            let message: Vec<u8> = entry.get("m").unwrap_or_default();
            let opened = self.key.open(Kind::Order, NO_STUDY, &message).ok();
            orders.extend(opened.and_then(|(_, bytes)| Order::from_bytes(bytes)));
            self.cursor = Some(entry.id);
        }
        orders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_read_back() {
        let orders = [
            Order::Look,
            Order::Cancel(StudyId([7; 32])),
            Order::Drain(None),
            Order::Drain(Some("node-3".to_owned())),
        ];
        for order in orders {
            assert_eq!(Order::from_bytes(&order.to_bytes()), Some(order));
        }
        assert_eq!(Order::from_bytes(&[1, 2]), None);
        assert_eq!(Order::from_bytes(&[]), None);
    }
}
