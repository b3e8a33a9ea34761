//! Attempts that came to nothing: retries with backoff and jitter, and the end of a task.
//!
//! Two counts that do not touch each other. What the *source* did to a task (it was down, it refused, its page is another)
//! uses up the attempts that its file allows. What went wrong on *our side* (the worker fell silent, the evidence could not
//! be kept) says nothing about the source: such an attempt is made again, up to [`MOST_LOST`] times, so that a task which
//! kills its worker each time ends all the same.
//!
//! What a *proxy* did not let through is neither: the source was not asked, and another proxy may do. So such an attempt uses none
//! up while the pool has another proxy that is not left alone (as those on our side, up to [`MOST_LOST`]); once it has none, as many
//! as the source's file allows.
//!
//! A last count is of tasks that are *put off*: the day's quota ended, or quiet hours began, between two of their requests.

use super::breaker::{self, Attempt};
use super::suspicion::SUSPICION_MS;
use super::{holds, pace, proxies, shards, source_row, spec};
use crate::core::bugs::{self, Bug};
use crate::core::command::{FailAttempt, Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::RetrySpec;
use mirano_replay::rows::{AttemptRow, LeaseEndRow, PUT_OFF, TaskRow, TaskState, key, lost_on_our_side, lost_to_proxy};
use mirano_replay::store::ReadExt;
use mirano_schemas::*;

/// The most leases that one commit takes back.
const PAGE: usize = 64;
/// The code of an attempt whose worker fell silent: what its cause begins with.
const LEASE_EXPIRED: &str = "lease_expired";
/// How many attempts at one task may be lost on our side; more where the source's file allows more attempts.
pub const MOST_LOST: u32 = 100;

/// Why a task ends whose source left the policy.
pub(super) const REMOVED: &str = "source_removed: the source is not in the policy any more";

/// How often a task is put off: one that needs more requests than a day allows would begin anew each day for ever.
pub const MOST_PUT_OFF: u32 = 7;

/// Whose doing it is that an attempt came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Source,
    Ours,
    /// The proxy's: the source was not asked.
    Proxys,
    /// Nobody's: it was put off.
    Nobodys,
}

impl Doing {
    fn of(cause: &str, proxy: Option<&str>) -> Self {
        match cause.split(':').next() {
            Some(PUT_OFF) => Self::Nobodys,
            _ if lost_on_our_side(cause) => Self::Ours,
            _ if lost_to_proxy(cause, proxy).is_some() => Self::Proxys,
            _ => Self::Source,
        }
    }

    fn most(self, retry: &RetrySpec) -> u32 {
        match self {
            Self::Ours if !bugs::on(Bug::DeadWorkersCount) => retry.attempts.max(MOST_LOST),
            Self::Proxys => retry.attempts.max(MOST_LOST),
            Self::Nobodys => MOST_PUT_OFF,
            Self::Source | Self::Ours => retry.attempts,
        }
    }
}

/// Of an attempt's own kind, with this one.
struct Tries {
    /// How many the task has had.
    used: u32,
    /// How many it may have.
    most: u32,
    /// How many the pause before the next one grows by.
    pauses: u32,
}

impl Tries {
    /// `proxy`: the one that the attempt went through. `no_other`: since when its pool has had no other that is of use.
    fn count(task: &TaskRow, cause: &str, proxy: Option<&str>, retry: &RetrySpec, no_other: Option<Timestamp>) -> Self {
        let doing = Doing::of(cause, proxy);
        let after = |since: Timestamp| {
            let same = |attempt: &&AttemptRow| {
                let of = attempt.cause.as_deref().map(|cause| Doing::of(cause, attempt.proxy.as_deref()));
                of == Some(doing) && attempt.ended_at.is_some_and(|ended| ended > since)
            };
            u32::try_from(task.attempts.iter().filter(same).count()).unwrap_or(u32::MAX).saturating_add(1)
        };
        let (all, most) = (after(Timestamp(i64::MIN)), doing.most(retry));
        match (doing, no_other) {
            (Doing::Proxys, Some(since)) if all < most => {
                let used = after(since);
                Self { used, most: retry.attempts, pauses: used }
            }
            // Through another it may go at once.
            (Doing::Proxys, None) => Self { used: all, most, pauses: 1 },
            _ => Self { used: all, most, pauses: all },
        }
    }
}

