//! The job as the interface shows it. Field names and words are a promise to users; see `docs/api.md`.
//!
//! Times are RFC 3339 in UTC; what is absent is `null`. The same structs write the answer and read it back in a client.

mod explanation;
mod failure;

pub use explanation::*;
pub use failure::*;

use super::words::Both;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A SearchJob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its id.
    pub job_id: String,
    /// Computed when read.
    pub status: Status,
    /// Nothing is queued, running, retrying or waiting.
    pub r#final: bool,
    /// The report profile.
    pub profile: String,
    /// When it was asked for.
    pub created_at: String,
    /// When it was first final with something shown.
    pub completed_at: Option<String>,
    /// The address, as it was understood.
    pub address: AddressView,
    /// Counts over the applicable rows.
    pub progress: Progress,
    /// One row for each need.
    pub sources: Vec<RowView>,
    /// The risk; none before anything was assessed.
    pub risk: Option<RiskView>,
    /// Sealed snapshots, oldest first.
    pub snapshots: Vec<SnapshotRefView>,
    /// What has to be said before anything else, in the language asked for.
    pub honesty: Vec<String>,
    /// The last commit that changed it, `partition:seq`.
    pub position: String,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobSummary {
    /// Its id.
    pub job_id: String,
    /// Computed when read.
    pub status: Status,
    /// Nothing is queued, running, retrying or waiting.
    pub r#final: bool,
    /// The report profile.
    pub profile: String,
    /// When it was asked for.
    pub created_at: String,
    /// The canonical address.
    pub address: String,
    /// The object's subject.
    pub subject: String,
    /// Counts over the applicable rows.
    pub progress: Progress,
    /// The risk's level, or `incomplete`.
    pub risk_level: Option<String>,
    /// The risk's score.
    pub risk_score: Option<u8>,
    /// The last commit that changed it.
    pub position: String,
}

/// The five statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Nothing was asked yet.
    Created,
    /// A source was asked; nothing is shown yet.
    InProgress,
    /// Something is shown; not all of it is fresh, or more is coming.
    Partial,
    /// All is fresh and nothing is pending.
    Completed,
    /// Nothing is shown and nothing is pending.
    Failed,
}

/// The address of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressView {
    /// What was typed.
    pub input: String,
    /// The canonical text.
    pub canonical: String,
    /// The canonical text without the flat.
    pub building: String,
    /// The flat.
    pub flat: Option<String>,
    /// The cadastral number.
    pub cadastral: Option<String>,
    /// `exact`, `high`, `medium`, `low` or `unknown`.
    pub confidence: String,
    /// The object's subject.
    pub subject: String,
    /// The building's subject.
    pub building_subject: String,
    /// Codes of what was assumed, missing or repaired.
    pub warnings: Vec<String>,
}

/// Counts over the applicable rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Rows that apply.
    pub total: u32,
    /// Rows whose answer is shown.
    pub answered: u32,
    /// Of these, from an earlier check.
    pub reused: u32,
    /// Of those answered, without any record: where these are all, nothing is known, and a low score is no good news.
    #[serde(default)]
    pub nothing_found: u32,
    /// Running, retrying or queued.
    pub updating: u32,
    /// Shown past their TTL.
    pub stale: u32,
    /// Nothing to show and nothing pending.
    pub failed: u32,
}

/// One need of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RowView {
    /// Its id in the job.
    pub need_id: String,
    /// How it is answered now.
    pub receipt_id: Option<String>,
    /// The source.
    pub source: String,
    /// `property`, `developer`, `person` or `source`.
    pub level: String,
    /// About whom.
    pub subject: String,
    /// The query's parameters; `null` when they were erased with their person.
    pub params: Option<BTreeMap<String, String>>,
    /// How fresh the answer is.
    pub freshness: FreshnessWord,
    /// Where the row stands.
    pub state: RowState,
    /// Running, retrying or queued.
    pub updating: bool,
    /// Waits for a task that another job of this tenant had begun.
    pub joined: bool,
    /// Where the data shown came from, when the job took it.
    pub origin: OriginWord,
    /// What came of asking: of the data shown, else of the last attempt.
    pub outcome: Option<OutcomeWord>,
    /// What went wrong, when nothing is shown.
    pub cause: Option<String>,
    /// How many facts are shown.
    pub facts: u32,
    /// Whether the source showed all it has.
    pub complete: bool,
    /// What was decided when the job took the data.
    pub reuse: Option<Reuse>,
    /// The source's own date; `null`: it named none.
    pub as_of: Option<String>,
    /// When the source was asked.
    pub observed_at: Option<String>,
    /// Seconds since then.
    pub age_s: Option<u64>,
    /// The TTL that applied, in seconds.
    pub ttl_s: Option<u64>,
    /// Until when it is fresh.
    pub fresh_until: Option<String>,
    /// The last attempt that failed, when no answer came since.
    pub last_failure: Option<FailureView>,
    /// The task, by the job's own name for it.
    pub task_id: Option<String>,
    /// Attempts of that task.
    pub attempts: u32,
    /// Where the row's last task was given up: whether it waits on the list of dead letters for an operator. `null`: it was not given
    /// up, or its question was answered since.
    #[serde(default)]
    pub dead_letter: Option<DeadLetterWord>,
    /// What it waits for.
    pub blocked_on: Option<BlockedOn>,
    /// One sentence in both languages.
    pub note: Both,
}

