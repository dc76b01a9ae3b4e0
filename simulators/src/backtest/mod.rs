//! A deterministic backtester for daily or intraday bars: rules written as expressions, one
//! position at a time, no look-ahead.
//!
//! A run goes from the point to signals (`evaluate`), from signals to trades and an equity curve
//! (`engine`, or `broker` where there is more to it than signals), and from these to metrics
//! (`metrics`). What is read from the template is in `settings`, `execution`, `risk`, `rules`,
//! `compile`, `orders_read` and `data`; `simulator` joins the parts.

mod broker;
mod cache;
mod compile;
mod data;
mod date;
mod engine;
mod evaluate;
mod execution;
mod expression;
mod facts;
mod indicators;
mod mask;
mod metrics;
mod orders;
mod orders_read;
mod portfolio;
mod read;
mod report;
mod risk;
mod rules;
mod run;
mod settings;
mod simulator;
mod stored;
mod text;
mod variants;

pub use data::DataError;
pub use date::Date;
pub use engine::{Action, Decision, Reason, Trade};
pub use simulator::{Backtest, Engine, Trace};