/// Decides `Fail`.
pub fn fail(decision: &mut Decision<'_>, command: &FailAttempt) -> Result<Reply, DecideError> {
    if command.outcome.is_answer() {
        return Err(Rejection::NotAnAnswer.into());
    }
    let row = source_row(decision, &command.source)?;
    let task = decision.task(command.task)?.ok_or(Rejection::LeaseLost)?;
    if !holds(&row, command.lease, command.task) {
        return repeat(&task, command);
    }
    let retry_at = attempt_failed(decision, &task, command)?;
    Ok(Reply::Noted(retry_at))
}

/// A repeat of a call that was accepted gets the same answer; anything else is late.
fn repeat(task: &TaskRow, command: &FailAttempt) -> Result<Reply, DecideError> {
    let last = task.attempts.last().filter(|last| last.lease == command.lease && last.outcome == Some(command.outcome));
    match (last, &task.state) {
        (Some(_), TaskState::Retrying { at }) => Ok(Reply::Noted(Some(*at))),
        (Some(_), TaskState::Failed { .. }) => Ok(Reply::Noted(None)),
        _ => Err(Rejection::LeaseLost.into()),
    }
}

/// Notes the failure, with what follows for the source's pace and breakers. When it is tried again: none when the attempts
/// or their time are used up, or the parameters were refused.
pub(super) fn attempt_failed(
    decision: &mut Decision<'_>,
    task: &TaskRow,
    command: &FailAttempt,
) -> Result<Option<Timestamp>, DecideError> {
    let now = decision.ctx.now();
    let retry = spec(decision, &command.source).map(|spec| spec.retry.clone()).unwrap_or_default();
    let rest_until = command.retry_after_ms.map(|ms| now.plus_ms(ms));
    let row = source_row(decision, &command.source)?;
    let made = Attempt::of(&row, command.lease);
    let proxy = made.as_ref().and_then(|made| made.proxy.as_deref());
    let policy = &decision.ctx.policy.document;
    let no_other = proxy.and_then(|proxy| proxies::no_other_since(policy, &row, proxy));
    let Tries { used, most, pauses } = Tries::count(task, &command.cause, proxy, &retry, no_other);
    // Nobody would ever try it again.
    let removed = is_removed(decision, &command.source);
    let retry_at = (command.outcome != Outcome::Refused && used < most && !removed).then(|| {
        let wait = match command.outcome {
            Outcome::Suspicious => SUSPICION_MS.max(backoff_ms(&retry, pauses, decision.ctx.entropy)),
            _ => backoff_ms(&retry, pauses, decision.ctx.entropy),
        };
        now.plus_ms(wait).max(rest_until.unwrap_or_default())
    });
    let last = retry.within.map(|within| task.enqueued_at.plus_ms(within.0));
    let retry_at = retry_at.filter(|at| last.is_none_or(|last| *at <= last));
    note(decision, task, command, used, retry_at, rest_until)?;
    if let Some(made) = made.filter(|_| !lost_on_our_side(&command.cause)) {
        let how = (command.outcome, command.cause.as_str());
        if let Some(proxy) = lost_to_proxy(&command.cause, made.proxy.as_deref()) {
            breaker::after_lost_to(decision, &command.source, &made, proxy, how)?;
        } else {
            let failed = matches!(command.outcome, Outcome::Unavailable | Outcome::Blocked).then_some(how);
            pace::after(decision, &command.source, &made, command.http_status)?;
            breaker::after(decision, &command.source, &made, failed)?;
        }
    }
    Ok(retry_at)
}

/// Takes a lease back whose next request may not start for long, and queues its task for then: its place among the source's
/// tasks, its proxy and its worker's memory are free meanwhile. Nobody is to blame.
pub(super) fn put_off(
    decision: &mut Decision<'_>,
    source: &str,
    lease: LeaseToken,
    until: Timestamp,
) -> Result<Option<Timestamp>, DecideError> {
    let row = source_row(decision, source)?;
    let held = row.leases.get(&lease).ok_or(Rejection::LeaseLost)?.task;
    let task = decision.task(held)?.ok_or(Rejection::LeaseLost)?;
    let command = FailAttempt {
        source: source.to_owned(),
        task: held,
        lease,
        outcome: Outcome::Unavailable,
        cause: format!(
            "{PUT_OFF}: its source may not be asked on before {} s have passed",
            until.since_ms(decision.ctx.now()) / 1_000
        ),
        http_status: None,
        evidence: Vec::new(),
        retry_after_ms: None,
    };
    let Tries { used, most, .. } = Tries::count(&task, &command.cause, None, &RetrySpec::default(), None);
    let retry_at = (used < most).then_some(until);
    note(decision, &task, &command, used, retry_at, None)?;
    Ok(retry_at)
}

