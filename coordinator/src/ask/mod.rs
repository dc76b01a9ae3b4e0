//! A study that is evaluated by somebody else: points out and results in, as lines of JSON.
//!
//! [`Session`] is the whole of it but for the pipes: a driver as in any other study, and the
//! trials that are out. `Outside` stands where other studies have a simulator.

mod outside;
mod session;

pub use session::Session;
