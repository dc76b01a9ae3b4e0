//! The general engine: orders that wait, stops, targets, costs, chance, limits, and several
//! symbols in one account.
//!
//! It is used for what the engine of signals alone (`super::engine`) cannot do, and gives the same
//! bits wherever both can be used. Its rules, bar by bar:
//!
//! 1. What holding costs is charged for the time since the bar before.
//! 2. At the open, orders at the market are filled (`fill = "next-open"`): first exits, then
//!    entries, all entries of one time together.
//! 3. Where entries wait for a price that the open has passed, the stops and profit levels that it
//!    has passed are met, and then these entries, all together (`waiting`).
//! 4. Within the bar, the stops and profit levels of positions are met (`pass`), then entries that
//!    wait for a price, again all together.
//! 5. At the close, orders at the market are filled (`"next-close"`; with `"same-close"` those of
//!    the decisions at this very close), equity is marked, limits of loss are looked at, and
//!    decisions are made.
//!
//! No bar that comes later is seen by any of it. `book` holds the money, `fill` turns orders into
//! trades, `pass` walks through a bar, `decide` reads the signals, `ahead` finds the next bar at
//! which anything can happen, and `run` drives them; `together` several symbols.

mod ahead;
mod book;
mod decide;
mod fill;
mod finer;
mod guard;
mod holding;
mod order;
mod pass;
mod run;
mod together;
mod waiting;

pub(super) use book::{Book, Market, Rules};
pub(super) use finer::Finer;
