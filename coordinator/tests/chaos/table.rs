//! The record of a campaign, and the table that people read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::faults::FAULTS;

/// One fault of one round.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Entry {
    /// The seed of the round.
    pub seed: u64,
    /// The study.
    pub study: String,
    /// The fault, as `--faults` knows it.
    pub fault: String,
    /// What was done.
    pub what: String,
    /// Seconds from the end of the fault to the first durable result, where that was waited for.
    pub first: Option<f64>,
    /// Seconds until everything that was under way was done.
    pub whole: Option<f64>,
    /// Its limit in seconds, without slack.
    pub limit: f64,
}

/// Adds entries to a file, one line of JSON for each.
pub fn append(path: &Path, entries: &[Entry]) {
    use std::io::Write as _;
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(path).expect("writable");
    for entry in entries {
        writeln!(file, "{}", serde_json::to_string(entry).expect("JSON")).expect("writable");
    }
}

/// The entries of a file.
pub fn read(path: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(path).expect("readable");
    text.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect()
}

/// The table of faults with times to recover.
pub fn table(entries: &[Entry]) -> String {
    // As the list of the faults has them.
    let place = |entry: &Entry| FAULTS.iter().position(|fault| fault.name == entry.fault);
    let mut kinds: BTreeMap<(Option<usize>, &str), Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        kinds.entry((place(entry), &entry.what)).or_default().push(entry);
    }
    let seeds: BTreeSet<u64> = entries.iter().map(|entry| entry.seed).collect();
    let (Some(first), Some(last)) = (seeds.first(), seeds.last()) else {
        return "no faults\n".to_owned();
    };
    let mut text = format!(
        "{} rounds (seeds {first} to {last}), {} faults.\n\n| fault | times | first result after: \
         median, worst | all that was under way done after: median, worst | limit |\n\
         |---|--:|--:|--:|--:|\n",
        seeds.len(),
        entries.len(),
    );
    for ((_, what), entries) in kinds {
        let first = spread(entries.iter().filter_map(|entry| entry.first).collect());
        let whole = spread(entries.iter().filter_map(|entry| entry.whole).collect());
        let (times, limit) = (entries.len(), entries[0].limit);
        writeln!(text, "| {what} | {times} | {first} | {whole} | {limit} s |").expect("a string");
    }
    text
}

/// Median and worst of some times.
fn spread(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    match times.last() {
        Some(worst) => format!("{:.2} s, {worst:.2} s", times[times.len() / 2]),
        None => "-".to_owned(),
    }
}
