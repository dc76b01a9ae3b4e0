//! A study, ready to run: what a template and a few numbers mean once simulator and plan are open.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jobs::{Purpose, StudyId, derived_seed};
use optimizers::{Algorithm, Plan, Pruner, Pruning, PruningTask, Task};
use results::{Ledger, StudyRecord, StudySchema};
use search_spaces::{
    Aggregate, Course, Document, Measure, OutcomeConstraint, PruningRule, Sequence, Space,
    Template, nearest,
};
use simulators::{Places, Simulator};

use crate::driver::{Driver, Inputs};
use crate::exit::{DEFAULT_DATA, Failure};
use crate::known::Known;
use crate::stopping::Goals;
use crate::tally::Tally;

/// Raised whenever the same template and seed would give other results than before.
const SEMANTICS: u32 = 1;

/// What a study is a function of, beside its template.
#[derive(Clone, Debug)]
pub struct Choices {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The seed.
    pub seed: u64,
    /// So many trials at most.
    pub trials: Option<u64>,
    /// Trials per job; 0 leaves it to the speed of the workers, where the plan does not learn.
    pub chunk: u64,
    /// How many trials may be open when one is asked.
    pub lag: u64,
    /// Results of an earlier study.
    pub known: Option<Known>,
    /// Where its data sets are.
    pub data: PathBuf,
}

/// What tells how far a study is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// It ends after so many evaluated trials at most.
    Evaluated(u64),
    /// It ends with this number of the plan; some numbers may hold no point.
    Numbers(u64),
    /// It ends when it is told to.
    #[default]
    Open,
}

impl Goal {
    /// The number that is aimed at.
    #[must_use]
    pub fn total(self) -> Option<u64> {
        match self {
            Self::Evaluated(total) | Self::Numbers(total) => Some(total),
            Self::Open => None,
        }
    }

    /// How much of the total is done.
    #[must_use]
    pub fn done(self, evaluated: u64, numbers: u64) -> u64 {
        match self {
            Self::Evaluated(_) => evaluated,
            Self::Numbers(_) | Self::Open => numbers,
        }
    }
}

/// A study with everything open that it needs to run.
pub struct Study {
    /// The template.
    pub template: Template,
    /// What was chosen beside it.
    pub choices: Choices,
    /// The fingerprint of all that the results depend on.
    pub id: StudyId,
    /// The columns of its results.
    pub schema: Arc<StudySchema>,
    /// The space.
    pub space: Arc<Space>,
    /// The simulator.
    pub simulator: Arc<dyn Simulator>,
    /// The sequence of points, where they depend on their number alone.
    pub sequence: Option<Arc<dyn Sequence>>,
    /// Conditions on reports at which a trial is pruned.
    pub pruning_rules: Arc<[PruningRule]>,
    /// What ends the study before its trials are used up.
    pub goals: Goals,
    plan: Plan,
    /// What compares trials with each other and ends those that fall behind.
    pruner: Option<Box<dyn Pruner>>,
}

impl Study {
    /// Opens the simulator and the plan of a template and checks that they fit together.
    ///
    /// # Errors
    /// Anything that would keep the study from running: an objective that is no metric, data
    /// that cannot be read, a space that the algorithm cannot plan.
    pub fn open(template: Template, choices: Choices) -> Result<Self, Failure> {
        let places = Places { folder: &template.folder, data: Some(&choices.data) };
        let simulator = simulators::open_template(&template, places)?;
        Self::open_with(template, choices, simulator.into())
    }

