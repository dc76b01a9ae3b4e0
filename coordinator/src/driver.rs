//! The scheduler of a study, as a pure state machine: exact lag.
//!
//! The driver turns a plan into jobs and takes their results back in any order. Two rules make
//! what it does a function of its inputs, whatever the workers do:
//!
//! * **Exact lag.** The job that begins with trial `k` is asked after telling exactly the whole
//!   jobs among the trials `0 ..= k - lag`, in order, and never more: later results wait, even
//!   when they are there already. ("As soon as they arrive, in order" is not enough: then it is
//!   the workers' speed that decides what the optimizer knows.)
//! * **Release in order.** Results leave the driver as an unbroken prefix of the trials, so that
//!   a study stopped at any moment is a smaller study, not another one.
//!
//! Plans that learn nothing (grids, samples) have no lag; where their jobs begin and end is free
//! to follow the speed of the workers, since no point depends on it.
//!
//! Resuming is replaying: recorded results are handed in, in order, before the first new job;
//! every point that is asked again must be the recorded one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jobs::{JobId, JobResult, JobSpec, Outcome, StudyId, TrialId, Work};
use optimizers::{Plan, Pruner};
use search_spaces::{Measure, Sequence};

use crate::chooser::Chooser;

/// What a driver's decisions depend on, beside the plan and the results.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The study's fingerprint, which every job carries.
    pub study: StudyId,
    /// The study's seed.
    pub seed: u64,
    /// So many points are evaluated at most.
    pub trials: Option<u64>,
    /// Trials per job; for plans that learn, a part of the study.
    pub chunk: u64,
    /// So many trials may be open when a plan that learns is asked for the next.
    pub lag: u64,
    /// Whether the simulator takes trials up where they paused.
    pub continues: bool,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Push this job.
    Job(JobSpec),
    /// Nothing can be pushed before more results have come in.
    Wait,
    /// Every job has been pushed and every result is in.
    Done,
}

/// What became of a result that was handed in.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// It is the first of its job.
    Fresh,
    /// It is part of a job only; what is missing will be pushed again.
    Partial,
    /// The job had a result before. The two have to be equal.
    Repeated,
}

/// Two results of the same question differ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(pub String);

/// A job with its result, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Released {
    /// The job; of a range as much as there is a result of.
    pub job: JobSpec,
    /// The result.
    pub result: JobResult,
}

impl Released {
    /// The first trial.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.job.id.0.0
    }
}

/// So many numbers in a row that hold no point end a sample. (A grid ends by itself.)
const MAX_BARREN: u64 = 100_000;

/// The scheduler of one study.
pub struct Driver {
    inputs: Inputs,
    source: Source,
    /// The next trial to be put into a job.
    next: u64,
    /// Ranges of trials before `next` that have to be run again: first trial and length.
    gaps: VecDeque<(u64, u64)>,
    /// Jobs that have to be pushed again as they are.
    again: VecDeque<JobSpec>,
    open: BTreeMap<JobId, JobSpec>,
    /// Results whose predecessors are missing.
    early: BTreeMap<u64, Released>,
    /// How many trials those have.
    waiting: u64,
    released: VecDeque<Released>,
    /// Trials before this one have been released.
    frontier: u64,
    /// Trials among those that were evaluated, and how many numbers in a row held no point.
    evaluated: u64,
    barren: u64,
}

enum Source {
    Sequence(Arc<dyn Sequence>),
    Chooser(Box<Chooser>),
}

impl Driver {
    /// A driver before its first job. `measure` says what counts of the metrics.
    ///
    /// # Panics
    /// If the chunk or the lag is zero, or there is a pruner and the plan does not learn.
    #[must_use]
    pub fn new(
        inputs: Inputs,
        plan: Plan,
        pruner: Option<Box<dyn Pruner>>,
        measure: Measure,
    ) -> Self {
        assert!(inputs.chunk > 0 && inputs.lag > 0, "chunk and lag count trials, from 1");
        let source = match plan {
            Plan::Sequence(sequence) => {
                assert!(pruner.is_none(), "pruners learn, and so does a plan with one");
                Source::Sequence(sequence)
            }
            Plan::Optimizer { optimizer, learns } => {
                assert!(learns || pruner.is_none(), "pruners learn, and so does a plan with one");
                let chooser = Chooser::new(optimizer, learns, pruner, measure);
                Source::Chooser(Box::new(chooser))
            }
        };
        Self {
            inputs,
            source,
            next: 0,
            gaps: VecDeque::new(),
            again: VecDeque::new(),
            open: BTreeMap::new(),
            early: BTreeMap::new(),
            waiting: 0,
            released: VecDeque::new(),
            frontier: 0,
            evaluated: 0,
            barren: 0,
        }
    }

    /// Whether the points depend on results, so that chunk and lag are part of the study.
    #[must_use]
    pub fn learns(&self) -> bool {
        matches!(&self.source, Source::Chooser(chooser) if chooser.learns())
    }

