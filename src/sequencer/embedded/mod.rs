//! The embedded log: one process, append-only segment files in the data folder, nothing to install.
//!
//! ```text
//! DATA/mirano.json                        format version, log id, number of partitions
//! DATA/lock                               locked exclusively by the one process that writes
//! DATA/log/0000/00000000000000000000.seg  commits of partition 0 from seq 0
//! DATA/log/0000/00000000000000000000.idx  a hint where they stand; can be deleted
//! ```
//!
//! An append is acknowledged when its batch is synced. Only counting commits reach the files. What a crash left
//! unfinished at the very end is cut at open and reported; any other damage is named and refused.
//!
//! [`Mirror`] writes the same files for a log that is durable elsewhere, and syncs them behind.

mod disk;
#[cfg(test)]
pub(super) mod faulty;
mod folder;
mod frame;
mod marks;
mod mirror;
mod open;
mod partition;
mod pen;
mod queue;
mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

pub use disk::{Disk, DiskFile, RealDisk};
pub use folder::{FORMAT_FILE, LOG_FOLDER, Lock, OpenError};
pub use mirror::Mirror;
pub use open::CutTail;
pub use partition::Verified;
pub use walk::{AuditedFolder, Damage, Walked};

use super::*;
use folder::{Format, at};
use metrics::{counter, gauge};
use mirano_schemas::envelope::MAX_COMMIT_LEN;
use open::Opened;
use partition::Partition;
use pen::Pen;
use queue::{Queue, Waiting};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// How to open a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Partitions of a new log; an existing one must have as many. 1 to 1024.
    pub partitions: u32,
    /// A segment that is at least this long is followed by a new one. At most 1 GiB.
    pub segment_bytes: usize,
    /// About this much is written and synced at once, at most. At most 64 MiB.
    pub batch_bytes: usize,
    /// An append is refused as overloaded when this much waits in its partition already.
    pub max_pending_bytes: usize,
    /// Of a mirror: what was written is synced at the latest so long after, as far as the disk keeps up. A log never waits.
    pub lag: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            partitions: 1,
            segment_bytes: 64 * 1024 * 1024,
            batch_bytes: 8 * 1024 * 1024,
            max_pending_bytes: 64 * 1024 * 1024,
            lag: Duration::from_millis(100),
        }
    }
}

/// Holds a data folder for this process alone, as an open log does, while something else is done to it; until dropped.
pub fn hold(folder: &Path) -> Result<Lock, OpenError> {
    folder::lock(folder)
}

/// The log; see the module. Dropping it writes what was handed over, then closes.
pub struct EmbeddedLog {
    format: Format,
    partitions: Vec<(Arc<Partition>, Arc<Queue>)>,
    cut: Vec<CutTail>,
    writers: Vec<JoinHandle<()>>,
    max_pending_bytes: usize,
    /// `None`: it takes no appends.
    lock: Option<Lock>,
}

