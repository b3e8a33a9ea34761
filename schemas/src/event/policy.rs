//! Events of the `policy` stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a policy came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyOrigin {
    /// The configuration folder, at start.
    Files,
    /// `PUT /policy`.
    Api,
}

/// What decides the order of a partition's queues changed. What stands in them keeps its turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueWeighed {
    /// What a task of each priority, from 1, costs its tenant.
    pub costs: [u64; 5],
    /// How many tasks of its priority a task is moved forward by, for each further job that waits for it.
    pub waiting: u32,
    /// No task is put further behind the front than so many of its priority; 0: as far as its tenant's share puts it.
    pub age: u32,
}

/// A policy document came into force. Its version is its `seq` in partition 0; the other partitions adopt it in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyAdopted {
    /// The version: the `seq` of the first adoption, in partition 0.
    pub version: u64,
    /// From where.
    pub origin: PolicyOrigin,
    /// BLAKE3 of the document.
    pub digest: [u8; 32],
    /// The document, JSON.
    pub document: String,
    /// The version of each source's connector: it grows when request, answer or facts change.
    pub connectors: BTreeMap<String, u32>,
}

/// A source was first adopted with several queues. Its number of queues never changes: what is known of a query is kept by the
/// partition of its queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceDivided {
    /// The source.
    pub source: String,
    /// How many queues it has.
    pub shards: u32,
}
