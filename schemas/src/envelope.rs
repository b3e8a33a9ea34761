//! The frozen envelope of a commit, and the one rule.
//!
//! A commit is one record: an 84-byte header and a body. Whether it *counts* is decided by the header alone:
//!
//! | offset | bytes | field                                            |
//! |-------:|------:|--------------------------------------------------|
//! |      0 |     4 | magic `MRN1`                                     |
//! |      4 |     4 | partition, u32 little-endian                     |
//! |      8 |     8 | seq, u64 little-endian                           |
//! |     16 |    32 | prev: hash of the commit that this was decided on|
//! |     48 |     4 | body length, u32 little-endian                   |
//! |     52 |    32 | BLAKE3 of the body                               |
//!
//! The hash of a commit is BLAKE3 (derive-key mode, context `mirano 2026 commit v1`) of the 84 header bytes; it
//! commits to the body through the body's hash. These bytes never change meaning: stored.

use crate::{CommitHash, LogId, Position};

/// First four bytes of every commit.
pub const MAGIC: [u8; 4] = *b"MRN1";
/// Bytes of the header.
pub const HEADER_LEN: usize = 84;
/// A commit, header and body together, is at most 512 KiB.
pub const MAX_COMMIT_LEN: usize = 512 * 1024;
/// The most that a body may hold.
pub const MAX_BODY_LEN: usize = MAX_COMMIT_LEN - HEADER_LEN;

/// What counting looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Where this commit stands if it counts.
    pub position: Position,
    /// The hash of the last commit that counts before it.
    pub prev: CommitHash,
    /// Bytes of the body.
    pub body_len: u32,
    /// BLAKE3 of the body.
    pub body_hash: [u8; 32],
}

/// Why a record has no valid envelope and is therefore void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Shorter than a header.
    #[error("shorter than an envelope")]
    Short,
    /// Another magic.
    #[error("another magic")]
    Magic,
    /// Longer than a commit may be.
    #[error("body longer than {MAX_BODY_LEN} bytes")]
    TooLong,
}

/// The body does not fit the 512 KiB of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a body of {0} bytes is over the {MAX_BODY_LEN} that a commit holds")]
pub struct BodyTooLong(pub usize);

/// The hash that the first commit of a partition names as its `prev`.
pub fn genesis(log: LogId, partition: u32) -> CommitHash {
    let mut hasher = blake3::Hasher::new_derive_key("mirano 2026 genesis v1");
    hasher.update(log.as_bytes());
    hasher.update(&partition.to_le_bytes());
    CommitHash(*hasher.finalize().as_bytes())
}

impl Envelope {
    /// The envelope of `body` at `position` upon `prev`.
    pub fn seal(position: Position, prev: CommitHash, body: &[u8]) -> Result<Self, BodyTooLong> {
        if body.len() > MAX_BODY_LEN {
            return Err(BodyTooLong(body.len()));
        }
        let body_len = u32::try_from(body.len()).map_err(|_| BodyTooLong(body.len()))?;
        Ok(Self { position, prev, body_len, body_hash: *blake3::hash(body).as_bytes() })
    }

    /// The 84 header bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut out = [0u8; HEADER_LEN];
        let mut rest = out.as_mut_slice();
        for field in [
            MAGIC.as_slice(),
            &self.position.partition.to_le_bytes(),
            &self.position.seq.to_le_bytes(),
            &self.prev.0,
            &self.body_len.to_le_bytes(),
            &self.body_hash,
        ] {
            let (head, tail) = rest.split_at_mut(field.len());
            head.copy_from_slice(field);
            rest = tail;
        }
        out
    }

    /// Reads the header at the start of `bytes`. Says nothing about whether the commit counts, nor about its body.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], EnvelopeError> {
            let (head, rest) = bytes.split_first_chunk::<N>().ok_or(EnvelopeError::Short)?;
            *bytes = rest;
            Ok(*head)
        }
        let mut rest = bytes;
        if take::<4>(&mut rest)? != MAGIC {
            return Err(EnvelopeError::Magic);
        }
        let partition = u32::from_le_bytes(take(&mut rest)?);
        let seq = u64::from_le_bytes(take(&mut rest)?);
        let prev = CommitHash(take(&mut rest)?);
        let body_len = u32::from_le_bytes(take(&mut rest)?);
        let body_hash = take(&mut rest)?;
        if body_len as usize > MAX_BODY_LEN {
            return Err(EnvelopeError::TooLong);
        }
        Ok(Self { position: Position { partition, seq }, prev, body_len, body_hash })
    }

    /// The commit's hash.
    pub fn hash(&self) -> CommitHash {
        let mut hasher = blake3::Hasher::new_derive_key("mirano 2026 commit v1");
        hasher.update(&self.to_bytes());
        CommitHash(*hasher.finalize().as_bytes())
    }
}