impl EmbeddedLog {
    /// Opens the log in `folder`, or makes a new one if the folder is empty or not there.
    pub fn open(folder: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(RealDisk), folder, options)
    }

    /// As [`Self::open`], writing through `disk`.
    pub fn open_on(disk: Arc<dyn Disk>, folder: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let folder = folder.as_ref();
        let (format, lock) = Self::prepare(disk.as_ref(), folder, options)?;
        Self::write_to(disk, options, lock, folder, format)
    }

    /// Takes a folder for writing: one that holds a log of so many partitions, or is made to.
    fn prepare(disk: &dyn Disk, folder: &Path, options: Options) -> Result<(Format, Lock), OpenError> {
        folder::check_partitions(options.partitions)?;
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        // Before the lock leaves a file in a folder that is not ours.
        if Format::read(folder)?.is_none() {
            folder::check_unused(folder, &[])?;
        }
        let lock = folder::lock(folder)?;
        let format = match Format::read(folder)? {
            Some(format) => format,
            None => {
                let log_id = LogId(rand::random());
                Self::create(disk, folder, Format { log_id, partitions: options.partitions })?
            }
        };
        if format.partitions != options.partitions {
            let (have, want) = (format.partitions, options.partitions);
            return Err(OpenError::OtherPartitions { folder: folder.to_owned(), have, want });
        }
        Ok((format, lock))
    }

    /// Takes a folder for a new log of this id; it may hold what is named as `beside`.
    fn prepare_new(
        disk: &dyn Disk,
        folder: &Path,
        format: Format,
        beside: &[&str],
    ) -> Result<(Format, Lock), OpenError> {
        folder::check_partitions(format.partitions)?;
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        if Format::read(folder)?.is_some() {
            return Err(OpenError::Occupied(folder.to_owned()));
        }
        folder::check_unused(folder, beside)?;
        let lock = folder::lock(folder)?;
        Ok((Self::create(disk, folder, format)?, lock))
    }

    /// How many partitions the log in `folder` has; none: there is no log yet.
    pub fn partitions_in(folder: &Path) -> Result<Option<u32>, OpenError> {
        Ok(Format::read(folder)?.map(|format| format.partitions))
    }

    /// Opens an existing log for reading what it holds now, without a lock and without changing anything: a copied
    /// folder, or one that a server is writing to.
    pub fn open_read_only(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        let folder = folder.as_ref();
        match Format::read(folder)? {
            Some(format) => Ok(Self::of(format, Self::open_parts(None, folder, format)?)),
            None if folder.is_dir() => {
                folder::check_unused(folder, &[])?;
                Err(OpenError::Missing(folder.to_owned()))
            }
            None => Err(OpenError::Missing(folder.to_owned())),
        }
    }

    /// Makes a log with a given id in a folder that is empty or not there: for an import. Refuses one that is in use.
    pub fn create_as(folder: impl AsRef<Path>, options: Options, log_id: LogId) -> Result<Self, OpenError> {
        let (disk, folder): (Arc<dyn Disk>, _) = (Arc::new(RealDisk), folder.as_ref());
        let format = Format { log_id, partitions: options.partitions };
        let (format, lock) = Self::prepare_new(disk.as_ref(), folder, format, &[])?;
        Self::write_to(disk, options, lock, folder, format)
    }

    fn create(disk: &dyn Disk, folder: &Path, format: Format) -> Result<Format, OpenError> {
        let partitions = format.partitions;
        let log = folder.join(LOG_FOLDER);
        for partition in 0..partitions {
            open::create(disk, &open::partition_folder(&log, partition), format.log_id, partition)?;
        }
        disk.sync_folder(&log).map_err(at(&log))?;
        format.write(disk, folder)?;
        // The folder's own name must last as well.
        if let Some(parent) = folder.parent().filter(|parent| parent.is_dir()) {
            disk.sync_folder(parent).map_err(at(parent))?;
        }
        tracing::info!(folder = %folder.display(), log_id = %format.log_id, partitions, "made a new log");
        Ok(format)
    }

    /// Opens all partitions; without a disk, for reading only.
    fn open_parts(disk: Option<&dyn Disk>, folder: &Path, format: Format) -> Result<Vec<Opened>, OpenError> {
        let log = folder.join(LOG_FOLDER);
        open::each(disk, format.partitions, |partition| {
            let folder = open::partition_folder(&log, partition);
            open::open(disk, &folder, format.log_id, partition).inspect_err(|error| {
                if let OpenError::Corruption(corruption) = error {
                    let kind = writer::kind_label(&corruption.kind);
                    counter!("mirano_log_corruption_total", "kind" => kind).increment(1);
                    tracing::error!(%corruption, "the log is damaged");
                }
            })
        })
    }

    /// A log of these partitions that takes no appends.
    fn of(format: Format, opened: Vec<Opened>) -> Self {
        let mut this = Self {
            format,
            partitions: Vec::new(),
            cut: Vec::new(),
            writers: Vec::new(),
            max_pending_bytes: 0,
            lock: None,
        };
        for opened in opened {
            this.cut.extend(opened.cut);
            this.partitions.push((opened.partition, Arc::default()));
        }
        this
    }

    /// Opens all partitions, and starts to write.
    fn write_to(
        disk: Arc<dyn Disk>,
        options: Options,
        lock: Lock,
        folder: &Path,
        format: Format,
    ) -> Result<Self, OpenError> {
        let mut opened = Self::open_parts(Some(disk.as_ref()), folder, format)?;
        let pens: Vec<Option<Pen>> =
            opened.iter_mut().map(|opened| Pen::of(opened, format.log_id, &disk, options.segment_bytes)).collect();
        let mut this = Self::of(format, opened);
        let queues: Vec<Arc<Queue>> = this.partitions.iter().map(|(_, queue)| Arc::clone(queue)).collect();
        for (pen, queue) in pens.into_iter().zip(&queues) {
            let Some(pen) = pen else { continue };
            let name = format!("log-{}", pen.head().partition);
            let (queue, all) = (Arc::clone(queue), queues.clone());
            let writer = writer::Writer { pen, queue, all, batch_bytes: options.batch_bytes.min(64 << 20) };
            let thread = std::thread::Builder::new().name(name).spawn(move || writer.run()).map_err(at(folder))?;
            this.writers.push(thread);
        }
        this.max_pending_bytes = options.max_pending_bytes;
        this.lock = Some(lock);
        gauge!("mirano_log_poisoned").set(0.0);
        Ok(this)
    }

    /// The torn tails that were cut at open (where only reading: left out).
    pub fn cut_tails(&self) -> &[CutTail] {
        &self.cut
    }

    /// Reads every byte of every partition and follows each chain from its genesis; opening reads only the last segments
    /// whole. Gives what it found by partition, or the first damage.
    pub fn verify_all(&self) -> Result<Vec<Verified>, ReadError> {
        let numbered = (0..).zip(&self.partitions);
        numbered.map(|(number, (partition, _))| partition.verify(Head::genesis(self.log_id(), number))).collect()
    }

    fn partition(&self, partition: u32) -> Result<&Partition, ReadError> {
        match self.partitions.get(partition as usize) {
            Some((partition, _)) => Ok(partition),
            None => Err(ReadError::UnknownPartition { partition, partitions: self.partitions() }),
        }
    }

    fn hand_over(
        &self,
        partition: u32,
        record: Bytes,
    ) -> Result<oneshot::Receiver<Result<Outcome, AppendError>>, AppendError> {
        let Some((_, queue)) = self.partitions.get(partition as usize) else {
            return Err(AppendError::UnknownPartition { partition, partitions: self.partitions() });
        };
        if self.lock.is_none() {
            return Err(AppendError::ReadOnly);
        }
        if record.len() > MAX_COMMIT_LEN {
            return Err(AppendError::TooLong { len: record.len() });
        }
        let (reply, outcome) = oneshot::channel();
        queue.push(Waiting { record, reply }, self.max_pending_bytes)?;
        Ok(outcome)
    }
}

