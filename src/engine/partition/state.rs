//! What a partition decides on: the views, with what is in flight on top.

use foldhash::fast::RandomState;
use mirano_replay::overlay::{Changes, of_table, scan_merged};
use mirano_replay::store::{Kept, Place, Put, Read, StoreError, Table, Visit};
use std::collections::{BTreeMap, HashMap, btree_map, hash_map};
use std::mem;

/// What became of a row; `None`: it was deleted.
type Changed = Option<Put>;

/// Tables that decisions go through in order. All others are looked up: several times as quick as a search, and most of what a
/// decision does to its rows. A scan of these finds the same, but sorts what changed first.
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

/// Rows that commits after one another changed.
#[derive(Default)]
struct Generation {
    sorted: BTreeMap<Place, Changed>,
    hashed: HashMap<Place, Changed, RandomState>,
    /// The seq of the last of these commits.
    last: u64,
}

impl Generation {
    fn len(&self) -> usize {
        self.sorted.len() + self.hashed.len()
    }

    fn get(&self, place: &Place) -> Option<&Changed> {
        if SCANNED.contains(&place.table) { self.sorted.get(place) } else { self.hashed.get(place) }
    }

    fn insert(&mut self, place: Place, row: Changed) {
        if SCANNED.contains(&place.table) {
            self.sorted.insert(place, row);
        } else {
            self.hashed.insert(place, row);
        }
    }

    /// Those of a table whose keys begin with `prefix`, in order, from `start` on.
    fn from<'a>(
        &'a self,
        table: Table,
        prefix: &[u8],
        start: &[u8],
    ) -> Box<dyn Iterator<Item = (&'a [u8], &'a Changed)> + 'a> {
        if SCANNED.contains(&table) {
            return Box::new(of_table(self.sorted.range(Place::of(table, start)..), table));
        }
        let within =
            |(place, _): &(&Place, _)| place.table == table && place.key.starts_with(prefix) && &*place.key >= start;
        let found: BTreeMap<&Place, &Changed> = self.hashed.iter().filter(within).collect();
        Box::new(found.into_iter().map(|(place, row)| (&*place.key, row)))
    }
}

/// What is in flight, and what was written lately: in two generations, the older of which goes as a whole when its rows are
/// written and the younger has grown.
#[derive(Default)]
pub(super) struct Pending {
    young: Generation,
    old: Generation,
}

impl Pending {
    /// Lays the changes of the commit at `seq` over what is there.
    pub(super) fn lay(&mut self, seq: u64, changes: &Changes) {
        self.young.last = seq;
        for (place, row) in changes.iter() {
            self.young.insert(place.clone(), row.cloned());
        }
    }

    /// The commits up to `seq` are in the views. Where more than `most` rows were changed since the last time, forgets those that
    /// changed before them, and gives them back: to free them takes a while.
    pub(super) fn written(&mut self, seq: u64, most: usize) -> Forgotten {
        if self.young.len() < most || self.old.last > seq {
            return Forgotten::default();
        }
        let old = mem::replace(&mut self.old, mem::take(&mut self.young));
        // The next one will be as large.
        self.young.hashed.reserve(self.old.hashed.len());
        Forgotten { sorted: old.sorted.into_iter(), hashed: Some(old.hashed.into_iter()) }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn get(&self, table: Table, key: &[u8]) -> Option<Option<&Put>> {
        let place = Place::of(table, key);
        self.young.get(&place).or_else(|| self.old.get(&place)).map(Option::as_ref)
    }
}

/// Rows that nobody needs any more.
#[derive(Default)]
pub struct Forgotten {
    sorted: btree_map::IntoIter<Place, Changed>,
    hashed: Option<hash_map::IntoIter<Place, Changed>>,
}

impl Forgotten {
    /// Frees so many of them; whether there are more.
    pub fn free(&mut self, rows: usize) -> bool {
        let hashed = self.hashed.iter_mut().flatten();
        self.sorted.by_ref().chain(hashed).take(rows).count() == rows
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

    fn which(&self, table: Table, keys: &[&[u8]]) -> Result<Vec<bool>, StoreError> {
        let pending: Vec<Option<bool>> =
            keys.iter().map(|key| self.overlay.get(table, key).map(|row| row.is_some())).collect();
        let below: Vec<&[u8]> =
            keys.iter().zip(&pending).filter(|(_, known)| known.is_none()).map(|(key, _)| *key).collect();
        let mut below = self.views.which(table, &below)?.into_iter();
        Ok(pending.into_iter().map(|known| known.or_else(|| below.next()).unwrap_or(false)).collect())
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let start = if from > prefix { from } else { prefix };
        let Pending { young, old } = self.overlay;
        let above = merged(young.from(table, prefix, start), old.from(table, prefix, start));
        scan_merged(above.map(|(key, row)| (key, row.as_ref())), self.views, table, prefix, from, visit)
    }
}

/// Rows of both, in order: of the same row the younger.
fn merged<'a>(
    young: impl Iterator<Item = (&'a [u8], &'a Changed)>,
    old: impl Iterator<Item = (&'a [u8], &'a Changed)>,
) -> impl Iterator<Item = (&'a [u8], &'a Changed)> {
    let (mut young, mut old) = (young.peekable(), old.peekable());
    std::iter::from_fn(move || {
        let next = young.peek().map(|(key, _)| *key);
        if next.is_none_or(|next| old.peek().is_some_and(|(key, _)| *key < next)) {
            return old.next();
        }
        old.next_if(|(key, _)| Some(*key) == next);
        young.next()
    })
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
            changes.insert(table, key, row.map(|row| vec![row].into()));
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
            below in commits(), above in commits(), behind in 0usize..4, most in 0usize..8, prefix in key(), from in key(),
        ) {
            let (mut views, mut all) = (MemoryStore::default(), MemoryStore::default());
            for rows in &below {
                changes(rows).write_to(&mut views).expect("writes");
                changes(rows).write_to(&mut all).expect("writes");
            }
            let mut overlay = Pending::default();
            let mut shown = above.iter().zip(0usize..).peekable();
            for (seq, rows) in (0usize..).zip(&above) {
                overlay.lay(seq as u64, &changes(rows));
                changes(rows).write_to(&mut all).expect("writes");
                while let Some((rows, at)) = shown.next_if(|(_, at)| at + behind <= seq) {
                    changes(rows).write_to(&mut views).expect("writes");
                    while overlay.written(at as u64, most).free(1) {}
                }
            }
            let state = State { overlay: &overlay, views: &views };
            for table in TABLES {
                prop_assert_eq!(scanned(&state, table, &prefix, &from), scanned(&all, table, &prefix, &from));
                prop_assert_eq!(state.get(table, &from), all.get(table, &from));
                prop_assert_eq!(state.has(table, &prefix), all.has(table, &prefix));
                let keys: [&[u8]; 4] = [&prefix, &from, &[1], &[2, 1]];
                prop_assert_eq!(state.which(table, &keys), all.which(table, &keys));
            }
        }
    }
}
