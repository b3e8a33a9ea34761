//! Mirano's vocabulary: ids, facts and their canonical form, events, the envelope and the codec.
//!
//! Everything here is data and pure functions. There is no input or output, no clock and no randomness; what is
//! written to disk is fixed by golden bytes in the tests and described byte by byte in `docs/FORMATS.md`.

pub mod canonical;
pub mod codec;
pub mod envelope;
mod event;
mod fact;
mod id;
mod outcome;
mod position;
mod risk;
mod shard;
mod time;

pub use event::*;
pub use fact::*;
pub use id::*;
pub use outcome::Outcome;
pub use position::{ParsePositionError, Position};
pub use risk::*;
pub use shard::*;
pub use time::Timestamp;
