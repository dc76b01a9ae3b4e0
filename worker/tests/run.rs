//! A job's results are a function of study and job, whatever its simulator does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jobs::{JobSpec, Outcome, StudyId, TrialId, TrialResult, Work};
use search_spaces::{Point, PruningRule, Sequence, Value};
use simulators::{Failure, Report, Session, Simulator, Trial, Watcher};
use worker::{Meter, Study, run_job};

const STUDY: StudyId = StudyId([9; 32]);

/// A trial that the machine cannot run.
const NO_ROOM: i64 = 6_000;

/// A trial whose program is ended by a signal from outside.
const SIGNALLED: i64 = 7_000;

/// Fails, panics and reports by turns, and counts how often it is asked.
struct Moody {
    metrics: Vec<String>,
    runs: AtomicU64,
    stop_at: Option<(u64, Arc<AtomicBool>)>,
}

struct MoodySession<'a> {
    simulator: &'a Moody,
    is_spoilt: bool,
}

impl Simulator for Moody {
    fn metrics(&self) -> &[String] {
        &self.metrics
    }

    fn fingerprint(&self) -> [u8; 32] {
        [0; 32]
    }

    fn reports(&self) -> bool {
        true
    }

    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(MoodySession { simulator: self, is_spoilt: false })
    }
}

impl Session for MoodySession<'_> {
    fn run(&mut self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Result<Vec<f64>, Failure> {
        assert!(!self.is_spoilt, "a session is not used again after a panic");
        let run = self.simulator.runs.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some((at, stop)) = &self.simulator.stop_at
            && run >= *at
        {
            stop.store(true, Ordering::Relaxed);
        }
        let Value::Int(number) = trial.point.values()[0] else { panic!("an int") };
        match number % 5 {
            _ if number == NO_ROOM => Err(Failure::machine("no room")),
            _ if number == SIGNALLED => Err(Failure::signal("ended by signal 15")),
            1 => Err(Failure::new(format!("{number} is unlucky"))),
            2 => {
                self.is_spoilt = true;
                panic!("{number} is too much");
            }
            _ => {
                for step in 1..=3 {
                    // It goes on whatever it is told, as some programs do.
                    watcher.report(Report { step, values: vec![number as f64 * step as f64] });
                }
                Ok(vec![number as f64 + (trial.seed % 1000) as f64])
            }
        }
    }
}

/// Whole numbers; every seventh holds no point.
struct Count;

impl Sequence for Count {
    fn end(&self) -> Option<u64> {
        None
    }

    fn point(&self, number: u64) -> Option<Point> {
        let value = i64::try_from(number).expect("small");
        (number % 7 != 3).then(|| Point::new(vec![Value::Int(value)]))
    }

    fn is_distinct(&self) -> bool {
        true
    }
}

fn study(stop_at: Option<(u64, Arc<AtomicBool>)>) -> Study {
    let metrics = vec!["value".to_owned()];
    Study {
        id: STUDY,
        simulator: Arc::new(Moody { metrics, runs: AtomicU64::new(0), stop_at }),
        sequence: Some(Arc::new(Count)),
        pruning_rules: Arc::new([]),
        measure: search_spaces::Measure::new(&[], &[], &[]),
        files: None,
        cancelled: Arc::new(AtomicBool::new(false)),
    }
}

fn job(first: u64, work: Work) -> JobSpec {
    JobSpec::new(STUDY, TrialId(first), 4, work)
}

fn run(job: &JobSpec, threads: usize) -> Vec<TrialResult> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| run_job(&study(None), job, &AtomicBool::new(false), &Meter::default()))
        .expect("it can be run")
}

