//! The face of the room: what a worker needs to know to evaluate a point, whatever evaluates it.

use std::path::Path;

use search_spaces::{Aggregate, Point};

/// Evaluates points: a pure function of (point, seed) with fixed settings.
///
/// A simulator is opened once, from a template, and shared by all threads; everything that a run
/// changes lives in a [`Session`].
pub trait Simulator: Send + Sync {
    /// Names of the metrics that a run returns, in the order of the returned values.
    fn metrics(&self) -> &[String];

    /// The blake3 hash of everything that an answer depends on beside the point and the seed:
    /// the simulator's name and semantics version, its settings and rules, the hash of its data.
    fn fingerprint(&self) -> [u8; 32];

    /// Scratch memory for the runs of one thread. Cheap to make, and without influence on results:
    /// runs may be spread over any number of sessions in any order.
    fn session(&self) -> Box<dyn Session + '_>;

    /// The files that it reads, as the template names them, from the template's folder: what
    /// another machine needs beside the template.
    fn files(&self) -> Vec<String> {
        Vec::new()
    }

    /// The data sets that it reads, which another machine needs as well.
    fn data_sets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes sure, before a study starts, that trials can be run at all.
    ///
    /// # Errors
    /// What keeps every trial from being run, such as a program that does not speak.
    fn ready(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Ends the trials that are under way, as soon as that can be done; no further ones begin.
    /// Nobody looks at what comes of them. Trials that are short need not be ended.
    fn abandon(&self) {}

    /// In which way it runs trials, and why in that, as a sentence without a period for whoever
    /// wonders about speed; none where there is but one way.
    fn way(&self) -> Option<String> {
        None
    }

    /// Whether its trials may report on their way, so that pruning rules can hold.
    fn reports(&self) -> bool;

    /// The step of a whole trial's last report, where that is the same for all of them.
    fn steps(&self) -> Option<u64> {
        None
    }

    /// What the reports of a trial amount to where they are repetitions of one measurement, each by
    /// itself; none where the last one counts.
    fn replicates(&self) -> Option<Aggregate> {
        None
    }

    /// Whether it takes up a trial that has paused after its last report, from nothing but what was
    /// reported until then ([`Trial::earlier`]). With other simulators such a trial begins once more.
    fn continues(&self) -> bool {
        false
    }

    /// Whether it makes use of knowing how far a trial goes before it begins ([`Trial::until`]).
    fn budgets(&self) -> bool {
        false
    }

    /// Runs one trial again, whole, and lists what happened in it: the trades of a backtest and its
    /// equity. None where there is nothing to list.
    ///
    /// # Errors
    /// The [`Failure`] that the trial has.
    fn lists(&self, _trial: &Trial<'_>) -> Result<Vec<List>, Failure> {
        Ok(Vec::new())
    }

    /// Runs one trial by itself, for a person who wants to see how that goes.
    fn rehearse(&self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Rehearsal {
        Rehearsal { result: self.session().run(trial, watcher), seen: Vec::new() }
    }
}

/// The scratch memory of one thread, in which trials run one after the other.
pub trait Session {
    /// Evaluates one point and returns one value per metric, in the order of
    /// [`Simulator::metrics`]; an undefined metric is `f64::NAN` (no other NaN), an infinite one
    /// stays infinite.
    ///
    /// Intermediate values go to the `watcher`, with strictly increasing steps. Once the answer to
    /// one is [`Verdict::Stop`], the run should end soon, and nobody looks at what it returns.
    ///
    /// # Errors
    /// A [`Failure`] is an expected failure of this one trial, which is data: the study goes on.
    ///
    /// # Panics
    /// When the point does not belong to the space for which the simulator was opened.
    fn run(&mut self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Result<Vec<f64>, Failure>;
}

/// Who is told how a trial goes, and says whether it goes on.
pub trait Watcher {
    /// Takes an intermediate value.
    fn report(&mut self, report: Report) -> Verdict;

    /// Whether anything depends on reports. A simulator that would have to work for them only
    /// makes them if it does.
    fn wants_reports(&self) -> bool {
        true
    }

    /// The trial begins once more: what was reported before does not count.
    fn restart(&mut self);
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn report(&mut self, _report: Report) -> Verdict {
        Verdict::Continue
    }

    fn wants_reports(&self) -> bool {
        false
    }

    fn restart(&mut self) {}
}

/// All reports are kept, and the trial always goes on.
impl Watcher for Vec<Report> {
    fn report(&mut self, report: Report) -> Verdict {
        self.push(report);
        Verdict::Continue
    }

    fn restart(&mut self) {
        self.clear();
    }
}

/// What is to be evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// Its number in the study, for people: no metric should depend on it.
    pub number: u64,
    /// Its point.
    pub point: &'a Point,
    /// The seed of its own noise.
    pub seed: u64,
    /// The seed that it shares with all trials of its study, for whatever they are to have in
    /// common.
    pub common: u64,
    /// It will be stopped at the first report at or beyond this step, whatever that says: there is
    /// no use in preparing for more.
    pub until: Option<u64>,
    /// What it has reported already, in order, and does not report again: it is taken up after
    /// that. Empty where the simulator does not do so ([`Simulator::continues`]).
    pub earlier: &'a [Report],
    /// The folder for files that people may want to see afterwards, in an entry named by the
    /// trial's number; it need not exist yet. Where there is none, nothing is kept.
    pub files: Option<&'a Path>,
}

impl<'a> Trial<'a> {
    /// A trial outside of any study: its number, and the seed that it shares, are 0.
    #[must_use]
    pub fn new(point: &'a Point, seed: u64) -> Self {
        Self { number: 0, point, seed, common: 0, until: None, earlier: &[], files: None }
    }

    /// What it may spend of a whole trial's budget, in steps.
    #[must_use]
    pub fn budget(&self, whole: u64) -> u64 {
        self.until.map_or(whole, |until| until.min(whole))
    }
}

/// What a simulator is answered to a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The trial goes on.
    Continue,
    /// The trial is pruned.
    Stop,
}

/// What came of a trial that was run for a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsal {
    /// How it ended, as [`Session::run`] says it.
    pub result: Result<Vec<f64>, Failure>,
    /// What could be seen on the way, in order: who or what it comes from, and its text.
    pub seen: Vec<(String, String)>,
}

