//! The rows of the tables, and the keys under which they stand.

use crate::store::{Row, Table};
use mirano_schemas::*;
use serde::{Deserialize, Serialize};

pub mod demand;
mod health;
pub mod key;
mod notify;
mod query;
mod source;

pub use health::*;
pub use notify::*;
pub use query::*;
pub use source::*;

macro_rules! rows {
    ($($row:ty => $table:ident),* $(,)?) => {
        $(impl Row for $row { const TABLE: Table = Table::$table; })*
    };
}

rows! {
    AnchorRow => Anchor, PolicyRow => Policy, JobRow => Job, TaskRow => Task, SourceRow => Source, QueryRow => Query,
    ObservationRow => Observation, NeedTaskRow => NeedTask, AliasRow => TaskAlias, SnapshotRow => Snapshot,
    LabelRow => SubjectLabel, Receipt => Receipt, LeaseEndRow => LeaseEnd, WatchRow => Watch, PolicyHereRow => PolicyHere,
    ProxyTotalRow => ProxyTotal,
    demand::DemandRow => Demand, demand::PrefetchedRow => Prefetched,
}

/// Where the fold of one partition stands. Its bytes are the same in every form of the views: who can read nothing else of them
/// still knows what they show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorRow {
    /// The seq of the next commit to fold.
    pub next_seq: u64,
    /// Hash of the last folded commit, or genesis.
    pub hash: CommitHash,
    /// When the log took it.
    pub recorded_at: Timestamp,
}

/// A policy as adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// The event.
    pub adopted: PolicyAdopted,
    /// When.
    pub at: Timestamp,
    /// The digest last adopted from files, this one or an earlier.
    pub files_digest: Option<[u8; 32]>,
}

/// The policy in force in a partition, by which it decides: kept by its own fold, so that no decision waits for that of
/// another partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyHereRow(pub PolicyAdopted);

/// A SearchJob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    /// What was asked for.
    pub created: JobCreated,
    /// When.
    pub created_at: Timestamp,
    /// Its needs, discovered ones included, in order.
    pub needs: Vec<NeedRow>,
    /// The status after the last decision. A read computes the status at its own time from the needs.
    pub status: JobStatus,
    /// Whether nothing is pending.
    pub is_final: bool,
    /// When it was first final with something shown.
    pub completed_at: Option<Timestamp>,
    /// The risk.
    pub risk: Option<RiskRow>,
    /// Its snapshots, oldest first.
    pub snapshots: Vec<SnapshotRef>,
    /// Commands already carried out on it.
    pub rechecks: Vec<CommandId>,
    /// The last commit that changed it.
    pub position: Position,
    /// When that was.
    pub updated_at: Timestamp,
}

/// One need of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeedRow {
    /// The need.
    pub need: Need,
    /// How it is answered now.
    pub receipt: Option<Receipt>,
    /// What is awaited, if anything.
    pub pending: Option<PendingRow>,
    /// What went wrong last; cleared by an answer.
    pub last_failure: Option<Failure>,
    /// It has nothing to ask.
    pub not_applicable: Option<NotApplicable>,
    /// No fact names any more whom it is about: it has nothing to ask, and what it was answered is not shown.
    pub withdrawn: bool,
}

/// A need that waits for its source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingRow {
    /// Since when.
    pub since: Timestamp,
    /// Why it was asked.
    pub reason: WantReason,
}

impl NeedRow {
    /// The attempt to renew its answer that failed since: then the answer is of before.
    pub fn unrenewed(&self) -> Option<&Failure> {
        let answered = self.receipt.as_ref().filter(|_| self.applicable())?.observed_at;
        self.last_failure.as_ref().filter(|failure| failure.at > answered)
    }

    /// Whether it counts: what has nothing to ask is outside `total`.
    pub fn applicable(&self) -> bool {
        self.not_applicable.is_none() && !self.withdrawn
    }

    /// Whether it is a `for_each` need whose parent has not ended.
    pub fn waits_for_subject(&self) -> bool {
        self.applicable() && self.need.query.is_none() && self.last_failure.is_none()
    }

    /// Whether anything is still to come.
    pub fn open(&self) -> bool {
        self.applicable() && (self.pending.is_some() || self.waits_for_subject())
    }
}

/// The risk of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskRow {
    /// The assessment.
    pub assessment: Assessment,
    /// The policy that holds its rules.
    pub policy_version: u64,
    /// When.
    pub at: Timestamp,
}

/// A snapshot as its job lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRef {
    /// Its id.
    pub snapshot: SnapshotId,
    /// Root over the facts.
    pub facts_root: Root,
    /// Root over the receipts.
    pub receipts_root: Root,
    /// The status at the seal.
    pub status: JobStatus,
    /// What was missing.
    pub missing: Vec<NeedId>,
    /// When.
    pub sealed_at: Timestamp,
}

/// A sealed snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotRow {
    /// Its content.
    pub body: SnapshotBody,
    /// The commit that holds it.
    pub position: Position,
}

