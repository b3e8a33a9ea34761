//! Events about the deciding itself.

use crate::Position;
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
