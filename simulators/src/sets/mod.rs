//! Data sets: bars that were imported once and are read by every study that names them.
//!
//! A data set is a folder with two files. `bars.parquet` holds the bars, so that anything that
//! reads Parquet reads them; `manifest.json` says what they are, where they came from, and the
//! hash by which a changed file is found out. Here they are read, without any database, for that
//! is what a worker has to do; they are made elsewhere, of whatever files people have.

mod bars;
mod codec;
mod folder;
mod manifest;

pub use bars::{ADJUSTED, Bars, Column, PRICES, VOLUME, bar_fault, content_hash, time_text};
pub use codec::write_bars;
pub use folder::{BARS, DataFolder, MANIFEST};
pub use manifest::{Manifest, Origin, SETS_FORMAT, Source};