    /// The same, with a simulator that is open already.
    ///
    /// # Errors
    /// As [`Study::open`].
    pub fn open_with(
        template: Template,
        mut choices: Choices,
        simulator: Arc<dyn Simulator>,
    ) -> Result<Self, Failure> {
        let schema = Arc::new(schema(&template, simulator.metrics())?);
        let pruning_rules = pruning_rules(&template, &*simulator)?;
        let goals = Goals::read(&template, simulator.metrics())?;
        let space = Arc::new(template.space.clone());
        let plan_seed = derived_seed(choices.seed, Purpose::Plan, 0);
        let known = choices.known.as_mut().map(|known| std::mem::take(&mut known.results));
        let task = Task {
            objectives: template.objectives.len(),
            first: template.enqueue.clone(),
            known: known.unwrap_or_default(),
            ..Task::new(&space, plan_seed, choices.trials)
        };
        let plan = choices
            .algorithm
            .plan(&task)
            .map_err(|message| Failure::usage(format!("--algorithm: {message}")))?;
        let (plan, pruner) = match pruning(&template)? {
            Some(pruning) => (plan.learning(), Some(pruner(&pruning, &template, &*simulator)?)),
            None => (plan, None),
        };
        let sequence = match &plan {
            Plan::Sequence(sequence) => Some(Arc::clone(sequence)),
            Plan::Optimizer { .. } => None,
        };
        let id = fingerprint(&template, &choices, &plan, &*simulator);
        Ok(Self {
            template,
            choices,
            id,
            schema,
            space,
            simulator,
            sequence,
            pruning_rules,
            goals,
            plan,
            pruner,
        })
    }

    /// Opens the study of a ledger, to go on with it.
    ///
    /// # Errors
    /// As [`Study::reopen`], or the ledger lacks some of what it should hold.
    pub fn resume(ledger: &Ledger) -> Result<Self, Failure> {
        Self::recorded(ledger.record(), Known::recorded(ledger)?, |_| Ok(()))?
            .unchanged(ledger.record())
    }

    /// Opens the study of a record as it would run today, though its data may have changed.
    ///
    /// # Errors
    /// It cannot be opened any more.
    pub fn reopen_changed(record: &StudyRecord) -> Result<Self, Failure> {
        Self::recorded(record, None, |_| Ok(()))
    }

    /// Opens the study of a record.
    ///
    /// # Errors
    /// It cannot be opened any more, or means something else to this program than to the one
    /// that recorded it: its data or the program have changed.
    pub fn reopen(record: &StudyRecord) -> Result<Self, Failure> {
        Self::reopen_where(record, |_| Ok(()))
    }

    /// The same, where `allowed` has nothing against its simulator.
    ///
    /// # Errors
    /// As [`Study::reopen`], and what `allowed` says.
    pub fn reopen_where(
        record: &StudyRecord,
        allowed: impl FnOnce(&str) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        // Whoever does not ask the plan needs to know only which results it knows.
        let nameless = |source| Known { source, results: Vec::new() };
        let known = record.known.clone().map(nameless);
        Self::recorded(record, known, allowed)?.unchanged(record)
    }

