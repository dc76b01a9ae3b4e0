//! The ledger: the durable truth of one study, in one crash-safe file.
//!
//! Three tables in a `redb` file: `meta` (format, study, finished: JSON texts), `jobs` (first
//! trial: what was asked and what came of it), `known` (the same for results of an earlier study,
//! which are no trials of this one) and `contradictions` (trial: JSON text). A result is confirmed
//! to its worker only after it is in here; everything else, the DuckDB view included, can be made
//! again from it.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobs::{JobResult, JobSpec};
use redb::{Builder, Database, DatabaseError, ReadableDatabase, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::comparison::Contradiction;
use crate::error::ResultsError;
use crate::lock::StudyLock;
use crate::record::{Finished, LEDGER_FORMAT, StudyRecord};
use crate::store::{StudyFolder, write_json_durably};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const JOBS: TableDefinition<u64, &[u8]> = TableDefinition::new("jobs");
const KNOWN: TableDefinition<u64, &[u8]> = TableDefinition::new("known");
const CONTRADICTIONS: TableDefinition<u64, &[u8]> = TableDefinition::new("contradictions");

/// The ledger is written once and read once: a cache would hold what nobody asks for again.
const CACHE_BYTES: usize = 16 << 20;

/// One job as the ledger keeps it: what was asked, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The job, with its points where an optimizer chose them.
    pub job: JobSpec,
    /// Its result; it may hold fewer trials than the job, a prefix.
    pub result: JobResult,
}

impl Record {
    /// The job's bytes after their length, then the result's.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        Entry::of(&self.job, &self.result).bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let cut = || "a record that is cut short".to_owned();
        let (len, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut)?;
        let len = u32::from_le_bytes(*len) as usize;
        let (job, result) = rest.split_at_checked(len).ok_or_else(cut)?;
        let text = |error: jobs::WireError| error.to_string();
        Ok(Self {
            job: JobSpec::from_bytes(job).map_err(text)?,
            result: JobResult::from_bytes(result).map_err(text)?,
        })
    }

    fn first_trial(&self) -> u64 {
        self.job.id.0.0
    }

    /// The first trial number after the record.
    fn end(&self) -> u64 {
        self.first_trial() + self.result.trials.len() as u64
    }
}

/// A record as its bytes, for [`Ledger::write`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    first_trial: u64,
    bytes: Vec<u8>,
}

impl Entry {
    /// The entry of a job and its result.
    #[must_use]
    pub fn of(job: &JobSpec, result: &JobResult) -> Self {
        let first_trial = job.id.0.0;
        let job = job.to_bytes();
        let len = u32::try_from(job.len()).expect("a job is far smaller than 4 GiB");
        let bytes = [&len.to_le_bytes()[..], &job, &result.to_bytes()].concat();
        Self { first_trial, bytes }
    }
}

impl From<&Record> for Entry {
    fn from(record: &Record) -> Self {
        Self::of(&record.job, &record.result)
    }
}

/// The ledger of a study, held by this process alone until it is dropped.
#[derive(Debug)]
pub struct Ledger {
    reader: LedgerReader,
    record: StudyRecord,
    /// Released after the database is closed, since fields are dropped in order.
    _lock: StudyLock,
}

impl Ledger {
    /// Starts the ledger of a new study.
    ///
    /// # Errors
    /// A ledger that is there already, or another fault of the file system.
    pub fn create(folder: &StudyFolder, record: &StudyRecord) -> Result<Self, ResultsError> {
        Self::create_knowing(folder, record, &[])
    }

    /// The same, with results of an earlier study beside its own, for [`Ledger::known`].
    ///
    /// # Errors
    /// As [`Ledger::create`].
    pub fn create_knowing(
        folder: &StudyFolder,
        record: &StudyRecord,
        known: &[Record],
    ) -> Result<Self, ResultsError> {
        let lock = StudyLock::take(&folder.lock_path())?;
        let path = folder.ledger_path();
        let file = std::fs::File::create_new(&path);
        let file = file.map_err(|error| ResultsError::io("create", &path, error))?;
        let database = builder().create_file(file).map_err(|error| fault(&path, error))?;
        start(&database, record, known).map_err(|error| fault(&path, error))?;
        write_json_durably(&folder.record_path(), record)?;
        let reader = LedgerReader { database: Arc::new(database), path };
        Ok(Self { reader, record: record.clone(), _lock: lock })
    }

