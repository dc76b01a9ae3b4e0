//! A deterministic backtester for daily or intraday bars: rules written as expressions, one
//! position at a time, no look-ahead.
//!
//! A run goes from the point to signals (`evaluate`), from signals to trades and an equity curve
//! (`engine`, or `broker` where there is more to it than signals), and from these to metrics
//! (`metrics`). What is read from the template is in `settings`, `execution`, `risk`, `rules`,
//! `compile`, `calls`, `orders_read`, `events` and `data`; `simulator` joins the parts. Numbers are
//! made of the indicators of `indicators` and the formulas of `formulas`, on the bars of the data or
//! on those of `timeframe`, and at other symbols (`frames`).

mod broker;
mod cache;
mod calls;
mod compare;
mod compile;
mod curve;
mod data;
mod date;
mod detail;
mod engine;
mod evaluate;
mod events;
mod execution;
mod expression;
mod facts;
mod formulas;
mod frames;
mod indicators;
mod mask;
mod metrics;
mod orders;
mod orders_read;
mod portfolio;
mod read;
#[cfg(test)]
mod reference;
mod report;
mod risk;
mod rules;
mod run;
mod sessions;
mod settings;
mod shadow;
mod signals;
mod simulator;
mod stored;
mod text;
mod timeframe;
mod variants;

pub use data::DataError;
pub use date::Date;
pub use engine::{Action, Decision, Reason, Trade};
pub use simulator::{Backtest, Engine, Trace};
