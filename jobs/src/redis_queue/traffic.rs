//! What this process has to do with servers, counted for whoever watches it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use redis::RedisError;

static LOST: AtomicU64 = AtomicU64::new(0);
static UNCONFIRMED: AtomicUsize = AtomicUsize::new(0);
/// Whether the server could not be reached when this process last tried.
static AWAY: AtomicBool = AtomicBool::new(false);

/// Connections that this process has lost so far, of all its queues.
#[must_use]
pub fn connections_lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Results that this process keeps, as a worker, until they are known to be safe.
#[must_use]
pub fn results_unconfirmed() -> u64 {
    UNCONFIRMED.load(Ordering::Relaxed) as u64
}

/// A connection has broken.
pub(super) fn lose(error: &RedisError) {
    LOST.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(%error, "connection to Redis lost");
}

/// A connection that was there cannot be made again. People are told once, however many
/// connections a process has.
pub(super) fn miss(error: &RedisError) {
    if !AWAY.swap(true, Ordering::Relaxed) {
        tracing::warn!(%error, "Redis cannot be reached; it is tried again until it can");
    }
}

/// A connection is there.
pub(super) fn connect() {
    if AWAY.swap(false, Ordering::Relaxed) {
        tracing::info!(target: "optimize", "Redis can be reached again");
    } else {
        tracing::debug!("connected to Redis");
    }
}

pub(super) fn keep(results: usize) {
    UNCONFIRMED.fetch_add(results, Ordering::Relaxed);
}

pub(super) fn confirm(results: usize) {
    UNCONFIRMED.fetch_sub(results, Ordering::Relaxed);
}