    /// Trials that were released and evaluated; trials whose number holds no point do not count.
    #[must_use]
    pub fn evaluated(&self) -> u64 {
        self.evaluated
    }

    /// Jobs pushed and not answered.
    #[must_use]
    pub fn open_jobs(&self) -> usize {
        self.open.len()
    }

    /// Trials whose results wait for an earlier one.
    #[must_use]
    pub fn waiting_trials(&self) -> u64 {
        self.waiting
    }

    /// The first trial of the next job, where its length is free.
    #[must_use]
    pub fn upcoming(&self) -> Option<u64> {
        let is_free = self.again.is_empty() && matches!(self.source, Source::Sequence(_));
        is_free.then(|| self.gaps.front().map_or(self.next, |gap| gap.0))
    }

    /// Whether the trial has been put into a job or was replayed.
    #[must_use]
    pub fn was_asked(&self, trial: u64) -> bool {
        let in_gap = |(first, len): &(u64, u64)| (*first..first + len).contains(&trial);
        trial < self.next && !self.gaps.iter().any(in_gap)
    }

    /// Whether a sample has found no point for so long that the study ends for it. That is
    /// decided in the order of the trials, so that it is the same in every run.
    #[must_use]
    pub fn is_barren(&self) -> bool {
        // A grid ends by itself, and is worth going through.
        let samples = matches!(&self.source, Source::Sequence(sequence) if !sequence.is_distinct());
        samples && self.barren >= MAX_BARREN
    }

