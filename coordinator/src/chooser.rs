//! The part of a driver that chooses: an optimizer, perhaps a pruner, and what they were told.
//!
//! A job that begins with trial `k` is asked after telling exactly the whole jobs among the trials
//! `0 ..= k - lag`, in order: its points, and the guard that its trials run under. A trial that
//! has paused and goes on takes a number of its own, so that the sequence is one of evaluations,
//! and the lag counts those.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jobs::{JobSpec, Origin, Outcome, Purpose, Report, TrialId, TrialResult, Work, generator};
use optimizers::{Asked, End, Optimizer, Promotion, Pruner, Run, Told};
use search_spaces::{Guard, Measure, Point};

use crate::driver::Inputs;

/// Chooses the trials of a study.
#[expect(clippy::struct_excessive_bools, reason = "each is true from some moment on")]
pub struct Chooser {
    optimizer: Box<dyn Optimizer>,
    /// Whether what is told changes what is asked.
    learns: bool,
    pruner: Option<Box<dyn Pruner>>,
    measure: Measure,
    /// New points so far.
    asked: u64,
    /// Whether the optimizer has no further points.
    exhausted: bool,
    /// Jobs released and not yet told.
    untold: VecDeque<Finished>,
    told: u64,
    /// Whether another job has to be told before the next one is asked.
    is_held: bool,
    /// The points asked and not told, in order, and how many of them each job has.
    pending: VecDeque<Point>,
    pending_jobs: VecDeque<u64>,
    /// Trials that have paused, by the number that they had when they were new: where they are,
    /// and what they have reported, if the simulator takes them up there.
    paused: BTreeMap<u64, (Point, Vec<Report>)>,
    is_closed: bool,
}

/// A job that is to be told.
struct Finished {
    job: JobSpec,
    trials: Vec<(Told, Option<Learnt>)>,
}

/// What a pruner learns of a trial.
struct Learnt {
    run: Run,
    /// What it has reported, if it has paused and the simulator takes it up there.
    earlier: Vec<Report>,
}

impl Chooser {
    /// A chooser before its first job.
    #[must_use]
    pub fn new(
        optimizer: Box<dyn Optimizer>,
        learns: bool,
        pruner: Option<Box<dyn Pruner>>,
        measure: Measure,
    ) -> Self {
        Self {
            optimizer,
            learns,
            pruner,
            measure,
            asked: 0,
            exhausted: false,
            untold: VecDeque::new(),
            told: 0,
            is_held: false,
            pending: VecDeque::new(),
            pending_jobs: VecDeque::new(),
            paused: BTreeMap::new(),
            is_closed: false,
        }
    }

    /// Whether the jobs depend on results, so that chunk and lag are part of the study.
    #[must_use]
    pub fn learns(&self) -> bool {
        self.learns
    }

    /// Whether trials may pause and go on, so that there are more evaluations than points.
    #[must_use]
    pub fn promotes(&self) -> bool {
        self.pruner.as_ref().is_some_and(|pruner| pruner.promotes())
    }

    /// Whether every job has been asked.
    #[must_use]
    pub fn is_spent(&self, inputs: &Inputs) -> bool {
        self.has_no_points(inputs) && (!self.promotes() || self.is_closed)
    }

    fn has_no_points(&self, inputs: &Inputs) -> bool {
        self.exhausted || inputs.trials.is_some_and(|trials| self.asked >= trials)
    }

    /// The job that begins with trial `next`; none where more has to be told first, or where
    /// there are no others.
    pub fn ask(&mut self, next: u64, hint: u64, inputs: &Inputs) -> Option<JobSpec> {
        let len = if self.learns { inputs.chunk } else { hint.max(1) };
        while self.tell_due(next, inputs.lag) {
            let job = self.going_on(next, len, inputs).or_else(|| self.fresh(next, len, inputs));
            if job.is_some() {
                return job;
            }
            if self.is_spent(inputs) {
                return None;
            }
            if self.has_no_points(inputs) && self.pending_jobs.is_empty() {
                // Nothing is left to be told: what waits for it waits in vain.
                let pruner = self.pruner.as_mut().expect("trials may go on");
                pruner.close();
                let promotion = pruner.promote(usize::try_from(len).unwrap_or(usize::MAX));
                self.is_closed = promotion.is_none();
                return promotion.map(|promotion| self.promoted(next, promotion, inputs));
            }
            self.is_held = true;
        }
        None
    }

    /// A job of paused trials that go on.
    fn going_on(&mut self, next: u64, len: u64, inputs: &Inputs) -> Option<JobSpec> {
        let most = usize::try_from(len).unwrap_or(usize::MAX);
        let promotion = self.pruner.as_mut()?.promote(most)?;
        Some(self.promoted(next, promotion, inputs))
    }

    fn promoted(&mut self, next: u64, promotion: Promotion, inputs: &Inputs) -> JobSpec {
        let Promotion { trials, guard } = promotion;
        let paused = |trial| {
            let (point, earlier) = self.paused.remove(&trial).expect("only paused trials go on");
            (point, Origin { trial, earlier })
        };
        let (points, origins) = trials.into_iter().map(paused).unzip();
        self.job(next, points, origins, Some(guard), inputs)
    }

