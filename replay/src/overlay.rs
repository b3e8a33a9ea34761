//! Changes on top of a store: what a decision, or commits in flight, would make of it.

use crate::store::{Kept, Put, Read, StoreError, Table, Visit, Write};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Changed rows of one table, by key.
type Rows = BTreeMap<Vec<u8>, Option<Put>>;

/// Changed rows, in order of table and key; `None` is a deleted one. Clones share the rows.
#[derive(Debug, Clone, Default, PartialEq)]
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

    /// How many rows changed.
    pub fn len(&self) -> usize {
        self.tables.values().map(BTreeMap::len).sum()
    }

    /// Whether a row of the table changed.
    pub fn touch(&self, table: Table) -> bool {
        self.tables.contains_key(&table)
    }

    /// What became of a row; `None`: it did not change.
    pub fn get(&self, table: Table, key: &[u8]) -> Option<Option<&Put>> {
        Some(self.tables.get(&table)?.get(key)?.as_ref())
    }

    /// Notes what becomes of a row.
    pub fn insert(&mut self, table: Table, key: Vec<u8>, row: Option<Put>) {
        self.tables.entry(table).or_default().insert(key, row);
    }

    fn remove(&mut self, table: Table, key: &[u8]) {
        if let Some(rows) = self.tables.get_mut(&table) {
            rows.remove(key);
            if rows.is_empty() {
                self.tables.remove(&table);
            }
        }
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
    pub fn iter(&self) -> impl Iterator<Item = (Table, &Vec<u8>, Option<&Put>)> {
        self.tables.iter().flat_map(|(table, rows)| rows.iter().map(|(key, row)| (*table, key, row.as_ref())))
    }

    /// Writes them to a store.
    pub fn write_to(&self, store: &mut impl Write) -> Result<(), StoreError> {
        for (table, key, row) in self.iter() {
            match row {
                Some(row) => store.put(table, key, row.bytes()?.into_owned()),
                None => store.delete(table, key),
            }
        }
        Ok(())
    }

    /// Changes of a table from a key on.
    fn from<'a>(&'a self, table: Table, start: &[u8]) -> impl Iterator<Item = (&'a [u8], Option<&'a Put>)> + use<'a> {
        let range = (Bound::Included(start), Bound::Unbounded);
        let rows = self.tables.get(&table).map(|rows| rows.range::<[u8], _>(range));
        rows.into_iter().flatten().map(|(key, row)| (key.as_slice(), row.as_ref()))
    }
}

/// A store with changes on top.
pub struct Overlay<'a, R: Read + ?Sized> {
    below: &'a R,
    changes: Changes,
    /// Rows that were taken out to be changed and not put again yet.
    taken: BTreeSet<(Table, Vec<u8>)>,
}

impl<'a, R: Read + ?Sized> Overlay<'a, R> {
    /// Nothing changed yet.
    pub fn new(below: &'a R) -> Self {
        Self { below, changes: Changes::new(), taken: BTreeSet::new() }
    }

    fn change(&mut self, table: Table, key: &[u8], row: Option<Put>) {
        let key = key.to_vec();
        if !self.taken.is_empty() {
            self.taken.remove(&(table, key.clone()));
        }
        self.changes.insert(table, key, row);
    }

    /// The changes. Refuses when a row was taken out and not put again.
    pub fn into_changes(self) -> Result<Changes, StoreError> {
        match self.taken.first() {
            None => Ok(self.changes),
            Some((table, _)) => {
                Err(StoreError::Row { table: *table, detail: "taken out to be changed, and not put again".to_owned() })
            }
        }
    }
}

impl<R: Read + ?Sized> Read for Overlay<'_, R> {
    fn kept(&self, table: Table, key: &[u8]) -> Option<&Kept> {
        match self.changes.get(table, key) {
            Some(Some(Put::Kept(kept))) => Some(kept),
            Some(_) => None,
            None => self.below.kept(table, key),
        }
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(table, key) {
            Some(Some(put)) => put.bytes().map(|bytes| Some(bytes.into_owned())),
            Some(None) => Ok(None),
            None => self.below.get(table, key),
        }
    }

    fn with(&self, table: Table, key: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        match self.changes.get(table, key) {
            Some(Some(put)) => put.bytes().map(|bytes| take(&bytes)),
            Some(None) => Ok(()),
            None => self.below.with(table, key, take),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let start = if from > prefix { from } else { prefix };
        scan_merged(self.changes.from(table, start), self.below, table, prefix, from, visit)
    }
}

impl<R: Read + ?Sized> Write for Overlay<'_, R> {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.change(table, key, Some(Put::Bytes(value.into())));
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        self.change(table, key, None);
    }

    fn keep(&mut self, table: Table, key: &[u8], row: Kept) -> Option<Kept> {
        self.change(table, key, Some(Put::Kept(row)));
        None
    }

    fn take(&mut self, table: Table, key: &[u8]) -> Option<Kept> {
        let Some(Some(Put::Kept(kept))) = self.changes.get(table, key) else { return None };
        let kept = kept.clone();
        self.changes.remove(table, key);
        self.taken.insert((table, key.to_vec()));
        Some(kept)
    }
}

/// Scans `below` with changes laid over it, in order of key. `above` are the changes of the table in order, from the
/// later of `prefix` and `from` on.
pub fn scan_merged<'c, R: Read + ?Sized>(
    above: impl Iterator<Item = (&'c [u8], Option<&'c Put>)>,
    below: &R,
    table: Table,
    prefix: &[u8],
    from: &[u8],
    visit: Visit<'_>,
) -> Result<(), StoreError> {
    let start = if from > prefix { from } else { prefix };
    let mut above = above.take_while(|(key, _)| key.starts_with(prefix)).peekable();
    let mut failed = None;
    let mut more = true;
    below.scan(table, prefix, start, &mut |key, value| {
        while let Some((changed, new)) = above.next_if(|(changed, _)| *changed < key) {
            more = new.is_none_or(|new| show(changed, new, visit, &mut failed));
            if !more {
                return false;
            }
        }
        more = match above.next_if(|(changed, _)| *changed == key) {
            Some((_, Some(new))) => show(key, new, visit, &mut failed),
            Some((_, None)) => true,
            None => visit(key, value),
        };
        more
    })?;
    if more {
        for (key, new) in above {
            if !new.is_none_or(|new| show(key, new, visit, &mut failed)) {
                break;
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Shows a changed row; whether the visitor wants more. A row that has no bytes ends the scan.
fn show(key: &[u8], put: &Put, visit: Visit<'_>, failed: &mut Option<StoreError>) -> bool {
    match put.bytes() {
        Ok(bytes) => visit(key, &bytes),
        Err(error) => {
            *failed = Some(error);
            false
        }
    }
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