#[test]
fn failures_and_panics_are_outcomes_and_their_neighbours_go_on() {
    let results = run(&job(0, Work::Range { len: 10 }), 2);
    let kinds: Vec<&str> = results
        .iter()
        .map(|result| match &result.outcome {
            Outcome::Complete(_) => "complete",
            Outcome::Skipped => "skipped",
            Outcome::TimedOut(message) | Outcome::Pruned(message) => {
                panic!("nothing has a timeout or a rule here: {message}")
            }
            Outcome::Failed(message) if message.contains("is unlucky") => "failed",
            Outcome::Failed(message) => {
                assert!(message.contains("panicked: 2 is") || message.contains("panicked: 7 is"));
                "panicked"
            }
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "complete", "failed", "panicked", "skipped", "complete", "complete", "failed",
            "panicked", "complete", "complete"
        ]
    );
    assert_eq!(results[0].reports.len(), 3);
}

#[test]
fn threads_and_the_division_into_jobs_change_nothing() {
    let whole = run(&job(0, Work::Range { len: 500 }), 1);
    assert_eq!(run(&job(0, Work::Range { len: 500 }), 7), whole);
    let halves = [run(&job(0, Work::Range { len: 123 }), 2), {
        run(&job(123, Work::Range { len: 377 }), 3)
    }];
    assert_eq!(halves.concat(), whole);
}

#[test]
fn points_and_their_numbers_give_the_same_results() {
    let points: Vec<Point> = (10..13)
        .map(|number| Count.point(number).unwrap_or_else(|| Point::new(vec![Value::Int(10)])))
        .collect();
    let listed = run(&job(11, Work::Points(vec![points[1].clone()])), 1);
    assert_eq!(listed, run(&job(11, Work::Range { len: 1 }), 1));
}

#[test]
fn a_worker_told_to_stop_returns_a_prefix() {
    for threads in [1, 4] {
        let stop = Arc::new(AtomicBool::new(false));
        let study = study(Some((40, Arc::clone(&stop))));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let range = job(0, Work::Range { len: 5000 });
        let results = pool
            .install(|| run_job(&study, &range, &stop, &Meter::default()))
            .expect("it can be run");
        assert!(results.len() < 5000, "{threads} threads");
        let whole = run(&range, 1);
        assert_eq!(results[..], whole[..results.len()], "{threads} threads");
    }
}

#[test]
fn a_rule_prunes_at_the_report_that_meets_it_and_nothing_later_counts() {
    let rule = |text| PruningRule::compile(text, &["value".to_owned()], None).expect("a rule");
    let rules = Arc::new([rule("value > 100"), rule("step >= 2 and value > 8")]);
    let study = Study { pruning_rules: rules, ..study(None) };
    let job = job(0, Work::Range { len: 10 });
    let results =
        run_job(&study, &job, &AtomicBool::new(false), &Meter::default()).expect("it can be run");
    let pruned = Outcome::Pruned("step >= 2 and value > 8 at step 3".to_owned());
    assert_eq!((&results[4].outcome, results[4].reports.len()), (&pruned, 3), "4, 8, 12");
    let pruned = Outcome::Pruned("step >= 2 and value > 8 at step 2".to_owned());
    assert_eq!((&results[5].outcome, results[5].reports.len()), (&pruned, 2), "5, 10");
    assert!(matches!(results[0].outcome, Outcome::Complete(_)));
    assert!(matches!(results[6].outcome, Outcome::Failed(_)));
}

#[test]
fn where_the_machine_is_at_fault_nothing_is_said_of_the_trial() {
    let job = job(5_998, Work::Range { len: 10 });
    let fault = run_job(&study(None), &job, &AtomicBool::new(false), &Meter::default())
        .expect_err("no room");
    assert_eq!(fault.to_string(), "trial 6000 could not be run on this machine: no room");
}

#[test]
fn a_signal_that_ends_the_worker_too_fails_no_trial() {
    let job = job(6_996, Work::Range { len: 8 });
    let whole = run(&job, 1);
    assert_eq!(whole[4].outcome, Outcome::Failed("ended by signal 15".to_owned()));
    // The worker hears of it a moment after the program has ended.
    let stop = Arc::new(AtomicBool::new(false));
    let later = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            stop.store(true, Ordering::Relaxed);
        })
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("threads");
    let results = pool
        .install(|| run_job(&study(None), &job, &stop, &Meter::default()))
        .expect("it can be run");
    later.join().expect("no panic");
    assert_eq!(results[..], whole[..4]);
}
