//! What a running trial is held against: the guard of a job.
//!
//! A guard is made where trials are chosen, from the trials that were told by then, and travels
//! in the job. Whoever runs a trial holds its reports against it and asks nobody, so that the
//! same trial is stopped at the same step wherever and whenever it is run.

use crate::aggregate::Aggregate;
use crate::forecast::{Forecast, Trail, dominates};
use crate::signed_rank::is_worse;
use crate::standing::Standing;
use crate::template::Direction;

/// The conditions that other trials set for those of a job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guard {
    /// Who has made it, for people: `median`.
    pub pruner: String,
    /// What is held against the bars.
    pub course: Course,
    /// What is asked at a step, by step, ascending. Each is looked at once: at the first report at
    /// or beyond its step.
    pub bars: Vec<Bar>,
    /// Beside falling behind a bar, or instead where there is none, the trial must have stopped
    /// getting better.
    pub patience: Option<Patience>,
    /// Trials that this one may prove to be worse than.
    pub rivals: Option<Rivals>,
    /// Where the trial pauses, whatever it is worth.
    pub pause: Option<Pause>,
}

/// What a trial's reports up to a step amount to, objective by objective.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Course {
    /// The last one.
    #[default]
    Last,
    /// The best one.
    Best,
    /// What all of them amount to, as replications of a trial do.
    All(Aggregate),
}

/// What is asked of a trial at a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// The step.
    pub step: u64,
    /// How many trials have set it.
    pub cohort: u64,
    /// Objectives of some of them, none better than another: a trial that one of these dominates
    /// is behind. With one objective this is a threshold. Where there is none, the forecast alone
    /// says who is.
    pub rows: Vec<Vec<f64>>,
    /// A trial that is no worse than this in any one objective is never behind; empty where there
    /// is one objective.
    pub spare: Vec<f64>,
    /// How trials are expected to end from here: one that may become as good as the best finished
    /// ones is never behind.
    pub forecast: Option<Forecast>,
    /// No trial that was feasible in the end had missed the outcome constraints by more at this
    /// step.
    pub violation: Option<f64>,
}

/// How long a trial may go without getting better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// So many reports.
    pub reports: u64,
    /// Getting better means by more than this.
    pub least: f64,
}

/// Trials that another one is compared with report by report.
#[derive(Clone, Debug, PartialEq)]
pub struct Rivals {
    /// The probability of being wrong that is accepted with each comparison.
    pub level: f64,
    /// So many reports are needed at least.
    pub reports: u64,
    /// The trials.
    pub trials: Vec<Rival>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    /// Its number, for people.
    pub trial: u64,
    /// Its reports: the step, and one value per objective.
    pub reports: Vec<(u64, Vec<f64>)>,
}

/// The reports of a trial up to a step, summed up.
#[derive(Clone, Debug)]
pub struct Amount {
    course: Course,
    seen: u64,
    sums: Vec<f64>,
    /// Objective by objective, all values in ascending order, where more than their sum counts.
    ascending: Vec<Vec<f64>>,
    values: Vec<f64>,
}

impl Amount {
    /// What no reports amount to.
    #[must_use]
    pub fn new(course: Course) -> Self {
        Self { course, seen: 0, sums: Vec::new(), ascending: Vec::new(), values: Vec::new() }
    }

    /// What they amount to after a further one, objective by objective.
    pub fn after(&mut self, objectives: &[f64]) -> &[f64] {
        self.seen += 1;
        if self.seen == 1 || self.course == Course::Last {
            self.values.clear();
            self.values.extend_from_slice(objectives);
        }
        match self.course {
            Course::Last => {}
            Course::Best => {
                for (best, value) in self.values.iter_mut().zip(objectives) {
                    *best = best.min(*value);
                }
            }
            Course::All(Aggregate::Mean) => {
                self.sums.resize(objectives.len(), 0.0);
                for ((mean, sum), value) in
                    self.values.iter_mut().zip(&mut self.sums).zip(objectives)
                {
                    *sum += value;
                    *mean = *sum / self.seen as f64;
                }
            }
            Course::All(aggregate) => {
                self.ascending.resize(objectives.len(), Vec::new());
                for ((amount, ascending), value) in
                    self.values.iter_mut().zip(&mut self.ascending).zip(objectives)
                {
                    let place = ascending.partition_point(|known| known < value);
                    ascending.insert(place, *value);
                    *amount = aggregate.of_ascending(ascending);
                }
            }
        }
        &self.values
    }

