//! What an audit found: a kind with a documented code, a place, and words.

use mirano_schemas::Position;
use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal),* $(,)?) => {
        /// What kind of finding. The code never changes its meaning; each is explained in `docs/verify/README.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $name),* }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
        }
    };
}

kinds! {
    /// The format file of the folder, or the header of an exported file, is not as it was written.
    Folder = "folder",
    /// A file that does not belong to the log.
    StrangeFile = "strange_file",
    /// A segment's header is damaged or belongs elsewhere.
    SegmentHeader = "segment_header",
    /// A segment is missing, cut or longer than the next one says.
    Hole = "hole",
    /// A frame (of a segment) or a block (of an exported file) is damaged.
    Frame = "frame",
    /// A commit's body does not match the hash in its envelope.
    Body = "body",
    /// A commit is not decided upon the one before it: changed, dropped, doubled or moved.
    Chain = "chain",
    /// The file ends in an append that was never finished, or whose end was lost.
    TailTorn = "tail_torn",
    /// The log ends before a place that someone has seen.
    TailCut = "tail_cut",
    /// The log has another commit at a place that someone has seen.
    OtherHistory = "other_history",
    /// A topic of Apache Kafka can't be followed further.
    Topic = "topic",
    /// A hint file is damaged: it can be deleted.
    Index = "index",
    /// The system could not read a file.
    Unreadable = "unreadable",
    /// Written by a newer version: this program can't judge it.
    Newer = "newer",
    /// A commit's body is no body.
    Malformed = "malformed",
    /// Time goes backwards within a partition.
    Time = "time",
    /// A commit names a place that the log does not have.
    Reference = "reference",
    /// A fact's id is not that of its content.
    FactId = "fact_id",
    /// A sealed fact does not open with its person's key.
    FactSeal = "fact_seal",
    /// A fact came twice, or went without having been there.
    FactTwice = "fact_twice",
    /// A fact belongs to no observation.
    FactStray = "fact_stray",
    /// An observation's root is not that of its facts.
    ObservationRoot = "observation_root",
    /// An observation counts its facts wrongly.
    ObservationCounts = "observation_counts",
    /// An observation builds upon another one than the last.
    ObservationBase = "observation_base",
    /// An observation lacks one of its chunks.
    ChunkMissing = "chunk_missing",
    /// An answer is told to be a part of a larger one, and is not.
    Part = "part",
    /// A snapshot's id is not that of its content.
    SnapshotId = "snapshot_id",
    /// A snapshot names a receipt that its job does not have.
    SnapshotReceipt = "snapshot_receipt",
    /// A snapshot's root over its receipts is another.
    SnapshotReceiptsRoot = "snapshot_receipts_root",
    /// A snapshot's root over its facts is another.
    SnapshotFactsRoot = "snapshot_facts_root",
    /// A snapshot's cut is another.
    SnapshotCut = "snapshot_cut",
    /// A receipt tells of an observation what the observation does not say.
    Receipt = "receipt",
    /// The commits do not fold: an event speaks of what is not there.
    Fold = "fold",
    /// Evidence that the log names is not there.
    EvidenceMissing = "evidence_missing",
    /// Evidence is not what was received.
    EvidenceDamaged = "evidence_damaged",
    /// The views can't be read.
    ViewsUnreadable = "views_unreadable",
    /// The views are of another log, or ahead of this one.
    ViewsOther = "views_other",
    /// A row of the views is not what the log gives.
    ViewDiffers = "view_differs",
    /// A row is missing in the views.
    ViewMissing = "view_missing",
    /// The views have a row that the log does not give.
    ViewExtra = "view_extra",
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The partition, where it is of one.
    pub partition: Option<u32>,
    /// The commit, or the first one that can't be had.
    pub at: Option<Position>,
    /// File and byte, row or piece of evidence, where it is of one.
    pub place: Option<String>,
    /// What kind.
    pub kind: Kind,
    /// In words.
    pub detail: String,
}

impl Finding {
    /// Of a commit.
    pub fn at(kind: Kind, at: Position, detail: impl Into<String>) -> Self {
        Self { partition: Some(at.partition), at: Some(at), place: None, kind, detail: detail.into() }
    }

    /// Of something beside the log.
    pub fn beside(kind: Kind, place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { partition: None, at: None, place: Some(place.into()), kind, detail: detail.into() }
    }

    /// With its place in a file, or the row.
    #[must_use]
    pub fn in_place(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.code())?;
        if let Some(at) = self.at {
            write!(f, " at {at}")?;
        }
        if let Some(place) = &self.place {
            write!(f, " ({place})")?;
        }
        write!(f, ": {}", self.detail)
    }
}
