//! What a task waits for, and about how long: from its source's row and the limits in force.
//!
//! A forecast, and it is measured how far off forecasts are (`mirano_eta_error_seconds`). What can't be foreseen is none,
//! never 0: an event of which nobody knows when it comes, a source that was never asked.

mod pool;

use super::breaker::{self, State};
use super::proxies::Pools;
use super::{limits, pace};
use crate::core::partitioning;
use crate::core::policy::{LimitsSpec, Policy, SourceSpec};
use mirano_replay::apply::be_u64;
use mirano_replay::apply::queue::WeightsRow;
use mirano_replay::rows::{DAY_MS, SourceRow, TaskRow, TaskState, key};
use mirano_replay::store::{ReadExt, StoreError, Table};
use mirano_schemas::{Permit, TaskId, Timestamp};
use pool::Pool;

/// The queue is counted no further than this.
const MOST_COUNTED: usize = 1_000;
/// A permit that is nearer than this holds nobody up.
const SOON_MS: u64 = 1_000;

/// What holds a task up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// `rate`, `concurrency`, `proxy`, `backoff` or `queue`.
    pub reason: &'static str,
    /// Why that is, where the reason alone does not say it.
    pub cause: Option<&'static str>,
    /// How many tasks of the source stand before this one.
    pub ahead: u64,
    /// In so many milliseconds its next attempt begins.
    pub eta_ms: Option<u64>,
}

impl Forecast {
    fn by(reason: &'static str, eta_ms: Option<u64>) -> Self {
        Self { reason, cause: None, ahead: 0, eta_ms }
    }

    fn because(self, cause: &'static str) -> Self {
        Self { cause: Some(cause), ..self }
    }
}

/// What a queued or retrying task waits for, in a log of so many partitions; none where it waits for nothing.
pub fn forecast(
    rows: &(impl ReadExt + ?Sized),
    policy: &Policy,
    partitions: u32,
    task: &TaskRow,
    now: Timestamp,
) -> Result<Option<Forecast>, StoreError> {
    let source = task.scheduled.source.as_str();
    let row: SourceRow = rows.row(source.as_bytes())?.unwrap_or_default();
    let (spec, policy) = (policy.queue(source), &policy.document);
    match task.state {
        TaskState::Retrying { at } if at > now => {
            // Its own pause may be over before the source is asked again.
            let rested = spec.and_then(|spec| rested(spec, &row, now));
            let own = at.since_ms(now);
            Ok(Some(match rested {
                Some(Forecast { eta_ms: Some(longer), cause, .. }) if longer > own => {
                    Forecast { cause, ..Forecast::by("backoff", Some(longer)) }
                }
                _ => Forecast::by("backoff", Some(own)),
            }))
        }
        TaskState::Queued | TaskState::Retrying { .. } => {
            let ahead = ahead(rows, task)?;
            let Some(spec) = spec else { return Ok(Some(Forecast { ahead, ..Forecast::by("queue", None) })) };
            let kept = limits::kept(&spec.limits, row.day, now).filter(|_| task.priority > policy.queue.interactive);
            if let Some(until) = kept {
                let held = Forecast::by("rate", Some(until.since_ms(now))).because("daily_quota");
                return Ok(Some(Forecast { ahead, ..held }));
            }
            let partition = partitioning::of_source(source, partitions);
            let pools = Pools { policy, partition, partitions };
            let about = About { pool: Pool::look(rows, pools, spec, &row, now)?, spec, row: &row, now };
            let first = about.turn(ahead);
            // What is tried again meanwhile takes turns with it.
            let soon = first.eta_ms.map_or(Ok(0), |eta| due_within(rows, &row, partition, task, now.plus_ms(eta)))?;
            let told = if soon == 0 { first } else { about.turn(ahead + soon) };
            Ok(Some(Forecast { ahead: ahead + soon, ..told }))
        }
        TaskState::Running { .. } | TaskState::Done { .. } | TaskState::Failed { .. } => Ok(None),
    }
}

/// `Some` while the source is left alone.
fn rested(spec: &SourceSpec, row: &SourceRow, now: Timestamp) -> Option<Forecast> {
    let asked = row.rest_until.filter(|until| *until > now);
    match breaker::of_source(spec, row, now) {
        State::Open(until) if asked.is_none_or(|asked| asked < until) => {
            Some(Forecast::by("backoff", Some(until.since_ms(now))).because("breaker_open"))
        }
        // The attempt that shows whether it answers is under way.
        State::HalfOpen if asked.is_none() && !row.leases.is_empty() => {
            Some(Forecast::by("backoff", (row.attempt_ms > 0).then_some(row.attempt_ms)).because("breaker_open"))
        }
        _ => asked.map(|until| Forecast::by("backoff", Some(until.since_ms(now))).because("asked_to_wait")),
    }
}

