//! `GET /v1/sources` and `/profiles`: whom can be asked what, and how the sources are.

mod shards;

use super::answer;
use super::auth::{Caller, Role};
use super::error::Result;
use super::query::{At, Page};
use super::state::AppState;
use crate::core::notify::DOWN_AFTER;
use crate::core::policy::{InputType, Policy, PolicyDocument, SourceSpec};
use crate::core::source::breaker;
use crate::core::source::{limits, pace};
use crate::explain::coarse;
use crate::explain::time::{rfc3339, seconds};
use crate::explain::words::Both;
use axum::extract::State;
use axum::response::Response;
use mirano_replay::rows::{DAY_MS, DayRow, OpenRow, RateRow, SourceRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{Outcome, Timestamp};
use serde::Serialize;
pub use shards::ShardView;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What others than operators see of times: more would show what other tenants ask.
const MINUTE_MS: i64 = 60_000;

/// A source and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceView {
    /// Its id.
    pub source: String,
    /// Its name for people.
    pub title: Both,
    /// The level of reuse by default.
    pub level: String,
    /// How long its answers are fresh, in seconds.
    pub ttl_s: u64,
    /// How long past that they may be shown, in seconds.
    pub serve_stale_s: u64,
    /// `ok`, `failing`, `down`, `resting` or `unknown`.
    pub health: String,
    /// Whether it is left alone because it did not answer.
    pub breaker: BreakerView,
    /// It said that it is asked too fast, or that it is unavailable for now, and is asked more slowly.
    pub slowed: Option<SlowedView>,
    /// Tasks that wait; about, unless the caller is an operator.
    pub queue: u64,
    /// Tasks that wait for their next attempt; about, unless the caller is an operator.
    pub delayed: u64,
    /// Tasks that run; about, unless the caller is an operator.
    pub running: u64,
    /// How many may run at once.
    pub concurrency: u32,
    /// The source's limit, `30/m`.
    pub rate: String,
    /// HTTP requests that may start now; about, unless the caller is an operator.
    pub permits_left: u32,
    /// It asked to be left alone until then; to the minute, unless the caller is an operator.
    pub rest_until: Option<String>,
    /// Its proxies, by pool and name.
    pub proxies: Vec<ProxyView>,
    /// What came of the last attempt that was not lost to its proxy.
    pub last_outcome: Option<LastOutcome>,
    /// When it last answered; to the minute, unless the caller is an operator.
    pub last_answer_at: Option<String>,
    /// Attempts that failed since; those that were lost to their proxy are its own.
    pub failures: u32,
    /// The connector's version.
    pub connector: String,
    /// Its queues, where it has several: each has its part of the limits, and the members above say what they come to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardView>,
}

/// A circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BreakerView {
    /// `closed`, `open` (not asked until `until`) or `half_open` (one attempt at a time, to see).
    pub state: String,
    /// Since when it has not been closed; to the minute, unless the caller is an operator.
    pub since: Option<String>,
    /// When one attempt is made to see; to the minute, unless the caller is an operator.
    pub until: Option<String>,
    /// How often it has opened since it was last closed.
    pub times: u32,
}

/// A source that is asked more slowly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SlowedView {
    /// The part of its rate that is used now, in per cent.
    pub percent: u32,
    /// When it is asked at the whole rate again; to the minute, unless the caller is an operator.
    pub full_at: String,
    /// `slowed_down`: it said that it is asked too fast (429). `overloaded`: it answered that it is unavailable for now (503).
    pub because: String,
}

/// A proxy, as one source sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProxyView {
    /// Pool and name; never an address.
    pub proxy: String,
    /// Failures in a row.
    pub failures: u32,
    /// Tasks that go through it now; about, unless the caller is an operator.
    pub in_use: u32,
    /// Not used before; to the minute, unless the caller is an operator.
    pub rest_until: Option<String>,
    /// Whether it is left alone because nothing came through it.
    pub breaker: BreakerView,
}

/// What came of the last attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LastOutcome {
    /// The outcome.
    pub outcome: String,
    /// When; to the minute, unless the caller is an operator.
    pub at: String,
    /// Why, where it failed.
    pub cause: Option<String>,
}

