//! The log: what order commits have, and which of them count.
//!
//! One interface, [`Sequencer`], over several logs that all obey the one rule of
//! [`mirano_schemas::envelope::Head::judge`]: [`memory::MemoryLog`] for tests and the simulation,
//! [`embedded::EmbeddedLog`] for one process with append-only files, and [`kafka::KafkaLog`] for many nodes on a cluster. Correctness rests on the order of records alone:
//! nothing here knows who usually decides for a partition, and nothing here looks into a body.
//!
//! A log promises: what [`Sequencer::append`] reported as counted is durable and is read back by everyone at that
//! position for ever; what it reported as void never counts; what it reported as unsettled may do either. Durable means on
//! this machine's disk, or of a log on Kafka in its topic: the files beside it are then a mirror, synced a moment later.

#[cfg(test)]
mod conformance;
pub mod embedded;
mod error;
pub mod kafka;
pub mod memory;

pub use error::{AnchorError, AppendError, Corruption, CorruptionKind, ReadError};

use bytes::Bytes;
use futures::future::BoxFuture;
use mirano_schemas::envelope::{Envelope, HEADER_LEN, Head};
use mirano_schemas::{CommitHash, LogId, Position};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// An ordered log of commits per partition.
pub trait Sequencer: Send + Sync + 'static {
    /// The log's id: with the partition it fixes the genesis hash, so no two logs share a history.
    fn log_id(&self) -> LogId;

    /// How many partitions the log has: `0..partitions()`.
    fn partitions(&self) -> u32;

    /// Hands a sealed record (84-byte header and body) over; the order of calls is the order of records.
    ///
    /// The record is taken when this returns; the future only tells the outcome, once it is settled: durable and read
    /// back. Dropping the future does not withdraw the record.
    fn append(&self, partition: u32, record: Bytes) -> BoxFuture<'static, Result<Outcome, AppendError>>;

    /// The durable head. A partition that the log does not have answers with its genesis.
    fn head(&self, partition: u32) -> Head;

    /// Follows the durable head. When the log is closed or stops, the sender is gone or the value stands still.
    fn watch(&self, partition: u32) -> watch::Receiver<Head>;

    /// Durable counting commits in order from `from_seq`: at least one if there is one, else as many as fit about
    /// `max_bytes` of records. Empty at the head.
    fn read(&self, partition: u32, from_seq: u64, max_bytes: usize) -> Result<Vec<Committed>, ReadError>;

    /// Durable records in the order of the log, void ones too, that were judged when the head's `next_seq` was
    /// `from_seq` or more. About `max` of them: the records judged at one head are never parted, so going on with the
    /// last one's `upon + 1` misses none.
    ///
    /// The embedded log never stores a void record, so there it gives the counting ones.
    fn records(&self, partition: u32, from_seq: u64, max: usize) -> Result<Vec<Record>, ReadError>;

    /// For how long whoever orders the log has not been heard, so that others may have gone on unseen; none: all is seen.
    fn behind(&self) -> Option<Duration> {
        None
    }

    /// Waits until a partition is read no further and so takes no appends, also while nobody appends; then says why. Never comes
    /// where only an append finds out.
    fn stopped(&self, _partition: u32) -> BoxFuture<'static, Arc<str>> {
        Box::pin(std::future::pending())
    }

    /// Compares an anchor (the position and head hash that a reader kept) with the log.
    fn check_anchor(&self, anchor: &Head) -> Result<(), AnchorError>;
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It counts, and is durable.
    Counted {
        /// Where it stands.
        position: Position,
        /// Its hash: the `prev` of the next commit.
        hash: CommitHash,
    },
    /// It is void for ever: decide again upon this head or a later one.
    Void {
        /// The head that the record was judged by.
        head: Head,
    },
}

/// Read at once by [`pieces`], in bytes.
const PIECE_BYTES: usize = 4 * 1024 * 1024;

/// The commits `from..to` of a partition, as far as the log has them: a few MiB at once, none of the pieces empty.
pub fn pieces(
    log: &dyn Sequencer,
    partition: u32,
    from: u64,
    to: u64,
) -> impl Iterator<Item = Result<Vec<Committed>, ReadError>> {
    let mut next = from;
    std::iter::from_fn(move || {
        if next >= to {
            return None;
        }
        let read = log.read(partition, next, PIECE_BYTES).map(|mut commits| {
            next = commits.last().map_or(to, |last| last.position.seq + 1);
            commits.retain(|commit| commit.position.seq < to);
            commits
        });
        // What can't be read ends it too.
        if read.is_err() {
            next = to;
        }
        Some(read).filter(|read| !matches!(read, Ok(commits) if commits.is_empty()))
    })
}