    /// Opens the ledger of a study, to go on with it.
    ///
    /// # Errors
    /// No such study, or one without its ledger; one that another process holds, that a newer
    /// program wrote, or that is damaged; a fault of the file system.
    pub fn open(folder: &StudyFolder) -> Result<Self, ResultsError> {
        let path = folder.ledger_path();
        if !path.exists() {
            return Err(match folder.record_path().exists() {
                true => ResultsError::NoLedger { path, study: folder.name().to_owned() },
                false => folder.not_found(),
            });
        }
        let lock = StudyLock::take(&folder.lock_path())?;
        let (database, record) = undamaged(&path, || {
            let database = builder().open(&path).map_err(|error| fault(&path, error))?;
            let record = read_record(&database, &path)?;
            Ok((database, record))
        })?;
        if !folder.has_record_file() {
            // A copy: a full disk must not keep anybody from resuming a study without it.
            let _ = write_json_durably(&folder.record_path(), &record);
        }
        let reader = LedgerReader { database: Arc::new(database), path };
        Ok(Self { reader, record, _lock: lock })
    }

    /// The study.
    #[must_use]
    pub fn record(&self) -> &StudyRecord {
        &self.record
    }

    /// Records jobs, all or none of them; once this returns, a crash loses none.
    ///
    /// After an error the ledger must be opened again; what was recorded before is there.
    ///
    /// # Errors
    /// A full disk or another fault of the file system, or a job that is recorded already.
    pub fn append(&mut self, records: &[Record]) -> Result<(), ResultsError> {
        self.write(&records.iter().map(Entry::from).collect::<Vec<_>>())
    }

    /// As [`Ledger::append`].
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn write(&mut self, entries: &[Entry]) -> Result<(), ResultsError> {
        let LedgerReader { database, path } = &self.reader;
        let known =
            undamaged(path, || append(database, entries).map_err(|error| fault(path, error)))?;
        match known {
            None => Ok(()),
            Some(trial) => {
                Err(ResultsError::AlreadyRecorded { trial, study: self.record.name.clone() })
            }
        }
    }

    /// All records in order of their first trial, read one by one.
    ///
    /// Where jobs end out of order, a job may be missing between two that are there.
    ///
    /// # Errors
    /// A fault of the file system, or damage.
    pub fn records(&self) -> Result<Records, ResultsError> {
        self.reader.records_from(0)
    }

    /// The records of `trial` and all later ones, in order of their first trial.
    ///
    /// # Errors
    /// A fault of the file system, or damage.
    pub fn records_from(&self, trial: u64) -> Result<Records, ResultsError> {
        self.reader.records_from(trial)
    }

    /// A reader for another thread, which sees what was recorded before each of its calls.
    #[must_use]
    pub fn reader(&self) -> LedgerReader {
        self.reader.clone()
    }

