//! Deadlines, and patience with the machine: the only clock beside a trial.

use rustix::io::Errno;
use std::io;
use std::time::{Duration, Instant};

/// A moment at which waiting ends; none never comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// The moment after so much time from now on.
    #[expect(clippy::disallowed_methods, reason = "a timeout is a clock; it marks its trial")]
    pub(super) fn after(time: Option<Duration>) -> Self {
        Self(time.map(|time| Instant::now() + time))
    }

    /// The moment after so much time from now on, or this one if it comes before.
    pub(super) fn or_after(self, time: Duration) -> Self {
        Self::after(Some(self.left().map_or(time, |left| left.min(time))))
    }

    /// The time that is left; zero once it has come.
    #[expect(clippy::disallowed_methods, reason = "a timeout is a clock; it marks its trial")]
    pub(super) fn left(self) -> Option<Duration> {
        self.0.map(|moment| moment.saturating_duration_since(Instant::now()))
    }

    /// Whether it has come.
    pub(super) fn passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}

/// The first wait before a further attempt; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How long the machine is given to come round.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tries again for a while what the machine has no room for right now: that there are too many
/// processes or open files, or too little memory, is no trial's fault and passes.
///
/// # Errors
/// The last error, at once where waiting does not help.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let deadline = Deadline::after(Some(PATIENCE));
    let mut wait = FIRST_WAIT;
    loop {
        match attempt() {
            Err(error) if passes(&error) && !deadline.passed() => {
                std::thread::sleep(wait);
                wait = (2 * wait).min(LONGEST_WAIT);
            }
            result => return result,
        }
    }
}

/// A busy text file is a program that somebody is writing, or that another thread wrote just
/// before it started a child of its own.
fn passes(error: &io::Error) -> bool {
    [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_nothing_else() {
        let attempts = |errno: Errno| {
            let mut count = 0;
            let result = patiently(|| {
                count += 1;
                if count == 4 { Ok(()) } else { Err(io::Error::from(errno)) }
            });
            (count, result.is_ok())
        };
        for errno in [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY] {
            assert_eq!(attempts(errno), (4, true), "{errno}");
        }
        assert_eq!(attempts(Errno::NOENT), (1, false));
    }
}
