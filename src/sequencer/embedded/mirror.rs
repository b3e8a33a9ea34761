//! The segment files of a log that is durable elsewhere: whoever reads that log writes them, readers see what was written at
//! once, and the disk has it a moment later.
//!
//! A process that dies leaves what it wrote to the system. Only where the machine dies is the end lost that was not synced;
//! it is cut at open, as any torn tail, and comes from where the log is durable again. So `synced` of each frame says what
//! was truly synced when it was written, a segment is sealed only when all of it is, and whatever must not be ahead of the
//! disk asks [`Mirror::synced`] or waits for [`Mirror::sync`].
//!
//! One thread syncs all partitions. After a sync that failed it ends: nothing is written any more, and none is tried again.

use super::super::AppendError;
use super::disk::Disk;
use super::folder::{Format, Lock, OpenError, at};
use super::pen::Pen;
use super::writer::failed;
use super::{EmbeddedLog, Options};
use behind::Behind;
use bytes::Bytes;
use metrics::{counter, gauge};
use mirano_schemas::LogId;
use mirano_schemas::envelope::Head;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

mod behind;

/// A mirror; see the module. Dropping it syncs what was written, then closes.
pub struct Mirror {
    log: EmbeddedLog,
    pens: Vec<Mutex<Pen>>,
    behind: Arc<Behind>,
    syncer: Option<JoinHandle<()>>,
    #[expect(dead_code, reason = "held until all is written")]
    lock: Lock,
}

impl Mirror {
    /// Opens the mirror in `folder`, writing through `disk`.
    pub fn open_on(disk: Arc<dyn Disk>, folder: &Path, options: Options) -> Result<Self, OpenError> {
        let (format, lock) = EmbeddedLog::prepare(disk.as_ref(), folder, options)?;
        Self::start(disk, folder, options, format, lock)
    }

    /// Makes a mirror of the log of this id in a folder that is not there, or holds only what does not come from the log, such as
    /// keys from a backup: what is named as `beside`.
    pub fn create_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: Options,
        log_id: LogId,
        beside: &[&str],
    ) -> Result<Self, OpenError> {
        let format = Format { log_id, partitions: options.partitions };
        let (format, lock) = EmbeddedLog::prepare_new(disk.as_ref(), folder, format, beside)?;
        Self::start(disk, folder, options, format, lock)
    }

    fn start(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: Options,
        format: Format,
        lock: Lock,
    ) -> Result<Self, OpenError> {
        let mut opened = EmbeddedLog::open_parts(Some(disk.as_ref()), folder, format)?;
        let pens = opened.iter_mut().filter_map(|part| Pen::of(part, format.log_id, &disk, options.segment_bytes));
        let pens: Vec<Pen> = pens.collect();
        let log = EmbeddedLog::of(format, opened);
        let behind = Arc::new(Behind::new(&pens, options.lag));
        let syncer = Arc::clone(&behind);
        let thread = std::thread::Builder::new().name("mirror-sync".into());
        let syncer = thread.spawn(move || syncer.run(disk.as_ref())).map_err(at(folder))?;
        gauge!("mirano_log_poisoned").set(0.0);
        Ok(Self { log, pens: pens.into_iter().map(Mutex::new).collect(), behind, syncer: Some(syncer), lock })
    }

    /// What was written, to read it. It takes no appends.
    pub fn log(&self) -> &EmbeddedLog {
        &self.log
    }

    /// Writes records that count, one upon the other, to the end of a partition. Readers see them when this returns; the disk
    /// has them a moment later. Gives the head that was reached: records that do not count upon the ones before are left out.
    ///
    /// Waits only at the end of a segment, for all of it to be durable.
    pub fn extend(&self, partition: u32, records: &[Bytes]) -> Result<Head, AppendError> {
        let Some(pen) = self.pens.get(partition as usize) else {
            return Err(AppendError::UnknownPartition { partition, partitions: self.log.format.partitions });
        };
        // Who panicked half-way through a write left bytes that nobody knows of.
        let gone = |_| AppendError::Poisoned { cause: "who wrote the mirror panicked".into() };
        let mut pen = pen.lock().map_err(gone)?;
        self.behind.check()?;
        if pen.is_full() {
            self.behind.wait(partition)?;
            pen.roll().map_err(|error| self.fail(&pen, "starting a segment", &error))?;
        }
        let mut batch = pen.begin(records.len());
        for record in records {
            batch.judge(record)?;
        }
        if !batch.frames.is_empty() {
            pen.write(&batch).map_err(|error| self.fail(&pen, "writing", &error))?;
            pen.show(&batch);
            self.behind.wrote(pen.segment(), batch.head, batch.frames.len());
            let label = partition.to_string();
            counter!("mirano_log_appends_total", "partition" => label.clone()).increment(batch.started.len() as u64);
            counter!("mirano_log_bytes_total", "partition" => label).increment(batch.frames.len() as u64);
        }
        Ok(batch.head)
    }

    /// Waits until all that was written to a partition is durable on this machine.
    pub fn sync(&self, partition: u32) -> Result<(), AppendError> {
        self.behind.wait(partition)
    }

    /// Up to where a partition is durable on this machine.
    pub fn synced(&self, partition: u32) -> Option<Head> {
        self.behind.synced(partition)
    }

    /// For how long something of a partition has waited to be durable.
    pub fn unsynced_for(&self, partition: u32) -> Duration {
        self.behind.unsynced_for(partition)
    }

    /// An error once a write or a sync failed, in any partition.
    pub fn check(&self) -> Result<(), AppendError> {
        self.behind.check()
    }

    /// Ends the mirror as a failed sync of its own would: a file beside it can't be made durable, so its disk is not to be trusted.
    pub fn give_up(&self, file: &Path, doing: &str, error: &std::io::Error) {
        let cause: Arc<str> = format!("{doing} {} failed: {error}", file.display()).into();
        tracing::error!(%cause, "the mirror is written no further");
        gauge!("mirano_log_poisoned").set(1.0);
        self.behind.fail(&cause);
    }

    fn fail(&self, pen: &Pen, doing: &str, error: &std::io::Error) -> AppendError {
        let cause = failed(pen.segment(), doing, error);
        self.behind.fail(&cause);
        AppendError::Poisoned { cause }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.behind.close();
        if self.syncer.take().is_some_and(|syncer| syncer.join().is_err()) {
            tracing::error!("the thread that syncs the mirror panicked");
        }
        for pen in self.pens.drain(..) {
            // Of what is not durable no mark may say that it is.
            if let Ok(mut pen) = pen.into_inner()
                && self.behind.check().is_ok()
                && pen.segment().synced() == pen.segment().len()
            {
                pen.close();
            }
        }
    }
}
