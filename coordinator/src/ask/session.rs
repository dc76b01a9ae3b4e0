//! The trials that are out, and the driver behind them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use jobs::{JobResult, JobSpec, Outcome, Purpose, Report, TrialResult, Work, derived_seed};
use optimizers::Algorithm;
use results::StudySchema;
use search_spaces::{Point, Sequence, Template, nearest};
use serde_json::{Map, Value as Json};
use simulators::Trial;
use simulators::lines::{Request, VERSION, complaint, metrics_of, of_json, parse_json};

use super::outside::Outside;
use crate::driver::{Driver, Next};
use crate::exit::Failure;
use crate::frame::Frame;
use crate::study::{Choices, Study};
use crate::tally::Tally;

/// So many open trials are named in messages.
const NAMED: usize = 5;

/// A study whose trials are handed out as lines of JSON and answered in any order.
///
/// It decides as every study does, in the driver: what is told when, and therefore every point,
/// depends on the choices and the answers, and not on when they come.
pub struct Session {
    driver: Driver,
    frame: Frame,
    tally: Tally,
    sequence: Option<Arc<dyn Sequence>>,
    choices: Choices,
    /// So many trials may be out.
    lag: u64,
    /// Jobs with open trials, by their first.
    jobs: BTreeMap<u64, Open>,
    /// Trials handed out and not answered.
    open: u64,
    /// Trials handed out whose line has not been written.
    unwritten: VecDeque<u64>,
    /// Points of a sequence that are still to be handed out; what lies beyond is not part of the
    /// study, however far its jobs reach.
    left: u64,
    is_done: bool,
    request: Request,
}

/// A job that is out.
struct Open {
    spec: JobSpec,
    /// None where a number holds no point.
    points: Vec<Option<Point>>,
    results: Vec<Option<TrialResult>>,
}

/// What is wrong with an answer.
#[derive(Debug)]
pub struct Fault {
    key: &'static str,
    found: String,
    allowed: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(out, "{}: ", self.key)?;
        }
        write!(out, "found {}, allowed: {}", self.found, self.allowed)
    }
}

fn fault<T>(key: &'static str, found: impl Into<String>, allowed: &str) -> Result<T, Fault> {
    Err(Fault { key, found: found.into(), allowed: allowed.to_owned() })
}

impl Session {
    /// The session of a template. Where the plan does not learn, `ahead` trials may be out, and
    /// nothing depends on how many.
    ///
    /// # Errors
    /// A space that the algorithm cannot plan, or a fault of an outcome constraint.
    pub fn open(template: Template, choices: Choices, ahead: u64) -> Result<Self, Failure> {
        let outside = Arc::new(Outside::of(&template));
        let study = Study::open_with(template, choices.clone(), outside)?;
        let (frame, sequence) = (Frame::from(&study), study.sequence.clone());
        let tally = study.tally();
        let driver = study.into_driver();
        Ok(Self {
            tally,
            frame,
            sequence,
            left: choices.trials.unwrap_or(u64::MAX),
            lag: if driver.learns() { choices.lag } else { ahead },
            driver,
            choices,
            jobs: BTreeMap::new(),
            open: 0,
            unwritten: VecDeque::new(),
            is_done: false,
            request: Request::default(),
        })
    }