    /// Writes down how the study ended. A resumed study ends once more, and the last end counts.
    ///
    /// # Errors
    /// A fault of the file system.
    pub fn finish(&mut self, finished: &Finished) -> Result<(), ResultsError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.reader.database.begin_write()?;
            transaction.open_table(META)?.insert("finished", json(finished).as_slice())?;
            Ok(transaction.commit()?)
        };
        let path = &self.reader.path;
        undamaged(path, || write().map_err(|error| fault(path, error)))
    }

    /// Writes down that trials gave other results when they were run again.
    ///
    /// # Errors
    /// A fault of the file system.
    pub fn contradict(&mut self, found: &[Contradiction]) -> Result<(), ResultsError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.reader.database.begin_write()?;
            {
                let mut table = transaction.open_table(CONTRADICTIONS)?;
                for each in found {
                    table.insert(each.trial, json(each).as_slice())?;
                }
            }
            Ok(transaction.commit()?)
        };
        let path = &self.reader.path;
        undamaged(path, || write().map_err(|error| fault(path, error)))
    }

    /// What was written down by [`Ledger::contradict`], in the order of the trials.
    ///
    /// # Errors
    /// A fault of the file system, or damage.
    pub fn contradictions(&self) -> Result<Vec<Contradiction>, ResultsError> {
        let LedgerReader { database, path } = &self.reader;
        let read = || read_all(database, CONTRADICTIONS).map_err(|error| fault(path, error));
        let texts = undamaged(path, read)?;
        let parse = |text: Vec<u8>| serde_json::from_slice(&text);
        let parsed: Result<_, _> = texts.into_iter().map(parse).collect();
        parsed.map_err(|error| ResultsError::damaged(path, &error))
    }

    /// What is known from an earlier study, as it was handed to [`Ledger::create_knowing`].
    ///
    /// # Errors
    /// A fault of the file system, or damage.
    pub fn known(&self) -> Result<Vec<Record>, ResultsError> {
        let LedgerReader { database, path } = &self.reader;
        let read = || read_all(database, KNOWN).map_err(|error| fault(path, error));
        let parse = |bytes: Vec<u8>| Record::from_bytes(&bytes);
        let parsed: Result<_, _> = undamaged(path, read)?.into_iter().map(parse).collect();
        parsed.map_err(|detail| ResultsError::damaged(path, &detail))
    }

    /// How the study ended; none while it has not.
    ///
    /// # Errors
    /// A fault of the file system, or damage.
    pub fn finished(&self) -> Result<Option<Finished>, ResultsError> {
        let LedgerReader { database, path } = &self.reader;
        undamaged(path, || read_meta(&**database, path, "finished"))
    }
}

/// Reads a ledger beside the one that writes it.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    database: Arc<Database>,
    path: PathBuf,
}

impl LedgerReader {
    /// The records of `trial` and all later ones, in order of their first trial.
    ///
    /// # Errors
    /// A fault of the file system, or damage.
    pub fn records_from(&self, trial: u64) -> Result<Records, ResultsError> {
        let Self { database, path } = self;
        let range =
            undamaged(path, || range_from(database, trial).map_err(|error| fault(path, error)))?;
        Ok(Records { range, from: trial, path: path.clone() })
    }
}

/// The record in the ledger of a study that no process holds.
pub(crate) fn recorded_in_ledger(folder: &StudyFolder) -> Result<StudyRecord, ResultsError> {
    let path = folder.ledger_path();
    if !path.exists() {
        return Err(folder.not_found());
    }
    // Whoever is about to create or open this ledger must not find it in use.
    let Some(_shared) = StudyLock::share(&folder.lock_path()) else {
        return Err(ResultsError::Locked { study: folder.name().to_owned(), pid: None });
    };
    undamaged(&path, || match builder().open_read_only(&path) {
        Ok(database) => read_record(&database, &path),
        // Its process died: that is put right now, or when the study is resumed.
        Err(DatabaseError::RepairAborted) => {
            let database = builder().open(&path).map_err(|error| fault(&path, error))?;
            read_record(&database, &path)
        }
        Err(error) => Err(fault(&path, error)),
    })
}

/// `redb` panics on some kinds of damage; here they are errors like the others.
fn undamaged<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, ResultsError>,
) -> Result<T, ResultsError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ResultsError::damaged(path, "its pages contradict each other")))
}

/// Records of a ledger, read one by one; see [`Ledger::records`].
pub struct Records {
    range: redb::Range<'static, u64, &'static [u8]>,
    from: u64,
    path: PathBuf,
}