impl Sequencer for EmbeddedLog {
    fn log_id(&self) -> LogId {
        self.format.log_id
    }

    fn partitions(&self) -> u32 {
        self.format.partitions
    }

    fn append(&self, partition: u32, record: Bytes) -> BoxFuture<'static, Result<Outcome, AppendError>> {
        match self.hand_over(partition, record) {
            Err(error) => Box::pin(std::future::ready(Err(error))),
            // A writer that ended without an answer panicked.
            Ok(outcome) => Box::pin(async move {
                outcome.await.unwrap_or_else(|_| Err(AppendError::Unsettled { cause: "the writer is gone".into() }))
            }),
        }
    }

    fn head(&self, partition: u32) -> Head {
        let head = self.partition(partition).ok().map(|partition| *partition.head.borrow());
        head_or_genesis(head, self.log_id(), partition)
    }

    fn watch(&self, partition: u32) -> watch::Receiver<Head> {
        match self.partition(partition) {
            Ok(partition) => partition.head.subscribe(),
            Err(_) => watch::Sender::new(self.head(partition)).subscribe(),
        }
    }

    fn read(&self, partition: u32, from_seq: u64, max_bytes: usize) -> Result<Vec<Committed>, ReadError> {
        self.partition(partition)?.read(from_seq, max_bytes).inspect_err(|error| {
            if let ReadError::Corruption(corruption) = error {
                let kind = writer::kind_label(&corruption.kind);
                counter!("mirano_log_corruption_total", "kind" => kind).increment(1);
                tracing::error!(%corruption, "the log is damaged");
            }
        })
    }

    fn records(&self, partition: u32, from_seq: u64, max: usize) -> Result<Vec<Record>, ReadError> {
        counting_records(self, partition, from_seq, max)
    }

    fn check_anchor(&self, anchor: &Head) -> Result<(), AnchorError> {
        let partition = self.partition(anchor.partition)?;
        let head = *partition.head.borrow();
        compare_anchor(self.log_id(), head, anchor, |seq| {
            let commits = partition.read(seq, 0)?;
            // Below the head there always is one.
            Ok(commits.first().map_or(head.hash, |commit| commit.hash))
        })
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        for (_, queue) in &self.partitions {
            queue.close();
        }
        for writer in self.writers.drain(..) {
            if writer.join().is_err() {
                tracing::error!("a writer of the log panicked");
            }
        }
    }
}