/// How fresh an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreshnessWord {
    /// Within its TTL.
    Fresh,
    /// Past its TTL, still shown.
    Stale,
    /// Too old to be shown.
    Expired,
    /// There is no answer.
    None,
}

/// Where a row stands, by precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// A worker asks the source.
    Running,
    /// An attempt failed; another follows.
    Retrying,
    /// Waits for its turn.
    Queued,
    /// Waits for another row to name its subject.
    WaitingForSubject,
    /// Nothing to show and nothing pending.
    Failed,
    /// There is nothing to ask.
    NotApplicable,
    /// Shown, within its TTL.
    Fresh,
    /// Shown, past its TTL.
    Stale,
}

/// Where the data shown came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OriginWord {
    /// Asked for this job.
    Fetched,
    /// By a task that was under way already.
    Coalesced,
    /// Observed before, fresh when taken.
    Reused,
    /// Observed before, stale when taken.
    ServedStale,
    /// Nothing is shown.
    None,
}

/// What came of asking a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeWord {
    /// It stated facts.
    Found,
    /// It answered that it has nothing.
    NothingFound,
    /// It could not be reached or did not answer in time.
    Unavailable,
    /// It turned us away.
    Blocked,
    /// What came is not the page we know.
    Unparsable,
    /// It refused the parameters.
    Refused,
    /// A "nothing" that is not believed yet.
    Suspicious,
}

/// What was decided when the job took the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reuse {
    /// `reused`: all parts; `combined`: some were stale or missing; `fetched`: none was fresh.
    pub decision: String,
    /// Facts that were fresh.
    pub reused: u32,
    /// Facts that were past their TTL.
    pub stale: u32,
    /// Facts that were not known.
    pub missing: u32,
    /// They were selected from the answer to a larger question: the source was not asked this one.
    #[serde(default)]
    pub narrowed: bool,
}

/// What a row waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockedOn {
    /// `rate`, `concurrency`, `proxy`, `backoff` or `queue`.
    pub reason: String,
    /// Why that is so, where it is not the usual: `breaker_open`, `asked_to_wait`, `slowed_down` (it said that it is asked too fast),
    /// `overloaded` (it answered 503), `quiet_hours`, `daily_quota` or `proxy_total`.
    #[serde(default)]
    pub cause: Option<String>,
    /// About how many stand before it.
    pub ahead: u64,
    /// About how many seconds until it runs; `null`: not known.
    pub eta_s: Option<u64>,
}

/// The risk of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RiskView {
    /// 0 to 100.
    pub score: u8,
    /// `exact`, or `at_least` when something is missing.
    pub score_is: String,
    /// The level's id, or `incomplete`.
    pub level: String,
    /// Rules that stop, whatever the score.
    pub stops: Vec<String>,
    /// Rules that have no say, or not their whole say.
    pub unevaluated: Vec<UnevaluatedView>,
    /// How many rows it rests on.
    pub basis: Basis,
    /// Sources whose answers it still counts, though they are too old to be shown by now.
    #[serde(default)]
    pub outdated: Vec<String>,
    /// The ruleset's name.
    pub ruleset: String,
    /// When it was computed.
    pub at: String,
    /// What adds to it.
    pub factors: Vec<FactorView>,
}

/// A rule that has no say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnevaluatedView {
    /// The rule.
    pub rule: String,
    /// Why, as a code.
    pub reason: String,
    /// The source, or the error.
    pub detail: String,
}

/// How many rows the risk rests on, at the time of the read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Basis {
    /// Within the TTL.
    pub fresh: u32,
    /// Past it, and shown.
    pub stale: u32,
    /// Not answered, failed, or too old to be shown.
    pub missing: u32,
}

/// What one rule adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactorView {
    /// The rule.
    pub rule: String,
    /// Its name for people.
    pub title: Option<Both>,
    /// Points, after the rule's cap.
    pub points: i64,
    /// `info` to `critical`.
    pub severity: String,
    /// The rule stops, whatever the score.
    pub stop: bool,
    /// The facts it rests on.
    pub facts: Vec<String>,
    /// Facts that match by name only, and are worth nothing to it.
    pub possible: Vec<String>,
}

/// A sealed snapshot, as its job lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotRefView {
    /// Its id.
    pub snapshot_id: String,
    /// Root over the facts.
    pub facts_root: String,
    /// Root over the receipts.
    pub receipts_root: String,
    /// The status at the seal.
    pub status: Status,
    /// Needs without an answer.
    pub missing: Vec<String>,
    /// When.
    pub sealed_at: String,
}

/// Something that the report does not cover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotChecked {
    /// The need; `null` for a source that the profile does not ask.
    pub need_id: Option<String>,
    /// The source.
    pub source: String,
    /// `input_missing`, `none_found`, `no_longer_named`, `over_max`, `failed`, `expired`, `pending` or `not_in_profile`.
    pub reason: String,
    /// In words.
    pub text: Both,
}