    /// What the reports of a recorded study's trials amount to: each is of a replication, or each
    /// is the state of the trial.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn course(record: &StudyRecord) -> Result<Course, Failure> {
        let document = Document::parse(&format!("study {}", record.name), &record.template)?;
        let template = Template::read(document, Path::new(&record.folder))?;
        let replications = template.replications()?;
        let aggregate = replications.map(|mut section| Aggregate::read(&mut section));
        Ok(course(aggregate.transpose()?))
    }

    fn recorded(
        record: &StudyRecord,
        known: Option<Known>,
        allowed: impl FnOnce(&str) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let document = Document::parse(&format!("study {}", record.name), &record.template)?;
        let template = Template::read(document, Path::new(&record.folder))?;
        allowed(&template.simulator)?;
        let algorithm = Algorithm::parse(&record.algorithm)
            .map_err(|error| Failure::usage(format!("algorithm: {error}")))?;
        let choices = Choices {
            algorithm,
            seed: record.seed,
            trials: record.trials,
            chunk: record.chunk,
            lag: record.lag,
            known,
            data: record.data_folder.as_deref().unwrap_or(DEFAULT_DATA).into(),
        };
        Self::open(template, choices)
    }

    /// The study itself, where it is still the one of the record.
    fn unchanged(self, record: &StudyRecord) -> Result<Self, Failure> {
        if self.id.to_string() == record.fingerprint {
            return Ok(self);
        }
        let data = hex(&self.simulator.fingerprint());
        let cause = if record.data_fingerprint.as_deref() == Some(&*data) {
            format!("it was started by version {} of this program", record.program_version)
        } else {
            "its data or its simulator have changed since it was started".to_owned()
        };
        Err(Failure::usage(format!(
            "study {} cannot go on: {cause}, so that its results would not be of one piece; \
             start a new one from the same template",
            record.name
        )))
    }

    /// The record of this study under a name.
    #[must_use]
    pub fn record(&self, name: &str, created_at: u64, git_commit: Option<String>) -> StudyRecord {
        let absolute = |path: &Path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            path.display().to_string()
        };
        let has_sets = !self.simulator.data_sets().is_empty();
        StudyRecord {
            format: results::LEDGER_FORMAT,
            name: name.to_owned(),
            template: self.template.document.to_toml(),
            folder: absolute(&self.template.folder),
            data_folder: has_sets.then(|| absolute(&self.choices.data)),
            algorithm: self.choices.algorithm.to_string(),
            algorithm_reason: None,
            known: self.choices.known.as_ref().map(|known| known.source.clone()),
            seed: self.choices.seed,
            trials: self.choices.trials,
            chunk: self.choices.chunk,
            lag: self.choices.lag,
            fingerprint: self.id.to_string(),
            data_fingerprint: Some(hex(&self.simulator.fingerprint())),
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            git_commit,
            created_at,
        }
    }

    /// What the study is measured by.
    #[must_use]
    pub fn goal(&self) -> Goal {
        let end = self.sequence.as_ref().and_then(|sequence| sequence.end());
        let space = self.space.cardinality().and_then(|size| u64::try_from(size).ok());
        let limits = [self.choices.trials, space.filter(|_| end.is_none())];
        match (limits.into_iter().flatten().min(), end) {
            (Some(trials), Some(end)) if end <= trials => Goal::Numbers(end),
            (Some(trials), _) => Goal::Evaluated(trials),
            (None, Some(end)) => Goal::Numbers(end),
            (None, None) => Goal::Open,
        }
    }

    /// Whether trials may pause and go on, so that there are more evaluations than points.
    #[must_use]
    pub fn promotes(&self) -> bool {
        self.pruner.as_ref().is_some_and(|pruner| pruner.promotes())
    }

    /// The sums of no trials.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let judge = self.goals.judge(self.template.objectives.len());
        Tally::new(&self.schema, judge, self.simulator.steps())
    }

    /// Makes sure that trials can be run, before any is.
    ///
    /// # Errors
    /// What keeps the simulator from running them.
    pub fn ready(&self) -> Result<(), Failure> {
        let told = |failure| Failure::usage(format!("{}: {failure}", self.template.name));
        self.simulator.ready().map_err(told)
    }

    /// What counts of its metrics, and what the reports of a trial amount to.
    #[must_use]
    pub fn measure(&self) -> Measure {
        self.schema.measure().over(course(self.simulator.replicates()))
    }

    /// What a worker needs to run the study's jobs; simulators may leave `files` for people.
    #[must_use]
    pub fn for_worker(&self, files: Option<PathBuf>) -> worker::Study {
        worker::Study {
            id: self.id,
            simulator: Arc::clone(&self.simulator),
            sequence: self.sequence.clone(),
            pruning_rules: Arc::clone(&self.pruning_rules),
            measure: self.schema.measure(),
            files,
            cancelled: Arc::new(AtomicBool::new(false)),
        }
    }

    /// A driver at the study's beginning. The study's plan goes with it, so this is called once.
    #[must_use]
    pub fn into_driver(self) -> Driver {
        let inputs = Inputs {
            study: self.id,
            seed: self.choices.seed,
            trials: self.choices.trials,
            chunk: self.choices.chunk.max(1),
            lag: self.choices.lag,
            continues: self.simulator.continues(),
        };
        let measure = self.measure();
        Driver::new(inputs, self.plan, self.pruner, measure)
    }
}

/// The columns that trials with these metrics make under a template.
///
/// # Errors
/// An objective or an outcome constraint names another metric.
pub fn schema(template: &Template, metrics: &[String]) -> Result<StudySchema, Failure> {
    for objective in &template.objectives {
        if !metrics.contains(&objective.metric) {
            let found = match nearest(&objective.metric, metrics.iter().map(String::as_str)) {
                Some(name) => format!("no metric of that name (did you mean {name}?)"),
                None => "no metric of that name".to_owned(),
            };
            let error = template.error("objectives", &found, &metrics.join(", "));
            let key = format!("objectives.{}", objective.metric);
            return Err(search_spaces::TemplateError { key, ..error }.into());
        }
    }
    let mut constraints = Vec::new();
    for source in &template.outcome_constraints {
        let constraint = OutcomeConstraint::compile(source, metrics).map_err(|error| {
            let allowed = format!("a comparison of {}, such as trades >= 30", metrics.join(", "));
            template.error("outcome_constraints", &error.found_in(source), &allowed)
        })?;
        constraints.push(constraint);
    }
    let parameters = template.space.parameters();
    Ok(StudySchema::new(parameters, metrics, constraints, template.objectives.clone()))
}

