//! Data sets, made: prices from whatever files people have, in a form that every study reads.
//!
//! * [`import`] reads CSV, Parquet and JSON, packed or not, through DuckDB, finds the columns by
//!   their usual names, brings all times to UTC, and stores the bars under a name. The files that
//!   it reads are never changed.
//! * [`check`] looks for what is wrong with the bars: gaps, bars that are there twice, prices that
//!   cannot be, splits.
//! * [`slice`](fn@slice) makes a data set of a part of another, or of its bars put together to
//!   longer ones.
//!
//! How a data set looks on disk, and how it is read, is the business of `simulators`, because
//! workers have to read it, without a database. All files of a data set appear at once: a folder
//! is written under another name and renamed.
//!
//! Deliberately absent: downloads, corrections of prices, and clocks.

mod calendar;
mod check;
mod columns;
mod duck;
mod error;
mod import;
mod resample;
mod rows;
mod slice;
mod statistics;
mod store;
mod timeframe;
mod times;
mod zone;

pub use calendar::Calendar;
pub use check::{Example, Finding, Kind, check};
pub use columns::Role;
pub use error::SetError;
pub use import::{Import, Imported, import};
pub use slice::{Slice, slice};
pub use statistics::{ColumnStatistics, SymbolStatistics, statistics};
pub use store::{Saved, remove};
pub use timeframe::Timeframe;
pub use zone::Zone;
