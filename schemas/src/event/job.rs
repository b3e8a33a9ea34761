//! Events of `job/<id>` streams.

use crate::{
    Assessment, FactId, JobId, Level, NeedId, ObservationId, Outcome, Position, QueryKey, ReceiptId, Root, Sealable,
    Subject, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Parameters of a query by name, as text.
pub type Params = BTreeMap<String, String>;

/// An address as it was understood; see `docs/addresses.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressRecord {
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
    /// The postcode.
    pub postcode: Option<String>,
    /// `exact`, `high`, `medium`, `low` or `unknown`.
    pub confidence: String,
    /// The object's subject.
    pub subject: Subject,
    /// The building's subject.
    pub building_subject: Subject,
    /// Codes of warnings.
    pub warnings: Vec<String>,
}

/// What a job wants of one source about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Need {
    /// Its id in the job.
    pub need_id: NeedId,
    /// The source.
    pub source: String,
    /// The level, which follows the subject.
    pub level: Level,
    /// About whom.
    pub subject: Subject,
    /// The key of reuse and coalescing; none while the parameters are not known or never will be.
    pub query: Option<QueryKey>,
    /// The parameters.
    pub params: Sealable<Params>,
    /// The need whose facts name the parameters of this one.
    pub parent: Option<NeedId>,
    /// The entry of the profile that this need came from.
    pub entry: u32,
}

/// A check was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobCreated {
    /// The job.
    pub job: JobId,
    /// Whose it is.
    pub tenant: String,
    /// The report profile.
    pub profile: String,
    /// The address.
    pub address: AddressRecord,
    /// Further inputs by name; sealed where a person-level need uses them.
    pub inputs: BTreeMap<String, Sealable<String>>,
    /// 1 (most urgent) to 5.
    pub priority: u8,
    /// A smaller age than the TTL, by source or `*`, in milliseconds.
    pub max_age_ms: BTreeMap<String, u64>,
    /// A digest of the request, to tell a retry from another request under the same key.
    pub request_digest: [u8; 32],
    /// What the job needs from the start.
    pub needs: Vec<Need>,
}

/// A need was found while the job ran, or one that was withdrawn is named again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedDiscovered {
    /// The job.
    pub job: JobId,
    /// The need.
    pub need: Need,
    /// The fact that named it.
    pub fact: FactId,
}

/// Why a need has nothing to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NotApplicable {
    /// An optional input was left out.
    InputMissing(String),
    /// The parent need answered, and no fact named a subject.
    NoneFound,
    /// The profile's maximum was reached; so many more were left out.
    OverMax(u32),
}

/// A need has nothing to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedNotApplicable {
    /// The job.
    pub job: JobId,
    /// The need.
    pub need_id: NeedId,
    /// Why.
    pub reason: NotApplicable,
}

/// A need that facts had named is named by none any more: the answers of its parents changed. It has nothing to ask from
/// here on; a later `NeedDiscovered` of the same need takes it up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedWithdrawn {
    /// The job.
    pub job: JobId,
    /// The need.
    pub need_id: NeedId,
    /// The need whose complete answer, or whose own end, took the last name away.
    pub by: NeedId,
}

/// Where the data that answered a need came from, as seen by the job when it took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// This job's own task, or a shared one of another tenant.
    Fetched,
    /// A task that was already under way when this job asked.
    Coalesced,
    /// Observed before, fresh when taken.
    Reused,
    /// Observed before, stale when taken.
    ServedStale,
}

/// How a need was answered: what page, explanation and snapshot speak from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// Its id.
    pub receipt_id: ReceiptId,
    /// The need.
    pub need_id: NeedId,
    /// The source.
    pub source: String,
    /// Where the data came from.
    pub origin: Origin,
    /// `found` or `nothing_found`.
    pub outcome: Outcome,
    /// Whether the source showed all it has.
    pub complete: bool,
    /// The observation.
    pub observation: ObservationId,
    /// Where the observation stands in the log.
    pub at: Position,
    /// Root over its facts.
    pub facts_root: Root,
    /// How many facts.
    pub facts: u32,
    /// When the source was asked.
    pub observed_at: Timestamp,
    /// The source's own date, as it gave it.
    pub as_of: Option<String>,
    /// Fact kinds of the observation that were fresh, stale, or not covered when taken (kinds may have TTLs of their own).
    pub parts: ReuseParts,
    /// The TTL that applied, in milliseconds.
    pub ttl_ms: u64,
    /// How long past the TTL it may be shown, in milliseconds.
    pub serve_stale_ms: u64,
    /// The policy in force.
    pub policy_version: u64,
    /// When the job took it.
    pub taken_at: Timestamp,
    /// `fresh`, `stale`, `task`, `joined`, `answered_in_between`.
    pub reason: String,
}

/// Counts behind `reuse` of a row: of the facts that a need shows, how many are fresh and were reused, are past their
/// TTL, or were fetched because they were missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReuseParts {
    /// Fresh when taken.
    pub reused: u32,
    /// Stale when taken.
    pub stale: u32,
    /// Not known when asked for.
    pub missing: u32,
}

/// A need was answered by what was known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactsReused {
    /// The job.
    pub job: JobId,
    /// How.
    pub receipt: Receipt,
}

/// Why a source is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WantReason {
    /// Nothing is known.
    Missing,
    /// What is known is past its TTL.
    Stale,
    /// The caller accepts only younger data.
    MaxAge,
    /// A re-check was asked for.
    Recheck,
}

/// A source is to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskWanted {
    /// The job.
    pub job: JobId,
    /// Whose it is.
    pub tenant: String,
    /// The need.
    pub need_id: NeedId,
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The query.
    pub query: QueryKey,
    /// About whom.
    pub subject: Subject,
    /// Its parameters.
    pub params: Sealable<Params>,
    /// 1 (most urgent) to 5.
    pub priority: u8,
    /// The oldest answer that will do, in milliseconds.
    pub max_age_ms: u64,
    /// Why.
    pub reason: WantReason,
    /// An answer observed later than this will do in any case.
    pub asked_at: Timestamp,
}

/// A need was answered by an observation that came while it waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedAnswered {
    /// The job.
    pub job: JobId,
    /// How.
    pub receipt: Receipt,
}

/// What went wrong when a need was last asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The outcome, never found or nothing_found.
    pub outcome: Option<Outcome>,
    /// The cause, in words that hold no secret; `depends_on:<need_id>` when the parent failed.
    pub cause: String,
    /// When.
    pub at: Timestamp,
}

/// A need could not be answered this time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedFailed {
    /// The job.
    pub job: JobId,
    /// The need.
    pub need_id: NeedId,
    /// Why.
    pub failure: Failure,
}

/// The five statuses of a SearchJob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
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

/// The status changed by this decision. (What the end of a TTL changes is computed when read.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobStatusChanged {
    /// The job.
    pub job: JobId,
    /// The status now.
    pub status: JobStatus,
    /// Whether nothing is queued, running, retrying or waiting.
    pub is_final: bool,
}

/// The risk was computed anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RiskRecomputed {
    /// The job.
    pub job: JobId,
    /// The score before.
    pub from: u8,
    /// The risk now.
    pub assessment: Assessment,
    /// The policy that holds the rules.
    pub policy_version: u64,
    /// The needs whose change led to it.
    pub because: Vec<NeedId>,
}

/// Needs are to be asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecheckPlanned {
    /// The job.
    pub job: JobId,
    /// The command, so that a repeat is known.
    pub command: crate::CommandId,
    /// Which needs.
    pub needs: Vec<NeedId>,
    /// Why, in the caller's words.
    pub reason: String,
}
