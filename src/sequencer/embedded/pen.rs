//! What the last segment of a partition is written with: judges, encodes, appends, starts the next segment. When to sync, and
//! when to tell, is its owner's to say: the log's writer (`writer`) syncs before anybody is told, the mirror (`mirror`) behind.

use super::super::{AppendError, Outcome};
use super::disk::{Disk, DiskFile};
use super::folder::write_whole;
use super::frame::{SegmentHeader, mark, write_frame};
use super::open::Opened;
use super::partition::Partition;
use super::segment::{Segment, segment_name};
use mirano_schemas::LogId;
use mirano_schemas::envelope::{Head, Verdict};
use std::io;
use std::sync::Arc;

/// The end of one partition, to be written to by one thread at a time.
pub struct Pen {
    log_id: LogId,
    disk: Arc<dyn Disk>,
    partition: Arc<Partition>,
    segment: Arc<Segment>,
    file: Box<dyn DiskFile>,
    segment_bytes: usize,
    /// The segment's length at which nothing is behind its last mark or its header.
    marked: usize,
}

/// Records that are written together, judged and encoded.
pub struct Batch {
    /// The head after them.
    pub head: Head,
    /// Those that count, as frames.
    pub frames: Vec<u8>,
    /// `seq` and offset of each commit.
    pub started: Vec<(u64, usize)>,
    /// How many are void.
    pub void: u64,
    /// Where the frames begin, and up to where the file is durable.
    at: usize,
    synced: usize,
}

impl Pen {
    /// The pen of a partition that was opened for writing; none for one that is only read.
    pub fn of(opened: &mut Opened, log_id: LogId, disk: &Arc<dyn Disk>, segment_bytes: usize) -> Option<Self> {
        Some(Self {
            log_id,
            disk: Arc::clone(disk),
            partition: Arc::clone(&opened.partition),
            segment: Arc::clone(&opened.last),
            file: opened.file.take()?,
            segment_bytes: segment_bytes.min(1 << 30),
            marked: if opened.marked { opened.last.len() } else { 0 },
        })
    }

    /// The segment that is written to.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The head that readers see.
    pub fn head(&self) -> Head {
        *self.partition.head.borrow()
    }

    /// An empty batch upon the head, for about so many records.
    pub fn begin(&self, records: usize) -> Batch {
        let (head, at, synced) = (self.head(), self.segment.len(), self.segment.synced());
        Batch { head, frames: Vec::new(), started: Vec::with_capacity(records), void: 0, at, synced }
    }

    /// Appends the frames of a batch to the file.
    pub fn write(&mut self, batch: &Batch) -> io::Result<()> {
        self.file.append(&batch.frames)
    }

    /// Makes all that was written to the segment durable.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// Shows a batch that was written to readers.
    pub fn show(&self, batch: &Batch) {
        self.segment.grown(batch.at + batch.frames.len(), &batch.started);
        self.partition.head.send_replace(batch.head);
    }

    /// Whether the next commit belongs into a new segment.
    pub fn is_full(&self) -> bool {
        self.segment.len() >= self.segment_bytes
    }

    /// Starts the next segment. All of this one must be durable; the new file appears under its name only with its header
    /// durable.
    pub fn roll(&mut self) -> io::Result<()> {
        let (len, head) = (self.segment.len(), self.head());
        let header = SegmentHeader {
            log_id: self.log_id,
            partition: head.partition,
            previous_len: u32::try_from(len).map_err(io::Error::other)?,
            first_seq: head.next_seq,
            previous_first_seq: self.segment.header.first_seq,
            upon: head.hash,
        };
        let path = self.partition.folder.join(segment_name(head.next_seq));
        let bytes = header.to_bytes();
        write_whole(self.disk.as_ref(), &path, &bytes)?;
        self.file = self.disk.open(&path)?;
        self.marked = bytes.len();
        let next = Arc::new(Segment::new(header, path, bytes.len(), Some(Default::default())));
        self.partition.add(next.clone());
        let sealed = std::mem::replace(&mut self.segment, next);
        // A hint: if it can't be stored, readers make it again.
        let marks = sealed.sealed();
        if let Err(error) = std::fs::write(Segment::marks_path(&sealed.path), marks.to_bytes()) {
            tracing::warn!(file = %sealed.path.display(), %error, "could not store the marks of a sealed segment");
        }
        tracing::info!(partition = head.partition, first_seq = head.next_seq, "started a segment of the log");
        Ok(())
    }

    /// Says in the file that all before was durable, so that whatever happens to it from now on is known as damage. If this
    /// fails, the next open takes what was written last for what a crash may have torn. All must be durable.
    pub fn close(&mut self) {
        let len = self.segment.len();
        if len == self.marked {
            return;
        }
        if let Err(error) = self.file.append(&mark(len)).and_then(|()| self.file.sync()) {
            tracing::warn!(file = %self.segment.path.display(), %error, "could not mark the end of the log");
        }
    }
}

impl Batch {
    /// Applies the one rule to the next record. A void one is not written: it would be void for every reader.
    pub fn judge(&mut self, record: &[u8]) -> Result<Outcome, AppendError> {
        match self.head.judge(record) {
            Verdict::Counts(envelope) => {
                self.started.push((envelope.position.seq, self.at + self.frames.len()));
                // A segment never grows to 4 GiB: see `Options`.
                write_frame(&mut self.frames, u32::try_from(self.synced).unwrap_or(u32::MAX), record);
                Ok(Outcome::Counted { position: envelope.position, hash: self.head.hash })
            }
            Verdict::Void => {
                self.void += 1;
                Ok(Outcome::Void { head: self.head })
            }
            Verdict::Corrupt(envelope) => Err(AppendError::BodyMismatch { position: envelope.position }),
        }
    }
}
