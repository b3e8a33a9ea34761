//! Keys of rows, built so that the order of their bytes is the order of what they say.

use super::Table;
use mirano_schemas::Timestamp;
use smallvec::SmallVec;
use std::ops::Deref;

/// Nearly every key is as long at most, and needs no memory of its own.
const INLINE: usize = 48;

/// The bytes of a key: numbers big-endian, so that their order is the order of keys; text ends with a zero byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(SmallVec<[u8; INLINE]>);

impl Key {
    /// An empty key.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds bytes of fixed length.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    /// Adds text, which must not hold a zero byte, and its end.
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes()).bytes(&[0])
    }
    /// Adds a number.
    pub fn u32(self, number: u32) -> Self {
        self.bytes(&number.to_be_bytes())
    }
    /// Adds a number.
    pub fn u64(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }
    /// Adds a moment; later ones sort later.
    pub fn time(self, at: Timestamp) -> Self {
        let number = u64::try_from(at.0).unwrap_or(0);
        self.u64(number)
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Where a row lies among those of all tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The table.
    pub table: Table,
    /// The key in it.
    pub key: Key,
}

impl Place {
    /// Of a row, or of those whose keys begin so.
    pub fn of(table: Table, key: &[u8]) -> Self {
        Self { table, key: Key(SmallVec::from_slice(key)) }
    }
}
