//! Parts of the archive: where a run of commits ends, and commits out of a part again.
//!
//! A part ends behind the commit with which it reaches [`PART_BYTES`]: a function of the log alone, so that all nodes cut it
//! alike, and a later checkpoint shares the parts of an earlier one. Only the last part of a partition is shorter.

use super::CheckpointError;
use crate::sequencer::Sequencer;
use bytes::Bytes;
use mirano_schemas::envelope::{Envelope, HEADER_LEN, Head};

/// A part of the archive, and of the rows, ends when it has so many bytes. Another number, and no part is shared with the
/// checkpoints before it.
pub const PART_BYTES: usize = 16 * 1024 * 1024;
/// Read from the log at once.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// The commits of a partition that follow `from`, up to the end of a part of `size` bytes or up to `end`; and the head behind
/// them.
pub fn part_of(log: &dyn Sequencer, from: Head, end: &Head, size: usize) -> Result<(Vec<u8>, Head), CheckpointError> {
    let (mut raw, mut head) = (Vec::new(), from);
    while head.next_seq < end.next_seq && raw.len() < size {
        let commits = log.read(head.partition, head.next_seq, READ_BYTES)?;
        if commits.is_empty() {
            break;
        }
        for commit in commits {
            if head.next_seq >= end.next_seq || raw.len() >= size {
                break;
            }
            raw.extend_from_slice(&commit.record);
            head = commit.head();
        }
    }
    Ok((raw, head))
}

/// The records of a part; none when its bytes are not commits one after the other.
pub fn records(part: &Bytes) -> Option<Vec<Bytes>> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < part.len() {
        let envelope = Envelope::parse(part.get(at..)?).ok()?;
        let end = at.checked_add(HEADER_LEN)?.checked_add(envelope.body_len as usize)?;
        if end > part.len() {
            return None;
        }
        records.push(part.slice(at..end));
        at = end;
    }
    Some(records)
}
