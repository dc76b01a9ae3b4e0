//! Rows as Arrow record batches, which DuckDB takes an order of magnitude faster than rows.

use std::sync::Arc;

use duckdb::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt32Array, UInt64Array,
};
use duckdb::arrow::datatypes::{Field, Schema};
use duckdb::arrow::record_batch::RecordBatch;
use search_spaces::{Parameter, Value};

use super::JobTelemetry;
use super::columns::{Column, Columns, Source};
use crate::table::{Row, StudySchema};

/// DuckDB's own vector size: larger batches would be cut into these.
pub(super) const BATCH_ROWS: usize = 2048;

/// The rows of `trials`, batch by batch.
pub(super) fn trials<'a>(
    columns: &'a Columns,
    schema: &'a StudySchema,
    rows: &'a [Row],
    jobs: &'a [JobTelemetry],
) -> impl Iterator<Item = RecordBatch> + 'a {
    rows.chunks(BATCH_ROWS).map(move |rows| {
        let array = |column: &Column| -> ArrayRef {
            match column.source {
                Source::Trial => {
                    Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.trial)))
                }
                Source::Status => Arc::new(StringArray::from_iter_values(
                    rows.iter().map(|row| row.status.name()),
                )),
                Source::Parameter(index) => parameter(&schema.parameters()[index], index, rows),
                Source::Metric(index) => {
                    floats(rows.iter().map(|row| row.metrics.get(index).copied()))
                }
                Source::Violation(index) => {
                    floats(rows.iter().map(|row| row.violations.get(index).copied()))
                }
                Source::Seed => {
                    Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.seed)))
                }
                Source::Attempts => Arc::new(attempts(rows, jobs)),
                Source::Error => {
                    let messages = rows.iter().map(|row| row.message.as_deref());
                    Arc::new(messages.collect::<StringArray>())
                }
                Source::Origin => {
                    let origins = rows.iter().map(|row| row.origin);
                    Arc::new(origins.collect::<UInt64Array>())
                }
            }
        };
        let names = columns.trials.iter().map(|column| column.name.as_str());
        batch(names.zip(columns.trials.iter().map(array)))
    })
}

/// The rows of `reports`, batch by batch.
pub(super) fn reports<'a>(columns: &'a Columns, rows: &'a [Row]) -> Vec<RecordBatch> {
    let reports = rows.iter().flat_map(|row| row.reports.iter().map(|each| (row.trial, each)));
    let reports: Vec<_> = reports.collect();
    let part = |part: &[(u64, &jobs::Report)]| {
        let trial = UInt64Array::from_iter_values(part.iter().map(|(trial, _)| *trial));
        let step = UInt64Array::from_iter_values(part.iter().map(|(_, report)| report.step));
        let metrics = columns.report_metrics.iter().enumerate().map(|(index, name)| {
            let values = part.iter().map(|(_, report)| report.values.get(index).copied());
            (name.as_str(), floats(values))
        });
        let fixed: [(&str, ArrayRef); 2] = [("trial", Arc::new(trial)), ("step", Arc::new(step))];
        batch(fixed.into_iter().chain(metrics))
    };
    reports.chunks(BATCH_ROWS).map(part).collect()
}

/// The rows of `telemetry`.
pub(super) fn telemetry(jobs: &[JobTelemetry]) -> RecordBatch {
    let numbers = |value: fn(&JobTelemetry) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(jobs.iter().map(value)))
    };
    let attempts = UInt32Array::from_iter_values(jobs.iter().map(|job| job.attempt));
    let workers = StringArray::from_iter_values(jobs.iter().map(|job| &job.worker));
    batch([
        ("first_trial", numbers(|job| job.first_trial)),
        ("trials", numbers(|job| job.trials)),
        ("attempt", Arc::new(attempts) as ArrayRef),
        ("worker", Arc::new(workers) as ArrayRef),
        ("elapsed_ns", numbers(|job| job.elapsed_ns)),
    ])
}

pub(super) fn batch<'a>(columns: impl IntoIterator<Item = (&'a str, ArrayRef)>) -> RecordBatch {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
        .into_iter()
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    // Not `try_from_iter`: it refuses two columns of one name, and has nothing to say for none.
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .expect("all columns are made from the same rows")
}

/// SQL has no use for NaN, which is equal to itself there and greater than all numbers: it
/// becomes NULL. Infinities stay.
pub(super) fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    let numbers = values.map(|value| value.filter(|value| !value.is_nan()));
    Arc::new(numbers.collect::<Float64Array>())
}

fn parameter(parameter: &Parameter, index: usize, rows: &[Row]) -> ArrayRef {
    use search_spaces::Domain;
    let values = rows.iter().map(|row| row.point.values()[index]);
    match parameter.domain() {
        Domain::Float { .. } => floats(values.map(|value| match value {
            Value::Float(value) => Some(value),
            _ => None,
        })),
        Domain::Int { .. } => {
            let integers = values.map(|value| match value {
                Value::Int(value) => Some(value),
                _ => None,
            });
            Arc::new(integers.collect::<Int64Array>())
        }
        Domain::Bool => {
            let bools = values.map(|value| match value {
                Value::Bool(value) => Some(value),
                _ => None,
            });
            Arc::new(bools.collect::<BooleanArray>())
        }
        Domain::Labels { labels, .. } => {
            let names = values.map(|value| match value {
                Value::Label(label) => Some(labels[label as usize].as_str()),
                _ => None,
            });
            Arc::new(names.collect::<StringArray>())
        }
    }
}

/// How often the job of each row was handed out; NULL where the batch does not say.
fn attempts(rows: &[Row], jobs: &[JobTelemetry]) -> UInt32Array {
    rows.iter()
        .map(|row| {
            let after = jobs.partition_point(|job| job.first_trial <= row.trial);
            let job = &jobs[after.checked_sub(1)?];
            (row.trial - job.first_trial < job.trials).then_some(job.attempt.saturating_add(1))
        })
        .collect()
}
