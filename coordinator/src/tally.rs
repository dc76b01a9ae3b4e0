//! What is known of a study so far: counts, bests, frontier and hash, kept up row by row.

use optimizers::pareto::Archive;
use results::{Best, Counts, Ranker, Ranking, ResultsHash, Row, Status, StudySchema};
use search_spaces::Direction;

use crate::driver::Released;
use crate::frame::Frame;
use crate::stopping::Judge;

/// So many trials are shown when a study has ended.
pub const LEADERS: usize = 10;

/// A stream is ranked in little memory for so many objectives.
const STREAMED_OBJECTIVES: usize = 2;

fn ranker(schema: &StudySchema) -> Option<Ranker> {
    let objectives = schema.objectives().iter().map(|objective| objective.direction);
    let directions: Vec<Direction> = objectives.collect();
    (directions.len() <= STREAMED_OBJECTIVES).then(|| Ranker::new(&directions, LEADERS))
}

/// The results of a study's released prefix, summed up.
#[derive(Debug)]
pub struct Tally {
    /// Trial numbers released, skipped ones included.
    pub numbers: u64,
    /// How they ended.
    pub counts: Counts,
    /// For each objective, the best trial and its value.
    best: Vec<Option<(u64, f64)>>,
    first_failure: Option<(u64, String)>,
    /// The steps of a whole trial, as far as one is known.
    whole: u64,
    /// The steps of the points that failed: pruning neither saved any nor could have.
    failed_steps: u64,
    archive: Archive,
    ranker: Option<Ranker>,
    /// Kept between rows to save the allocation.
    measured: Vec<f64>,
    hash: ResultsHash,
    judge: Judge,
    reason: Option<String>,
}

impl Tally {
    /// The tally of no trials, which ends where the judge says so; `steps` is how far whole trials
    /// go, where that is known.
    #[must_use]
    pub fn new(schema: &StudySchema, judge: Judge, steps: Option<u64>) -> Self {
        Self {
            numbers: 0,
            counts: Counts::default(),
            best: vec![None; schema.objectives().len()],
            first_failure: None,
            whole: steps.unwrap_or(0),
            failed_steps: 0,
            archive: Archive::new(schema.objectives().len()),
            ranker: ranker(schema),
            measured: Vec::new(),
            hash: ResultsHash::new(schema),
            judge,
            reason: None,
        }
    }

    /// Different points of the frontier; trials with equal objectives count once.
    #[must_use]
    pub fn frontier(&self) -> u64 {
        (self.archive.objectives().len() / self.best.len()) as u64
    }

    /// The first [`LEADERS`] trials of the frontier, best first; none where there are so many
    /// objectives that all trials would have to be kept for that.
    #[must_use]
    pub fn leaders(&self) -> Option<Ranking> {
        let mut ranking = self.ranker.clone()?.finish();
        ranking.trials.retain(|trial| trial.rank == Some(0));
        Some(ranking)
    }

    /// The first trial that failed, and why.
    #[must_use]
    pub fn first_failure(&self) -> Option<&(u64, String)> {
        self.first_failure.as_ref()
    }

    /// The goal that was reached, and where: `f <= 1e-6 at trial 812`. What follows is not taken
    /// up any more.
    #[must_use]
    pub fn reason(&self) -> Option<&String> {
        self.reason.as_ref()
    }

    /// The hash of the table so far.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hash.hex()
    }

    /// The best value of each objective, with the first trial that reached it.
    #[must_use]
    pub fn best(&self, schema: &StudySchema) -> Vec<Best> {
        let named = |(objective, best): (&search_spaces::Objective, &Option<(u64, f64)>)| {
            best.map(|(trial, value)| Best {
                metric: objective.metric.clone(),
                direction: objective.direction.name().to_owned(),
                trial,
                value: objective.direction.orient(value),
            })
        };
        schema.objectives().iter().zip(&self.best).filter_map(named).collect()
    }

    /// Takes up a released job.
    pub fn take_up(&mut self, frame: &Frame, released: &Released) {
        for (offset, trial) in (0..).zip(&released.result.trials) {
            if self.reason.is_some() {
                return;
            }
            self.numbers = released.first() + offset + 1;
            let Some(row) = frame.row(&released.job, offset, trial) else {
                self.counts.skipped += 1;
                continue;
            };
            let earlier = released.job.earlier(offset).last().map_or(0, |report| report.step);
            let objectives = self.count(&frame.schema, &row, earlier);
            let complete = objectives.as_deref().map(|objectives| (&row.metrics[..], objectives));
            if let Some(goal) = self.judge.reached(complete) {
                self.reason = Some(format!("{goal} at trial {}", row.trial));
            }
        }
    }

    /// Counts a row that had come to step `earlier` when it was taken up; its oriented objectives,
    /// where it is complete.
    fn count(&mut self, schema: &StudySchema, row: &Row, earlier: u64) -> Option<Vec<f64>> {
        let counts = &mut self.counts;
        counts.evaluated += 1;
        counts.continued += u64::from(row.origin.is_some());
        let reached = row.reports.last().map_or(0, |report| report.step);
        counts.steps += reached - earlier.min(reached);
        if matches!(row.status, Status::Complete | Status::Infeasible) {
            // A trial that ended without a word at its last step was whole all the same.
            self.whole = self.whole.max(reached);
            counts.steps += self.whole - reached;
        }
        if matches!(row.status, Status::Failed | Status::Timeout) {
            counts.failed += 1;
            self.failed_steps += reached;
        }
        let others = counts.points() - counts.failed.min(counts.points());
        counts.whole_steps = self.whole * others + self.failed_steps;
        self.hash.update(row);
        match row.status {
            Status::Complete => {}
            Status::Infeasible => {
                counts.infeasible += 1;
                return None;
            }
            Status::Pruned => {
                counts.pruned += 1;
                return None;
            }
            Status::Failed | Status::Timeout => {
                counts.timed_out += u64::from(row.status == Status::Timeout);
                if self.first_failure.is_none() {
                    let message = row.message.clone().unwrap_or_default();
                    self.first_failure = Some((row.trial, message));
                }
                return None;
            }
        }
        let objectives = schema.oriented_objectives(row).expect("complete");
        for (best, value) in self.best.iter_mut().zip(&objectives) {
            if best.is_none_or(|(_, known)| *value < known) {
                *best = Some((row.trial, *value));
            }
        }
        self.archive.insert(row.trial, &objectives, 0.0);
        if let Some(ranker) = &mut self.ranker {
            let measured = schema.objectives().iter().zip(&objectives);
            let measured = measured.map(|(each, value)| each.direction.orient(*value));
            self.measured.clear();
            self.measured.extend(measured);
            ranker.complete(row.trial, &self.measured);
        }
        Some(objectives)
    }
}
