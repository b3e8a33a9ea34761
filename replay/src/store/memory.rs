//! Rows in memory, for those who keep none on a disk: auditor, simulator, tests.

use super::{Digest, KeyAndRow, Place, Read, StoreError, Table, TakeAll, Visit, Write};
use std::collections::BTreeMap;

/// A store in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryStore {
    rows: BTreeMap<Place, Vec<u8>>,
}

impl MemoryStore {
    /// All rows, in order of table and key.
    pub fn iter(&self) -> impl Iterator<Item = (Table, &[u8], &[u8])> {
        self.rows.iter().map(|(place, row)| (place.table, &*place.key, row.as_slice()))
    }

    /// Takes the rows of another store in: folds of different partitions have none in common.
    pub fn absorb(&mut self, mut other: Self) {
        self.rows.append(&mut other.rows);
    }

    /// The digest of all rows; see [`Digest`].
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Digest::default();
        for (table, key, value) in self.iter() {
            digest.row(table, key, value);
        }
        digest.finish()
    }
}

impl Read for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.get(&Place::of(table, key)).cloned())
    }

    fn with_all(&self, table: Table, keys: &[&[u8]], take: TakeAll<'_>) -> Result<(), StoreError> {
        let row = |key: &&[u8]| self.rows.get(&Place::of(table, key)).map(Vec::as_slice);
        take(&keys.iter().map(row).collect::<Vec<_>>());
        Ok(())
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let start = if from > prefix { from } else { prefix };
        for (place, row) in self.rows.range(Place::of(table, start)..) {
            if place.table != table || !place.key.starts_with(prefix) || !visit(&place.key, row) {
                break;
            }
        }
        Ok(())
    }

    fn last(&self, table: Table, prefix: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        let last = self.rows.range(..=Place::of(table, to)).next_back();
        let fits = last.filter(|(place, _)| place.table == table && place.key.starts_with(prefix));
        Ok(fits.map(|(place, row)| (place.key.to_vec(), row.clone())))
    }
}

impl Write for MemoryStore {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.rows.insert(Place::of(table, key), value);
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        self.rows.remove(&Place::of(table, key));
    }
}
