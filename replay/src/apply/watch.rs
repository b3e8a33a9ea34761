//! Watches: rows of the partition of their job.

use super::{ApplyError, At, dangling};
use crate::rows::{WatchRow, key};
use crate::store::{Key, ReadExt, Table, Write, WriteExt};
use mirano_schemas::*;

fn due(at: At, row: &WatchRow) -> Key {
    key::watch_due(at.position.partition, row.next_at, row.set.watch)
}

pub(super) fn set(store: &mut impl Write, at: At, event: &WatchSet) -> Result<(), ApplyError> {
    let row = WatchRow {
        set: event.clone(),
        set_at: at.recorded_at,
        next_at: event.next_at,
        last_at: None,
        position: at.position,
    };
    store.put(Table::WatchDue, &due(at, &row), Vec::new());
    store.put(Table::WatchByTenant, &key::watch_by_tenant(&event.tenant, Some(event.watch)), Vec::new());
    Ok(store.put_row(event.watch.as_bytes(), &row)?)
}

pub(super) fn rang(store: &mut impl Write, at: At, event: &WatchRang) -> Result<(), ApplyError> {
    let row: Option<WatchRow> = store.row(event.watch.as_bytes())?;
    let mut row = row.ok_or_else(|| dangling(at, "WatchRang", event.watch))?;
    store.delete(Table::WatchDue, &due(at, &row));
    (row.next_at, row.last_at, row.position) = (event.next_at, Some(at.recorded_at), at.position);
    store.put(Table::WatchDue, &due(at, &row), Vec::new());
    Ok(store.put_row(event.watch.as_bytes(), &row)?)
}

pub(super) fn ended(store: &mut impl Write, at: At, event: &WatchEnded) -> Result<(), ApplyError> {
    let row: Option<WatchRow> = store.row(event.watch.as_bytes())?;
    let row = row.ok_or_else(|| dangling(at, "WatchEnded", event.watch))?;
    store.delete(Table::WatchDue, &due(at, &row));
    store.delete(Table::WatchByTenant, &key::watch_by_tenant(&row.set.tenant, Some(event.watch)));
    store.delete(Table::Watch, event.watch.as_bytes());
    Ok(())
}
