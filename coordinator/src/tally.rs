//! What is known of a study so far: counts, bests, frontier and hash, kept up row by row.

use jobs::{Outcome, Purpose, Work, derived_seed};
use optimizers::pareto::Archive;
use results::{Best, JobTelemetry, ResultsHash, Row, Status, StudySchema};

use crate::driver::Released;
use crate::ingest::Part;
use crate::study::Study;

/// The results of a study's released prefix, summed up.
#[derive(Debug)]
pub struct Tally {
    /// Trial numbers released, skipped ones included.
    pub numbers: u64,
    /// Trials evaluated.
    pub evaluated: u64,
    /// Of those, the ones that failed.
    pub failed: u64,
    /// Of those, the ones that miss an outcome constraint.
    pub infeasible: u64,
    /// Numbers that hold no point.
    pub skipped: u64,
    /// For each objective, the best trial and its value.
    best: Vec<Option<(u64, f64)>>,
    archive: Archive,
    hash: ResultsHash,
}

impl Tally {
    /// The tally of no trials.
    #[must_use]
    pub fn new(schema: &StudySchema) -> Self {
        Self {
            numbers: 0,
            evaluated: 0,
            failed: 0,
            infeasible: 0,
            skipped: 0,
            best: vec![None; schema.objectives().len()],
            archive: Archive::new(schema.objectives().len()),
            hash: ResultsHash::new(schema),
        }
    }

    /// Trials that completed and meet every outcome constraint.
    #[must_use]
    pub fn complete(&self) -> u64 {
        self.evaluated - self.failed - self.infeasible
    }

    /// Trials on the frontier.
    #[must_use]
    pub fn frontier(&self) -> u64 {
        if self.complete() == 0 { 0 } else { self.archive.len() as u64 }
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

    /// Takes up a released job and appends its rows to `part`.
    pub fn take_up(&mut self, study: &Frame<'_>, released: &Released, part: &mut Part) {
        let trials = &released.result.trials;
        for (offset, trial) in trials.iter().enumerate() {
            let number = released.first + offset as u64;
            if trial.outcome == Outcome::Skipped {
                self.skipped += 1;
                continue;
            }
            let point = match &released.work {
                Work::Points(points) => points[offset].clone(),
                Work::Range { .. } => {
                    let sequence = study.sequence.expect("ranges are of a sequence");
                    sequence.point(number).expect("an evaluated number holds a point")
                }
            };
            let seed = derived_seed(study.seed, Purpose::Trial, number);
            let row = study.schema.row(number, seed, point, trial).expect("not skipped");
            self.count(study.schema, &row);
            part.rows.push(row);
        }
        self.numbers = released.first + trials.len() as u64;
        part.jobs.push(JobTelemetry::from(&released.result));
        part.high_water = self.numbers;
    }

    fn count(&mut self, schema: &StudySchema, row: &Row) {
        self.evaluated += 1;
        self.hash.update(row);
        match row.status {
            Status::Infeasible => {
                self.infeasible += 1;
                return;
            }
            Status::Complete => {}
            _ => {
                self.failed += 1;
                return;
            }
        }
        let objectives = schema.oriented_objectives(row).expect("complete");
        for (best, value) in self.best.iter_mut().zip(&objectives) {
            if best.is_none_or(|(_, known)| *value < known) {
                *best = Some((row.trial, *value));
            }
        }
        self.archive.insert(row.trial, &objectives, 0.0);
    }
}

/// The parts of a study that turn results into rows.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Its columns.
    pub schema: &'a StudySchema,
    /// Its sequence, where it has one.
    pub sequence: Option<&'a dyn search_spaces::Sequence>,
    /// Its seed.
    pub seed: u64,
}

impl<'a> From<&'a Study> for Frame<'a> {
    fn from(study: &'a Study) -> Self {
        Self {
            schema: &study.schema,
            sequence: study.sequence.as_deref(),
            seed: study.choices.seed,
        }
    }
}