impl Iterator for Records {
    type Item = Result<Record, ResultsError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let path = self.path.clone();
            let next = undamaged(&path, || Ok(self.range.next()));
            let next = match next {
                Ok(next) => next?,
                Err(error) => return Some(Err(error)),
            };
            let record = match next {
                Ok((_, value)) => Record::from_bytes(value.value())
                    .map_err(|detail| ResultsError::damaged(&self.path, &detail)),
                Err(error) => Err(fault(&self.path, error)),
            };
            // The first one may end before the trial that was asked for.
            if !matches!(&record, Ok(record) if record.end() <= self.from && self.from > 0) {
                return Some(record);
            }
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn start(database: &Database, record: &StudyRecord, known: &[Record]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert("format", json(&record.format).as_slice())?;
        meta.insert("study", json(record).as_slice())?;
        transaction.open_table(JOBS)?;
        if !known.is_empty() {
            let mut table = transaction.open_table(KNOWN)?;
            for record in known {
                table.insert(record.first_trial(), record.to_bytes().as_slice())?;
            }
        }
    }
    Ok(transaction.commit()?)
}

/// Adds the records, or nothing if one of them is there already: then its first trial.
fn append(database: &Database, entries: &[Entry]) -> Result<Option<u64>, redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut jobs = transaction.open_table(JOBS)?;
        for Entry { first_trial, bytes } in entries {
            if jobs.insert(first_trial, bytes.as_slice())?.is_some() {
                // Dropping the transaction takes everything back.
                return Ok(Some(*first_trial));
            }
        }
    }
    transaction.commit()?;
    Ok(None)
}

/// The entries from the last one that starts at or before `trial`.
fn range_from(
    database: &Database,
    trial: u64,
) -> Result<redb::Range<'static, u64, &'static [u8]>, redb::Error> {
    let jobs = database.begin_read()?.open_table(JOBS)?;
    let before = jobs.range(..=trial)?.next_back().transpose()?;
    let first = before.map_or(trial, |(key, _)| key.value());
    Ok(jobs.range(first..)?)
}