/// How many tasks of the source stand before this one.
fn ahead(rows: &(impl ReadExt + ?Sized), task: &TaskRow) -> Result<u64, StoreError> {
    if matches!(task.state, TaskState::Retrying { .. }) {
        return Ok(0);
    }
    let own = key::ready(task);
    let places = rows.keys(Table::Ready, &key::source_prefix(&task.scheduled.source), &[], MOST_COUNTED)?;
    Ok(places.iter().take_while(|place| place.as_slice() < &*own).count() as u64)
}

/// How many other tasks of the source are tried again until then and begin before this one: each as it would be queued now.
fn due_within(
    rows: &(impl ReadExt + ?Sized),
    source: &SourceRow,
    partition: u32,
    task: &TaskRow,
    until: Timestamp,
) -> Result<u64, StoreError> {
    if source.delayed == 0 || matches!(task.state, TaskState::Retrying { .. }) {
        return Ok(0);
    }
    let prefix = key::source_prefix(&task.scheduled.source);
    let until = u64::try_from(until.0).unwrap_or(0);
    let due = |place: &Vec<u8>| place.get(prefix.len()..prefix.len() + 8).map_or(u64::MAX, be_u64) <= until;
    let places = rows.keys(Table::Delayed, &prefix, &[], MOST_COUNTED)?;
    let weights = WeightsRow::of(rows, partition)?;
    let mut queue = SourceRow { turn: source.turn, flows: source.flows.clone(), ..SourceRow::default() };
    let mut before = 0;
    for other in places.iter().take_while(|place| due(place)).filter_map(|place| key::tail(place).map(TaskId)) {
        let Some(other) = rows.shared::<TaskRow>(other.as_bytes())? else { continue };
        let turn = weights.enter_again(&mut queue, &other.scheduled.requester.tenant, other.priority);
        before += u64::from((turn, other.priority) <= (task.turn, task.priority));
    }
    Ok(before)
}

struct About<'a> {
    /// None: the source is asked directly.
    pool: Option<Pool>,
    spec: &'a SourceSpec,
    row: &'a SourceRow,
    now: Timestamp,
}

impl About<'_> {
    /// What holds up a task that may run, and about when its turn comes.
    fn turn(&self, ahead: u64) -> Forecast {
        let Self { spec, row, now, .. } = *self;
        if let Some(held) = rested(spec, row, now) {
            return held;
        }
        let ahead = self.with_failures(ahead);
        if let Some(held) = self.pool.as_ref().and_then(|pool| pool.held(ahead, row.attempt_ms, now)) {
            return held;
        }
        // Tasks before this one take as many requests as tasks did of late.
        let requests = (ahead * row.permits_milli.max(1_000)).div_ceil(1_000);
        let through = |requests| self.pool.as_ref().map_or(0, |pool| pool.wait_ms(requests, now));
        let wait = self.permit_wait_ms(requests).0.max(through(requests));
        let (nearest, held_back) = self.permit_wait_ms(0);
        let full = row.leases.len() >= spec.limits.concurrency as usize;
        let rounds = (ahead + u64::from(full)).div_ceil(u64::from(spec.limits.concurrency.max(1)));
        let working = (row.attempt_ms > 0).then(|| rounds * row.attempt_ms);
        let eta = match (rounds, working) {
            (0, _) => Some(wait),
            (_, Some(working)) => Some(wait.max(working)),
            (_, None) => None,
        };
        let reason = match () {
            () if through(0) > SOON_MS.max(nearest) => "proxy",
            () if nearest > SOON_MS => "rate",
            () if full => "concurrency",
            () => "queue",
        };
        let told = Forecast::by(reason, eta);
        match held_back {
            _ if reason == "proxy" && self.pool.as_ref().is_some_and(Pool::by_total) => told.because("proxy_total"),
            Some(cause) if reason == "rate" => told.because(cause),
            None if reason == "rate" => Forecast { cause: pace::because(row, now), ..told },
            _ => told,
        }
    }

    /// How many attempts so many tasks take, as the last ones went: no more than four for each.
    fn with_failures(&self, tasks: u64) -> u64 {
        let Some(own) = self.row.breakers.get("") else { return tasks };
        let (failed, of) = own.failed_of(32);
        let answered = u64::from(of - failed.min(of)).max(u64::from(of).div_ceil(4)).max(1);
        (tasks * u64::from(of.max(1))).div_ceil(answered)
    }

    /// How long until the permit after so many others; and what else than the rate holds the first one back.
    fn permit_wait_ms(&self, requests: u64) -> (u64, Option<&'static str>) {
        let Self { spec: SourceSpec { limits, .. }, row, now, .. } = *self;
        let next = |from| limits::next("", limits.rate, limits.burst, row.rates.get(""), from).0;
        let mut permit = next(pace::not_before(row, limits.rate, now));
        let mut held_back = None;
        while let Err(later) = limits::of_day(limits.daily, limits.quiet, row.day, permit) {
            let quiet = limits.quiet.is_some_and(|quiet| quiet.hold(permit.not_before) || quiet.hold(permit.not_after));
            held_back.get_or_insert(if quiet { "quiet_hours" } else { "daily_quota" });
            permit = next(later);
        }
        let spaced = |from: Timestamp, requests: u64| {
            let interval = pace::interval_ms(row, limits.rate, now);
            let slowed = pace::permille(row, now) < 1_000;
            let unspaced = if slowed { 0 } else { u64::from(limits.burst.saturating_sub(1)) };
            from.plus_ms(requests.saturating_sub(unspaced) * interval)
        };
        let at = match beyond_day(limits, row, permit, requests) {
            Some((day, left)) => spaced(day, left),
            None => spaced(permit.not_before, requests),
        };
        (at.since_ms(now), held_back)
    }
}

