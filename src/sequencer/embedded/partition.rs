//! One partition as readers see it: its segments in order and its head.

use super::super::{Committed, Corruption, CorruptionKind, ReadError};
use super::segment::Segment;
use mirano_schemas::envelope::Head;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

/// What a walk over everything found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The head, reached from the genesis by reading every byte.
    pub head: Head,
    /// Segment files.
    pub segments: usize,
    /// Bytes of the segment files.
    pub bytes: u64,
}

/// Shared by the writer and all readers.
#[derive(Debug)]
pub struct Partition {
    /// The folder of its segments.
    pub folder: PathBuf,
    /// The head that readers see. The writer moves it after the segment grew: that of a log after the sync, a mirror's before.
    pub head: watch::Sender<Head>,
    /// Never empty; in order. The last one may grow.
    segments: RwLock<Vec<Arc<Segment>>>,
}

impl Partition {
    /// A partition of these segments, at least one.
    pub fn new(folder: PathBuf, head: Head, segments: Vec<Arc<Segment>>) -> Self {
        Self { folder, head: watch::Sender::new(head), segments: RwLock::new(segments) }
    }

    /// Adds a new last segment.
    pub fn add(&self, segment: Arc<Segment>) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    fn segments(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<Segment>>> {
        // A push either happened or not.
        self.segments.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn segment_of(&self, seq: u64) -> Option<Arc<Segment>> {
        let segments = self.segments();
        let after = segments.partition_point(|segment| segment.header.first_seq <= seq);
        segments.get(after.checked_sub(1)?).cloned()
    }

    /// See [`super::super::Sequencer::read`].
    pub fn read(&self, from_seq: u64, max_bytes: usize) -> Result<Vec<Committed>, ReadError> {
        let head = *self.head.borrow();
        let mut out: Vec<Committed> = Vec::new();
        let mut bytes = 0usize;
        let mut seq = from_seq;
        while seq < head.next_seq && (out.is_empty() || bytes < max_bytes) {
            let Some(segment) = self.segment_of(seq) else { break };
            let read = segment.read(seq, head.next_seq, max_bytes - bytes)?;
            let joins = |last: &Committed, first: &Committed| first.envelope.prev == last.hash;
            match (out.last(), read.first()) {
                (_, None) => {
                    let kind = CorruptionKind::Hole("the segment ends before its commit".into());
                    return Err(self.corruption(&segment, seq, kind).into());
                }
                (Some(last), Some(first)) if !joins(last, first) => {
                    return Err(self.corruption(&segment, seq, CorruptionKind::Chain).into());
                }
                _ => {}
            }
            bytes = read.iter().fold(bytes, |sum, commit| sum.saturating_add(commit.record.len()));
            seq += read.len() as u64;
            out.extend(read);
        }
        Ok(out)
    }

    /// Reads every byte of every segment up to the head that is durable now, and follows the chain from the genesis.
    pub fn verify(&self, genesis: Head) -> Result<Verified, ReadError> {
        let end = *self.head.borrow();
        let segments = self.segments().clone();
        let mut head = genesis;
        let mut bytes = 0;
        let mut count = 0;
        for segment in &segments {
            if segment.start() != head {
                let kind = CorruptionKind::Hole(format!("it starts at seq {}", segment.header.first_seq));
                return Err(self.corruption(segment, head.next_seq, kind).into());
            }
            let scan = segment.scan()?;
            head = scan.head;
            bytes += scan.good_len as u64;
            count += 1;
        }
        // The writer may have gone on since; but what was durable must be there.
        let last = segments.last().filter(|_| head.next_seq < end.next_seq);
        if let Some(segment) = last {
            let kind = CorruptionKind::Hole("the log ends before its head".into());
            return Err(self.corruption(segment, head.next_seq, kind).into());
        }
        Ok(Verified { head, segments: count, bytes })
    }

    fn corruption(&self, segment: &Segment, seq: u64, kind: CorruptionKind) -> Corruption {
        Corruption { partition: segment.header.partition, seq, file: Some(segment.path.clone()), offset: 0, kind }
    }
}
