//! Further permits for a lease, unused ones given back, and heartbeats.

use super::fail::put_off;
use super::lease::{Permitted, deadline, permit};
use super::proxies::{self, Choice};
use super::{LEASE_GRACE_MS, held, limits, source_row, spec};
use crate::core::bugs::{self, Bug};
use crate::core::command::{InputFault, Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::SourceSpec;
use mirano_replay::rows::{LeaseRow, RateRow, SourceRow};
use mirano_schemas::*;

/// How far a heartbeat moves a deadline; it is logged only when it does.
const HEARTBEAT_MS: u64 = 30_000;
/// How long one lease may live in all.
const LONGEST_LEASE_MS: u64 = 3_600_000;
/// The most permits that one call is granted.
pub const MOST_PERMITS: u32 = 20;
/// The permits behind the first of a call begin no later than this. What is granted is used, also where the source asks meanwhile to
/// be left alone; so no more is granted ahead than keeps a worker busy.
const AHEAD_MS: u64 = 5_000;

/// A lease does not wait longer than this for a day's quota, quiet hours or a rest: its task is put off instead.
const LONGEST_HOLD_MS: u64 = 600_000;

/// Decides `Permit`: one permit for each HTTP request, in the log's order. Where the next one is far, the lease is taken back
/// and its task queued for then. A lease that has one of the far future gets none until that has come.
pub fn grant(decision: &mut Decision<'_>, source: &str, lease: LeaseToken, n: u32) -> Result<Reply, DecideError> {
    let spec = spec(decision, source)?;
    let row = source_row(decision, source)?;
    let held = held(&row, lease)?.clone();
    let mut permits = Vec::new();
    let mut until = held.deadline;
    let now = decision.ctx.now();
    if has_ahead(&held, spec, now) {
        return Ok(Reply::Permits { permits, deadline: until });
    }
    for _ in 0..n.clamp(1, MOST_PERMITS) {
        let row = source_row(decision, source)?;
        let permitted = permit(decision, spec, held.proxy.as_deref(), &row)?;
        let (at, ahead_ms) = (permitted.begins(), permitted.begins().since_ms(now));
        let grant = match permitted {
            _ if ahead_ms > AHEAD_MS && !permits.is_empty() => break,
            Permitted::Granted { grant, held_back } if !held_back || ahead_ms <= LONGEST_HOLD_MS => grant,
            Permitted::Granted { .. } | Permitted::NotBefore(_) => {
                let at = soonest(decision, spec, &row, at)?;
                return Ok(Reply::Noted(put_off(decision, source, lease, at)?));
            }
        };
        permits.push(grant.permit);
        until = until.max(deadline(grant.permit, &spec.limits));
        decision.emit(PermitsGranted {
            source: source.to_owned(),
            task: held.task,
            lease,
            grants: vec![grant],
            deadline: until,
        })?;
    }
    Ok(Reply::Permits { permits, deadline: until })
}

/// Whether the lease has a permit that begins later than any heartbeat could keep it for: its deadline says so.
fn has_ahead(held: &LeaseRow, spec: &SourceSpec, now: Timestamp) -> bool {
    held.deadline.since_ms(now) > HEARTBEAT_MS + spec.limits.timeout.0 + LEASE_GRACE_MS
}

/// When a task that can't go on before `at` may begin anew: sooner, where it is its proxy that holds it back and another does not.
fn soonest(
    decision: &Decision<'_>,
    spec: &SourceSpec,
    row: &SourceRow,
    at: Timestamp,
) -> Result<Timestamp, DecideError> {
    let Some(pool) = &spec.limits.proxies else { return Ok(at) };
    let other = match proxies::choose(decision, spec, pool, row)? {
        Choice::Proxy(_) => decision.ctx.now(),
        Choice::At(until) => until,
        Choice::Event => return Ok(at),
    };
    let alone = permit(decision, spec, None, row)?.begins();
    Ok(at.min(other.max(alone)))
}

/// Decides `ReturnPermits`. What is over, or not remembered any more, is worth nothing; what can't have been granted is refused.
pub fn return_permits(
    decision: &mut Decision<'_>,
    source: &str,
    lease: LeaseToken,
    permits: &[Permit],
) -> Result<Reply, DecideError> {
    let row = source_row(decision, source)?;
    let held = held(&row, lease)?;
    let now = decision.ctx.now();
    // Said twice, a permit would come back while somebody else uses it: permits have no names, and two may be equal.
    if held.gave_back && !bugs::on(Bug::PermitReturnedTwice) {
        return Ok(Reply::Done);
    }
    // Of a source that left the policy no more is asked.
    let Ok(spec) = spec(decision, source) else { return Ok(Reply::Done) };
    let longest = longest_window_ms(decision, spec, held.proxy.as_deref(), &row)?;
    let rate = row.rates.get("").cloned().unwrap_or_default();
    let mut usable: Vec<Permit> = Vec::new();
    for (index, permit) in permits.iter().enumerate().filter(|(_, permit)| permit.not_after > now) {
        let end = i64::try_from(longest).ok().and_then(|longest| permit.not_before.0.checked_add(longest));
        if permit.not_before > permit.not_after || end.is_none_or(|end| permit.not_after.0 > end) {
            return Err(Rejection::FieldInvalid(format!("unused/{index}"), InputFault::NotGranted).into());
        }
        if usable.len() < held.permits as usize && still_out(&rate, &usable, permit) {
            usable.push(*permit);
        }
    }
    if !usable.is_empty() {
        decision.emit(PermitsReturned { source: source.to_owned(), lease, permits: usable })?;
    }
    Ok(Reply::Done)
}

/// The longest window that a permit of the lease may have, in milliseconds.
fn longest_window_ms(
    decision: &Decision<'_>,
    spec: &SourceSpec,
    proxy: Option<&str>,
    row: &SourceRow,
) -> Result<u64, DecideError> {
    let own = limits::window_ms(spec.limits.rate, spec.limits.burst);
    let through = match proxy {
        None => Vec::new(),
        Some(name) => proxies::limits_of(decision, spec, name, row)?,
    };
    Ok(through.iter().filter_map(proxies::Limited::window_ms).fold(own, u64::min))
}

/// Whether a permit of this moment was granted and has not come back yet. Permits have no names; as many of a moment come back as
/// were granted for it.
fn still_out(rate: &RateRow, coming: &[Permit], permit: &Permit) -> bool {
    let granted = rate.recent.iter().filter(|at| **at == permit.not_before).count();
    let back = rate.returned.iter().chain(coming).filter(|other| other.not_before == permit.not_before).count();
    back < granted || (granted > 0 && bugs::on(Bug::PermitReturnedTwice))
}

/// Decides `Heartbeat`.
pub fn heartbeat(decision: &mut Decision<'_>, source: &str, lease: LeaseToken) -> Result<Reply, DecideError> {
    let row = source_row(decision, source)?;
    let held = held(&row, lease)?;
    let now = decision.ctx.now();
    let wanted = now.plus_ms(HEARTBEAT_MS).min(held.started_at.plus_ms(LONGEST_LEASE_MS));
    // Only a move by more than the grace is worth a commit.
    if wanted <= held.deadline.plus_ms(LEASE_GRACE_MS) {
        return Ok(Reply::Deadline(held.deadline));
    }
    decision.emit(LeaseExtended { source: source.to_owned(), task: held.task, lease, deadline: wanted })?;
    Ok(Reply::Deadline(wanted))
}
