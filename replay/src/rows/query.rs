//! What is known of a query: all that reuse and suspicion are decided from.

use mirano_schemas::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of one query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryRow {
    /// The queue of its source that asks it; see [`QueryRow::source`].
    #[serde(rename = "source")]
    pub queue: String,
    /// About whom.
    pub subject: Subject,
    /// The parameters.
    pub params: Sealable<Params>,
    /// The last observation that counts as an answer.
    pub last: Option<KnownRow>,
    /// The task that asks it now.
    pub in_flight: Option<TaskId>,
    /// It was answered in a way that is not believed at once: since when.
    pub suspicious_since: Option<Timestamp>,
    /// How often since then, one after the other.
    pub suspicious_times: u32,
    /// Why the last task failed, if nothing was answered since.
    pub last_failure: Option<Failure>,
}

/// An observation as reuse sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownRow {
    /// Which.
    pub observation: ObservationId,
    /// Where it stands.
    pub at: Position,
    /// What came.
    pub outcome: Outcome,
    /// Whether the source showed all.
    pub complete: bool,
    /// Root over its facts.
    pub facts_root: Root,
    /// How many.
    pub facts: u32,
    /// How many of each kind.
    pub kinds: BTreeMap<String, u32>,
    /// When the source was asked.
    pub observed_at: Timestamp,
    /// The source's own date.
    pub as_of: Option<String>,
    /// The connector's version.
    pub connector: u32,
    /// The task's first asker.
    pub first: Requester,
    /// The task.
    pub task: TaskId,
}

impl QueryRow {
    /// The source.
    pub fn source(&self) -> &str {
        source_of(&self.queue)
    }

    /// A query that nobody asked yet.
    pub fn new(queue: String, subject: Subject, params: Sealable<Params>) -> Self {
        Self {
            queue,
            subject,
            params,
            last: None,
            in_flight: None,
            suspicious_since: None,
            suspicious_times: 0,
            last_failure: None,
        }
    }
}
