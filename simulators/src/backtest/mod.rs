//! A deterministic backtester for daily or intraday bars: rules written as expressions, one
//! position at a time, no look-ahead.
//!
//! A run goes from the point to signals (`evaluate`), from signals to trades and an equity curve
//! (`engine`), and from these to metrics (`metrics`). What is read from the template is in
//! `settings`, `compile` and `data`; `simulator` joins the parts.

mod cache;
mod compile;
mod data;
mod date;
mod engine;
mod evaluate;
mod expression;
mod facts;
mod indicators;
mod mask;
mod metrics;
mod portfolio;
mod read;
mod settings;
mod simulator;
mod text;

pub use data::DataError;
pub use date::Date;
pub use engine::{Action, Decision, Trade};
pub use simulator::{Backtest, Trace};
