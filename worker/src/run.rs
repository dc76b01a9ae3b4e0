//! One job, trial by trial, on the current rayon pool.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jobs::{JobSpec, Outcome, Purpose, StudyId, TrialResult, Work, derived_seed};
use rayon::prelude::*;
use search_spaces::{Guard, Measure, Point, PruningRule, Sequence, Watched};
use simulators::{Failure, FailureKind, Report, Session, Simulator, Trial, Verdict, Watcher};

use crate::meter::Meter;

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
    /// What counts of the metrics, where trials are held against others.
    pub measure: Measure,
    /// Where simulators may leave files for people, by trial; nowhere where there is none.
    pub files: Option<PathBuf>,
    /// Whether nobody wants its results any more.
    pub cancelled: Arc<AtomicBool>,
}

impl Study {
    /// Drops what is under way: trials that have not ended give no result.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.simulator.abandon();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

/// The machine has no room or no rights for a trial; nothing is known of the trial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trial {trial} could not be run on this machine: {message}")]
pub struct MachineFault {
    /// The trial.
    pub trial: u64,
    /// What is missing.
    pub message: String,
}

/// Which threads run the trials of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// All of the current rayon pool.
    AllThreads,
    /// The calling one.
    OneThread,
}

/// Runs the trials of a job in parallel and returns their results in order.
///
/// When `stop` is set, trials that have not begun are left out, and those that fail from then on,
/// and what is returned is the longest prefix without a gap. When the study is cancelled, so are those that have not ended.
///
/// # Errors
/// The machine cannot run a trial.
///
/// # Panics
/// If the job belongs to another study, or is a range and the study has no sequence.
pub fn run_job(
    study: &Study,
    job: &JobSpec,
    stop: &AtomicBool,
    meter: &Meter,
) -> Result<Vec<TrialResult>, MachineFault> {
    run_job_on(Spread::AllThreads, study, job, stop, meter)
}

/// As [`run_job`], on the threads that are named.
pub(crate) fn run_job_on(
    spread: Spread,
    study: &Study,
    job: &JobSpec,
    stop: &AtomicBool,
    meter: &Meter,
) -> Result<Vec<TrialResult>, MachineFault> {
    assert_eq!(job.study, study.id, "a job of another study");
    let begin = || (study.simulator.session(), meter.at_work());
    let common = derived_seed(job.seed, Purpose::Common, 0);
    let run = |offset, session: &mut _| run_trial(study, job, offset, common, session, stop);
    let trials = 0..job.len();
    let results: Vec<Option<Result<TrialResult, MachineFault>>> = match spread {
        Spread::AllThreads => trials
            .into_par_iter()
            .map_init(begin, |(session, _), offset| run(offset, session))
            .collect(),
        Spread::OneThread => {
            let (mut session, _at_work) = begin();
            trials.map(|offset| run(offset, &mut session)).collect()
        }
    };
    results.into_iter().map_while(|result| result).collect()
}

/// Runs one trial; nothing where the worker is to stop, or nobody wants the result.
fn run_trial<'a>(
    study: &'a Study,
    job: &JobSpec,
    offset: u64,
    common: u64,
    session: &mut Box<dyn Session + 'a>,
    stop: &AtomicBool,
) -> Option<Result<TrialResult, MachineFault>> {
    if stop.load(Ordering::Relaxed) || study.is_cancelled() {
        return None;
    }
    let number = job.id.0.0 + offset;
    let derived;
    let point: &Point = match &job.work {
        Work::Points(points) => &points[usize::try_from(offset).expect("a list fits")],
        Work::Range { .. } => {
            let sequence = study.sequence.as_ref().expect("a range job needs a sequence");
            let Some(point) = sequence.point(number) else {
                let skipped = TrialResult { outcome: Outcome::Skipped, reports: Vec::new() };
                return Some(Ok(skipped));
            };
            derived = point;
            &derived
        }
    };
    let seed = derived_seed(job.seed, Purpose::Trial, job.origin(offset));
    let pause = job.guard.as_ref().and_then(|guard| guard.pause.as_ref());
    let until = pause.filter(|pause| pause.unless.is_none()).map(|pause| pause.step);
    let files = study.files.as_deref();
    let earlier = job.earlier(offset).iter().map(reported).collect::<Vec<Report>>();
    let trial =
        Trial { number, common, until, files, earlier: &earlier, ..Trial::new(point, seed) };
    let watch = Watch::under(&study.pruning_rules, job.guard.as_deref(), &study.measure);
    let mut watch = watch.ending_at(study.simulator.steps()).after(job.earlier(offset));
    // Simulators are other people's code. After a panic the session's scratch memory may be in
    // any state, so it is thrown away with the trial.
    let in_trial = InTrial::begin();
    let ended = catch_unwind(AssertUnwindSafe(|| session.run(&trial, &mut watch)));
    drop(in_trial);
    let ended = ended.unwrap_or_else(|payload| {
        *session = study.simulator.session();
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("no message");
        Err(Failure::new(format!("the simulator panicked: {text}")))
    });
    let is_of_the_stop = ended.as_ref().is_err_and(|failure| comes_with_a_stop(failure, stop));
    (!is_of_the_stop && !study.is_cancelled()).then(|| watch.conclude(number, ended))
}

