//! Changes on top of a store: what a decision, or commits in flight, would make of it.

use crate::store::{Kept, Read, StoreError, Table, Visit, Write};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Changed rows of one table, by key.
type Rows = BTreeMap<Vec<u8>, Option<Arc<[u8]>>>;

/// Changed rows, in order of table and key; `None` is a deleted one. Clones share the rows' bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    // By table first, so that a row is found by a borrowed key, among those of its table only.
    tables: BTreeMap<Table, Rows>,
}

impl Changes {
    /// Nothing changed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Whether a row of the table changed.
    pub fn touch(&self, table: Table) -> bool {
        self.tables.contains_key(&table)
    }

    /// What became of a row; `None`: it did not change.
    pub fn get(&self, table: Table, key: &[u8]) -> Option<Option<&[u8]>> {
        Some(self.tables.get(&table)?.get(key)?.as_deref())
    }

    /// Notes what becomes of a row.
    pub fn insert(&mut self, table: Table, key: Vec<u8>, row: Option<Arc<[u8]>>) {
        self.tables.entry(table).or_default().insert(key, row);
    }

    /// Later changes on top of these.
    pub fn extend(&mut self, later: Self) {
        if self.is_empty() {
            *self = later;
            return;
        }
        for (table, rows) in later.tables {
            self.tables.entry(table).or_default().extend(rows);
        }
    }

    /// The first row of a table that is there after the changes because of them.
    pub fn first_put(&self, table: Table) -> Option<&[u8]> {
        let put = self.tables.get(&table)?.iter().find(|(_, row)| row.is_some());
        put.map(|(key, _)| key.as_slice())
    }

    /// All changes.
    pub fn iter(&self) -> impl Iterator<Item = (Table, &Vec<u8>, &Option<Arc<[u8]>>)> {
        self.tables.iter().flat_map(|(table, rows)| rows.iter().map(|(key, row)| (*table, key, row)))
    }

    /// Changes of a table from a key on.
    fn from<'a>(&'a self, table: Table, start: &[u8]) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let range = (Bound::Included(start), Bound::Unbounded);
        let rows = self.tables.get(&table).map(|rows| rows.range::<[u8], _>(range));
        rows.into_iter().flatten().map(|(key, row)| (key.as_slice(), row.as_deref()))
    }
}

impl IntoIterator for Changes {
    type Item = ((Table, Vec<u8>), Option<Vec<u8>>);
    type IntoIter = Box<dyn Iterator<Item = Self::Item>>;

    fn into_iter(self) -> Self::IntoIter {
        let of_table = |(table, rows): (Table, Rows)| {
            rows.into_iter().map(move |(key, row)| ((table, key), row.map(|row| row.to_vec())))
        };
        Box::new(self.tables.into_iter().flat_map(of_table))
    }
}

/// A store with changes on top.
pub struct Overlay<'a, R: Read + ?Sized> {
    below: &'a R,
    changes: Changes,
    /// Changed rows that are still values, on top of `changes`; `None` was taken out and not put again yet.
    kept: BTreeMap<Table, BTreeMap<Vec<u8>, Option<Kept>>>,
}

impl<'a, R: Read + ?Sized> Overlay<'a, R> {
    /// Nothing changed yet.
    pub fn new(below: &'a R) -> Self {
        Self { below, changes: Changes::new(), kept: BTreeMap::new() }
    }

    fn forget(&mut self, table: Table, key: &[u8]) {
        if let Some(rows) = self.kept.get_mut(&table) {
            rows.remove(key);
        }
    }

    /// The changes. Refuses when a kept row was taken out and not put again.
    pub fn into_changes(mut self) -> Result<Changes, StoreError> {
        for (table, rows) in std::mem::take(&mut self.kept) {
            for (key, row) in rows {
                let lost =
                    || StoreError::Row { table, detail: "taken out to be changed, and not put again".to_owned() };
                self.changes.insert(table, key, Some(row.ok_or_else(lost)?.encode()?.into()));
            }
        }
        Ok(self.changes)
    }
}

impl<R: Read + ?Sized> Read for Overlay<'_, R> {
    fn kept(&self, table: Table, key: &[u8]) -> Option<&Kept> {
        self.kept.get(&table)?.get(key)?.as_ref()
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(kept) = self.kept(table, key) {
            return kept.encode().map(Some);
        }
        match self.changes.get(table, key) {
            Some(changed) => Ok(changed.map(<[u8]>::to_vec)),
            None => self.below.get(table, key),
        }
    }

    fn with(&self, table: Table, key: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        if let Some(kept) = self.kept(table, key) {
            take(&kept.encode()?);
            return Ok(());
        }
        match self.changes.get(table, key) {
            Some(changed) => {
                changed.into_iter().for_each(take);
                Ok(())
            }
            None => self.below.with(table, key, take),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let start = if from > prefix { from } else { prefix };
        let Some(kept) = self.kept.get(&table).filter(|kept| !kept.is_empty()) else {
            return scan_merged(self.changes.from(table, start), self.below, table, prefix, from, visit);
        };
        let mut changes = self.changes.clone();
        for (key, row) in kept.iter().filter_map(|(key, row)| Some((key, row.as_ref()?))) {
            changes.insert(table, key.clone(), Some(row.encode()?.into()));
        }
        scan_merged(changes.from(table, start), self.below, table, prefix, from, visit)
    }
}

