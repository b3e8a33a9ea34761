//! The checkpoints that the log names.

use crate::store::{Key, Read, ReadExt, Row, StoreError, Table};
use mirano_schemas::{CheckpointTaken, Position, Timestamp};
use serde::{Deserialize, Serialize};

/// [`Table::Checkpoint`]
pub fn key(at: Position) -> Key {
    Key::new().u32(at.partition).u64(at.seq)
}

/// A checkpoint, and where the log names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRow {
    /// What it is.
    pub taken: CheckpointTaken,
    /// The commit that names it.
    pub at: Position,
    /// When that was.
    pub recorded_at: Timestamp,
}

impl Row for CheckpointRow {
    const TABLE: Table = Table::Checkpoint;
}

/// All of them, the oldest first.
pub fn all(rows: &(impl Read + ?Sized)) -> Result<Vec<CheckpointRow>, StoreError> {
    Ok(rows.rows(&[], &[], usize::MAX)?.into_iter().map(|(_, row)| row).collect())
}
