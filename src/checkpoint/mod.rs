//! Checkpoints: what the log says at a cut, kept in a store of objects, so that a node with an empty disk needs not read
//! and fold the whole log.
//!
//! A checkpoint is the log up to the cut (the *archive*, in parts that later checkpoints share) and all rows of the views
//! there. The log names it (`CheckpointTaken`): its heads, the digest of its rows, and the hash of its list of contents, which
//! names every part by its hash. So whoever believes the log needs to believe nobody else.
//!
//! **Promises**: what a node begins with was compared with the log, byte by byte: the commits by their chain from the genesis to
//! the heads, the rows by their digest, and the commit that names the checkpoint must count. What does not fit is told, and the
//! node reads the log from its start. Nothing is named before all of it is durable. The archive is never shortened.

mod begin;
mod confirm;
mod fill;
mod keep;
mod list;
mod named;
mod parts;
mod rows;
mod schedule;
mod store;
mod take;
#[cfg(test)]
mod tests;

pub use begin::{Begun, begin};
pub use confirm::{confirm, forget};
pub use list::{List, LogPart, Part, PlaceText, Rows};
pub use schedule::take_every;
pub use store::CheckpointStore;
pub use take::{Taken, Taker, Topic};

use crate::engine::EngineError;
use crate::sequencer::{AnchorError, AppendError, ReadError, embedded, kafka};
use crate::work::objects::BadLocation;
use mirano_replay::store::StoreError;
use std::path::PathBuf;

/// Why a checkpoint was not taken, or not begun with.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The store is none.
    #[error("the store of checkpoints {0}")]
    BadLocation(#[from] BadLocation),
    /// The store can't be reached, or can't write; trying again may help.
    #[error("the store of checkpoints can't {doing}: {cause}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// The system's words.
        cause: String,
    },
    /// An object is not there.
    #[error("{0} is missing in the store of checkpoints")]
    Missing(String),
    /// An object is not what the log or a list says.
    #[error("{name} is not what it should be: {why}")]
    Damaged {
        /// Its name.
        name: String,
        /// What does not fit.
        why: String,
    },
    /// Another one is being taken by this process.
    #[error("a checkpoint is being taken already")]
    UnderWay,
    /// The mirror has not noted yet how far it has read the topic.
    #[error("the mirror has not noted yet how far it read the topic; a moment later it has")]
    TooEarly,
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log has another history than what was kept of it.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The rows can't be read or written.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// The engine did not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The topic can't be read.
    #[error(transparent)]
    Topic(#[from] kafka::OpenError),
    /// The new folder can't be made.
    #[error(transparent)]
    Folder(#[from] embedded::OpenError),
    /// The new folder's log can't be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A file can't be used.
    #[error("can't use {path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A thread of this process ended early.
    #[error("it was broken off: {0}")]
    BrokenOff(String),
}

impl CheckpointError {
    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Store { .. } | Self::UnderWay | Self::TooEarly | Self::Engine(_) | Self::Topic(_))
    }

    /// The kind, for measurements.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Damaged { .. } | Self::Anchor(_) => "damaged",
            Self::Store { .. } | Self::BadLocation(_) => "store",
            _ => "other",
        }
    }

    fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }

    fn damaged(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged { name: name.into(), why: why.into() }
    }
}

/// Runs what takes long beside the async threads.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CheckpointError> + Send + 'static,
) -> Result<T, CheckpointError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CheckpointError::BrokenOff(error.to_string()))?
}
