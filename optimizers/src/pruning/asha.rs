//! Asynchronous successive halving: `asha`.
//!
//! L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", Proceedings
//! of Machine Learning and Systems 2, 2020, algorithm 2.
//! New trials run to the first rung and pause. Whenever one of the best 1/eta of all that have
//! come to a rung has not gone on yet, it does, to the next rung, before any new trial begins.
//! With several objectives, "the best" are the first fronts, as in R. Schmucker et al.,
//! "Multi-objective Asynchronous Successive Halving", arXiv:2106.12639, 2021.
//!
//! Unless `envelope=false`, a trial that looks no worse than one of the best finished ones did at that
//! rung goes on as well, and a control group runs to its end from the beginning.
//!
//! The variant that never lets a paused trial go on (`resume=false`) holds trials against the
//! same bars while they run: "Stop-only", as in Optuna and in Syne Tune's `type="stopping"`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use search_spaces::{Bar, Course, Guard, Pause};

use super::cohort::{Cohort, Terms, amounts, end};
use super::control::Control;
use super::finishers::{Finishers, precedents};
use super::rungs::Schedule;
use super::{End, Promotion, Pruner, Run};
use crate::pareto::{Scores, first_fronts};

/// So many trials wait on a rung at most; who has waited longest gives up.
const MOST_WAITING: usize = 1024;

/// What is known of a rung beside what waits there.
#[derive(Clone, Copy)]
struct Known<'a> {
    precedents: &'a [Vec<f64>],
    width: usize,
}

/// Lets the best of each rung go on.
pub(crate) struct Asha {
    guard: Guard,
    schedule: Schedule,
    terms: Terms,
    width: usize,
    /// Whether trials pause, rather than run until they fall behind.
    pauses: bool,
    /// Empty before it is known how far trials go.
    rungs: Vec<Rung>,
    /// The best finished trials, where those are asked how they began.
    finishers: Option<Finishers>,
    control: Control,
    /// Trials that go on, and the rung from which they do.
    going: BTreeMap<u64, usize>,
    made: Option<Arc<Guard>>,
}

struct Rung {
    cohort: Cohort,
    /// Trials that have paused here, in order, and what they had amounted to.
    waiting: VecDeque<(u64, Vec<f64>)>,
    promoted: u64,
}

impl Rung {
    /// Takes up to `most` waiting trials that pass the bar: those of the first front first.
    fn take_best(&mut self, most: usize, room: usize, known: Known<'_>) -> Vec<u64> {
        let Known { precedents, width } = known;
        let Some(bar) = self.cohort.bar() else { return Vec::new() };
        // Who looks no worse than the best once did goes on, whether there is room or not.
        let spared = Bar { precedents: precedents.to_vec(), ..Bar::default() };
        let passes = |place: &usize| {
            let value = &self.waiting[*place].1;
            spared.is_known(value) || (room > 0 && !bar.stops(value))
        };
        let passing: Vec<usize> = (0..self.waiting.len()).filter(passes).collect();
        let rows: Vec<f64> =
            passing.iter().flat_map(|place| self.waiting[*place].1.iter().copied()).collect();
        let fronts = first_fronts(Scores::new(&rows, width), most);
        let mut best: Vec<usize> =
            fronts.into_iter().flatten().take(most).map(|row| passing[row]).collect();
        let trials = best.iter().map(|place| self.waiting[*place].0).collect();
        best.sort_unstable();
        for place in best.into_iter().rev() {
            self.waiting.remove(place);
        }
        trials
    }
}

impl Asha {
    /// One under a name; `steps` is how far trials go, where that is known beforehand.
    pub fn new(
        (schedule, terms): (Schedule, Terms),
        course: Course,
        pauses: bool,
        (finishers, control): (Option<Finishers>, Control),
        width: usize,
        steps: Option<u64>,
    ) -> Self {
        let guard = Guard { pruner: "asha".to_owned(), course, ..Guard::default() };
        let rungs = Vec::new();
        let (going, made) = (BTreeMap::new(), None);
        let mut pruner =
            Self { guard, schedule, terms, width, pauses, rungs, finishers, control, going, made };
        if let Some(steps) = steps {
            pruner.lay_out(steps);
        }
        pruner
    }

