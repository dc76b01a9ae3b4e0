//! Successive halving in whole brackets: `halving`, and `hyperband`, which goes through brackets
//! of several shapes.
//!
//! K. Jamieson & A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
//! Optimization", AISTATS 2016; L. Li et al., "Hyperband: A Novel Bandit-Based Approach to
//! Hyperparameter Optimization", JMLR 18(185), 2018, algorithm 1. A bracket waits until all of
//! its trials have come to a rung, and lets the best 1/eta of them go on. While it waits, trials
//! of the next bracket begin, so that nobody is idle.
//!
//! Unless `forecast=false`, those that are expected to end as well as one of the best finished trials
//! go on as well, and what is not is stopped between its rungs. A control group is stopped by nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use search_spaces::{Course, Guard};

use super::control::Control;
use super::finishers::Finishers;
use super::ladder::Ladder;
use super::rungs::Schedule;
use super::sights::{Sight, sights};
use super::{End, Promotion, Pruner, Run};
use crate::pareto::{Scores, first_fronts};

/// How brackets follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brackets {
    /// All begin on the first rung, with so many trials; 0 for as many as leave one in the end.
    Alike(u64),
    /// Each begins a rung higher than the last, with fewer trials; then all over again.
    Hyperband,
}

/// Lets the best of each bracket go on, once all of it is there.
pub(crate) struct Halving {
    ladder: Ladder,
    factor: u64,
    brackets: Brackets,
    width: usize,
    /// Brackets that have not come to their end, by number.
    open: BTreeMap<u64, Bracket>,
    /// How many have begun.
    begun: u64,
    /// The bracket of every trial that has not come to its end.
    member: BTreeMap<u64, u64>,
    control: Control,
    /// Trials that are to go on, and the rung from which they do.
    due: VecDeque<(Vec<u64>, usize)>,
}

struct Bracket {
    /// The rung that its trials are running to.
    rung: usize,
    /// So many trials are to come there, and so many of them have begun.
    size: u64,
    begun: u64,
    /// How many have come there or will never, and what those that came had to show.
    told: u64,
    here: Vec<(u64, Sight)>,
    /// How many ran on from there.
    ahead: u64,
}

impl Bracket {
    /// One that nothing has begun in.
    fn new(rung: usize, size: u64) -> Self {
        Self { rung, size, begun: 0, told: 0, here: Vec::new(), ahead: 0 }
    }
}

impl Halving {
    /// One under a name; `steps` is how far trials go, where that is known beforehand.
    pub fn new(
        name: &str,
        (schedule, factor, brackets): (Schedule, u64, Brackets),
        course: Course,
        (finishers, runs_on, control): (Option<Finishers>, bool, Control),
        width: usize,
        steps: Option<u64>,
    ) -> Self {
        let ladder = Ladder::new(name, schedule, course, (finishers, runs_on), steps);
        let (open, member, due) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Self { ladder, factor, brackets, width, open, begun: 0, member, control, due }
    }

    /// The first rung and the size of a bracket.
    fn shape(&self, number: u64) -> (usize, u64) {
        let stages = self.ladder.rungs().len();
        match self.brackets {
            Brackets::Alike(0) => (0, self.factor.pow(stages as u32)),
            Brackets::Alike(size) => (0, size),
            Brackets::Hyperband => {
                // Bracket s of the paper lets its trials be cut s times; s runs from the most
                // stages down to none.
                let cuts = stages as u64 - number % (stages as u64 + 1);
                let size = ((stages as u64 + 1) * self.factor.pow(cuts as u32)).div_ceil(cuts + 1);
                (stages - cuts as usize, size)
            }
        }
    }

    /// Lets the best of a bracket go on, where all of it is there.
    fn conclude(&mut self, number: u64) {
        let Some(bracket) = self.open.get_mut(&number) else { return };
        if bracket.told < bracket.size {
            return;
        }
        let here = std::mem::take(&mut bracket.here);
        let most = (bracket.size / self.factor).max(1).saturating_sub(bracket.ahead);
        let most = most.min(here.len() as u64);
        let from = bracket.rung;
        let rows: Vec<f64> =
            here.iter().flat_map(|(_, sight)| sight.present.iter().copied()).collect();
        let fronts = if most == 0 {
            Vec::new()
        } else {
            first_fronts(Scores::new(&rows, self.width), most as usize)
        };
        let best: BTreeSet<usize> = fronts.into_iter().flatten().take(most as usize).collect();
        let forecast = self.ladder.forecast(from);
        let mut trials = Vec::new();
        for (place, (trial, sight)) in here.into_iter().enumerate() {
            if best.contains(&place) || sight.is_promising(forecast) {
                trials.push(trial);
            } else {
                self.member.remove(&trial);
            }
        }
        if trials.is_empty() {
            self.open.remove(&number);
            return;
        }
        let size = trials.len() as u64;
        *bracket = Bracket { begun: size, ..Bracket::new(from + 1, size) };
        self.due.push_back((trials, from));
    }
}

impl Pruner for Halving {
    fn begin(&mut self, first: u64, len: u64) -> Arc<Guard> {
        if self.ladder.rungs().is_empty() || self.control.takes(first, len) {
            return Arc::new(self.ladder.free().clone());
        }
        let filling = self.open.iter().next_back();
        let is_full = filling.is_none_or(|(_, bracket)| bracket.begun >= bracket.size);
        if is_full {
            let (rung, size) = self.shape(self.begun);
            self.open.insert(self.begun, Bracket::new(rung, size));
            self.begun += 1;
        }
        let number = self.begun - 1;
        let bracket = self.open.get_mut(&number).expect("the one that is being filled");
        bracket.begun += len;
        // A job may hold more than there was room for.
        bracket.size = bracket.size.max(bracket.begun);
        let rung = bracket.rung;
        self.member.extend((first..first + len).map(|trial| (trial, number)));
        self.ladder.up_to(rung)
    }

    fn learn(&mut self, run: &Run) {
        self.control.had(run.trial);
        self.ladder.learn(run);
        let trial = run.origin.unwrap_or(run.trial);
        let Some(number) = self.member.get(&trial).copied() else { return };
        let Some(bracket) = self.open.get_mut(&number) else { return };
        bracket.told += 1;
        let rung = self.ladder.rungs().get(bracket.rung);
        // Without a finite objective on its rung, a trial has nothing to go on with.
        let sight = rung.and_then(|rung| sights(run, &[*rung], self.ladder.course()).pop());
        match (run.end, sight) {
            (End::Paused, Some(sight)) => bracket.here.push((trial, sight)),
            (_, sight) => {
                bracket.ahead += u64::from(sight.is_some() && self.ladder.runs_on());
                self.member.remove(&trial);
            }
        }
        self.conclude(number);
    }

    fn promotes(&self) -> bool {
        true
    }

    fn promote(&mut self, most: usize) -> Option<Promotion> {
        let (trials, rung) = self.due.front_mut()?;
        let taken = trials.drain(..most.min(trials.len())).collect();
        let rung = *rung;
        if trials.is_empty() {
            self.due.pop_front();
        }
        Some(Promotion { trials: taken, guard: self.ladder.on_from(rung) })
    }

    fn close(&mut self) {
        let Some((number, bracket)) = self.open.iter_mut().find(|(_, it)| it.told < it.size) else {
            return;
        };
        bracket.size = bracket.told;
        let number = *number;
        self.conclude(number);
    }
}
