//! Proofs as whole documents, and what checking them says.

use super::bound::{Bound, is_beginning};
use super::commits::{Anchor, leaf, root_by_extension, root_by_path};
use super::member::Member;
use mirano_schemas::codec::{self, CommitBody};
use mirano_schemas::envelope::{Envelope, HEADER_LEN};
use mirano_schemas::{Event, FactId, Position, Root, SnapshotBody, SnapshotId, Subject, Timestamp, WorldBody};

/// A proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A fact is, or is not, in a snapshot; and, with its log part, that the snapshot is in the log.
    Fact(Box<FactProof>),
    /// One head of a log extends another.
    Extension(Box<ExtensionProof>),
}

/// What a snapshot is of. A proof says it, so that no content is read as one of the other kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A job.
    Job,
    /// The whole base.
    World,
}

/// The content of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Of a job.
    Job(Box<SnapshotBody>),
    /// Of the whole base.
    World(Box<WorldBody>),
}

impl Content {
    fn decode(scope: Scope, bytes: &[u8]) -> Result<Self, ProofError> {
        let content = match scope {
            Scope::Job => codec::decode_exact(bytes).map(|body| Self::Job(Box::new(body))),
            Scope::World => codec::decode_exact(bytes).map(|body| Self::World(Box::new(body))),
        };
        content.map_err(|error| ProofError::Snapshot(error.to_string()))
    }

    /// The root over its facts.
    pub fn facts_root(&self) -> Root {
        match self {
            Self::Job(body) => body.facts_root,
            Self::World(body) => body.facts_root,
        }
    }

    /// How many facts.
    pub fn facts(&self) -> u64 {
        match self {
            Self::Job(body) => body.facts.into(),
            Self::World(body) => body.facts,
        }
    }

    /// When it was sealed.
    pub fn sealed_at(&self) -> Timestamp {
        match self {
            Self::Job(body) => body.sealed_at,
            Self::World(body) => body.sealed_at,
        }
    }

    /// The object; none of the whole base.
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Job(body) => Some(&body.subject),
            Self::World(_) => None,
        }
    }
}

/// That a fact is, or is not, in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactProof {
    /// What the snapshot is of.
    pub scope: Scope,
    /// The fact.
    pub fact: FactId,
    /// The way through the snapshot's tree.
    pub member: Member,
    /// The snapshot's content, as its id names it.
    pub snapshot: Vec<u8>,
    /// That the snapshot is in the log.
    pub log: Option<LogPart>,
}

/// That the commit which sealed the snapshot is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPart {
    /// The head under which it is.
    pub anchor: Anchor,
    /// The whole record: envelope and body.
    pub record: Vec<u8>,
    /// The hashes beside its way to the anchor's root.
    pub path: Vec<[u8; 32]>,
    /// What ties the anchor's words to its root; none in proofs of versions before it was made.
    pub bound: Option<Bound>,
}

/// That one head extends another: every commit under the first is, at the same place, under the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionProof {
    /// The earlier head.
    pub from: Anchor,
    /// The later head.
    pub to: Anchor,
    /// What leads from one to the other.
    pub hashes: Vec<[u8; 32]>,
    /// What ties the words of each head that is over commits to its root, the earlier first; none in proofs of versions before
    /// it was made.
    pub bounds: Vec<Bound>,
}

impl Proof {
    /// Whether all that its heads say is proven. Of one that is not, only the roots are: log, number of commits and hash of the
    /// last one are words, until the whole line is compared with a head that is trusted. True where there is no head.
    pub fn is_bound(&self) -> bool {
        match self {
            Self::Fact(proof) => proof.log.as_ref().is_none_or(|part| part.bound.is_some()),
            Self::Extension(proof) => !proof.bounds.is_empty() || proof.to.size == 0,
        }
    }
}

