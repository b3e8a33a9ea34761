//! Events of what sources answered.

use crate::codec::EncodeError;
use crate::{
    Attrs, EvidenceId, FactId, LeaseToken, LoggedFact, ObservationId, Outcome, Params, QueryKey, Requester, Root,
    Sealable, Subject, TaskId, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A fact that this query did not show before: new, or back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactObserved {
    /// The query that shows it.
    pub query: QueryKey,
    /// The fact.
    pub fact: LoggedFact,
}

impl FactObserved {
    /// Appends its bincode, without encoding a fact whose bytes are known.
    pub(crate) fn append(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let LoggedFact { fact_id, body } = &self.fact;
        out.extend_from_slice(self.query.as_bytes());
        out.extend_from_slice(fact_id.as_bytes());
        body.append(out)
    }
}

/// A fact that this query showed and a complete observation no longer does. Gone is not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactVanished {
    /// The query.
    pub query: QueryKey,
    /// The fact.
    pub fact_id: FactId,
}

/// A part of a large observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObservationChunk {
    /// The source.
    pub source: String,
    /// The query.
    pub query: QueryKey,
    /// The lease under which it was brought.
    pub lease: LeaseToken,
    /// Counted from 0.
    pub index: u32,
    /// New facts.
    pub added: Vec<LoggedFact>,
    /// Facts that vanished.
    pub gone: Vec<FactId>,
    /// Volatile attributes.
    pub volatile: Vec<(FactId, Sealable<Attrs>)>,
}

/// The volatile attributes of an observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VolatileBlock {
    /// As in the base observation.
    Same,
    /// These, together with those of the observation's chunks.
    These(Vec<(FactId, Sealable<Attrs>)>),
}

/// A source's answer to one query: what the query shows is the base with `added` and without `gone`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObservationRecorded {
    /// The observation.
    pub observation: ObservationId,
    /// The source.
    pub source: String,
    /// The query.
    pub query: QueryKey,
    /// What the query is about.
    pub subject: Subject,
    /// The task.
    pub task: TaskId,
    /// The lease, which names its chunks.
    pub lease: LeaseToken,
    /// How many `ObservationChunk`s belong to it.
    pub chunks: u32,
    /// The observation before it.
    pub base: Option<ObservationId>,
    /// `found` or `nothing_found`.
    pub outcome: Outcome,
    /// Whether the source showed all it has.
    pub complete: bool,
    /// Root over the facts that it shows.
    pub facts_root: Root,
    /// How many facts it shows.
    pub facts: u32,
    /// How many of them the base did not show.
    pub added: u32,
    /// How many of the base's are gone.
    pub gone: u32,
    /// Volatile attributes.
    pub volatile: VolatileBlock,
    /// The raw answers.
    pub evidence: Vec<EvidenceId>,
    /// When the source was asked.
    pub observed_at: Timestamp,
    /// The source's own date, as it gave it.
    pub as_of: Option<String>,
    /// The connector's version.
    pub connector: u32,
    /// The policy in force.
    pub policy_version: u64,
    /// The TTL that applied, in milliseconds: the shortest of the source's and of its kinds'.
    pub ttl_ms: u64,
    /// How many facts of each kind.
    pub kinds: BTreeMap<String, u32>,
    /// Who asked first: the others joined.
    pub first: Requester,
}

/// A question is answered from the answer to a larger one: the observation that follows in this commit is a part of that one,
/// with its evidence and its time. The source was not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerNarrowed {
    /// The source.
    pub source: String,
    /// The query that is answered.
    pub query: QueryKey,
    /// What it is about.
    pub subject: Subject,
    /// Its parameters.
    pub params: Sealable<Params>,
    /// The query that was asked.
    pub larger: QueryKey,
    /// The answer to that.
    pub part_of: ObservationId,
}
