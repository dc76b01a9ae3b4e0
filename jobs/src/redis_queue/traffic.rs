//! What this process has to do with servers, counted for whoever watches it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

static LOST: AtomicU64 = AtomicU64::new(0);
static UNCONFIRMED: AtomicUsize = AtomicUsize::new(0);

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

pub(super) fn lose() {
    LOST.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn keep(results: usize) {
    UNCONFIRMED.fetch_add(results, Ordering::Relaxed);
}

pub(super) fn confirm(results: usize) {
    UNCONFIRMED.fetch_sub(results, Ordering::Relaxed);
}