/// What a proof that holds says.
#[derive(Debug, Clone, PartialEq)]
pub enum Checked {
    /// About a fact and a snapshot.
    Fact {
        /// The fact.
        fact: FactId,
        /// Whether it is in the snapshot.
        present: bool,
        /// The snapshot.
        snapshot: SnapshotId,
        /// The snapshot's content.
        content: Content,
        /// Where the commit that sealed it stands, and under which head, if the proof says so.
        log: Option<(Position, Anchor)>,
    },
    /// About two heads.
    Extension {
        /// The earlier head.
        from: Anchor,
        /// The later head.
        to: Anchor,
    },
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes are no proof.
    #[error("not a proof: {0}")]
    Malformed(String),
    /// Written by a newer version.
    #[error("a proof of format {0}; this program reads 1: use a newer program")]
    Newer(String),
    /// What it says in words is not what it proves.
    #[error("what it says in words is not what it proves")]
    Words,
    /// The snapshot's content does not decode.
    #[error("the snapshot's content does not decode: {0}")]
    Snapshot(String),
    /// The way through the tree leads to another root.
    #[error("the way through the tree leads to {found}, but the snapshot has the facts root {want}")]
    Root {
        /// Where it leads.
        found: String,
        /// What the snapshot says.
        want: Root,
    },
    /// Another number of facts.
    #[error("the proof is of a tree with {found} facts, the snapshot has {want}")]
    Count {
        /// What the proof says.
        found: u64,
        /// What the snapshot says.
        want: u64,
    },
    /// The record is no commit of the head's partition, or its body does not match its envelope.
    #[error("the record is not a commit: {0}")]
    Record(&'static str),
    /// The commit does not seal this snapshot.
    #[error("the commit {0} does not seal this snapshot")]
    NotSealed(Position),
    /// The path leads to another root than the head's.
    #[error("the path of {0} leads to another root than the head's")]
    Path(Position),
    /// The heads are not of one log and partition, or not in this order.
    #[error("the two heads do not belong together: {0}")]
    Heads(&'static str),
    /// A head's words are not those of its root.
    #[error("the head {0} says of its log, its number of commits or its last one what its root does not")]
    Bound(Box<Anchor>),
    /// The hashes lead to other roots.
    #[error("the hashes do not lead from the earlier head to the later one")]
    Extension,
}

/// Checks a proof by itself. It then holds under the snapshot's id or the head that it names; whether these are the right
/// ones is for whoever asks to compare.
pub fn check(proof: &Proof) -> Result<Checked, ProofError> {
    match proof {
        Proof::Fact(proof) => fact(proof),
        Proof::Extension(proof) => extension(proof),
    }
}

fn fact(proof: &FactProof) -> Result<Checked, ProofError> {
    let content = Content::decode(proof.scope, &proof.snapshot)?;
    let snapshot = SnapshotId::of(&[&proof.snapshot]);
    if proof.member.count != content.facts() {
        return Err(ProofError::Count { found: proof.member.count, want: content.facts() });
    }
    match proof.member.root(&proof.fact.0) {
        Some(root) if root == content.facts_root() => {}
        other => {
            let found = other.map_or("no root".to_owned(), |root| root.to_string());
            return Err(ProofError::Root { found, want: content.facts_root() });
        }
    }
    let log = match &proof.log {
        None => None,
        Some(part) => Some((sealed(part, proof.scope, snapshot, &proof.snapshot)?, part.anchor)),
    };
    Ok(Checked::Fact { fact: proof.fact, present: proof.member.present(), snapshot, content, log })
}

/// Where the record stands that seals the snapshot.
fn sealed(part: &LogPart, scope: Scope, snapshot: SnapshotId, content: &[u8]) -> Result<Position, ProofError> {
    let envelope = Envelope::parse(&part.record).map_err(|_| ProofError::Record("it has no envelope"))?;
    let body = part.record.get(HEADER_LEN..).unwrap_or_default();
    if body.len() != envelope.body_len as usize || *blake3::hash(body).as_bytes() != envelope.body_hash {
        return Err(ProofError::Record("its body does not match its envelope"));
    }
    let at = envelope.position;
    if at.partition != part.anchor.partition {
        return Err(ProofError::Record("it is of another partition than the head"));
    }
    let body = CommitBody::decode(body).map_err(|_| ProofError::Record("its body does not decode"))?;
    let seals = body.events.iter().any(|event| match (scope, event) {
        (Scope::Job, Event::SnapshotSealed(sealed)) => {
            sealed.snapshot == snapshot && codec::encode(&sealed.body).is_ok_and(|bytes| bytes == content)
        }
        (Scope::World, Event::WorldSealed(sealed)) => {
            sealed.snapshot == snapshot && codec::encode(&sealed.body).is_ok_and(|bytes| bytes == content)
        }
        _ => false,
    });
    if !seals {
        return Err(ProofError::NotSealed(at));
    }
    if root_by_path(leaf(&envelope.hash()), at, part.anchor.size, &part.path) != Some(part.anchor.root) {
        return Err(ProofError::Path(at));
    }
    match &part.bound {
        Some(bound) if !bound.holds(&part.anchor) => Err(ProofError::Bound(Box::new(part.anchor))),
        _ => Ok(at),
    }
}

fn extension(proof: &ExtensionProof) -> Result<Checked, ProofError> {
    let (from, to) = (proof.from, proof.to);
    if (from.log_id, from.partition) != (to.log_id, to.partition) {
        return Err(ProofError::Heads("they are of two logs or partitions"));
    }
    if from.size > to.size {
        return Err(ProofError::Heads("the first one has more commits than the second"));
    }
    let holds = if from.size == to.size {
        (from.hash, from.root) == (to.hash, to.root) && proof.hashes.is_empty()
    } else if from.size == 0 {
        // Every log extends the empty one.
        proof.hashes.is_empty()
    } else {
        root_by_extension(from.size, from.root, to.size, &proof.hashes) == Some((from.root, to.root))
    };
    if !holds {
        return Err(ProofError::Extension);
    }
    let (empty, over): (Vec<Anchor>, Vec<Anchor>) = [from, to].into_iter().partition(|head| head.size == 0);
    let wrong = empty.iter().find(|head| !is_beginning(head));
    let wrong =
        wrong.or_else(|| over.iter().zip(&proof.bounds).find(|(head, bound)| !bound.holds(head)).map(|(head, _)| head));
    match wrong {
        Some(head) => Err(ProofError::Bound(Box::new(*head))),
        None if !proof.bounds.is_empty() && proof.bounds.len() != over.len() => Err(ProofError::Extension),
        None => Ok(Checked::Extension { from, to }),
    }
}
