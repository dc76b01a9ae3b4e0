//! How long a fleet takes to go on after a fault.

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use jobs::{JobSpec, Key, Kind, StudyId};
use redis::cmd;
use redis::streams::StreamRangeReply;

use crate::fleet::{Fleet, SECRET};
use crate::process::now;

const LOOK: Duration = Duration::from_millis(5);

/// Times from the end of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    /// Until the first result was durable.
    pub first: f64,
    /// Until every trial that was under way before the fault was done. The status file says it,
    /// once a second.
    pub whole: f64,
}

/// The first trial that nobody had begun when this was called.
pub fn under_way(fleet: &Fleet) -> u64 {
    let done = fleet.site.status().map_or(0, |status| status.done);
    let end = |study: StudyId, message: &[u8]| {
        let key = Key::from_text(SECRET);
        let (_, bytes) = key.open(Kind::Job, study, message).ok()?;
        let job = JobSpec::from_bytes(bytes).ok()?;
        Some(job.id.0.0 + job.len())
    };
    let studies: Vec<String> = fleet.site.ask(&["HKEYS", "optimize:studies"]).unwrap_or_default();
    let Some(study) = studies.first().and_then(|text| StudyId::parse(text)) else { return done };
    let Some(key) = fleet.site.keys("jobs").into_iter().next() else { return done };
    let mut range = cmd("XRANGE");
    range.arg(key).arg("-").arg("+");
    let jobs: StreamRangeReply = fleet.site.server.ask(&range).unwrap_or_default();
    let ends = jobs.ids.iter().filter_map(|entry| end(study, &entry.get::<Vec<u8>>("m")?));
    ends.max().unwrap_or(0).max(done)
}

/// Waits until the fleet has recovered; nothing where the study had ended before.
pub fn await_recovery(
    fleet: &mut Fleet,
    target: u64,
    limit: Duration,
) -> Result<Option<Recovery>, String> {
    if !fleet.is_running() {
        return Ok(None);
    }
    let begun = now();
    let (mut first, mut base): (Option<f64>, Option<Option<SystemTime>>) = (None, None);
    loop {
        let elapsed = begun.elapsed().as_secs_f64();
        let recovered =
            |first: Option<f64>| Recovery { first: first.unwrap_or(elapsed), whole: elapsed };
        if !fleet.is_running() {
            return Ok(Some(recovered(first)));
        }
        let status = fleet.site.status().unwrap_or_default();
        // Whatever a dead coordinator left behind does not count.
        if status.pid == fleet.coordinator.id() {
            let recorded = fleet.site.recorded();
            if recorded != *base.get_or_insert(recorded) {
                first.get_or_insert(elapsed);
            }
            if status.done >= target && first.is_some() {
                return Ok(Some(recovered(first)));
            }
        }
        if begun.elapsed() >= limit {
            return Err(format!(
                "no recovery within {:.0} s: {} of the {target} trials that were under way are \
                 done, {}",
                limit.as_secs_f64(),
                status.done,
                first.map_or("nothing was recorded".to_owned(), |first| format!(
                    "the first result came after {first:.1} s"
                )),
            ));
        }
        sleep(LOOK);
    }
}
