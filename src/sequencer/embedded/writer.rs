//! The writer of one partition: a thread that takes all that waits, judges it, writes it, syncs once, and only then
//! tells anybody.
//!
//! After a write or a sync that failed it acknowledges nothing more, in any partition: what a failed sync left on disk
//! can't be known without reading it again, so the log must be opened again. The sync is never tried twice.

use super::super::{AppendError, CorruptionKind, Outcome};
use super::disk::{Disk, DiskFile};
use super::folder::write_whole;
use super::frame::{SegmentHeader, mark, write_frame};
use super::partition::Partition;
use super::queue::{Queue, Waiting};
use super::segment::{Segment, segment_name};
use metrics::{counter, gauge, histogram};
use mirano_schemas::LogId;
use mirano_schemas::envelope::{Head, Verdict};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest that a batch waits for others to join it.
const LONGEST_PATIENCE: Duration = Duration::from_millis(1);

/// What one writer owns.
pub struct Writer {
    /// The log, for the headers of new segments.
    pub log_id: LogId,
    /// Where new segments are made.
    pub disk: Arc<dyn Disk>,
    /// What readers see.
    pub partition: Arc<Partition>,
    /// Its last segment.
    pub segment: Arc<Segment>,
    /// That segment's file.
    pub file: Box<dyn DiskFile>,
    /// What waits.
    pub queue: Arc<Queue>,
    /// The queues of all partitions, to stop them all.
    pub all: Vec<Arc<Queue>>,
    /// A segment this long is followed by a new one.
    pub segment_bytes: usize,
    /// About this much is taken at once.
    pub batch_bytes: usize,
    /// The segment's length at which nothing is behind its last mark or its header.
    pub marked: usize,
}

type Answers = Vec<(tokio::sync::oneshot::Sender<Result<Outcome, AppendError>>, Result<Outcome, AppendError>)>;

/// A batch, judged and encoded.
struct Batch {
    head: Head,
    frames: Vec<u8>,
    /// `seq` and offset of each commit.
    started: Vec<(u64, usize)>,
    answers: Answers,
    void: u64,
}

impl Writer {
    /// Runs until the queue is closed and empty, or the log is poisoned.
    pub fn run(mut self) {
        let label = self.segment.header.partition.to_string();
        let (mut expected, mut patience) = (1, Duration::ZERO);
        while let Some(waiting) = self.queue.take(self.batch_bytes, expected, patience) {
            expected = waiting.len();
            let bytes = waiting.iter().map(|waiting| waiting.record.len()).sum();
            if let Err(error) = self.roll_if_full() {
                return self.poison("starting a segment", &error, waiting.into_iter().map(|waiting| waiting.reply));
            }
            let batch = self.judge(waiting);
            if !batch.frames.is_empty() {
                let started = Instant::now();
                if let Err(error) = self.file.append(&batch.frames) {
                    return self.poison("writing", &error, batch.answers.into_iter().map(|(reply, _)| reply));
                }
                if let Err(error) = self.file.sync() {
                    return self.poison("syncing", &error, batch.answers.into_iter().map(|(reply, _)| reply));
                }
                let took = started.elapsed();
                patience = (took / 4).min(LONGEST_PATIENCE);
                histogram!("mirano_log_sync_seconds", "partition" => label.clone()).record(took);
                self.segment.grown(self.segment.len() + batch.frames.len(), &batch.started);
                self.partition.head.send_replace(batch.head);
            }
            counter!("mirano_log_appends_total", "partition" => label.clone()).increment(batch.started.len() as u64);
            counter!("mirano_log_bytes_total", "partition" => label.clone()).increment(batch.frames.len() as u64);
            counter!("mirano_log_void_total", "partition" => label.clone()).increment(batch.void);
            self.queue.done(bytes);
            for (reply, answer) in batch.answers {
                // The caller may have dropped its future; the record stays.
                let _ = reply.send(answer);
            }
        }
        self.close();
    }

    /// Says in the file that all before was durable, so that whatever happens to it from now on is known as damage. All
    /// is acknowledged already: if this fails, the next open takes the last batch for one that a crash may have torn.
    fn close(&mut self) {
        let len = self.segment.len();
        if len == self.marked {
            return;
        }
        if let Err(error) = self.file.append(&mark(len)).and_then(|()| self.file.sync()) {
            tracing::warn!(file = %self.segment.path.display(), %error, "could not mark the end of the log");
        }
    }

    /// Applies the one rule to each record in order. Void records are not written: they would be void for every reader.
    fn judge(&self, waiting: Vec<Waiting>) -> Batch {
        let mut batch = Batch {
            head: *self.partition.head.borrow(),
            frames: Vec::new(),
            started: Vec::with_capacity(waiting.len()),
            answers: Vec::with_capacity(waiting.len()),
            void: 0,
        };
        let synced = self.segment.len();
        for Waiting { record, reply } in waiting {
            let answer = match batch.head.judge(&record) {
                Verdict::Counts(envelope) => {
                    batch.started.push((envelope.position.seq, synced + batch.frames.len()));
                    // A segment never grows to 4 GiB: see `Options`.
                    write_frame(&mut batch.frames, u32::try_from(synced).unwrap_or(u32::MAX), &record);
                    Ok(Outcome::Counted { position: envelope.position, hash: batch.head.hash })
                }
                Verdict::Void => {
                    batch.void += 1;
                    Ok(Outcome::Void { head: batch.head })
                }
                Verdict::Corrupt(envelope) => Err(AppendError::BodyMismatch { position: envelope.position }),
            };
            batch.answers.push((reply, answer));
        }
        batch
    }

    /// Starts the next segment once this one is long enough. Between batches, so all of this one is durable; the new
    /// file appears under its name only with its header durable.
    fn roll_if_full(&mut self) -> io::Result<()> {
        let len = self.segment.len();
        if len < self.segment_bytes {
            return Ok(());
        }
        let head = *self.partition.head.borrow();
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

    fn poison(
        &self,
        doing: &str,
        error: &io::Error,
        unsettled: impl Iterator<Item = tokio::sync::oneshot::Sender<Result<Outcome, AppendError>>>,
    ) {
        let cause: Arc<str> = format!("{doing} {} failed: {error}", self.segment.path.display()).into();
        tracing::error!(partition = self.segment.header.partition, %cause, "the log takes no more appends");
        gauge!("mirano_log_poisoned").set(1.0);
        // First the queues, so that nobody who hears of the failure can still get something in.
        for queue in &self.all {
            queue.poison(&cause);
        }
        for reply in unsettled {
            let _ = reply.send(Err(AppendError::Unsettled { cause: cause.clone() }));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Nobody may wait for ever on a writer that is gone.
        if std::thread::panicking() {
            for queue in &self.all {
                queue.poison(&"the writer panicked".into());
            }
        }
    }
}

/// The name of a kind of damage, for metrics: bounded, so it can be a label.
pub fn kind_label(kind: &CorruptionKind) -> &'static str {
    match kind {
        CorruptionKind::Frame(_) => "frame",
        CorruptionKind::Body => "body",
        CorruptionKind::Chain => "chain",
        CorruptionKind::SegmentHeader(_) => "segment_header",
        CorruptionKind::Hole(_) => "hole",
        CorruptionKind::StrangeFile => "strange_file",
    }
}