/// The events of an attempt that came to nothing, and of the task's end where there is no next one.
fn note(
    decision: &mut Decision<'_>,
    task: &TaskRow,
    command: &FailAttempt,
    used: u32,
    retry_at: Option<Timestamp>,
    rest_until: Option<Timestamp>,
) -> Result<(), DecideError> {
    let attempt = u32::try_from(task.attempts.len()).unwrap_or(u32::MAX);
    decision.emit(TaskAttemptFailed {
        task: task.scheduled.task,
        source: command.source.clone(),
        attempt,
        lease: command.lease,
        outcome: command.outcome,
        cause: command.cause.clone(),
        http_status: command.http_status,
        evidence: command.evidence.clone(),
        retry_at,
        rest_until,
    })?;
    if let Some(until) = rest_until {
        shards::tell(decision, &command.source, Some(until), None)?;
    }
    if retry_at.is_none() && is_removed(decision, &command.source) {
        decision.emit(TaskFailed {
            task: task.scheduled.task,
            source: command.source.clone(),
            query: task.scheduled.query,
            outcome: Outcome::Refused,
            cause: REMOVED.to_owned(),
        })?;
    } else if retry_at.is_none() {
        let times = if lost_on_our_side(&command.cause) { format!(", {used} times") } else { String::new() };
        decision.emit(TaskFailed {
            task: task.scheduled.task,
            source: command.source.clone(),
            query: task.scheduled.query,
            outcome: command.outcome,
            cause: format!("{}{times}", command.cause),
        })?;
    }
    Ok(())
}

/// Whether the source left the policy while the task was under way.
fn is_removed(decision: &Decision<'_>, source: &str) -> bool {
    spec(decision, source).is_err() && !bugs::on(Bug::RemovedSourceWaits)
}

/// Exponential backoff with equal jitter: half of it is certain, half is drawn.
fn backoff_ms(retry: &RetrySpec, attempt: u32, entropy: u64) -> u64 {
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let full = (retry.initial.0 as f64 * retry.factor.max(1.0).powi(exponent)).min(retry.max.0 as f64) as u64;
    full / 2 + entropy.checked_rem(full / 2 + 1).unwrap_or(0)
}

/// Decides `ExpireLeases`: takes back what a worker did not answer in time.
pub fn expire(decision: &mut Decision<'_>) -> Result<Reply, DecideError> {
    let now = decision.ctx.now();
    let prefix = decision.ctx.partition().to_be_bytes();
    let ends: Vec<(Vec<u8>, LeaseEndRow)> = decision.rows.rows(&prefix, &[], PAGE)?;
    for (place, end) in ends {
        let due = place.get(4..12).map_or(u64::MAX, mirano_replay::apply::be_u64);
        let (Some(lease), true) = (key::tail(&place).map(LeaseToken), due < u64::try_from(now.0).unwrap_or(0)) else {
            break;
        };
        let Some(task) = decision.task(end.task)? else { continue };
        let command = FailAttempt {
            source: end.source,
            task: end.task,
            lease,
            outcome: Outcome::Unavailable,
            cause: format!("{LEASE_EXPIRED}: the worker did not answer in time"),
            http_status: None,
            evidence: Vec::new(),
            retry_after_ms: None,
        };
        attempt_failed(decision, &task, &command)?;
    }
    Ok(Reply::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::policy::DurationMs;

    #[test]
    fn backoff_grows_to_its_maximum() {
        let retry = RetrySpec { attempts: 9, max: DurationMs(10_000), ..RetrySpec::default() };
        for (attempt, full) in [(1, 2_000), (2, 4_000), (3, 8_000), (4, 10_000), (40, 10_000)] {
            for entropy in [0, 1, 777, u64::MAX] {
                let wait = backoff_ms(&retry, attempt, entropy);
                assert!((full / 2..=full).contains(&wait), "{attempt}: {wait}");
            }
        }
    }
}
