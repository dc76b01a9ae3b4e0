//! The loop of a study: between the driver, which decides, and queue, ledger and view, which do.
//!
//! What makes a crash harmless: results are durable in the ledger before the queue is told that it
//! may forget them and before the view or a person sees them, and what the view lacks is replayed
//! from the ledger. The driver hears of results at once. What it asked on account of results that
//! a crash then takes away, it asks again when they have come in once more: they are the same.

use std::time::{Duration, Instant};

use jobs::{Event, JobResult, JobSpec, Queue, TrialResult, Work};
use results::{Contradiction, Entry, Finished, Ledger, Record, StudyState, View};
use tokio::sync::watch;
use worker::Hand;

use crate::audit::{Audit, Share};
use crate::control::Control;
use crate::driver::{Accepted, Driver, Next};
use crate::ended::{Ended, leaders};
use crate::exit::Failure;
use crate::fleet::Fleet;
use crate::frame::Frame;
use crate::ingest::{Coverage, Ingest};
use crate::pace::Pace;
use crate::progress::{Progress, thousands};
use crate::scribe::Scribe;
use crate::study::{Goal, Study};
use crate::tally::Tally;
use crate::unasked::{Unasked, split};

/// Trials whose results may wait for an earlier one before no further jobs are pushed. They are
/// held in memory, a few hundred bytes each.
const MAX_WAITING: u64 = 1 << 18;

/// Results that are collected at once at most.
const MAX_GROUP: usize = 256;

/// Progress is told this often, and the view hears of new rows.
const LOOK: Duration = Duration::from_millis(25);

/// So many trials that gave two results are named; what is wrong is clear by then.
const MAX_CONTRADICTIONS: usize = 100;

/// The speed is measured over no less than this.
const MEASURE: Duration = Duration::from_millis(4);

/// Where the loop gets its work done.
pub struct Places<'a> {
    /// Carries jobs.
    pub queue: &'a dyn Queue,
    /// The durable record.
    pub ledger: Ledger,
    /// What people read.
    pub view: View,
    /// Those who run the jobs.
    pub fleet: &'a Fleet,
    /// Runs jobs in the loop's own thread while that is quicker; none where all are for others.
    pub hand: Option<Hand>,
    /// Which share of the trials is run a second time to compare.
    pub audit: Option<Share>,
    /// So many failed trials end the study.
    pub max_failures: Option<u64>,
    /// Tells whether to go on.
    pub control: &'a Control,
    /// Told how far the study is.
    pub progress: &'a watch::Sender<Progress>,
}

/// Runs a study from wherever its ledger is to its end, or until it is told to stop.
///
/// # Errors
/// Disk or queue fail, or the recorded points are not the ones that are asked again. What was
/// recorded stays.
pub fn run(study: Study, places: Places<'_>) -> Result<Ended, Failure> {
    let (goal, chunk) = (study.goal(), study.choices.chunk);
    let frame = Frame::from(&study);
    let tally = study.tally();
    let mut run = Run {
        goal,
        chunk,
        queue: places.queue,
        fleet: places.fleet,
        hand: places.hand,
        max_failures: places.max_failures,
        control: places.control,
        progress: places.progress,
        audit: Audit::new(study.choices.seed, places.audit),
        contradictions: places.ledger.contradictions()?,
        ingest: Ingest::start(places.view, places.ledger.reader(), frame.clone()),
        was_complete: is_complete(&places.ledger)?,
        scribe: Scribe::new(places.ledger),
        driver: study.into_driver(),
        tally,
        frame,
        pace: Pace::default(),
        resumed: 0,
        unasked: Unasked::default(),
        answered: Vec::new(),
        contradicted: 0,
        has_too_many_failures: false,
    };
    run.contradicted = run.contradictions.len() as u64;
    run.replay()?;
    let complete = run.work()?;
    run.end(complete)
}

