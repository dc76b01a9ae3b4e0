//! Jobs and results as bytes: the one place that knows how they are laid out.
//!
//! Little-endian, fixed-width integers; floats as their bits; texts and lists after their length
//! (`u32`). Each message opens with the version of this layout, and a reader refuses every other
//! version. Nothing in a message is ever run or looked up by name.

use std::sync::Arc;

use search_spaces::{Point, Value};

use crate::job::{
    JobId, JobResult, JobSpec, Origin, Outcome, Report, StudyId, TrialId, TrialResult, Work,
};

/// The layout's version.
pub const WIRE_VERSION: u16 = 5;

/// The first layout in which bars have forecasts, the first in which origins have reports, the
/// first in which jobs have origins and a guard, and the oldest that is read: ledgers keep what
/// they were written with.
pub(crate) const FORECAST_VERSION: u16 = 5;
const REPORTED_VERSION: u16 = 4;
const GUARDED_VERSION: u16 = 3;
const OLDEST_VERSION: u16 = 2;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message was written by a program that lays messages out differently.
    #[error("message of layout {found}, this program reads layout {WIRE_VERSION}")]
    Version {
        /// The version that it opens with.
        found: u16,
    },
    /// The bytes end too early, go on too long, or hold a value that there is not.
    #[error("damaged message: {0}")]
    Damaged(&'static str),
}

impl JobSpec {
    /// The job as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.bytes(&self.study.0);
        out.u64(self.id.0.0);
        out.u32(self.attempt);
        out.u32(self.losses);
        out.u64(self.seed);
        match &self.work {
            Work::Range { len } => {
                out.u8(0);
                out.u64(*len);
            }
            Work::Points(points) => {
                out.u8(1);
                out.list(points, Writer::point);
            }
        }
        out.list(&self.origins, Writer::origin);
        out.option(self.guard.as_deref(), Writer::guard);
        out.0
    }

    /// The job that these bytes hold.
    ///
    /// # Errors
    /// Another version of the layout, or damage.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes)?;
        let mut job = Self {
            study: input.study()?,
            id: JobId(TrialId(input.u64()?)),
            attempt: input.u32()?,
            losses: input.u32()?,
            seed: input.u64()?,
            work: match input.u8()? {
                0 => Work::Range { len: input.u64()? },
                1 => Work::Points(input.list(Reader::point)?),
                _ => return Err(WireError::Damaged("unknown kind of work")),
            },
            origins: Vec::new(),
            guard: None,
        };
        if input.version >= GUARDED_VERSION {
            job.origins = input.list(Reader::origin)?;
            job.guard = input.option(Reader::guard)?.map(Arc::new);
        }
        input.end()?;
        Ok(job)
    }
}

impl JobResult {
    /// The result as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.bytes(&self.study.0);
        out.u64(self.id.0.0);
        out.u32(self.attempt);
        out.list(&self.trials, Writer::trial);
        out.text(&self.worker);
        out.u64(self.elapsed_ns);
        out.0
    }

    /// The result that these bytes hold.
    ///
    /// # Errors
    /// Another version of the layout, or damage.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes)?;
        let result = Self {
            study: input.study()?,
            id: JobId(TrialId(input.u64()?)),
            attempt: input.u32()?,
            trials: input.list(Reader::trial)?,
            worker: input.text()?,
            elapsed_ns: input.u64()?,
        };
        input.end()?;
        Ok(result)
    }
}

pub(crate) struct Writer(Vec<u8>);

impl Writer {
    fn new() -> Self {
        Self(WIRE_VERSION.to_le_bytes().to_vec())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    pub(crate) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.u32(u32::try_from(items.len()).expect("lists are far shorter than 2^32"));
        for item in items {
            write(self, item);
        }
    }

