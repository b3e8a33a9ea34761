//! A need is answered: by what is known, by an observation that comes, or by a failure.

use super::{discover, settle};
use crate::core::bugs::{self, Bug};
use crate::core::decision::{DecideError, Decision};
use crate::core::freshness::{Freshness, shortest_ttl_ms};
use mirano_replay::rows::{JobRow, KnownRow, NeedRow, ObservationRow, QueryRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::*;
use std::collections::BTreeMap;

/// The reason of a receipt whose answer is a part of that to a larger question.
pub const NARROWED: &str = "narrowed";

/// The TTL of what a source gives, and how long it may be shown beyond it.
fn ttl_ms(decision: &Decision<'_>, source: &str) -> (u64, u64) {
    let spec = decision.ctx.policy.document.sources.get(source);
    spec.map_or((0, 0), |spec| (shortest_ttl_ms(spec), spec.serve_stale.0))
}

/// Of the facts that are known, how many are within the TTL of their own kind.
fn parts(decision: &Decision<'_>, source: &str, known: &KnownRow, limit_ms: u64) -> ReuseParts {
    let age = decision.ctx.now().since_ms(known.observed_at);
    let spec = decision.ctx.policy.document.sources.get(source);
    let mut parts = ReuseParts::default();
    for (kind, count) in &known.kinds {
        let of_kind = spec.and_then(|spec| spec.facts.iter().find(|fact| fact.kind == *kind).and_then(|fact| fact.ttl));
        let ttl = of_kind.or(spec.map(|spec| spec.ttl)).map_or(0, |ttl| ttl.0).min(limit_ms);
        if age < ttl { parts.reused += count } else { parts.stale += count }
    }
    parts
}

/// The oldest data that this job accepts from a source.
pub(super) fn max_age_ms(limits: &BTreeMap<String, u64>, source: &str) -> u64 {
    limits.get(source).or_else(|| limits.get("*")).copied().unwrap_or(u64::MAX)
}

/// Whether an answer is a part of that to a larger question: then its source was not asked this one.
fn is_part(decision: &Decision<'_>, source: &str, known: &KnownRow) -> Result<bool, DecideError> {
    let spec = decision.ctx.policy.document.sources.get(source);
    if spec.is_none_or(|spec| spec.nests.is_empty()) {
        return Ok(false);
    }
    let row = decision.rows.shared::<ObservationRow>(known.observation.as_bytes())?;
    Ok(row.is_some_and(|row| row.part_of.is_some()))
}

/// Answers a need from what is known, and asks its source for what is missing or stale.
pub(super) fn from_known(decision: &mut Decision<'_>, job: JobId, need: &Need) -> Result<(), DecideError> {
    let Some(query) = need.query else { return Ok(()) };
    let Some(row) = decision.job(job)? else { return Ok(()) };
    let now = decision.ctx.now();
    let (ttl, serve_stale) = ttl_ms(decision, &need.source);
    let limit = max_age_ms(&row.created.max_age_ms, &need.source).min(ttl);
    let known = decision.rows.shared::<QueryRow>(query.as_bytes())?;
    let mut reason = WantReason::Missing;
    if let Some(known) = known.as_ref().and_then(|row| row.last.as_ref()) {
        let within = Freshness::of(known.observed_at, limit, 0, now) == Freshness::Fresh;
        let freshness = Freshness::of(known.observed_at, ttl, serve_stale, now);
        reason = if freshness == Freshness::Fresh { WantReason::MaxAge } else { WantReason::Stale };
        if freshness.shown() {
            let fresh = freshness == Freshness::Fresh;
            let (origin, word) = match fresh {
                true if is_part(decision, &need.source, known)? => (Origin::Reused, NARROWED),
                true => (Origin::Reused, "fresh"),
                false => (Origin::ServedStale, "stale"),
            };
            let origin = if bugs::on(Bug::ReusedToldAsFetched) { Origin::Fetched } else { origin };
            // Each kind by its own TTL, the shortest of which is that of the whole; and all of them by what the caller accepts.
            let accepted = max_age_ms(&row.created.max_age_ms, &need.source).max(1);
            let parts = parts(decision, &need.source, known, accepted);
            let receipt = receipt(decision, &row, need, known, origin, word, parts);
            decision.emit(FactsReused { job, receipt })?;
            discover::from_need(decision, job, need.need_id)?;
        }
        if within {
            return Ok(());
        }
    }
    want(decision, &row, need, reason, limit, row.created.priority)
}

/// Asks the source.
pub(super) fn want(
    decision: &mut Decision<'_>,
    job: &JobRow,
    need: &Need,
    reason: WantReason,
    max_age_ms: u64,
    priority: u8,
) -> Result<(), DecideError> {
    let Some(query) = need.query else { return Ok(()) };
    let asked_at = decision.ctx.now();
    let queue = decision.ctx.policy.queue_of(&need.source, query);
    decision.emit(TaskWanted {
        job: job.created.job,
        tenant: job.created.tenant.clone(),
        need_id: need.need_id,
        source: queue,
        query,
        subject: need.subject.clone(),
        params: need.params.clone(),
        priority,
        max_age_ms,
        reason,
        asked_at,
    })
}

fn receipt(
    decision: &Decision<'_>,
    job: &JobRow,
    need: &Need,
    known: &KnownRow,
    origin: Origin,
    reason: &str,
    parts: ReuseParts,
) -> Receipt {
    let (ttl_ms, serve_stale_ms) = ttl_ms(decision, &need.source);
    // Another partition may have recorded it since this decision asked for the time.
    let taken_at = decision.ctx.now().max(known.observed_at);
    let place = decision.ctx.at.position;
    let receipt_id = ReceiptId::of(&[
        job.created.job.as_bytes(),
        need.need_id.as_bytes(),
        known.observation.as_bytes(),
        &place.seq.to_le_bytes(),
    ]);
    Receipt {
        receipt_id,
        need_id: need.need_id,
        source: need.source.clone(),
        origin,
        outcome: known.outcome,
        complete: known.complete,
        observation: known.observation,
        at: known.at,
        facts_root: known.facts_root,
        facts: known.facts,
        observed_at: known.observed_at,
        as_of: known.as_of.clone(),
        parts,
        ttl_ms,
        serve_stale_ms,
        policy_version: decision.ctx.policy.version,
        taken_at,
        reason: reason.to_owned(),
    }
}

/// An observation came for a query: answers every need of the job that waits for it.
///
/// `in_between`: it had come before the job's want arrived at the source.
pub fn observed(decision: &mut Decision<'_>, job: JobId, query: QueryKey, in_between: bool) -> Result<(), DecideError> {
    let Some(row) = decision.job(job)? else { return Ok(()) };
    let known = decision.rows.shared::<QueryRow>(query.as_bytes())?;
    let Some(known) = known.as_ref().and_then(|row| row.last.as_ref()) else { return Ok(()) };
    let waiting: Vec<Need> = pending_on(&row, query).map(|row| row.need.clone()).collect();
    drop(row);
    let mut touched = Vec::new();
    for need in waiting {
        let Some(row) = decision.job(job)? else { break };
        // By the answer to another of them, nobody may be named any more whom this one asks about.
        if !pending_on(&row, query).any(|row| row.need.need_id == need.need_id) {
            continue;
        }
        let first = &known.first;
        let (origin, reason) = if in_between {
            let part = is_part(decision, &need.source, known)?;
            (Origin::Reused, if part { NARROWED } else { "answered_in_between" })
        } else if first.job == job || first.tenant != row.created.tenant {
            // Another tenant's fetch is told as fetched, so that nothing is learnt of it (I9).
            (Origin::Fetched, "task")
        } else {
            (Origin::Coalesced, "joined")
        };
        let parts = match origin {
            Origin::Reused => ReuseParts { reused: known.facts, ..ReuseParts::default() },
            _ => ReuseParts { missing: known.facts, ..ReuseParts::default() },
        };
        let receipt = receipt(decision, &row, &need, known, origin, reason, parts);
        // Held no longer, it need not be copied to be changed.
        drop(row);
        decision.emit(NeedAnswered { job, receipt })?;
        discover::from_need(decision, job, need.need_id)?;
        touched.push(need.need_id);
    }
    if touched.is_empty() { Ok(()) } else { settle::settle(decision, job, &touched) }
}

fn pending_on(row: &JobRow, query: QueryKey) -> impl Iterator<Item = &NeedRow> {
    row.needs.iter().filter(move |need| need.pending.is_some() && need.need.query == Some(query))
}

/// A query can't be answered this time: tells every need of the job that waits for it; what depends on them ends in `settle`.
pub fn need_failed(
    decision: &mut Decision<'_>,
    job: JobId,
    query: QueryKey,
    failure: &Failure,
) -> Result<(), DecideError> {
    let Some(row) = decision.job(job)? else { return Ok(()) };
    let waiting: Vec<NeedId> = pending_on(&row, query).map(|row| row.need.need_id).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    for need_id in &waiting {
        decision.emit(NeedFailed { job, need_id: *need_id, failure: failure.clone() })?;
    }
    settle::settle(decision, job, &waiting)
}
