//! What time it is, for people.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[expect(clippy::disallowed_methods, reason = "how long a command took, for people")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "when a study was started is recorded, not hashed")]
pub(super) fn wall_clock() -> SystemTime {
    SystemTime::now()
}

pub(super) fn now_ms() -> u64 {
    let since = wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
