//! The driver under every schedule: what comes out is a function of what went in.

use std::collections::VecDeque;
use std::sync::Arc;

use coordinator::driver::{Accepted, Driver, Inputs, Next, Released};
use jobs::{JobResult, JobSpec, Outcome, Report, StudyId, TrialResult, Work};
use optimizers::{Algorithm, Asked, Optimizer, Plan, Pruner, Pruning, PruningTask, Task, Told};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use search_spaces::{
    Direction, Document, Measure, Objective, Point, Sequence, Space, Value, unit_from_bits,
};

/// A (1+1) evolution strategy: the simplest optimizer whose next point depends on all that it
/// was told, so that any deviation in the order of telling shows.
struct OnePlusOne {
    best: Option<(f64, f64)>,
    step: f64,
    generation: Option<u64>,
    told: u64,
    last: Option<u64>,
    asked: u64,
}

impl OnePlusOne {
    fn new(generation: Option<u64>) -> Self {
        Self { best: None, step: 0.3, generation, told: 0, last: None, asked: 0 }
    }
}

impl Optimizer for OnePlusOne {
    fn ask(&mut self, _: u64, generator: &mut ChaCha8Rng, pending: &[Point]) -> Asked {
        // Waiting is counted too, so that asking once more than another schedule would show.
        if self.generation.is_some_and(|size| self.asked.is_multiple_of(size))
            && self.told < self.asked
        {
            self.step *= 0.999;
            return Asked::Wait;
        }
        self.asked += 1;
        let random = unit_from_bits(generator.next_u64());
        // The count of pending points takes part, so that a wrong list would show as well.
        let nudge = pending.len() as f64 * 1e-6;
        let x = match self.best {
            None => random,
            Some((x, _)) => (x + (random - 0.5) * self.step + nudge).clamp(0.0, 1.0),
        };
        Asked::Point(Point::new(vec![Value::Float(x)]))
    }

    fn tell(&mut self, trial: u64, point: &Point, told: &Told) {
        // Numbers of trials that go on with an earlier one lie between those of new points.
        assert!(self.last.is_none_or(|last| trial > last), "told in order, each once");
        (self.told, self.last) = (self.told + 1, Some(trial));
        let (Told::Complete { objectives, .. }, Value::Float(x)) = (told, point.values()[0]) else {
            return;
        };
        if self.best.is_none_or(|(_, best)| objectives[0] < best) {
            self.best = Some((x, objectives[0]));
            self.step *= 1.3;
        } else {
            self.step *= 0.95;
        }
    }
}

const STUDY: StudyId = StudyId([3; 32]);

fn inputs(trials: Option<u64>, chunk: u64, lag: u64) -> Inputs {
    Inputs { study: STUDY, seed: 11, trials, chunk, lag, continues: true }
}

fn measure() -> Measure {
    let objective = Objective { metric: "f".to_owned(), direction: Direction::Minimize };
    Measure::new(&["f".to_owned()], &[objective], &[])
}

/// A plan, and what prunes its trials.
type Planned = (Plan, Option<Box<dyn Pruner>>);

/// How far a whole trial goes.
const STEPS: u64 = 9;

fn pruned(plan: Plan, pruner: &str) -> Planned {
    let pruning = Pruning::parse(pruner).expect("options").expect("a name");
    let task = PruningTask { objectives: 1, steps: Some(STEPS), replicates: None, restarts: false };
    (plan.learning(), Some(pruning.pruner(task).expect("a pruner")))
}

fn learning(generation: Option<u64>) -> Plan {
    Plan::Optimizer { optimizer: Box::new(OnePlusOne::new(generation)), learns: true }
}

fn space() -> Arc<Space> {
    let text = "a = { int = [1, 30] }\nb = { int = [1, 30] }\nconstraints = ['a < b']";
    let document = Document::parse("t", text).expect("TOML");
    Arc::new(Space::read(document.section()).expect("a space"))
}

fn named(algorithm: &str, trials: Option<u64>) -> Plan {
    let algorithm = Algorithm::parse(algorithm).expect("known");
    algorithm.plan(&Task::new(&space(), 11, trials)).expect("plannable")
}

/// Runs a trial under the guard of its job: it comes down to its value step by step.
fn run(job: &JobSpec, value: f64, reports: &mut Vec<Report>) -> Outcome {
    let Some(guard) = &job.guard else { return Outcome::Complete(vec![value]) };
    let (mut watched, measure) = (guard.watch(), measure());
    for step in 1..=STEPS {
        let values = vec![value * (1.0 + (STEPS - step) as f64)];
        let reason = watched.report(step, measure.standing(&values).as_ref());
        reports.push(Report { step, values });
        if let Some(reason) = reason {
            return Outcome::Pruned(reason);
        }
    }
    Outcome::Complete(vec![value])
}

