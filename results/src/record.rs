//! What a study is, written down beside its results.

use serde::{Deserialize, Serialize};

/// The format of ledgers that this program writes, and the newest that it reads.
pub const LEDGER_FORMAT: u32 = 1;

/// Everything that a study's results depend on, and where it came from.
///
/// Kept in the ledger, and as `study.json` beside it for readers while the study runs. The field
/// names are stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyRecord {
    /// Version of the ledger's format: [`LEDGER_FORMAT`].
    pub format: u32,
    /// Name of the study.
    pub name: String,
    /// The template, overrides included, as TOML.
    pub template: String,
    /// The folder that relative paths in the template start from.
    pub folder: String,
    /// The folder of the data sets, where the study reads any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_folder: Option<String>,
    /// Name of the algorithm.
    pub algorithm: String,
    /// Why it was chosen, where the program chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm_reason: Option<String>,
    /// The study whose results were known beforehand, and the hash of what the ledger keeps of
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownResults>,
    /// The seed.
    pub seed: u64,
    /// How many trials at most; none where the algorithm itself ends the study.
    pub trials: Option<u64>,
    /// Trials per job; 0 where it follows the speed of the workers.
    pub chunk: u64,
    /// How many trials may be open when one is asked.
    pub lag: u64,
    /// Fingerprint of the study, in hexadecimal.
    pub fingerprint: String,
    /// Fingerprint of the data that the simulator reads, in hexadecimal.
    pub data_fingerprint: Option<String>,
    /// Version of the program that created the study.
    pub program_version: String,
    /// Commit that the program was built from.
    pub git_commit: Option<String>,
    /// When it was created, in milliseconds since 1970 (UTC).
    pub created_at: u64,
}

/// Where results that a study knows beforehand came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownResults {
    /// Name of the earlier study.
    pub from: String,
    /// How many trials they are of.
    pub trials: u64,
    /// Hash of them, in hexadecimal.
    pub hash: String,
}

/// What a study is doing, or how it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StudyState {
    /// A process works on it.
    Running,
    /// It was stopped, and can be resumed.
    #[default]
    Interrupted,
    /// Its process ended without a word, and it can be resumed.
    Crashed,
    /// Every trial was done.
    Complete,
    /// It ended early as asked: a target was reached, or the time was up.
    Stopped,
    /// It could not go on.
    Failed,
}

impl StudyState {
    /// The word for it, such as `running`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Crashed => "crashed",
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// The end of a study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// How it ended.
    pub state: StudyState,
    /// The hash of its results table, in hexadecimal.
    pub results_hash: String,
    /// How many trial numbers the table covers, skipped ones included.
    pub trials: u64,
    /// What ended it early, where that was asked for: `f <= 1e-6 at trial 812`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why running the study again may give another table; none where nothing is known of it.
    #[serde(default)]
    pub tainted: Option<String>,
}
