//! Events about the deciding itself.

use crate::{CommitHash, Position};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Another node decides for this partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeciderChanged {
    /// The node.
    pub node: String,
    /// Where commands are forwarded to.
    pub url: Option<String>,
}

/// What another partition asked for can't be decided; it does not block what is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReactionRefused {
    /// The commit that asked.
    pub cause: Position,
    /// Why.
    pub reason: String,
}

/// What the log says at a cut was kept outside of it: the views, and the log itself up to there. A node with an empty disk
/// begins with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointTaken {
    /// For each partition, in order, where the log stood.
    pub heads: Vec<CheckpointHead>,
    /// The form of the rows; another one is of no use.
    pub form: u32,
    /// Digest over all rows of the views there.
    pub rows_digest: [u8; 32],
    /// How many rows.
    pub rows: u64,
    /// The name of its list of contents in the store of checkpoints.
    pub place: String,
    /// BLAKE3 of that list.
    pub list: [u8; 32],
    /// The node that took it.
    pub node: String,
}

/// Where a partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointHead {
    /// The partition.
    pub partition: u32,
    /// How many of its commits are in it.
    pub next_seq: u64,
    /// Hash of the last of them, or the genesis hash.
    pub hash: CommitHash,
}
