//! The best of the finished trials, and what they had at the rungs.
//!
//! Early reports may say much about how a trial ends, or nothing, or the opposite. What the best
//! trials looked like by then shows it: as long as a trial looks no worse than one of those did,
//! it may become as good.

use super::cohort::has_grown;
use crate::pareto::{Scores, first_fronts};

/// So many of the best are remembered.
const MOST: usize = 128;

/// The share of the finished trials that count as the best, and how many do at least.
const SHARE: f64 = 0.1;
const LEAST: usize = 8;

/// The best trials so far.
#[derive(Clone, Debug)]
pub(crate) struct Finishers {
    width: usize,
    /// By how much of their range a trial may be worse than all of them.
    slack: f64,
    best: Vec<Finisher>,
    finished: u64,
    /// How many had finished when the precedents were worked out.
    known: u64,
    /// Rung by rung.
    precedents: Vec<Vec<Vec<f64>>>,
}

#[derive(Clone, Debug)]
struct Finisher {
    last: Vec<f64>,
    rungs: Vec<Vec<f64>>,
}

impl Finishers {
    /// None yet.
    pub fn new(width: usize, slack: f64) -> Self {
        Self { width, slack, best: Vec::new(), finished: 0, known: 0, precedents: Vec::new() }
    }

    /// Takes up a trial: how it ended, and what it had at the rungs.
    pub fn add(&mut self, last: Vec<f64>, rungs: Vec<Vec<f64>>) {
        self.finished += 1;
        self.best.push(Finisher { last, rungs });
        if self.best.len() > MOST + MOST / 4 {
            self.keep(MOST);
        }
    }

    /// Puts the best first, and forgets the others.
    fn keep(&mut self, most: usize) {
        let rows: Vec<f64> = self.best.iter().flat_map(|each| each.last.iter().copied()).collect();
        let fronts = first_fronts(Scores::new(&rows, self.width), most);
        let order = fronts.into_iter().flatten().take(most);
        self.best = order.map(|place| self.best[place].clone()).collect();
    }

    /// What the best had at a rung, eased by the slack; nothing before enough have finished.
    pub fn precedents(&mut self, rung: usize) -> &[Vec<f64>] {
        if self.finished < LEAST as u64 {
            return &[];
        }
        if has_grown(self.finished, self.known) {
            self.known = self.finished;
            self.keep(MOST);
            let share = (SHARE * self.finished as f64).ceil() as usize;
            let best = &self.best[..share.clamp(LEAST, MOST).min(self.best.len())];
            let rungs = best.iter().map(|each| each.rungs.len()).max().unwrap_or(0);
            self.precedents = (0..rungs).map(|rung| eased(best, rung, self.slack)).collect();
        }
        self.precedents.get(rung).map_or(&[], Vec::as_slice)
    }
}

/// What the best had at a rung; nothing where they are not asked.
pub(super) fn precedents(finishers: &mut Option<Finishers>, rung: usize) -> &[Vec<f64>] {
    finishers.as_mut().map_or(&[], |finishers| finishers.precedents(rung))
}

/// The rows of the best at a rung, but for those that are nowhere worse than another one.
fn eased(best: &[Finisher], rung: usize, slack: f64) -> Vec<Vec<f64>> {
    let rows: Vec<&Vec<f64>> = best.iter().filter_map(|each| each.rungs.get(rung)).collect();
    let Some(first) = rows.first() else { return Vec::new() };
    let most = |column: usize| rows.iter().map(|row| row[column]).fold(f64::NEG_INFINITY, f64::max);
    let least = |column: usize| rows.iter().map(|row| row[column]).fold(f64::INFINITY, f64::min);
    let by: Vec<f64> =
        (0..first.len()).map(|column| slack * (most(column) - least(column))).collect();
    let covers = |row: &[f64], other: &[f64]| row.iter().zip(other).all(|(a, b)| a >= b);
    let outer = rows.iter().enumerate().filter(|(place, row)| {
        !rows
            .iter()
            .enumerate()
            .any(|(other, outer)| covers(outer, row) && (outer != *row || other < *place))
    });
    outer.map(|(_, row)| row.iter().zip(&by).map(|(value, by)| value + by).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedents_are_what_the_best_had_at_worst() {
        let mut finishers = Finishers::new(1, 0.0);
        for index in 0..100 {
            // The better the end, the worse the beginning.
            let end = f64::from(index);
            finishers.add(vec![end], vec![vec![100.0 - end], vec![end]]);
        }
        // The best tenth ended with 0 to 9 (or a few more: they are worked out now and then).
        assert_eq!(finishers.precedents(0), [vec![100.0]]);
        assert_eq!(finishers.precedents(1), [vec![9.0]]);
        assert!(finishers.precedents(2).is_empty());
    }

    #[test]
    fn several_objectives_have_several_precedents() {
        let mut finishers = Finishers::new(2, 0.5);
        for index in 0..8 {
            let (x, y) = (f64::from(index), f64::from(7 - index));
            finishers.add(vec![x, y], vec![vec![x, y]]);
        }
        let rows = finishers.precedents(0);
        assert_eq!(rows.len(), 8, "none of them covers another");
        assert_eq!(rows[0], [3.5, 10.5]);
    }
}
