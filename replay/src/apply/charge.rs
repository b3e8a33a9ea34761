//! What permits cost: the source's rate and day, each proxy's, and the totals of proxies over sources.

use super::{ApplyError, At, health};
use crate::rows::*;
use crate::store::{Write, WriteExt};
use mirano_schemas::*;

/// Takes what a permit costs from every limit that it is counted under.
pub(super) fn charge(store: &mut impl Write, at: At, source: &mut SourceRow, grant: &Grant) -> Result<(), ApplyError> {
    for charge in &grant.charges {
        if charge.key == DAY {
            health::charge_day(&mut source.day, grant.permit);
        } else if let Some(proxy) = charge.key.strip_prefix(DAY_OF) {
            let mut counted = source.days.get(proxy).copied();
            health::charge_day(&mut counted, grant.permit);
            source.days.extend(counted.map(|counted| (proxy.to_owned(), counted)));
        } else if let Some(limited) = charge.key.strip_prefix(TOTAL) {
            match limited.strip_prefix(DAY_OF) {
                Some(proxy) => total(store, at, proxy, |row| health::charge_day(&mut row.day, grant.permit))?,
                None => total(store, at, limited, |row| take(&mut row.rate, charge, grant.permit))?,
            }
        } else {
            take(source.rates.entry(charge.key.clone()).or_default(), charge, grant.permit);
        }
    }
    Ok(())
}

/// Notes a permit under one limit.
fn take(rate: &mut RateRow, charge: &Charge, permit: Permit) {
    if charge.reused {
        rate.returned.retain(|returned| *returned != permit);
        return;
    }
    rate.tat = charge.tat;
    let at = rate.recent.partition_point(|earlier| *earlier <= permit.not_before);
    rate.recent.insert(at, permit.not_before);
    let excess = rate.recent.len().saturating_sub(charge.keep as usize);
    rate.recent.drain(..excess);
}

/// Changes what is kept of a proxy for all sources of the partition.
pub(super) fn total(
    store: &mut impl Write,
    at: At,
    proxy: &str,
    change: impl FnOnce(&mut ProxyTotalRow),
) -> Result<(), ApplyError> {
    let place = key::proxy_total(at.position.partition, proxy);
    let mut row: ProxyTotalRow = store.row_to_change(&place)?.unwrap_or_default();
    change(&mut row);
    Ok(store.put_last(&place, row)?)
}
