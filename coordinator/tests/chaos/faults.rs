//! What happens to the processes, the server, the clocks and the disk of a fleet.

#![expect(clippy::unnecessary_wraps, reason = "all faults are called in the same way")]

use std::thread::sleep;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use crate::fleet::{Fleet, LEASE};
use crate::process::send;
use crate::{messages, network};

/// A fault that was applied.
pub struct Strike {
    /// What it was, for people and for the table.
    pub what: String,
    /// Whatever is under way may be run again so many times.
    pub repeats: u64,
    /// Messages that were put into the queue and may each be run.
    pub added: u64,
}

/// Why a fault was not applied.
pub enum Miss {
    /// It cannot be, here or now.
    Skipped(String),
    /// Something was found broken.
    Failed(String),
}

/// What a fault needs of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// Proxies between the processes and the server.
    Proxies,
    /// A small disk.
    Disk,
    /// Clocks that can be set.
    Clocks,
}

/// A way to disturb a fleet.
pub struct Fault {
    /// What it is called in `--faults`.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What it needs.
    pub need: Need,
    /// From its end until everything that was under way is done: at most so many seconds.
    pub limit: f64,
    /// Applies it; it is over when this returns.
    pub strike: fn(&mut Fleet, &mut ChaCha8Rng) -> Result<Strike, Miss>,
}

impl Strike {
    /// A fault after which what is under way may be run once more.
    pub fn once(what: impl Into<String>) -> Self {
        Self { what: what.into(), repeats: 1, added: 0 }
    }
}

/// All faults there are.
pub const FAULTS: &[Fault] = &[
    fault("worker-kill", "kill -9 of a worker; another one joins", 5.0, worker_kill),
    fault(
        "worker-stop",
        "SIGSTOP of a worker for longer than the lease, then SIGCONT",
        5.0,
        worker_stop,
    ),
    fault("worker-drain", "SIGTERM of a worker while another joins", 5.0, worker_drain),
    fault("worker-join", "a worker joins late", 5.0, worker_join),
    fault(
        "coordinator-kill",
        "kill -9 of the coordinator, then `optimize resume`",
        8.0,
        coordinator_kill,
    ),
    fault(
        "coordinator-stop",
        "SIGSTOP of the coordinator for seconds, then SIGCONT",
        5.0,
        coordinator_stop,
    ),
    fault(
        "coordinator-drain",
        "SIGTERM of the coordinator, then `optimize resume`",
        8.0,
        coordinator_drain,
    ),
    fault(
        "coordinator-second",
        "a second coordinator tries, here or from another store",
        5.0,
        coordinator_second,
    ),
    fault("redis-kill", "kill -9 of Redis without persistence, or with AOF", 6.0, redis_kill),
    fault("redis-stop", "SIGSTOP of Redis for seconds, then SIGCONT", 8.0, redis_stop),
    fault(
        "everything-kill",
        "kill -9 of coordinator, workers and Redis at once",
        10.0,
        everything_kill,
    ),
    fault("flushall", "FLUSHALL", 5.0, flushall),
    fault("maxmemory", "Redis has no memory left for seconds", 5.0, maxmemory),
    fault("client-kill", "CLIENT KILL of every connection, 5 times a second", 5.0, client_kill),
    fault("client-pause", "CLIENT PAUSE for seconds", 8.0, client_pause),
    fault(
        "delete-key",
        "DEL of one of the keys of jobs, results, workers or board",
        8.0,
        messages::delete_key,
    ),
    fault("duplicates", "jobs and results are in the streams twice", 5.0, messages::duplicates),
    fault(
        "forgeries",
        "random, truncated and altered messages in the streams",
        5.0,
        messages::forgeries,
    ),
    fault(
        "old-epoch",
        "jobs and results of before a FLUSHALL come after it",
        6.0,
        messages::old_epoch,
    ),
    Fault {
        need: Need::Proxies,
        ..fault("net-latency", "a slow network with jitter", 5.0, network::latency)
    },
    Fault {
        need: Need::Proxies,
        ..fault("net-slices", "a network that cuts all into tiny segments", 5.0, network::slices)
    },
    Fault {
        need: Need::Proxies,
        ..fault(
            "net-black-hole",
            "nothing passes in one direction, or in both",
            12.0,
            network::black_hole,
        )
    },
    Fault {
        need: Need::Proxies,
        ..fault(
            "net-half-open",
            "connections lose one end, and the other hears nothing",
            12.0,
            network::half_open,
        )
    },
    Fault {
        need: Need::Proxies,
        ..fault("net-reset", "every connection is reset", 5.0, network::reset)
    },
    Fault {
        need: Need::Clocks,
        ..fault(
            "clock",
            "the wall clock of Redis, a worker or the coordinator jumps by an hour",
            5.0,
            clock,
        )
    },
    Fault {
        need: Need::Disk,
        ..fault(
            "disk-full",
            "no space is left for the store; `optimize resume` once there is",
            8.0,
            disk_full,
        )
    },
];

