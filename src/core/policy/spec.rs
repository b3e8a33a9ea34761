//! The shape of the policy document: the TOML files of the configuration folder, read as one tree.

use super::{
    AnswerSpec, AuthSpec, DurationMs, FactSpec, LimitsSpec, NestSpec, NotifySpec, PagesSpec, PrefetchSpec,
    ProxyPoolSpec, QueueSpec, RequestSpec, ShareSpec, StepSpec,
};
use mirano_schemas::Level;
pub use mirano_schemas::Severity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a decision may depend on. In the log it is kept as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// Sources by id.
    pub sources: BTreeMap<String, SourceSpec>,
    /// Report profiles by name.
    pub profiles: BTreeMap<String, ProfileSpec>,
    /// Risk rules.
    pub risk: RiskSpec,
    /// Proxy pools by name; never an address or a credential, only what decisions need.
    #[serde(default)]
    pub proxies: BTreeMap<String, ProxyPoolSpec>,
    /// How notifications are delivered.
    #[serde(default, skip_serializing_if = "NotifySpec::is_default")]
    pub notify: NotifySpec,
    /// What goes first where more waits than limits let through.
    #[serde(default, skip_serializing_if = "QueueSpec::is_default")]
    pub queue: QueueSpec,
}

/// Words in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Russian.
    pub ru: String,
    /// English.
    pub en: String,
}

/// One source: `sources/<id>.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Its id, equal to the file's name.
    pub id: String,
    /// Its name for people.
    pub title: Words,
    /// The level of reuse by default; a row's level follows its subject.
    pub level: Level,
    /// How long an answer is fresh.
    pub ttl: DurationMs,
    /// How long past its TTL an answer may still be shown, marked stale.
    #[serde(default)]
    pub serve_stale: DurationMs,
    /// Whether tenants share what it answers.
    #[serde(default, skip_serializing_if = "ShareSpec::is_all")]
    pub share: ShareSpec,
    /// The parameters that make the task's key.
    #[serde(default)]
    pub params: Vec<String>,
    /// Which of them make a question smaller, so that its answer is a part of a larger one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nests: Vec<NestSpec>,
    /// Limits that the source sets.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// Whether popular objects are asked again before their answers become stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefetch: Option<PrefetchSpec>,
    /// What to do after a failure.
    #[serde(default)]
    pub retry: RetrySpec,
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthSpec>,
    /// What is asked first, in order: a search whose finds are then asked for one by one, a form, a login.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<StepSpec>,
    /// How to ask.
    pub request: RequestSpec,
    /// How to go on to the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<PagesSpec>,
    /// How to read the answer.
    pub answer: AnswerSpec,
    /// What facts it gives.
    #[serde(rename = "fact", default)]
    pub facts: Vec<FactSpec>,
}

/// `[retry]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrySpec {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Wait before the second attempt.
    pub initial: DurationMs,
    /// What each further wait is multiplied by.
    pub factor: f64,
    /// The longest wait.
    pub max: DurationMs,
    /// No attempt is made later than so long after the task was queued; none: attempts alone are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<DurationMs>,
}

impl Default for RetrySpec {
    fn default() -> Self {
        Self { attempts: 5, initial: DurationMs(2_000), factor: 2.0, max: DurationMs(300_000), within: None }
    }
}

/// A report profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileSpec {
    /// Its name for people.
    pub title: Words,
    /// What it asks.
    pub needs: Vec<NeedSpec>,
    /// What the caller may give besides the address.
    #[serde(default)]
    pub inputs: BTreeMap<String, InputSpec>,
}

/// One need of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeedSpec {
    /// Of which source.
    pub source: String,
    /// Parameters: templates over `address.*`, `inputs.*`, and `fact.*` with `for_each`.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// A fact kind `kind`, or `source.kind` narrowed by its source: one need for each such fact of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// CEL over `fact`: only for those facts.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// At most so many; the excess is listed as not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// One input of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// Left out: its needs are not applicable, and listed as not checked.
    #[serde(default)]
    pub required: bool,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Words>,
}

/// Types of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// Any text.
    Text,
    /// A taxpayer's number with its checksum, 10 or 12 digits.
    Inn,
    /// A date.
    Date,
    /// A cadastral number.
    Cadastral,
}

/// `risk.toml`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct RiskSpec {
    /// The name of this set of rules.
    #[serde(default)]
    pub ruleset: String,
    /// Rules.
    #[serde(rename = "rule", default)]
    pub rules: Vec<RuleSpec>,
    /// Levels by the score they begin at.
    #[serde(default)]
    pub levels: Vec<LevelSpec>,
}

/// `[[rule]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Its id.
    pub id: String,
    /// CEL over `fact` (for each fact) or `facts` (over all).
    pub when: String,
    /// A number or CEL.
    pub points: Points,
    /// At most this much from this rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<i64>,
    /// How grave.
    pub severity: Severity,
    /// Listed in `risk.stops`, whatever the score.
    #[serde(default)]
    pub stop: bool,
    /// Sources that must have answered, completely.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Whether facts matched only by name earn points.
    #[serde(default)]
    pub allow_name_match: bool,
    /// Its name for people.
    pub title: Words,
}

/// `points = 10` or `points = "fact.share * 10"`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "points are a whole number, or CEL in quotes")]
pub enum Points {
    /// A number.
    Fixed(i64),
    /// CEL that gives a number.
    Expression(String),
}

/// `[[levels]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelSpec {
    /// Its id.
    pub id: String,
    /// The score from which it holds.
    pub from: i64,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Words>,
}
