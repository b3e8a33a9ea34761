//! What can go wrong with a log, told apart by who must act.

use mirano_schemas::envelope::{Head, MAX_COMMIT_LEN};
use mirano_schemas::{CommitHash, Position};
use std::path::PathBuf;
use std::sync::Arc;

/// Why an append has no outcome. A void record is not an error but an [`super::Outcome`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The log has no such partition; nothing was taken.
    #[error("the log has {partitions} partitions, no partition {partition}")]
    UnknownPartition {
        /// What was asked for.
        partition: u32,
        /// How many there are.
        partitions: u32,
    },
    /// Over 512 KiB; nothing was taken.
    #[error("a record of {len} bytes is over the {MAX_COMMIT_LEN} that a commit may have")]
    TooLong {
        /// Bytes of the record.
        len: usize,
    },
    /// The envelope would count but its body does not match it: a fault of the caller; the record was not written.
    #[error("the body of {position} does not match the length and hash in its envelope")]
    BodyMismatch {
        /// Where it would have stood.
        position: Position,
    },
    /// Too much waits for the disk already; nothing was taken. Retry later with a new decision.
    #[error("{pending} bytes wait for the log already")]
    Overloaded {
        /// Bytes that wait.
        pending: usize,
    },
    /// The record was handed over, and writing or syncing it failed, or its log was closed: whether it counts is known
    /// only after the log was opened again and read.
    #[error("the outcome is not settled: {cause}")]
    Unsettled {
        /// What failed.
        cause: Arc<str>,
    },
    /// An earlier failure stopped the log; nothing was taken. Only opening it again helps.
    #[error("the log takes no more appends until it is opened again: {cause}")]
    Poisoned {
        /// What failed first.
        cause: Arc<str>,
    },
    /// The log was opened for reading only; nothing was taken.
    #[error("the log was opened for reading only")]
    ReadOnly,
    /// The partition holds a corrupt commit, after which nothing can count; nothing was taken.
    #[error(transparent)]
    Corruption(#[from] Corruption),
}

impl AppendError {
    /// Whether the same log may take a new decision later, with no one doing anything.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Overloaded { .. })
    }
}

/// Why reading failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The log has no such partition.
    #[error("the log has {partitions} partitions, no partition {partition}")]
    UnknownPartition {
        /// What was asked for.
        partition: u32,
        /// How many there are.
        partitions: u32,
    },
    /// What lies in the log is not what was written. Nobody can go on from here: stop and name it.
    #[error(transparent)]
    Corruption(#[from] Corruption),
    /// The files could not be read.
    #[error("can't read {file}: {error}")]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: Arc<std::io::Error>,
    },
}

/// Damage to the log, named by its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("corruption in partition {partition} at seq {seq}{}: {kind}", place(.file, *.offset))]
pub struct Corruption {
    /// The partition.
    pub partition: u32,
    /// The first `seq` that can't be had.
    pub seq: u64,
    /// The file, where the log has files.
    pub file: Option<PathBuf>,
    /// Byte offset in the file.
    pub offset: u64,
    /// What is wrong.
    pub kind: CorruptionKind,
}

/// What is wrong with a damaged log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorruptionKind {
    /// A frame was durable once, since later ones say so, and is no longer readable.
    #[error("a frame that was durable is damaged: {0}")]
    Frame(&'static str),
    /// The body does not match the hash in the envelope.
    #[error("the body does not match its hash")]
    Body,
    /// A commit does not name the one before it.
    #[error("the chain is broken: this commit is not decided upon the one before it")]
    Chain,
    /// A segment file's header is damaged or belongs elsewhere.
    #[error("the segment's header is damaged or of another log: {0}")]
    SegmentHeader(&'static str),
    /// A segment is missing, cut or longer than the next one says.
    #[error("segments do not join: {0}")]
    Hole(String),
    /// A file that is none of the log's.
    #[error("a file that does not belong here")]
    StrangeFile,
}

fn place(file: &Option<PathBuf>, offset: u64) -> String {
    file.as_ref().map(|file| format!(" ({} byte {offset})", file.display())).unwrap_or_default()
}

/// What an anchor shows about a log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AnchorError {
    /// The log ends before the anchor: commits that someone has seen are gone.
    #[error("the log's tail was cut: partition {} ends at seq {}, but seq {} was seen", .anchor.partition, .head.next_seq, .anchor.next_seq)]
    TailCut {
        /// What was seen.
        anchor: Head,
        /// Where the log ends.
        head: Head,
    },
    /// The log was not read to the anchor, and is read no further: whether it has what was seen is not known.
    #[error("partition {} was read up to seq {} and is read no further, but seq {} was seen: {why}", .anchor.partition, .head.next_seq, .anchor.next_seq)]
    Unread {
        /// What was seen.
        anchor: Head,
        /// How far the log was read.
        head: Head,
        /// Why not further.
        why: Arc<str>,
    },
    /// The log has another commit at the anchor's place.
    #[error("the log has another history: partition {} has {found} before seq {}, not {}", .anchor.partition, .anchor.next_seq, .anchor.hash)]
    OtherHistory {
        /// What was seen.
        anchor: Head,
        /// The hash in the log at that place.
        found: CommitHash,
    },
    /// The log could not be read at the anchor's place.
    #[error(transparent)]
    Read(#[from] ReadError),
}
