//! What a risk assessment says, and the state it is recomputed from. The rules themselves are policy.

use crate::FactId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How grave a factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For information.
    Info,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// Whether the score can still grow by what is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreIs {
    /// Everything asked has answered, freshly and completely, and every rule was evaluated.
    Exact,
    /// Something is missing, failed, stale, incomplete or suspicious, or a rule could not be evaluated.
    AtLeast,
}

/// What one rule adds, and because of which facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Factor {
    /// The rule's id.
    pub rule: String,
    /// Points after the rule's cap, never negative.
    pub points: i64,
    /// How grave the rule says it is.
    pub severity: Severity,
    /// Whether the rule is a stop, and these facts set it off.
    pub stop: bool,
    /// The facts it rests on, sorted.
    pub facts: Vec<FactId>,
    /// Facts that match by name only, and are worth nothing to this rule; sorted.
    pub possible: Vec<FactId>,
}

/// Why a rule has no say in the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnevaluatedReason {
    /// A source that it needs is not asked by this profile.
    SourceNotAsked,
    /// A source that it needs has not answered yet, or what it answered is too old to be shown.
    SourceMissing,
    /// A source that it needs failed.
    SourceFailed,
    /// A source that it needs did not give everything.
    SourceIncomplete,
    /// A source that it needs answered in a way that is not believed yet.
    SourceSuspicious,
    /// Its expression failed on a fact; what other facts earned still counts.
    Error,
}

/// A rule that has no say, or not its whole say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Unevaluated {
    /// The rule's id.
    pub rule: String,
    /// Why.
    pub reason: UnevaluatedReason,
    /// The source's id, or the error's text.
    pub detail: String,
}

/// How many needs the assessment rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RiskBasis {
    /// Answered, within the TTL.
    pub fresh: u32,
    /// Answered, past the TTL, and shown.
    pub stale: u32,
    /// Not answered, failed, or too old to be shown.
    pub missing: u32,
}

/// The risk of one job at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// The sum of the factors' points, clamped to 0–100.
    pub score: u8,
    /// Whether that can still grow.
    pub score_is: ScoreIs,
    /// The level's id, or `incomplete`.
    pub level: String,
    /// Rules that stop, whatever the score; sorted.
    pub stops: Vec<String>,
    /// Rules that have no say, or not their whole say; sorted by rule.
    pub unevaluated: Vec<Unevaluated>,
    /// What it rests on.
    pub basis: RiskBasis,
    /// The ruleset's name.
    pub ruleset: String,
    /// The date `YYYY-MM-DD` that rules compared dates with.
    pub as_of: String,
    /// What adds to it, in the order of the rules.
    pub factors: Vec<Factor>,
}

/// What each rule has found so far: enough to recompute only what a change can touch.
///
/// A function of the facts, the rules and `as_of` alone; the order in which facts came and went leaves no trace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RiskState {
    /// Names the rules it was computed with; under other rules it is recomputed whole.
    pub rules_digest: String,
    /// The date `YYYY-MM-DD` that rules compared dates with.
    pub as_of: String,
    /// By rule id. A rule that has found nothing is not here.
    pub rules: BTreeMap<String, RuleState>,
}

/// What one rule has found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RuleState {
    /// Facts that match, each with its points before the cap. A rule over all facts gives its points to `whole`.
    pub matched: BTreeMap<FactId, i64>,
    /// Facts that match by name only.
    pub possible: BTreeSet<FactId>,
    /// Points of a rule over all facts, when it holds.
    pub whole: Option<i64>,
    /// Errors by fact.
    pub errors: BTreeMap<FactId, String>,
    /// The error of a rule over all facts.
    pub whole_error: Option<String>,
}
