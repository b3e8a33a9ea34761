//! Changes on top of a store: what a decision, or commits in flight, would make of it.

use crate::store::{Read, StoreError, Table, Visit, Write};
use std::collections::BTreeMap;

/// Changed rows; `None` is a deleted one.
pub type Changes = BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>;

/// A store with changes on top.
pub struct Overlay<'a, R: Read + ?Sized> {
    below: &'a R,
    changes: Changes,
}

impl<'a, R: Read + ?Sized> Overlay<'a, R> {
    /// Nothing changed yet.
    pub fn new(below: &'a R) -> Self {
        Self { below, changes: Changes::new() }
    }

    /// The changes.
    pub fn into_changes(self) -> Changes {
        self.changes
    }
}

impl<R: Read + ?Sized> Read for Overlay<'_, R> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(&(table, key.to_vec())) {
            Some(changed) => Ok(changed.clone()),
            None => self.below.get(table, key),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        scan_merged(&self.changes, self.below, table, prefix, from, visit)
    }
}

impl<R: Read + ?Sized> Write for Overlay<'_, R> {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.changes.insert((table, key.to_vec()), Some(value));
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        self.changes.insert((table, key.to_vec()), None);
    }
}

/// Scans `below` with `changes` laid over it, in order of key.
pub fn scan_merged<R: Read + ?Sized>(
    changes: &Changes,
    below: &R,
    table: Table,
    prefix: &[u8],
    from: &[u8],
    visit: Visit<'_>,
) -> Result<(), StoreError> {
    let start = if from > prefix { from } else { prefix };
    let mut above = changes
        .range((table, start.to_vec())..)
        .take_while(|((found, key), _)| *found == table && key.starts_with(prefix))
        .map(|((_, key), value)| (key.as_slice(), value.as_deref()))
        .peekable();
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
