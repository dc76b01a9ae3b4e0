//! `status.json`: how far a study is, for every process that asks.

use serde::{Deserialize, Serialize};

use crate::record::StudyState;

/// What the coordinator tells about its study, about once a second. The field names are stable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StudyStatus {
    /// Name of the study.
    pub name: String,
    /// What it is doing.
    pub state: StudyState,
    /// Process that works on it, or did last.
    pub pid: u32,
    /// When that process started, in milliseconds since 1970 (UTC).
    pub started_at: u64,
    /// When this was written, in milliseconds since 1970 (UTC).
    pub updated_at: u64,
    /// How much of `total` is done: trials evaluated where their number is limited, otherwise
    /// numbers of the plan, skipped ones included.
    pub done: u64,
    /// What is aimed at, where that is known.
    pub total: Option<u64>,
    /// Trials evaluated.
    pub evaluated: u64,
    /// Trials that failed or timed out.
    pub failed: u64,
    /// Numbers that hold no point.
    pub skipped: u64,
    /// Trials that violate an outcome constraint.
    pub infeasible: u64,
    /// The best value so far of each objective.
    pub best: Vec<Best>,
    /// Different objective vectors on the frontier.
    pub frontier: u64,
    /// Trials per second, lately.
    pub trials_per_second: f64,
    /// Workers that are alive.
    pub workers: u32,
    /// Hash of the results table in hexadecimal, once the study has ended.
    pub results_hash: Option<String>,
    /// Something that a person should know, such as why the study failed.
    pub message: Option<String>,
}

/// The best value of an objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The metric.
    pub metric: String,
    /// `minimize` or `maximize`.
    pub direction: String,
    /// The trial that reached it first.
    pub trial: u64,
    /// The value, not oriented.
    pub value: f64,
}
