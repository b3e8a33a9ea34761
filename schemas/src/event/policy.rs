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
