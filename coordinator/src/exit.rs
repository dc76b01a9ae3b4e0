//! How the program ends.

use std::path::Path;

use data_sets::SetError;
use results::ResultsError;
use search_spaces::TemplateError;
use simulators::{DataError, OpenError};

use crate::driver::Mismatch;

/// Where studies are kept unless said.
pub const DEFAULT_STORE: &str = "optimize-store";

/// Where data sets are kept unless said.
pub const DEFAULT_DATA: &str = "optimize-data";

/// What a command needs beside its name to find a store: nothing for the usual one.
pub fn store_option(store: &Path) -> String {
    if store == Path::new(DEFAULT_STORE) {
        String::new()
    } else {
        format!(" --store {}", store.display())
    }
}

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

    /// The failure of a command on a store that is not the usual one: what it says to run names
    /// the store as well.
    #[must_use]
    pub fn in_store(mut self, store: &Path) -> Self {
        const COMMAND: &str = "`optimize resume ";
        if let Some(start) = self.message.find(COMMAND)
            && let Some(end) = self.message[start + COMMAND.len()..].find('`')
        {
            let at = start + COMMAND.len() + end;
            self.message.insert_str(at, &store_option(store));
        }
        self
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

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<SetError> for Failure {
    fn from(error: SetError) -> Self {
        let exit = match error {
            SetError::Data(_) | SetError::Asked { .. } => Exit::Usage,
            _ => Exit::Infrastructure,
        };
        Self { exit, message: error.to_string() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_run_names_the_store() {
        let failure = || Failure::usage("full: run `optimize resume big` then");
        let message = failure().in_store(Path::new("elsewhere")).message;
        assert_eq!(message, "full: run `optimize resume big --store elsewhere` then");
        assert_eq!(failure().in_store(Path::new(DEFAULT_STORE)).message, failure().message);
    }
}