/// Evaluates a job as a worker would.
fn evaluate(job: &JobSpec, sequence: Option<&Arc<dyn Sequence>>) -> JobResult {
    let value = |point: &Point| {
        point
            .values()
            .iter()
            .filter_map(|value| value.as_number())
            .map(|x| (x - 0.3) * (x - 0.3))
            .sum()
    };
    let trial = |offset: u64| {
        let point = match &job.work {
            Work::Points(points) => Some(points[usize::try_from(offset).unwrap()].clone()),
            Work::Range { .. } => sequence.expect("a range").point(job.id.0.0 + offset),
        };
        let mut reports = Vec::new();
        let outcome = match point {
            None => Outcome::Skipped,
            Some(_) if (job.id.0.0 + offset) % 17 == 5 => Outcome::Failed("unlucky".into()),
            Some(point) => run(job, value(&point), &mut reports),
        };
        TrialResult { outcome, reports }
    };
    JobResult {
        study: job.study,
        id: job.id,
        attempt: job.attempt,
        trials: (0..job.len()).map(trial).collect(),
        worker: String::new(),
        elapsed_ns: 0,
    }
}

/// The trials of a run, one by one, whatever the jobs were.
type Table = Vec<(u64, Option<Point>, Outcome)>;

fn append(table: &mut Table, released: &Released) {
    for (offset, trial) in released.result.trials.iter().enumerate() {
        let point = match &released.job.work {
            Work::Points(points) => Some(points[offset].clone()),
            Work::Range { .. } => None,
        };
        table.push((released.first() + offset as u64, point, trial.outcome.clone()));
    }
}

/// Plays a fleet whose speed, order, losses and drains come from `schedule`. With `stop`, ends
/// after so many results; what was recorded until then comes back beside the table.
fn play(
    (plan, pruner): Planned,
    inputs: Inputs,
    schedule: u64,
    record: Vec<(JobSpec, JobResult)>,
    stop: Option<usize>,
) -> (Table, Vec<(JobSpec, JobResult)>) {
    let sequence = match &plan {
        Plan::Sequence(sequence) => Some(Arc::clone(sequence)),
        Plan::Optimizer { .. } => None,
    };
    let mut random = ChaCha8Rng::seed_from_u64(schedule);
    let mut chance = |one_in: u32| random.next_u32() % one_in == 0;
    let mut driver = Driver::new(inputs, plan, pruner, measure());
    let mut recorded = record.clone();
    for (job, result) in record {
        driver.replay(job, result).expect("the same plan");
    }
    let slots = 1 + usize::try_from(schedule % 13).unwrap();
    let mut busy: VecDeque<JobSpec> = VecDeque::new();
    let mut table = Vec::new();
    let mut results = 0;
    loop {
        let mut done = false;
        while busy.len() < slots {
            match driver.next_job(1 + schedule % 7) {
                Next::Job(job) => busy.push_back(job),
                Next::Wait => break,
                Next::Done => {
                    done = true;
                    break;
                }
            }
        }
        while let Some(released) = driver.release() {
            append(&mut table, &released);
        }
        if done || stop.is_some_and(|stop| results >= stop) {
            return (table, recorded);
        }
        let index = if chance(3) { 0 } else { (schedule as usize + results) % busy.len() };
        let job = busy.remove(index).expect("something is busy, or the driver would be done");
        if chance(11) {
            driver.lost(job.id, true);
            continue;
        }
        let mut result = evaluate(&job, sequence.as_ref());
        if chance(7) {
            result.trials.truncate(result.trials.len() / 2);
        }
        // The ledger comes first: what is told must be durable.
        let whole = result.trials.len() as u64 == job.len();
        if whole || (matches!(job.work, Work::Range { .. }) && !result.trials.is_empty()) {
            recorded.push((job.clone(), result.clone()));
        }
        let again = result.clone();
        assert_ne!(driver.accept(result), Accepted::Repeated);
        if whole && chance(5) {
            assert_eq!(driver.accept(again), Accepted::Repeated);
        }
        results += 1;
    }
}

fn sorted(mut record: Vec<(JobSpec, JobResult)>) -> Vec<(JobSpec, JobResult)> {
    record.sort_by_key(|(job, _)| job.id);
    record
}