    /// What they amount to; nothing before the first.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// Where a trial pauses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pause {
    /// At the first report at or beyond this step.
    pub step: u64,
    /// The rung that it then stands on, from 0.
    pub rung: u64,
    /// It runs on if it is promising by this, and until it has finite objectives: going on later
    /// would begin once more.
    pub unless: Option<Forecast>,
}

/// Why a trial does not go on, in words that depend on the trial and its guard alone.
pub type Reason = String;

/// A trial under its guard.
#[derive(Clone, Debug)]
pub struct Watched<'a> {
    guard: &'a Guard,
    /// The next bar to be looked at.
    next: usize,
    /// Reports with a standing so far, and what they amount to.
    seen: u64,
    amount: Amount,
    /// What they amounted to one by one, where there is a forecast.
    trail: Option<Trail>,
    /// Whether it has run on where it would have paused.
    runs_on: bool,
    /// The best value of each objective.
    best: Vec<f64>,
    /// The report at which an objective became better last.
    better: u64,
    /// Every report, where there are rivals.
    own: Vec<(u64, Vec<f64>)>,
}

impl Guard {
    /// Why a trial that nothing else stops pauses at a report at `step`, if it does.
    #[must_use]
    pub fn pause_at(&self, step: u64) -> Option<Reason> {
        let pause = self.pause.as_ref().filter(|pause| step >= pause.step)?;
        Some(format!("{} at rung {}, step {step}", self.pruner, pause.rung))
    }

    /// A trial under this guard, before its first report.
    #[must_use]
    pub fn watch(&self) -> Watched<'_> {
        let foresees = self.bars.iter().any(|bar| bar.forecast.is_some())
            || self.pause.as_ref().is_some_and(|pause| pause.unless.is_some());
        Watched {
            guard: self,
            next: 0,
            seen: 0,
            amount: Amount::new(self.course),
            trail: foresees.then(Trail::default),
            runs_on: false,
            best: Vec::new(),
            better: 0,
            own: Vec::new(),
        }
    }
}

