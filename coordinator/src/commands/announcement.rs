//! What is said of a study before it runs.

use crate::cli::RunArgs;
use crate::say;
use crate::study::{Choices, Study};

/// Says in the log what is going to be run; people who want to know are told in fewer words.
pub(super) fn announce(study: &Study, name: &str, what: &str) {
    let (id, Choices { algorithm, seed, .. }) = (study.id, &study.choices);
    let goal = study.goal().total();
    tracing::info!(study = name, %id, %algorithm, seed, goal, "{what}");
}

/// Says in which way the trials are run, to whoever wants to know.
pub(super) fn explain(study: &Study, args: &RunArgs) {
    if let Some(way) = study.simulator.way().filter(|_| args.verbose) {
        say!("{}: {way}", study.template.simulator);
    }
}
