//! What happens to keys and messages in the server.

#![expect(clippy::unnecessary_wraps, reason = "all faults are called in the same way")]

use std::thread::sleep;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use redis::cmd;
use redis::streams::StreamRangeReply;

use crate::faults::{Miss, Strike, any};
use crate::fleet::Fleet;

/// What the names of keys end with, or contain.
const KEYS: [&str; 8] =
    ["jobs", "results", "meta", "beats", "about", "studies", "specification", "file"];

/// Messages are taken at most so many at a time.
const MANY: usize = 20;

/// A message of a stream, as the fields and values of its entry.
type Message = Vec<(String, Vec<u8>)>;

pub fn delete_key(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let drawn = any(random, KEYS.len());
    let is_deleted = |kind: &&&str| {
        let keys = fleet.site.keys(kind);
        keys.iter().filter_map(|key| fleet.site.ask::<u64>(&["DEL", key])).sum::<u64>() > 0
    };
    // Where the key that was drawn is not there, the next one is taken.
    let Some(kind) = KEYS.iter().cycle().skip(drawn).take(KEYS.len()).find(is_deleted) else {
        return Err(Miss::Skipped("there are no keys now".to_owned()));
    };
    // Whoever joins now needs what was deleted.
    if matches!(*kind, "studies" | "specification" | "file") {
        fleet.join();
    }
    Ok(Strike::once(format!("DEL of the key of {kind}")))
}

pub fn duplicates(fleet: &mut Fleet, _: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let mut added = 0;
    for kind in ["jobs", "results"] {
        for message in messages(fleet, kind) {
            added += u64::from(add(fleet, kind, &message));
        }
    }
    Ok(Strike { added, ..Strike::once("duplicates of jobs and results") })
}

pub fn forgeries(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    for kind in ["jobs", "results"] {
        for mut message in messages(fleet, kind) {
            let Some((field, bytes)) = message.first_mut() else { continue };
            match random.next_u32() % 3 {
                0 => bytes.truncate(any(random, bytes.len().max(1))),
                1 if !bytes.is_empty() => {
                    let at = any(random, bytes.len());
                    bytes[at] ^= 1 << (random.next_u32() % 8);
                }
                _ => field.push('x'),
            }
            add(fleet, kind, &message);
        }
        for length in [0, 1, 7, 40, 41, 200, 5000] {
            let mut bytes = vec![0; length];
            random.fill_bytes(&mut bytes);
            add(fleet, kind, &vec![("m".to_owned(), bytes)]);
        }
    }
    Ok(Strike::once("forged, truncated and altered messages"))
}

pub fn old_epoch(fleet: &mut Fleet, _: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let old = ["jobs", "results"].map(|kind| (kind, messages(fleet, kind)));
    if fleet.site.ask::<String>(&["FLUSHALL"]).is_none() {
        return Err(Miss::Failed("FLUSHALL is not answered".to_owned()));
    }
    let is_back = |_| {
        sleep(Duration::from_millis(20));
        !fleet.site.keys("jobs").is_empty()
    };
    let limit = fleet.site.setting.patience(Duration::from_secs(10));
    if !(0..limit.as_millis() / 20).any(is_back) {
        return match fleet.is_running() {
            true => Err(Miss::Failed("no new epoch after FLUSHALL".to_owned())),
            false => Err(Miss::Skipped("the study had ended".to_owned())),
        };
    }
    let mut added = 0;
    for (kind, messages) in old {
        for message in messages {
            added += u64::from(add(fleet, kind, &message));
        }
    }
    Ok(Strike { added, ..Strike::once("FLUSHALL, then messages of the old epoch") })
}

/// Messages that are in a stream now. Results are there for moments only.
fn messages(fleet: &Fleet, kind: &str) -> Vec<Message> {
    for _ in 0..50 {
        let Some(key) = fleet.site.keys(kind).into_iter().next() else { return Vec::new() };
        let mut range = cmd("XRANGE");
        range.arg(key).arg("-").arg("+").arg("COUNT").arg(MANY);
        let found: StreamRangeReply = fleet.site.server.ask(&range).unwrap_or_default();
        let messages: Vec<Message> = found
            .ids
            .into_iter()
            .map(|entry| {
                let fields = entry.map.into_iter();
                let bytes = |value| redis::from_redis_value::<Vec<u8>>(value).unwrap_or_default();
                fields.map(|(field, value)| (field, bytes(value))).collect()
            })
            .collect();
        if messages.iter().flatten().any(|(_, bytes)| !bytes.is_empty()) {
            return messages;
        }
        sleep(Duration::from_millis(5));
    }
    Vec::new()
}

/// Adds a message to a stream that is there; whether it was.
fn add(fleet: &Fleet, kind: &str, message: &Message) -> bool {
    let Some(key) = fleet.site.keys(kind).into_iter().next() else { return false };
    let mut command = cmd("XADD");
    command.arg(key).arg("NOMKSTREAM").arg("*");
    for (field, bytes) in message {
        command.arg(field).arg(bytes);
    }
    fleet.site.server.ask::<Option<String>>(&command).flatten().is_some()
}