    pub(crate) fn option<T>(&mut self, item: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.u8(u8::from(item.is_some()));
        if let Some(item) = item {
            write(self, item);
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.list(text.as_bytes(), |out, byte| out.u8(*byte));
    }

    fn point(&mut self, point: &Point) {
        self.list(point.values(), |out, value| {
            let (tag, bits) = match *value {
                Value::Inactive => (0, 0),
                Value::Float(value) => (1, value.to_bits()),
                Value::Int(value) => (2, value.cast_unsigned()),
                Value::Bool(value) => (3, u64::from(value)),
                Value::Label(index) => (4, u64::from(index)),
            };
            out.u8(tag);
            out.u64(bits);
        });
    }

    fn trial(&mut self, trial: &TrialResult) {
        match &trial.outcome {
            Outcome::Complete(metrics) => {
                self.u8(0);
                self.list(metrics, |out, value| out.f64(*value));
            }
            Outcome::Failed(message) => {
                self.u8(1);
                self.text(message);
            }
            Outcome::Skipped => self.u8(2),
            Outcome::TimedOut(message) => {
                self.u8(3);
                self.text(message);
            }
            Outcome::Pruned(message) => {
                self.u8(4);
                self.text(message);
            }
        }
        self.reports(&trial.reports);
    }

    fn reports(&mut self, reports: &[Report]) {
        self.list(reports, |out, report| {
            out.u64(report.step);
            out.list(&report.values, |out, value| out.f64(*value));
        });
    }

    fn origin(&mut self, origin: &Origin) {
        self.u64(origin.trial);
        self.reports(&origin.earlier);
    }
}

pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    version: u16,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Self { bytes, version: 0 };
        reader.version = u16::from_le_bytes(reader.array()?);
        match reader.version {
            OLDEST_VERSION..=WIRE_VERSION => Ok(reader),
            found => Err(WireError::Version { found }),
        }
    }

    /// The version of the layout that the message has.
    pub(crate) fn version(&self) -> u16 {
        self.version
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, tail) = self.bytes.split_first_chunk().ok_or(WireError::Damaged("cut short"))?;
        self.bytes = tail;
        Ok(*head)
    }

    fn end(&self) -> Result<(), WireError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(WireError::Damaged("bytes after the end")) }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn f64(&mut self) -> Result<f64, WireError> {
        Ok(f64::from_bits(self.u64()?))
    }

    fn study(&mut self) -> Result<StudyId, WireError> {
        Ok(StudyId(self.array()?))
    }

    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let len = self.u32()? as usize;
        // Every item takes a byte at least: a damaged length cannot make us reserve memory that
        // the message could never fill.
        if len > self.bytes.len() {
            return Err(WireError::Damaged("a list longer than the message"));
        }
        (0..len).map(|_| read(self)).collect()
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<T>, WireError> {
        match self.u8()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(WireError::Damaged("neither there nor absent")),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, WireError> {
        String::from_utf8(self.list(Self::u8)?).map_err(|_| WireError::Damaged("no UTF-8"))
    }

    fn point(&mut self) -> Result<Point, WireError> {
        let value = |input: &mut Self| {
            let (tag, bits) = (input.u8()?, input.u64()?);
            match (tag, u32::try_from(bits)) {
                (0, Ok(0)) => Ok(Value::Inactive),
                (1, _) => Ok(Value::Float(f64::from_bits(bits))),
                (2, _) => Ok(Value::Int(bits.cast_signed())),
                (3, Ok(bit @ 0..=1)) => Ok(Value::Bool(bit == 1)),
                (4, Ok(index)) => Ok(Value::Label(index)),
                _ => Err(WireError::Damaged("unknown kind of value")),
            }
        };
        Ok(Point::new(self.list(value)?))
    }

    fn trial(&mut self) -> Result<TrialResult, WireError> {
        let outcome = match self.u8()? {
            0 => Outcome::Complete(self.list(Self::f64)?),
            1 => Outcome::Failed(self.text()?),
            2 => Outcome::Skipped,
            3 => Outcome::TimedOut(self.text()?),
            4 => Outcome::Pruned(self.text()?),
            _ => return Err(WireError::Damaged("unknown kind of outcome")),
        };
        Ok(TrialResult { outcome, reports: self.reports()? })
    }

    fn reports(&mut self) -> Result<Vec<Report>, WireError> {
        self.list(|input| Ok(Report { step: input.u64()?, values: input.list(Self::f64)? }))
    }

    fn origin(&mut self) -> Result<Origin, WireError> {
        let trial = self.u64()?;
        let has_reports = self.version >= REPORTED_VERSION;
        let earlier = if has_reports { self.reports()? } else { Vec::new() };
        Ok(Origin { trial, earlier })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use search_spaces::{Aggregate, Bar, Course, Forecast, Guard, Patience, Pause, Rival, Rivals};

    use super::*;

    fn spec() -> JobSpec {
        JobSpec {
            study: StudyId([7; 32]),
            id: JobId(TrialId(40)),
            attempt: 2,
            losses: 1,
            seed: 9,
            work: Work::Points(vec![
                Point::new(vec![Value::Float(-0.0), Value::Int(-5), Value::Bool(true)]),
                Point::new(vec![Value::Label(3), Value::Inactive]),
            ]),
            origins: vec![
                Origin { trial: 3, earlier: vec![Report { step: 1, values: vec![0.5, -0.0] }] },
                Origin { trial: 7, earlier: Vec::new() },
            ],
            guard: Some(Arc::new(guard())),
        }
    }

    fn guard() -> Guard {
        let forecast = Forecast {
            earlier: 2,
            weights: vec![[0.5, -0.0, 1.0], [0.0, -1.0, 2.0]],
            ends: vec![vec![0.75, f64::NEG_INFINITY]],
        };
        let bar = Bar {
            step: 5,
            cohort: 12,
            rows: vec![vec![0.5, -1.0], vec![0.25, 2.0]],
            spare: vec![0.1, -2.0],
            forecast: Some(forecast.clone()),
            violation: Some(f64::INFINITY),
        };
        let rival = Rival { trial: 8, reports: vec![(1, vec![0.5, 0.5]), (4, vec![1.0, -0.0])] };
        Guard {
            pruner: "asha".into(),
            course: Course::All(Aggregate::ConditionalValueAtRisk(0.25)),
            bars: vec![bar, Bar::default()],
            patience: Some(Patience { reports: 3, least: 1e-3 }),
            rivals: Some(Rivals { level: 0.05, reports: 4, trials: vec![rival] }),
            pause: Some(Pause { step: 9, rung: 2, unless: Some(forecast) }),
        }
    }

    fn result() -> JobResult {
        let trial = |outcome| TrialResult {
            outcome,
            reports: vec![Report { step: 3, values: vec![1.5, f64::INFINITY] }],
        };
        JobResult {
            study: StudyId([7; 32]),
            id: JobId(TrialId(40)),
            attempt: 0,
            trials: vec![
                trial(Outcome::Complete(vec![0.1, -2.0])),
                trial(Outcome::Failed("é".into())),
                trial(Outcome::Skipped),
                trial(Outcome::TimedOut("stopped after 2s".into())),
                trial(Outcome::Pruned("cost > 1".into())),
            ],
            worker: "host".into(),
            elapsed_ns: 12,
        }
    }

    #[test]
    fn messages_read_back_to_the_bit() {
        let again = JobSpec::from_bytes(&spec().to_bytes()).unwrap();
        assert_eq!(again.to_bytes(), spec().to_bytes());
        assert_eq!(JobResult::from_bytes(&result().to_bytes()).unwrap(), result());
        let range = JobSpec { work: Work::Range { len: 1 << 40 }, ..spec() };
        assert_eq!(JobSpec::from_bytes(&range.to_bytes()).unwrap(), range);
        let plain = JobSpec { origins: Vec::new(), guard: None, ..spec() };
        assert_eq!(JobSpec::from_bytes(&plain.to_bytes()).unwrap().to_bytes(), plain.to_bytes());
    }

    #[test]
    fn jobs_of_the_layout_without_guards_are_read() {
        let plain =
            JobSpec { work: Work::Range { len: 3 }, origins: Vec::new(), guard: None, ..spec() };
        let mut bytes = plain.to_bytes();
        bytes[0] = 2;
        bytes.truncate(bytes.len() - 5);
        assert_eq!(JobSpec::from_bytes(&bytes).unwrap(), plain);
    }

    #[test]
    fn jobs_of_the_layout_whose_origins_have_no_reports_are_read() {
        let old = JobSpec { work: Work::Range { len: 2 }, guard: None, ..spec() }.anew();
        // Either origin ends with an empty list in four bytes; the absent guard takes the last one.
        let bytes = old.to_bytes();
        let end = bytes.len();
        let kept = [&bytes[..end - 17], &bytes[end - 13..end - 5], &bytes[end - 1..]];
        let mut older = kept.concat();
        older[0] = 3;
        assert_eq!(JobSpec::from_bytes(&older).unwrap(), old);
    }

    #[test]
    fn jobs_of_the_layout_without_forecasts_hold_against_what_was_reported() {
        // What an absent forecast takes is a list of precedents there: its length, and its rows.
        let precedents = [[2, 0, 0, 0].to_vec(), row(0.5), row(0.25)].concat();
        let mut of_now = spec();
        let guard = Guard { bars: vec![Bar { step: 3, ..Bar::default() }], ..Guard::default() };
        of_now.guard = Some(Arc::new(guard.clone()));
        let bytes = of_now.to_bytes();
        // Behind it come the absent violation, patience, rivals and pause.
        let place = bytes.len() - 5;
        let mut old = [&bytes[..place], &precedents, &bytes[place + 1..]].concat();
        old[0] = 4;
        let read = JobSpec::from_bytes(&old).unwrap().guard.expect("it has one");
        let forecast = Forecast {
            earlier: 3,
            weights: vec![[0.0, 0.0, 1.0]],
            ends: vec![vec![0.5], vec![0.25]],
        };
        let bars = vec![Bar { forecast: Some(forecast), ..guard.bars[0].clone() }];
        assert_eq!(*read, Guard { bars, ..guard });
    }

    fn row(value: f64) -> Vec<u8> {
        [&[1, 0, 0, 0][..], &value.to_bits().to_le_bytes()].concat()
    }

    #[test]
    fn every_truncation_and_another_version_are_refused() {
        let bytes = result().to_bytes();
        for len in 0..bytes.len() {
            assert!(JobResult::from_bytes(&bytes[..len]).is_err(), "{len} bytes");
        }
        let mut other = bytes.clone();
        other[0] = 99;
        assert_eq!(JobResult::from_bytes(&other), Err(WireError::Version { found: 99 }));
        let longer = [bytes, vec![0]].concat();
        assert!(JobResult::from_bytes(&longer).is_err());
    }

    proptest! {
        #[test]
        fn damage_never_panics(position in 0usize..400, byte: u8) {
            let mut bytes = result().to_bytes();
            let position = position % bytes.len();
            bytes[position] = byte;
            let _ = JobResult::from_bytes(&bytes);
            let mut bytes = spec().to_bytes();
            let position = position % bytes.len();
            bytes[position] = byte;
            let _ = JobSpec::from_bytes(&bytes);
        }
    }
}