/// A counting commit, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Where it stands.
    pub position: Position,
    /// Its hash.
    pub hash: CommitHash,
    /// Its envelope.
    pub envelope: Envelope,
    /// Header and body.
    pub record: Bytes,
}

impl Committed {
    /// The body: all after the header.
    pub fn body(&self) -> &[u8] {
        self.record.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The head of the partition right after this commit.
    pub fn head(&self) -> Head {
        Head { partition: self.position.partition, next_seq: self.position.seq + 1, hash: self.hash }
    }
}

/// A record as it lies in the log, counting or void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The head's `next_seq` when it was judged. For a counting record this is its own `seq`.
    pub upon: u64,
    /// Its hash if it counts, `None` if it is void.
    pub counts: Option<CommitHash>,
    /// The whole record, as it was appended.
    pub record: Bytes,
}

/// The head of a partition; one that the log does not have answers with its genesis.
pub(crate) fn head_or_genesis(head: Option<Head>, log: LogId, partition: u32) -> Head {
    head.unwrap_or_else(|| Head::genesis(log, partition))
}

/// The records of a log that keeps counting ones only.
pub(crate) fn counting_records(
    log: &dyn Sequencer,
    partition: u32,
    from_seq: u64,
    max: usize,
) -> Result<Vec<Record>, ReadError> {
    let mut out: Vec<Record> = Vec::new();
    let mut from = from_seq;
    while out.len() < max {
        let commits = log.read(partition, from, 256 * 1024)?;
        let Some(last) = commits.last() else { break };
        from = last.position.seq + 1;
        out.extend(commits.into_iter().map(|commit| Record {
            upon: commit.position.seq,
            counts: Some(commit.hash),
            record: commit.record,
        }));
    }
    out.truncate(max);
    Ok(out)
}

/// Compares an anchor with a log: `head` is the durable head, `hash_at(seq)` the hash of a counting commit.
pub(crate) fn compare_anchor(
    log: LogId,
    head: Head,
    anchor: &Head,
    hash_at: impl FnOnce(u64) -> Result<CommitHash, ReadError>,
) -> Result<(), AnchorError> {
    if anchor.next_seq > head.next_seq {
        return Err(AnchorError::TailCut { anchor: *anchor, head });
    }
    let found = match anchor.next_seq.checked_sub(1) {
        _ if anchor.next_seq == head.next_seq => head.hash,
        None => mirano_schemas::envelope::genesis(log, anchor.partition),
        Some(last) => hash_at(last)?,
    };
    if found == anchor.hash { Ok(()) } else { Err(AnchorError::OtherHistory { anchor: *anchor, found }) }
}

#[cfg(test)]
mod tests {
    use super::memory::MemoryLog;
    use super::*;

    /// Up to the end, however much the log has, and no further than can be read.
    #[tokio::test]
    async fn pieces_are_all_commits_between_two_places() {
        let log = MemoryLog::new(LogId([7; 16]), 1);
        // More of them than one piece holds.
        let bodies: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; PIECE_BYTES / 9]).collect();
        for body in &bodies {
            conformance::append(&log, 0, body).await;
        }
        let read = |from, to| -> Vec<Vec<Vec<u8>>> {
            let pieces = pieces(&log, 0, from, to).map(|piece| piece.expect("a sound log"));
            pieces.map(|piece| piece.iter().map(|commit| commit.body().to_vec()).collect()).collect()
        };
        for (from, to, want) in
            [(0, 20, 0..20), (1, 15, 1..15), (0, 99, 0..20), (3, 3, 0..0), (20, 29, 0..0), (4, 2, 0..0)]
        {
            let pieces = read(from, to);
            assert!(pieces.iter().all(|piece| !piece.is_empty()), "{from}..{to}");
            assert_eq!(pieces.concat(), bodies[want].to_vec(), "{from}..{to}");
        }
        assert!(read(0, 20).len() > 1);
        let mut damaged = conformance::record(&log.head(0), b"damaged").to_vec();
        damaged[HEADER_LEN] ^= 1;
        log.inject(0, damaged.into());
        let after: Vec<bool> = pieces(&log, 0, 19, 29).map(|piece| piece.is_ok()).collect();
        assert_eq!(after, [true, false], "what can't be read is the last");
    }
}
