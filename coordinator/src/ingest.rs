//! The thread that brings the DuckDB view up to the ledger, once a second or so.
//!
//! The view follows the ledger; nothing is sent to it. However slow it is, and however long
//! another program keeps it open, the study goes on, and what it lacks is in the ledger.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use results::{Batch, Finished, JobTelemetry, LedgerReader, ResultsError, View};

use crate::frame::Frame;

/// Rows and reports that go into the view together at most; bounds the memory that they take.
const MAX_ROWS: usize = 250_000;

/// So often the file is brought up to date; it is closed in between, so that others can read it.
const PERIOD: Duration = Duration::from_secs(1);

/// In the first period there is little to read. The file stays open throughout, and rows go in as
/// often as this: a study that is over by then has opened it once, and waits for few rows at its
/// end.
const FIRST_ROWS: Duration = Duration::from_millis(20);

/// Whether the view has every row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It has.
    Whole,
    /// Another program keeps the file open. The ledger has everything, and the next run brings
    /// the view up to it.
    Behind,
}

/// Up to where the table goes, as far as the study's loop has released it.
#[derive(Clone, Debug, Default)]
struct Mark {
    /// The next trial expected after the table.
    trials: u64,
    /// The hash of the table.
    hash: String,
    end: Option<End>,
}

#[derive(Clone, Debug)]
enum End {
    Finished(Finished),
    Abandoned,
}

#[derive(Default)]
struct Shared {
    mark: Mutex<Mark>,
    changed: Condvar,
    /// Up to where the view goes.
    covered: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Mark> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut Mark)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

/// The study's side of the thread.
pub struct Ingest {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<Coverage, ResultsError>>>,
}

impl Ingest {
    /// Starts the thread.
    #[must_use]
    pub fn start(view: View, ledger: LedgerReader, frame: Frame) -> Self {
        let shared = Arc::new(Shared::default());
        shared.covered.store(view.high_water(), Ordering::Relaxed);
        let follower = Follower { view, ledger, frame, shared: Arc::clone(&shared) };
        Self { shared, thread: Some(std::thread::spawn(move || follower.run())) }
    }

    /// Says up to where the table goes by now.
    ///
    /// # Errors
    /// The thread has failed; says why.
    pub fn advance(&mut self, trials: u64, hash: String) -> Result<(), ResultsError> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            return self.join().map(|_| ());
        }
        self.shared.set(|mark| (mark.trials, mark.hash) = (trials, hash));
        Ok(())
    }

    /// The first trial that the view lacks.
    #[must_use]
    pub fn covered(&self) -> u64 {
        self.shared.covered.load(Ordering::Relaxed)
    }

    /// Has the thread write what is lacking, and how the study ended.
    pub fn end(&mut self, finished: Finished) {
        self.shared.set(|mark| {
            mark.trials = finished.trials;
            mark.hash.clone_from(&finished.results_hash);
            mark.end = Some(End::Finished(finished));
        });
    }

    /// Waits for the thread, after [`Ingest::end`].
    ///
    /// # Errors
    /// The thread failed; says why.
    pub fn wait(mut self) -> Result<Coverage, ResultsError> {
        self.join()
    }

    fn join(&mut self) -> Result<Coverage, ResultsError> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(Coverage::Whole),
        }
    }
}

impl Drop for Ingest {
    /// A study that ends with an error leaves the view as far as it came.
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.shared.set(|mark| mark.end = Some(End::Abandoned));
            let _ = thread.join();
        }
    }
}

struct Follower {
    view: View,
    ledger: LedgerReader,
    frame: Frame,
    shared: Arc<Shared>,
}

impl Follower {
    fn run(mut self) -> Result<Coverage, ResultsError> {
        let mut known = Coverage::Whole;
        let mut mark = self.first_period()?;
        loop {
            let coverage = match &mark.end {
                Some(End::Abandoned) => return Ok(Coverage::Behind),
                _ => patient(self.catch_up(&mark))?,
            };
            if coverage != known {
                known = coverage;
                let lag = mark.trials.saturating_sub(self.view.high_water());
                match coverage {
                    Coverage::Whole => tracing::info!("the view has caught up"),
                    Coverage::Behind => tracing::info!(
                        trials = lag,
                        "another program keeps the view open, so it falls behind"
                    ),
                }
            }
            if mark.end.is_some() {
                return Ok(coverage);
            }
            mark = self.wait(PERIOD);
        }
    }

