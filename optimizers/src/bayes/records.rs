//! What was learnt, and the part of it that is modelled.

use libm::log1p;

use crate::optimizer::Told;
use crate::pareto::{Scores, first_fronts};

/// So many violations say what is large.
const FIRST: usize = 20;

/// What a point turned out to be worth.
#[derive(Clone, Debug, PartialEq)]
enum Worth {
    Complete {
        objectives: Vec<f64>,
        violation: f64,
    },
    /// Ended early: the values may be none, and say little.
    Pruned(Option<Vec<f64>>),
    Failed,
}

/// A place and what came of it.
#[derive(Clone, Debug)]
struct Record {
    place: Vec<f64>,
    worth: Worth,
}

/// All that was learnt, in order.
#[derive(Debug)]
pub(crate) struct Records {
    /// How many objectives there are.
    width: usize,
    all: Vec<Record>,
    /// The complete ones among them.
    complete: usize,
    /// Those that failed or break the outcome constraints.
    infeasible: usize,
    /// The first finite violations of the outcome constraints.
    violations: Vec<f64>,
}

/// What is known of the outcome constraints at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// They are met.
    Feasible,
    /// By how much they are missed, in all.
    Infeasible(f64),
    /// It was ended early.
    Pruned,
    Failed,
}

impl Outcome {
    pub fn is_feasible(self) -> bool {
        self == Self::Feasible
    }

    /// What comes after the feasible ones in a ranking: least first. What has no violation of its
    /// own comes before all that do, as in [`Merit`](crate::merit::Merit).
    fn violation(self) -> f64 {
        match self {
            Self::Feasible => 0.0,
            Self::Infeasible(violation) => violation,
            Self::Pruned | Self::Failed => f64::MIN_POSITIVE,
        }
    }
}

/// A table of values: places and one value of each.
#[derive(Debug)]
pub(crate) struct Table {
    pub places: Vec<Vec<f64>>,
    /// Per objective, one value per place.
    pub values: Vec<Vec<f64>>,
    pub outcomes: Vec<Outcome>,
}

impl Records {
    pub fn new(width: usize) -> Self {
        Self { width, all: Vec::new(), complete: 0, infeasible: 0, violations: Vec::new() }
    }

    pub fn add(&mut self, place: Vec<f64>, told: &Told) {
        let worth = match told {
            Told::Complete { objectives, violation } => {
                self.complete += 1;
                self.infeasible += usize::from(*violation > 0.0);
                if *violation > 0.0 && violation.is_finite() && self.violations.len() < FIRST {
                    self.violations.push(*violation);
                }
                Worth::Complete { objectives: objectives.clone(), violation: *violation }
            }
            Told::Pruned { objectives, .. } => Worth::Pruned(objectives.clone()),
            Told::Failed => {
                self.infeasible += 1;
                Worth::Failed
            }
        };
        self.all.push(Record { place, worth });
    }

    pub fn complete(&self) -> usize {
        self.complete
    }

    /// Whether anything is known of what is infeasible.
    pub fn has_infeasible(&self) -> bool {
        self.infeasible > 0
    }

    /// What violations are measured in, where there are any: the median of the first ones. Later
    /// ones lie at the border ever more, and would have its surroundings appear ever steeper.
    pub fn violation_unit(&self) -> Option<f64> {
        let mut sorted = self.violations.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }

