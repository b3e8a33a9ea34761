//! The deciders: pure functions from state, command and time to events.
//!
//! **Invariant**: nothing here reads a clock, draws a random number, opens a file or knows a thread. What a decision
//! depends on is in its [`decision::Context`]; what it decided is in its events.

pub(crate) mod bugs;
pub mod command;
pub mod decide;
pub mod decision;
pub mod freshness;
pub mod job;
mod node;
pub mod notify;
pub mod paging;
pub mod partitioning;
pub mod persons;
pub mod plan;
pub mod policy;
mod prefetch;
pub mod react;
pub mod risk;
pub mod source;
pub mod vault;
pub mod watch;
mod world;