struct Run<'a> {
    frame: Frame,
    goal: Goal,
    chunk: u64,
    queue: &'a dyn Queue,
    fleet: &'a Fleet,
    hand: Option<Hand>,
    max_failures: Option<u64>,
    control: &'a Control,
    progress: &'a watch::Sender<Progress>,
    scribe: Scribe,
    ingest: Ingest,
    driver: Driver,
    audit: Audit,
    tally: Tally,
    /// Whether the study came to its end in an earlier run.
    was_complete: bool,
    pace: Pace,
    /// Trials that were there before this run.
    resumed: u64,
    unasked: Unasked,
    /// Answers that were there before the question.
    answered: Vec<JobResult>,
    contradictions: Vec<Contradiction>,
    /// How many trials gave two results, named or not.
    contradicted: u64,
    has_too_many_failures: bool,
}

/// What came in at once.
#[derive(Debug, Default)]
struct Collected {
    events: u64,
    trials: u64,
    reports: u64,
}

impl Run<'_> {
    /// Hands the ledger's records to the driver.
    fn replay(&mut self) -> Result<(), Failure> {
        for record in self.scribe.ledger.records()? {
            let Record { job, result } = record?;
            self.driver.replay(job, result)?;
            while let Some(released) = self.driver.release() {
                self.tally.take_up(&self.frame, &released);
            }
        }
        self.resumed = self.tally.counts.evaluated;
        Ok(())
    }

    /// The loop proper; whether the study came to its end.
    #[expect(clippy::disallowed_methods, reason = "the speed of the fleet shapes no result")]
    fn work(&mut self) -> Result<bool, Failure> {
        let (mut looked, mut measured) = (Instant::now(), Instant::now());
        let mut done = Collected::default();
        // What was finished while nobody was there is not run again.
        self.collect(Duration::ZERO)?;
        loop {
            if self.tally.reason().is_some() {
                // What is still under way lies beyond the end, and is not waited for.
                return Ok(false);
            }
            let stopping = self.control.stopped().is_some();
            if !stopping && self.issue()? {
                return Ok(true);
            }
            // Looked at before collecting, so that what came in before the drain is collected.
            let last = stopping && (self.driver.open_jobs() == 0 || self.control.is_drained());
            let collected = self.collect(LOOK)?;
            done.trials += collected.trials;
            done.reports += collected.reports;
            self.take_up_released();
            if last && collected.events == 0 {
                return Ok(false);
            }
            if measured.elapsed() >= MEASURE {
                self.pace.observe(done.trials, done.reports, measured.elapsed());
                (measured, done) = (Instant::now(), Collected::default());
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                // Nobody sees what a crash could still take away.
                self.commit()?;
                self.progress.send_replace(self.snapshot());
                self.ingest.advance(self.tally.numbers, self.tally.hash())?;
            }
        }
    }

    /// Pushes jobs while there is room; whether there is nothing left to do.
    fn issue(&mut self) -> Result<bool, Failure> {
        while let Some(job) = self.audit.next_job() {
            self.queue.push(job)?;
        }
        while self.has_room() {
            let left = self.goal.total().map(|total| total.saturating_sub(self.done()));
            let mut hint = match self.chunk {
                0 => {
                    let (slots, threads) = (self.fleet.slots() as u64, self.fleet.all_threads());
                    self.pace.next_size(left, slots, threads)
                }
                chunk => chunk,
            };
            if let Some(first) = self.driver.upcoming() {
                hint = self.unasked.fit(first, hint);
            }
            match self.driver.next_job(hint) {
                Next::Job(job) => match self.unasked.answer(&job) {
                    Some(result) => self.answered.push(result),
                    None => self.hand_out(job)?,
                },
                Next::Wait => return Ok(false),
                Next::Done => return Ok(self.audit.is_idle()),
            }
        }
        Ok(false)
    }

    /// Has a job run. The jobs of a plan that learns may be so short, and waited for by so much,
    /// that handing them to another thread is most of the work.
    fn hand_out(&mut self, job: JobSpec) -> Result<(), Failure> {
        let learns = self.driver.learns();
        match self.hand.as_mut().filter(|hand| learns && hand.is_quicker()) {
            Some(hand) => self.answered.push(hand.run(&job)?),
            None => self.queue.push(job)?,
        }
        Ok(())
    }

    /// Whether a further job may be pushed. Too many results that wait for an earlier one stop
    /// fresh jobs, and never those that are waited for.
    fn has_room(&self) -> bool {
        let has_slot = self.driver.learns() || self.driver.open_jobs() < self.fleet.slots();
        let few_waiting = self.driver.waiting_trials() < MAX_WAITING;
        has_slot && !self.audit.is_busy() && (few_waiting || self.driver.has_backlog())
    }

    /// Waits for results, hands them to the driver, and makes them durable, many together.
    fn collect(&mut self, mut wait: Duration) -> Result<Collected, Failure> {
        let mut group = std::mem::take(&mut self.answered);
        let mut collected = Collected { events: group.len() as u64, ..Collected::default() };
        if !group.is_empty() {
            wait = Duration::ZERO;
        }
        while let Some(event) = self.queue.next_event(wait)? {
            wait = Duration::ZERO;
            collected.events += 1;
            match event {
                Event::Finished(result) => match self.audit.accept(&result) {
                    Some(first) => self.judge(result.id.0.0, &first, &result.trials[0], &result)?,
                    None => {
                        if let Some(hand) = &mut self.hand {
                            hand.note(result.elapsed_ns);
                        }
                        group.push(result);
                    }
                },
                Event::Lost(id) if self.audit.lost(id, true) => {}
                Event::Dropped(id) if self.audit.lost(id, false) => {}
                Event::Lost(id) => self.driver.lost(id, true),
                Event::Dropped(id) => self.driver.lost(id, false),
            }
            if group.len() >= MAX_GROUP {
                break;
            }
        }
        let (fresh, repeated) = self.sort(group);
        let entries: Vec<Entry> = fresh.iter().filter_map(|each| self.entry(each)).collect();
        if self.scribe.take_down(entries, collected.events == 0) {
            self.commit()?;
        }
        for result in fresh {
            let trials = result.trials.iter();
            collected.trials += result.trials.len() as u64;
            collected.reports += trials.map(|trial| trial.reports.len() as u64).sum::<u64>();
            let (id, attempt) = (result.id, result.attempt);
            let pushed = self.driver.unanswered(id).map(|job| job.attempt);
            if let Some(pushed) = pushed.filter(|pushed| *pushed != attempt) {
                self.queue.forget(id, pushed);
            }
            let accepted = self.driver.accept(result);
            debug_assert_ne!(accepted, Accepted::Repeated, "sorted out before");
        }
        if !repeated.is_empty() {
            self.commit()?;
        }
        for result in repeated {
            self.compare(&result)?;
        }
        Ok(collected)
    }

    /// Makes what the driver knows durable, and tells the queue so.
    fn commit(&mut self) -> Result<(), Failure> {
        self.scribe.write()?;
        self.queue.confirm()?;
        Ok(())
    }

    /// Tells first results from repeated ones, and puts aside what was not asked for yet.
    fn sort(&mut self, group: Vec<JobResult>) -> (Vec<JobResult>, Vec<JobResult>) {
        let (mut fresh, mut repeated) = (Vec::<JobResult>::new(), Vec::new());
        for mut result in group {
            loop {
                let first = fresh.iter().all(|known| known.id != result.id);
                match self.driver.unanswered(result.id) {
                    Some(job) if first => {
                        // The late result of a longer job that has been divided since.
                        let len = usize::try_from(job.len()).unwrap_or(usize::MAX);
                        let rest = split(&mut result, len);
                        fresh.push(result);
                        match rest {
                            Some(rest) => result = rest,
                            None => break,
                        }
                    }
                    None if !self.driver.was_asked(result.id.0.0) => {
                        self.unasked.keep(result);
                        break;
                    }
                    _ => {
                        repeated.push(result);
                        break;
                    }
                }
            }
        }
        (fresh, repeated)
    }

    /// What the ledger keeps of a result; nothing where the driver will ask for the job again.
    fn entry(&self, result: &JobResult) -> Option<Entry> {
        let job = self.driver.unanswered(result.id)?;
        let whole = result.trials.len() as u64 == job.len();
        let prefix = matches!(job.work, Work::Range { .. }) && !result.trials.is_empty();
        (whole || prefix).then(|| Entry::of(job, result))
    }

    /// A second result of a trial has to be the first one again, whichever job it came with.
    fn compare(&mut self, result: &JobResult) -> Result<(), Failure> {
        let (first, end) = (result.id.0.0, result.id.0.0 + result.trials.len() as u64);
        for known in self.scribe.ledger.records_from(first)? {
            let known = known?;
            let begins = known.job.id.0.0;
            if begins >= end {
                break;
            }
            for (number, recorded) in (begins..end).zip(&known.result.trials) {
                let Some(offset) = number.checked_sub(first) else { continue };
                let found = &result.trials[usize::try_from(offset).expect("a list fits")];
                self.judge(number, recorded, found, result)?;
            }
        }
        Ok(())
    }

    /// Writes down where the second result of a trial differs from the first.
    fn judge(
        &mut self,
        trial: u64,
        first: &TrialResult,
        again: &TrialResult,
        source: &JobResult,
    ) -> Result<(), Failure> {
        if self.contradictions.iter().any(|each| each.trial == trial) {
            return Ok(());
        }
        let Some((first, again)) = self.frame.schema.difference(first, again) else {
            return Ok(());
        };
        self.contradicted += 1;
        if self.contradictions.len() < MAX_CONTRADICTIONS {
            let worker = source.worker.clone();
            let found = Contradiction { trial, first, again, worker };
            self.scribe.ledger.contradict(std::slice::from_ref(&found))?;
            // Second results come in any order; people are told in that of the trials.
            let place = self.contradictions.partition_point(|each| each.trial < trial);
            self.contradictions.insert(place, found);
        }
        Ok(())
    }

    fn take_up_released(&mut self) {
        if self.has_too_many_failures {
            return;
        }
        while let Some(released) = self.driver.release() {
            self.tally.take_up(&self.frame, &released);
            if self.tally.reason().is_some() {
                break;
            }
            self.audit.consider(&released);
            if self.max_failures.is_some_and(|most| self.tally.counts.failed >= most) {
                // What follows in the order of the trials is not taken up any more.
                self.control.stop(StudyState::Stopped);
                self.has_too_many_failures = true;
                break;
            }
        }
    }

    fn done(&self) -> u64 {
        self.goal.done(self.tally.counts.points(), self.tally.numbers)
    }

    /// Why running the study again may give another table, as far as that is known.
    fn tainted(&self) -> Option<String> {
        let count = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{} {many}", thousands(count))),
        };
        let reasons = [
            count(self.contradicted, "trial gave two results", "trials gave two results"),
            count(
                self.tally.counts.timed_out,
                "trial was ended by the clock",
                "trials were ended by the clock",
            ),
        ];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    fn snapshot(&self) -> Progress {
        Progress {
            counts: self.tally.counts,
            resumed: self.resumed,
            done: self.done(),
            total: self.goal.total(),
            best: self.tally.best(&self.frame.schema),
            frontier: self.tally.frontier(),
            rate: self.pace.rate(),
            first_failure: self.tally.first_failure().cloned(),
            audited: self.audit.done(),
            audit_left: self.audit.left(),
            contradicted: self.contradicted,
            contradictions: self.contradictions.clone(),
            tainted: self.tainted(),
            reason: self.tally.reason().cloned(),
            jobs_in_flight: self.driver.open_jobs() as u64,
            view_lag: self.tally.numbers.saturating_sub(self.ingest.covered()),
            is_writing: false,
        }
    }

    fn end(mut self, complete: bool) -> Result<Ended, Failure> {
        self.control.end();
        self.commit()?;
        self.take_up_released();
        let complete = complete || self.was_complete;
        let is_barren = self.driver.is_barren();
        let early = self.control.stopped().unwrap_or(StudyState::Interrupted);
        let finished = Finished {
            state: match (complete, is_barren || self.tally.reason().is_some()) {
                (_, true) => StudyState::Stopped,
                (true, false) => StudyState::Complete,
                (false, false) => early,
            },
            results_hash: self.tally.hash(),
            trials: self.tally.numbers,
            reason: self.tally.reason().cloned(),
            tainted: self.tainted(),
        };
        let mut progress = Progress { is_writing: true, ..self.snapshot() };
        self.progress.send_replace(progress.clone());
        self.ingest.end(finished.clone());
        let leaders = leaders(&self.tally, &self.scribe.ledger, &self.frame)?;
        let coverage = self.ingest.wait()?;
        if coverage == Coverage::Whole {
            progress.view_lag = 0;
        }
        self.scribe.ledger.finish(&finished)?;
        let has_too_many_failures = self.has_too_many_failures;
        Ok(Ended { finished, progress, coverage, leaders, is_barren, has_too_many_failures })
    }
}

