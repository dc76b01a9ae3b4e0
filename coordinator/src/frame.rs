//! The parts of a study that turn results into rows.

use std::sync::Arc;

use jobs::{JobSpec, Purpose, TrialResult, Work, derived_seed};
use results::{Row, StudySchema};
use search_spaces::Sequence;

use crate::study::Study;

/// Columns, sequence and seed of a study.
#[derive(Clone)]
pub struct Frame {
    /// Its columns.
    pub schema: Arc<StudySchema>,
    sequence: Option<Arc<dyn Sequence>>,
    seed: u64,
}

impl Frame {
    /// The row of a job's trial number `offset`; none where its number holds no point.
    ///
    /// # Panics
    /// If the job is not of this study.
    #[must_use]
    pub fn row(&self, job: &JobSpec, offset: u64, trial: &TrialResult) -> Option<Row> {
        if trial.outcome == jobs::Outcome::Skipped {
            return None;
        }
        let number = job.id.0.0 + offset;
        let point = match &job.work {
            Work::Points(points) => points[usize::try_from(offset).expect("a list fits")].clone(),
            Work::Range { .. } => {
                let sequence = self.sequence.as_ref().expect("ranges are of a sequence");
                sequence.point(number).expect("an evaluated number holds a point")
            }
        };
        let seed = derived_seed(self.seed, Purpose::Trial, job.origin(offset));
        let row = self.schema.row(number, seed, point, trial)?;
        Some(Row { origin: (!job.origins.is_empty()).then(|| job.origin(offset)), ..row })
    }
}

impl From<&Study> for Frame {
    fn from(study: &Study) -> Self {
        Self {
            schema: Arc::clone(&study.schema),
            sequence: study.sequence.clone(),
            seed: study.choices.seed,
        }
    }
}
