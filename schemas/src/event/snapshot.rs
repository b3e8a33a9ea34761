//! The FactSnapshot as it is sealed.

use crate::{Assessment, JobId, JobStatus, NeedId, Position, ReceiptId, Root, SnapshotId, Subject, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The fixed state of a job's facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SnapshotSealed {
    /// Its id: the hash of all that follows.
    pub snapshot: SnapshotId,
    /// What it says.
    pub body: SnapshotBody,
}

/// The content of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SnapshotBody {
    /// The job.
    pub job: JobId,
    /// The object.
    pub subject: Subject,
    /// The profile.
    pub profile: String,
    /// Root over the facts: the union of the observations that the receipts name.
    pub facts_root: Root,
    /// How many facts.
    pub facts: u32,
    /// Root over the receipts.
    pub receipts_root: Root,
    /// The receipts, in order of need.
    pub receipts: Vec<ReceiptId>,
    /// The observations' fact roots, in the same order.
    pub observation_roots: Vec<Root>,
    /// The job's own predecessor, and for each other partition the highest position that a receipt names.
    pub cut: Vec<Position>,
    /// The status.
    pub status: JobStatus,
    /// Needs that have no answer in it.
    pub missing: Vec<NeedId>,
    /// The risk, with the name of its rules.
    pub risk: Assessment,
    /// The policy in force.
    pub policy_version: u64,
    /// The schema that wrote it.
    pub schema_version: u16,
    /// When.
    pub sealed_at: Timestamp,
}

/// The fixed state of the whole base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorldSealed {
    /// Its id: the hash of all that follows.
    pub snapshot: SnapshotId,
    /// What it says.
    pub body: WorldBody,
}

/// The content of a snapshot of the whole base: all facts that any query showed at a cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorldBody {
    /// For each partition the last position that is in it, closed under `cause`; none for a partition without commits.
    pub cut: Vec<Position>,
    /// Root over the facts: the union of the last observation of every query at the cut.
    pub facts_root: Root,
    /// How many facts.
    pub facts: u64,
    /// How many queries had been answered.
    pub queries: u64,
    /// The policy in force.
    pub policy_version: u64,
    /// The schema that wrote it.
    pub schema_version: u16,
    /// When.
    pub sealed_at: Timestamp,
}
