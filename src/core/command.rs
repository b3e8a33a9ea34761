//! What can be asked of the deciders, what they answer, and how they refuse. All of it can be written down, since nodes
//! that share a log give commands to each other; nothing of it is ever stored.

use super::notify::{Claimed, NotifyCommand};
use mirano_schemas::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A command; each is decided by one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Start a check.
    CreateJob(CreateJob),
    /// Ask needs of a job again.
    Recheck(Recheck),
    /// Seal a snapshot of a job now.
    Seal {
        /// The job.
        job: JobId,
        /// Whose it is.
        tenant: String,
    },
    /// Adopt a policy document; decided by partition 0.
    AdoptPolicy(AdoptPolicy),
    /// Have a job checked again and again.
    SetWatch(SetWatch),
    /// No longer.
    EndWatch {
        /// The watch.
        watch: WatchId,
        /// Its job.
        job: JobId,
    },
    /// Check the jobs of watches whose time has come.
    RingWatches,
    /// Look whether popular queries are to be asked again before their answers become stale.
    LookAhead,
    /// Seal the whole base, as it was found at a cut.
    SealWorld(WorldBody),
    /// Lease tasks of a source.
    Lease(LeaseTasks),
    /// Ask for further permits.
    Permit {
        /// The source; of one that has shards, the queue.
        source: String,
        /// The lease.
        lease: LeaseToken,
        /// How many.
        n: u32,
    },
    /// Give permits back.
    ReturnPermits {
        /// The source; of one that has shards, the queue.
        source: String,
        /// The lease.
        lease: LeaseToken,
        /// Unused permits.
        permits: Vec<Permit>,
    },
    /// Keep a lease alive.
    Heartbeat {
        /// The source; of one that has shards, the queue.
        source: String,
        /// The lease.
        lease: LeaseToken,
    },
    /// A source answered.
    Complete(Complete),
    /// An attempt failed.
    Fail(FailAttempt),
    /// Try a task again that was given up.
    Revive {
        /// The source; of one that has shards, the queue.
        source: String,
        /// The task.
        task: TaskId,
    },
    /// Look no longer at a task that was given up.
    DropDead {
        /// The source; of one that has shards, the queue.
        source: String,
        /// The task.
        task: TaskId,
    },
    /// Take back leases whose deadline passed.
    ExpireLeases,
    /// Who is told of what.
    Notify(NotifyCommand),
    /// Decide for a partition from now on.
    TakeOver(DeciderChanged),
    /// Name a checkpoint that was kept; decided by partition 0.
    NoteCheckpoint(CheckpointTaken),
}

/// Start a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateJob {
    /// The job's id, made from tenant and idempotency key.
    pub job: JobId,
    /// Whose it is.
    pub tenant: String,
    /// The profile.
    pub profile: String,
    /// The address, understood.
    pub address: AddressRecord,
    /// Further inputs.
    pub inputs: BTreeMap<String, String>,
    /// 1 to 5.
    pub priority: u8,
    /// The oldest data accepted, by source or `*`, in milliseconds.
    pub max_age_ms: BTreeMap<String, u64>,
    /// Tells a retry from another request under the same key.
    pub request_digest: [u8; 32],
}

/// Ask needs of a job again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recheck {
    /// The command's id.
    pub command: CommandId,
    /// The job.
    pub job: JobId,
    /// Whose it is; none: the engine itself asks.
    pub tenant: Option<String>,
    /// Source or need ids; empty: all.
    pub selected: Vec<String>,
    /// Why.
    pub reason: String,
}

/// Have a job checked again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetWatch {
    /// The watch's id.
    pub watch: WatchId,
    /// The job.
    pub job: JobId,
    /// Whose it is.
    pub tenant: String,
    /// How often, in milliseconds.
    pub every_ms: u64,
    /// When in the day.
    pub hours: Option<Hours>,
    /// Why.
    pub reason: WatchReason,
}

/// Adopt a policy document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdoptPolicy {
    /// The document, JSON, valid.
    pub document: String,
    /// From where.
    pub origin: PolicyOrigin,
    /// The version that it must replace; none: whatever is in force.
    pub expected: Option<u64>,
}

/// Lease tasks of one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeaseTasks {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// Who works.
    pub worker: String,
    /// Fresh tokens: at most so many tasks are leased.
    pub tokens: Vec<LeaseToken>,
}

/// One fact of an answer, with what is kept beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnsweredFact {
    /// The fact, sealed where it is of level person.
    pub fact: LoggedFact,
    /// Its kind.
    pub kind: String,
    /// Volatile attributes.
    pub volatile: Option<Sealable<Attrs>>,
}

/// A source answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Complete {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The task.
    pub task: TaskId,
    /// The lease.
    pub lease: LeaseToken,
    /// `found` or `nothing_found`.
    pub outcome: Outcome,
    /// "Nothing" by the HTTP status alone.
    pub by_status_only: bool,
    /// Whether the source showed all it has.
    pub complete: bool,
    /// The source's own date.
    pub as_of: Option<String>,
    /// When the source was asked.
    pub observed_at: Timestamp,
    /// The raw answers.
    pub evidence: Vec<EvidenceId>,
    /// The facts.
    pub facts: Vec<AnsweredFact>,
    /// The status of the last page.
    pub http_status: Option<u16>,
}

