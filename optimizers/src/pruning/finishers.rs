//! The best of the finished trials, and what the way that they took says of how others end.
//!
//! D. Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section
//! 3.2.1, predicts the end of a trial by a regression on the curves of those that came to
//! theirs, and stops it where it is unlikely to become better than the best. The regression here
//! is linear, rung by rung, on what a trial amounted to at the rung and half of the way to it
//! (compare B. Baker et al., "Accelerating Neural Architecture Search using Performance
//! Prediction", ICLR 2018, section 4): that sees what still falls quickly, costs little, and is
//! exact for the curves of one shape. How far it was wrong for the best shows how much it is to be
//! believed: where early reports say nothing, nothing is stopped.

use search_spaces::{Bar, Course, Forecast};

use super::cohort::has_grown;
use super::rungs::Schedule;
use super::sights::{Sight, end, halfway, sights};
use super::{End, Run};
use crate::pareto::{Scores, first_fronts};

/// So many of the best are remembered.
const MOST: usize = 128;

/// The share of the finished trials that count as the best, or else that of all trials, as the
/// finished ones become a selection: more where they have to show a whole frontier. And how many do
/// at least.
const SHARE: f64 = 0.1;
const SHARE_OF_ALL: f64 = 0.03;
const SHARE_OF_FRONTIERS: f64 = 0.1;
pub(super) const LEAST: usize = 8;

/// Where forecasts leave no more than this of how finished trials differ, they alone decide.
const UNFORESEEN: f64 = 1.0 / 3.0;

/// What is estimated from them for each objective: a constant, two weights, and their error.
const ESTIMATED: usize = 3;

/// The best trials so far.
#[derive(Clone, Debug)]
pub(crate) struct Finishers {
    width: usize,
    /// So many standard deviations of its error a forecast is not trusted.
    slack: f64,
    /// Where forecasts are made, ascending; empty before it is known how far trials go.
    steps: Vec<u64>,
    best: Vec<Finisher>,
    finished: u64,
    begun: u64,
    /// How many had finished when the forecasts were worked out.
    known: u64,
    /// Step by step.
    fits: Vec<Option<Fit>>,
}

/// What one step says of the end.
#[derive(Clone, Debug)]
struct Fit {
    forecast: Forecast,
    /// Whether it leaves little of how the finished trials differ in any objective.
    is_sure: bool,
}

#[derive(Clone, Debug)]
struct Finisher {
    last: Vec<f64>,
    /// The front that it lies on, from 0, as of the last count.
    front: usize,
    sights: Vec<Sight>,
}

impl Finishers {
    /// None yet.
    pub fn new(width: usize, slack: f64) -> Self {
        let (steps, best, fits) = (Vec::new(), Vec::new(), Vec::new());
        Self { width, slack, steps, best, finished: 0, begun: 0, known: 0, fits }
    }

    /// Makes forecasts at these steps, and where trials of so many steps are looked at evenly.
    pub fn lay_out(&mut self, steps: &[u64], whole: u64) {
        let evenly = Schedule::Even { warmup: None, every: 0 }.rungs(whole);
        self.steps = [steps, &evenly].concat();
        self.steps.sort_unstable();
        self.steps.dedup();
    }

    /// Learns how a trial went.
    pub fn learn(&mut self, run: &Run, course: Course) {
        if run.origin.is_none() {
            self.begun += 1;
        }
        if run.end != End::Feasible || run.reports.is_empty() {
            return;
        }
        self.finished += 1;
        let sights = sights(run, &self.steps, course);
        self.best.push(Finisher { last: end(run, course), front: 0, sights });
        if self.best.len() > MOST + MOST / 4 {
            self.keep(MOST);
        }
    }

    /// Puts the best first, and forgets the others.
    fn keep(&mut self, most: usize) {
        let rows: Vec<f64> = self.best.iter().flat_map(|each| each.last.iter().copied()).collect();
        let fronts = first_fronts(Scores::new(&rows, self.width), most);
        let order = fronts.into_iter().enumerate();
        let order = order.flat_map(|(front, places)| places.into_iter().map(move |it| (front, it)));
        let order = order.take(most);
        self.best = order.map(|(front, at)| Finisher { front, ..self.best[at].clone() }).collect();
    }

    /// Works the forecasts out again where that is due; how many trials they were made from.
    pub fn refresh(&mut self) -> u64 {
        if self.finished >= LEAST as u64 && has_grown(self.finished, self.known) {
            self.known = self.finished;
            self.keep(MOST);
            let of_all = if self.width == 1 { SHARE_OF_ALL } else { SHARE_OF_FRONTIERS };
            let share = (SHARE * self.finished as f64).max(of_all * self.begun as f64);
            let best = (share.ceil() as usize).clamp(LEAST, MOST).min(self.best.len());
            self.fits = (0..self.steps.len()).map(|place| self.fit(place, best)).collect();
        }
        self.known
    }