impl Watched<'_> {
    /// Whether the trial goes on after a report at `step`; why not, where it does not.
    ///
    /// A report without a standing, because an objective is not finite, is held against nothing,
    /// and may be the one at which the trial pauses.
    pub fn report(&mut self, step: u64, standing: Option<&Standing>) -> Option<Reason> {
        let reason = standing.and_then(|standing| self.judge(step, standing));
        reason.or_else(|| {
            let pause = self.guard.pause_at(step).filter(|_| !self.runs_on)?;
            let unless = self.guard.pause.as_ref().and_then(|pause| pause.unless.as_ref());
            let Some(forecast) = unless else { return Some(pause) };
            // What is not known to be bad runs on until it is known what it is worth.
            standing?;
            self.runs_on = forecast.promises(self.trail.as_ref(), &self.amount.values);
            (!self.runs_on).then_some(pause)
        })
    }

    fn judge(&mut self, step: u64, standing: &Standing) -> Option<Reason> {
        self.take(step, &standing.objectives);
        let guard = self.guard;
        let passed = guard.bars[self.next..].iter().take_while(|bar| bar.step <= step).count();
        self.next += passed;
        // Of the bars between two reports, the last one counts.
        let bar = (passed > 0).then(|| &guard.bars[self.next - 1]);
        if let Some(reason) = bar.and_then(|bar| self.behind(bar, step, standing)) {
            return Some(reason);
        }
        let is_alone = guard.bars.is_empty() && guard.rivals.is_none();
        if let (true, Some(patience)) = (is_alone && self.has_stalled(), guard.patience) {
            let Patience { reports, .. } = patience;
            return Some(format!(
                "{} at step {step}: no better in {reports} reports",
                guard.pruner
            ));
        }
        self.beaten().map(|rival| {
            format!("{} at step {step}: significantly worse than trial {rival}", guard.pruner)
        })
    }

    fn take(&mut self, step: u64, objectives: &[f64]) {
        self.seen += 1;
        let amount = self.amount.after(objectives);
        if let Some(trail) = &mut self.trail {
            trail.push(step, amount);
        }
        if self.seen == 1 {
            self.best = objectives.to_vec();
            self.better = 1;
        }
        let least = self.guard.patience.map_or(0.0, |patience| patience.least);
        for (best, value) in self.best.iter_mut().zip(objectives) {
            if *value < *best - least {
                self.better = self.seen;
            }
            *best = best.min(*value);
        }
        if self.guard.rivals.is_some() {
            self.own.push((step, objectives.to_vec()));
        }
    }

    fn behind(&self, bar: &Bar, step: u64, standing: &Standing) -> Option<Reason> {
        let pruner = &self.guard.pruner;
        if bar.violation.is_some_and(|most| standing.violation > most) {
            return Some(format!(
                "{pruner} at step {step}: misses the outcome constraints by more than any of {} \
                 trials that met them in the end",
                bar.cohort
            ));
        }
        let is_behind = bar.stops(&self.amount.values, self.trail.as_ref());
        let waits = self.guard.patience.is_some() && !self.has_stalled();
        (is_behind && !waits).then(|| {
            let what = match &bar.rows[..] {
                [] => "not expected to become as good as the best",
                _ => "behind the bar",
            };
            format!("{pruner} at step {step}: {what} of {} trials", bar.cohort)
        })
    }

    fn has_stalled(&self) -> bool {
        let patience = self.guard.patience;
        patience.is_some_and(|patience| self.seen - self.better >= patience.reports)
    }

    /// The rival that this trial is worse than in every objective.
    fn beaten(&self) -> Option<u64> {
        let Rivals { level, reports, trials } = self.guard.rivals.as_ref()?;
        if self.guard.patience.is_some() && !self.has_stalled() {
            return None;
        }
        let found = trials.iter().find(|rival| {
            (0..self.best.len()).all(|objective| {
                let (mine, theirs) = self.pairs(rival, objective);
                mine.len() as u64 >= *reports && self.is_worse(&mine, &theirs, *level)
            })
        });
        found.map(|rival| rival.trial)
    }

    /// The values of this trial and of a rival in an objective, at the steps of both.
    fn pairs(&self, rival: &Rival, objective: usize) -> (Vec<f64>, Vec<f64>) {
        let mut theirs = rival.reports.iter().peekable();
        let mut found = (Vec::with_capacity(self.own.len()), Vec::with_capacity(self.own.len()));
        for (step, mine) in &self.own {
            while theirs.next_if(|(other, _)| other < step).is_some() {}
            if let Some((_, values)) = theirs.next_if(|(other, _)| other == step) {
                found.0.push(mine[objective]);
                found.1.push(values[objective]);
            }
        }
        found
    }

    /// Whether values are significantly worse than others, pair by pair, and worse in what they
    /// amount to where they are replications: it may be their tail that counts.
    fn is_worse(&self, mine: &[f64], theirs: &[f64], level: f64) -> bool {
        let amount_is_worse = match self.guard.course {
            Course::All(aggregate) => {
                aggregate.of(mine, Direction::Minimize) > aggregate.of(theirs, Direction::Minimize)
            }
            Course::Last | Course::Best => true,
        };
        let differences: Vec<f64> = mine.iter().zip(theirs).map(|(a, b)| a - b).collect();
        amount_is_worse && is_worse(&differences, level)
    }
}

