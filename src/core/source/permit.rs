//! Further permits for a lease, unused ones given back, and heartbeats.

use super::fail::put_off;
use super::lease::{Permitted, deadline, permit};
use super::proxies::{self, Choice};
use super::{LEASE_GRACE_MS, held, source_row, spec};
use crate::core::bugs::{self, Bug};
use crate::core::command::Reply;
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::SourceSpec;
use mirano_replay::rows::SourceRow;
use mirano_schemas::*;

/// How far a heartbeat moves a deadline; it is logged only when it does.
const HEARTBEAT_MS: u64 = 30_000;
/// How long one lease may live in all.
const LONGEST_LEASE_MS: u64 = 3_600_000;
/// The most permits that one call is granted.
const MOST_PERMITS: u32 = 20;

/// A lease does not wait longer than this for a day's quota, quiet hours or a rest: its task is put off instead.
const LONGEST_HOLD_MS: u64 = 600_000;

/// Decides `Permit`: one permit for each HTTP request, in the log's order. Where the next one is far, the lease is taken back
/// and its task queued for then.
pub fn grant(decision: &mut Decision<'_>, source: &str, lease: LeaseToken, n: u32) -> Result<Reply, DecideError> {
    let spec = spec(decision, source)?;
    let row = source_row(decision, source)?;
    let held = held(&row, lease)?.clone();
    let mut permits = Vec::new();
    let mut until = held.deadline;
    for _ in 0..n.clamp(1, MOST_PERMITS) {
        let row = source_row(decision, source)?;
        let Permitted { grant, held_back } = permit(decision, spec, held.proxy.as_deref(), &row)?;
        let at = grant.permit.not_before;
        if held_back && at.since_ms(decision.ctx.now()) > LONGEST_HOLD_MS {
            match permits.is_empty() {
                true => {
                    let at = soonest(decision, spec, &row, at)?;
                    return Ok(Reply::Noted(put_off(decision, source, lease, at)?));
                }
                false => break,
            }
        }
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
    let alone = permit(decision, spec, None, row)?.grant.permit.not_before;
    Ok(at.min(other.max(alone)))
}

/// Decides `ReturnPermits`.
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
    let rate = row.rates.get("").cloned().unwrap_or_default();
    let usable: Vec<Permit> = permits
        .iter()
        .filter(|permit| permit.not_after > now && rate.recent.contains(&permit.not_before))
        .take(held.permits as usize)
        .copied()
        .collect();
    if !usable.is_empty() {
        decision.emit(PermitsReturned { source: source.to_owned(), lease, permits: usable })?;
    }
    Ok(Reply::Done)
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