/// Sources and their health
#[utoipa::path(get, path = "/v1/sources", tag = "sources",
    responses((status = 200, description = "All sources of the policy", body = Page<SourceView>)))]
pub async fn list(State(state): State<AppState>, caller: Caller, at: At) -> Result<Response> {
    let policy = state.policy()?;
    let exact = caller.roles.contains(&Role::Operator);
    let mut items = Vec::new();
    for spec in policy.document.sources.values() {
        items.extend(whole(&state, &policy, spec, exact)?);
    }
    Ok(answer::json(&at, &Page { items, next_cursor: None }))
}

/// One source, as the list shows it; none where the policy has no such source.
pub(super) fn row_of(state: &AppState, source: &str, exact: bool) -> Result<Option<SourceView>> {
    let policy = state.policy()?;
    let Some(spec) = policy.document.sources.get(source) else { return Ok(None) };
    whole(state, &policy, spec, exact)
}

/// The specs of a source's queues, and their rows.
fn queues<'p>(state: &AppState, policy: &'p Policy, spec: &SourceSpec) -> Result<Vec<(&'p SourceSpec, SourceRow)>> {
    let mut queues = Vec::new();
    for spec in spec.queues().filter_map(|name| policy.queue(&name)) {
        queues.push((spec, state.engine().views().row(spec.id.as_bytes())?.unwrap_or_default()));
    }
    Ok(queues)
}

fn whole(state: &AppState, policy: &Policy, spec: &SourceSpec, exact: bool) -> Result<Option<SourceView>> {
    let (now, queues) = (state.engine().now(), queues(state, policy, spec)?);
    let views = queues.iter().map(|(spec, row)| view(policy, spec, row, now, exact)).collect();
    Ok(shards::together(spec, views))
}

fn view(policy: &Policy, spec: &SourceSpec, row: &SourceRow, now: Timestamp, exact: bool) -> SourceView {
    let number = |n: u64| if exact { n } else { coarse(n) };
    let time = |at: Timestamp| rfc3339(if exact { at } else { Timestamp(at.0 - at.0.rem_euclid(MINUTE_MS)) });
    let rest_until = row.rest_until.filter(|until| *until > now);
    SourceView {
        source: spec.id.clone(),
        title: Both::from(&spec.title),
        level: word(&spec.level),
        ttl_s: seconds(spec.ttl.0),
        serve_stale_s: seconds(spec.serve_stale.0),
        health: health(spec, row, now).to_owned(),
        breaker: breaker_view(breaker::of_source(spec, row, now), breaker::open_of(spec, row), exact),
        slowed: row.pace.filter(|pace| pace.at(now) < 1_000).map(|pace| SlowedView {
            percent: pace.at(now) / 10,
            full_at: later(pace.full_at, exact),
            because: pace::because(row, now).unwrap_or_default().to_owned(),
        }),
        queue: number(row.queued),
        delayed: number(row.delayed),
        running: number(row.leases.len() as u64),
        concurrency: spec.limits.concurrency,
        rate: word(&spec.limits.rate),
        permits_left: u32::try_from(number(permits_left(spec, row, now).into())).unwrap_or(u32::MAX),
        rest_until: rest_until.map(|until| later(until, exact)),
        proxies: proxies(policy, spec, row, now, exact),
        last_outcome: row.last_outcome.as_ref().map(|(outcome, at, cause)| LastOutcome {
            outcome: word(outcome),
            at: time(*at),
            cause: Some(cause.clone()).filter(|cause| !cause.is_empty()),
        }),
        last_answer_at: row.last_answer.map(time),
        failures: row.failures,
        connector: format!("{}@{}", spec.id, policy.connector_of(&spec.id)),
        shards: Vec::new(),
    }
}

/// A time before which nothing is asked; rounded up, since that holds of the minute after it too.
fn later(at: Timestamp, exact: bool) -> String {
    rfc3339(if exact { at } else { Timestamp(at.0 + (-at.0).rem_euclid(MINUTE_MS)) })
}

