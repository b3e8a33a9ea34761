//! What a partition decides on: the views, with what is in flight on top.

use mirano_replay::overlay::{Changes, scan_merged};
use mirano_replay::store::{Kept, Put, Read, StoreError, Table, Visit};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// A changed row: the seq that changed it last, and what it is.
type Changed = (u64, Option<Put>);

/// The changed rows of one table.
enum Rows {
    /// Of a table that decisions go through in order.
    Sorted(BTreeMap<Vec<u8>, Changed>),
    /// Of a table that they look up: several times as quick as a search, and most of what a decision does to its rows.
    Hashed(HashMap<Vec<u8>, Changed>),
}

/// Tables that decisions go through. A scan of any other finds the same, but sorts what changed of it first.
const SCANNED: &[Table] = &[
    Table::Channel,
    Table::ChannelByTenant,
    Table::Chunk,
    Table::DeadLetter,
    Table::Delayed,
    Table::DemandDue,
    Table::FailedNeed,
    Table::LeaseEnd,
    Table::NotificationIndex,
    Table::Ready,
    Table::StaleDue,
    Table::SubjectQuery,
    Table::Waiter,
    Table::WatchDue,
];

impl Rows {
    fn new(table: Table) -> Self {
        match SCANNED.contains(&table) {
            true => Self::Sorted(BTreeMap::new()),
            false => Self::Hashed(HashMap::new()),
        }
    }

    fn get(&self, key: &[u8]) -> Option<&Changed> {
        match self {
            Self::Sorted(rows) => rows.get(key),
            Self::Hashed(rows) => rows.get(key),
        }
    }

    fn insert(&mut self, key: Vec<u8>, changed: Changed) {
        match self {
            Self::Sorted(rows) => rows.insert(key, changed),
            Self::Hashed(rows) => rows.insert(key, changed),
        };
    }

    fn remove(&mut self, key: &[u8]) {
        match self {
            Self::Sorted(rows) => rows.remove(key),
            Self::Hashed(rows) => rows.remove(key),
        };
    }

    /// Those that begin with `prefix`, in order, from `start` on.
    fn from<'a>(&'a self, prefix: &[u8], start: &[u8]) -> Box<dyn Iterator<Item = (&'a [u8], Option<&'a Put>)> + 'a> {
        match self {
            Self::Sorted(rows) => {
                let range = (Bound::Included(start), Bound::Unbounded);
                Box::new(rows.range::<[u8], _>(range).map(|(key, (_, row))| (key.as_slice(), row.as_ref())))
            }
            Self::Hashed(rows) => {
                let within = |key: &&Vec<u8>| key.starts_with(prefix) && key.as_slice() >= start;
                let found: BTreeMap<&'a [u8], Option<&'a Put>> = rows
                    .iter()
                    .filter(|(key, _)| within(key))
                    .map(|(key, (_, row))| (key.as_slice(), row.as_ref()))
                    .collect();
                Box::new(found.into_iter())
            }
        }
    }
}

/// What is in flight, and what was written lately.
#[derive(Default)]
pub(super) struct Pending {
    tables: BTreeMap<Table, Rows>,
}

impl Pending {
    /// Lays the changes of the commit at `seq` over what is there.
    pub(super) fn lay(&mut self, seq: u64, changes: &Changes) {
        for (table, key, row) in changes.iter() {
            let rows = self.tables.entry(table).or_insert_with(|| Rows::new(table));
            rows.insert(key.clone(), (seq, row.cloned()));
        }
    }

    /// Forgets the rows that the commits up to `seq` changed last.
    pub(super) fn forget(&mut self, seq: u64, changes: &Changes) {
        for (table, key, _) in changes.iter() {
            let Some(rows) = self.tables.get_mut(&table) else { continue };
            if rows.get(key).is_some_and(|(last, _)| *last <= seq) {
                rows.remove(key);
            }
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.tables.clear();
    }

    fn get(&self, table: Table, key: &[u8]) -> Option<Option<&Put>> {
        Some(self.tables.get(&table)?.get(key)?.1.as_ref())
    }
}

/// The views with what is in flight on top.
pub(super) struct State<'a> {
    pub(super) overlay: &'a Pending,
    pub(super) views: &'a dyn Read,
}

impl Read for State<'_> {
    fn kept(&self, table: Table, key: &[u8]) -> Option<&Kept> {
        match self.overlay.get(table, key) {
            Some(Some(Put::Kept(kept))) => Some(kept),
            Some(_) => None,
            None => self.views.kept(table, key),
        }
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.overlay.get(table, key) {
            Some(Some(put)) => put.bytes().map(|bytes| Some(bytes.into_owned())),
            Some(None) => Ok(None),
            None => self.views.get(table, key),
        }
    }

    fn with(&self, table: Table, key: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        match self.overlay.get(table, key) {
            Some(Some(put)) => put.bytes().map(|bytes| take(&bytes)),
            Some(None) => Ok(()),
            None => self.views.with(table, key, take),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let start = if from > prefix { from } else { prefix };
        let above = self.overlay.tables.get(&table).map(|rows| rows.from(prefix, start)).into_iter().flatten();
        scan_merged(above, self.views, table, prefix, from, visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirano_replay::store::{MemoryStore, ReadExt};
    use proptest::prelude::*;

    /// A table that is gone through, and one that is not.
    const TABLES: [Table; 2] = [Table::Waiter, Table::Job];

    type Row = (Vec<u8>, Option<u8>);

    fn key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(0u8..3, 0..4)
    }

    fn commits() -> impl Strategy<Value = Vec<Vec<Row>>> {
        proptest::collection::vec(proptest::collection::vec((key(), proptest::option::of(any::<u8>())), 0..6), 0..6)
    }

    fn changes(rows: &[Row]) -> Changes {
        let mut changes = Changes::new();
        for (table, (key, row)) in TABLES.iter().flat_map(|table| rows.iter().map(move |row| (*table, row))) {
            changes.insert(table, key.clone(), row.map(|row| Put::Bytes([row].into())));
        }
        changes
    }

    fn scanned(store: &dyn Read, table: Table, prefix: &[u8], from: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        let visited = store.scan(table, prefix, from, &mut |key, row| {
            rows.push((key.to_vec(), row.to_vec()));
            true
        });
        visited.expect("reads");
        rows
    }

    proptest! {
        /// What is laid over the views, some of it written and forgotten since, reads as if all of it were written.
        #[test]
        fn it_reads_as_what_is_written(
            below in commits(), above in commits(), shown in 0usize..6, prefix in key(), from in key(),
        ) {
            let (mut views, mut all) = (MemoryStore::default(), MemoryStore::default());
            for rows in &below {
                changes(rows).write_to(&mut views).expect("writes");
                changes(rows).write_to(&mut all).expect("writes");
            }
            let mut overlay = Pending::default();
            for (seq, rows) in (0..).zip(&above) {
                overlay.lay(seq, &changes(rows));
                changes(rows).write_to(&mut all).expect("writes");
            }
            for (seq, rows) in (0..).zip(&above).take(shown) {
                changes(rows).write_to(&mut views).expect("writes");
                overlay.forget(seq, &changes(rows));
            }
            let state = State { overlay: &overlay, views: &views };
            for table in TABLES {
                prop_assert_eq!(scanned(&state, table, &prefix, &from), scanned(&all, table, &prefix, &from));
                prop_assert_eq!(state.get(table, &from), all.get(table, &from));
                prop_assert_eq!(state.has(table, &prefix), all.has(table, &prefix));
            }
        }
    }
}
