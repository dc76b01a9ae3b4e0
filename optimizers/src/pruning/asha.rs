//! Asynchronous successive halving: `asha`.
//!
//! L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", Proceedings
//! of Machine Learning and Systems 2, 2020, algorithm 2.
//! New trials run to the first rung and pause. Whenever one of the best 1/eta of all that have
//! come to a rung has not gone on yet, it does, to the next rung, before any new trial begins.
//! With several objectives, "the best" are the first fronts, as in R. Schmucker et al.,
//! "Multi-objective Asynchronous Successive Halving", arXiv:2106.12639, 2021.
//!
//! Unless `forecast=false`, a trial that is expected to end as well as one of the best finished ones
//! goes on as well, what is not is stopped between its rungs, and a control group runs to its end from
//! the beginning.
//!
//! The variant that never lets a paused trial go on (`resume=false`) holds trials against the
//! same bars while they run: "Stop-only", as in Optuna and in Syne Tune's `type="stopping"`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use search_spaces::{Bar, Course, Forecast, Guard};

use super::cohort::{Cohort, Terms};
use super::control::Control;
use super::finishers::Finishers;
use super::ladder::Ladder;
use super::rungs::Schedule;
use super::sights::{Sight, sights};
use super::{End, Promotion, Pruner, Run};
use crate::pareto::{Scores, first_fronts};

/// So many trials wait on a rung at most; who has waited longest gives up.
const MOST_WAITING: usize = 1024;

/// Lets the best of each rung go on.
pub(crate) struct Asha {
    ladder: Ladder,
    terms: Terms,
    width: usize,
    /// Whether trials pause, rather than run until they fall behind.
    pauses: bool,
    /// Empty before it is known how far trials go.
    rungs: Vec<Rung>,
    control: Control,
    /// Trials that go on, and the rung from which they do.
    going: BTreeMap<u64, usize>,
    made: Option<Arc<Guard>>,
}

struct Rung {
    cohort: Cohort,
    /// Trials that have paused here, in order, and what they had to show.
    waiting: VecDeque<(u64, Sight)>,
    promoted: u64,
}

impl Rung {
    /// Takes up to `most` waiting trials that pass the bar: those of the first front first.
    fn take_best(&mut self, most: usize, room: usize, forecast: Option<&Forecast>) -> Vec<u64> {
        let width = self.cohort.width();
        let Some(bar) = self.cohort.bar() else { return Vec::new() };
        // Who may become as good as the best goes on, whether there is room or not.
        let passes = |place: &usize| {
            let sight = &self.waiting[*place].1;
            sight.is_promising(forecast) || (room > 0 && !bar.stops(&sight.present, None))
        };
        let passing: Vec<usize> = (0..self.waiting.len()).filter(passes).collect();
        let rows: Vec<f64> = passing
            .iter()
            .flat_map(|place| self.waiting[*place].1.present.iter().copied())
            .collect();
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
        (finishers, runs_on, control): (Option<Finishers>, bool, Control),
        width: usize,
        steps: Option<u64>,
    ) -> Self {
        let ladder = Ladder::new("asha", schedule, course, (finishers, runs_on), steps);
        let (going, made) = (BTreeMap::new(), None);
        let rungs = Vec::new();
        let mut pruner = Self { ladder, terms, width, pauses, rungs, control, going, made };
        pruner.lay_out();
        pruner
    }

    fn lay_out(&mut self) {
        let rung = |step: &u64| Rung {
            cohort: Cohort::new(*step, self.width, self.terms),
            waiting: VecDeque::new(),
            promoted: 0,
        };
        self.rungs = self.ladder.rungs().iter().map(rung).collect();
    }
}

impl Pruner for Asha {
    fn begin(&mut self, first: u64, len: u64) -> Arc<Guard> {
        if self.control.takes(first, len) {
            return Arc::new(self.ladder.free().clone());
        }
        if self.pauses {
            return self.ladder.up_to(0);
        }
        let Self { ladder, rungs, made, .. } = self;
        let made = made.get_or_insert_with(|| {
            let bar = |(place, rung): (usize, &mut Rung)| {
                let forecast = ladder.forecast(place).cloned();
                Some(Bar { forecast, ..rung.cohort.bar()?.clone() })
            };
            let bars = rungs.iter_mut().enumerate().filter_map(bar).collect();
            Arc::new(Guard { bars, ..ladder.free().clone() })
        });
        Arc::clone(made)
    }

    fn learn(&mut self, run: &Run) {
        self.made = None;
        self.control.had(run.trial);
        if self.ladder.learn(run) {
            self.lay_out();
        }
        // A trial that goes on has been counted up to the rung that it paused on.
        let counted = run.origin.and_then(|trial| self.going.remove(&trial));
        let fresh = counted.map_or(0, |rung| rung + 1);
        let sights = sights(run, self.ladder.rungs(), self.ladder.course());
        if run.end != End::Infeasible {
            for (rung, sight) in self.rungs.iter_mut().zip(&sights).skip(fresh) {
                rung.cohort.add(&sight.present);
            }
            // Those that ran on have taken their places.
            let on = sights.len() - usize::from(run.end == End::Paused).min(sights.len());
            for rung in self.rungs[..on].iter_mut().skip(fresh) {
                rung.promoted += u64::from(self.ladder.runs_on());
            }
        }
        match (run.end, sights.last()) {
            // Without a finite objective on its rung, a trial has nothing to go on with.
            (End::Paused, Some(sight)) if sights.len() > fresh => {
                let waiting = &mut self.rungs[sights.len() - 1].waiting;
                waiting.push_back((run.origin.unwrap_or(run.trial), sight.clone()));
                if waiting.len() > MOST_WAITING {
                    waiting.pop_front();
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
            let trials = rung.take_best(most, room, self.ladder.forecast(place));
            if !trials.is_empty() {
                rung.promoted += trials.len() as u64;
                self.going.extend(trials.iter().map(|trial| (*trial, place)));
                return Some(Promotion { trials, guard: self.ladder.on_from(place) });
            }
        }
        None
    }
}
