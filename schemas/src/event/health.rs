//! Events of `source/<id>` streams about how a source and its proxies are: what is rested, and how fast it may be asked.

use crate::{Outcome, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Too many attempts at a source, or through one of its proxies, came to nothing: it is left alone for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakerOpened {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The proxy, as pool and name; none: the source itself.
    pub proxy: Option<String>,
    /// Not before then one attempt is made to see whether it answers again.
    pub until: Timestamp,
    /// How often it has opened since it was last closed, this time included.
    pub times: u32,
    /// Of the last `of` attempts, so many came to nothing.
    pub failed: u32,
    /// See `failed`.
    pub of: u32,
    /// What came of the last attempt.
    pub outcome: Outcome,
    /// In words that hold no secret.
    pub cause: String,
}

/// It answered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakerClosed {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The proxy, as pool and name; none: the source itself.
    pub proxy: Option<String>,
    /// Since when it had been open.
    pub since: Timestamp,
}

/// The source said that it is asked too fast: it is asked more slowly, and by and by faster again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceSlowed {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// So many thousandths of its rate are used from now on.
    pub permille: u32,
    /// Until then that grows evenly to the whole rate.
    pub full_at: Timestamp,
    /// The status that said so.
    pub http_status: Option<u16>,
}

/// What a source said to one of its shards, told to the others: they obey it as if they had heard it themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceTold {
    /// The queue of the shard that heard it.
    pub source: String,
    /// How many shards the source has.
    pub shards: u32,
    /// It wants to be left alone until then.
    pub rest_until: Option<Timestamp>,
    /// It is asked too fast.
    pub slowed: Option<Slowed>,
}

/// How much more slowly a source is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slowed {
    /// So many thousandths of its rate are used.
    pub permille: u32,
    /// Until then that grows evenly to the whole rate.
    pub full_at: Timestamp,
    /// The status that said so.
    pub http_status: Option<u16>,
}

/// A shard leaves its source alone because another shard was told to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceRested {
    /// The queue of the shard that rests.
    pub source: String,
    /// Until then.
    pub until: Timestamp,
}
