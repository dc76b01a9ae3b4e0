//! One job, trial by trial, on the current rayon pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jobs::{JobSpec, Outcome, Purpose, StudyId, TrialResult, Work, derived_seed};
use rayon::prelude::*;
use search_spaces::{Point, PruningRule, Sequence};
use simulators::{FailureKind, Report, Session, Simulator, Trial, Verdict};

/// What a worker has to know of a study beside its jobs.
pub struct Study {
    /// Its fingerprint; jobs of another study are refused.
    pub id: StudyId,
    /// What evaluates points.
    pub simulator: Arc<dyn Simulator>,
    /// What turns the numbers of range jobs into points; none where an optimizer chooses them.
    pub sequence: Option<Arc<dyn Sequence>>,
    /// Conditions on reports at which a trial is pruned.
    pub pruning_rules: Arc<[PruningRule]>,
    /// Where simulators may leave files for people, by trial; nowhere where there is none.
    pub files: Option<PathBuf>,
}

/// Runs the trials of a job in parallel and returns their results in order.
///
/// When `stop` is set, trials that have not begun are left out, and what is returned is the
/// longest prefix without a gap.
///
/// # Panics
/// If the job belongs to another study, or is a range and the study has no sequence.
#[must_use]
pub fn run_job(study: &Study, job: &JobSpec, stop: &AtomicBool) -> Vec<TrialResult> {
    assert_eq!(job.study, study.id, "a job of another study");
    let results: Vec<Option<TrialResult>> = (0..job.len())
        .into_par_iter()
        .map_init(
            || study.simulator.session(),
            |session, offset| {
                (!stop.load(Ordering::Relaxed)).then(|| run_trial(study, job, offset, session))
            },
        )
        .collect();
    results.into_iter().map_while(|result| result).collect()
}

fn run_trial<'a>(
    study: &'a Study,
    job: &JobSpec,
    offset: u64,
    session: &mut Box<dyn Session + 'a>,
) -> TrialResult {
    let number = job.id.0.0 + offset;
    let mut reports = Vec::new();
    // Simulators are other people's code. After a panic the session's scratch memory may be in
    // any state, so it is thrown away with the trial.
    let evaluated = catch_unwind(AssertUnwindSafe(|| {
        let derived;
        let point: &Point = match &job.work {
            Work::Points(points) => &points[usize::try_from(offset).expect("a list fits")],
            Work::Range { .. } => {
                let sequence = study.sequence.as_ref().expect("a range job needs a sequence");
                let Some(point) = sequence.point(number) else { return Outcome::Skipped };
                derived = point;
                &derived
            }
        };
        let seed = derived_seed(job.seed, Purpose::Trial, number);
        let trial = Trial { number, point, seed, files: study.files.as_deref() };
        let mut pruned = None;
        let ended = session.run(&trial, &mut |report| {
            // Whatever a simulator says after it was stopped is not part of the trial.
            if pruned.is_none() {
                pruned = pruned_by(&study.pruning_rules, &report);
                reports.push(jobs::Report { step: report.step, values: report.values });
            }
            if pruned.is_some() { Verdict::Stop } else { Verdict::Continue }
        });
        match (pruned, ended) {
            (Some(why), _) => Outcome::Pruned(why),
            (None, Ok(metrics)) => Outcome::Complete(metrics),
            (None, Err(failure)) => match failure.kind {
                FailureKind::Error => Outcome::Failed(failure.message),
                FailureKind::Timeout => Outcome::TimedOut(failure.message),
            },
        }
    }));
    let outcome = evaluated.unwrap_or_else(|payload| {
        *session = study.simulator.session();
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        Outcome::Failed(format!("the simulator panicked: {}", text.unwrap_or("no message")))
    });
    TrialResult { outcome, reports }
}

/// Why a trial ends with this report; none where it goes on.
fn pruned_by(rules: &[PruningRule], report: &Report) -> Option<String> {
    let rule = rules.iter().find(|rule| rule.holds(report.step, &report.values))?;
    Some(format!("{} at step {}", rule.source(), report.step))
}
