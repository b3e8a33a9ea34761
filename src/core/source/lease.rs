//! Leasing: which task runs next, through which proxy, and when its first request may start.

use super::breaker::{self, State};
use super::proxies::{self, Choice, Limited};
use super::{LEASE_GRACE_MS, limits, pace, source_row, spec};
use crate::core::bugs::{self, Bug};
use crate::core::command::{LeaseTasks, Leased, LeasedTask, Reply};
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::{LimitsSpec, SourceSpec};
use mirano_replay::rows::{SourceRow, key};
use mirano_replay::store::{Read, ReadExt, Table};
use mirano_schemas::*;

/// A permit further ahead than this is not reserved yet: the queue may look otherwise by then.
const LEAD_MS: u64 = 500;
/// Tasks that are looked through for one that people wait for.
const LOOKED_THROUGH: usize = 4_096;
/// Tasks of a removed source that one commit ends.
const REMOVED_AT_ONCE: usize = 128;

/// Decides `Lease`.
pub fn lease(decision: &mut Decision<'_>, command: &LeaseTasks) -> Result<Reply, DecideError> {
    let Ok(spec) = spec(decision, &command.source) else { return end_removed(decision, &command.source) };
    let mut leased = Leased::default();
    let look_again = breaker::give_up(decision, spec)?;
    for token in &command.tokens {
        match next(decision, spec)? {
            Next::Task { task, grant, proxy } => {
                leased.tasks.push(start(decision, command, spec, *token, task, grant, proxy)?)
            }
            Next::At(at) => {
                leased.next_at = Some(look_again.map_or(at, |again| again.min(at)));
                break;
            }
            Next::Event => break,
        }
    }
    Ok(Reply::Leased(leased))
}

/// Ends the queue of a source that is in the policy no more: its jobs are told, instead of waiting for ever.
fn end_removed(decision: &mut Decision<'_>, source: &str) -> Result<Reply, DecideError> {
    if bugs::on(Bug::RemovedSourceWaits) {
        return Ok(Reply::Leased(Leased::default()));
    }
    let prefix = key::source_prefix(source);
    let mut queued = decision.rows.keys(Table::Ready, &prefix, &[], REMOVED_AT_ONCE)?;
    queued.extend(decision.rows.keys(Table::Delayed, &prefix, &[], REMOVED_AT_ONCE)?);
    for task in queued.iter().filter_map(|place| key::tail(place).map(TaskId)) {
        let Some(row) = decision.task(task)? else { continue };
        decision.emit(TaskFailed {
            task,
            source: source.to_owned(),
            query: row.scheduled.query,
            outcome: Outcome::Refused,
            cause: "source_removed: the source is not in the policy any more".to_owned(),
        })?;
    }
    let next_at = (queued.len() >= REMOVED_AT_ONCE).then(|| decision.ctx.now());
    Ok(Reply::Leased(Leased { tasks: Vec::new(), next_at }))
}

enum Next {
    /// This one, now.
    Task { task: TaskId, grant: Grant, proxy: Option<String> },
    /// None before then.
    At(Timestamp),
    /// None before something happens.
    Event,
}

fn next(decision: &Decision<'_>, spec: &SourceSpec) -> Result<Next, DecideError> {
    let now = decision.ctx.now();
    let row = source_row(decision, &spec.id)?;
    let kept = limits::kept(&spec.limits, row.day, now);
    let least = kept.map_or(u8::MAX, |_| decision.ctx.policy.document.queue.interactive);
    let Some(task) = candidate(decision, &spec.id, least)? else {
        let retry = next_retry(decision, &spec.id)?.filter(|at| kept.is_none() || *at > now);
        let kept = kept.filter(|_| row.queued + row.delayed > 0);
        return Ok(retry.into_iter().chain(kept).min().map_or(Next::Event, Next::At));
    };
    if row.leases.len() >= spec.limits.concurrency as usize {
        return Ok(Next::Event);
    }
    if let Some(until) = row.rest_until.filter(|until| *until > now) {
        return Ok(Next::At(until));
    }
    match breaker::of_source(spec, &row, now) {
        _ if bugs::on(Bug::OpenBreakerLeased) => {}
        State::Open(until) => return Ok(Next::At(until)),
        // The attempt that is to show whether it answers is under way, or one from before ends first.
        State::HalfOpen if !row.leases.is_empty() => return Ok(Next::Event),
        State::HalfOpen | State::Closed => {}
    }
    let proxy = match &spec.limits.proxies {
        None => None,
        Some(pool) => match proxies::choose(decision, spec, pool, &row)? {
            Choice::Proxy(name) => Some(name),
            Choice::At(until) => return Ok(Next::At(until)),
            Choice::Event => return Ok(Next::Event),
        },
    };
    let grant = permit(decision, spec, proxy.as_deref(), &row)?.grant;
    if grant.permit.not_before.since_ms(now) > LEAD_MS {
        let at = grant.permit.not_before.0 - i64::try_from(LEAD_MS / 2).unwrap_or(0);
        return Ok(Next::At(Timestamp(at)));
    }
    Ok(Next::Task { task, grant, proxy })
}

