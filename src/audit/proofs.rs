//! Proofs about facts and snapshots, made from rows and, for the place in the log, from the log.

use super::heads::CommitTrees;
use super::until::recorded_at;
use crate::sequencer::{ReadError, Sequencer};
use mirano_replay::history::{self, Moment, WorldRow};
use mirano_replay::overlay::Overlay;
use mirano_replay::proof::{FactProof, LogPart, Member, Scope};
use mirano_replay::rows::SnapshotRow;
use mirano_replay::store::{Read, StoreError};
use mirano_replay::tree::{Node, Tree, stored};
use mirano_schemas::{FactId, Position, Root, codec};

/// Why no proof can be made.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The rows can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The rows are not those that the snapshot was sealed from: rebuild the views.
    #[error("the facts of the views have the root {found}, the snapshot was sealed with {sealed}")]
    OtherFacts {
        /// What the views give.
        found: Root,
        /// What was sealed.
        sealed: Root,
    },
    /// The rows of a set are not those that were stored.
    #[error("the views do not lead to the root {0}: rebuild them")]
    Pages(Root),
    /// The snapshot's content can't be encoded.
    #[error("the snapshot does not encode: {0}")]
    Encode(String),
    /// The log has no commit there, or no such head.
    #[error("the log has no commit {0} under this head")]
    NoCommit(Position),
}

/// Proves that a fact is, or is not, in a sealed snapshot. Reads a page for each level of the tree where one answer has all its
/// facts; where several have, also the smaller ones, and the pages of the largest that they change.
pub fn fact(rows: &(impl Read + ?Sized), snapshot: &SnapshotRow, fact: FactId) -> Result<FactProof, ProveError> {
    let body = &snapshot.body;
    let content = codec::encode(body).map_err(|error| ProveError::Encode(error.to_string()))?;
    let proof = |member| FactProof { scope: Scope::Job, fact, member, snapshot: content, log: None };
    if body.observation_roots.contains(&body.facts_root)
        && let Some(member) = by_path(rows, body.facts_root, fact)?
    {
        return Ok(proof(member));
    }
    // The union is nobody's answer, and so has no pages in the views: they are made for this proof.
    let union = stored::union(rows, &body.observation_roots)?;
    if union.root != body.facts_root {
        return Err(ProveError::OtherFacts { found: union.root, sealed: body.facts_root });
    }
    let mut with_union = Overlay::new(rows);
    union.store(&mut with_union)?;
    by_path(&with_union, union.root, fact)?.map(proof).ok_or(ProveError::Pages(union.root))
}

/// A fact's place in a stored set; none for a root that is not stored.
fn by_path(rows: &(impl Read + ?Sized), root: Root, fact: FactId) -> Result<Option<Member>, ProveError> {
    let Some((count, nodes)) = stored::path(rows, root, &fact)? else { return Ok(None) };
    let by_hash = |hash| nodes.iter().find(|node| node.hash() == hash).copied();
    let member = Member::walk(count, nodes.first().map(Node::hash), &fact.0, by_hash);
    member.filter(|member| member.root(&fact.0) == Some(root)).map(Some).ok_or(ProveError::Pages(root))
}

/// Proves that a fact is, or is not, in a snapshot of the whole base: what every query showed at its cut is read from the
/// intervals. Costs what sealing it has cost.
pub fn world_fact(
    rows: &(impl Read + ?Sized),
    log: &dyn Sequencer,
    world: &WorldRow,
    fact: FactId,
) -> Result<FactProof, ProveError> {
    let body = &world.body;
    let mut places = Vec::new();
    for place in &body.cut {
        places.push((*place, recorded_at(log, *place)?.ok_or(ProveError::NoCommit(*place))?));
    }
    let (ids, _) = history::facts_at(rows, &Moment::cut(places))?;
    let tree = Tree::of_set(ids);
    if tree.root() != body.facts_root {
        return Err(ProveError::OtherFacts { found: tree.root(), sealed: body.facts_root });
    }
    let content = codec::encode(body).map_err(|error| ProveError::Encode(error.to_string()))?;
    Ok(FactProof { scope: Scope::World, fact, member: Member::of(&tree, &fact.0), snapshot: content, log: None })
}

/// Proves that the commit at `at` is in the log, under the head over `size` commits (now, when `None`).
///
/// The part holds the whole commit, which may speak of other jobs too: for auditors only.
pub fn log_part(
    log: &dyn Sequencer,
    trees: &CommitTrees,
    at: Position,
    size: Option<u64>,
) -> Result<LogPart, ProveError> {
    let anchor = trees.anchor(log, at.partition, size)?.filter(|anchor| anchor.size > at.seq);
    let anchor = anchor.ok_or(ProveError::NoCommit(at))?;
    let commits = log.read(at.partition, at.seq, 0)?;
    let commit = commits.first().filter(|commit| commit.position == at).ok_or(ProveError::NoCommit(at))?;
    let path = trees.path(log, at, anchor.size)?;
    Ok(LogPart { anchor, record: commit.record.to_vec(), path, bound: trees.bound(log, &anchor)? })
}
