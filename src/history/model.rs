//! A diff as the interface shows it. Field names and words are a promise to users; see `docs/api.md`.

use crate::explain::FactView;
use crate::explain::model::{OutcomeWord, Status};
use crate::explain::words::Both;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What two sides differ in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DiffView {
    /// The earlier side.
    pub from: SideView,
    /// The later side.
    pub to: SideView,
    /// How many of each, over all pages.
    pub counts: Counts,
    /// A page of differences: changed, added, gone.
    pub items: Vec<ItemView>,
    /// Send it as `?cursor=` for the next page; `null`: this was the last.
    pub next_cursor: Option<String>,
    /// What is not compared, because one side has no complete answer.
    pub not_compared: Vec<NotCompared>,
    /// Answers that are compared and are not the same observation.
    pub receipts: Vec<ReceiptMoved>,
    /// How the risk moved; `null` where neither side has one.
    pub risk: Option<RiskMoved>,
}

/// What a side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SideKind {
    /// A sealed snapshot.
    #[default]
    Snapshot,
    /// A job at a moment.
    Job,
    /// A subject at a moment.
    Subject,
    /// The whole base at a cut.
    World,
}

/// One side.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct SideView {
    /// How to name it again: a moment is written out.
    pub r#ref: String,
    /// What it is.
    pub kind: SideKind,
    /// The moment.
    pub at: String,
    /// The position that it stands for: of a job its last change before the moment, of the whole base the cut.
    pub position: Option<String>,
    /// The job.
    pub job_id: Option<String>,
    /// The snapshot.
    pub snapshot_id: Option<String>,
    /// The object or subject.
    pub subject: Option<String>,
    /// The profile.
    pub profile: Option<String>,
    /// The status at the seal.
    pub status: Option<Status>,
    /// How many facts a snapshot holds.
    pub facts: Option<u32>,
    /// A snapshot's root over the facts.
    pub facts_root: Option<String>,
}

/// How many differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Only on the later side.
    pub added: u64,
    /// Only on the earlier side.
    pub gone: u64,
    /// The same thing with other attributes.
    pub changed: u64,
    /// On both sides.
    pub unchanged: u64,
}

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// The same thing, other attributes.
    Changed,
    /// It came.
    Added,
    /// It went.
    Gone,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ItemView {
    /// What became of it.
    pub op: Op,
    /// `court.case`, `listing.offer`, …; `null` when its person was erased.
    pub kind: Option<String>,
    /// Which thing.
    pub identity: BTreeMap<String, Json>,
    /// Of a change: each attribute that is another one.
    pub attrs: BTreeMap<String, Moved>,
    /// `world`, or `connector`: by a change of the connector or of the source's form.
    pub cause: String,
    /// The fact on the earlier side.
    pub from: Option<FactView>,
    /// The fact on the later side.
    pub to: Option<FactView>,
    /// Its person was erased: that there was a fact is all that is left.
    pub erased: bool,
}

/// A value before and after; absent is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Moved {
    /// Before.
    pub from: Option<Json>,
    /// After.
    pub to: Option<Json>,
}

/// A question that is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotCompared {
    /// The source.
    pub source: String,
    /// About whom.
    pub subject: String,
    /// The side that lacks an answer: `from`, `to` or `both`.
    pub side: String,
    /// `missing`, `failed`, `expired`, `incomplete` or `not_in_profile`.
    pub reason: String,
}

/// A question that another observation answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptMoved {
    /// The source.
    pub source: String,
    /// About whom.
    pub subject: String,
    /// The earlier answer.
    pub from: AnswerView,
    /// The later one.
    pub to: AnswerView,
}

/// An answer, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerView {
    /// The observation.
    pub observation_id: String,
    /// When the source was asked.
    pub observed_at: String,
    /// What came.
    pub outcome: OutcomeWord,
    /// How many facts.
    pub facts: u32,
    /// `courts@3`: the connector's version that read it.
    pub connector: String,
}

/// How the risk moved, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RiskMoved {
    /// The earlier score; `null`: there was none.
    pub from: Option<u8>,
    /// The later score.
    pub to: Option<u8>,
    /// `exact`, or `at_least` where something was missing or stale then.
    pub from_score_is: Option<String>,
    /// The same of the later score.
    pub to_score_is: Option<String>,
    /// The earlier level.
    pub from_level: Option<String>,
    /// The later level.
    pub to_level: Option<String>,
    /// What moved it. Their points may add up to more than the score moved, because a score ends at 100.
    pub because: Vec<Because>,
}

/// Why a rule's points moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Because {
    /// The rule.
    pub rule: String,
    /// Its name for people.
    pub title: Option<Both>,
    /// How many points, with their sign.
    pub points: i64,
    /// `added`, `gone`, `changed`; `ruleset`: the rule is another one; `coverage`: a source answered on one side only;
    /// `date`: the rule compares dates with the day.
    pub by: String,
    /// The facts.
    pub facts: Vec<String>,
}