/// The end of the counting commits of one partition: all that counting needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The partition.
    pub partition: u32,
    /// The `seq` that the next counting commit has.
    pub next_seq: u64,
    /// Hash of the last commit that counts, or the genesis hash.
    pub hash: CommitHash,
}

/// What the one rule says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It counts; the head moved to it.
    Counts(Envelope),
    /// It is void, for every reader, for ever.
    Void,
    /// Its envelope counts but its body does not match: stop, and name it.
    Corrupt(Envelope),
}

impl Head {
    /// The head of an empty partition.
    pub fn genesis(log: LogId, partition: u32) -> Self {
        Self { partition, next_seq: 0, hash: genesis(log, partition) }
    }

    /// Applies **the one rule** to the next record of the partition: it counts if and only if its `prev` is the hash
    /// of the last commit that counts. Moves the head when it does.
    pub fn judge(&mut self, record: &[u8]) -> Verdict {
        let Ok(envelope) = Envelope::parse(record) else { return Verdict::Void };
        let upon = Position { partition: self.partition, seq: self.next_seq };
        if envelope.prev != self.hash || envelope.position != upon {
            return Verdict::Void;
        }
        let body = record.get(HEADER_LEN..).unwrap_or_default();
        if body.len() != envelope.body_len as usize || *blake3::hash(body).as_bytes() != envelope.body_hash {
            return Verdict::Corrupt(envelope);
        }
        self.next_seq += 1;
        self.hash = envelope.hash();
        Verdict::Counts(envelope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(head: &Head, body: &[u8]) -> Vec<u8> {
        let position = Position { partition: head.partition, seq: head.next_seq };
        let envelope = Envelope::seal(position, head.hash, body).expect("small");
        [&envelope.to_bytes()[..], body].concat()
    }

    #[test]
    fn counts_only_upon_the_head() {
        let mut head = Head::genesis(LogId([7; 16]), 3);
        let first = commit(&head, b"a");
        let rival = commit(&head, b"b");
        assert!(matches!(head.judge(&first), Verdict::Counts(_)));
        assert_eq!(head.judge(&rival), Verdict::Void, "decided on old state");
        assert_eq!(head.judge(&first), Verdict::Void, "a producer's retry");
        let mut wrong_place = commit(&head, b"c");
        wrong_place[8] ^= 1;
        assert_eq!(head.judge(&wrong_place), Verdict::Void, "another seq");
        assert_eq!(head.judge(b"MRN1"), Verdict::Void);
        let mut broken = commit(&head, b"d");
        *broken.last_mut().expect("body") ^= 1;
        assert!(matches!(head.judge(&broken), Verdict::Corrupt(_)));
        assert_eq!(head.next_seq, 1);
    }

    #[test]
    fn header_round_trips() {
        let envelope = Envelope::seal(Position { partition: 1, seq: 2 }, CommitHash([9; 32]), b"body").expect("small");
        assert_eq!(Envelope::parse(&envelope.to_bytes()), Ok(envelope));
        assert_eq!(
            Envelope::seal(envelope.position, envelope.prev, &vec![0; MAX_BODY_LEN + 1]),
            Err(BodyTooLong(MAX_BODY_LEN + 1))
        );
    }
}
