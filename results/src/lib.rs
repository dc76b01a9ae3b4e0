//! Results: what a study found, kept so that nothing is lost and anybody can read it.
//!
//! * A [`Store`] is a folder of studies. Each has a [`StudyFolder`], created under a name that no
//!   other process gets, with `status.json` for everybody who wants to know how far it is.
//! * The [`Ledger`] is the truth: every job with its result, durable before the result is
//!   confirmed. One process holds it. It survives crashes and full disks, and is read back as a
//!   stream.
//! * The results table ([`Row`], [`StudySchema`]) is what a study is a function to. Its
//!   [`ResultsHash`] covers that and nothing else: neither durations nor hosts.
//! * The [`View`] is the table as a DuckDB database, made from the ledger and never more than
//!   that: delete it, and it is made again. It is open only while a batch is added, so that
//!   [`ViewReader`] and any notebook can read while the study runs.
//! * A [`Ranking`] orders trials by non-dominated rank, in bounded memory for one and two
//!   objectives.
//!
//! Deliberately absent: clocks (times are given by the caller), points of range jobs (their
//! numbers are enough to work them out), migrations of the view (it is rebuilt), and any
//! decision about what to run next.

mod comparison;
mod error;
mod export;
mod hash;
mod leaders;
mod ledger;
mod lock;
mod ranking;
mod reader;
mod record;
mod sql;
mod status;
mod store;
mod table;
mod view;

pub use comparison::Contradiction;
pub use error::ResultsError;
pub use export::Format;
pub use hash::ResultsHash;
pub use leaders::Leaders;
pub use ledger::{Entry, Ledger, LedgerReader, Record, Records};
pub use ranking::{Hypervolume, Ranked, Ranker, Ranking};
pub use reader::{Cell, KnownColumn, Table, ViewReader, trials_sql};
pub use record::{Finished, KnownResults, LEDGER_FORMAT, StudyRecord, StudyState};
pub use status::{Best, Counts, StudyStatus, WorkerStatus};
pub use store::{STORE_FORMAT, Store, StudyFolder};
pub use table::{Row, Status, StudySchema};
pub use view::{Batch, JobTelemetry, View, try_database};
