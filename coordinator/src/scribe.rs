//! Makes results durable: many together, soon, and before anybody forgets or sees them.

use std::time::{Duration, Instant};

use results::{Entry, Ledger};

use crate::exit::Failure;

/// Results wait so long for others that become durable with them. An algorithm that waits for each
/// result would otherwise wait for the disk as well.
const GATHER: Duration = Duration::from_millis(25);

/// So many jobs do not wait any longer.
const MAX_GATHERED: usize = 256;

/// A disk that takes so long to make results durable keeps the study waiting.
const SLOW: Duration = Duration::from_secs(1);

/// The ledger of a study, and what it lacks of what is known.
pub struct Scribe {
    /// The ledger.
    pub ledger: Ledger,
    unwritten: Vec<Entry>,
    /// Since when something waits.
    since: Option<Instant>,
}

impl Scribe {
    /// One that has written everything.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, unwritten: Vec::new(), since: None }
    }

    /// Takes entries down, and says whether it is time to write: many have gathered, they have
    /// waited long enough, or nothing else comes in.
    #[expect(clippy::disallowed_methods, reason = "when results become durable shapes none")]
    pub fn take_down(&mut self, entries: Vec<Entry>, is_quiet: bool) -> bool {
        self.unwritten.extend(entries);
        let since = *self.since.get_or_insert_with(Instant::now);
        is_quiet || self.unwritten.len() >= MAX_GATHERED || since.elapsed() >= GATHER
    }

    /// Makes everything durable, and notes where the disk takes its time.
    ///
    /// # Errors
    /// The disk is full or broken, or a trial is recorded already.
    #[expect(clippy::disallowed_methods, reason = "how long the disk takes shapes no result")]
    pub fn write(&mut self) -> Result<(), Failure> {
        self.since = None;
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        self.ledger.write(&self.unwritten)?;
        let took = begun.elapsed();
        if took >= SLOW {
            let (seconds, jobs) = (took.as_secs_f64(), self.unwritten.len());
            tracing::info!(seconds, jobs, "the disk takes long to make results durable");
        }
        self.unwritten.clear();
        Ok(())
    }
}
