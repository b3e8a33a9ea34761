//! The writer of one partition: a thread that takes all that waits, judges it, writes it, syncs once, and only then
//! tells anybody.
//!
//! After a write or a sync that failed it acknowledges nothing more, in any partition: what a failed sync left on disk
//! can't be known without reading it again, so the log must be opened again. The sync is never tried twice.

use super::super::{AppendError, CorruptionKind, Outcome};
use super::pen::Pen;
use super::queue::{Queue, Waiting};
use super::segment::Segment;
use metrics::{counter, gauge, histogram};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest that a batch waits for others to join it.
const LONGEST_PATIENCE: Duration = Duration::from_millis(1);

/// What one writer owns.
pub struct Writer {
    /// What it writes with.
    pub pen: Pen,
    /// What waits.
    pub queue: Arc<Queue>,
    /// The queues of all partitions, to stop them all.
    pub all: Vec<Arc<Queue>>,
    /// About this much is taken at once.
    pub batch_bytes: usize,
}

type Reply = tokio::sync::oneshot::Sender<Result<Outcome, AppendError>>;

impl Writer {
    /// Runs until the queue is closed and empty, or the log is poisoned.
    pub fn run(mut self) {
        let label = self.pen.segment().header.partition.to_string();
        let (mut expected, mut patience) = (1, Duration::ZERO);
        while let Some(waiting) = self.queue.take(self.batch_bytes, expected, patience) {
            expected = waiting.len();
            let bytes = waiting.iter().map(|waiting| waiting.record.len()).sum();
            // Between batches all of the segment is durable.
            if self.pen.is_full()
                && let Err(error) = self.pen.roll()
            {
                return self.poison("starting a segment", &error, waiting.into_iter().map(|waiting| waiting.reply));
            }
            let mut batch = self.pen.begin(waiting.len());
            let answers: Vec<(Reply, Result<Outcome, AppendError>)> =
                waiting.into_iter().map(|Waiting { record, reply }| (reply, batch.judge(&record))).collect();
            if !batch.frames.is_empty() {
                let started = Instant::now();
                if let Err(error) = self.pen.write(&batch) {
                    return self.poison("writing", &error, answers.into_iter().map(|(reply, _)| reply));
                }
                if let Err(error) = self.pen.sync() {
                    return self.poison("syncing", &error, answers.into_iter().map(|(reply, _)| reply));
                }
                let took = started.elapsed();
                patience = (took / 4).min(LONGEST_PATIENCE);
                histogram!("mirano_log_sync_seconds", "partition" => label.clone()).record(took);
                self.pen.show(&batch);
                self.pen.segment().synced_to(self.pen.segment().len());
            }
            counter!("mirano_log_appends_total", "partition" => label.clone()).increment(batch.started.len() as u64);
            counter!("mirano_log_bytes_total", "partition" => label.clone()).increment(batch.frames.len() as u64);
            counter!("mirano_log_void_total", "partition" => label.clone()).increment(batch.void);
            self.queue.done(bytes);
            for (reply, answer) in answers {
                // The caller may have dropped its future; the record stays.
                let _ = reply.send(answer);
            }
        }
        self.pen.close();
    }

    fn poison(&self, doing: &str, error: &io::Error, unsettled: impl Iterator<Item = Reply>) {
        let cause = failed(self.pen.segment(), doing, error);
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

/// Says that the disk failed.
pub fn failed(segment: &Segment, doing: &str, error: &io::Error) -> Arc<str> {
    let cause: Arc<str> = format!("{doing} {} failed: {error}", segment.path.display()).into();
    tracing::error!(partition = segment.header.partition, %cause, "the log takes no more appends");
    gauge!("mirano_log_poisoned").set(1.0);
    cause
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
