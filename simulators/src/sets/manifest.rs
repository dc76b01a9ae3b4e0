//! What a data set is, written beside its bars.

use serde::{Deserialize, Serialize};

/// The format of data sets that this program writes, and the newest that it reads.
pub const SETS_FORMAT: u32 = 1;

/// Everything there is to know of a data set but its bars. The field names are stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format: [`SETS_FORMAT`].
    pub format: u32,
    /// The symbols, in the order of the file.
    pub symbols: Vec<String>,
    /// The time from one bar to the next, such as `1m` or `1d`, or `irregular`.
    pub timeframe: String,
    /// The time zone of the exchange, by its name in the IANA database.
    pub timezone: String,
    /// How many bars there are, of all symbols.
    pub rows: u64,
    /// The columns beside `symbol` and `time`.
    pub columns: Vec<String>,
    /// The time of the first bar, in UTC.
    pub first: String,
    /// The time of the last bar, in UTC.
    pub last: String,
    /// The hash of all bars, whatever file holds them, in hexadecimal (BLAKE3).
    pub content: String,
    /// The hash of the bytes of `bars.parquet`, in hexadecimal (BLAKE3).
    pub file: String,
    /// The files that it was imported from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The data set that it was made from, if it was made from another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Rows that were in the files more than once with the same values, of which one is kept.
    #[serde(default)]
    pub repeated: u64,
    /// Rows that followed a later one in the files, and are in order of time here.
    #[serde(default)]
    pub out_of_order: u64,
}

/// A file that was imported. It was only read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its path, as it was given.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The hash of its bytes, in hexadecimal (BLAKE3).
    pub hash: String,
    /// How many rows it had.
    pub rows: u64,
}

/// The data set that another was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its name.
    pub name: String,
    /// The hash of its bars.
    pub content: String,
    /// What was done: `from 2020-01-01, timeframe 1d`.
    pub made: String,
}
