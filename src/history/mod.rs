//! History as it is asked for: what was known at a moment, and what two moments differ in.
//!
//! A diff takes two *sides* ([`side`]): a sealed snapshot, a job, a subject or the whole base, each at a moment. It pairs
//! what each asked ([`pairs`]), walks the trees of each pair and skips what is equal ([`mod@compare`]), puts what came and went
//! together as things ([`things`]), and tells how the risk moved and why ([`risk`]). The whole base is sealed on request, and by
//! [`schedule`]. Everything is read from rows; nothing here is stored, and nothing here knows HTTP.

pub mod compare;
pub mod course;
mod form;
pub mod known;
pub mod model;
pub mod moment;
pub mod pairs;
pub mod render;
mod risk;
pub mod schedule;
pub mod side;
mod things;
pub mod world;

pub use compare::{Comparison, compare, part, survey};
pub use moment::{LogTimes, Times};
pub use side::Reference;
pub use things::HELD;

use crate::core::policy::Policy;
use crate::core::vault::Vault;
use mirano_replay::store::{Read, StoreError};
use mirano_schemas::{Position, Timestamp};
use std::sync::Arc;

/// Why a text names no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMoment {
    /// It is of no form that we know.
    #[error("{0:?} is neither a time nor a position")]
    Unread(String),
    /// A cut has one end for each partition.
    #[error("a cut names a partition once, and {given:?} names partition {partition} twice")]
    Twice {
        /// The text.
        given: String,
        /// Which.
        partition: u32,
    },
    /// It has not come yet.
    #[error("{0} has not come yet")]
    ToCome(String),
    /// The log has no such commit, or the views do not show it yet.
    #[error("there is no commit at {0} yet")]
    NoCommit(Position),
}

/// Why a question about history has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The rows can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log can't be read.
    #[error("the log can't be read: {0}")]
    Log(String),
    /// There is nothing under this name, or not for this caller.
    #[error("there is no such {0}")]
    NotFound(String),
    /// A text that is to name something names nothing.
    #[error("there is no such {what}: {given:?}")]
    Unnamed {
        /// `job` or `snapshot`.
        what: &'static str,
        /// The text.
        given: String,
    },
    /// The check was not there yet: it was asked for then.
    #[error("there was no such job yet: it was asked for at {}", crate::explain::time::rfc3339(*.0))]
    NotYet(Timestamp),
    /// It names no moment.
    #[error(transparent)]
    BadMoment(#[from] NoMoment),
    /// The two sides are not of one kind and about one thing.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    NotComparable([About; 2]),
    /// The person's key was destroyed.
    #[error("the person's key was destroyed")]
    Erased,
    /// The caller may not see the whole base.
    #[error("the whole base is shown to auditors only")]
    AuditorsOnly,
    /// Whoever read the answer went away.
    #[error("nobody reads the answer any more")]
    NobodyReads,
}

/// What a side is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The side, as it was named.
    pub side: String,
    /// Its subject; none: the whole base.
    pub subject: Option<String>,
}

impl std::fmt::Display for About {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.subject {
            Some(subject) => write!(to, "{} is about {subject}", self.side),
            None => write!(to, "{} is the whole base", self.side),
        }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Asker {
    /// Whoever holds the data folder: sees all.
    Holder,
    /// A tenant, who may be an auditor.
    Tenant {
        /// The tenant.
        tenant: String,
        /// Whether its key has the role.
        auditor: bool,
    },
}

/// What history is read from.
pub struct Book<'a> {
    /// The rows.
    pub rows: &'a dyn Read,
    /// When the log took what.
    pub times: &'a dyn Times,
    /// Keys of persons.
    pub vault: &'a dyn Vault,
    /// Gives a policy by its version, compiled.
    pub policy: &'a dyn Fn(u64) -> Result<Arc<Policy>, StoreError>,
    /// The time.
    pub now: Timestamp,
    /// Who asks.
    pub asker: Asker,
}

#[cfg(test)]
mod tests;