type Case = (&'static str, Box<dyn Fn() -> Planned>, Inputs);

fn cases() -> Vec<Case> {
    let plan = |name: &'static str, trials| -> Box<dyn Fn() -> Planned> {
        Box::new(move || (named(name, trials), None))
    };
    let one = |name: &'static str, pruner: &'static str| -> Box<dyn Fn() -> Planned> {
        Box::new(move || pruned(named(name, Some(100)), pruner))
    };
    vec![
        ("lag 1", Box::new(|| (learning(None), None)), inputs(Some(120), 1, 1)),
        ("lag 16", Box::new(|| (learning(None), None)), inputs(Some(200), 1, 16)),
        ("chunked", Box::new(|| (learning(None), None)), inputs(Some(203), 4, 20)),
        ("generations", Box::new(|| (learning(Some(10)), None)), inputs(Some(150), 1, 64)),
        ("chunked generations", Box::new(|| (learning(Some(10)), None)), inputs(Some(150), 4, 12)),
        ("grid", plan("grid", None), inputs(None, 1, 1)),
        ("grid, limited", plan("grid:shuffle", None), inputs(Some(100), 1, 1)),
        ("random", plan("random", None), inputs(Some(200), 1, 1)),
        ("sobol, to the end", plan("sobol", None), inputs(None, 1, 1)),
        ("lhs", plan("lhs", Some(90)), inputs(Some(90), 1, 1)),
        ("nsga2", plan("nsga2:population=10", None), inputs(Some(200), 1, 16)),
        ("nsga2, to the end", plan("nsga2:population=20", None), inputs(None, 4, 40)),
        ("median", one("random", "median:startup=4,control=5"), inputs(Some(100), 1, 8)),
        ("forecast of nsga2", one("nsga2:population=10", "forecast"), inputs(Some(100), 2, 8)),
        ("asha", one("grid:shuffle", "asha:min=1"), inputs(Some(100), 1, 8)),
        (
            "asha of a learner",
            Box::new(|| pruned(learning(None), "asha")),
            inputs(Some(100), 3, 12),
        ),
        ("halving", one("random", "halving:min=1"), inputs(Some(100), 4, 16)),
        ("hyperband", one("nsga2:population=10", "hyperband:min=1"), inputs(Some(100), 1, 4)),
        ("wilcoxon", one("sobol", "wilcoxon"), inputs(Some(100), 1, 16)),
    ]
}

#[test]
fn every_schedule_gives_the_same_table() {
    for (name, plan, inputs) in cases() {
        let (expected, _) = play(plan(), inputs.clone(), 0, Vec::new(), None);
        assert!(expected.len() >= 90, "{name}: {}", expected.len());
        if let Some(trials) = inputs.trials {
            let evaluated = expected.iter().filter(|(.., outcome)| *outcome != Outcome::Skipped);
            let (evaluated, promotes) =
                (evaluated.count() as u64, plan().1.is_some_and(|it| it.promotes()));
            assert!(evaluated == trials || (promotes && evaluated > trials), "{name}: {evaluated}");
        }
        for schedule in 1..40 {
            let (table, _) = play(plan(), inputs.clone(), schedule, Vec::new(), None);
            assert!(table == expected, "{name}: schedule {schedule} differs");
        }
    }
}

#[test]
fn a_study_resumed_at_any_moment_gives_the_same_table() {
    for (name, plan, inputs) in cases() {
        let (expected, _) = play(plan(), inputs.clone(), 0, Vec::new(), None);
        for schedule in 1..25 {
            let mut record = Vec::new();
            // Killed three times over, at different moments, under different schedules.
            for kill in 0..3 {
                let stop = Some(usize::try_from(schedule * 3 + kill).unwrap());
                let seed = schedule + 100 * kill;
                record = sorted(play(plan(), inputs.clone(), seed, record, stop).1);
            }
            let (table, _) = play(plan(), inputs.clone(), schedule, record, None);
            assert!(table == expected, "{name}: resumed under schedule {schedule} differs");
        }
    }
}

#[test]
fn every_pruner_with_every_algorithm_gives_the_same_table() {
    for (algorithm, _) in Algorithm::names() {
        for (pruner, _) in Pruning::names() {
            // Algorithms of several objectives refuse one, and some space suits none of them.
            let algorithm = Algorithm::parse(algorithm).expect("known");
            let space = space();
            let task = Task::new(&space, 11, Some(40));
            let plan = || algorithm.plan(&task).ok();
            if plan().is_none() {
                continue;
            }
            let planned = || pruned(plan().expect("planned before"), pruner);
            let inputs = inputs(Some(40), 2, 6);
            let (expected, _) = play(planned(), inputs.clone(), 0, Vec::new(), None);
            assert!(expected.len() >= 40, "{algorithm}, {pruner}: {}", expected.len());
            let record = sorted(play(planned(), inputs.clone(), 5, Vec::new(), Some(9)).1);
            for (schedule, record) in [(3, Vec::new()), (8, record)] {
                let (table, _) = play(planned(), inputs.clone(), schedule, record, None);
                assert!(table == expected, "{algorithm}, {pruner}: schedule {schedule} differs");
            }
        }
    }
}

