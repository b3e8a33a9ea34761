//! The engine: takes commands, decides them in order, and lets nothing out before its commit counts and is visible.
//!
//! `partition` is the loop of one partition, without input or output; `runtime` drives it with tokio over a sequencer and
//! the views; the simulation drives the same loop under a virtual clock.

mod catch_up;
mod clock;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod handle;
pub mod partition;
mod runtime;
mod sharing;
mod writer;

pub use catch_up::{CatchUp, catch_up, catch_up_in, rests_on};
pub use clock::{Clock, SystemClock};
pub use error::EngineError;
pub use handle::{Answer, Engine, Folded, Options};
pub use sharing::{Courier, Sharing, Undelivered};
