//! The rungs of trials that pause, and the guards that they run to them under.

use std::collections::BTreeMap;
use std::sync::Arc;

use search_spaces::{Course, Forecast, Guard, Pause};

use super::finishers::Finishers;
use super::rungs::Schedule;
use super::{End, Run};

/// The rungs, and what finished trials say of how others are expected to end.
///
/// A trial runs to the first rung on its own account. Beyond that, it is stopped on its way as soon as
/// it is not expected to become as good as the best, where forecasts are made. Where going on later
/// would begin once more, promising trials do not pause.
pub(super) struct Ladder {
    guard: Guard,
    schedule: Schedule,
    /// The steps of the rungs; none before it is known how far trials go.
    rungs: Option<Vec<u64>>,
    whole: u64,
    finishers: Option<Finishers>,
    /// Whether promising trials run on where others pause.
    runs_on: bool,
    /// The guards that were made from the forecasts of so many finished trials, by the rungs that
    /// they lie between.
    made: (u64, BTreeMap<(usize, usize), Arc<Guard>>),
}

impl Ladder {
    /// One for the pruner of a name; `steps` is how far trials go, where that is known beforehand.
    pub fn new(
        name: &str,
        schedule: Schedule,
        course: Course,
        (finishers, runs_on): (Option<Finishers>, bool),
        steps: Option<u64>,
    ) -> Self {
        let guard = Guard { pruner: name.to_owned(), course, ..Guard::default() };
        let made = (0, BTreeMap::new());
        let mut ladder = Self { guard, schedule, rungs: None, whole: 0, finishers, runs_on, made };
        if let Some(steps) = steps {
            ladder.lay_out(steps);
        }
        ladder
    }

    fn lay_out(&mut self, steps: u64) {
        let rungs = self.schedule.rungs(steps);
        if let Some(finishers) = &mut self.finishers {
            finishers.lay_out(&rungs, steps);
        }
        self.made.1.clear();
        (self.rungs, self.whole) = (Some(rungs), steps);
    }

    /// Learns how a trial went; says whether this told how far trials go.
    pub fn learn(&mut self, run: &Run) -> bool {
        let has_ended = matches!(run.end, End::Feasible | End::Infeasible);
        let last = run.reports.last().filter(|_| has_ended && self.rungs.is_none());
        if let Some((last, _)) = last {
            self.lay_out(*last);
        }
        if let Some(finishers) = &mut self.finishers {
            finishers.learn(run, self.guard.course);
        }
        last.is_some()
    }

    /// The steps of the rungs; none before it is known how far trials go.
    pub fn rungs(&self) -> &[u64] {
        self.rungs.as_deref().unwrap_or(&[])
    }

    /// Whether promising trials run on where others pause.
    pub fn runs_on(&self) -> bool {
        self.runs_on
    }

    /// What is compared.
    pub fn course(&self) -> Course {
        self.guard.course
    }

    /// The pruner's name and course, and nothing that stops a trial.
    pub fn free(&self) -> &Guard {
        &self.guard
    }

    /// How trials are expected to end that have come to a rung.
    pub fn forecast(&mut self, rung: usize) -> Option<&Forecast> {
        let step = *self.rungs.as_ref()?.get(rung)?;
        self.finishers.as_mut()?.forecast(step)
    }

    /// The guard of new trials that run up to this rung, or to their end where there is no such
    /// rung.
    pub fn up_to(&mut self, rung: usize) -> Arc<Guard> {
        self.between(0, rung)
    }

    /// The guard of trials that go on from this rung to the next one, or to their end. What they had
    /// reported by then is held against nothing again.
    pub fn on_from(&mut self, rung: usize) -> Arc<Guard> {
        self.between(rung, rung + 1)
    }

    fn between(&mut self, from: usize, rung: usize) -> Arc<Guard> {
        let Self { guard, rungs, whole, finishers, runs_on, made, .. } = self;
        let known = finishers.as_mut().map_or(0, Finishers::refresh);
        if made.0 != known {
            *made = (known, BTreeMap::new());
        }
        let rungs = rungs.as_deref().unwrap_or(&[]);
        let make = || {
            let pause = rungs.get(rung).map(|step| {
                let forecast = finishers.as_mut().and_then(|it| it.forecast(*step));
                let unless = forecast.filter(|_| *runs_on).cloned();
                Pause { step: *step, rung: rung as u64, unless }
            });
            // Who pauses goes no further than that.
            let last = pause.as_ref().filter(|pause| pause.unless.is_none());
            let last = last.map_or(*whole, |pause| pause.step);
            let way = finishers.as_mut().zip(rungs.get(from));
            let mut bars = way.map_or(Vec::new(), |(finishers, from)| finishers.bars(*from, last));
            bars.retain(|bar| pause.as_ref().is_none_or(|pause| pause.step != bar.step));
            Arc::new(Guard { pause, bars, ..guard.clone() })
        };
        Arc::clone(made.1.entry((from, rung)).or_insert_with(make))
    }
}