const fn fault(
    name: &'static str,
    about: &'static str,
    limit: f64,
    strike: fn(&mut Fleet, &mut ChaCha8Rng) -> Result<Strike, Miss>,
) -> Fault {
    Fault { name, about, need: Need::Nothing, limit, strike }
}

/// A time between two, in milliseconds.
pub fn between(random: &mut ChaCha8Rng, least: u64, most: u64) -> Duration {
    Duration::from_millis(least + random.next_u64() % (most - least + 1))
}

/// One of so many.
pub fn any(random: &mut ChaCha8Rng, count: usize) -> usize {
    random.next_u64() as usize % count
}

fn worker_kill(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let index = any(random, fleet.workers.len());
    let mut worker = fleet.workers.remove(index);
    worker.kill();
    fleet.gone.push(worker);
    fleet.join();
    Ok(Strike::once("kill -9 of a worker"))
}

fn worker_stop(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let index = any(random, fleet.workers.len());
    fleet.workers[index].signal("-STOP");
    sleep(LEASE + between(random, 0, 2000));
    fleet.workers[index].signal("-CONT");
    Ok(Strike::once("SIGSTOP of a worker for longer than the lease"))
}

fn worker_drain(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let index = any(random, fleet.workers.len());
    fleet.join();
    let mut worker = fleet.workers.remove(index);
    worker.signal("-TERM");
    let is_over = worker.ends_within(fleet.site.setting.patience(Duration::from_secs(12)));
    let (code, name) = (worker.code(), worker.name.clone());
    fleet.gone.push(worker);
    if is_over && code == Some(0) {
        return Ok(Strike::once("SIGTERM of a worker while another joins"));
    }
    Err(Miss::Failed(format!("{name} was asked to drain and ended with {code:?}")))
}

fn worker_join(fleet: &mut Fleet, _: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    fleet.join();
    Ok(Strike::once("a worker that joins late"))
}

fn coordinator_kill(fleet: &mut Fleet, _: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    running(fleet)?;
    fleet.coordinator.kill();
    fleet.resume();
    Ok(Strike::once("kill -9 of the coordinator"))
}

fn coordinator_stop(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    running(fleet)?;
    fleet.coordinator.signal("-STOP");
    sleep(between(random, 1000, 6000));
    fleet.coordinator.signal("-CONT");
    Ok(Strike::once("SIGSTOP of the coordinator"))
}

fn coordinator_drain(fleet: &mut Fleet, _: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    running(fleet)?;
    fleet.coordinator.signal("-TERM");
    let is_over =
        fleet.coordinator.ends_within(fleet.site.setting.patience(Duration::from_secs(15)));
    match fleet.coordinator.code() {
        Some(130) => {
            fleet.resume();
            Ok(Strike::once("SIGTERM of the coordinator"))
        }
        Some(0) => Err(Miss::Skipped("the study was at its end".to_owned())),
        code if is_over => {
            Err(Miss::Failed(format!("SIGTERM ended the coordinator with {code:?}")))
        }
        _ => Err(Miss::Failed("SIGTERM does not end the coordinator".to_owned())),
    }
}

fn coordinator_second(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let is_elsewhere = random.next_u32().is_multiple_of(2);
    running(fleet)?;
    let mut second = fleet.second(is_elsewhere);
    let is_over = second.ends_within(fleet.site.setting.patience(Duration::from_secs(30)));
    let (code, said) = (second.code(), second.err());
    fleet.gone.push(second);
    if !is_over {
        return Err(Miss::Failed("a second coordinator does not end".to_owned()));
    }
    if code == Some(0) && !fleet.is_running() {
        return Err(Miss::Skipped("the study had ended before the second one looked".to_owned()));
    }
    if !matches!(code, Some(2 | 3)) {
        return Err(Miss::Failed(format!("a second coordinator ended with {code:?}: {said}")));
    }
    let place = if is_elsewhere { "from another store" } else { "of the same store" };
    Ok(Strike::once(format!("a second coordinator {place} is refused")))
}

fn redis_kill(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    fleet.site.server.kill();
    sleep(between(random, 0, 1500));
    fleet.site.server.launch();
    let how = fleet.site.setting.persistence;
    let how = how.map_or("without persistence".to_owned(), |how| format!("with AOF ({how})"));
    Ok(Strike::once(format!("kill -9 of Redis {how}")))
}