/// All values of a table that need not be there.
fn read_all(
    database: &Database,
    table: TableDefinition<u64, &[u8]>,
) -> Result<Vec<Vec<u8>>, redb::Error> {
    match database.begin_read()?.open_table(table) {
        Ok(table) => table.range::<u64>(..)?.map(|entry| Ok(entry?.1.value().to_vec())).collect(),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn read_meta<T: DeserializeOwned>(
    database: &impl ReadableDatabase,
    path: &Path,
    key: &str,
) -> Result<Option<T>, ResultsError> {
    let read = || -> Result<Option<Vec<u8>>, redb::Error> {
        let meta = database.begin_read()?.open_table(META)?;
        Ok(meta.get(key)?.map(|value| value.value().to_vec()))
    };
    let bytes = read().map_err(|error| fault(path, error))?;
    let parse = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
    bytes.map(parse).transpose().map_err(|error| ResultsError::damaged(path, &error))
}

/// The format is looked at on its own, before a record that this program need not understand.
fn read_record(database: &impl ReadableDatabase, path: &Path) -> Result<StudyRecord, ResultsError> {
    let missing = |key: &str| ResultsError::damaged(path, &format!("no {key}"));
    let found: u32 = read_meta(database, path, "format")?.ok_or_else(|| missing("format"))?;
    if found > LEDGER_FORMAT {
        let (path, known) = (path.to_owned(), LEDGER_FORMAT);
        return Err(ResultsError::NewerFormat { path, found, known });
    }
    read_meta(database, path, "study")?.ok_or_else(|| missing("study"))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain structures have a JSON form")
}

fn fault(path: &Path, error: impl Into<redb::Error>) -> ResultsError {
    match error.into() {
        // So `redb` calls a file that is empty, cut short or none of its own.
        redb::Error::Io(error)
            if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            ResultsError::damaged(path, &error)
        }
        redb::Error::Io(error) => ResultsError::io("write", path, error),
        redb::Error::DatabaseAlreadyOpen => {
            ResultsError::Locked { study: crate::error::study_of(path), pid: None }
        }
        redb::Error::PreviousIo => {
            let source = std::io::Error::other("an earlier write failed, open the study again");
            ResultsError::io("write", path, source)
        }
        other => ResultsError::damaged(path, &other),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use jobs::{JobId, Outcome, StudyId, TrialId, TrialResult, Work};
    use redb::StorageBackend;

    use super::*;

    /// A disk in memory that is full once its file would be longer than `limit`.
    #[derive(Clone, Debug)]
    struct SmallDisk {
        bytes: Arc<Mutex<Vec<u8>>>,
        limit: Arc<Mutex<usize>>,
        full: i32,
    }

    impl SmallDisk {
        fn new(full: i32) -> Self {
            Self { bytes: Arc::default(), limit: Arc::new(Mutex::new(usize::MAX)), full }
        }

        fn set_limit(&self, limit: usize) {
            *self.limit.lock().unwrap() = limit;
        }

        fn used(&self) -> usize {
            self.bytes.lock().unwrap().len()
        }

        fn check(&self, end: usize) -> io::Result<()> {
            let fits = end <= *self.limit.lock().unwrap();
            if fits { Ok(()) } else { Err(io::Error::from_raw_os_error(self.full)) }
        }
    }

    impl StorageBackend for SmallDisk {
        fn len(&self) -> io::Result<u64> {
            Ok(self.used() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let offset = usize::try_from(offset).unwrap();
            out.copy_from_slice(&self.bytes.lock().unwrap()[offset..offset + out.len()]);
            Ok(())
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            let len = usize::try_from(len).unwrap();
            self.check(len)?;
            self.bytes.lock().unwrap().resize(len, 0);
            Ok(())
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            let offset = usize::try_from(offset).unwrap();
            self.check(offset + data.len())?;
            self.bytes.lock().unwrap()[offset..offset + data.len()].copy_from_slice(data);
            Ok(())
        }
    }

    fn record(trial: u64) -> Record {
        let (study, id) = (StudyId([1; 32]), JobId(TrialId(trial)));
        let message = "m".repeat(20_000);
        let trials = vec![TrialResult { outcome: Outcome::Failed(message), reports: Vec::new() }];
        let work = Work::Range { len: 1 };
        Record {
            job: JobSpec::new(study, id.0, 5, work),
            result: JobResult { study, id, attempt: 0, trials, worker: "w".into(), elapsed_ns: 1 },
        }
    }

    fn entry(trial: u64) -> Entry {
        Entry::from(&record(trial))
    }

    fn trials(database: &Database) -> Vec<u64> {
        let range = range_from(database, 0).unwrap();
        let records = Records { range, from: 0, path: "s/ledger.redb".into() };
        records.map(|record| record.unwrap().first_trial()).collect()
    }

    #[test]
    fn a_full_disk_loses_nothing_that_was_recorded() {
        // No space left, and the largest size of a file.
        for full in [28, 27] {
            let disk = SmallDisk::new(full);
            let database = builder().create_with_backend(disk.clone()).unwrap();
            append(&database, &[entry(0), entry(1)]).unwrap();
            disk.set_limit(disk.used() + 3_000_000);
            let (mut recorded, mut refused) = (2, None);
            while refused.is_none() {
                let batch = [entry(recorded), entry(recorded + 1)];
                match append(&database, &batch) {
                    Ok(_) => recorded += 2,
                    Err(error) => refused = Some(fault(Path::new("s/ledger.redb"), error)),
                }
                assert!(recorded < 1000, "the disk is never full");
            }
            let message = refused.unwrap().to_string();
            assert_eq!(
                message,
                "no space left on the disk of s/ledger.redb; nothing recorded is lost: free some \
                 and run `optimize resume s`"
            );
            drop(database);
            // The same bytes, on a disk that has been given more room.
            disk.set_limit(usize::MAX);
            let database = builder().create_with_backend(disk).unwrap();
            assert_eq!(trials(&database), (0..recorded).collect::<Vec<_>>());
            append(&database, &[entry(recorded)]).unwrap();
            assert_eq!(trials(&database).len() as u64, recorded + 1);
        }
    }

    #[test]
    fn records_read_back_and_damaged_ones_are_refused() {
        let bytes = record(7).to_bytes();
        assert_eq!(Record::from_bytes(&bytes), Ok(record(7)));
        for len in [0, 3, 20, bytes.len() - 1] {
            assert!(Record::from_bytes(&bytes[..len]).is_err());
        }
        let mut longer = bytes.clone();
        longer[3] = 0xff;
        assert!(Record::from_bytes(&longer).is_err(), "a length beyond the end");
    }
}