/// An attempt failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailAttempt {
    /// The source; of one that has shards, the queue.
    pub source: String,
    /// The task.
    pub task: TaskId,
    /// The lease.
    pub lease: LeaseToken,
    /// What went wrong.
    pub outcome: Outcome,
    /// In words that hold no secret.
    pub cause: String,
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// What was received.
    pub evidence: Vec<EvidenceId>,
    /// The source asked for this rest.
    pub retry_after_ms: Option<u64>,
}

/// What a decision answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Done; nothing to say.
    Done,
    /// A job, new or as it was; whether this command made it.
    Job(JobId, bool),
    /// The needs that are asked again.
    Rechecked(Vec<NeedId>),
    /// A snapshot, new or as it was.
    Sealed(SnapshotId),
    /// A watch, new or as it was.
    Watch(WatchId),
    /// A policy's version.
    Policy(u64),
    /// Leases.
    Leased(Leased),
    /// Further permits.
    Permits {
        /// The windows.
        permits: Vec<Permit>,
        /// The lease's deadline.
        deadline: Timestamp,
    },
    /// The lease's deadline.
    Deadline(Timestamp),
    /// The observation that was recorded.
    Observed(ObservationId),
    /// A part of a large observation was taken; give the same command again.
    More,
    /// The attempt was noted; whether it is tried again, and when.
    Noted(Option<Timestamp>),
    /// A channel, new or as it was.
    Channel(ChannelId),
    /// What is to be delivered now.
    Claimed(Vec<Claimed>),
}

/// Leased tasks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Leased {
    /// The tasks.
    pub tasks: Vec<LeasedTask>,
    /// When it makes sense to ask again although nothing else happens; none: only an event can help.
    pub next_at: Option<Timestamp>,
}

/// A leased task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeasedTask {
    /// The task.
    pub task: TaskId,
    /// The lease.
    pub lease: LeaseToken,
    /// The queue of its source that it was leased from: to be named in what is told of it.
    #[serde(rename = "source")]
    pub queue: String,
    /// The query.
    pub query: QueryKey,
    /// About whom.
    pub subject: Subject,
    /// The parameters.
    pub params: Sealable<Params>,
    /// Counted from 1.
    pub attempt: u32,
    /// Until when.
    pub deadline: Timestamp,
    /// The first request's permit.
    pub permit: Permit,
    /// `pool/name`.
    pub proxy: Option<String>,
}

impl LeasedTask {
    /// The source that is to be asked.
    pub fn source(&self) -> &str {
        source_of(&self.queue)
    }
}

/// What is wrong with an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum InputFault {
    /// The profile does not know it.
    #[error("the profile has no such input")]
    Unknown,
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// Not an ИНН.
    #[error("is no taxpayer's number (10 or 12 digits with a checksum)")]
    Inn,
    /// Not a date.
    #[error("is no date YYYY-MM-DD")]
    Date,
    /// Not a cadastral number.
    #[error("is no cadastral number like 77:01:0001001:1024")]
    Cadastral,
    /// More often than a watch may.
    #[error("is shorter than a minute")]
    TooOften,
    /// A permit that can't have been granted so.
    #[error("is no permit as it was granted")]
    NotGranted,
    /// A digest over less or more than it may.
    #[error("is not 1s to 31d")]
    Digest,
}

/// A refusal: a normal outcome, with data. The HTTP layer maps each to a stable code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// The profile is not in the policy.
    #[error("no profile {0:?}")]
    ProfileUnknown(String),
    /// An input that the profile needs is missing.
    #[error("input {0:?} is required")]
    InputMissing(String),
    /// An input of the wrong form.
    #[error("input {0:?}: {1}")]
    InputInvalid(String, InputFault),
    /// A field of the request, beside its inputs.
    #[error("{0}: {1}")]
    FieldInvalid(String, InputFault),
    /// A source that the job has not.
    #[error("no source or need {0:?} in this job")]
    SourceUnknown(String),
    /// No such job, or another tenant's.
    #[error("no such job")]
    JobNotFound,
    /// Nothing is known yet that could be sealed.
    #[error("nothing to seal yet")]
    NothingToSeal,
    /// The same key with another request.
    #[error("this idempotency key was used for another request")]
    IdempotencyMismatch,
    /// The task was not given up, or somebody has seen to it.
    #[error("no such dead letter")]
    NoDeadLetter,
    /// The lease has ended, or never was.
    #[error("the lease is lost")]
    LeaseLost,
    /// The policy in force is another one.
    #[error("the policy's version is {0} now")]
    VersionChanged(u64),
    /// The document is not a policy.
    #[error("policy: {0}")]
    PolicyInvalid(String),
    /// No policy was adopted yet.
    #[error("no policy is in force yet")]
    NoPolicy,
    /// What is said to be an answer is none.
    #[error("complete takes found or nothing_found")]
    NotAnAnswer,
    /// No such channel, or another tenant's.
    #[error("no such channel")]
    ChannelUnknown(ChannelId),
    /// The receiver behind a channel wants nothing more.
    #[error("the receiver wants nothing more")]
    ChannelStopped,
    /// No such delivery, or it is under way.
    #[error("no delivery that could be sent again")]
    NoDelivery,
    /// The commit would be larger than a commit can be.
    #[error("too large: {0}")]
    TooLarge(String),
}
