//! Proofs as bytes: `MRNPRF01`, the kind, then its fields. Integers are little-endian. Laid out in `docs/FORMATS.md`.

use super::bound::{Bound, Under};
use super::commits::Anchor;
use super::document::{ExtensionProof, FactProof, LogPart, Proof, ProofError, Scope};
use super::member::{Ends, Member, Step};
use crate::tree::{Node, NodeHash};
use mirano_schemas::envelope::MAX_COMMIT_LEN;
use mirano_schemas::{CommitHash, FactId, LogId};

const MAGIC: &[u8; 6] = b"MRNPRF";
const VERSION: &[u8; 2] = b"01";
/// No tree has more branches on one way.
const MOST_STEPS: usize = 256;
/// No commit tree is higher.
const MOST_HASHES: usize = 128;

impl Proof {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = [MAGIC.as_slice(), VERSION].concat();
        match self {
            Self::Fact(proof) => {
                let bound = proof.log.as_ref().is_some_and(|part| part.bound.is_some());
                out.push(match (proof.scope, bound) {
                    (Scope::Job, false) => 1,
                    (Scope::World, false) => 3,
                    (Scope::Job, true) => 4,
                    (Scope::World, true) => 6,
                });
                write_fact(&mut out, proof);
            }
            Self::Extension(proof) => {
                out.push(if proof.bounds.is_empty() { 2 } else { 5 });
                write_anchor(&mut out, &proof.from);
                write_anchor(&mut out, &proof.to);
                write_hashes(&mut out, &proof.hashes);
                proof.bounds.iter().for_each(|bound| write_bound(&mut out, bound));
            }
        }
        out
    }

    /// Reads a proof; all bytes must belong to it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        let mut rest = Rest(bytes);
        if rest.array::<6>()? != *MAGIC {
            return Err(ProofError::Malformed("it does not begin as one".to_owned()));
        }
        let version: [u8; 2] = rest.array()?;
        if version != *VERSION {
            return Err(ProofError::Newer(String::from_utf8_lossy(&version).into_owned()));
        }
        let [kind] = rest.array()?;
        let proof = match kind {
            1 => Self::Fact(rest.fact(Scope::Job, false)?.into()),
            3 => Self::Fact(rest.fact(Scope::World, false)?.into()),
            4 => Self::Fact(rest.fact(Scope::Job, true)?.into()),
            6 => Self::Fact(rest.fact(Scope::World, true)?.into()),
            2 | 5 => Self::Extension(rest.extension(kind == 5)?.into()),
            other => return Err(ProofError::Newer(format!("01 with kind {other}"))),
        };
        if rest.0.is_empty() { Ok(proof) } else { Err(ProofError::Malformed("bytes behind its end".to_owned())) }
    }
}

