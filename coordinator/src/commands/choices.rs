//! What `optimize start` chooses for a study, beside its template.

use std::sync::Arc;

use optimizers::{Algorithm, Task};
use results::Record;
use search_spaces::Template;

use crate::cli::Start;
use crate::exit::Failure;
use crate::known::Known;
use crate::study::Choices;

/// Trials of a study that nothing else limits.
const DEFAULT_TRIALS: u64 = 1000;

/// So many jobs are out at a time where several trials share one.
const JOBS: u64 = 8;

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
    let (mut algorithm, reason) = algorithm(args, template, known.as_ref())?;
    if let Some(trials) = args.polish {
        algorithm = algorithm
            .polished(trials)
            .map_err(|error| Failure::usage(format!("--polish: {error}")))?;
    }
    let is_grid = algorithm.to_string().starts_with("grid");
    let needs_trials = algorithm.to_string().starts_with("lhs");
    let unlimited = is_grid || (args.run.max_time.is_some() && !needs_trials);
    let records = known.as_ref().map_or(Vec::new(), Known::records);
    // What refines the best trials comes on top of those that were asked for.
    let trials = args.trials.or((!unlimited).then_some(DEFAULT_TRIALS));
    let lag = args.lag.unwrap_or(algorithm.lag());
    let choices = Choices {
        seed: args.seed,
        trials: trials.map(|trials| trials.saturating_add(algorithm.polish())),
        chunk: args.chunk.unwrap_or(default_chunk(template, lag)),
        lag,
        algorithm,
        known,
        data: args.data.data.clone(),
    };
    Ok(Chosen { choices, reason, records })
}

/// Trials per job; 0 follows the speed of the workers, or is 1 where the algorithm learns. A trial
/// of a built-in problem takes less time than the handling of its job, so that several share one.
fn default_chunk(template: &Template, lag: u64) -> u64 {
    if template.simulator == "problem" { lag / JOBS } else { 0 }
}

/// The algorithm that was asked for; where it is `auto`, the one that suits the study, and why.
fn algorithm(
    args: &Start,
    template: &Template,
    known: Option<&Known>,
) -> Result<(Algorithm, Option<String>), Failure> {
    let failure = |error| Failure::usage(format!("--algorithm: {error}"));
    let algorithm = Algorithm::parse(&args.algorithm).map_err(failure)?;
    let space = Arc::new(template.space.clone());
    let trials = args.trials.or(args.run.max_time.is_none().then_some(DEFAULT_TRIALS));
    let task = Task {
        objectives: template.objectives.len(),
        // Whether there are any is all that matters.
        known: known.map_or(Vec::new(), |known| known.results[..1].to_vec()),
        ..Task::new(&space, args.seed, trials)
    };
    algorithm.resolved(&task).map_err(failure)
}
