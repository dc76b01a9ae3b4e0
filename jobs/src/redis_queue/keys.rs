//! Names in Redis. All keys of a study share one hash tag, so that they are on one node of a
//! cluster.

use crate::job::StudyId;

/// The names of one study's keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// Stream of jobs; read through [`GROUP`].
    pub jobs: String,
    /// Stream of results.
    pub results: String,
    /// Hash: owner, its beat, epoch, generation, order.
    pub meta: String,
    /// Hash: worker to a counter that it keeps moving.
    pub beats: String,
    /// Hash: worker to what it says of itself.
    pub about: String,
}

/// The group that workers read jobs through.
pub(super) const GROUP: &str = "workers";

impl Keys {
    pub(super) fn new(study: StudyId) -> Self {
        let tag = tag(study);
        let name = |what: &str| format!("optimize:{{{tag}}}:{what}");
        Self {
            jobs: name("jobs"),
            results: name("results"),
            meta: name("meta"),
            beats: name("beats"),
            about: name("about"),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> [&String; 5] {
        [&self.jobs, &self.results, &self.meta, &self.beats, &self.about]
    }
}

/// What the names of a study's keys have in common. Sixteen digits tell the studies of one server
/// apart; messages are bound to the whole id.
pub(super) fn tag(study: StudyId) -> String {
    study.to_string().chars().take(16).collect()
}
