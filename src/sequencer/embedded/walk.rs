//! Reading a data folder for an audit: every byte of every segment, one partition at a time, so that damage in one
//! partition does not hide another, and the first damage of each is named where it is. Takes no lock and changes nothing.

use super::super::{Committed, Corruption, CorruptionKind, ReadError};
use super::folder::{Format, OpenError};
use super::frame::FRAME_LEN;
use super::marks::Marks;
use super::open::{list, open_segment, partition_folder};
use super::scan::scan_with;
use super::segment::Segment;
use super::{FORMAT_FILE, LOG_FOLDER};
use bytes::Bytes;
use mirano_schemas::LogId;
use mirano_schemas::envelope::Head;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// About so many bytes of commits are handed over at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A data folder, opened for an audit.
#[derive(Debug)]
pub struct AuditedFolder {
    folder: PathBuf,
    format: Format,
    /// By partition: the last segment and how long it was when the folder was opened.
    ends: Vec<Option<(PathBuf, u64)>>,
}

/// How far a walk came.
#[derive(Debug)]
pub struct Walked {
    /// The head that it reached.
    pub head: Head,
    /// How many of its commits were there before any partition was read: a server may have gone on since.
    pub first: u64,
    /// Bytes of segment files that were good.
    pub bytes: u64,
    /// The first damage, where there is any. What is behind it can't count.
    pub damage: Option<Damage>,
    /// A tail behind the head that no later write vouches for: an append under way, or one that a crash cut short.
    pub torn: Option<(PathBuf, u64)>,
    /// Damaged hint files.
    pub bad_indexes: Vec<PathBuf>,
}

/// Why a walk ended early.
#[derive(Debug)]
pub enum Damage {
    /// What lies there is not what was written.
    Corruption(Corruption),
    /// The system refused.
    Io(PathBuf, io::Error),
}

