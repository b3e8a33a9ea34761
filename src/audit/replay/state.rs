//! The rows of a replayed log.

use bytes::Bytes;
use mirano_replay::rows::key::FactKey;
use mirano_replay::store::{Digest, KeyAndRow, MemoryStore, Read, StoreError, Table, Visit};

/// Rows of facts lie in so many parts, by the beginning of their ids.
pub(super) const SHARDS: usize = 64;

/// Facts with the bytes of their rows, in order. Rows that were made together lie in one piece of memory.
pub(super) type Shard = Vec<(FactKey, Bytes)>;

/// Where the row of a fact lies.
pub(super) fn shard_of(key: &FactKey) -> usize {
    usize::from(key.fact().0[0]) * SHARDS / 256
}

/// All rows that a log gives. Rows of facts lie apart, or among the others, never both.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub(super) rows: MemoryStore,
    pub(super) facts: Vec<Shard>,
}

impl State {
    /// All rows, in order of table and key.
    pub fn iter(&self) -> impl Iterator<Item = (Table, &[u8], &[u8])> {
        let facts = self.facts.iter().flatten().map(|(key, row)| (Table::Fact, key.as_bytes(), row.as_ref()));
        let before = self.rows.iter().take_while(|(table, ..)| *table < Table::Fact);
        before.chain(facts).chain(self.rows.iter().skip_while(|(table, ..)| *table < Table::Fact))
    }

    /// The digest of all rows; see [`Digest`].
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Digest::default();
        for (table, key, value) in self.iter() {
            digest.row(table, key, value);
        }
        digest.finish()
    }

    fn apart(&self, table: Table) -> bool {
        table == Table::Fact && !self.facts.is_empty()
    }

    fn fact(&self, key: &[u8]) -> Option<&[u8]> {
        let key = FactKey::read(key)?;
        let shard = self.facts.get(shard_of(&key))?;
        let place = shard.binary_search_by(|(found, _)| found.cmp(&key)).ok()?;
        shard.get(place).map(|(_, row)| row.as_ref())
    }
}

impl Read for State {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.apart(table) {
            true => Ok(self.fact(key).map(<[u8]>::to_vec)),
            false => self.rows.get(table, key),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        if !self.apart(table) {
            return self.rows.scan(table, prefix, from, visit);
        }
        let start = prefix.max(from);
        for shard in &self.facts {
            let first = shard.partition_point(|(key, _)| key.as_bytes() < start);
            for (key, row) in shard.iter().skip(first) {
                if !key.as_bytes().starts_with(prefix) || !visit(key.as_bytes(), row) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn last(&self, table: Table, prefix: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        if !self.apart(table) {
            return self.rows.last(table, prefix, to);
        }
        for shard in self.facts.iter().rev() {
            let end = shard.partition_point(|(key, _)| key.as_bytes() <= to);
            if let Some((key, row)) = end.checked_sub(1).and_then(|last| shard.get(last)) {
                return Ok(key.as_bytes().starts_with(prefix).then(|| (key.as_bytes().to_vec(), row.to_vec())));
            }
        }
        Ok(None)
    }
}
