//! Pruners that stop a trial when it falls behind those that came to their end: `median`,
//! `percentile` and `forecast`.
//!
//! D. Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section
//! 3.2.2, stops a trial whose value is worse than the median of what finished trials had at the
//! same step. With several objectives the place of the quantile is taken by the front that so
//! many of them lie on or before: a trial is behind if one of that front dominates it.
//!
//! A trial is not behind as long as it is expected to end no worse than one of the best finished
//! trials did ([`Finishers`]). `forecast` asks for nothing else. As what was stopped cannot show
//! how it would have ended, some trials are stopped by nothing: the control group.

use std::sync::Arc;

use search_spaces::{Bar, Course, Guard, Patience};

use super::cohort::{Cohort, Terms};
use super::control::Control;
use super::finishers::Finishers;
use super::rungs::Schedule;
use super::sights::sights;
use super::{End, Pruner, Run};

/// What a trial must not fall behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Behind {
    /// A share of the finished trials, and the best of them.
    Share(Terms),
    /// The best of them; so many have to be there.
    Best(u64),
}

/// Stops trials that fall behind the finished ones.
pub(crate) struct Falling {
    guard: Guard,
    schedule: Schedule,
    behind: Behind,
    width: usize,
    /// The steps of the rungs, and what was seen there; empty before it is known how far trials
    /// go.
    rungs: Vec<u64>,
    cohorts: Vec<Cohort>,
    finishers: Finishers,
    control: Control,
    /// The guard as it was made last, while nothing has changed.
    made: Option<Arc<Guard>>,
}

impl Falling {
    /// One under a name; `steps` is how far trials go, where that is known beforehand.
    pub fn new(
        name: &str,
        (schedule, behind): (Schedule, Behind),
        (course, patience): (Course, Option<Patience>),
        (finishers, control): (Finishers, Control),
        width: usize,
        steps: Option<u64>,
    ) -> Self {
        let guard = Guard { pruner: name.to_owned(), course, patience, ..Guard::default() };
        let (rungs, cohorts, made) = (Vec::new(), Vec::new(), None);
        let mut pruner =
            Self { guard, schedule, behind, width, rungs, cohorts, finishers, control, made };
        if let Some(steps) = steps {
            pruner.lay_out(steps);
        }
        pruner
    }

    fn lay_out(&mut self, steps: u64) {
        let terms = match self.behind {
            Behind::Share(terms) => terms,
            Behind::Best(startup) => Terms { share: 1.0, startup, epsilon: 0.0, spare: 0.0 },
        };
        self.rungs = self.schedule.rungs(steps);
        let cohort = |step: &u64| Cohort::new(*step, self.width, terms);
        self.cohorts = self.rungs.iter().map(cohort).collect();
        self.finishers.lay_out(&self.rungs, steps);
    }

    fn bars(&mut self) -> Vec<Bar> {
        let Self { behind, cohorts, finishers, .. } = self;
        let bar = |cohort: &mut Cohort| {
            let mut bar = cohort.bar()?.clone();
            bar.forecast = finishers.forecast(bar.step).cloned();
            if matches!(behind, Behind::Best(_)) || finishers.is_sure(bar.step) {
                bar.rows.clear();
            }
            Some(bar)
        };
        cohorts.iter_mut().filter_map(bar).collect()
    }
}

impl Pruner for Falling {
    fn begin(&mut self, first: u64, len: u64) -> Arc<Guard> {
        if self.control.takes(first, len) {
            return Arc::new(self.guard.clone());
        }
        if self.made.is_none() {
            let bars = self.bars();
            self.made = Some(Arc::new(Guard { bars, ..self.guard.clone() }));
        }
        Arc::clone(self.made.as_ref().expect("made above"))
    }

    fn learn(&mut self, run: &Run) {
        let is_control = self.control.had(run.trial);
        let has_ended = matches!(run.end, End::Feasible | End::Infeasible);
        if let (true, Some((last, _))) = (has_ended && self.cohorts.is_empty(), run.reports.last())
        {
            self.lay_out(*last);
        }
        self.finishers.learn(run, self.guard.course);
        if !has_ended || run.reports.is_empty() {
            return;
        }
        if run.end == End::Infeasible {
            return;
        }
        let sights = sights(run, &self.rungs, self.guard.course);
        // The control group would hold the bars down to where any trial comes.
        if !is_control || matches!(self.behind, Behind::Best(_)) {
            for (cohort, sight) in self.cohorts.iter_mut().zip(&sights) {
                cohort.add(&sight.present);
            }
        }
        for cohort in &mut self.cohorts {
            if let Some((_, standing)) = run.reports.iter().find(|(step, _)| *step >= cohort.step())
            {
                cohort.met(standing.violation);
            }
        }
        self.made = None;
    }
}
