//! One attempt at a trial that came to nothing.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::settings::Settings;
use super::words::{ending, last_words};
use crate::contract::Failure;

/// The signal for too much processor time, the same on all systems that have it.
const SIGXCPU: i32 = 24;

/// The signal that ends one that does not heed it.
const SIGKILL: i32 = 9;

/// The signals that end whole sessions and jobs: SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM.
const TO_ALL: [i32; 5] = [1, 2, 3, SIGKILL, 15];

/// What a shell adds to the signal that ended its program, for its own exit code.
const BY_SIGNAL: i32 = 128;

/// What made an attempt end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The program said or left something wrong.
    Answer,
    /// The program could not be started.
    Start,
    /// The machine did not do its part.
    Machine,
    /// The program died, or wrote what is no answer at all.
    Broken,
    /// The trial's time was over.
    Late,
    /// The trial was pruned.
    Stopped,
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) struct Trouble {
    pub failure: Failure,
    pub cause: Cause,
    /// The exit code with which the child ended by itself, where it did.
    code: Option<i32>,
}

impl Trouble {
    fn new(cause: Cause, failure: Failure) -> Self {
        Self { failure, cause, code: None }
    }

    pub(super) fn answer(message: impl Into<String>) -> Self {
        Self::new(Cause::Answer, Failure::new(message))
    }

    pub(super) fn start(message: impl Into<String>) -> Self {
        Self::new(Cause::Start, Failure::new(message))
    }

    pub(super) fn machine(message: impl Into<String>) -> Self {
        Self::new(Cause::Machine, Failure::machine(message))
    }

    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self::new(Cause::Broken, Failure::new(message))
    }

    pub(super) fn late(message: impl Into<String>) -> Self {
        Self::new(Cause::Late, Failure::timeout(message))
    }

    pub(super) fn stopped() -> Self {
        Self::new(Cause::Stopped, Failure::new("stopped"))
    }

    /// The child ended by itself.
    pub(super) fn ended(
        settings: &Settings,
        status: Option<ExitStatus>,
        errors: &[u8],
        when: &str,
    ) -> Self {
        let Some(status) = status else {
            return Self::machine(
                "the system does not tell how programs end: SIGCHLD is ignored where optimize was \
                 started",
            );
        };
        // A shell between us and the program passes a signal on as a code.
        let signal = status.signal().or(status.code().map(|code| code - BY_SIGNAL));
        let at_limit = settings.limits.cpu.is_some()
            && signal.is_some_and(|signal| [SIGXCPU, SIGKILL].contains(&signal));
        let failure = if at_limit || status.signal() == Some(SIGXCPU) {
            Failure::timeout("the program used up its processor time (cpu)")
        } else {
            let words = last_words(errors, &settings.whereabouts);
            let message = format!("the program {}{when}{words}", ending(status));
            match signal {
                Some(signal) if TO_ALL.contains(&signal) => Failure::signal(message),
                _ => Failure::new(message),
            }
        };
        Self { failure, cause: Cause::Broken, code: status.code() }
    }

    /// Whether another attempt may come to something: the child ended with one of these codes.
    pub(super) fn may_pass(&self, codes: &[i64]) -> bool {
        self.code.is_some_and(|code| codes.contains(&code.into()))
    }
}