/// A study that came to its end stays complete, however it is opened again.
fn is_complete(ledger: &Ledger) -> Result<bool, Failure> {
    let finished = ledger.finished()?;
    Ok(finished.is_some_and(|finished| finished.state == StudyState::Complete))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use jobs::{EmbeddedQueue, Faults, FaultyQueue, Lease, QueueError};
    use optimizers::{Algorithm, Pruning};
    use results::{Cell, Store, ViewReader};

    use super::*;
    use crate::commands::results::{frontier_table, leaders_table};
    use crate::library;
    use crate::study::Choices;
    use crate::tally::LEADERS;

    fn study(algorithm: &str) -> Study {
        let overrides = ["space.x1.points=9", "space.x2.points=40"];
        open("problem:branin", &overrides, algorithm, 300).expect("a study")
    }

    fn open(
        problem: &str,
        overrides: &[&str],
        algorithm: &str,
        trials: u64,
    ) -> Result<Study, Failure> {
        let overrides: Vec<String> = overrides.iter().map(|each| (*each).to_owned()).collect();
        let template = library::load(problem, &overrides).expect("a template");
        let algorithm = Algorithm::parse(algorithm).expect("an algorithm");
        let choices = Choices {
            algorithm,
            seed: 3,
            trials: Some(trials),
            chunk: 4,
            lag: 8,
            known: None,
            data: "optimize-data".into(),
        };
        Study::open(template, choices)
    }

    /// A small study with every algorithm that learns, of one objective or of two.
    fn learners() -> Vec<impl Fn() -> Study> {
        let names = Algorithm::names().iter().map(|(name, _)| *name).filter(|name| *name != "auto");
        let learner = |name: &'static str| {
            let problems = ["problem:branin", "problem:zdt1"];
            let opens = |problem: &&str| {
                open(problem, &[], name, 60).is_ok_and(|study| study.into_driver().learns())
            };
            let problem = problems.into_iter().find(opens)?;
            Some(move || open(problem, &[], name, 60).expect("it opened before"))
        };
        names.filter_map(learner).collect()
    }

    fn embedded() -> Arc<dyn Queue> {
        Arc::new(EmbeddedQueue::new())
    }

    /// Runs a study on a queue, with a worker of three threads beside it; what ended, and the
    /// number of rows in the view.
    fn play(algorithm: &str, queue: &Arc<dyn Queue>) -> (Ended, String) {
        play_audited(algorithm, queue, None)
    }

    fn play_audited(
        algorithm: &str,
        queue: &Arc<dyn Queue>,
        audit: Option<Share>,
    ) -> (Ended, String) {
        play_study(study(algorithm), queue, audit)
    }

    fn play_study(study: Study, queue: &Arc<dyn Queue>, audit: Option<Share>) -> (Ended, String) {
        play_beside(study, queue, audit, false)
    }

    /// The same, with jobs run in the loop's own thread from the first one on.
    fn play_beside(
        study: Study,
        queue: &Arc<dyn Queue>,
        audit: Option<Share>,
        has_hand: bool,
    ) -> (Ended, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let place = store.create_study("test").expect("a folder");
        let ledger = Ledger::create(&place, &study.record("test", 0, None)).expect("a ledger");
        let view = View::open(&place.view_path(), ledger.record(), &study.schema).expect("a view");
        let (control, stop) = (Control::default(), Arc::new(AtomicBool::new(false)));
        let (progress, _watched) = watch::channel(Progress::default());
        let ended = std::thread::scope(|scope| {
            let for_worker = Arc::new(study.for_worker(None));
            let options = worker::Options {
                threads: 3,
                name: "test".to_owned(),
                nursery: None,
                meter: Arc::default(),
            };
            let hand = has_hand.then(|| {
                let options = worker::Options { name: "hand".to_owned(), ..options.clone() };
                let mut hand = Hand::new(Arc::clone(&for_worker), options, Arc::clone(&stop));
                (0..100).for_each(|_| hand.note(0));
                hand
            });
            let (worker_queue, worker_stop) = (Arc::clone(queue), Arc::clone(&stop));
            scope.spawn(move || {
                let mut desk = worker::OneStudy { queue: worker_queue, study: for_worker };
                worker::serve(&mut desk, &options, &worker_stop).expect("works")
            });
            let places = Places {
                queue: &**queue,
                ledger,
                view,
                fleet: &Fleet::embedded(3),
                hand,
                audit,
                max_failures: None,
                control: &control,
                progress: &progress,
            };
            let ended = run(study, places);
            stop.store(true, Ordering::Relaxed);
            ended.expect("the study ends")
        });
        if let Some(leaders) = &ended.leaders {
            let asked = frontier_table(&place, LEADERS).expect("a table");
            assert_eq!(leaders_table(leaders), asked, "the view says the same");
        }
        let reader = ViewReader::open(&place.view_path()).expect("a view");
        let by_hand = reader.query("select count(*) > 0 from telemetry where worker = 'hand'");
        assert_eq!(by_hand.expect("a count").rows[0][0], Cell::Bool(has_hand));
        let sql = "select count(*), count(distinct trial), max(attempts) > 0 from trials";
        let counts = format!("{:?}", reader.query(sql).expect("a count").rows[0]);
        (ended, counts)
    }

    #[test]
    fn lost_doubled_delayed_and_reordered_jobs_change_nothing() {
        for algorithm in ["grid", "random", "sobol"] {
            let (expected, _) = play(algorithm, &embedded());
            assert_eq!(expected.progress.counts.evaluated, 300);
            for seed in 0..6 {
                let queue: Arc<dyn Queue> = Arc::new(FaultyQueue::new(seed, Faults::default()));
                let (ended, counts) = play(algorithm, &queue);
                assert_eq!(ended.finished, expected.finished, "{algorithm}, seed {seed}");
                let contradictions = &ended.progress.contradictions;
                assert!(contradictions.is_empty(), "{contradictions:?}");
                assert!(counts.contains("Int(300), Int(300)"), "{counts}");
            }
        }
    }

    #[test]
    fn nor_do_they_change_anything_where_points_depend_on_results() {
        let learners = learners();
        assert!(!learners.is_empty());
        for study in learners {
            let name = study().choices.algorithm.to_string();
            let (expected, _) = play_study(study(), &embedded(), None);
            assert_eq!(expected.progress.counts.evaluated, 60, "{name}");
            for seed in 0..3 {
                let queue: Arc<dyn Queue> = Arc::new(FaultyQueue::new(seed, Faults::default()));
                let (ended, counts) = play_study(study(), &queue, None);
                assert_eq!(ended.finished, expected.finished, "{name}, seed {seed}");
                assert!(counts.contains("Int(60), Int(60)"), "{counts}");
            }
        }
    }

    #[test]
    fn nor_where_trials_are_held_against_each_other() {
        // Each algorithm with one of the pruners; the driver's tests have all pairs.
        let algorithms = Algorithm::names().iter().map(|(name, _)| *name);
        let pruners = Pruning::names().iter().map(|(name, _)| *name).cycle();
        for (algorithm, pruner) in algorithms.filter(|name| *name != "auto").zip(pruners) {
            let rules = format!("prune=['{pruner}', 'step > 7 and step < 7']");
            let study = |problem: &str| {
                let overrides = ["problem.steps=9", &rules];
                open(problem, &overrides, algorithm, 40)
            };
            let problems = ["problem:branin", "problem:zdt1"];
            let Some(problem) = problems.iter().find(|problem| study(problem).is_ok()) else {
                assert!(algorithm.starts_with("grid"), "{algorithm} plans no problem");
                continue;
            };
            let study = || study(problem).expect("it opened before");
            let (expected, _) = play_study(study(), &embedded(), None);
            let name = format!("{algorithm}, {pruner}");
            assert_eq!(expected.progress.counts.points(), 40, "{name}");
            let queue: Arc<dyn Queue> = Arc::new(FaultyQueue::new(1, Faults::default()));
            let (ended, _) = play_study(study(), &queue, Share::parse("10%").ok());
            assert_eq!(ended.finished, expected.finished, "{name}");
        }
    }

    #[test]
    fn who_runs_a_job_changes_nothing() {
        for study in learners() {
            let (expected, counts) = play_study(study(), &embedded(), None);
            let (ended, by_hand) = play_beside(study(), &embedded(), None, true);
            assert_eq!(ended.finished, expected.finished);
            assert_eq!(ended.progress.counts, expected.progress.counts);
            assert_eq!(by_hand, counts);
        }
    }

    #[test]
    fn a_goal_is_reached_at_the_same_trial_whatever_happens_to_jobs() {
        for algorithm in ["grid", "sobol", "nsga2"] {
            let study = || {
                open(
                    "problem:branin",
                    &["stop=['f < 3']", "space.x1.points=9", "space.x2.points=40"],
                    algorithm,
                    300,
                )
                .expect("a study")
            };
            let (expected, _) = play_study(study(), &embedded(), None);
            let reason = expected.finished.reason.clone().expect("it is reached");
            assert_eq!(reason, format!("f < 3 at trial {}", expected.finished.trials - 1));
            assert_eq!(expected.finished.state, StudyState::Stopped);
            for seed in 0..4 {
                let queue: Arc<dyn Queue> = Arc::new(FaultyQueue::new(seed, Faults::default()));
                let (ended, _) = play_study(study(), &queue, None);
                assert_eq!(ended.finished, expected.finished, "{algorithm}, seed {seed}");
            }
        }
    }

    /// Hands in every result twice, the second time with another value, as a simulator that is
    /// not deterministic would.
    #[derive(Default)]
    struct Fickle {
        inner: EmbeddedQueue,
        again: Mutex<Vec<JobResult>>,
    }

    impl Queue for Fickle {
        fn push(&self, job: JobSpec) -> Result<(), QueueError> {
            self.inner.push(job)
        }

        fn next_event(&self, wait: Duration) -> Result<Option<Event>, QueueError> {
            if let Some(result) = self.again.lock().expect("no panic").pop() {
                return Ok(Some(Event::Finished(result)));
            }
            let event = self.inner.next_event(wait)?;
            if let Some(Event::Finished(result)) = &event {
                let mut again = result.clone();
                if let jobs::Outcome::Complete(metrics) = &mut again.trials[0].outcome {
                    metrics[0] += 1e-9;
                }
                self.again.lock().expect("no panic").push(again);
            }
            Ok(event)
        }

        fn take(&self, wait: Duration, most: usize) -> Result<Vec<Lease>, QueueError> {
            self.inner.take(wait, most)
        }

        fn finish(&self, lease: Lease, result: JobResult) -> Result<(), QueueError> {
            self.inner.finish(lease, result)
        }
    }

    #[test]
    fn two_different_results_of_one_trial_are_reported() {
        let fickle: Arc<dyn Queue> = Arc::new(Fickle::default());
        let (ended, _) = play("grid", &fickle);
        let (expected, _) = play("grid", &embedded());
        let hash = |ended: &Ended| ended.finished.results_hash.clone();
        assert_eq!(hash(&ended), hash(&expected), "the first result counts");
        let found = &ended.progress.contradictions[0];
        assert!(found.first.starts_with("f ") && found.again.starts_with("f "), "{found:?}");
        assert_ne!(found.first, found.again);
        let tainted = ended.finished.tainted.expect("it is marked");
        assert!(tainted.contains("gave two results"), "{tainted}");
    }

    #[test]
    fn an_audit_runs_its_share_again_and_changes_nothing_whatever_happens_to_jobs() {
        let half = Share::parse("50%").expect("a share");
        for algorithm in ["grid", "sobol"] {
            let (expected, counts) = play(algorithm, &embedded());
            let (plain, _) = play_audited(algorithm, &embedded(), Some(half));
            assert!((100..200).contains(&plain.progress.audited), "{}", plain.progress.audited);
            for seed in 0..3 {
                let queue: Arc<dyn Queue> = Arc::new(FaultyQueue::new(seed, Faults::default()));
                let (ended, audited) = play_audited(algorithm, &queue, Some(half));
                assert_eq!(ended.finished, expected.finished);
                assert_eq!(
                    counts[..counts.rfind(',').expect("three")],
                    audited[..audited.rfind(',').expect("three")]
                );
                assert_eq!(ended.progress.audited, plain.progress.audited);
                assert!(ended.progress.contradictions.is_empty());
            }
        }
    }
}