    fn lay_out(&mut self, steps: u64) {
        let rung = |step| Rung {
            cohort: Cohort::new(step, self.width, self.terms),
            waiting: VecDeque::new(),
            promoted: 0,
        };
        self.rungs = self.schedule.rungs(steps).into_iter().map(rung).collect();
    }

    /// The guard of trials that run up to this rung.
    fn up_to(&self, rung: usize) -> Arc<Guard> {
        let step = self.rungs.get(rung).map(|rung| rung.cohort.step());
        let pause = step.map(|step| Pause { step, rung: rung as u64 });
        Arc::new(Guard { pause, ..self.guard.clone() })
    }
}

impl Pruner for Asha {
    fn begin(&mut self, first: u64, len: u64) -> Arc<Guard> {
        if self.control.takes(first, len) {
            return self.up_to(usize::MAX);
        }
        if self.pauses {
            return self.up_to(0);
        }
        let Self { guard, rungs, finishers, made, .. } = self;
        let made = made.get_or_insert_with(|| {
            let bar = |(place, rung): (usize, &mut Rung)| {
                let precedents = precedents(finishers, place).to_vec();
                Some(Bar { precedents, ..rung.cohort.bar()?.clone() })
            };
            let bars = rungs.iter_mut().enumerate().filter_map(bar).collect();
            Arc::new(Guard { bars, ..guard.clone() })
        });
        Arc::clone(made)
    }

    fn learn(&mut self, run: &Run) {
        self.made = None;
        self.control.had(run.trial);
        let has_ended = matches!(run.end, End::Feasible | End::Infeasible);
        if let (true, true, Some((last, _))) =
            (self.rungs.is_empty(), has_ended, run.reports.last())
        {
            self.lay_out(*last);
        }
        // A trial that goes on has been counted up to the rung that it paused on.
        let counted = run.origin.and_then(|trial| self.going.remove(&trial));
        let fresh = counted.map_or(0, |rung| rung + 1);
        let steps: Vec<u64> = self.rungs.iter().map(|rung| rung.cohort.step()).collect();
        let values = amounts(run, &steps, self.guard.course);
        for (rung, value) in self.rungs.iter_mut().zip(&values).skip(fresh) {
            if run.end != End::Infeasible {
                rung.cohort.add(value);
            }
        }
        match (run.end, values.last(), run.reports.last()) {
            // Without a finite objective on its rung, a trial has nothing to go on with.
            (End::Paused, Some(value), _) if values.len() > fresh => {
                let waiting = &mut self.rungs[values.len() - 1].waiting;
                waiting.push_back((run.origin.unwrap_or(run.trial), value.clone()));
                if waiting.len() > MOST_WAITING {
                    waiting.pop_front();
                }
            }
            (End::Feasible, _, Some(_)) => {
                if let Some(finishers) = &mut self.finishers {
                    finishers.add(end(run, self.guard.course), values);
                }
            }
            _ => {}
        }
    }

    fn promotes(&self) -> bool {
        self.pauses
    }

    fn promote(&mut self, most: usize) -> Option<Promotion> {
        for place in (0..self.rungs.len()).rev() {
            let rung = &mut self.rungs[place];
            let quota = (self.terms.share * rung.cohort.arrived() as f64) as u64;
            let room = usize::try_from(quota.saturating_sub(rung.promoted)).unwrap_or(usize::MAX);
            let precedents = precedents(&mut self.finishers, place);
            let trials = rung.take_best(most, room, Known { precedents, width: self.width });
            if !trials.is_empty() {
                rung.promoted += trials.len() as u64;
                self.going.extend(trials.iter().map(|trial| (*trial, place)));
                return Some(Promotion { trials, guard: self.up_to(place + 1) });
            }
        }
        None
    }
}
