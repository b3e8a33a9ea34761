//! Proofs as JSON: for people, and for programs in other languages. Hashes and bytes in base32, as everywhere.

use mirano_replay::proof::{Anchor, Bound, Checked, Ends, ExtensionProof, FactProof, LogPart, Member};
use mirano_replay::proof::{ParseAnchorError, Proof, ProofError, Scope, Step, Under, check};
use mirano_replay::tree::{Node, NodeHash};
use mirano_schemas::{base32, from_base32};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const FORMAT: &str = "mirano proof";
const VERSION: u32 = 1;

/// A proof as JSON. What says nothing new (`present`, `snapshot_id`, `facts_root`, `position`) is for people: whoever
/// checks computes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofText {
    /// `mirano proof`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// The proof.
    #[serde(flatten)]
    pub proof: Kind,
}

/// What is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A fact is, or is not, in a snapshot of a job.
    Fact(Box<FactText>),
    /// A fact is, or is not, in a snapshot of the whole base.
    WorldFact(Box<FactText>),
    /// One head extends another.
    Extension(ExtensionText),
}

/// That a fact is, or is not, in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactText {
    /// The fact.
    pub fact_id: String,
    /// Whether it is there.
    pub present: bool,
    /// The snapshot.
    pub snapshot_id: String,
    /// The root over its facts.
    pub facts_root: String,
    /// How many facts it has.
    pub facts: u64,
    /// The branches from the root down.
    pub steps: Vec<StepText>,
    /// Where the search ends.
    pub ends: EndsText,
    /// The snapshot's content: its id is the hash of these bytes.
    pub snapshot: String,
    /// That the snapshot is in the log.
    pub log: Option<LogText>,
}

/// A branch on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepText {
    /// The bit that decides, 0 = the highest of the first byte.
    pub bit: u8,
    /// The hash of the other side.
    pub other: String,
}

/// Where the search ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum EndsText {
    /// The tree is empty.
    Empty,
    /// At the fact.
    Here {
        /// The hash of its value; 32 zero bytes in a set.
        value: String,
    },
    /// At another fact.
    Leaf {
        /// Which.
        key: String,
        /// The hash of its value.
        value: String,
    },
    /// At a branch with another prefix.
    Branch {
        /// Its bit.
        bit: u8,
        /// What all below it share.
        prefix: String,
        /// The hash of its left side.
        left: String,
        /// The hash of its right side.
        right: String,
    },
}

/// That the snapshot is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogText {
    /// Where the commit stands that sealed it.
    pub position: String,
    /// The head under which it is.
    pub head: String,
    /// The commit: envelope and body.
    pub record: String,
    /// The hashes beside its way to the head's root.
    pub path: Vec<String>,
    /// What ties the head's words to its root; proofs of older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<BoundText>,
}

/// What ties the words of a head to its root: the first and the last commit under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BoundText {
    /// The first commit: it follows upon the genesis of the log and the partition.
    pub first: UnderText,
    /// The last commit: it has its place in its envelope.
    pub last: UnderText,
}

/// A commit under a head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnderText {
    /// Its envelope, of which its hash is.
    pub header: String,
    /// The hashes beside its way to the head's root.
    pub path: Vec<String>,
}

/// That one head extends another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtensionText {
    /// The earlier head.
    pub from: String,
    /// The later head.
    pub to: String,
    /// What leads from one to the other.
    pub hashes: Vec<String>,
    /// What ties the words of each head that is over commits to its root, the earlier first; proofs of older versions have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<BoundText>,
}

impl ProofText {
    /// The text of a proof that holds.
    pub fn of(proof: &Proof) -> Result<Self, ProofError> {
        let kind = match (proof, check(proof)?) {
            (Proof::Fact(proof), Checked::Fact { present, snapshot, content, log, .. }) => {
                let text = Box::new(FactText {
                    fact_id: proof.fact.to_string(),
                    present,
                    snapshot_id: snapshot.to_string(),
                    facts_root: content.facts_root().to_string(),
                    facts: proof.member.count,
                    steps: proof.member.steps.iter().map(step).collect(),
                    ends: ends(&proof.member.ends),
                    snapshot: base32(&proof.snapshot),
                    log: proof.log.as_ref().zip(log).map(|(part, (position, anchor))| LogText {
                        position: position.to_string(),
                        head: anchor.to_string(),
                        record: base32(&part.record),
                        path: part.path.iter().map(|hash| base32(hash)).collect(),
                        bound: part.bound.as_ref().map(bound),
                    }),
                });
                match proof.scope {
                    Scope::Job => Kind::Fact(text),
                    Scope::World => Kind::WorldFact(text),
                }
            }
            (Proof::Extension(proof), _) => Kind::Extension(ExtensionText {
                from: proof.from.to_string(),
                to: proof.to.to_string(),
                hashes: proof.hashes.iter().map(|hash| base32(hash)).collect(),
                bounds: proof.bounds.iter().map(bound).collect(),
            }),
            (Proof::Fact(_), Checked::Extension { .. }) => {
                return Err(ProofError::Malformed("of two kinds".to_owned()));
            }
        };
        Ok(Self { format: FORMAT.to_owned(), version: VERSION, proof: kind })
    }

