//! Results of an earlier study, which an algorithm learns from before it is asked for anything.
//!
//! They are taken over once, when a study starts: turned into points of its own space and into
//! what its algorithm is told of them, and kept in its ledger. From then on the earlier study is
//! not needed any more, and the fingerprint holds the hash of what was taken over, so that the
//! study is a function of its own folder. Workers need none of it: they only evaluate.

use std::collections::BTreeMap;
use std::path::Path;

use jobs::{JobId, JobResult, JobSpec, Outcome, Report, StudyId, TrialId, TrialResult, Work};
use optimizers::Told;
use results::{KnownResults, Ledger, Record, ResultsError, Store, StudyFolder};
use search_spaces::{Objective, Parameter, Point, Space, Template, Value};

use crate::chooser::told;
use crate::exit::Failure;
use crate::frame::Frame;
use crate::study::{Study, schema};

/// Trials that the ledger keeps together.
const TOGETHER: usize = 1024;

/// What is known of points beforehand.
#[derive(Clone, Debug)]
pub struct Known {
    /// Where it came from.
    pub source: KnownResults,
    /// The points with what is told of them. Workers go without.
    pub results: Vec<(Point, Told)>,
}

impl Known {
    /// The results of the study `from`, a name in the store or the path of a study's folder, for
    /// a study of this template.
    ///
    /// # Errors
    /// The study is not there, is running, or is of another space or other objectives.
    pub fn take_over(from: &str, store: &Path, template: &Template) -> Result<Self, Failure> {
        let folder = find(from, store)?;
        let ledger = Ledger::open(&folder)?;
        let earlier = Study::reopen_changed(ledger.record())?;
        let wrong =
            |found: String| Failure::usage(format!("--from {from}: {}: {found}", folder.name()));
        same_objectives(&earlier.template, template).map_err(wrong)?;
        let columns = columns(&earlier.space, &template.space).map_err(wrong)?;
        // The template's own objectives and constraints, looked up among what was measured then.
        let course = earlier.measure().course();
        let measure = schema(template, earlier.simulator.metrics())?.measure().over(course);
        let frame = Frame::from(&earlier);
        // What is recorded beyond the end of the table, or behind a gap, is there by chance.
        let end = ledger.finished()?.map_or(u64::MAX, |finished| finished.trials);
        let (mut results, mut next) = (Vec::<(Point, Told)>::new(), 0);
        // Where the result of a new trial is, for those that go on with it.
        let mut places = BTreeMap::new();
        for record in ledger.records()? {
            let Record { job, result } = record?;
            let first = job.id.0.0;
            if first != next {
                break;
            }
            next = first + result.trials.len() as u64;
            for (offset, trial) in (0..end.saturating_sub(first)).zip(&result.trials) {
                let Some(row) = frame.row(&job, offset, trial) else { continue };
                let point = translated(&earlier.space, &template.space, &columns, &row.point)
                    .map_err(|found| wrong(format!("trial {}: {found}", first + offset)))?;
                match row.origin.and_then(|origin| places.get(&origin)) {
                    Some(place) => results[*place] = (point, told(&measure, trial)),
                    None => {
                        places.insert(row.trial, results.len());
                        results.push((point, told(&measure, trial)));
                    }
                }
            }
        }
        if results.is_empty() {
            return Err(wrong("found no trials, allowed: a study with results".to_owned()));
        }
        let trials = results.len() as u64;
        let hash = hash(&records(&results));
        let from = folder.name().to_owned();
        Ok(Self { source: KnownResults { from, trials, hash }, results })
    }

    /// What the ledger of a study keeps; none where it knew nothing.
    ///
    /// # Errors
    /// The ledger cannot be read, or lacks some of it.
    pub fn recorded(ledger: &Ledger) -> Result<Option<Self>, Failure> {
        let Some(source) = ledger.record().known.clone() else { return Ok(None) };
        let records = ledger.known()?;
        if hash(&records) != source.hash {
            return Err(Failure::infrastructure(format!(
                "the ledger of study {} lacks some of the results that it began with; it cannot \
                 go on, but what it recorded can be read",
                ledger.record().name
            )));
        }
        let results = records.into_iter().flat_map(pairs).collect();
        Ok(Some(Self { source, results }))
    }

    /// What the ledger is to keep.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        records(&self.results)
    }
}

/// A path is told from a name by its separator.
fn find(from: &str, store: &Path) -> Result<StudyFolder, Failure> {
    let path = Path::new(from);
    let name = path.file_name().and_then(|name| name.to_str());
    let (store, name) = match (path.parent(), name) {
        (Some(parent), Some(name)) if path.components().count() > 1 => (parent, name),
        _ => (store, from),
    };
    let found = Store::open(store)?.study(name);
    found.map_err(|error| match error {
        error @ (ResultsError::NotFound { .. } | ResultsError::NoStudies { .. }) => {
            Failure::usage(format!("--from: {error}"))
        }
        error => error.into(),
    })
}

fn same_objectives(earlier: &Template, template: &Template) -> Result<(), String> {
    let sorted = |template: &Template| {
        let mut objectives: Vec<Objective> = template.objectives.clone();
        objectives.sort_by(|a, b| a.metric.cmp(&b.metric));
        objectives
    };
    if sorted(earlier) == sorted(template) {
        return Ok(());
    }
    let said = |template: &Template| {
        let each = |one: &Objective| format!("{} {}", one.direction.name(), one.metric);
        template.objectives.iter().map(each).collect::<Vec<_>>().join(", ")
    };
    Err(format!("found the objectives {}, allowed: {}", said(earlier), said(template)))
}