fn redis_stop(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let id = fleet.site.server.id().expect("it runs");
    send(id, "-STOP");
    sleep(between(random, 1000, 7000));
    send(id, "-CONT");
    Ok(Strike { repeats: 2, ..Strike::once("SIGSTOP of Redis") })
}

fn everything_kill(fleet: &mut Fleet, _: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    running(fleet)?;
    let count = fleet.workers.len();
    fleet.site.server.kill();
    fleet.coordinator.kill();
    for mut worker in std::mem::take(&mut fleet.workers) {
        worker.kill();
        fleet.gone.push(worker);
    }
    fleet.site.server.launch();
    fleet.resume();
    (0..count).for_each(|_| fleet.join());
    Ok(Strike { repeats: 2, ..Strike::once("kill -9 of everything at once") })
}

fn flushall(fleet: &mut Fleet, _: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    give(fleet, &["FLUSHALL"])?;
    Ok(Strike::once("FLUSHALL"))
}

fn maxmemory(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    give(fleet, &["CONFIG", "SET", "maxmemory", "1"])?;
    sleep(between(random, 500, 3000));
    give(fleet, &["CONFIG", "SET", "maxmemory", "0"])?;
    Ok(Strike { repeats: 2, ..Strike::once("maxmemory is reached") })
}

fn client_kill(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let times = 10 + random.next_u64() % 11;
    for _ in 0..times {
        let words = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
        if fleet.site.ask::<u64>(&words).is_none() {
            return Err(Miss::Failed("CLIENT KILL is not answered".to_owned()));
        }
        sleep(Duration::from_millis(200));
    }
    Ok(Strike { repeats: times, ..Strike::once("CLIENT KILL of all, 5/s for 2 to 4 s") })
}

fn client_pause(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let time = between(random, 1000, 6000);
    give(fleet, &["CLIENT", "PAUSE", &time.as_millis().to_string(), "ALL"])?;
    sleep(time);
    Ok(Strike { repeats: 2, ..Strike::once("CLIENT PAUSE") })
}

fn clock(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let (who, sign) = (random.next_u32() % 3, random.next_u32() % 2);
    let index = any(random, fleet.workers.len());
    let Some(clocks) = &fleet.site.clocks else {
        return Err(Miss::Skipped("no C compiler (cc) here".to_owned()));
    };
    let (what, name) = match who {
        0 => ("Redis", "server"),
        1 => ("a worker", fleet.workers[index].name.as_str()),
        _ => ("the coordinator", fleet.coordinator.name.as_str()),
    };
    let (text, seconds) = if sign == 0 { ("+1 h", 3600) } else { ("-1 h", -3600) };
    clocks.set(name, seconds);
    // Long enough for whoever decides by such a clock to decide wrongly.
    sleep(between(random, 500, 2500));
    Ok(Strike::once(format!("the clock of {what} jumps by {text}")))
}

fn disk_full(fleet: &mut Fleet, _: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    running(fleet)?;
    let Some(disk) = &fleet.site.disk else {
        return Err(Miss::Skipped("mounting is not permitted here".to_owned()));
    };
    if !disk.fill() {
        return Err(Miss::Skipped("the disk cannot be made smaller".to_owned()));
    }
    let is_over =
        fleet.coordinator.ends_within(fleet.site.setting.patience(Duration::from_secs(20)));
    disk.make_room();
    let (code, said) = (fleet.coordinator.code(), fleet.coordinator.err());
    if !is_over {
        return Err(Miss::Failed("a full disk does not end the coordinator".to_owned()));
    }
    if code == Some(0) {
        return Err(Miss::Skipped("the study needed no more space".to_owned()));
    }
    let names_the_path = said.contains("no space left") && said.contains("disk/store");
    if code != Some(3) || !names_the_path {
        return Err(Miss::Failed(format!("a full disk ended it with {code:?}: {said}")));
    }
    fleet.resume();
    Ok(Strike::once("the disk of the store is full"))
}

/// Faults of a coordinator need one.
fn running(fleet: &mut Fleet) -> Result<(), Miss> {
    match fleet.is_running() {
        true => Ok(()),
        false => Err(Miss::Skipped("the study had ended".to_owned())),
    }
}

fn give(fleet: &Fleet, words: &[&str]) -> Result<(), Miss> {
    match fleet.site.ask::<String>(words).as_deref() {
        Some("OK") => Ok(()),
        found => Err(Miss::Failed(format!("{words:?}: {found:?}"))),
    }
}