    /// How trials are expected to end that have come to one of the steps; nothing before enough
    /// have finished.
    pub fn forecast(&mut self, step: u64) -> Option<&Forecast> {
        self.fit_at(step).map(|fit| &fit.forecast)
    }

    /// Whether the ends of trials that have come to one of the steps are foreseen there so well that
    /// a comparison of reports has nothing to add.
    pub fn is_sure(&mut self, step: u64) -> bool {
        self.fit_at(step).is_some_and(|fit| fit.is_sure)
    }

    fn fit_at(&mut self, step: u64) -> Option<&Fit> {
        self.refresh();
        let place = self.steps.binary_search(&step).ok()?;
        self.fits.get(place)?.as_ref()
    }

    /// Bars between two steps that stop whatever is not expected to become as good as the best.
    pub fn bars(&mut self, after: u64, before: u64) -> Vec<Bar> {
        let cohort = self.refresh();
        let there = self.steps.iter().zip(&self.fits);
        there
            .filter(|(step, _)| (after + 1..before).contains(*step))
            .filter_map(|(step, fit)| {
                let forecast = Some(fit.as_ref()?.forecast.clone());
                Some(Bar { step: *step, cohort, forecast, ..Bar::default() })
            })
            .collect()
    }

    /// The forecast at a step, by its place, for which the first so many are the best.
    fn fit(&self, step: usize, best: usize) -> Option<Fit> {
        let came = self.best.iter().enumerate();
        let came: Vec<(usize, &Sight, &Finisher)> =
            came.filter_map(|(place, it)| Some((place, it.sights.get(step)?, it))).collect();
        let best = came.partition_point(|(place, ..)| *place < best);
        if best <= ESTIMATED {
            return None;
        }
        let (mut weights, mut by, mut is_sure) = (Vec::new(), Vec::new(), true);
        for objective in 0..self.width {
            let rows: Vec<[f64; 3]> = came
                .iter()
                .map(|(_, it, finisher)| {
                    [it.earlier[objective], it.present[objective], finisher.last[objective]]
                })
                .collect();
            let found = regression(&rows);
            weights.push(found);
            by.push(self.slack_of(found, &rows[..best]));
            is_sure &= unforeseen(found, &rows) <= UNFORESEEN;
        }
        // The last front of the best.
        let front = came[best - 1].2.front;
        let front = came.iter().map(|(.., it)| *it).filter(|it| it.front == front);
        let ends = front.map(|it| it.last.iter().zip(&by).map(|(value, by)| value + by).collect());
        let ends = ends.collect();
        let forecast = Forecast { earlier: halfway(self.steps[step]), weights, ends };
        Some(Fit { forecast, is_sure })
    }

    /// By how much the forecast of an objective may lie above an end: the mean error for the best,
    /// and its standard deviation so many times.
    fn slack_of(&self, weights: [f64; 3], best: &[[f64; 3]]) -> f64 {
        let errors: Vec<f64> = best.iter().map(|row| error(weights, row)).collect();
        let mean = mean(&errors);
        let squares: f64 = errors.iter().map(|error| (error - mean) * (error - mean)).sum();
        mean + self.slack * (squares / (errors.len() - ESTIMATED) as f64).sqrt()
    }
}

/// By how much the forecast of a row's end lies above it.
fn error([constant, before, now]: [f64; 3], row: &[f64; 3]) -> f64 {
    constant + before * row[0] + now * row[1] - row[2]
}