impl Bar {
    /// Whether a trial is behind whose reports amount to `course`, and to this before, where there
    /// is a forecast.
    #[must_use]
    pub fn stops(&self, course: &[f64], trail: Option<&Trail>) -> bool {
        let is_spared = course.iter().zip(&self.spare).any(|(value, least)| value <= least);
        let is_promising = self.forecast.as_ref().map(|it| it.promises(trail, course));
        let is_behind = match (&self.rows[..], is_promising) {
            (_, Some(true)) | ([], None) => false,
            ([], Some(false)) => true,
            (rows, _) => {
                let course = || course.iter().copied();
                rows.iter().any(|row| dominates(row.iter().copied(), course()))
            }
        };
        is_behind && !is_spared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(objectives: &[f64]) -> Standing {
        Standing { violation: 0.0, objectives: objectives.to_vec() }
    }

    /// The step at which a trial with these values, one step after the other, is stopped, and why.
    fn stopped(guard: &Guard, values: &[f64]) -> Option<(u64, Reason)> {
        let mut watched = guard.watch();
        (1..).zip(values).find_map(|(step, value)| {
            watched.report(step, Some(&standing(&[*value]))).map(|reason| (step, reason))
        })
    }

    fn bar(step: u64, threshold: f64) -> Bar {
        Bar { step, cohort: 9, rows: vec![vec![threshold]], ..Bar::default() }
    }

    fn guard(bars: Vec<Bar>) -> Guard {
        Guard { pruner: "median".into(), bars, ..Guard::default() }
    }

    #[test]
    fn a_bar_is_looked_at_once_and_equal_values_pass() {
        let guard = guard(vec![bar(2, 1.0), bar(4, 0.5)]);
        assert_eq!(stopped(&guard, &[9.0, 1.0, 9.0, 0.5, 9.0]), None);
        let (step, reason) = stopped(&guard, &[0.0, 1.1]).expect("behind");
        assert_eq!((step, &*reason), (2, "median at step 2: behind the bar of 9 trials"));
        assert_eq!(stopped(&guard, &[0.0, 0.0, 0.0, 0.6]).expect("behind").0, 4);
    }

    #[test]
    fn reports_between_two_bars_meet_the_last_one_passed() {
        let guard = guard(vec![bar(2, 1.0), bar(4, 0.5)]);
        let mut watched = guard.watch();
        assert_eq!(watched.report(1, Some(&standing(&[9.0]))), None);
        assert!(watched.report(7, Some(&standing(&[0.7]))).is_some(), "0.7 at 7 is beyond 4");
        let mut watched = guard.watch();
        assert_eq!(watched.report(3, None), None, "what is not finite is held against nothing");
        assert!(watched.report(3, Some(&standing(&[2.0]))).is_some());
    }

    #[test]
    fn courses_sum_up_the_reports() {
        let mut best = guard(vec![bar(3, 1.0)]);
        best.course = Course::Best;
        assert_eq!(stopped(&best, &[0.5, 3.0, 3.0]), None);
        let mut mean = guard(vec![bar(3, 1.0)]);
        mean.course = Course::All(Aggregate::Mean);
        assert_eq!(stopped(&mean, &[0.0, 0.0, 3.0]), None);
        assert_eq!(stopped(&mean, &[0.0, 0.1, 3.0]).expect("its mean is above 1").0, 3);
        let amounts = |aggregate: Aggregate| {
            let mut amount = Amount::new(Course::All(aggregate));
            [3.0, 1.0, 5.0, 2.0].map(|value| amount.after(&[value, -value])[0])
        };
        assert_eq!(amounts(Aggregate::Quantile(1.0)), [3.0, 3.0, 5.0, 5.0]);
        assert_eq!(amounts(Aggregate::Quantile(0.5)), [3.0, 2.0, 3.0, 2.5]);
        assert_eq!(amounts(Aggregate::ConditionalValueAtRisk(0.5))[3], 4.0);
    }

    #[test]
    fn who_is_worse_pair_by_pair_stays_where_the_tail_counts_and_is_better() {
        let theirs = [0.0, 0.0, 0.0, 0.0, 0.0, 9.0].map(|value| vec![value]);
        let reports = (1..).zip(theirs).collect();
        let rivals = Rivals { level: 0.2, reports: 4, trials: vec![Rival { trial: 7, reports }] };
        let mut race = Guard { rivals: Some(rivals), ..Guard::default() };
        let mine = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5];
        assert_eq!(stopped(&race, &mine).expect("worse four times").0, 4);
        race.course = Course::All(Aggregate::Quantile(1.0));
        assert_eq!(stopped(&race, &mine).expect("and its worst as well").0, 4);
        race.rivals.as_mut().expect("given").reports = 6;
        assert_eq!(stopped(&race, &mine), None, "their worst is 9");
    }