fn reported(report: &jobs::Report) -> Report {
    Report { step: report.step, values: report.values.clone() }
}

thread_local! {
    static IN_TRIAL: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread runs a trial right now: a panic is that trial's failure then.
#[must_use]
pub fn is_in_trial() -> bool {
    IN_TRIAL.get()
}

/// The calling thread runs a trial until this is dropped.
struct InTrial;

impl InTrial {
    fn begin() -> Self {
        IN_TRIAL.set(true);
        Self
    }
}

impl Drop for InTrial {
    fn drop(&mut self) {
        IN_TRIAL.set(false);
    }
}

/// So often, and after so long a pause each time, a stop is looked for that may have come with
/// the signal that ended a trial's program.
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// Whether a trial has failed because this worker is being stopped. Whoever ends a cluster's job
/// sends its signal to all processes of it, and that of the trial may be gone before this one has
/// heard of it. The trial is then run by others.
fn comes_with_a_stop(failure: &Failure, stop: &AtomicBool) -> bool {
    for _ in 0..LOOKS {
        if stop.load(Ordering::Relaxed) || failure.kind != FailureKind::Signal {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    stop.load(Ordering::Relaxed)
}

/// Holds the reports of a trial against the pruning rules and its guard, and keeps them.
pub struct Watch<'a> {
    rules: &'a [PruningRule],
    guard: Option<(Watched<'a>, &'a Guard, &'a Measure)>,
    /// What the trial had reported when it was taken up.
    earlier: &'a [jobs::Report],
    /// The step at which a whole trial ends, where that is known.
    end: Option<u64>,
    reports: Vec<jobs::Report>,
    /// The rule that was met, and where.
    pruned: Option<String>,
}

impl<'a> Watch<'a> {
    /// Nothing has been reported yet, and there are rules alone.
    #[must_use]
    pub fn new(rules: &'a [PruningRule]) -> Self {
        Self { rules, guard: None, earlier: &[], end: None, reports: Vec::new(), pruned: None }
    }

    /// The same for a trial that is held against others as well.
    #[must_use]
    pub fn under(rules: &'a [PruningRule], guard: Option<&'a Guard>, measure: &'a Measure) -> Self {
        let guard = guard.map(|guard| (guard.watch(), guard, measure));
        Self { guard, ..Self::new(rules) }
    }

    /// The same for a trial that ends at a step. Others are nothing to it any more when it is there:
    /// it has done all of its work.
    #[must_use]
    pub fn ending_at(self, end: Option<u64>) -> Self {
        Self { end, ..self }
    }

    /// The same for a trial that has reported this already, and passed.
    #[must_use]
    pub fn after(mut self, earlier: &'a [jobs::Report]) -> Self {
        self.earlier = earlier;
        if !earlier.is_empty() {
            self.restart();
        }
        self
    }

    /// The rule that a report meets, or what its guard has against it.
    fn reason(&mut self, report: &Report) -> Option<String> {
        let before = self.reports.last().map_or(0, |report| report.step);
        let met = |rule: &&PruningRule| rule.holds(before, report.step, &report.values);
        let rule = self.rules.iter().find(met);
        let named = rule.map(|rule| format!("{} at step {}", rule.source(), report.step));
        named.or_else(|| {
            let (watched, _, measure) = self.guard.as_mut()?;
            if self.end.is_some_and(|end| report.step >= end) {
                return None;
            }
            watched.report(report.step, measure.standing(&report.values).as_ref())
        })
    }

    /// What came of the trial. Whatever a simulator says after it was stopped is not part of it.
    ///
    /// # Errors
    /// The machine could not run it.
    pub fn conclude(
        self,
        trial: u64,
        ended: Result<Vec<f64>, Failure>,
    ) -> Result<TrialResult, MachineFault> {
        let outcome = match (self.pruned, ended) {
            (Some(why), _) => Outcome::Pruned(why),
            (None, Ok(metrics)) => Outcome::Complete(metrics),
            (None, Err(Failure { message, kind })) => match kind {
                FailureKind::Error | FailureKind::Signal => Outcome::Failed(message),
                FailureKind::Timeout => Outcome::TimedOut(message),
                FailureKind::Machine => return Err(MachineFault { trial, message }),
            },
        };
        Ok(TrialResult { outcome, reports: self.reports })
    }
}

impl Watcher for Watch<'_> {
    fn report(&mut self, report: Report) -> Verdict {
        if self.pruned.is_none() {
            self.pruned = self.reason(&report);
            self.reports.push(jobs::Report { step: report.step, values: report.values });
        }
        if self.pruned.is_some() { Verdict::Stop } else { Verdict::Continue }
    }

    fn wants_reports(&self) -> bool {
        !self.rules.is_empty() || self.guard.is_some()
    }

    fn restart(&mut self) {
        self.reports.clear();
        self.reports.extend_from_slice(self.earlier);
        if let Some((watched, guard, measure)) = &mut self.guard {
            *watched = guard.watch();
            for report in self.earlier {
                watched.report(report.step, measure.standing(&report.values).as_ref());
            }
        }
    }
}
