//! How sources and proxies are: outcomes as breakers remember them, breakers, pace, and the day's requests.

use super::{ApplyError, At};
use crate::rows::{BreakerRow, DAY_MS, DayRow, OpenRow, PaceRow, SourceRow};
use crate::store::{Write, WriteExt};
use mirano_schemas::*;

/// The key of the source itself among its breakers.
const ITSELF: &str = "";

/// Notes an attempt that its proxy did not let through: it says nothing about the source, whatever state that is in.
pub(super) fn note_lost_to(source: &mut SourceRow, proxy: &str) {
    source.breakers.entry(proxy.to_owned()).or_default().note(true);
}

/// Notes an attempt that says something about the source, and about the proxy that it went through.
pub(super) fn note(source: &mut SourceRow, proxy: Option<&str>, failed: bool) {
    let own = source.breakers.entry(ITSELF.to_owned()).or_default();
    own.note(failed);
    // While the source itself does not answer, no proxy is to blame.
    let blameless = failed && own.open.is_some();
    if let Some(proxy) = proxy.filter(|_| !blameless) {
        source.breakers.entry(proxy.to_owned()).or_default().note(failed);
    }
}

/// Counts a request on its day.
pub(super) fn charge_day(counted: &mut Option<DayRow>, permit: Permit) {
    let day = permit.not_before.0.div_euclid(DAY_MS);
    match counted {
        Some(row) if row.day == day => row.used += 1,
        row => *row = Some(DayRow { day, used: 1 }),
    }
}

fn change(store: &mut impl Write, source: &str, change: impl FnOnce(&mut SourceRow)) -> Result<(), ApplyError> {
    let mut row: SourceRow = store.row_to_change(source.as_bytes())?.unwrap_or_default();
    change(&mut row);
    Ok(store.put_last(source.as_bytes(), row)?)
}

pub(super) fn opened(store: &mut impl Write, at: At, event: &BreakerOpened) -> Result<(), ApplyError> {
    change(store, &event.source, |row| {
        let breaker = row.breakers.entry(event.proxy.clone().unwrap_or_default()).or_default();
        let since = breaker.open.as_ref().map_or(at.recorded_at, |open| open.since);
        breaker.open = Some(OpenRow { since, until: event.until, times: event.times });
    })
}

pub(super) fn closed(store: &mut impl Write, event: &BreakerClosed) -> Result<(), ApplyError> {
    change(store, &event.source, |row| {
        // What went wrong before is forgiven; else one more failure would open it again.
        row.breakers.insert(event.proxy.clone().unwrap_or_default(), BreakerRow::default());
    })
}

pub(super) fn slowed(store: &mut impl Write, at: At, event: &SourceSlowed) -> Result<(), ApplyError> {
    change(store, &event.source, |row| {
        let SourceSlowed { permille, full_at, http_status, .. } = *event;
        row.pace = Some(PaceRow { permille, since: at.recorded_at, full_at, http_status });
    })
}

pub(super) fn rested(store: &mut impl Write, event: &SourceRested) -> Result<(), ApplyError> {
    change(store, &event.source, |row| row.rest_until = row.rest_until.max(Some(event.until)))
}