    /// The first line: the version of the protocol, the metrics that answers need, and what the
    /// points depend on.
    #[must_use]
    pub fn welcome(&self) -> String {
        let metrics = Json::from(self.schema().metrics());
        let algorithm = Json::from(self.choices.algorithm.to_string());
        let (seed, lag) = (self.choices.seed, self.lag);
        let trials =
            self.choices.trials.map_or(String::new(), |trials| format!(", \"trials\": {trials}"));
        format!(
            "{{\"optimize\": {VERSION}, \"metrics\": {metrics}, \"algorithm\": {algorithm}, \
             \"seed\": {seed}, \"lag\": {lag}{trials}}}\n"
        )
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> &Algorithm {
        &self.choices.algorithm
    }

    /// The columns of the results.
    #[must_use]
    pub fn schema(&self) -> &StudySchema {
        &self.frame.schema
    }

    /// What has come in so far, in trial order.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether there are no further trials and all are answered, or a goal has been reached.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Trials handed out and not answered.
    #[must_use]
    pub fn open_trials(&self) -> u64 {
        self.open
    }

    /// Hands out as many trials as the lag allows.
    pub fn advance(&mut self) {
        loop {
            while let Some(released) = self.driver.release() {
                self.tally.take_up(&self.frame, &released);
            }
            if self.tally.reason().is_some() {
                // What is still out lies beyond the end of the study.
                self.is_done = true;
                self.unwritten.clear();
            }
            let room = match self.driver.learns() {
                true => self.choices.chunk.max(1),
                false => self.lag.saturating_sub(self.open),
            };
            if room == 0 || self.is_done {
                return;
            }
            match self.driver.next_job(room) {
                Next::Job(job) => self.hand_out(job),
                Next::Wait => return,
                Next::Done => self.is_done = true,
            }
        }
    }

    fn hand_out(&mut self, spec: JobSpec) {
        let first = spec.id.0.0;
        let points: Vec<Option<Point>> = match &spec.work {
            Work::Points(points) => points.iter().cloned().map(Some).collect(),
            Work::Range { len } => {
                let sequence = self.sequence.as_ref().expect("ranges are of a sequence");
                let mut point = |number| {
                    let point = sequence.point(number).filter(|_| self.left > 0)?;
                    self.left -= 1;
                    Some(point)
                };
                (first..first + len).map(&mut point).collect()
            }
        };
        let skipped = || TrialResult { outcome: Outcome::Skipped, reports: Vec::new() };
        let result = |point: &Option<Point>| point.is_none().then(skipped);
        let results: Vec<Option<TrialResult>> = points.iter().map(result).collect();
        for (trial, _) in (first..).zip(&points).filter(|(_, point)| point.is_some()) {
            self.unwritten.push_back(trial);
            self.open += 1;
        }
        self.jobs.insert(first, Open { spec, points, results });
        self.settle(first);
    }

    /// Hands a job to the driver once all of it is answered.
    fn settle(&mut self, first: u64) {
        if !self.jobs[&first].results.iter().all(Option::is_some) {
            return;
        }
        let Open { spec, results, .. } = self.jobs.remove(&first).expect("it is out");
        self.driver.accept(JobResult {
            study: spec.study,
            id: spec.id,
            attempt: spec.attempt,
            trials: results.into_iter().flatten().collect(),
            worker: String::new(),
            elapsed_ns: 0,
        });
    }

    /// Writes a line for every trial that was handed out since the last call and is still open.
    pub fn write(&mut self, out: &mut Vec<u8>) {
        while let Some(number) = self.unwritten.pop_front() {
            let Some((first, job)) = self.jobs.range(..=number).next_back() else { continue };
            let offset = usize::try_from(number - first).expect("a list fits");
            // A trial that an earlier process was told of is answered before it is written.
            let Some(None) = job.results.get(offset) else { continue };
            let point = job.points[offset].as_ref().expect("open trials have points");
            let seed = derived_seed(self.choices.seed, Purpose::Trial, number);
            let trial = Trial { number, ..Trial::new(point, seed) };
            out.extend_from_slice(self.request.line(self.frame.schema.parameters(), &trial, None));
        }
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// It is no answer, or not one to an open trial.
    pub fn tell(&mut self, line: &[u8]) -> Result<(), Fault> {
        const FORMS: &str = "{\"trial\": 0, \"metrics\": {..}}, {\"trial\": 0, \"error\": \"..\"} \
                             or {\"trial\": 0, \"pruned\": \"..\"}";
        let Some(Json::Object(answer)) = parse_json(line) else {
            let text: String = String::from_utf8_lossy(line).chars().take(80).collect();
            return fault("", format!("{text:?}"), FORMS);
        };
        let trial = match answer.get("trial") {
            Some(number) => whole(number),
            None => return fault("trial", "nothing", FORMS),
        };
        let Some(trial) = trial else {
            return fault("trial", answer["trial"].to_string(), "the number of an open trial");
        };
        let first = self.find(trial)?;
        let result = self.read(&answer)?;
        let job = self.jobs.get_mut(&first).expect("it was found");
        job.results[usize::try_from(trial - first).expect("a list fits")] = Some(result);
        self.open -= 1;
        self.settle(first);
        Ok(())
    }

    /// The first trial of the job in which this one is open.
    fn find(&mut self, trial: u64) -> Result<u64, Fault> {
        if self.open_job(trial).is_none() {
            // Answers that come in a bunch allow further trials one after the other.
            self.advance();
        }
        self.open_job(trial).ok_or_else(|| Fault {
            key: "trial",
            found: match self.driver.was_asked(trial) {
                true => format!("{trial}, which was answered before"),
                false => format!("{trial}, which was not handed out"),
            },
            allowed: self.open_ones(),
        })
    }

    fn open_job(&self, trial: u64) -> Option<u64> {
        let (first, job) = self.jobs.range(..=trial).next_back()?;
        let result = job.results.get(usize::try_from(trial - first).ok()?)?;
        result.is_none().then_some(*first)
    }

    /// The open trials, in words.
    fn open_ones(&self) -> String {
        let open = self.jobs.iter().flat_map(|(first, job)| {
            let open = (*first..).zip(&job.results).filter(|(_, result)| result.is_none());
            open.map(|(trial, _)| trial.to_string())
        });
        let mut named: Vec<String> = open.take(NAMED + 1).collect();
        if named.is_empty() {
            return "nothing: no trial is open".to_owned();
        }
        if named.len() > NAMED {
            named.truncate(NAMED);
            named.push("…".to_owned());
        }
        format!("an open trial: {}", named.join(", "))
    }

    /// What an answer says of its trial.
    fn read(&self, answer: &Map<String, Json>) -> Result<TrialResult, Fault> {
        let metrics = match answer.get("metrics") {
            None | Some(Json::Null) => None,
            Some(Json::Object(metrics)) => Some(metrics),
            Some(other) => return fault("metrics", other.to_string(), "{\"NAME\": number, ..}"),
        };
        let said = |text: &Json| text.as_str().map_or_else(|| text.to_string(), str::to_owned);
        let ended = |outcome| TrialResult { outcome, reports: Vec::new() };
        if let Some(error) = complaint(answer) {
            return Ok(ended(Outcome::Failed(said(error))));
        }
        match answer.get("pruned") {
            None | Some(Json::Null | Json::Bool(false)) => {}
            Some(why) => {
                let why = if *why == Json::Bool(true) { String::new() } else { said(why) };
                let reports = self.report(answer, metrics)?.into_iter().collect();
                return Ok(TrialResult { outcome: Outcome::Pruned(why), reports });
            }
        }
        let names = self.schema().metrics();
        let Some(metrics) = metrics else {
            let keys: Vec<&str> = answer.keys().map(String::as_str).take(20).collect();
            let hint = nearest("metrics", keys.iter().copied().filter(|key| *key != "trial"))
                .map_or(String::new(), |key| format!(" (but {key:?})"));
            return fault("metrics", format!("nothing{hint}"), &form(names));
        };
        match metrics_of(names, metrics) {
            Ok(values) => Ok(ended(Outcome::Complete(values))),
            Err(_) => Err(missing(names, metrics)),
        }
    }

    /// The last report of a pruned trial, which need not have all metrics.
    fn report(
        &self,
        answer: &Map<String, Json>,
        metrics: Option<&Map<String, Json>>,
    ) -> Result<Option<Report>, Fault> {
        let step = match answer.get("step") {
            None | Some(Json::Null) => return Ok(None),
            Some(step) => match whole(step).filter(|step| *step > 0) {
                Some(step) => step,
                None => return fault("step", step.to_string(), "a whole number from 1"),
            },
        };
        let value = |name: &String| metrics.and_then(|it| it.get(name)).and_then(of_json);
        let names = self.schema().metrics().iter();
        let values = names.map(|name| value(name).unwrap_or(f64::NAN)).collect();
        Ok(Some(Report { step, values }))
    }
}

/// A whole number, also where it was written as a float.
fn whole(number: &Json) -> Option<u64> {
    /// Whole numbers up to here are exact as floats.
    const EXACT: f64 = (1u64 << 53) as f64;
    let is_whole = |value: &f64| (0.0..=EXACT).contains(value) && value.fract() == 0.0;
    number.as_u64().or_else(|| number.as_f64().filter(is_whole).map(|value| value as u64))
}

/// What metrics look like.
fn form(names: &[String]) -> String {
    let each: Vec<String> =
        names.iter().map(|name| format!("{}: number", Json::from(name.as_str()))).collect();
    format!("\"metrics\": {{{}}}", each.join(", "))
}

/// Says of the first metric that cannot be read what is wrong with it.
fn missing(names: &[String], metrics: &Map<String, Json>) -> Fault {
    let is_number = |name: &&String| metrics.get(*name).and_then(of_json).is_some();
    let name = names.iter().find(|name| !is_number(name)).expect("one cannot be read");
    let found = match metrics.get(name) {
        Some(value) => format!("{name} = {value}"),
        None => {
            let hint = nearest(name, metrics.keys().map(String::as_str))
                .map_or(String::new(), |other| format!(" (but {other})"));
            format!("no {name}{hint}")
        }
    };
    let allowed =
        format!("{}, where a number may also be \"nan\", \"inf\" or \"-inf\"", form(names));
    Fault { key: "metrics", found, allowed }
}
