//! Changes on top of a store: what a decision, or commits in flight, would make of it.

use crate::store::{Kept, Place, Put, Read, StoreError, Table, Visit, Write};
use std::collections::{BTreeMap, BTreeSet};

/// Changed rows, in order of table and key; `None` is a deleted one. Clones share the rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    // Nearly every place needs no memory of its own, so that looking for one costs none.
    rows: BTreeMap<Place, Option<Put>>,
}

impl Changes {
    /// Nothing changed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows changed.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether a row of the table changed.
    pub fn touch(&self, table: Table) -> bool {
        self.from(table, &[]).next().is_some()
    }

    /// Notes what becomes of a row.
    pub fn insert(&mut self, table: Table, key: &[u8], row: Option<Put>) {
        self.rows.insert(Place::of(table, key), row);
    }

    /// Later changes on top of these.
    pub fn extend(&mut self, later: Self) {
        if self.is_empty() {
            *self = later;
        } else {
            self.rows.extend(later.rows);
        }
    }

    /// The first row of a table that is there after the changes because of them.
    pub fn first_put(&self, table: Table) -> Option<&[u8]> {
        self.from(table, &[]).find(|(_, row)| row.is_some()).map(|(key, _)| key)
    }

    /// All changes, by where the rows lie.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, Option<&Put>)> {
        self.rows.iter().map(|(place, row)| (place, row.as_ref()))
    }

    /// Writes them to a store.
    pub fn write_to(&self, store: &mut impl Write) -> Result<(), StoreError> {
        for (place, row) in self.iter() {
            match row {
                Some(row) => store.put(place.table, &place.key, row.bytes()?.into_owned()),
                None => store.delete(place.table, &place.key),
            }
        }
        Ok(())
    }

    /// Changes of a table from a key on.
    fn from<'a>(&'a self, table: Table, start: &[u8]) -> impl Iterator<Item = (&'a [u8], Option<&'a Put>)> + use<'a> {
        of_table(self.rows.range(Place::of(table, start)..), table).map(|(key, row)| (key, row.as_ref()))
    }
}

/// Of rows in order, those that lie in a table, by their keys.
pub fn of_table<'a>(
    rows: impl Iterator<Item = (&'a Place, &'a Option<Put>)>,
    table: Table,
) -> impl Iterator<Item = (&'a [u8], &'a Option<Put>)> {
    rows.take_while(move |(place, _)| place.table == table).map(|(place, row)| (&*place.key, row))
}

/// A store with changes on top.
pub struct Overlay<'a, R: Read + ?Sized> {
    below: &'a R,
    changes: Changes,
    /// Rows that were taken out to be changed and not put again yet.
    taken: BTreeSet<Place>,
    /// Rows that are known not to be below.
    absent: BTreeSet<Place>,
}

impl<'a, R: Read + ?Sized> Overlay<'a, R> {
    /// Nothing changed yet.
    pub fn new(below: &'a R) -> Self {
        Self { below, changes: Changes::new(), taken: BTreeSet::new(), absent: BTreeSet::new() }
    }

    /// Looks for many rows at once, so that those that are not there are not looked for one by one.
    pub fn note_absent(&mut self, table: Table, keys: &[&[u8]]) -> Result<(), StoreError> {
        let there = self.below.which(table, keys)?;
        let absent = keys.iter().zip(there).filter(|(_, there)| !there);
        self.absent.extend(absent.map(|(key, _)| Place::of(table, key)));
        Ok(())
    }

    /// What became of a row; the store below is to be asked only where this does not know.
    fn known(&self, table: Table, key: &[u8]) -> Option<Option<&Put>> {
        let place = Place::of(table, key);
        let changed = self.changes.rows.get(&place).map(Option::as_ref);
        changed.or_else(|| self.absent.contains(&place).then_some(None))
    }

    fn change(&mut self, table: Table, key: &[u8], row: Option<Put>) {
        let place = Place::of(table, key);
        if !self.taken.is_empty() {
            self.taken.remove(&place);
        }
        self.changes.rows.insert(place, row);
    }

    /// The changes. Refuses when a row was taken out and not put again.
    pub fn into_changes(self) -> Result<Changes, StoreError> {
        match self.taken.first() {
            None => Ok(self.changes),
            Some(place) => {
                let detail = "taken out to be changed, and not put again".to_owned();
                Err(StoreError::Row { table: place.table, detail })
            }
        }
    }
}

impl<R: Read + ?Sized> Read for Overlay<'_, R> {
    fn kept(&self, table: Table, key: &[u8]) -> Option<&Kept> {
        match self.known(table, key) {
            Some(Some(Put::Kept(kept))) => Some(kept),
            Some(_) => None,
            None => self.below.kept(table, key),
        }
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.known(table, key) {
            Some(Some(put)) => put.bytes().map(|bytes| Some(bytes.into_owned())),
            Some(None) => Ok(None),
            None => self.below.get(table, key),
        }
    }

    fn with(&self, table: Table, key: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        match self.known(table, key) {
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
        self.change(table, key, Some(value.into()));
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        self.change(table, key, None);
    }

    fn keep(&mut self, table: Table, key: &[u8], row: Kept) -> Option<Kept> {
        self.change(table, key, Some(Put::Kept(row)));
        None
    }

    fn take(&mut self, table: Table, key: &[u8]) -> Option<Kept> {
        let place = Place::of(table, key);
        match self.changes.rows.remove(&place) {
            Some(Some(Put::Kept(kept))) => {
                self.taken.insert(place);
                Some(kept)
            }
            other => {
                self.changes.rows.extend(other.map(|row| (place, row)));
                None
            }
        }
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

    /// What is not below may be put, changed and deleted all the same.
    #[test]
    fn rows_known_to_be_absent_are_as_any_others() {
        let mut below = MemoryStore::default();
        below.put_row(b"a", &label("old")).expect("encodes");
        let (mut noted, mut plain) = (Overlay::new(&below), Overlay::new(&below));
        let keys: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
        noted.note_absent(Table::SubjectLabel, &keys).expect("reads");
        for overlay in [&mut noted, &mut plain] {
            assert_eq!(
                keys.map(|key| overlay.has(Table::SubjectLabel, key)),
                [Ok(true), Ok(false), Ok(false), Ok(false)]
            );
            overlay.put_last(b"b", label("new")).expect("encodes");
            let taken: Option<LabelRow> = overlay.row_to_change(b"b").expect("decodes");
            assert_eq!(taken, Some(label("new")));
            overlay.put_last(b"b", label("newer")).expect("encodes");
            overlay.put_row(b"c", &label("gone")).expect("encodes");
            overlay.delete(Table::SubjectLabel, b"c");
            overlay.delete(Table::SubjectLabel, b"a");
            assert_eq!(overlay.row::<LabelRow>(b"d"), Ok(None));
        }
        let rows = |overlay: &Overlay<'_, MemoryStore>| overlay.rows::<LabelRow>(&[], &[], 10).expect("decodes");
        assert_eq!(rows(&noted), [(b"b".to_vec(), label("newer"))]);
        assert_eq!(rows(&noted), rows(&plain));
        assert_eq!(noted.into_changes(), plain.into_changes());
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