fn write_fact(out: &mut Vec<u8>, proof: &FactProof) {
    out.extend_from_slice(&proof.fact.0);
    out.extend_from_slice(&proof.member.count.to_le_bytes());
    out.extend_from_slice(&u16::try_from(proof.member.steps.len()).unwrap_or(u16::MAX).to_le_bytes());
    for step in &proof.member.steps {
        out.push(step.bit);
        out.extend_from_slice(&step.other.0);
    }
    match &proof.member.ends {
        Ends::Empty => out.push(0),
        Ends::Here(value) => {
            out.push(1);
            out.extend_from_slice(value);
        }
        Ends::Elsewhere(Node::Leaf { key, value }) => {
            out.push(2);
            out.extend_from_slice(key);
            out.extend_from_slice(value);
        }
        Ends::Elsewhere(Node::Branch { bit, prefix, left, right }) => {
            out.extend_from_slice(&[3, *bit]);
            for part in [prefix, &left.0, &right.0] {
                out.extend_from_slice(part);
            }
        }
    }
    write_bytes(out, &proof.snapshot);
    match &proof.log {
        None => out.push(0),
        Some(part) => {
            out.push(1);
            write_anchor(out, &part.anchor);
            write_bytes(out, &part.record);
            write_hashes(out, &part.path);
            part.bound.iter().for_each(|bound| write_bound(out, bound));
        }
    }
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn write_anchor(out: &mut Vec<u8>, anchor: &Anchor) {
    out.extend_from_slice(&anchor.log_id.0);
    out.extend_from_slice(&anchor.partition.to_le_bytes());
    out.extend_from_slice(&anchor.size.to_le_bytes());
    out.extend_from_slice(&anchor.hash.0);
    out.extend_from_slice(&anchor.root);
}

fn write_hashes(out: &mut Vec<u8>, hashes: &[[u8; 32]]) {
    out.extend_from_slice(&u16::try_from(hashes.len()).unwrap_or(u16::MAX).to_le_bytes());
    for hash in hashes {
        out.extend_from_slice(hash);
    }
}

fn write_bound(out: &mut Vec<u8>, bound: &Bound) {
    for under in [&bound.first, &bound.last] {
        out.extend_from_slice(&under.header);
        write_hashes(out, &under.path);
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProofError> {
        let short = || ProofError::Malformed("it ends too early".to_owned());
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or_else(short)?;
        self.0 = rest;
        Ok(*head)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, ProofError> {
        let len = u32::from_le_bytes(self.array()?) as usize;
        if len > MAX_COMMIT_LEN {
            return Err(ProofError::Malformed("a part is longer than a commit may be".to_owned()));
        }
        let short = || ProofError::Malformed("it ends too early".to_owned());
        let (head, rest) = self.0.split_at_checked(len).ok_or_else(short)?;
        self.0 = rest;
        Ok(head.to_vec())
    }

    fn count(&mut self, most: usize) -> Result<usize, ProofError> {
        let count = usize::from(u16::from_le_bytes(self.array()?));
        if count > most { Err(ProofError::Malformed("longer than any tree is high".to_owned())) } else { Ok(count) }
    }

    fn hashes(&mut self) -> Result<Vec<[u8; 32]>, ProofError> {
        (0..self.count(MOST_HASHES)?).map(|_| self.array()).collect()
    }

    fn anchor(&mut self) -> Result<Anchor, ProofError> {
        Ok(Anchor {
            log_id: LogId(self.array()?),
            partition: u32::from_le_bytes(self.array()?),
            size: u64::from_le_bytes(self.array()?),
            hash: CommitHash(self.array()?),
            root: self.array()?,
        })
    }

    fn bound(&mut self) -> Result<Bound, ProofError> {
        let mut under = || Ok(Under { header: self.array()?, path: self.hashes()? });
        Ok(Bound { first: under()?, last: under()? })
    }

    fn extension(&mut self, bound: bool) -> Result<ExtensionProof, ProofError> {
        let (from, to, hashes) = (self.anchor()?, self.anchor()?, self.hashes()?);
        let over = [from.size, to.size].into_iter().filter(|size| bound && *size > 0).count();
        if bound && over == 0 {
            return Err(ProofError::Malformed("heads over nothing have no commits to show".to_owned()));
        }
        let bounds = (0..over).map(|_| self.bound()).collect::<Result<_, _>>()?;
        Ok(ExtensionProof { from, to, hashes, bounds })
    }

    fn fact(&mut self, scope: Scope, bound: bool) -> Result<FactProof, ProofError> {
        let fact = FactId(self.array()?);
        let count = u64::from_le_bytes(self.array()?);
        let mut steps = Vec::new();
        for _ in 0..self.count(MOST_STEPS)? {
            let [bit] = self.array()?;
            steps.push(Step { bit, other: NodeHash(self.array()?) });
        }
        let ends = match self.array()? {
            [0] => Ends::Empty,
            [1] => Ends::Here(self.array()?),
            [2] => Ends::Elsewhere(Node::Leaf { key: self.array()?, value: self.array()? }),
            [3] => {
                let [bit] = self.array()?;
                let prefix = self.array()?;
                let (left, right) = (NodeHash(self.array()?), NodeHash(self.array()?));
                Ends::Elsewhere(Node::Branch { bit, prefix, left, right })
            }
            _ => return Err(ProofError::Malformed("the search ends in no known way".to_owned())),
        };
        let snapshot = self.bytes()?;
        let log = match self.array()? {
            [0] if !bound => None,
            [1] => {
                let (anchor, record, path) = (self.anchor()?, self.bytes()?, self.hashes()?);
                let bound = if bound { Some(self.bound()?) } else { None };
                Some(LogPart { anchor, record, path, bound })
            }
            _ => return Err(ProofError::Malformed("neither with nor without a log part".to_owned())),
        };
        Ok(FactProof { scope, fact, member: Member { count, steps, ends }, snapshot, log })
    }
}
