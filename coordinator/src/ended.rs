//! What is known of a study that has ended.

use results::{Finished, Leaders, Ledger, Ranked, Record};

use crate::exit::Failure;
use crate::frame::Frame;
use crate::ingest::Coverage;
use crate::progress::Progress;
use crate::tally::Tally;

/// How a study ended.
#[derive(Debug)]
pub struct Ended {
    /// State, hash and number of trials.
    pub finished: Finished,
    /// The last progress.
    pub progress: Progress,
    /// Whether the view has all of it.
    pub coverage: Coverage,
    /// The best trials; none where only the view can tell.
    pub leaders: Option<Leaders>,
    /// Whether it ended because no points were found any more.
    pub is_barren: bool,
    /// Whether it ended because too many trials failed.
    pub has_too_many_failures: bool,
}

/// The best trials, with their rows from the ledger; none where only the view can tell.
///
/// # Errors
/// The ledger cannot be read.
pub fn leaders(tally: &Tally, ledger: &Ledger, frame: &Frame) -> Result<Option<Leaders>, Failure> {
    let Some(ranking) = tally.leaders() else { return Ok(None) };
    let mut rows = Vec::new();
    for Ranked { trial, .. } in &ranking.trials {
        let record = ledger.records_from(*trial)?.next();
        let Record { job, result } = record.expect("what was released is recorded")?;
        let first = job.id.0.0;
        let found = &result.trials[usize::try_from(trial - first).expect("a list fits")];
        let row = frame.row(&job, trial - first, found);
        rows.push((row.expect("a complete trial"), result.attempt.saturating_add(1)));
    }
    Ok(Some(Leaders::new(&frame.schema, ranking, &rows)))
}
