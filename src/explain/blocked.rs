//! What a task waits for, and about how long: read from its source's row and the limits in force.
//!
//! Places and times are coarse, so that nobody learns from them who else waits (I9). What can't be foreseen is `None`,
//! never 0.

use super::Context;
use super::model::BlockedOn;
use crate::core::policy::{LimitsSpec, SourceSpec};
use crate::core::source::breaker::{self, State};
use crate::core::source::{limits, pace};
use mirano_replay::rows::{SourceRow, TaskRow, TaskState, key};
use mirano_replay::store::{ReadExt, StoreError, Table};
use mirano_schemas::Timestamp;

/// The queue is counted no further than this.
const MOST_COUNTED: usize = 1_000;
/// A permit that is nearer than this holds nobody up.
const SOON_MS: u64 = 1_000;

/// What holds a task up: the word, why, and about how long.
struct Held {
    reason: &'static str,
    cause: Option<&'static str>,
    eta_ms: Option<u64>,
}

impl Held {
    fn by(reason: &'static str, eta_ms: Option<u64>) -> Self {
        Self { reason, cause: None, eta_ms }
    }

    fn because(self, cause: &'static str) -> Self {
        Self { cause: Some(cause), ..self }
    }

    fn told(self, ahead: u64) -> BlockedOn {
        BlockedOn {
            reason: self.reason.to_owned(),
            cause: self.cause.map(str::to_owned),
            ahead: coarse(ahead),
            eta_s: self.eta_ms.map(|ms| coarse(ms.div_ceil(1_000).max(1))),
        }
    }
}

/// What a queued or retrying task waits for.
pub(super) fn blocked_on(ctx: &Context<'_>, task: &TaskRow) -> Result<Option<BlockedOn>, StoreError> {
    let source = task.scheduled.source.as_str();
    let row: SourceRow = ctx.rows.row(source.as_bytes())?.unwrap_or_default();
    let spec = ctx.policy.document.sources.get(source);
    match task.state {
        TaskState::Retrying { at } if at > ctx.now => {
            // Its own pause may be over before the source is asked again.
            let rested = spec.and_then(|spec| rested(spec, &row, ctx.now));
            let own = at.since_ms(ctx.now);
            let held = match rested {
                Some(Held { eta_ms: Some(longer), cause, .. }) if longer > own => {
                    Held { reason: "backoff", cause, eta_ms: Some(longer) }
                }
                _ => Held::by("backoff", Some(own)),
            };
            Ok(Some(held.told(0)))
        }
        TaskState::Queued | TaskState::Retrying { .. } => {
            let ahead = ahead(ctx, task)?;
            let held = spec.map_or(Held::by("queue", None), |spec| turn(ctx, spec, &row, ahead));
            Ok(Some(held.told(ahead)))
        }
        TaskState::Running { .. } | TaskState::Done { .. } | TaskState::Failed { .. } => Ok(None),
    }
}

/// `Some` while the source is left alone.
fn rested(spec: &SourceSpec, row: &SourceRow, now: Timestamp) -> Option<Held> {
    let asked = row.rest_until.filter(|until| *until > now);
    match breaker::of_source(spec, row, now) {
        State::Open(until) if asked.is_none_or(|asked| asked < until) => {
            Some(Held::by("backoff", Some(until.since_ms(now))).because("breaker_open"))
        }
        // The attempt that shows whether it answers is under way.
        State::HalfOpen if asked.is_none() && !row.leases.is_empty() => {
            Some(Held::by("backoff", (row.attempt_ms > 0).then_some(row.attempt_ms)).because("breaker_open"))
        }
        _ => asked.map(|until| Held::by("backoff", Some(until.since_ms(now))).because("asked_to_wait")),
    }
}

/// How many tasks of the source stand before this one.
fn ahead(ctx: &Context<'_>, task: &TaskRow) -> Result<u64, StoreError> {
    let source = task.scheduled.source.as_str();
    let own = key::ready(task);
    let places = ctx.rows.keys(Table::Ready, &key::source_prefix(source), &[], MOST_COUNTED)?;
    Ok(places.iter().take_while(|place| **place < own).count() as u64)
}