/// The day on which the permit after so many others falls, where their day's quota does not hold them all, and how many go
/// before it on that day.
fn beyond_day(limits: &LimitsSpec, row: &SourceRow, first: Permit, requests: u64) -> Option<(Timestamp, u64)> {
    let daily = u64::from(limits.daily?.max(1));
    let day = first.not_before.0.div_euclid(DAY_MS);
    let used = row.day.filter(|counted| counted.day == day).map_or(0, |counted| u64::from(counted.used));
    let left = daily.saturating_sub(used);
    let over = requests.checked_sub(left)?;
    let days = i64::try_from(1 + over / daily).ok()?;
    Some((Timestamp((day + days) * DAY_MS), over % daily))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::policy::{DurationMs, Rate};
    use mirano_replay::rows::{DayRow, RateRow};

    fn wait_ms(limits: LimitsSpec, row: &SourceRow, now: Timestamp, requests: u64) -> (u64, Option<&'static str>) {
        let spec: SourceSpec = serde_json::from_value(serde_json::json!({
            "id": "x", "title": {"ru": "x", "en": "x"}, "level": "source", "ttl": "1d", "request": {"url": "http://x/"},
            "answer": {"format": "json"}
        }))
        .expect("a source");
        let spec = SourceSpec { limits, ..spec };
        About { pool: None, spec: &spec, row, now }.permit_wait_ms(requests)
    }

    fn limits() -> LimitsSpec {
        LimitsSpec { rate: Rate { requests: 1, period: DurationMs(60_000) }, burst: 1, ..LimitsSpec::default() }
    }

    #[test]
    fn a_used_up_budget_is_waited_for() {
        let now = Timestamp(1_000_000);
        let free = SourceRow::default();
        assert_eq!(wait_ms(limits(), &free, now, 0), (0, None));
        assert_eq!(wait_ms(limits(), &free, now, 2), (120_000, None));
        let rate = RateRow { tat: now.0 + 60_000, recent: vec![now], returned: Vec::new() };
        let used = SourceRow { rates: [(String::new(), rate)].into(), ..SourceRow::default() };
        assert!(wait_ms(limits(), &used, now, 0).0 >= 60_000);
    }

    #[test]
    fn quotas_and_quiet_hours_are_waited_for_and_named() {
        let now = Timestamp(20_000 * DAY_MS + 3_600_000);
        let daily = LimitsSpec { daily: Some(10), ..limits() };
        let row = SourceRow { day: Some(DayRow { day: 20_000, used: 8 }), ..SourceRow::default() };
        assert_eq!(wait_ms(daily.clone(), &row, now, 1), (60_000, None));
        let midnight = 23 * 3_600_000;
        assert_eq!(wait_ms(daily.clone(), &row, now, 2), (midnight, None), "the third is for tomorrow");
        assert_eq!(wait_ms(daily.clone(), &row, now, 13), (midnight + 86_400_000 + 60_000, None), "and the day after");
        let used = SourceRow { day: Some(DayRow { day: 20_000, used: 10 }), ..SourceRow::default() };
        assert_eq!(wait_ms(daily, &used, now, 0), (midnight, Some("daily_quota")));
        let quiet = LimitsSpec { quiet: Some("00:30-02:00".parse().expect("hours")), ..limits() };
        assert_eq!(wait_ms(quiet, &SourceRow::default(), now, 0), (3_600_000, Some("quiet_hours")));
    }
}