    /// The values, one row per record that has some. Pruned ones are as bad as half of the
    /// complete ones, at least: they were not worth their end. Failed ones have none, or, where
    /// they are wanted, the worst.
    pub fn objectives(&self, failed: bool) -> Table {
        let width = self.width;
        let complete = |objective: usize| {
            let values = self.all.iter().filter_map(|each| match &each.worth {
                Worth::Complete { objectives, .. } => Some(objectives[objective]),
                _ => None,
            });
            let mut values: Vec<f64> = values.collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (medians, worst): (Vec<f64>, Vec<f64>) = (0..width)
            .map(|objective| {
                let sorted = complete(objective);
                let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
                (median, sorted.last().copied().unwrap_or(0.0))
            })
            .unzip();
        let mut table =
            Table { places: Vec::new(), values: vec![Vec::new(); width], outcomes: Vec::new() };
        for record in &self.all {
            let (row, outcome) = match &record.worth {
                Worth::Complete { objectives, violation } if *violation > 0.0 => {
                    (objectives.clone(), Outcome::Infeasible(*violation))
                }
                Worth::Complete { objectives, .. } => (objectives.clone(), Outcome::Feasible),
                Worth::Pruned(Some(objectives)) => {
                    let pairs = objectives.iter().zip(&medians);
                    (pairs.map(|(own, other)| own.max(*other)).collect(), Outcome::Pruned)
                }
                Worth::Pruned(None) => (medians.clone(), Outcome::Pruned),
                Worth::Failed if failed => (worst.clone(), Outcome::Failed),
                Worth::Failed => continue,
            };
            table.places.push(record.place.clone());
            table.outcomes.push(outcome);
            table.values.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        table
    }

    /// How infeasible each place is: below 0 where it is feasible. Violations count by their
    /// logarithm, and a failure, or what is infinite, like the median violation.
    pub fn infeasibility(&self) -> Table {
        let violations = self.all.iter().filter_map(|each| match each.worth {
            Worth::Complete { violation, .. } if violation > 0.0 && violation.is_finite() => {
                Some(violation)
            }
            _ => None,
        });
        let mut violations: Vec<f64> = violations.collect();
        violations.sort_by(f64::total_cmp);
        let median = violations.get(violations.len() / 2).copied().unwrap_or(1.0);
        // The step from feasible to infeasible is 1, and its middle part lies with the feasible:
        // what is best often lies next to what is forbidden.
        let (feasible, infeasible) = (-0.7, 0.3);
        let mut table =
            Table { places: Vec::new(), values: vec![Vec::new()], outcomes: Vec::new() };
        for record in &self.all {
            let value = match record.worth {
                Worth::Complete { violation, .. } if violation.is_infinite() => {
                    infeasible + log1p(1.0)
                }
                Worth::Complete { violation, .. } if violation > 0.0 => {
                    infeasible + log1p(violation / median)
                }
                Worth::Complete { .. } | Worth::Pruned(_) => feasible,
                Worth::Failed => infeasible + log1p(1.0),
            };
            table.places.push(record.place.clone());
            table.values[0].push(value);
            table.outcomes.push(match value < 0.0 {
                true => Outcome::Feasible,
                false => Outcome::Failed,
            });
        }
        table
    }
}

impl Table {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The mean of each column.
    pub fn averages(&self) -> Vec<f64> {
        let mean = |column: &Vec<f64>| column.iter().sum::<f64>() / column.len() as f64;
        self.values.iter().map(mean).collect()
    }

    /// The rows by what they are worth: by rank among the feasible ones, then the others.
    pub fn ranked(&self) -> Vec<usize> {
        if let [values] = &*self.values {
            let mut rows: Vec<usize> = (0..self.len()).collect();
            rows.sort_by(|a, b| {
                let [first, second] = [a, b].map(|row| self.outcomes[*row].violation());
                let by_violation = first.total_cmp(&second);
                by_violation.then(values[*a].total_cmp(&values[*b])).then(a.cmp(b))
            });
            return rows;
        }
        let rows: Vec<f64> = (0..self.len())
            .flat_map(|row| self.values.iter().map(move |column| column[row]))
            .collect();
        let violations: Vec<f64> = self.outcomes.iter().map(|each| each.violation()).collect();
        let scores = Scores::new(&rows, self.values.len()).with_violations(&violations);
        first_fronts(scores, self.len()).into_iter().flatten().collect()
    }

    /// The rows that are best, and not dominated: feasible ones only.
    pub fn front(&self) -> Vec<usize> {
        let feasible: Vec<usize> =
            (0..self.len()).filter(|row| self.outcomes[*row].is_feasible()).collect();
        if feasible.is_empty() {
            return feasible;
        }
        let rows: Vec<f64> = feasible
            .iter()
            .flat_map(|row| self.values.iter().map(move |column| column[*row]))
            .collect();
        let fronts = first_fronts(Scores::new(&rows, self.values.len()), 1);
        fronts[0].iter().map(|index| feasible[*index]).collect()
    }

    /// At most `most` rows: a quarter each of the best and the latest, the rest those nearest to
    /// the best one, by the weighted distance.
    pub fn part(self, most: usize, weights: &[f64]) -> Self {
        if self.len() <= most {
            return self;
        }
        let ranked = self.ranked();
        let best = &self.places[ranked[0]];
        let distance = |place: &[f64]| -> f64 {
            let features = place.iter().zip(best).zip(weights);
            features.map(|((a, b), weight)| weight * (a - b) * (a - b)).sum()
        };
        let mut kept = vec![false; self.len()];
        ranked.iter().take(most / 4).for_each(|row| kept[*row] = true);
        (self.len() - most / 4..self.len()).for_each(|row| kept[row] = true);
        let mut nearest: Vec<(f64, usize)> =
            self.places.iter().map(|place| distance(place)).zip(0..).collect();
        nearest.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut count = kept.iter().filter(|kept| **kept).count();
        for (_, row) in nearest {
            if count == most {
                break;
            }
            count += usize::from(!kept[row]);
            kept[row] = true;
        }
        let keep = |column: &Vec<f64>| -> Vec<f64> {
            column.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(value, _)| *value).collect()
        };
        let rows = (0..self.len()).filter(|row| kept[*row]);
        Self {
            places: rows.clone().map(|row| self.places[row].clone()).collect(),
            values: self.values.iter().map(keep).collect(),
            outcomes: rows.map(|row| self.outcomes[row]).collect(),
        }
    }
}