/// What holds up a task that may run, and about when its turn comes.
fn turn(ctx: &Context<'_>, spec: &SourceSpec, row: &SourceRow, ahead: u64) -> Held {
    let now = ctx.now;
    if let Some(held) = rested(spec, row, now) {
        return held;
    }
    if let Some(until) = proxies_rest(ctx, &spec.limits, row) {
        let held = Held::by("proxy", until.map(|until| until.since_ms(now)));
        return if held.eta_ms.is_some() { held.because("breaker_open") } else { held };
    }
    let wait = permit_wait_ms(&spec.limits, row, now, ahead);
    let full = row.leases.len() >= spec.limits.concurrency as usize;
    let rounds = (ahead + u64::from(full)).div_ceil(u64::from(spec.limits.concurrency.max(1)));
    let working = (row.attempt_ms > 0).then(|| rounds * row.attempt_ms);
    let eta = match (rounds, working) {
        (0, _) => Some(wait),
        (_, Some(working)) => Some(wait.max(working)),
        (_, None) => None,
    };
    let reason = match () {
        () if permit_wait_ms(&spec.limits, row, now, 0) > SOON_MS => "rate",
        () if full => "concurrency",
        () => "queue",
    };
    let held = Held::by(reason, eta);
    if reason == "rate" && pace::permille(row, now) < 1_000 { held.because("slowed_down") } else { held }
}

/// `Some` when no proxy of the pool may be used now: and when one may again, if that is known.
fn proxies_rest(ctx: &Context<'_>, limits: &LimitsSpec, row: &SourceRow) -> Option<Option<Timestamp>> {
    let name = limits.proxies.as_ref()?;
    let pool = ctx.policy.document.proxies.get(name)?;
    let mut first = None::<Timestamp>;
    for proxy in &pool.proxies {
        let full = format!("{name}/{proxy}");
        let health = row.proxies.get(&full);
        let most = match breaker::of_proxy(row, &full, ctx.now) {
            State::Open(until) => {
                first = Some(first.map_or(until, |other| other.min(until)));
                continue;
            }
            State::HalfOpen => Some(1),
            State::Closed => pool.concurrency,
        };
        if most.is_none_or(|most| health.is_none_or(|health| health.in_use < most)) {
            return None;
        }
    }
    Some(first)
}

/// How long until the permit after `ahead` others.
fn permit_wait_ms(limits: &LimitsSpec, row: &SourceRow, now: Timestamp, ahead: u64) -> u64 {
    let next = |from| limits::next("", limits.rate, limits.burst, row.rates.get(""), from).0;
    let mut permit = next(pace::not_before(row, limits.rate, now));
    while let Err(later) = limits::of_day(limits.daily, limits.quiet, row.day, permit) {
        permit = next(later);
    }
    let interval = pace::interval_ms(row, limits.rate, now);
    let slowed = pace::permille(row, now) < 1_000;
    let unspaced = if slowed { 0 } else { u64::from(limits.burst.saturating_sub(1)) };
    permit.not_before.since_ms(now) + ahead.saturating_sub(unspaced) * interval
}

/// Rounds up so that single steps of others can't be watched: to fives below 50, to two digits above.
pub fn coarse(n: u64) -> u64 {
    let step = match n {
        0..50 => 5,
        50..1_000 => 10,
        1_000..10_000 => 100,
        _ => 1_000,
    };
    n.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::policy::{DurationMs, Rate};
    use mirano_replay::rows::RateRow;

    #[test]
    fn numbers_are_rounded_up() {
        for (n, want) in [(0, 0), (1, 5), (5, 5), (13, 15), (61, 70), (1_234, 1_300), (12_345, 13_000)] {
            assert_eq!(coarse(n), want, "{n}");
        }
    }

    #[test]
    fn a_used_up_budget_is_waited_for() {
        let limits =
            LimitsSpec { rate: Rate { requests: 1, period: DurationMs(60_000) }, burst: 1, ..LimitsSpec::default() };
        let now = Timestamp(1_000_000);
        let free = SourceRow::default();
        assert_eq!(permit_wait_ms(&limits, &free, now, 0), 0);
        assert_eq!(permit_wait_ms(&limits, &free, now, 2), 120_000);
        let rate = RateRow { tat: now.0 + 60_000, recent: vec![now], returned: Vec::new() };
        let used = SourceRow { rates: [(String::new(), rate)].into(), ..SourceRow::default() };
        assert!(permit_wait_ms(&limits, &used, now, 0) >= 60_000);
    }
}
