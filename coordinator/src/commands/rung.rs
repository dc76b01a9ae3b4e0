//! Where a trial stood among those that came to the rung on which it paused.

use std::collections::{BTreeMap, BTreeSet};

use results::{Ledger, Row};
use search_spaces::{Amount, Course, Measure};
use serde::Serialize;

use crate::exit::Failure;
use crate::frame::Frame;

/// A rung, as of the last recorded trial. Those that came after the trial had paused count as well:
/// whoever waits on a rung is compared with them.
#[derive(Serialize)]
pub(super) struct Rung {
    /// How many trials came there, control group included.
    pub came: u64,
    /// How many of them were better; with several objectives, how many dominated it.
    pub better: u64,
    /// How many paused there and went on, or ran on.
    pub went_on: u64,
    /// With one objective, the worst amount with which one went on, as it was measured.
    pub worst_that_went_on: Option<f64>,
    /// What this trial had amounted to, as it was measured.
    pub amount: Vec<f64>,
}

/// The standing of a trial on the rung at `step`; none where it has reported nothing there.
pub(super) fn standing(
    ledger: &Ledger,
    frame: &Frame,
    measure: &Measure,
    (row, step, course): (&Row, u64, Course),
) -> Result<Option<Rung>, Failure> {
    let Some(own) = amount(row, step, course, measure) else { return Ok(None) };
    // Trials are known by the number that they had when they were new.
    let mut came: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    let mut went_on = BTreeSet::new();
    for record in ledger.records()? {
        let record = record?;
        for (offset, trial) in (0..).zip(&record.result.trials) {
            let Some(row) = frame.row(&record.job, offset, trial) else { continue };
            let Some(there) = amount(&row, step, course, measure) else { continue };
            let root = row.origin.unwrap_or(row.trial);
            let is_beyond = row.reports.last().is_some_and(|report| report.step > step);
            let pause = record.job.guard.as_ref().and_then(|guard| guard.pause.as_ref());
            let may_run_on = pause.is_some_and(|pause| pause.unless.is_some());
            if (row.origin.is_some() || may_run_on) && is_beyond {
                went_on.insert(root);
            }
            came.entry(root).or_insert(there);
        }
    }
    let better = |there: &&Vec<f64>| {
        there.iter().zip(&own).all(|(there, own)| there <= own) && **there != own
    };
    let worst = went_on.iter().filter_map(|root| came[root].first().copied()).reduce(f64::max);
    Ok(Some(Rung {
        came: came.len() as u64,
        better: came.values().filter(better).count() as u64,
        went_on: went_on.len() as u64,
        worst_that_went_on: worst.filter(|_| own.len() == 1).map(|worst| measure.shown(0, worst)),
        amount: shown(measure, &own),
    }))
}

/// Objectives as they were measured.
pub(super) fn shown(measure: &Measure, values: &[f64]) -> Vec<f64> {
    values.iter().enumerate().map(|(place, value)| measure.shown(place, *value)).collect()
}

/// What a trial's reports amount to at the first one at or beyond a step.
fn amount(row: &Row, step: u64, course: Course, measure: &Measure) -> Option<Vec<f64>> {
    let mut amount = Amount::new(course);
    for report in &row.reports {
        let Some(standing) = measure.standing(&report.values) else { continue };
        let value = amount.after(&standing.objectives);
        if report.step >= step {
            return Some(value.to_vec());
        }
    }
    None
}