#[test]
fn a_smaller_budget_gives_a_prefix() {
    for name in ["grid", "grid:shuffle", "random", "sobol"] {
        let run =
            |trials| play((named(name, trials), None), inputs(trials, 1, 1), 3, Vec::new(), None).0;
        let (small, large) = (run(Some(50)), run(Some(120)));
        assert_eq!(small[..], large[..small.len()], "{name}");
    }
}

#[test]
fn a_recorded_point_that_is_not_asked_again_is_found_out() {
    let inputs = inputs(Some(20), 1, 4);
    let (_, mut record) = play((learning(None), None), inputs.clone(), 1, Vec::new(), Some(15));
    record = sorted(record);
    record[7].0.work = Work::Points(vec![Point::new(vec![Value::Float(0.123)])]);
    let mut driver = Driver::new(inputs, learning(None), None, measure());
    let fault = record.into_iter().find_map(|(job, result)| driver.replay(job, result).err());
    assert!(fault.expect("found").to_string().contains("trial 7"));
}

#[test]
fn open_trials_never_exceed_the_lag() {
    let mut driver = Driver::new(inputs(None, 1, 8), learning(None), None, measure());
    let mut open = Vec::new();
    while let Next::Job(job) = driver.next_job(1) {
        open.push(job);
    }
    assert_eq!(open.len(), 8);
    // Results of later trials alone let nothing further be asked.
    for job in open.drain(4..) {
        driver.accept(evaluate(&job, None));
    }
    assert_eq!(driver.next_job(1), Next::Wait);
    driver.accept(evaluate(&open[0], None));
    assert!(matches!(driver.next_job(1), Next::Job(_)));
    assert_eq!(driver.next_job(1), Next::Wait);
}

#[test]
fn a_late_result_of_a_lost_job_counts_once() {
    let plan = named("grid:shuffle", Some(5));
    let mut driver = Driver::new(inputs(Some(5), 1, 1), plan, None, measure());
    let Next::Job(job) = driver.next_job(1) else { panic!("a job") };
    driver.lost(job.id, true);
    let Plan::Sequence(sequence) = named("grid:shuffle", Some(5)) else { panic!("a sequence") };
    let result = evaluate(&job, Some(&sequence));
    assert_eq!(driver.accept(result.clone()), Accepted::Fresh);
    assert_eq!(driver.accept(result), Accepted::Repeated);
    let Next::Job(next) = driver.next_job(1) else { panic!("a job") };
    assert_ne!(next.id, job.id, "it is not pushed again");
}

#[test]
fn a_sample_without_points_ends_in_the_same_place_in_every_run() {
    let text = "x = { float = [0, 1] }\ny = { float = [0, 1] }\nconstraints = ['x + y == 1']";
    let document = Document::parse("t", text).expect("TOML");
    let space = Arc::new(Space::read(document.section()).expect("not proven to be empty"));
    let ends: Vec<u64> = [1000, 37_003]
        .into_iter()
        .map(|hint| {
            let sobol = Algorithm::parse("sobol").expect("known");
            let plan = sobol.plan(&Task::new(&space, 1, Some(9))).expect("plannable");
            let mut driver = Driver::new(inputs(Some(9), 1, 1), plan, None, measure());
            let mut end = 0;
            while let Next::Job(job) = driver.next_job(hint) {
                let skipped = TrialResult { outcome: Outcome::Skipped, reports: Vec::new() };
                let trials = vec![skipped; usize::try_from(job.len()).unwrap()];
                driver.accept(JobResult { trials, ..evaluate_nothing(&job) });
                while let Some(released) = driver.release() {
                    end = released.first() + released.result.trials.len() as u64;
                }
            }
            assert!(driver.is_barren());
            end
        })
        .collect();
    assert_eq!(ends[0], ends[1]);
}

fn evaluate_nothing(job: &JobSpec) -> JobResult {
    JobResult {
        study: job.study,
        id: job.id,
        attempt: job.attempt,
        trials: Vec::new(),
        worker: String::new(),
        elapsed_ns: 0,
    }
}