/// A SearchTask, in flight or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRow {
    /// How it was scheduled.
    pub scheduled: TaskScheduled,
    /// Those who wait for it, the first asker first.
    pub requesters: u32,
    /// The most urgent of their priorities.
    pub priority: u8,
    /// When the queue took it.
    pub enqueued_at: Timestamp,
    /// The seq of that commit: the order among equals.
    pub enqueued_seq: u64,
    /// Its turn in the source's queue: see [`crate::apply::queue`].
    pub turn: u64,
    /// Its attempts.
    pub attempts: Vec<AttemptRow>,
    /// Where it is.
    pub state: TaskState,
    /// The partition of its source.
    pub partition: u32,
    /// Where it came to be, in order: what `state` was at any moment, but for deadlines that moved.
    pub moves: Vec<TaskMove>,
}

impl TaskRow {
    /// It comes to be somewhere, by a commit.
    pub fn move_to(&mut self, at: Timestamp, position: Position, state: TaskState) {
        self.moves.push(TaskMove { at, seq: position.seq, state: state.clone() });
        self.state = state;
    }
}

/// A task came to be somewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskMove {
    /// When.
    pub at: Timestamp,
    /// The seq of that commit.
    pub seq: u64,
    /// Where.
    pub state: TaskState,
}

/// Where a task is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TaskState {
    /// May be leased.
    Queued,
    /// A worker holds it.
    Running {
        /// The lease.
        lease: LeaseToken,
        /// Until when.
        deadline: Timestamp,
    },
    /// Tried again from then on.
    Retrying {
        /// When.
        at: Timestamp,
    },
    /// Ended with an observation.
    Done {
        /// Which.
        observation: ObservationId,
    },
    /// Given up.
    Failed {
        /// What went wrong last.
        outcome: Outcome,
        /// In words.
        cause: String,
    },
}

impl TaskState {
    /// Whether it has ended.
    pub fn ended(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. })
    }
}

/// One attempt at a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRow {
    /// Counted from 1.
    pub n: u32,
    /// The lease.
    pub lease: LeaseToken,
    /// When it was leased.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who worked.
    pub worker: String,
    /// Pool and name.
    pub proxy: Option<String>,
    /// What came of it.
    pub outcome: Option<Outcome>,
    /// Why.
    pub cause: Option<String>,
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// What was received.
    pub evidence: Vec<EvidenceId>,
}

/// A watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRow {
    /// As it was set.
    pub set: WatchSet,
    /// When it was set.
    pub set_at: Timestamp,
    /// The next time.
    pub next_at: Timestamp,
    /// The last time that it rang.
    pub last_at: Option<Timestamp>,
    /// The last commit about it.
    pub position: Position,
}

/// An observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservationRow {
    /// The event, its volatile attributes left out.
    pub recorded: ObservationRecorded,
    /// Where it stands.
    pub at: Position,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// Where the volatile attributes stand: its own id, or that of an earlier observation.
    pub volatile_of: Option<ObservationId>,
    /// The answer to a larger query that this one is a part of: the source was asked that, and not this.
    pub part_of: Option<ObservationId>,
}

/// A fact, and when each query of one shard of its source showed it; see [`key::FactKey`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactRow {
    /// What it says.
    pub body: Sealable<SharedFact>,
    /// Intervals, in the order they began.
    pub intervals: Vec<IntervalRow>,
}

impl Row for FactRow {
    const TABLE: Table = Table::Fact;

    fn bytes(&self) -> Result<Vec<u8>, codec::EncodeError> {
        let mut out = Vec::with_capacity(512);
        self.body.append(&mut out)?;
        codec::append(&self.intervals, &mut out)?;
        Ok(out)
    }
}

/// From which to which observation a query showed a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntervalRow {
    /// The query.
    pub query: QueryKey,
    /// The observation that first showed it.
    pub from: Bound,
    /// The one that no longer did.
    pub to: Option<GoneBound>,
}

/// One end of an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The observation.
    pub observation: ObservationId,
    /// Where it stands.
    pub at: Position,
    /// When the source was asked.
    pub observed_at: Timestamp,
}

/// The end of an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneBound {
    /// The observation that no longer showed it.
    pub bound: Bound,
    /// When the last one that did was made.
    pub last_seen: Timestamp,
}

/// A need's latest task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedTaskRow {
    /// The task.
    pub task: TaskId,
    /// Its name in the job.
    pub alias: TaskAlias,
    /// Whether the job joined it.
    pub joined: bool,
    /// Whether it was another tenant's; then joining is not told.
    pub foreign: bool,
}

/// What an alias names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasRow {
    /// The job.
    pub job: JobId,
    /// The need.
    pub need_id: NeedId,
    /// The task.
    pub task: TaskId,
}

/// What people call a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRow {
    /// The text.
    pub label: String,
}

/// The name of a task in one job; see I9.
pub fn task_alias(job: JobId, need: NeedId, task: TaskId) -> TaskAlias {
    TaskAlias::of(&[job.as_bytes(), need.as_bytes(), task.as_bytes()])
}