    /// Opens the view while the first trials run, and keeps it open for a period or until the
    /// study ends; returns up to where the table goes by then.
    #[expect(clippy::disallowed_methods, reason = "when rows can be read shapes none")]
    fn first_period(&mut self) -> Result<Mark, ResultsError> {
        let begun = Instant::now();
        patient(self.view.hold())?;
        loop {
            let mark = self.wait(FIRST_ROWS);
            if mark.end.is_some() || !self.view.is_held() || begun.elapsed() >= PERIOD {
                if matches!(mark.end, Some(End::Abandoned)) {
                    // What there is by now can be read at least.
                    patient(self.view.publish())?;
                }
                return Ok(mark);
            }
            patient(self.stage(&mark))?;
        }
    }

    /// Waits for a while, or for the end.
    fn wait(&self, period: Duration) -> Mark {
        let waiting = |mark: &mut Mark| mark.end.is_none();
        let (mark, _) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), period, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        mark.clone()
    }

    /// Appends what the ledger has and the view lacks, up to the mark, for everybody to read.
    fn catch_up(&mut self, mark: &Mark) -> Result<(), ResultsError> {
        if self.view.high_water() >= mark.trials && mark.end.is_none() && !self.view.is_held() {
            return Ok(());
        }
        self.stage(mark)?;
        self.publish()
    }

    /// Hands what the ledger has and the view lacks, up to the mark, to the view.
    fn stage(&mut self, mark: &Mark) -> Result<(), ResultsError> {
        let (mut rows, mut jobs, mut weight) = (Vec::new(), Vec::new(), 0);
        let ended = match &mark.end {
            Some(End::Finished(finished)) => Some(finished),
            _ => None,
        };
        let first = self.view.high_water();
        if first >= mark.trials && ended.is_none() {
            return Ok(());
        }
        for record in self.ledger.records_from(first)? {
            let record = record?;
            let begins = record.job.id.0.0;
            if begins >= mark.trials {
                break;
            }
            // The last job of a study may go on beyond the last trial that was asked for.
            let mut result = record.result;
            let kept = usize::try_from(mark.trials - begins).unwrap_or(usize::MAX);
            result.trials.truncate(kept);
            jobs.push(JobTelemetry::from(&result));
            for (offset, trial) in (0..).zip(&result.trials) {
                rows.extend(self.frame.row(&record.job, offset, trial));
            }
            let end = begins + result.trials.len() as u64;
            let reports = result.trials.iter().map(|trial| trial.reports.len());
            weight += result.trials.len() + reports.sum::<usize>();
            if weight >= MAX_ROWS && end < mark.trials {
                let batch = Batch {
                    rows: &rows,
                    jobs: &jobs,
                    high_water: end,
                    results_hash: "",
                    ended: None,
                };
                self.view.stage(&batch)?;
                self.publish()?;
                (rows, jobs, weight) = (Vec::new(), Vec::new(), 0);
                if matches!(self.shared.lock().end, Some(End::Abandoned)) {
                    return Ok(());
                }
            }
        }
        let (rows, jobs) = (&rows, &jobs);
        let (high_water, results_hash) = (mark.trials, &mark.hash);
        self.view.stage(&Batch { rows, jobs, high_water, results_hash, ended })
    }

    fn publish(&mut self) -> Result<(), ResultsError> {
        self.view.publish()?;
        self.shared.covered.store(self.view.high_water(), Ordering::Relaxed);
        Ok(())
    }
}

/// A notebook that keeps the view open is no reason to stop the study.
fn patient(result: Result<(), ResultsError>) -> Result<Coverage, ResultsError> {
    match result {
        Ok(()) => Ok(Coverage::Whole),
        Err(ResultsError::Busy { .. }) => Ok(Coverage::Behind),
        Err(error) => Err(error),
    }
}