/// For each parameter of this study's space, its place in the earlier one.
fn columns(earlier: &Space, space: &Space) -> Result<Vec<usize>, String> {
    let names = |space: &Space| {
        let mut names: Vec<&str> = space.parameters().iter().map(Parameter::name).collect();
        names.sort_unstable();
        names.join(", ")
    };
    let (found, allowed) = (names(earlier), names(space));
    let place = |parameter: &Parameter| earlier.index_of(parameter.name());
    let columns: Option<Vec<usize>> = space.parameters().iter().map(place).collect();
    columns
        .filter(|_| found == allowed)
        .ok_or_else(|| format!("found the parameters {found}, allowed: {allowed}"))
}

/// The same point in this study's space.
fn translated(
    earlier: &Space,
    space: &Space,
    columns: &[usize],
    point: &Point,
) -> Result<Point, String> {
    let mut values = Vec::with_capacity(columns.len());
    for (parameter, &column) in space.parameters().iter().zip(columns) {
        let value = point.values()[column];
        values.push(match value {
            Value::Inactive => Value::Inactive,
            value => {
                // Labels may have moved; what a value is called is what it means.
                let text = earlier.parameters()[column].text(value);
                parameter.parse(&text).ok_or_else(|| {
                    let name = parameter.name();
                    format!("{name}: found {text}, allowed: {}", parameter.allowed())
                })?
            }
        });
    }
    let point = Point::new(values);
    if space.contains(&point) {
        return Ok(point);
    }
    let broken = space.constraints().iter().find(|each| each.holds(&point) == Some(false));
    Err(broken.map_or_else(
        || {
            "found a point with other conditions, allowed: the conditions of the template"
                .to_owned()
        },
        |constraint| format!("found a point outside, allowed: points with {}", constraint.source()),
    ))
}

/// What is known in the form in which ledgers keep trials: the objectives as they are told and
/// the violation are the metrics of a complete trial.
fn records(known: &[(Point, Told)]) -> Vec<Record> {
    let record = |(index, chunk): (usize, &[(Point, Told)])| {
        let study = StudyId([0; 32]);
        let id = JobId(TrialId((index * TOGETHER) as u64));
        let points = chunk.iter().map(|(point, _)| point.clone()).collect();
        let work = Work::Points(points);
        let trials = chunk.iter().map(|(_, told)| trial(told)).collect();
        Record {
            job: JobSpec::new(study, id.0, 0, work),
            result: JobResult {
                study,
                id,
                attempt: 0,
                trials,
                worker: String::new(),
                elapsed_ns: 0,
            },
        }
    };
    known.chunks(TOGETHER).enumerate().map(record).collect()
}

fn trial(told: &Told) -> TrialResult {
    let (outcome, reports) = match told {
        Told::Complete { objectives, violation } => {
            (Outcome::Complete([&objectives[..], &[*violation]].concat()), Vec::new())
        }
        Told::Pruned { step, objectives } => {
            let values = objectives.clone().unwrap_or_default();
            (Outcome::Pruned(String::new()), vec![Report { step: *step, values }])
        }
        Told::Failed => (Outcome::Failed(String::new()), Vec::new()),
    };
    TrialResult { outcome, reports }
}

fn pairs(record: Record) -> Vec<(Point, Told)> {
    let Work::Points(points) = record.job.work else { return Vec::new() };
    points.into_iter().zip(record.result.trials.into_iter().map(recorded)).collect()
}

fn recorded(trial: TrialResult) -> Told {
    match (trial.outcome, trial.reports.into_iter().next()) {
        (Outcome::Complete(mut objectives), _) => {
            let violation = objectives.pop().unwrap_or(f64::INFINITY);
            Told::Complete { objectives, violation }
        }
        (Outcome::Pruned(_), Some(Report { step, values })) => {
            let objectives = Some(values).filter(|values| !values.is_empty());
            Told::Pruned { step, objectives }
        }
        _ => Told::Failed,
    }
}

fn hash(records: &[Record]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("optimize: results known beforehand, v1");
    for record in records {
        let bytes = record.to_bytes();
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_kept_to_the_bit() {
        let point = |x| Point::new(vec![Value::Float(x), Value::Inactive]);
        let mut known: Vec<(Point, Told)> = vec![
            (point(0.1), Told::Complete { objectives: vec![1.0, -0.3], violation: 0.0 }),
            (
                point(0.2),
                Told::Complete { objectives: vec![2.0, 1e-300], violation: f64::INFINITY },
            ),
            (point(0.3), Told::Pruned { step: 7, objectives: Some(vec![0.1, 0.2]) }),
            (point(0.4), Told::Pruned { step: 0, objectives: None }),
            (point(0.5), Told::Failed),
        ];
        let more = |number: i32| (point(f64::from(number)), Told::Failed);
        known.extend((1..2000).map(more));
        let kept = records(&known);
        assert_eq!(kept.len(), 2, "in pieces of {TOGETHER}");
        assert_eq!(kept.iter().cloned().flat_map(pairs).collect::<Vec<_>>(), known);
        let other = known[..known.len() - 1].to_vec();
        assert_ne!(hash(&kept), hash(&records(&other)));
    }
}
