//! Leasing: which task runs next, through which proxy, and when its first request may start.

use super::breaker::{self, State};
use super::fail::REMOVED;
use super::give_up::give_up;
use super::proxies::{self, Choice, Limited};
use super::{LEASE_GRACE_MS, limits, pace, source_row, spec};
use crate::core::bugs::{self, Bug};
use crate::core::command::{LeaseTasks, Leased, LeasedTask, Reply};
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::{LimitsSpec, SourceSpec};
use mirano_replay::apply::queue::WeightsRow;
use mirano_replay::rows::{SourceRow, key};
use mirano_replay::store::{Key, Read, ReadExt, Table};
use mirano_schemas::*;

/// A permit further ahead than this is not reserved yet: the queue may look otherwise by then.
const LEAD_MS: u64 = 500;
/// Tasks whose pause is over that are looked at, before a start moves them to those that may run.
const DUE_LOOKED_AT: usize = 16;
/// Tasks that are looked through for one that people wait for.
const LOOKED_THROUGH: usize = 4_096;
/// How often a permit is looked for behind a day that is used up or hours that are quiet. Each look is at a later one of them, so
/// these are days: whoever finds none then looks again then.
const MOST_LOOKS: usize = 64;
/// Tasks of a removed source that one commit ends.
const REMOVED_AT_ONCE: usize = 128;

/// Decides `Lease`.
pub fn lease(decision: &mut Decision<'_>, command: &LeaseTasks) -> Result<Reply, DecideError> {
    let Ok(spec) = spec(decision, &command.source) else { return end_removed(decision, &command.source) };
    let mut leased = Leased::default();
    let look_again = give_up(decision, spec)?;
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
            cause: REMOVED.to_owned(),
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
    let Some(task) = candidate(decision, &row, &spec.id, least)? else {
        // What is due and held back with the rest of the day hides none that becomes due and is not.
        let retry = next_retry(decision, &spec.id, kept.map(|_| now))?;
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
    let grant = match permit(decision, spec, proxy.as_deref(), &row)? {
        Permitted::Granted { grant, .. } => grant,
        Permitted::NotBefore(at) => return Ok(Next::At(at)),
    };
    if grant.permit.not_before.since_ms(now) > LEAD_MS {
        let at = grant.permit.not_before.0 - i64::try_from(LEAD_MS / 2).unwrap_or(0);
        return Ok(Next::At(Timestamp(at)));
    }
    Ok(Next::Task { task, grant, proxy })
}

/// The task whose turn it is, of this priority or a more urgent one.
///
/// Those whose pause is over stand apart until the next start, whichever it is, moves them to the others; so a few of them are
/// looked at, with the turn that each would have.
fn candidate(decision: &Decision<'_>, row: &SourceRow, source: &str, least: u8) -> Result<Option<TaskId>, DecideError> {
    let prefix = key::source_prefix(source);
    let now = u64::try_from(decision.ctx.now().0).unwrap_or(0);
    let looked_at = if least == u8::MAX { DUE_LOOKED_AT } else { LOOKED_THROUGH };
    let mut due = Vec::new();
    if row.delayed > 0 {
        decision.rows.scan(Table::Delayed, &prefix, &[], &mut |place, _| {
            let time = place.get(prefix.len()..prefix.len() + 8).map_or(u64::MAX, mirano_replay::apply::be_u64);
            due.extend(key::tail(place).map(TaskId).filter(|_| time <= now));
            time <= now && due.len() < looked_at
        })?;
    }
    let mut best: Option<(u64, u8, TaskId)> = None;
    if !due.is_empty() {
        let weights = WeightsRow::of(&decision.rows, decision.ctx.partition())?;
        for task in due {
            let Some(waits) = decision.task(task)?.filter(|waits| waits.priority <= least) else { continue };
            let turn = weights.turn_again(row, &waits.scheduled.requester.tenant, waits.priority);
            // Of a flow the one that was due first.
            if best.is_none_or(|(sooner, priority, _)| (turn, waits.priority) < (sooner, priority)) {
                best = Some((turn, waits.priority, task));
            }
        }
    }
    let mut left = LOOKED_THROUGH;
    decision.rows.scan(Table::Ready, &prefix, &[], &mut |place, _| {
        left -= 1;
        let turn = place.get(prefix.len()..prefix.len() + 8).map(mirano_replay::apply::be_u64);
        let found = match (turn, place.get(prefix.len() + 8), key::tail(place).map(TaskId)) {
            (Some(turn), Some(priority), Some(task)) if *priority <= least => Some((turn, *priority, task)),
            _ => None,
        };
        if let Some(found) = found
            && best.is_none_or(|best| (found.0, found.1) < (best.0, best.1))
        {
            best = Some(found);
        }
        found.is_none() && left > 0
    })?;
    Ok(best.map(|(_, _, task)| task))
}

/// When the next task that waits for its retry becomes due, of those that do after some moment.
fn next_retry(
    decision: &Decision<'_>,
    source: &str,
    after: Option<Timestamp>,
) -> Result<Option<Timestamp>, DecideError> {
    let prefix = key::source_prefix(source);
    let from = after.map_or(Key::new(), |after| key::delayed(source, after.plus_ms(1), TaskId([0; 16])));
    let keys = decision.rows.keys(Table::Delayed, &prefix, &from, 1)?;
    let due =
        keys.first().and_then(|place| place.get(prefix.len()..prefix.len() + 8)).map(mirano_replay::apply::be_u64);
    Ok(due.map(|due| Timestamp(i64::try_from(due).unwrap_or(i64::MAX))))
}

/// What the limits say of the next request.
pub(super) enum Permitted {
    /// A permit that may be granted.
    Granted {
        grant: Grant,
        /// Not the rate makes it wait: the day's quota is used up, hours are quiet, or the source wants to be left alone.
        held_back: bool,
    },
    /// None before then, as far as was looked: days away.
    NotBefore(Timestamp),
}

impl Permitted {
    /// From when a request may start.
    pub fn begins(&self) -> Timestamp {
        match self {
            Self::Granted { grant, .. } => grant.permit.not_before,
            Self::NotBefore(at) => *at,
        }
    }
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
    for _ in 0..MOST_LOOKS {
        let mut grant = by_rates(spec, &through, row, from);
        // What was given back was charged to its day before, but perhaps to that of another proxy.
        let again = grant.charges.first().is_some_and(|charge| charge.reused);
        let own = limits::of_day(spec.daily, spec.quiet, row.day, grant.permit).map(|charge| charge.filter(|_| !again));
        let days = [own].into_iter().chain(through.iter().map(|limit| limit.of_day(grant.permit)));
        match days.collect::<Result<Vec<_>, _>>() {
            Err(later) => (from, held_back) = (later, true),
            Ok(charges) => {
                grant.charges.extend(charges.into_iter().flatten());
                return Ok(Permitted::Granted { grant, held_back });
            }
        }
    }
    Ok(Permitted::NotBefore(from))
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
