//! What travels between coordinator and workers: jobs and their results.

use std::fmt;
use std::sync::Arc;

use search_spaces::{Guard, Point};

/// The fingerprint of a study: the BLAKE3 hash of everything that its results depend on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StudyId(pub [u8; 32]);

impl StudyId {
    /// The id that this text of 64 hexadecimal digits stands for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for StudyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for StudyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StudyId({self})")
    }
}

/// The number of a trial, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialId(pub u64);

/// A job is known by its first trial. Which trials it holds beside that one may differ from run
/// to run, where nothing depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub TrialId);

/// The points of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// So many consecutive numbers of the study's sequence; the worker works the points out.
    Range {
        /// How many.
        len: u64,
    },
    /// Points that an optimizer chose.
    Points(Vec<Point>),
}

/// A trial that paused, as one that goes on with it sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The number that it had when it was new, whose seed it has for good.
    pub trial: u64,
    /// What it has reported so far, where its simulator takes it up from there; nothing where it
    /// begins once more.
    pub earlier: Vec<Report>,
}

/// A run of consecutive trials, with everything that their results depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSpec {
    /// The study that it belongs to.
    pub study: StudyId,
    /// Its first trial.
    pub id: JobId,
    /// How many times it was handed out before.
    pub attempt: u32,
    /// How many times it was lost, as with a worker that died. It may have been the job's own
    /// fault.
    pub losses: u32,
    /// The study's seed, from which the seeds of the trials are derived.
    pub seed: u64,
    /// The points.
    pub work: Work,
    /// What the trials go on with, for each of the points. Empty where all trials are new.
    pub origins: Vec<Origin>,
    /// What other trials ask of these, where a pruner compares them.
    pub guard: Option<Arc<Guard>>,
}

impl JobSpec {
    /// A job that has not been handed out, of new trials that are held against no others.
    #[must_use]
    pub fn new(study: StudyId, first: TrialId, seed: u64, work: Work) -> Self {
        let (id, origins) = (JobId(first), Vec::new());
        Self { study, id, attempt: 0, losses: 0, seed, work, origins, guard: None }
    }

    /// How many trials the job holds.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.work {
            Work::Range { len } => *len,
            Work::Points(points) => points.len() as u64,
        }
    }

    /// The job of one of its trials alone.
    ///
    /// # Panics
    /// If it has no such trial.
    #[must_use]
    pub fn single(&self, offset: u64) -> Self {
        assert!(offset < self.len(), "a trial of the job");
        let work = match &self.work {
            Work::Range { .. } => Work::Range { len: 1 },
            Work::Points(points) => {
                let point = &points[usize::try_from(offset).expect("a list fits")];
                Work::Points(vec![point.clone()])
            }
        };
        let origins = self.origins.get(offset as usize).cloned().into_iter().collect();
        let id = JobId(TrialId(self.id.0.0 + offset));
        Self { id, work, origins, ..self.clone() }
    }

    /// The number of the trial whose seed the trial of this place has: its own, unless it goes on
    /// with an earlier one.
    #[must_use]
    pub fn origin(&self, offset: u64) -> u64 {
        self.gone_before(offset).map_or(self.id.0.0 + offset, |origin| origin.trial)
    }

    /// What the trial of this place reported before it paused, where it is taken up from there.
    #[must_use]
    pub fn earlier(&self, offset: u64) -> &[Report] {
        self.gone_before(offset).map_or(&[], |origin| &origin.earlier)
    }

    fn gone_before(&self, offset: u64) -> Option<&Origin> {
        usize::try_from(offset).ok().and_then(|place| self.origins.get(place))
    }

    /// The same trials, all of which begin at their beginning.
    #[must_use]
    pub fn anew(mut self) -> Self {
        self.origins.iter_mut().for_each(|origin| origin.earlier.clear());
        self
    }

    /// Whether the job holds no trial.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An intermediate value of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The step at which it was reported.
    pub step: u64,
    /// One value per metric.
    pub values: Vec<f64>,
}

/// How one trial ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With one value per metric, in the simulator's order. They need not be finite.
    Complete(Vec<f64>),
    /// With an expected failure and its message.
    Failed(String),
    /// By the clock, with a message: another time it might have come to its end.
    TimedOut(String),
    /// By a rule or a pruner, on account of its last report; the message says which one.
    Pruned(String),
    /// Its number holds no point: the constraints rule it out.
    Skipped,
}

/// What came of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialResult {
    /// How it ended.
    pub outcome: Outcome,
    /// What it reported on its way, in order.
    pub reports: Vec<Report>,
}

/// What came of a job.
///
/// Two results of one job are equal in `trials`, whoever computed them and however often; the
/// rest is telemetry.
#[derive(Clone, Debug, PartialEq)]
pub struct JobResult {
    /// The study.
    pub study: StudyId,
    /// The job.
    pub id: JobId,
    /// The attempt that this is the result of.
    pub attempt: u32,
    /// The results of its trials, in order. A worker that was told to stop returns the trials
    /// that it finished: a prefix.
    pub trials: Vec<TrialResult>,
    /// Who computed it, for people.
    pub worker: String,
    /// Wall-clock time that the job took, in nanoseconds.
    pub elapsed_ns: u64,
}