impl AuditedFolder {
    /// Opens a folder that has a readable format file, and notes how far each partition goes.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let Some(format) = Format::read(folder)? else { return Err(OpenError::Missing(folder.to_owned())) };
        let mut opened = Self { folder: folder.to_owned(), format, ends: Vec::new() };
        opened.ends = (0..format.partitions).map(|partition| opened.end(partition)).collect();
        Ok(opened)
    }

    /// The last segment of a partition and its length; none where it can't be had, which a walk then says.
    fn end(&self, partition: u32) -> Option<(PathBuf, u64)> {
        let path = self.list(partition).ok()?.pop()?;
        let len = std::fs::metadata(&path).ok()?.len();
        Some((path, len))
    }

    /// The log.
    pub fn log_id(&self) -> LogId {
        self.format.log_id
    }

    /// How many partitions it has.
    pub fn partitions(&self) -> u32 {
        self.format.partitions
    }

    /// Whether the format file is, byte for byte, what was written when the folder was made.
    pub fn format_is_original(&self) -> bool {
        let bytes = std::fs::read(self.folder.join(FORMAT_FILE)).unwrap_or_default();
        self.format.to_bytes().is_ok_and(|ours| ours == bytes)
    }

    /// Whether a process has the folder open for writing: then the end of the log is under way.
    pub fn in_use(&self) -> bool {
        let lock = std::fs::File::open(self.folder.join("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// What lies beside the folders of the partitions and is none of the log's, sorted.
    pub fn strange(&self) -> Vec<PathBuf> {
        let log = self.folder.join(LOG_FOLDER);
        let ours: BTreeSet<PathBuf> =
            (0..self.format.partitions).map(|partition| partition_folder(&log, partition)).collect();
        let entries = std::fs::read_dir(&log).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut strange: Vec<PathBuf> = entries.filter(|path| !ours.contains(path)).collect();
        strange.sort();
        strange
    }

    /// Bytes of all segment files.
    pub fn bytes(&self) -> u64 {
        let segments = (0..self.format.partitions).filter_map(|partition| self.list(partition).ok()).flatten();
        segments.filter_map(|path| std::fs::metadata(path).ok()).map(|meta| meta.len()).sum()
    }

    fn list(&self, partition: u32) -> Result<Vec<PathBuf>, OpenError> {
        list(None, &partition_folder(&self.folder.join(LOG_FOLDER), partition), partition)
    }

    /// Reads a partition from its first byte, follows the chain from the genesis, and hands over all commits in order.
    pub fn walk(&self, partition: u32, mut visit: impl FnMut(Vec<Committed>)) -> Walked {
        let head = Head::genesis(self.format.log_id, partition);
        let mut walked = Walked { head, first: 0, bytes: 0, damage: None, torn: None, bad_indexes: Vec::new() };
        let paths = match self.list(partition) {
            Ok(paths) => paths,
            Err(error) => {
                walked.damage = Some(self.damage(error, head));
                return walked;
            }
        };
        if paths.is_empty() {
            let kind = CorruptionKind::Hole("there is no segment".into());
            let file = Some(partition_folder(&self.folder.join(LOG_FOLDER), partition));
            walked.damage = Some(Damage::Corruption(Corruption { partition, seq: 0, file, offset: 0, kind }));
            return walked;
        }
        let last = paths.len() - 1;
        let mut previous: Option<Segment> = None;
        for (number, path) in paths.into_iter().enumerate() {
            match self.segment(path, number == last, previous.as_ref(), &mut walked, &mut visit) {
                Ok(segment) => previous = Some(segment),
                Err(damage) => {
                    walked.damage = Some(damage);
                    break;
                }
            }
        }
        walked
    }

    fn segment(
        &self,
        path: PathBuf,
        last: bool,
        previous: Option<&Segment>,
        walked: &mut Walked,
        visit: &mut dyn FnMut(Vec<Committed>),
    ) -> Result<Segment, Damage> {
        let partition = walked.head.partition;
        let here = walked.head;
        let segment = open_segment(path.clone(), self.format.log_id, partition, previous)
            .map_err(|error| self.damage(error, here))?;
        if segment.start() != walked.head {
            let kind = CorruptionKind::Hole(format!("it starts at seq {}", segment.header.first_seq));
            let (seq, file) = (walked.head.next_seq, Some(path));
            return Err(Damage::Corruption(Corruption { partition, seq, file, offset: 0, kind }));
        }
        let mut bytes = std::fs::read(&path).map_err(|error| Damage::Io(path.clone(), error))?;
        // A live log may have grown since; of a sealed segment all was looked at when it was opened.
        if !last {
            bytes.truncate(segment.len());
        }
        let file = Bytes::from(bytes);
        // Nothing is known of a partition whose end could not be had: all of it counts as having been there.
        let end = self.ends.get(partition as usize).and_then(Option::as_ref);
        let first_bytes = end.map_or(u64::MAX, |(last, len)| match path.cmp(last) {
            Ordering::Less => u64::MAX,
            Ordering::Equal => *len,
            Ordering::Greater => 0,
        });
        let (mut batch, mut size, mut reached) = (Vec::new(), 0, walked.head);
        let scan = scan_with(&path, &file, walked.head, &mut |offset, frame, hash| {
            let start = offset + FRAME_LEN;
            let record = file.slice(start..start + frame.record.len());
            if (offset + frame.len()) as u64 <= first_bytes {
                walked.first = frame.envelope.position.seq + 1;
            }
            size += record.len();
            let commit = Committed { position: frame.envelope.position, hash, envelope: frame.envelope, record };
            reached = commit.head();
            batch.push(commit);
            if size >= BATCH_BYTES {
                size = 0;
                visit(std::mem::take(&mut batch));
            }
        });
        if !batch.is_empty() {
            visit(batch);
        }
        let scan = match scan {
            Ok(scan) => scan,
            Err(corruption) => {
                walked.head = reached;
                return Err(Damage::Corruption(corruption));
            }
        };
        walked.head = scan.head;
        walked.bytes += scan.good_len as u64;
        if let Some(reason) = scan.torn {
            if !last {
                let kind = CorruptionKind::Frame("it is cut or changed");
                let (seq, offset) = (scan.head.next_seq, scan.good_len as u64);
                tracing::debug!(%reason, "a sealed segment does not end with a good frame");
                return Err(Damage::Corruption(Corruption { partition, seq, file: Some(path), offset, kind }));
            }
            walked.torn = Some((path.clone(), scan.good_len as u64));
        }
        let index = Segment::marks_path(&path);
        if let Ok(bytes) = std::fs::read(&index)
            && Marks::parse(&bytes).as_ref() != Some(&scan.marks)
        {
            walked.bad_indexes.push(index);
        }
        Ok(segment)
    }

    /// Names the place that the walk had reached, not the segment's first commit.
    fn damage(&self, error: OpenError, head: Head) -> Damage {
        match error {
            OpenError::Corruption(corruption) => {
                Damage::Corruption(Corruption { seq: corruption.seq.max(head.next_seq), ..corruption })
            }
            OpenError::Io { path, error } => Damage::Io(path, error),
            other => Damage::Io(self.folder.clone(), io::Error::other(other.to_string())),
        }
    }
}

impl From<Damage> for ReadError {
    fn from(damage: Damage) -> Self {
        match damage {
            Damage::Corruption(corruption) => Self::Corruption(corruption),
            Damage::Io(file, error) => Self::Io { file, error: Arc::new(error) },
        }
    }
}
