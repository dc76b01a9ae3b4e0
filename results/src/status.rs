//! `status.json`: how far a study is, for every process that asks.

use serde::{Deserialize, Serialize};

use crate::comparison::Contradiction;
use crate::record::StudyState;

/// How many trials there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Trials evaluated.
    pub evaluated: u64,
    /// Of those, the ones that failed or timed out.
    pub failed: u64,
    /// Of those that failed, the ones that the clock ended.
    pub timed_out: u64,
    /// Of those evaluated, the ones that were pruned.
    pub pruned: u64,
    /// Of those evaluated, the ones that miss an outcome constraint.
    pub infeasible: u64,
    /// Numbers of the plan that hold no point.
    pub skipped: u64,
    /// Of those evaluated, the ones that go on with a trial that had paused, and are no new points.
    pub continued: u64,
    /// The steps that trials took, as far as they reported them.
    pub steps: u64,
    /// The steps that the same points would have taken if every trial had come to its end, or had
    /// failed where it did; 0 where that is not known.
    pub whole_steps: u64,
}

impl Counts {
    /// Trials that ended with feasible metrics.
    #[must_use]
    pub fn complete(&self) -> u64 {
        self.evaluated - self.failed - self.pruned - self.infeasible
    }

    /// Points evaluated.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.evaluated - self.continued
    }

    /// The share of the work that pruning saved; none where nothing was pruned or that is not
    /// known.
    #[must_use]
    pub fn saved(&self) -> Option<f64> {
        let is_known = self.pruned > 0 && self.whole_steps > 0;
        is_known.then(|| 1.0 - self.steps as f64 / self.whole_steps as f64)
    }
}

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
    /// How the trials ended.
    #[serde(flatten)]
    pub counts: Counts,
    /// The best value so far of each objective.
    pub best: Vec<Best>,
    /// Different objective vectors on the frontier.
    pub frontier: u64,
    /// Trials per second, lately.
    pub trials_per_second: f64,
    /// Workers that are alive.
    pub workers: u64,
    /// Threads that they have.
    #[serde(default)]
    pub threads: u64,
    /// How often the queue between machines has been begun anew; 0 where there is none.
    #[serde(default)]
    pub epoch: u64,
    /// Jobs that are pushed and not answered.
    #[serde(default)]
    pub jobs_in_flight: u64,
    /// Jobs that were lost with whoever held them, and so were pushed again.
    #[serde(default)]
    pub jobs_lost: u64,
    /// Messages that were not taken: forged, damaged, or of an earlier epoch.
    #[serde(default)]
    pub messages_refused: u64,
    /// The workers of a queue between machines.
    #[serde(default)]
    pub fleet: Vec<WorkerStatus>,
    /// Trials of the table that the DuckDB view lacks.
    #[serde(default)]
    pub view_lag: u64,
    /// Hash of the results table in hexadecimal, once the study has ended.
    pub results_hash: Option<String>,
    /// What ended the study early, where that was asked for: `f <= 1e-6 at trial 812`.
    #[serde(default)]
    pub reason: Option<String>,
    /// Trials that the latest process ran a second time to compare.
    #[serde(default)]
    pub audited: u64,
    /// Trials that gave two different results, the first hundred of them.
    #[serde(default)]
    pub contradictions: Vec<Contradiction>,
    /// Why running the study again may give another table; none where nothing is known of it.
    #[serde(default)]
    pub tainted: Option<String>,
    /// Something that a person should know, such as why the study failed.
    pub message: Option<String>,
}

/// A worker of a queue between machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its name, new with every start.
    pub name: String,
    /// The name of its machine.
    pub host: String,
    /// Threads that run trials.
    pub threads: u32,
    /// Jobs that it holds.
    #[serde(default)]
    pub jobs: u64,
    /// Trials that it returned, per second, lately.
    #[serde(default)]
    pub trials_per_second: f64,
    /// Since when it has given no sign of life.
    pub silent_seconds: f64,
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