fn pruning_rules(
    template: &Template,
    simulator: &dyn Simulator,
) -> Result<Arc<[PruningRule]>, Failure> {
    // Whoever asks which pruners there are is told so, whatever the simulator.
    pruning(template)?;
    let metrics = simulator.metrics();
    let rules: Vec<&String> = template.prune.iter().filter(|text| is_rule(text)).collect();
    if !template.prune.is_empty() && !simulator.reports() {
        let found = template.prune.join("; ");
        let allowed = "nothing here, because these trials report nothing on their way";
        return Err(template.error("prune", &found, allowed).into());
    }
    let compile = |source: &&String| {
        PruningRule::compile(source, metrics, simulator.steps()).map_err(|error| {
            let names = metrics.join(", ");
            let allowed = format!("a condition on step, {names}, such as {} > 100", metrics[0]);
            template.error("prune", &error.found_in(source), &allowed).into()
        })
    };
    rules.iter().map(compile).collect()
}

/// Whether a text of `prune` is a rule over reports; otherwise it is the name of a pruner.
fn is_rule(text: &str) -> bool {
    matches!(Pruning::parse(text), Ok(None))
}

/// Whether a template names a pruner, so that trials are compared with each other.
#[must_use]
pub fn has_pruner(template: &Template) -> bool {
    template.prune.iter().any(|text| !is_rule(text))
}

/// The pruner among the texts of `prune`.
///
/// # Errors
/// There are two, or what looks like one is none.
pub fn pruning(template: &Template) -> Result<Option<Pruning>, Failure> {
    let mut found = None;
    for text in template.prune.iter().filter(|text| !is_rule(text)) {
        let error =
            |found: &str, allowed: &str| Err(template.error("prune", found, allowed).into());
        match Pruning::parse(text) {
            Err(message) => {
                let (found, allowed) = message.split_once(", allowed: ").unwrap_or((&message, ""));
                return error(found.trim_start_matches("found "), allowed);
            }
            Ok(Some(_)) if found.is_some() => {
                return error(&template.prune.join("; "), "one pruner, and any number of rules");
            }
            Ok(pruning) => found = pruning,
        }
    }
    Ok(found)
}

fn pruner(
    pruning: &Pruning,
    template: &Template,
    simulator: &dyn Simulator,
) -> Result<Box<dyn Pruner>, Failure> {
    let task = PruningTask {
        objectives: template.objectives.len(),
        steps: simulator.steps(),
        replicates: simulator.replicates(),
        restarts: !simulator.continues() && !simulator.budgets(),
    };
    pruning.pruner(task).map_err(|message| Failure::usage(format!("--prune: {message}")))
}

fn fingerprint(
    template: &Template,
    choices: &Choices,
    plan: &Plan,
    simulator: &dyn Simulator,
) -> StudyId {
    let mut hasher = blake3::Hasher::new_derive_key("optimize: fingerprint of a study, v1");
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(&SEMANTICS.to_le_bytes());
    part(template.document.to_toml_without(&["name", "description"]).as_bytes());
    part(choices.algorithm.to_string().as_bytes());
    part(&choices.seed.to_le_bytes());
    part(&choices.trials.unwrap_or(u64::MAX).to_le_bytes());
    // Where nothing is learnt, the division into jobs is nobody's business.
    if let Plan::Optimizer { learns: true, .. } = plan {
        part(&choices.chunk.to_le_bytes());
        part(&choices.lag.to_le_bytes());
    }
    part(&simulator.fingerprint());
    if let Some(known) = &choices.known {
        part(known.source.hash.as_bytes());
    }
    StudyId(*hasher.finalize().as_bytes())
}

fn course(replicates: Option<Aggregate>) -> Course {
    replicates.map_or(Course::Last, Course::All)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
