//! What can keep the engine from answering.

use crate::core::command::Rejection;
use crate::sequencer::{AnchorError, ReadError};
use mirano_replay::apply::ApplyError;
use mirano_replay::store::StoreError;
use mirano_schemas::Position;

/// Why a command got no reply.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A refusal: a normal outcome, for the caller.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The log takes nothing now: try again later.
    #[error("the log can't be written: {0}")]
    LogUnavailable(String),
    /// The engine is stopping or this partition stopped: try again later, or see the log of the process.
    #[error("partition {partition} has stopped: {reason}")]
    Stopped {
        /// Which.
        partition: u32,
        /// Why.
        reason: String,
    },
    /// Another node decides there now; nothing was decided. Give the command again.
    #[error("another node decides for partition {partition} now")]
    Moved {
        /// Which.
        partition: u32,
    },
    /// The log and the views do not fit.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The log can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The views can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A counting commit does not fold.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A counting commit does not decode.
    #[error("commit {at}: {error}")]
    Decode {
        /// Where.
        at: Position,
        /// Why.
        error: mirano_schemas::codec::DecodeError,
    },
}
