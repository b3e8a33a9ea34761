//! Demand: which queries the jobs of a partition ask for, how often, and when the popular ones are to be looked at.
//!
//! A job's needs are counted once each, whoever answers them; re-checks are not counted, so that what is asked again by itself
//! does not look popular for that.

use super::{ApplyError, At, dangling};
use crate::rows::demand::{DemandRow, HOUR_MS, ONE_ASK, POPULAR, PrefetchedRow, lead_ms};
use crate::rows::key;
use crate::store::{ReadExt, Table, Write, WriteExt};
use mirano_schemas::*;

fn put(store: &mut impl Write, at: At, query: QueryKey, row: &DemandRow) -> Result<(), ApplyError> {
    Ok(store.put_row(&key::demand(at.position.partition, query), row)?)
}

/// Moves the time at which the query is looked at.
fn move_to(store: &mut impl Write, at: At, query: QueryKey, row: &mut DemandRow, due: Option<Timestamp>) {
    if row.due == due {
        return;
    }
    let place = |due| key::demand_due(at.position.partition, due, query);
    if let Some(before) = row.due {
        store.delete(Table::DemandDue, &place(before));
    }
    if let Some(due) = due {
        store.put(Table::DemandDue, &place(due), Vec::new());
    }
    row.due = due;
}

/// When a query is to be looked at: shortly before its answer becomes stale, if it is popular.
fn due(row: &DemandRow, now: Timestamp) -> Option<Timestamp> {
    let (observed_at, ttl_ms) = row.known?;
    let looked_at = observed_at.plus_ms(ttl_ms - lead_ms(ttl_ms));
    let stale = observed_at.plus_ms(ttl_ms) <= now;
    (!stale && row.score_at(now) >= POPULAR).then_some(looked_at)
}

/// A job needs the answer to a query.
pub(super) fn needed(store: &mut impl Write, at: At, job: JobId, need: &Need) -> Result<(), ApplyError> {
    let Some(query) = need.query else { return Ok(()) };
    let now = at.recorded_at;
    let before: Option<DemandRow> = store.row(&key::demand(at.position.partition, query))?;
    let mut row = DemandRow {
        source: need.source.clone(),
        job,
        need_id: need.need_id,
        score: before.as_ref().map_or(0, |before| before.score_at(now)).saturating_add(ONE_ASK),
        at: now,
        known: before.as_ref().and_then(|before| before.known),
        due: before.and_then(|before| before.due),
    };
    let due = due(&row, now);
    move_to(store, at, query, &mut row, due);
    put(store, at, query, &row)
}

/// A need was answered: what is known of its query, as far as this partition can tell.
pub(super) fn answered(store: &mut impl Write, at: At, query: QueryKey, receipt: &Receipt) -> Result<(), ApplyError> {
    let Some(mut row) = store.row::<DemandRow>(&key::demand(at.position.partition, query))? else { return Ok(()) };
    let known = (receipt.observed_at, receipt.ttl_ms);
    if row.known.is_some_and(|before| before >= known) {
        return Ok(());
    }
    row.known = Some(known);
    let due = due(&row, at.recorded_at);
    move_to(store, at, query, &mut row, due);
    put(store, at, query, &row)
}

pub(super) fn decided(store: &mut impl Write, at: At, event: &PrefetchDecided) -> Result<(), ApplyError> {
    let row: Option<DemandRow> = store.row(&key::demand(at.position.partition, event.query))?;
    let mut row = row.ok_or_else(|| dangling(at, "PrefetchDecided", event.query))?;
    move_to(store, at, event.query, &mut row, event.next_at);
    put(store, at, event.query, &row)?;
    if event.verdict == PrefetchVerdict::Asked {
        let place = key::prefetched(at.position.partition, &event.source);
        let hour = at.recorded_at.0.div_euclid(HOUR_MS);
        let before = store.row::<PrefetchedRow>(&place)?.filter(|row| row.hour == hour).unwrap_or_default();
        store.put_row(&place, &PrefetchedRow { hour, asked: before.asked.saturating_add(1) })?;
    }
    Ok(())
}