    /// Whether there are jobs that were pushed before and have to be pushed again. Later results
    /// wait for theirs.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        !self.again.is_empty() || !self.gaps.is_empty()
    }

    /// The next job. Plans that do not learn put `hint` trials into it at most.
    pub fn next_job(&mut self, hint: u64) -> Next {
        if self.has_enough() || self.is_barren() {
            // What is still open lies beyond the last trial asked for, and is not waited for.
            return Next::Done;
        }
        let job = match self.again.pop_front() {
            Some(job) => Some(JobSpec { attempt: job.attempt + 1, ..job }),
            None => match self.gaps.pop_front() {
                Some((first, len)) => Some(self.gap_job(first, len, hint)),
                None => self.fresh_job(hint),
            },
        };
        match job {
            Some(job) => {
                self.open.insert(job.id, job.clone());
                Next::Job(job)
            }
            None if self.open.is_empty() && self.is_planned() => Next::Done,
            None => Next::Wait,
        }
    }

    /// Hands in a result, in any order.
    pub fn accept(&mut self, result: JobResult) -> Accepted {
        let id = result.id;
        let Some(job) = self.open.remove(&id).or_else(|| self.take_again(id)) else {
            return Accepted::Repeated;
        };
        let (done, len) = (result.trials.len() as u64, job.len());
        let accepted = if done < len { Accepted::Partial } else { Accepted::Fresh };
        let job = match &job.work {
            // A prefix of a range is a smaller range; the rest becomes a gap.
            Work::Range { .. } if done > 0 => {
                if done < len {
                    self.gaps.push_front((id.0.0 + done, len - done));
                }
                JobSpec { work: Work::Range { len: done }, ..job }
            }
            Work::Points(_) if done == len => job,
            // The jobs of an optimizer are units of telling, so they are kept whole.
            _ => {
                self.again.push_front(job);
                return accepted;
            }
        };
        self.settle(Released { job, result });
        accepted
    }

    /// A job that nobody holds is answered all the same by whoever was slow, and counts.
    fn take_again(&mut self, id: JobId) -> Option<JobSpec> {
        let index = self.again.iter().position(|job| job.id == id)?;
        self.again.remove(index)
    }

    /// The job of this name that has no result yet.
    #[must_use]
    pub fn unanswered(&self, id: JobId) -> Option<&JobSpec> {
        self.open.get(&id).or_else(|| self.again.iter().find(|job| job.id == id))
    }

    /// The job is held by nobody any more, and perhaps its holder has died of it: it will be
    /// pushed again.
    pub fn lost(&mut self, id: JobId, has_died: bool) {
        if let Some(job) = self.open.remove(&id) {
            let losses = job.losses + u32::from(has_died);
            self.again.push_back(JobSpec { losses, ..job });
        }
    }

    /// The next released job, in order.
    pub fn release(&mut self) -> Option<Released> {
        self.released.pop_front()
    }

    /// Hands in a recorded job. Records come in order, before the first call of
    /// [`Driver::next_job`].
    ///
    /// # Errors
    /// The plan gives other points than the recorded ones: the study was recorded by a program
    /// or with data that behaves differently.
    pub fn replay(&mut self, job: JobSpec, result: JobResult) -> Result<(), Mismatch> {
        let first = job.id.0.0;
        if first < self.next {
            return Err(Mismatch(format!("trial {first} is recorded twice")));
        }
        let len = result.trials.len() as u64;
        match &job.work {
            Work::Range { .. } => {
                if first > self.next {
                    self.gaps.push_back((self.next, first - self.next));
                }
                self.next = first + len;
            }
            Work::Points(points) => {
                while self.next < first {
                    let missing = first - self.next;
                    let earlier = self.ask_job(missing).ok_or_else(|| {
                        Mismatch(format!("trial {first} is recorded, but cannot be asked yet"))
                    })?;
                    self.again.push_back(earlier);
                }
                let asked = self.ask_job(len);
                let origins = |job: &JobSpec| {
                    job.origins.iter().map(|origin| origin.trial).collect::<Vec<u64>>()
                };
                let is_same = |asked: &JobSpec| {
                    asked.work == job.work
                        && origins(asked) == origins(&job)
                        && asked.guard == job.guard
                };
                if !asked.as_ref().is_some_and(is_same) {
                    let asked = asked.map_or("nothing".to_owned(), |job| format!("{:?}", job.work));
                    return Err(Mismatch(format!(
                        "the plan gives other points for trial {first} than the recorded ones: \
                         {asked} instead of {points:?}"
                    )));
                }
            }
        }
        let work = match job.work {
            Work::Range { .. } => Work::Range { len },
            points @ Work::Points(_) => points,
        };
        self.settle(Released { job: JobSpec { work, ..job }, result });
        Ok(())
    }

    /// Whether as many trials have been evaluated as were asked for.
    fn has_enough(&self) -> bool {
        // Where trials go on, there are more evaluations than points.
        let promotes = matches!(&self.source, Source::Chooser(chooser) if chooser.promotes());
        !promotes && self.inputs.trials.is_some_and(|trials| self.evaluated >= trials)
    }

    /// Whether every trial of the plan has been put into a job.
    fn is_planned(&self) -> bool {
        let ended = match &self.source {
            Source::Sequence(sequence) => sequence.end().is_some_and(|len| self.next >= len),
            Source::Chooser(chooser) => chooser.is_spent(&self.inputs),
        };
        ended && self.gaps.is_empty() && self.again.is_empty()
    }

    fn gap_job(&mut self, first: u64, len: u64, hint: u64) -> JobSpec {
        let now = len.min(hint.max(1));
        if now < len {
            self.gaps.push_front((first + now, len - now));
        }
        self.spec(first, Work::Range { len: now })
    }

    fn spec(&self, first: u64, work: Work) -> JobSpec {
        JobSpec::new(self.inputs.study, TrialId(first), self.inputs.seed, work)
    }

    fn fresh_job(&mut self, hint: u64) -> Option<JobSpec> {
        let Source::Sequence(sequence) = &self.source else { return self.ask_job(hint) };
        let left = sequence.end().map_or(u64::MAX, |len| len - self.next);
        let len = hint.max(1).min(left).min(self.wanted());
        if len == 0 {
            return None;
        }
        self.next += len;
        Some(self.spec(self.next - len, Work::Range { len }))
    }

    /// How many further numbers of a sequence are likely to give the trials that are missing,
    /// judged by the share that held a point so far.
    fn wanted(&self) -> u64 {
        let Some(trials) = self.inputs.trials else { return u64::MAX };
        let missing = trials - self.evaluated;
        let under_way = self.next - self.frontier;
        let scaled =
            u128::from(missing) * u128::from(self.frontier + 1) / u128::from(self.evaluated + 1);
        u64::try_from(scaled).unwrap_or(u64::MAX).max(missing).saturating_sub(under_way)
    }

    /// Asks for the next job, or none where that has to wait or there is none.
    fn ask_job(&mut self, hint: u64) -> Option<JobSpec> {
        let Source::Chooser(chooser) = &mut self.source else {
            unreachable!("only optimizers are asked")
        };
        let job = chooser.ask(self.next, hint, &self.inputs)?;
        self.next += job.len();
        Some(job)
    }

    /// Puts a result in its place and releases what is complete up to it.
    fn settle(&mut self, released: Released) {
        self.waiting += released.result.trials.len() as u64;
        self.early.insert(released.first(), released);
        while let Some(mut released) = self.early.remove(&self.frontier) {
            self.waiting -= released.result.trials.len() as u64;
            if self.has_enough() || self.is_barren() {
                return;
            }
            self.count(&mut released);
            self.frontier += released.result.trials.len() as u64;
            if let Source::Chooser(chooser) = &mut self.source {
                chooser.take(&released.job, &released.result.trials, &self.inputs);
            }
            self.released.push_back(released);
        }
    }

    /// Counts the evaluated trials of a released job, and cuts it off where the study ends.
    fn count(&mut self, released: &mut Released) {
        let trials = &mut released.result.trials;
        for index in 0..trials.len() {
            let is_skipped = trials[index].outcome == Outcome::Skipped;
            self.barren = if is_skipped { self.barren + 1 } else { 0 };
            self.evaluated += u64::from(!is_skipped);
            if self.has_enough() || self.is_barren() {
                trials.truncate(index + 1);
                return;
            }
        }
    }
}