/// The word that serde gives a value.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn breaker_view(state: breaker::State, open: Option<&OpenRow>, exact: bool) -> BreakerView {
    BreakerView {
        state: state.word().to_owned(),
        since: open.map(|open| later(open.since, exact)),
        until: open.map(|open| later(open.until, exact)),
        times: open.map_or(0, |open| open.times),
    }
}

fn health(spec: &SourceSpec, row: &SourceRow, now: Timestamp) -> &'static str {
    match (&row.last_outcome, row.failures) {
        _ if breaker::of_source(spec, row, now) != breaker::State::Closed => "down",
        _ if row.rest_until.is_some_and(|until| until > now) => "resting",
        (None, _) => "unknown",
        (_, failures) if failures >= DOWN_AFTER => "down",
        (Some((outcome, ..)), failures) if failures > 0 && *outcome != Outcome::Found => "failing",
        _ => "ok",
    }
}

/// How many requests may start at this moment, under all limits of the source.
fn permits_left(spec: &SourceSpec, row: &SourceRow, now: Timestamp) -> u32 {
    let (limits, mut day) = (&spec.limits, row.day);
    let rests = row.rest_until.is_some_and(|until| until > now);
    let open = matches!(breaker::of_source(spec, row, now), breaker::State::Open(_));
    if rests || open || pace::not_before(row, limits.rate, now) > now {
        return 0;
    }
    // At a slower pace there is no burst.
    let burst = if pace::permille(row, now) < 1_000 { 1 } else { limits.burst.max(1) };
    let mut rate = row.rates.get("").cloned().unwrap_or(RateRow { tat: i64::MIN / 2, ..RateRow::default() });
    let mut left = 0;
    while left < limits.rate.requests.min(burst) {
        let (permit, charge) = limits::next("", limits.rate, limits.burst, Some(&rate), now);
        if permit.not_before > now || limits::of_day(limits.daily, limits.quiet, day, permit).is_err() {
            break;
        }
        if charge.reused {
            rate.returned.retain(|returned| *returned != permit);
        } else {
            rate.tat = charge.tat;
            rate.recent.push(permit.not_before);
            let excess = rate.recent.len().saturating_sub(charge.keep as usize);
            rate.recent.drain(..excess);
            let today = permit.not_before.0.div_euclid(DAY_MS);
            let used = day.filter(|day| day.day == today).map_or(0, |day| day.used);
            day = Some(DayRow { day: today, used: used + 1 });
        }
        left += 1;
    }
    left
}

fn proxies(policy: &Policy, spec: &SourceSpec, row: &SourceRow, now: Timestamp, exact: bool) -> Vec<ProxyView> {
    let Some(name) = &spec.limits.proxies else { return Vec::new() };
    let Some(pool) = policy.document.proxies.get(name) else { return Vec::new() };
    let view = |proxy: &String| {
        let proxy = format!("{name}/{proxy}");
        let health = row.proxies.get(&proxy).cloned().unwrap_or_default();
        let state = breaker::of_proxy(row, &proxy, now);
        let open = row.breakers.get(&proxy).and_then(|row| row.open.as_ref());
        ProxyView {
            failures: health.failures,
            in_use: if exact { health.in_use } else { u32::try_from(coarse(health.in_use.into())).unwrap_or(u32::MAX) },
            rest_until: open.map(|open| open.until).filter(|until| *until > now).map(|until| later(until, exact)),
            breaker: breaker_view(state, open, exact),
            proxy,
        }
    };
    pool.proxies.iter().map(view).collect()
}

/// A report profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileView {
    /// Its name.
    pub profile: String,
    /// Its name for people.
    pub title: Both,
    /// The sources that it asks, in order.
    pub sources: Vec<String>,
    /// What the caller may give besides the address.
    pub inputs: BTreeMap<String, InputView>,
}

/// One input of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InputView {
    /// `text`, `inn`, `date` or `cadastral`.
    pub r#type: String,
    /// Without it there is no check; else its needs are left out.
    pub required: bool,
    /// Its name for people.
    pub title: Option<Both>,
}