impl<R: Read + ?Sized> Write for Overlay<'_, R> {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.forget(table, key);
        self.changes.insert(table, key.to_vec(), Some(value.into()));
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        self.forget(table, key);
        self.changes.insert(table, key.to_vec(), None);
    }

    fn keep(&mut self, table: Table, key: &[u8], row: Kept) -> Option<Kept> {
        self.kept.entry(table).or_default().insert(key.to_vec(), Some(row));
        None
    }

    fn take(&mut self, table: Table, key: &[u8]) -> Option<Kept> {
        self.kept.get_mut(&table)?.get_mut(key)?.take()
    }
}

/// Scans `below` with changes laid over it, in order of key. `above` are the changes of the table in order, from the
/// later of `prefix` and `from` on.
pub fn scan_merged<'c, R: Read + ?Sized>(
    above: impl Iterator<Item = (&'c [u8], Option<&'c [u8]>)>,
    below: &R,
    table: Table,
    prefix: &[u8],
    from: &[u8],
    visit: Visit<'_>,
) -> Result<(), StoreError> {
    let start = if from > prefix { from } else { prefix };
    let mut above = above.take_while(|(key, _)| key.starts_with(prefix)).peekable();
    let mut more = true;
    below.scan(table, prefix, start, &mut |key, value| {
        while let Some((changed, new)) = above.next_if(|(changed, _)| *changed < key) {
            if let Some(new) = new {
                more = visit(changed, new);
                if !more {
                    return false;
                }
            }
        }
        more = match above.next_if(|(changed, _)| *changed == key) {
            Some((_, Some(new))) => visit(key, new),
            Some((_, None)) => true,
            None => visit(key, value),
        };
        more
    })?;
    if more {
        for (key, new) in above {
            if let Some(new) = new
                && !visit(key, new)
            {
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::LabelRow;
    use crate::store::{MemoryStore, ReadExt, WriteExt};

    fn label(text: &str) -> LabelRow {
        LabelRow { label: text.to_owned() }
    }

    #[test]
    fn a_row_that_is_taken_and_not_put_again_is_no_change() {
        let below = MemoryStore::default();
        let mut overlay = Overlay::new(&below);
        overlay.put_last(b"a", label("new")).expect("encodes");
        assert_eq!(overlay.row_to_change::<LabelRow>(b"a"), Ok(Some(label("new"))));
        assert!(overlay.into_changes().is_err());
    }

    /// Rows kept as values are the same rows to every reader, and become the same bytes.
    #[test]
    fn kept_rows_read_as_written_ones() {
        let mut below = MemoryStore::default();
        for key in [b"a", b"b", b"c", b"d"] {
            below.put_row(key, &label("old")).expect("encodes");
        }
        let (mut kept, mut written) = (Overlay::new(&below), Overlay::new(&below));
        for (key, text) in [(b"b", "first"), (b"b", "second"), (b"e", "new")] {
            kept.put_last(key, label(text)).expect("encodes");
            written.put_row(key, &label(text)).expect("encodes");
        }
        for overlay in [&mut kept, &mut written] {
            overlay.delete(Table::SubjectLabel, b"c");
            let mut taken: LabelRow = overlay.row_to_change(b"b").expect("decodes").expect("there");
            taken.label.push('!');
            overlay.put_last(b"b", taken).expect("encodes");
        }
        let read = |overlay: &Overlay<'_, MemoryStore>| {
            let rows: Vec<(Vec<u8>, LabelRow)> = overlay.rows(&[], &[], 10).expect("decodes");
            let one = overlay.get(Table::SubjectLabel, b"b").expect("reads");
            let shared = overlay.shared::<LabelRow>(b"b").expect("decodes").expect("there");
            (rows, one, shared, overlay.has(Table::SubjectLabel, b"c").expect("reads"))
        };
        let (rows, _, shared, deleted) = read(&kept);
        assert_eq!(rows.iter().map(|(key, _)| key[0]).collect::<Vec<_>>(), b"abde");
        assert_eq!((shared.label.as_str(), deleted), ("second!", false));
        assert_eq!(read(&kept), read(&written));
        assert_eq!(kept.into_changes(), written.into_changes());
    }
}
