//! The results hash: two studies have the same one exactly if their tables are the same.
//!
//! BLAKE3 over a canonical form of the table: a header with the names and kinds of the columns,
//! and then every row in trial order, all little-endian, texts and lists after their length.
//! Everything that the study is a function to is in it, and nothing else: no durations, hosts,
//! attempts, and neither the algorithm, the budget nor the name. A study that ends early
//! therefore has the hash of the same study with a smaller budget.

use blake3::Hasher;
use search_spaces::Domain;

use crate::table::{Row, StudySchema};

/// Changes whenever the canonical form does.
const VERSION: &str = "optimize results table 1";

/// BLAKE3 takes so many bytes several times faster together than row by row.
const TOGETHER: usize = 1 << 15;

/// The hash of a results table, row by row.
#[derive(Clone, Debug)]
pub struct ResultsHash {
    hasher: Hasher,
    /// The next row may not be of an earlier trial.
    next: u64,
    /// What is not in the hasher yet.
    bytes: Vec<u8>,
}

impl ResultsHash {
    /// The hash of the empty table with these columns.
    #[must_use]
    pub fn new(schema: &StudySchema) -> Self {
        let mut bytes = Vec::new();
        text(&mut bytes, VERSION);
        count(&mut bytes, schema.parameters().len());
        for parameter in schema.parameters() {
            text(&mut bytes, parameter.name());
            bytes.push(match parameter.domain() {
                Domain::Float { .. } => 1,
                Domain::Int { .. } => 2,
                Domain::Bool => 3,
                Domain::Labels { .. } => 4,
            });
            // Points hold the labels' indices only.
            count(&mut bytes, parameter.labels().len());
            parameter.labels().iter().for_each(|label| text(&mut bytes, label));
        }
        count(&mut bytes, schema.metrics().len());
        schema.metrics().iter().for_each(|metric| text(&mut bytes, metric));
        count(&mut bytes, schema.outcome_constraints().len());
        let constraints = schema.outcome_constraints().iter();
        constraints.for_each(|constraint| text(&mut bytes, constraint.source()));
        Self { hasher: Hasher::new(), next: 0, bytes }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If the row's trial is not later than the one before.
    pub fn update(&mut self, row: &Row) {
        assert!(row.trial >= self.next, "trial {} after {}", row.trial, self.next);
        self.next = row.trial + 1;
        let bytes = &mut self.bytes;
        number(bytes, row.trial);
        number(bytes, row.seed);
        bytes.push(row.status.code());
        bytes.extend_from_slice(&row.point.canonical_bytes());
        floats(bytes, &row.metrics);
        floats(bytes, &row.violations);
        bytes.push(u8::from(row.message.is_some()));
        text(bytes, row.message.as_deref().unwrap_or_default());
        count(bytes, row.reports.len());
        for report in &row.reports {
            number(bytes, report.step);
            floats(bytes, &report.values);
        }
        if bytes.len() >= TOGETHER {
            self.hasher.update(bytes);
            bytes.clear();
        }
    }

    /// The hash of the table so far: 64 hexadecimal digits. More rows may follow.
    #[must_use]
    pub fn hex(&self) -> String {
        self.hasher.clone().update(&self.bytes).finalize().to_hex().to_string()
    }
}

fn number(bytes: &mut Vec<u8>, value: u64) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

fn count(bytes: &mut Vec<u8>, value: usize) {
    number(bytes, value as u64);
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    count(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// Bits, so that the two zeros differ as they do in the table. There are many NaNs, and which of
/// them an operation returns differs between processors: they count as one.
fn floats(bytes: &mut Vec<u8>, values: &[f64]) {
    count(bytes, values.len());
    for value in values {
        number(bytes, canonical_bits(*value));
    }
}

/// The bits of a value, the same for every NaN.
pub(crate) fn canonical_bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

#[cfg(test)]
mod tests {
    use jobs::Report;
    use search_spaces::{Direction, Objective, Parameter, Point, Value};

    use super::*;
    use crate::table::Status;

    fn schema() -> StudySchema {
        let parameters = [Parameter::new("hedge", Domain::Bool)];
        let objective = Objective { metric: "profit".into(), direction: Direction::Maximize };
        StudySchema::new(&parameters, &["profit".to_owned()], Vec::new(), vec![objective])
    }

    fn row(trial: u64) -> Row {
        Row {
            trial,
            origin: None,
            seed: 11,
            point: Point::new(vec![Value::Bool(true)]),
            status: Status::Complete,
            metrics: vec![0.5],
            violations: Vec::new(),
            message: None,
            reports: vec![Report { step: 2, values: vec![0.25] }],
        }
    }

    fn hash(rows: &[Row]) -> String {
        let mut hash = ResultsHash::new(&schema());
        for row in rows {
            hash.update(row);
        }
        hash.hex()
    }

    #[test]
    fn the_hash_is_the_same_in_every_release() {
        assert_eq!(
            hash(&[row(0), row(3)]),
            "464dcfbc5d8584e090ad8d54a4e0d65bec4a037d0052f9cd8c63352ef1ea2811"
        );
    }

    #[test]
    fn a_prefix_has_the_hash_of_the_smaller_study() {
        let mut whole = ResultsHash::new(&schema());
        whole.update(&row(0));
        let early = whole.hex();
        whole.update(&row(1));
        assert_eq!(early, hash(&[row(0)]));
        assert_eq!(whole.hex(), hash(&[row(0), row(1)]));
        assert_ne!(early, whole.hex());
    }

    #[test]
    fn every_part_of_a_row_counts() {
        let mut rows = vec![row(0); 9];
        rows[1].trial = 1;
        rows[2].seed = 12;
        rows[3].point = Point::new(vec![Value::Inactive]);
        rows[4].status = Status::Pruned;
        rows[5].metrics = vec![-0.5];
        rows[6].violations = vec![0.5];
        rows[7].message = Some(String::new());
        rows[8].reports[0].step = 3;
        let mut hashes: Vec<String> =
            rows.iter().map(|row| hash(std::slice::from_ref(row))).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), rows.len());
    }

    #[test]
    fn all_nans_are_one() {
        let with = |value: f64| hash(&[Row { metrics: vec![value], ..row(0) }]);
        assert_eq!(with(f64::NAN), with(-f64::NAN));
        assert_eq!(with(f64::NAN), with(f64::from_bits(f64::NAN.to_bits() | 7)));
        assert_ne!(with(f64::NAN), with(f64::INFINITY));
    }

    #[test]
    fn columns_count() {
        let other = StudySchema::new(
            &[Parameter::new("other", Domain::Bool)],
            &["profit".to_owned()],
            Vec::new(),
            schema().objectives().to_vec(),
        );
        assert_ne!(ResultsHash::new(&other).hex(), ResultsHash::new(&schema()).hex());
    }

    #[test]
    #[should_panic(expected = "trial 1 after 2")]
    fn rows_out_of_order_are_a_mistake() {
        hash(&[row(1), row(1)]);
    }
}
