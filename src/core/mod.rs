//! The deciders: pure functions from state, command and time to events.
//!
//! **Invariant**: nothing here reads a clock, draws a random number, opens a file or knows a thread.

pub mod policy;
pub mod risk;
pub mod vault;
