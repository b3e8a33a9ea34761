//! The folder of a mirror, read without brokers: what counts, and beside it what is void.

use super::super::embedded::{self, EmbeddedLog};
use super::super::*;
use super::{KAFKA_FOLDER, shown, voids};
use std::path::Path;
use std::sync::Arc;

/// What a log answers out of its `mirror()` alone.
macro_rules! of_the_mirror {
    () => {
        fn log_id(&self) -> LogId {
            self.mirror().log_id()
        }

        fn partitions(&self) -> u32 {
            self.mirror().partitions()
        }

        fn head(&self, partition: u32) -> Head {
            self.mirror().head(partition)
        }

        fn watch(&self, partition: u32) -> watch::Receiver<Head> {
            self.mirror().watch(partition)
        }

        fn read(&self, partition: u32, from_seq: u64, max_bytes: usize) -> Result<Vec<Committed>, ReadError> {
            self.mirror().read(partition, from_seq, max_bytes)
        }
    };
}
pub(super) use of_the_mirror;

/// A mirror for reading; it shows void records as well.
pub struct MirrorFolder {
    mirror: EmbeddedLog,
    voids: Vec<voids::Voids>,
}

impl MirrorFolder {
    /// Whether a data folder mirrors a topic.
    pub fn is_one(folder: &Path) -> bool {
        folder.join(KAFKA_FOLDER).is_dir()
    }

    /// Opens what the folder holds now, without a lock and without changing anything.
    pub fn open(folder: &Path) -> Result<Self, embedded::OpenError> {
        let mirror = EmbeddedLog::open_read_only(folder)?;
        let mut voids = Vec::new();
        for partition in 0..mirror.partitions() {
            let path = voids::path(folder, partition);
            voids.push(voids::Voids::open(&path, false).map_err(|error| embedded::OpenError::Io { path, error })?);
        }
        Ok(Self { mirror, voids })
    }

    fn mirror(&self) -> &EmbeddedLog {
        &self.mirror
    }
}

impl Sequencer for MirrorFolder {
    of_the_mirror!();

    fn append(&self, partition: u32, record: Bytes) -> BoxFuture<'static, Result<Outcome, AppendError>> {
        self.mirror.append(partition, record)
    }

    fn records(&self, partition: u32, from_seq: u64, max: usize) -> Result<Vec<Record>, ReadError> {
        shown::records(&self.mirror, self.voids.get(partition as usize), partition, from_seq, max)
    }

    fn check_anchor(&self, anchor: &Head) -> Result<(), AnchorError> {
        self.mirror.check_anchor(anchor)
    }
}

/// Opens a data folder for reading, whichever log it is of.
pub fn open_read_only(folder: &Path) -> Result<Arc<dyn Sequencer>, embedded::OpenError> {
    Ok(match MirrorFolder::is_one(folder) {
        true => Arc::new(MirrorFolder::open(folder)?),
        false => Arc::new(EmbeddedLog::open_read_only(folder)?),
    })
}
