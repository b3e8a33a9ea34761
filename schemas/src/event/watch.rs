//! Watches: re-checks of a job that nobody has to ask for.

use crate::{JobId, Timestamp, WatchId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an object is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchReason {
    /// It matters to its owner.
    Key,
    /// It is asked about often.
    Popular,
    /// Somebody pays for it.
    Paid,
}

/// The hours of a day in which a re-check may begin, in minutes after midnight UTC; `to` before `from` goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hours {
    /// From then on.
    pub from: u16,
    /// Until then.
    pub to: u16,
}

/// A job is to be checked again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WatchSet {
    /// The watch.
    pub watch: WatchId,
    /// Which job.
    pub job: JobId,
    /// Whose it is.
    pub tenant: String,
    /// How often, in milliseconds.
    pub every_ms: u64,
    /// When in the day; none: at any time.
    pub hours: Option<Hours>,
    /// Why.
    pub reason: WatchReason,
    /// The first time.
    pub next_at: Timestamp,
}

/// The time of a watch came, and the next one is set. A re-check in the same commit says that there was something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WatchRang {
    /// The watch.
    pub watch: WatchId,
    /// Its job.
    pub job: JobId,
    /// The next time.
    pub next_at: Timestamp,
}

/// A watch is no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WatchEnded {
    /// The watch.
    pub watch: WatchId,
    /// Its job.
    pub job: JobId,
}
