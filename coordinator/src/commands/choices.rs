//! What `optimize start` chooses for a study, beside its template.

use std::path::Path;
use std::sync::Arc;

use optimizers::{Algorithm, Task};
use results::Record;
use search_spaces::Template;

use crate::cli::Start;
use crate::exit::Failure;
use crate::known::Known;
use crate::study::{Choices, has_pruner};

/// Trials of a study that nothing else limits.
const DEFAULT_TRIALS: u64 = 1000;

/// The lag of a study whose points depend on nothing, and whose trials are compared: a bar that is
/// so many trials old is as good as a fresh one.
const PRUNING_LAG: u64 = 16;

/// So many jobs are out at a time where several trials share one.
const JOBS: u64 = 4;

/// What was chosen, and what is to be recorded of it.
pub(super) struct Chosen {
    /// What the study is a function of.
    pub choices: Choices,
    /// Why the algorithm was chosen, where the command line left that open.
    pub reason: Option<String>,
    /// The results of an earlier study, as the ledger is to keep them.
    pub records: Vec<Record>,
}

/// What the command line says and leaves open.
pub(super) fn choices(args: &Start, template: &Template) -> Result<Chosen, Failure> {
    let known = match &args.from {
        Some(from) => Some(Known::take_over(from, &args.store.store, template)?),
        None => None,
    };
    // Without a word on trials or time, so many are planned for.
    let planned = args.trials.or(args.run.max_time.is_none().then_some(DEFAULT_TRIALS));
    let task = Wanted { algorithm: &args.algorithm, seed: args.seed, trials: planned };
    let (mut algorithm, reason) = task.algorithm(template, known.as_ref())?;
    if let Some(trials) = args.polish {
        algorithm = algorithm
            .polished(trials)
            .map_err(|error| Failure::usage(format!("--polish: {error}")))?;
    }
    let is_grid = algorithm.to_string().starts_with("grid");
    let needs_trials = algorithm.to_string().starts_with("lhs");
    let unlimited = is_grid || (args.run.max_time.is_some() && !needs_trials);
    let records = known.as_ref().map_or(Vec::new(), Known::records);
    let trials = args.trials.or((!unlimited).then_some(DEFAULT_TRIALS));
    let pace = Pace { chunk: args.chunk, lag: args.lag };
    let choices = pace.choices(template, algorithm, args.seed, trials, known, &args.data.data);
    Ok(Chosen { choices, reason, records })
}

/// What the command line says of the algorithm.
pub(super) struct Wanted<'a> {
    /// Its name, with options.
    pub algorithm: &'a str,
    /// The study's seed.
    pub seed: u64,
    /// The trials to plan for.
    pub trials: Option<u64>,
}

impl Wanted<'_> {
    /// The algorithm that was asked for; where it is `auto`, the one that suits the study, and why.
    pub fn algorithm(
        &self,
        template: &Template,
        known: Option<&Known>,
    ) -> Result<(Algorithm, Option<String>), Failure> {
        let failure = |error| Failure::usage(format!("--algorithm: {error}"));
        let algorithm = Algorithm::parse(self.algorithm).map_err(failure)?;
        let space = Arc::new(template.space.clone());
        let task = Task {
            objectives: template.objectives.len(),
            // Whether there are any is all that matters.
            known: known.map_or(Vec::new(), |known| known.results[..1].to_vec()),
            ..Task::new(&space, self.seed, self.trials)
        };
        algorithm.resolved(&task).map_err(failure)
    }
}

/// What the command line says of jobs.
pub(super) struct Pace {
    /// Trials per job.
    pub chunk: Option<u64>,
    /// Trials that may be open.
    pub lag: Option<u64>,
}

impl Pace {
    /// The choices of a study of so many trials, what refines the best ones not counted.
    ///
    /// Unless it is given, the chunk is 0: it follows the speed of the workers, or is 1 where the
    /// algorithm learns. A trial of a built-in problem takes less time than the handling of its
    /// job, so that several share one.
    pub fn choices(
        &self,
        template: &Template,
        algorithm: Algorithm,
        seed: u64,
        trials: Option<u64>,
        known: Option<Known>,
        data: &Path,
    ) -> Choices {
        let compares = has_pruner(template);
        let least = if compares && !algorithm.learns() { PRUNING_LAG } else { 1 };
        let lag = self.lag.unwrap_or(algorithm.lag(trials).max(least));
        let shares = template.simulator == "problem" && (algorithm.learns() || compares);
        let chunk = if shares { lag / JOBS } else { 0 };
        Choices {
            seed,
            // What refines the best trials comes on top of those that were asked for.
            trials: trials.map(|trials| trials.saturating_add(algorithm.polish())),
            chunk: self.chunk.unwrap_or(chunk),
            lag,
            algorithm,
            known,
            data: data.to_owned(),
        }
    }
}