/// The task whose turn it is, of this priority or a more urgent one; one that is tried again goes before it, unless it is less
/// urgent.
fn candidate(decision: &Decision<'_>, source: &str, least: u8) -> Result<Option<TaskId>, DecideError> {
    let prefix = key::source_prefix(source);
    let now = decision.ctx.now();
    let mut best: Option<(u8, bool, TaskId)> = None;
    let looked_at = if least == u8::MAX { 16 } else { LOOKED_THROUGH };
    for place in decision.rows.keys(Table::Delayed, &prefix, &[], looked_at)? {
        let due = place.get(prefix.len()..prefix.len() + 8).map_or(u64::MAX, mirano_replay::apply::be_u64);
        if due > u64::try_from(now.0).unwrap_or(0) {
            break;
        }
        if let Some(task) = key::tail(&place).map(TaskId)
            && let Some(row) = decision.task(task)?
            && row.priority <= least
        {
            best = best.into_iter().chain([(row.priority, false, task)]).min();
        }
    }
    let mut first = None;
    let mut left = LOOKED_THROUGH;
    decision.rows.scan(Table::Ready, &prefix, &[], &mut |place, _| {
        left -= 1;
        if let (Some(priority), Some(task)) = (place.get(prefix.len() + 8), key::tail(place).map(TaskId)) {
            first = Some((*priority, true, task)).filter(|_| *priority <= least);
        }
        first.is_none() && left > 0
    })?;
    best = best.into_iter().chain(first).min();
    Ok(best.map(|(_, _, task)| task))
}

/// When the next task that waits for its retry becomes due.
fn next_retry(decision: &Decision<'_>, source: &str) -> Result<Option<Timestamp>, DecideError> {
    let prefix = key::source_prefix(source);
    let keys = decision.rows.keys(Table::Delayed, &prefix, &[], 1)?;
    let due =
        keys.first().and_then(|place| place.get(prefix.len()..prefix.len() + 8)).map(mirano_replay::apply::be_u64);
    Ok(due.map(|due| Timestamp(i64::try_from(due).unwrap_or(i64::MAX))))
}

/// A permit that may be granted.
pub(super) struct Permitted {
    pub grant: Grant,
    /// Not the rate makes it wait: the day's quota is used up, hours are quiet, or the source wants to be left alone.
    pub held_back: bool,
}

/// The next permit under all limits: the source's rate, with a proxy the proxy's, the day's quota, hours of quiet.
pub(super) fn permit(
    decision: &Decision<'_>,
    source: &SourceSpec,
    proxy: Option<&str>,
    row: &SourceRow,
) -> Result<Permitted, DecideError> {
    let spec = &source.limits;
    // While the source wants to be left alone, no page of a task under way is asked for either.
    let now = row.rest_until.map_or(decision.ctx.now(), |until| until.max(decision.ctx.now()));
    let forgotten = SourceRow::default();
    let row = if bugs::permits_forgotten() { &forgotten } else { row };
    let through = match proxy {
        None => Vec::new(),
        Some(name) => proxies::limits_of(decision, source, name, row)?,
    };
    let mut held_back = now > decision.ctx.now();
    let mut from = pace::not_before(row, spec.rate, decision.ctx.now()).max(now);
    loop {
        let mut grant = by_rates(spec, &through, row, from);
        // What was given back was charged to its day before, but perhaps to that of another proxy.
        let again = grant.charges.first().is_some_and(|charge| charge.reused);
        let own = limits::of_day(spec.daily, spec.quiet, row.day, grant.permit).map(|charge| charge.filter(|_| !again));
        let days = [own].into_iter().chain(through.iter().map(|limit| limit.of_day(grant.permit)));
        match days.collect::<Result<Vec<_>, _>>() {
            Err(later) => (from, held_back) = (later, true),
            Ok(charges) => {
                grant.charges.extend(charges.into_iter().flatten());
                return Ok(Permitted { grant, held_back });
            }
        }
    }
}

fn by_rates(spec: &LimitsSpec, through: &[Limited], row: &SourceRow, now: Timestamp) -> Grant {
    // A proxy's own limits are looked at first: the source's permit can't start before they allow it.
    let from =
        through.iter().fold(now, |from, limit| limit.next(from).map_or(from, |(own, _)| own.not_before.max(from)));
    let (mut permit, charge) = limits::next("", spec.rate, spec.burst, row.rates.get(""), from);
    let (at, again) = (permit.not_before.max(from), charge.reused);
    let mut charges = vec![charge];
    for (own, charge) in through.iter().filter_map(|limit| limit.next(at)) {
        // No later than each of the limits pays for; one that was given back was made so when it was granted.
        if !again {
            permit.not_after = permit.not_after.min(own.not_after);
        }
        charges.push(charge);
    }
    Grant { permit, charges }
}

/// When a lease whose last request starts within `permit` is lost.
pub(super) fn deadline(permit: Permit, limits: &LimitsSpec) -> Timestamp {
    permit.not_after.plus_ms(limits.timeout.0 + LEASE_GRACE_MS)
}

fn start(
    decision: &mut Decision<'_>,
    command: &LeaseTasks,
    spec: &SourceSpec,
    token: LeaseToken,
    task: TaskId,
    grant: Grant,
    proxy: Option<String>,
) -> Result<LeasedTask, DecideError> {
    let row =
        decision.task(task)?.ok_or_else(|| DecideError::Encode(format!("task {task} is queued but not there")))?;
    let attempt = u32::try_from(row.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let permit = grant.permit;
    let deadline = deadline(permit, &spec.limits);
    decision.emit(TaskStarted {
        task,
        source: spec.id.clone(),
        attempt,
        lease: token,
        worker: command.worker.clone(),
        deadline,
        grant,
        proxy: proxy.clone(),
    })?;
    Ok(LeasedTask {
        task,
        lease: token,
        queue: spec.id.clone(),
        query: row.scheduled.query,
        subject: row.scheduled.subject.clone(),
        params: row.scheduled.params.clone(),
        attempt,
        deadline,
        permit,
        proxy,
    })
}
