//! How the program ends.

use results::ResultsError;
use search_spaces::TemplateError;
use simulators::OpenError;

use crate::driver::Mismatch;

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked for was done.
    Done = 0,
    /// The study ended, but no trial of it completed.
    Short = 1,
    /// The command line, the template or the data are at fault; nothing was started.
    Usage = 2,
    /// Disk, memory or network are at fault; what was recorded is safe.
    Infrastructure = 3,
    /// The same question got two different answers.
    NonDeterministic = 4,
    /// Stopped by Ctrl-C or SIGTERM; the study can be resumed.
    Interrupted = 130,
}

/// Why a command ends early: a message for people, and the code that goes with it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened and what to do.
    pub message: String,
}

impl Failure {
    /// Bad input.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// Infrastructure that does not work.
    pub fn infrastructure(message: impl Into<String>) -> Self {
        Self { exit: Exit::Infrastructure, message: message.into() }
    }
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<Mismatch> for Failure {
    fn from(error: Mismatch) -> Self {
        Self { exit: Exit::NonDeterministic, message: error.to_string() }
    }
}

impl From<jobs::QueueError> for Failure {
    fn from(error: jobs::QueueError) -> Self {
        Self::infrastructure(error.to_string())
    }
}

impl From<ResultsError> for Failure {
    fn from(error: ResultsError) -> Self {
        let exit = match error {
            ResultsError::NotFound { .. }
            | ResultsError::NoStudies { .. }
            | ResultsError::BadName { .. }
            | ResultsError::BadOutput { .. }
            | ResultsError::Query(_) => Exit::Usage,
            _ => Exit::Infrastructure,
        };
        Self { exit, message: error.to_string() }
    }
}
