//! Events of `source/<id>` streams: the queue, leases and limits.

use crate::{
    EvidenceId, JobId, LeaseToken, NeedId, ObservationId, Outcome, Params, QueryKey, Sealable, Subject, TaskId,
    Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A need of a job that waits for a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requester {
    /// The job.
    pub job: JobId,
    /// Its need.
    pub need_id: NeedId,
    /// Its tenant.
    pub tenant: String,
}

/// The queue took a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskScheduled {
    /// The task.
    pub task: TaskId,
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The query: the task's key.
    pub query: QueryKey,
    /// About whom.
    pub subject: Subject,
    /// The parameters.
    pub params: Sealable<Params>,
    /// 1 (most urgent) to 5.
    pub priority: u8,
    /// Who asked first.
    pub requester: Requester,
}

/// A job joined a task in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskJoined {
    /// The task.
    pub task: TaskId,
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// Who joined.
    pub requester: Requester,
    /// The task's priority, raised when the one who joins is more urgent.
    pub priority: u8,
}

/// The answer had come before the want arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WantSatisfied {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The query.
    pub query: QueryKey,
    /// Who asked.
    pub requester: Requester,
    /// What answers.
    pub observation: ObservationId,
}

/// A want can't be queued: its source is not in the policy any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WantRefused {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The query.
    pub query: QueryKey,
    /// Who asked.
    pub requester: Requester,
    /// Why.
    pub cause: String,
}

/// The right to start one HTTP request within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Permit {
    /// Not before.
    pub not_before: Timestamp,
    /// Not after.
    pub not_after: Timestamp,
}

/// What a permit costs one rate-limited thing: the source itself (key `""`) or a proxy (`pool/name`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Charge {
    /// The limited thing.
    pub key: String,
    /// GCRA: the theoretical arrival time after this permit, milliseconds since the epoch.
    pub tat: i64,
    /// How many permits its period may hold: so many are remembered.
    pub keep: u32,
    /// Whether the permit was one given back earlier, charged already.
    pub reused: bool,
}

/// A permit with its charges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    /// The permit.
    pub permit: Permit,
    /// What it costs.
    pub charges: Vec<Charge>,
}

/// A worker holds the task until the deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskStarted {
    /// The task.
    pub task: TaskId,
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// Counted from 1.
    pub attempt: u32,
    /// The lease.
    pub lease: LeaseToken,
    /// Who works.
    pub worker: String,
    /// After this the lease is lost.
    pub deadline: Timestamp,
    /// The first request's permit.
    pub grant: Grant,
    /// The proxy: pool and name, never an address.
    pub proxy: Option<String>,
}

/// More requests may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PermitsGranted {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The task.
    pub task: TaskId,
    /// The lease.
    pub lease: LeaseToken,
    /// The permits.
    pub grants: Vec<Grant>,
    /// The lease's deadline, moved so that the request can end within it.
    pub deadline: Timestamp,
}

/// Permits that were not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PermitsReturned {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The lease.
    pub lease: LeaseToken,
    /// The permits.
    pub permits: Vec<Permit>,
}

/// A heartbeat moved the deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseExtended {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The task.
    pub task: TaskId,
    /// The lease.
    pub lease: LeaseToken,
    /// The new deadline.
    pub deadline: Timestamp,
}

/// One attempt came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskAttemptFailed {
    /// The task.
    pub task: TaskId,
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// Which attempt.
    pub attempt: u32,
    /// Its lease.
    pub lease: LeaseToken,
    /// What went wrong.
    pub outcome: Outcome,
    /// In words that hold no secret.
    pub cause: String,
    /// The HTTP status, where there was one.
    pub http_status: Option<u16>,
    /// What was received.
    pub evidence: Vec<EvidenceId>,
    /// When it is tried again; none: it is not.
    pub retry_at: Option<Timestamp>,
    /// The source asked to be left alone until then.
    pub rest_until: Option<Timestamp>,
}

/// The task is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskFailed {
    /// The task.
    pub task: TaskId,
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The query.
    pub query: QueryKey,
    /// What went wrong last.
    pub outcome: Outcome,
    /// In words that hold no secret.
    pub cause: String,
}

/// The task ended with an observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskCompleted {
    /// The task.
    pub task: TaskId,
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The attempt that brought it.
    pub attempt: u32,
    /// Its lease.
    pub lease: LeaseToken,
    /// The observation.
    pub observation: ObservationId,
    /// The HTTP status of the last page.
    pub http_status: Option<u16>,
}

/// A task that was given up is to be tried again: whoever went without its answer asks anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskRevived {
    /// The task.
    pub task: TaskId,
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The query.
    pub query: QueryKey,
    /// When it was given up.
    pub failed_at: Timestamp,
}

/// A task that was given up is no longer to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskDropped {
    /// The task.
    pub task: TaskId,
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// When it was given up.
    pub failed_at: Timestamp,
}
