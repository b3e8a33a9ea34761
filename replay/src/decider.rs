//! The node that decides for a partition, as the log says it.

use crate::store::{Key, Row, Table};
use mirano_schemas::{DeciderChanged, Position};
use serde::{Deserialize, Serialize};

/// [`Table::Decider`]
pub fn key(partition: u32) -> Key {
    Key::new().u32(partition)
}

/// Who decides, since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeciderRow {
    /// Who, and where commands are forwarded to.
    pub changed: DeciderChanged,
    /// The commit that said so.
    pub at: Position,
}

impl Row for DeciderRow {
    const TABLE: Table = Table::Decider;
}