/// Something that happened several times in a trial, or went on all along.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// What it is called.
    pub name: &'static str,
    /// What its columns are called.
    pub columns: Vec<&'static str>,
    /// A cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a [`List`].
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number.
    Number(f64),
    /// A name, a date, a reason.
    Text(String),
}

/// An intermediate value of a running trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How far the trial is, in the simulator's own unit, counted from 1.
    pub step: u64,
    /// One value per metric, in the order of [`Simulator::metrics`].
    pub values: Vec<f64>,
}

/// An expected failure of one trial: the point cannot be evaluated, and the message says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What was found and what is allowed, in one sentence without a final period.
    pub message: String,
    /// What kind of failure it is.
    pub kind: FailureKind,
}

/// What ended a trial that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The point itself, or the program that evaluates it: it would fail again.
    Error,
    /// A signal from outside, such as one to all processes of a cluster's job: where it ends the
    /// worker as well, the trial has not failed.
    Signal,
    /// The clock: on a faster or a less busy machine the trial might have come to its end.
    Timeout,
    /// The machine, which has no room or no rights: nothing is known of the trial, and the study
    /// cannot go on here.
    Machine,
}

impl Failure {
    /// A failure with the given message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Error }
    }

    /// A failure by a signal that nobody here has sent, with the given message.
    pub fn signal(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Signal }
    }

    /// A failure to end in time, with the given message.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Timeout }
    }

    /// A failure of the machine, with the given message.
    pub fn machine(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Machine }
    }
}