/// The part of the variance of the rows' ends that the weights do not explain.
fn unforeseen(weights: [f64; 3], rows: &[[f64; 3]]) -> f64 {
    let ends: Vec<f64> = rows.iter().map(|row| row[2]).collect();
    let errors: Vec<f64> = rows.iter().map(|row| error(weights, row)).collect();
    let mean = mean(&ends);
    let all: f64 = ends.iter().map(|end| (end - mean) * (end - mean)).sum();
    if all > 0.0 { dot(&errors, &errors) / all } else { 0.0 }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The constant and the two weights of the least squares of what each row ends with.
fn regression(rows: &[[f64; 3]]) -> [f64; 3] {
    let column = |place: usize| rows.iter().map(|row| row[place]).collect::<Vec<f64>>();
    let centred = |mut values: Vec<f64>| {
        let mean = mean(&values);
        for value in &mut values {
            *value -= mean;
        }
        (mean, values)
    };
    let [(mean_before, mut before), (mean_now, now), (mean_end, end)] =
        [0, 1, 2].map(|place| centred(column(place)));
    // What the earlier amount says beyond the present one: often little, and sometimes nothing.
    let all = dot(&before, &before);
    let shared = slope(&now, &before);
    for (value, now) in before.iter_mut().zip(&now) {
        *value -= shared * now;
    }
    let is_new = dot(&before, &before) > NEGLIGIBLE * all;
    let by_before = if is_new { slope(&before, &end) } else { 0.0 };
    let by_now = slope(&now, &end) - by_before * shared;
    [mean_end - by_before * mean_before - by_now * mean_now, by_before, by_now]
}

/// Below this part of its variance, what is new in an amount is rounding.
const NEGLIGIBLE: f64 = 1e-18;

fn slope(from: &[f64], to: &[f64]) -> f64 {
    let spread = dot(from, from);
    if spread > 0.0 { dot(from, to) / spread } else { 0.0 }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use search_spaces::Standing;

    use super::*;

    /// Trials that report at 2, 5 and at their end, 9.
    fn finishers(width: usize, slack: f64, trials: &[[Vec<f64>; 3]]) -> Finishers {
        let mut finishers = Finishers::new(width, slack);
        finishers.lay_out(&[5], 9);
        for (trial, reports) in (0..).zip(trials) {
            let standing = |row: &Vec<f64>| Standing { violation: 0.0, objectives: row.clone() };
            let reports = [2, 5, 9].into_iter().zip(reports.iter().map(standing)).collect();
            let run = Run { trial, origin: None, reports, end: End::Feasible };
            finishers.learn(&run, Course::Last);
        }
        finishers
    }

    /// Numbers in a fixed disorder, from 0 to 1.
    fn disorder(index: u64) -> f64 {
        let mixed = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1u64 << 53) as f64
    }

    #[test]
    fn curves_of_one_shape_are_foreseen_exactly() {
        let trial = |index: u64| {
            // The better the end, the worse the beginning.
            let end = index as f64;
            let height = (200.0 - end) * (0.5 + disorder(index));
            [vec![end + 0.8 * height], vec![end + 0.5 * height], vec![end]]
        };
        let mut finishers = finishers(1, 2.0, &(0..100).map(trial).collect::<Vec<_>>());
        let forecast = finishers.forecast(5).expect("enough");
        assert_eq!(forecast.earlier, 2);
        let expected: Vec<f64> = forecast.of(&[3.0 + 80.0], &[3.0 + 50.0]).collect();
        assert!((expected[0] - 3.0).abs() < 1e-6, "{expected:?}");
        // The best tenth ended with 0 to 9 (or a few more: they are worked out now and then).
        assert!((forecast.ends[0][0] - 9.0).abs() < 1e-6, "{forecast:?}");
        assert!(finishers.forecast(99).is_none(), "nothing came there");
        let bars = finishers.bars(3, 8);
        let steps: Vec<u64> = bars.iter().map(|bar| bar.step).collect();
        assert_eq!(steps, [4, 5, 6, 7]);
        assert!(bars[1].cohort >= 94 && bars[1].rows.is_empty());
        assert!(finishers.is_sure(5) && !finishers.is_sure(99));
    }

    #[test]
    fn where_reports_say_nothing_every_trial_is_promising() {
        let trial = |index: u64| [0, 1, 2].map(|place| vec![disorder(3 * index + place)]);
        let mut finishers = finishers(1, 2.0, &(0..200).map(trial).collect::<Vec<_>>());
        let forecast = finishers.forecast(5).expect("enough");
        for index in 0..50 {
            let (earlier, present) = ([disorder(900 + index)], [disorder(990 + index)]);
            assert!(forecast.is_promising(&earlier, &present), "{forecast:?}");
        }
        assert!(!finishers.is_sure(5));
    }

    #[test]
    fn amounts_that_do_not_differ_forecast_the_mean() {
        let trial = |index: u64| [vec![1.0], vec![1.0], vec![index as f64]];
        let mut seven = finishers(1, 0.0, &(0..7).map(trial).collect::<Vec<_>>());
        assert!(seven.forecast(5).is_none(), "too few");
        let mut eight = finishers(1, 0.0, &(0..8).map(trial).collect::<Vec<_>>());
        assert_eq!(eight.forecast(5).expect("enough").weights, [[3.5, 0.0, 0.0]]);
    }

    #[test]
    fn several_objectives_have_the_ends_of_a_front() {
        let trial = |index: u64| {
            let (x, y) = (index as f64, (7 - index) as f64);
            [vec![2.0 * x, 3.0 * y], vec![2.0 * x, 3.0 * y], vec![x, y]]
        };
        let mut finishers = finishers(2, 0.0, &(0..8).map(trial).collect::<Vec<_>>());
        let forecast = finishers.forecast(5).expect("enough");
        assert_eq!(forecast.ends.len(), 8, "none of them covers another");
        assert!(forecast.is_promising(&[4.0, 15.0], &[4.0, 14.9]));
        assert!(!forecast.is_promising(&[4.0, 18.0], &[4.0, 18.0]));
    }
}
