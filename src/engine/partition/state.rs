//! What a partition decides on: the views, with what is in flight on top.

use mirano_replay::overlay::scan_merged;
use mirano_replay::store::{Kept, Put, Read, StoreError, Table, Visit};
use std::collections::BTreeMap;
use std::ops::Bound;

/// For each changed row, the seq that changed it last, and what it is.
pub(super) type Pending = BTreeMap<Table, BTreeMap<Vec<u8>, (u64, Option<Put>)>>;

/// The views with what is in flight on top.
pub(super) struct State<'a> {
    pub(super) overlay: &'a Pending,
    pub(super) views: &'a dyn Read,
}

impl State<'_> {
    fn changed(&self, table: Table, key: &[u8]) -> Option<Option<&Put>> {
        Some(self.overlay.get(&table)?.get(key)?.1.as_ref())
    }
}

impl Read for State<'_> {
    fn kept(&self, table: Table, key: &[u8]) -> Option<&Kept> {
        match self.changed(table, key) {
            Some(Some(Put::Kept(kept))) => Some(kept),
            Some(_) => None,
            None => self.views.kept(table, key),
        }
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changed(table, key) {
            Some(Some(put)) => put.bytes().map(|bytes| Some(bytes.into_owned())),
            Some(None) => Ok(None),
            None => self.views.get(table, key),
        }
    }

    fn with(&self, table: Table, key: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        match self.changed(table, key) {
            Some(Some(put)) => put.bytes().map(|bytes| take(&bytes)),
            Some(None) => Ok(()),
            None => self.views.with(table, key, take),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let start = if from > prefix { from } else { prefix };
        let range = (Bound::Included(start), Bound::Unbounded);
        let rows = self.overlay.get(&table).map(|rows| rows.range::<[u8], _>(range));
        let above = rows.into_iter().flatten().map(|(key, (_, row))| (key.as_slice(), row.as_ref()));
        scan_merged(above, self.views, table, prefix, from, visit)
    }
}
