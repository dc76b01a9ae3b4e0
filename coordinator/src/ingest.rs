//! The thread that keeps the DuckDB view behind the ledger by a second or so.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use results::{Batch, Finished, JobTelemetry, ResultsError, Row, View};

/// Rows that go into the view together at most; bounds the memory that they take.
const MAX_ROWS: usize = 250_000;

/// The view lags behind by about so much while a study runs. Every append opens and closes the
/// file, so that others can read it in between.
const PERIOD: Duration = Duration::from_secs(1);

/// Parts of the table under way to the thread; more make the study wait for the disk.
const QUEUED_PARTS: usize = 4;

/// The next part of the table, in trial order.
#[derive(Debug, Default)]
pub struct Part {
    /// The rows.
    pub rows: Vec<Row>,
    /// The jobs that they come from.
    pub jobs: Vec<JobTelemetry>,
    /// The next trial expected after the part.
    pub high_water: u64,
    /// The hash of the table up to there.
    pub results_hash: String,
}

enum Message {
    Part(Part),
    Finish(Finished),
}

/// Whether the view has every row that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It has.
    Whole,
    /// Another program kept the file open for so long that it was left behind. The ledger has
    /// everything, and the next run brings the view up to it.
    Behind,
}

/// The sending end of the thread.
pub struct Ingest {
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<Result<Coverage, ResultsError>>>,
}

impl Ingest {
    /// Starts the thread on a view.
    #[must_use]
    pub fn start(view: View) -> Self {
        let (sender, receiver) = sync_channel(QUEUED_PARTS);
        let thread = std::thread::spawn(move || run(view, &receiver));
        Self { sender: Some(sender), thread: Some(thread) }
    }

    /// Sends the next part.
    ///
    /// # Errors
    /// The thread has failed; says why.
    pub fn send(&mut self, part: Part) -> Result<(), ResultsError> {
        self.post(Message::Part(part))
    }

    fn post(&mut self, message: Message) -> Result<(), ResultsError> {
        let sender = self.sender.as_ref().expect("nothing is sent after the end");
        match sender.send(message) {
            Ok(()) => Ok(()),
            Err(_) => self.join().map(|_| ()),
        }
    }

    /// Writes what is still under way, marks the view as ended, and waits for it.
    ///
    /// # Errors
    /// The thread failed; says why.
    pub fn finish(mut self, finished: Finished) -> Result<Coverage, ResultsError> {
        self.post(Message::Finish(finished))?;
        self.join()
    }

    fn join(&mut self) -> Result<Coverage, ResultsError> {
        self.sender = None;
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
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "when rows are written is never hashed")]
fn run(mut view: View, receiver: &Receiver<Message>) -> Result<Coverage, ResultsError> {
    let mut waiting = Part::default();
    let mut since = Instant::now();
    loop {
        let patience = PERIOD.saturating_sub(since.elapsed());
        match receiver.recv_timeout(patience) {
            Ok(Message::Part(part)) => {
                waiting.rows.extend(part.rows);
                waiting.jobs.extend(part.jobs);
                waiting.high_water = part.high_water;
                waiting.results_hash = part.results_hash;
                if waiting.rows.len() < MAX_ROWS && since.elapsed() < PERIOD {
                    continue;
                }
            }
            Ok(Message::Finish(finished)) => {
                if append(&mut view, &mut waiting)? == Coverage::Behind {
                    return Ok(Coverage::Behind);
                }
                return patient(view.finish(&finished));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return append(&mut view, &mut waiting),
        }
        if append(&mut view, &mut waiting)? == Coverage::Behind {
            // Rows after a gap are of no use to the view; the ledger has them.
            while receiver.recv().is_ok() {}
            return Ok(Coverage::Behind);
        }
        since = Instant::now();
    }
}

fn append(view: &mut View, part: &mut Part) -> Result<Coverage, ResultsError> {
    if part.jobs.is_empty() {
        return Ok(Coverage::Whole);
    }
    let Part { rows, jobs, high_water, results_hash } = std::mem::take(part);
    let batch = Batch { rows: &rows, jobs: &jobs, high_water, results_hash: &results_hash };
    patient(view.append(&batch))
}

/// A notebook that keeps the view open is no reason to stop the study.
fn patient(result: Result<(), ResultsError>) -> Result<Coverage, ResultsError> {
    match result {
        Ok(()) => Ok(Coverage::Whole),
        Err(ResultsError::Busy { .. }) => Ok(Coverage::Behind),
        Err(error) => Err(error),
    }
}