    /// The proof that the text writes down; says nothing about whether it holds.
    pub fn proof(&self) -> Result<Proof, ProofError> {
        if self.format != FORMAT {
            return Err(ProofError::Malformed(format!("its format is {:?}", self.format)));
        }
        if self.version != VERSION {
            return Err(ProofError::Newer(self.version.to_string()));
        }
        match &self.proof {
            Kind::Fact(text) | Kind::WorldFact(text) => {
                let steps =
                    text.steps.iter().map(|step| Ok(Step { bit: step.bit, other: NodeHash(hash(&step.other)?) }));
                let log = match &text.log {
                    None => None,
                    Some(log) => Some(LogPart {
                        anchor: anchor(&log.head)?,
                        record: bytes(&log.record)?,
                        path: hashes(&log.path)?,
                        bound: log.bound.as_ref().map(read_bound).transpose()?,
                    }),
                };
                let world = matches!(self.proof, Kind::WorldFact(_));
                Ok(Proof::Fact(Box::new(FactProof {
                    scope: if world { Scope::World } else { Scope::Job },
                    fact: mirano_schemas::FactId(hash(&text.fact_id)?),
                    member: Member {
                        count: text.facts,
                        steps: steps.collect::<Result<_, ProofError>>()?,
                        ends: read_ends(&text.ends)?,
                    },
                    snapshot: bytes(&text.snapshot)?,
                    log,
                })))
            }
            Kind::Extension(text) => Ok(Proof::Extension(Box::new(ExtensionProof {
                from: anchor(&text.from)?,
                to: anchor(&text.to)?,
                hashes: hashes(&text.hashes)?,
                bounds: text.bounds.iter().map(read_bound).collect::<Result<_, _>>()?,
            }))),
        }
    }
}

/// Reads a proof from a file's bytes: binary, or JSON. What the JSON says beside the proof must be what the proof says.
pub fn read(file: &[u8]) -> Result<Proof, ProofError> {
    if file.starts_with(b"MRNPRF") {
        return Proof::from_bytes(file);
    }
    let malformed = |error: serde_json::Error| ProofError::Malformed(error.to_string());
    let value: serde_json::Value = serde_json::from_slice(file).map_err(malformed)?;
    if let Some(version) = value.get("version").filter(|version| **version != VERSION) {
        return Err(ProofError::Newer(version.to_string()));
    }
    let text: ProofText = serde_json::from_value(value).map_err(malformed)?;
    let proof = text.proof()?;
    if ProofText::of(&proof)? != text {
        return Err(ProofError::Words);
    }
    Ok(proof)
}

fn step(step: &Step) -> StepText {
    StepText { bit: step.bit, other: base32(&step.other.0) }
}

fn ends(ends: &Ends) -> EndsText {
    match ends {
        Ends::Empty => EndsText::Empty,
        Ends::Here(value) => EndsText::Here { value: base32(value) },
        Ends::Elsewhere(Node::Leaf { key, value }) => EndsText::Leaf { key: base32(key), value: base32(value) },
        Ends::Elsewhere(Node::Branch { bit, prefix, left, right }) => {
            EndsText::Branch { bit: *bit, prefix: base32(prefix), left: base32(&left.0), right: base32(&right.0) }
        }
    }
}

fn read_ends(text: &EndsText) -> Result<Ends, ProofError> {
    Ok(match text {
        EndsText::Empty => Ends::Empty,
        EndsText::Here { value } => Ends::Here(hash(value)?),
        EndsText::Leaf { key, value } => Ends::Elsewhere(Node::Leaf { key: hash(key)?, value: hash(value)? }),
        EndsText::Branch { bit, prefix, left, right } => Ends::Elsewhere(Node::Branch {
            bit: *bit,
            prefix: hash(prefix)?,
            left: NodeHash(hash(left)?),
            right: NodeHash(hash(right)?),
        }),
    })
}

fn bound(bound: &Bound) -> BoundText {
    let text = |under: &Under| UnderText {
        header: base32(&under.header),
        path: under.path.iter().map(|hash| base32(hash)).collect(),
    };
    BoundText { first: text(&bound.first), last: text(&bound.last) }
}

fn read_bound(text: &BoundText) -> Result<Bound, ProofError> {
    let under = |text: &UnderText| -> Result<Under, ProofError> {
        let header = bytes(&text.header)?.try_into();
        let header = header.map_err(|_| ProofError::Malformed("an envelope of another length".to_owned()))?;
        Ok(Under { header, path: hashes(&text.path)? })
    };
    Ok(Bound { first: under(&text.first)?, last: under(&text.last)? })
}

fn bytes(text: &str) -> Result<Vec<u8>, ProofError> {
    from_base32(text).ok_or_else(|| ProofError::Malformed("bytes that are no base32".to_owned()))
}

fn hash(text: &str) -> Result<[u8; 32], ProofError> {
    bytes(text)?.try_into().map_err(|_| ProofError::Malformed(format!("not a hash: {text:?}")))
}

fn hashes(texts: &[String]) -> Result<Vec<[u8; 32]>, ProofError> {
    texts.iter().map(|text| hash(text)).collect()
}

fn anchor(text: &str) -> Result<Anchor, ProofError> {
    text.parse().map_err(|error: ParseAnchorError| ProofError::Malformed(error.to_string()))
}