    /// A job of new points: `len`, or as many as the optimizer gives without being told more. A
    /// job ends where a generation does.
    fn fresh(&mut self, next: u64, len: u64, inputs: &Inputs) -> Option<JobSpec> {
        let left = inputs.trials.map_or(u64::MAX, |trials| trials.saturating_sub(self.asked));
        if self.exhausted {
            return None;
        }
        let (mut points, known) = (Vec::new(), self.pending.len());
        for trial in next..next + len.min(left) {
            let mut generator = generator(inputs.seed, Purpose::Ask, trial);
            match self.optimizer.ask(trial, &mut generator, self.pending.make_contiguous()) {
                Asked::Point(point) => {
                    if self.learns {
                        self.pending.push_back(point.clone());
                    }
                    points.push(point);
                }
                Asked::Wait => break,
                Asked::Exhausted => {
                    self.exhausted = true;
                    break;
                }
            }
        }
        // The job adds them again, all together.
        self.pending.truncate(known);
        if points.is_empty() {
            return None;
        }
        let count = points.len() as u64;
        self.asked += count;
        let guard = self.pruner.as_mut().map(|pruner| pruner.begin(next, count));
        Some(self.job(next, points, Vec::new(), guard, inputs))
    }

    fn job(
        &mut self,
        next: u64,
        points: Vec<Point>,
        origins: Vec<Origin>,
        guard: Option<Arc<Guard>>,
        inputs: &Inputs,
    ) -> JobSpec {
        if self.learns {
            self.pending.extend(points.iter().cloned());
            self.pending_jobs.push_back(points.len() as u64);
        }
        let work = Work::Points(points);
        JobSpec { origins, guard, ..JobSpec::new(inputs.study, TrialId(next), inputs.seed, work) }
    }

    /// Takes a released job, to be told when its time has come.
    pub fn take(&mut self, job: &JobSpec, results: &[TrialResult], inputs: &Inputs) {
        if !self.learns {
            return;
        }
        let trial = |(offset, result): (u64, &TrialResult)| {
            let learnt = self.pruner.is_some().then(|| {
                let run = self.run(job, offset, result);
                let is_taken_up = inputs.continues && run.end == End::Paused;
                let earlier = if is_taken_up { result.reports.clone() } else { Vec::new() };
                Learnt { run, earlier }
            });
            (told(&self.measure, result), learnt)
        };
        let trials = (0..).zip(results).map(trial).collect();
        self.untold.push_back(Finished { job: job.clone(), trials });
    }

    fn run(&self, job: &JobSpec, offset: u64, result: &TrialResult) -> Run {
        let standing = |report: &Report| {
            self.measure.standing(&report.values).map(|standing| (report.step, standing))
        };
        let end = match &result.outcome {
            Outcome::Complete(metrics) => match self.measure.standing(metrics) {
                Some(standing) if standing.violation > 0.0 => End::Infeasible,
                Some(_) => End::Feasible,
                None => End::Failed,
            },
            // A rule that is met where the trial would have paused is met there another time, too.
            Outcome::Pruned(why) if pause(job, result).as_ref() == Some(why) => End::Paused,
            Outcome::Pruned(_) => End::Pruned,
            Outcome::Failed(_) | Outcome::TimedOut(_) | Outcome::Skipped => End::Failed,
        };
        Run {
            trial: job.id.0.0 + offset,
            origin: (!job.origins.is_empty()).then(|| job.origin(offset)),
            reports: result.reports.iter().filter_map(standing).collect(),
            end,
        }
    }

    /// Tells what is due before the next job may be asked; false where that is not there yet.
    fn tell_due(&mut self, next: u64, lag: u64) -> bool {
        if !self.learns {
            return true;
        }
        while self.is_due(next, lag) || self.is_held {
            let Some(Finished { job, trials }) = self.untold.pop_front() else { return false };
            let Work::Points(points) = &job.work else { unreachable!("optimizers give points") };
            let first = job.id.0.0;
            for (offset, (point, (told, learnt))) in (0..).zip(points.iter().zip(trials)) {
                self.tell(&job, first + offset, point, &told);
                if let Some(learnt) = learnt {
                    self.learn(learnt, point);
                }
            }
            self.is_held = false;
            self.pending_jobs.pop_front();
            self.pending.drain(..points.len());
            self.told += points.len() as u64;
        }
        true
    }

    fn tell(&mut self, job: &JobSpec, trial: u64, point: &Point, told: &Told) {
        if job.origins.is_empty() {
            self.optimizer.tell(trial, point, told);
        } else {
            self.optimizer.revise(point, told);
        }
    }

    /// Tells the pruner of a trial, which may have paused.
    fn learn(&mut self, Learnt { run, earlier }: Learnt, point: &Point) {
        self.pruner.as_mut().expect("it learns for it").learn(&run);
        if run.end == End::Paused {
            self.paused.insert(run.origin.unwrap_or(run.trial), (point.clone(), earlier));
        }
    }

    /// Whether the first job that is not told yet lies among the trials `0 ..= next - lag`.
    fn is_due(&self, next: u64, lag: u64) -> bool {
        let first = self.pending_jobs.front();
        first.is_some_and(|len| self.told + len + lag <= next + 1)
    }
}

/// Why a trial pauses at its last report, unless something else stops it there.
fn pause(job: &JobSpec, result: &TrialResult) -> Option<String> {
    job.guard.as_ref()?.pause_at(result.reports.last()?.step)
}

/// What an optimizer is told of a trial: its objectives, signed such that smaller is better, and
/// how far it is from meeting the outcome constraints.
#[must_use]
pub fn told(measure: &Measure, trial: &TrialResult) -> Told {
    match &trial.outcome {
        Outcome::Complete(metrics) => match measure.standing(metrics) {
            Some(standing) => {
                Told::Complete { objectives: standing.objectives, violation: standing.violation }
            }
            None => Told::Failed,
        },
        Outcome::Pruned(_) => {
            let last = trial.reports.last();
            Told::Pruned {
                step: last.map_or(0, |report| report.step),
                objectives: measure.amount(trial.reports.iter().map(|report| &*report.values)),
            }
        }
        Outcome::Failed(_) | Outcome::TimedOut(_) | Outcome::Skipped => Told::Failed,
    }
}