/// Sets the gauges of breakers and paces to what the views show.
pub(super) fn measure(state: &AppState) -> Result<()> {
    // Before the first policy there is nothing to measure.
    let Ok(policy) = state.policy() else { return Ok(()) };
    let now = state.engine().now();
    for (id, spec) in &policy.document.sources {
        // Of several queues the worst.
        let queues = queues(state, &policy, spec)?;
        let gauge = |proxy: &str, of: &dyn Fn(&SourceSpec, &SourceRow) -> breaker::State| {
            let open = queues.iter().map(|(spec, row)| match of(spec, row) {
                breaker::State::Closed => 0.0,
                breaker::State::HalfOpen => 0.5,
                breaker::State::Open(_) => 1.0,
            });
            let open = open.fold(0.0, f64::max);
            let labels = [("source", id.clone()), ("proxy", proxy.to_owned())];
            metrics::gauge!("mirano_breaker_open", &labels).set(open);
        };
        gauge("", &|spec, row| breaker::of_source(spec, row, now));
        let pool = spec.limits.proxies.as_ref().and_then(|name| Some((name, policy.document.proxies.get(name)?)));
        for proxy in
            pool.iter().flat_map(|(name, pool)| pool.proxies.iter().map(move |proxy| format!("{name}/{proxy}")))
        {
            gauge(&proxy, &|_, row| breaker::of_proxy(row, &proxy, now));
        }
        let slowest = queues.iter().map(|(_, row)| pace::permille(row, now)).min();
        let share = f64::from(slowest.unwrap_or(1_000)) / 1_000.0;
        metrics::gauge!("mirano_source_pace_ratio", "source" => id.clone()).set(share);
    }
    Ok(())
}

/// Profiles and their inputs
#[utoipa::path(get, path = "/v1/profiles", tag = "sources",
    responses((status = 200, description = "All profiles of the policy", body = Page<ProfileView>)))]
pub async fn profiles(State(state): State<AppState>, _caller: Caller, at: At) -> Result<Response> {
    let items = profile_views(&state.policy()?.document);
    Ok(answer::json(&at, &Page { items, next_cursor: None }))
}

/// The profiles of a policy, as callers see them.
pub(super) fn profile_views(document: &PolicyDocument) -> Vec<ProfileView> {
    let input = |spec: &crate::core::policy::InputSpec| InputView {
        r#type: match spec.kind {
            InputType::Text => "text",
            InputType::Inn => "inn",
            InputType::Date => "date",
            InputType::Cadastral => "cadastral",
        }
        .to_owned(),
        required: spec.required,
        title: spec.title.as_ref().map(Both::from),
    };
    let mut items = Vec::new();
    for (name, spec) in &document.profiles {
        let mut sources: Vec<String> = Vec::new();
        for need in &spec.needs {
            if !sources.contains(&need.source) {
                sources.push(need.source.clone());
            }
        }
        items.push(ProfileView {
            profile: name.clone(),
            title: Both::from(&spec.title),
            sources,
            inputs: spec.inputs.iter().map(|(name, spec)| (name.clone(), input(spec))).collect(),
        });
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_permit_is_left_that_would_not_be_granted() {
        let policy: PolicyDocument =
            serde_json::from_str(include_str!("../../tests/http/policy.json")).expect("a policy");
        let mut spec = policy.sources["courts"].clone();
        let mut row = SourceRow::default();
        // Half past midnight, UTC.
        let now = Timestamp(1_800_000_000_000 - 1_800_000_000_000 % 86_400_000 + 1_800_000);
        let whole = permits_left(&spec, &row, now);
        assert!(whole > 2, "{whole}");
        row.rest_until = Some(now.plus_ms(1));
        assert_eq!(permits_left(&spec, &row, now), 0, "the source rests");
        assert_eq!(permits_left(&spec, &row, now.plus_ms(1)), whole);
        spec.limits.daily = Some(2);
        assert_eq!(permits_left(&spec, &row, now.plus_ms(1)), 2, "of the day's two");
        spec.limits.quiet = Some("00:00-06:00".parse().expect("hours"));
        assert_eq!(permits_left(&spec, &row, now.plus_ms(1)), 0, "the source is left alone");
    }
}
