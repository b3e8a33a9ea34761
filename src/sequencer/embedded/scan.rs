//! Reading a segment from its first byte to its last, and telling a torn tail from damage. Pure.

use super::super::{Corruption, CorruptionKind};
use super::frame::{FRAME_LEN, Frame, FrameError, SEGMENT_HEADER_LEN, mark};
use super::marks::Marks;
use mirano_schemas::CommitHash;
use mirano_schemas::envelope::{Head, MAGIC, Verdict};
use std::path::Path;

/// What a segment holds.
#[derive(Debug)]
pub struct Scan {
    /// The head after its last commit.
    pub head: Head,
    /// Where some of its commits stand.
    pub marks: Marks,
    /// Good bytes from the start of the file.
    pub good_len: usize,
    /// Where the last batch starts: all before was synced before it was written.
    pub last_batch: usize,
    /// What stands behind the good bytes: an unfinished or damaged frame that was never known to be durable.
    pub torn: Option<FrameError>,
}

/// Walks all frames of `file` (the whole file, header included) from the head `head`.
///
/// The first frame that is not good is a torn tail unless something behind it proves that it was durable once.
pub fn scan(path: &Path, file: &[u8], head: Head) -> Result<Scan, Corruption> {
    scan_with(path, file, head, &mut |_, _, _| {})
}

/// The same; hands over each commit that counts, with its offset in the file and its hash.
pub fn scan_with(
    path: &Path,
    file: &[u8],
    mut head: Head,
    visit: &mut dyn FnMut(usize, &Frame<'_>, CommitHash),
) -> Result<Scan, Corruption> {
    let mut offset = SEGMENT_HEADER_LEN.min(file.len());
    let mut marks = Marks::default();
    let mut last_batch = offset;
    let corruption = |head: &Head, offset: usize, kind| Corruption {
        partition: head.partition,
        seq: head.next_seq,
        file: Some(path.to_owned()),
        offset: offset as u64,
        kind,
    };
    let torn = loop {
        let rest = file.get(offset..).unwrap_or_default();
        if rest.is_empty() {
            break None;
        }
        if rest.starts_with(&mark(offset)) {
            last_batch = offset;
            offset += FRAME_LEN;
            continue;
        }
        let seq = head.next_seq;
        match Frame::parse(rest) {
            Ok(frame) => {
                let synced = frame.synced as usize;
                if synced > offset || synced < last_batch {
                    let kind = CorruptionKind::Frame("its durable end is not one");
                    return Err(corruption(&head, offset, kind));
                }
                match head.judge(frame.record) {
                    Verdict::Counts(_) => visit(offset, &frame, head.hash),
                    Verdict::Void => return Err(corruption(&head, offset, CorruptionKind::Chain)),
                    Verdict::Corrupt(_) => return Err(corruption(&head, offset, CorruptionKind::Body)),
                }
                marks.add(seq, offset);
                last_batch = synced;
                offset += frame.len();
            }
            Err(error) if !was_durable(file, offset, head.partition) => break Some(error),
            Err(FrameError::Body) => return Err(corruption(&head, offset, CorruptionKind::Body)),
            Err(FrameError::Damaged(what)) => return Err(corruption(&head, offset, CorruptionKind::Frame(what))),
            Err(FrameError::Short { .. }) => {
                return Err(corruption(&head, offset, CorruptionKind::Frame("it has a wrong length")));
            }
        }
    };
    Ok(Scan { head, marks, good_len: offset, last_batch, torn })
}

/// Whether a good frame or mark behind `bad` says that the file had been durable beyond `bad` when it was written. Frames
/// of the batch that `bad` belongs to do not: a crash may keep the end of a batch and lose its middle.
fn was_durable(file: &[u8], bad: usize, partition: u32) -> bool {
    let proves = |start: usize| {
        let Some(rest) = file.get(start..) else { return false };
        if rest.starts_with(&[0; 4]) {
            return rest.starts_with(&mark(start));
        }
        // The cheap look first: this runs for every byte behind the damage.
        if !rest.get(FRAME_LEN..).is_some_and(|record| record.starts_with(&MAGIC)) {
            return false;
        }
        Frame::parse(rest).is_ok_and(|frame| {
            let synced = frame.synced as usize;
            frame.envelope.position.partition == partition && synced > bad && synced <= start
        })
    };
    (bad + 1..file.len()).any(proves)
}