    #[test]
    fn patience_waits_for_a_trial_that_still_gets_better() {
        let mut patient = guard(vec![bar(2, 1.0), bar(3, 1.0), bar(4, 1.0), bar(5, 1.0)]);
        patient.patience = Some(Patience { reports: 2, least: 0.1 });
        assert_eq!(stopped(&patient, &[9.0, 8.0, 7.95, 7.92, 7.0]).expect("stalled").0, 4);
        let alone = Guard { bars: Vec::new(), ..patient };
        let (step, reason) = stopped(&alone, &[1.0, 0.5, 0.5, 0.45, 0.0]).expect("stalled");
        assert_eq!((step, &*reason), (4, "median at step 4: no better in 2 reports"));
    }

    #[test]
    fn a_trial_that_violates_more_than_any_good_one_did_is_behind() {
        let mut bars = vec![bar(1, f64::INFINITY)];
        bars[0].violation = Some(4.0);
        let guard = guard(bars);
        let report = |violation| {
            let standing = Standing { violation, objectives: vec![0.0] };
            guard.watch().report(1, Some(&standing))
        };
        assert_eq!(report(4.0), None);
        assert!(report(4.5).expect("beyond").contains("outcome constraints"));
    }

    #[test]
    fn a_pause_comes_at_its_step_or_the_first_report_beyond() {
        let mut paused = guard(Vec::new());
        (paused.pruner, paused.pause) =
            ("asha".into(), Some(Pause { step: 3, rung: 1, unless: None }));
        assert_eq!(stopped(&paused, &[1.0; 9]), Some((3, "asha at rung 1, step 3".to_owned())));
        assert_eq!(paused.watch().report(5, None).as_deref(), Some("asha at rung 1, step 5"));
    }

    #[test]
    fn a_promising_trial_runs_on_where_it_would_have_paused() {
        let end_at = |most| {
            let (weights, ends) = (vec![[0.0, -1.0, 2.0]], vec![vec![most]]);
            Forecast { earlier: 1, weights, ends }
        };
        let mut guard = guard(Vec::new());
        guard.pause = Some(Pause { step: 2, rung: 0, unless: Some(end_at(3.0)) });
        guard.bars =
            vec![Bar { step: 3, cohort: 9, forecast: Some(end_at(1.0)), ..Bar::default() }];
        assert_eq!(stopped(&guard, &[9.0, 5.0, 4.0, 9.0]), None, "1, and later -1, are expected");
        assert_eq!(stopped(&guard, &[9.0, 7.0]).expect("5 is").1, "median at rung 0, step 2");
        let mut watched = guard.watch();
        let reports = [(1, Some(standing(&[9.0]))), (2, None), (3, Some(standing(&[8.0])))];
        let paused = reports.map(|(step, standing)| watched.report(step, standing.as_ref()));
        assert_eq!(paused[..2], [None, None], "nothing is known of it at 2");
        assert!(paused[2].is_some());
        let (step, reason) = stopped(&guard, &[9.0, 5.0, 6.0]).expect("3 is expected at 3");
        let said = "median at step 3: not expected to become as good as the best of 9 trials";
        assert_eq!((step, &*reason), (3, said));
    }

    #[test]
    fn rivals_stop_what_is_worse_beyond_doubt() {
        let rival = |offset: f64| Rival {
            trial: 7,
            reports: (1..=10).map(|step| (step, vec![step as f64 - offset])).collect(),
        };
        let mut guard = guard(Vec::new());
        guard.rivals = Some(Rivals { level: 0.05, reports: 3, trials: vec![rival(0.5)] });
        let own: Vec<f64> = (1..=10).map(f64::from).collect();
        let (step, reason) = stopped(&guard, &own).expect("worse in all");
        assert_eq!((step, &*reason), (5, "median at step 5: significantly worse than trial 7"));
        guard.rivals = Some(Rivals { level: 0.05, reports: 3, trials: vec![rival(-0.5)] });
        assert_eq!(stopped(&guard, &own), None, "it is better");
    }
}
