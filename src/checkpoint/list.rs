//! The list of a checkpoint's contents: JSON, named by the hash of its bytes. Read and written in version 1.

use super::CheckpointError;
use mirano_schemas::envelope::Head;
use mirano_schemas::{CheckpointHead, CommitHash, LogId};
use serde::{Deserialize, Serialize};

const FORMAT: &str = "mirano checkpoint";
const VERSION: u64 = 1;

/// What a checkpoint consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Always `mirano checkpoint`.
    pub format: String,
    /// Of this list.
    pub version: u64,
    /// The log, base32.
    pub log_id: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// The form of the rows.
    pub form: u32,
    /// When it was begun, in milliseconds since 1970.
    pub taken_at_ms: i64,
    /// Where each partition stands in it, in order.
    pub heads: Vec<HeadText>,
    /// Where the mirror stood in the topic, in order; empty where the log is in no topic.
    pub places: Vec<PlaceText>,
    /// The log, in order of partition and seq.
    pub log: Vec<LogPart>,
    /// The rows.
    pub rows: Rows,
}

/// A head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadText {
    /// How many commits.
    pub next_seq: u64,
    /// Hash of the last one.
    pub hash: String,
}

/// A place in the topic; at its start where there is no offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceText {
    /// The last record that was read.
    pub offset: Option<i64>,
    /// BLAKE3 of its value.
    pub record: Option<String>,
    /// The head after it.
    pub head: HeadText,
}

/// A run of commits of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPart {
    /// The partition.
    pub partition: u32,
    /// The first commit in it.
    pub first_seq: u64,
    /// The head after the last one.
    pub head: HeadText,
    /// Where it lies.
    pub part: Part,
}

/// An object of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// BLAKE3 of its bytes before they were packed: its name.
    pub hash: String,
    /// How many bytes that are.
    pub bytes: u64,
}

/// All rows of the views.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Their digest.
    pub digest: String,
    /// How many.
    pub rows: u64,
    /// Where they lie, in order of table and key.
    pub parts: Vec<Part>,
}

impl HeadText {
    /// Of a head.
    pub fn of(head: &Head) -> Self {
        Self { next_seq: head.next_seq, hash: head.hash.to_string() }
    }

    /// As a head of a partition; none when the hash can't be read.
    pub fn head(&self, partition: u32) -> Option<Head> {
        Some(Head { partition, next_seq: self.next_seq, hash: self.hash.parse().ok()? })
    }
}

impl List {
    /// A list of this version without contents.
    pub fn new(log: LogId, heads: &[Head], form: u32, taken_at_ms: i64) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            log_id: log.to_string(),
            partitions: u32::try_from(heads.len()).unwrap_or(u32::MAX),
            form,
            taken_at_ms,
            heads: heads.iter().map(HeadText::of).collect(),
            places: Vec::new(),
            log: Vec::new(),
            rows: Rows { digest: String::new(), rows: 0, parts: Vec::new() },
        }
    }

    /// Reads a list; the version is looked at first, since a newer one may have any other fields.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let bad = |why: String| CheckpointError::damaged(name, why);
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        if value.get("format").and_then(|format| format.as_str()) != Some(FORMAT) {
            return Err(bad("it is no list of a checkpoint".to_owned()));
        }
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(VERSION) => {}
            other => return Err(bad(format!("its version is {other:?}; this program reads {VERSION}"))),
        }
        serde_json::from_value(value).map_err(|error| bad(error.to_string()))
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let bytes = serde_json::to_vec(self);
        bytes.map_err(|error| CheckpointError::BrokenOff(error.to_string()))
    }

    /// The heads, as the log names them; none when one can't be read.
    pub fn heads(&self) -> Option<Vec<CheckpointHead>> {
        let numbered = (0u32..).zip(&self.heads);
        let head = |(partition, head): (u32, &HeadText)| {
            let hash: CommitHash = head.hash.parse().ok()?;
            Some(CheckpointHead { partition, next_seq: head.next_seq, hash })
        };
        numbered.map(head).collect()
    }

    /// All objects that it names.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.log.iter().map(|part| &part.part).chain(&self.rows.parts)
    }
}
