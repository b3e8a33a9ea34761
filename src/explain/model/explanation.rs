//! A job in words, as the interface shows it.

use super::{OriginWord, OutcomeWord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A job in words, each sentence with the receipts it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The language.
    pub lang: String,
    /// The time of the read.
    pub at: String,
    /// Sentences in reading order.
    pub sentences: Vec<Sentence>,
    /// Why the result came fast, or that it did not.
    pub why_fast: Why,
    /// Why it is still being updated, or that it is not.
    pub why_updating: Why,
    /// Receipts that sentences name.
    pub receipts: Vec<ReceiptView>,
}

/// One sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sentence {
    /// Its name in this explanation.
    pub id: String,
    /// What it says, for programs.
    pub code: String,
    /// `checked`, `updating`, `freshness`, `reused`, `missing` or `risk`.
    pub topic: String,
    /// What it says, for people.
    pub text: String,
    /// What was filled in.
    pub args: BTreeMap<String, serde_json::Value>,
    /// The receipts that it rests on.
    pub receipts: Vec<String>,
}

/// An answer to a question, and the sentences behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// The answer.
    pub text: String,
    /// Sentences that it rests on.
    pub sentences: Vec<String>,
}

/// How one need was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptView {
    /// Its id.
    pub receipt_id: String,
    /// The need.
    pub need_id: String,
    /// The source.
    pub source: String,
    /// About whom.
    pub subject: String,
    /// Where the data came from.
    pub origin: OriginWord,
    /// `found` or `nothing_found`.
    pub outcome: OutcomeWord,
    /// Whether the source showed all it has.
    pub complete: bool,
    /// The observation.
    pub observation_id: String,
    /// When the source was asked.
    pub observed_at: String,
    /// The source's own date.
    pub as_of: Option<String>,
    /// The TTL that applied, in seconds.
    pub ttl_s: u64,
    /// When the job took it.
    pub taken_at: String,
    /// The policy in force.
    pub policy_version: u64,
    /// `fresh`, `stale`, `task`, `joined` or `answered_in_between`.
    pub reason: String,
}
