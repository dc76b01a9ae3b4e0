//! Racing: `wilcoxon` stops a trial as soon as it is significantly worse than a good one.
//!
//! Where the reports of a trial are independent repetitions of one measurement (replications,
//! folds, symbols, instances), trials are compared pair by pair, each step with the same step,
//! by the signed-rank test. The rival is the best finished trial, as in Optuna's
//! `WilcoxonPruner`; with several objectives every trial of the frontier is one, and has to be
//! better in each objective. What replications amount to, their mean or their worst, says which
//! trials are the best, and has to be worse over the pairs as well. Compare M. Birattari et al., "A Racing Algorithm for Configuring
//! Metaheuristics", GECCO 2002.

use std::sync::Arc;

use search_spaces::{Aggregate, Course, Guard, Rival, Rivals, Standing};

use super::{End, Pruner, Run};
use crate::pareto::{Scores, non_dominated};

/// So many rivals are raced against at most; of a larger frontier, an even sample.
const MOST_RIVALS: usize = 8;

/// Races trials against the best.
pub(crate) struct Wilcoxon {
    level: f64,
    reports: u64,
    replicates: Option<Aggregate>,
    /// The finished trials that no other one dominates by what their reports amount to, and that.
    best: Vec<(Rival, Vec<f64>)>,
    made: Option<Arc<Guard>>,
}

impl Wilcoxon {
    /// Stops where the probability of being wrong is at most `level`, after so many reports, which
    /// may be replications.
    pub fn new(level: f64, reports: u64, replicates: Option<Aggregate>) -> Self {
        Self { level, reports, replicates, best: Vec::new(), made: None }
    }

    fn guard(&self) -> Guard {
        let many = self.best.len();
        let sample = (0..many.min(MOST_RIVALS)).map(|place| place * many / many.min(MOST_RIVALS));
        let trials = sample.map(|place| self.best[place].0.clone()).collect();
        let rivals = Rivals { level: self.level, reports: self.reports, trials };
        let course = self.replicates.map_or(Course::Last, Course::All);
        Guard { pruner: "wilcoxon".to_owned(), course, rivals: Some(rivals), ..Guard::default() }
    }
}

impl Pruner for Wilcoxon {
    fn begin(&mut self, _: u64, _: u64) -> Arc<Guard> {
        if self.made.is_none() {
            self.made = Some(Arc::new(self.guard()));
        }
        Arc::clone(self.made.as_ref().expect("made above"))
    }

    fn learn(&mut self, run: &Run) {
        if run.end != End::Feasible || run.reports.is_empty() {
            return;
        }
        let of_step = |(step, standing): &(u64, Standing)| (*step, standing.objectives.clone());
        let reports = run.reports.iter().map(of_step).collect();
        let amount = run.amount(Course::All(self.replicates.unwrap_or(Aggregate::Mean)));
        let width = amount.len();
        self.best.push((Rival { trial: run.trial, reports }, amount));
        let amounts: Vec<f64> = self.best.iter().flat_map(|(_, it)| it.iter().copied()).collect();
        let mut kept = non_dominated(Scores::new(&amounts, width));
        if width == 1 {
            // Equals of the best would only be asked the same again.
            kept.truncate(1);
        }
        kept.sort_unstable();
        let mut place = 0;
        self.best.retain(|_| {
            place += 1;
            kept.binary_search(&(place - 1)).is_ok()
        });
        self.made = None;
    }
}
