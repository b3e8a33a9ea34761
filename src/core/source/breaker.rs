//! Circuit breakers: a source, or one of its proxies, that does not answer is left alone, and asked once in a while to see.
//!
//! *Closed*: asked as its limits allow. *Open*: not asked at all, until a time. *Half open*: one attempt at a time; what comes
//! of it closes the breaker, or opens it for twice as long. Outcomes are folded from the log, and each opening and closing is
//! an event, so every node sees the same state and a restart forgets nothing.
//!
//! Only *unavailable* and *blocked* count. A page that can't be read, or refused parameters, are answers of somebody who is
//! there; what went wrong on our side says nothing. What a proxy did not let through counts for that proxy alone, in any state
//! of the source: whoever was not asked can't have failed.

use super::source_row;
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::{BreakerSpec, Policy, ProxyPoolSpec, SourceSpec};
use mirano_replay::rows::{BreakerRow, OpenRow, SourceRow};
use mirano_schemas::*;

/// The rest of a proxy grows to so many times its pool's `cool_down`.
const LONGEST_COOL_DOWN: u64 = 8;

/// What an attempt was made with, as long as its lease is there.
pub(super) struct Attempt {
    /// The proxy, as pool and name.
    pub proxy: Option<String>,
    /// When it was leased.
    pub started_at: Timestamp,
}

impl Attempt {
    /// The attempt under a lease.
    pub fn of(row: &SourceRow, lease: LeaseToken) -> Option<Self> {
        row.leases.get(&lease).map(|held| Self { proxy: held.proxy.clone(), started_at: held.started_at })
    }
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Asked as the limits allow.
    Closed,
    /// Not asked before then.
    Open(Timestamp),
    /// One attempt at a time.
    HalfOpen,
}

impl State {
    fn of(row: Option<&BreakerRow>, now: Timestamp) -> Self {
        match row {
            Some(row) if row.probes(now) => Self::HalfOpen,
            Some(row) => row.rests(now).map_or(Self::Closed, Self::Open),
            None => Self::Closed,
        }
    }

    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The breaker of a source, if it is not closed. One that is switched off does not hold.
pub fn open_of<'r>(spec: &SourceSpec, row: &'r SourceRow) -> Option<&'r OpenRow> {
    row.breakers.get("").and_then(|row| row.open.as_ref()).filter(|_| spec.limits.breaker.failures > 0)
}

/// The state of a source's breaker.
pub fn of_source(spec: &SourceSpec, row: &SourceRow, now: Timestamp) -> State {
    State::of(open_of(spec, row).and_then(|_| row.breakers.get("")), now)
}

/// The state of the breaker of a proxy, named by pool and name.
pub fn of_proxy(row: &SourceRow, proxy: &str, now: Timestamp) -> State {
    State::of(row.breakers.get(proxy), now)
}

/// Until when a source is left alone: it asked for that, or it does not answer.
pub fn rests_until(spec: &SourceSpec, row: &SourceRow, now: Timestamp) -> Option<Timestamp> {
    let open = match of_source(spec, row, now) {
        State::Open(until) => Some(until),
        State::HalfOpen | State::Closed => None,
    };
    row.rest_until.filter(|until| *until > now).max(open)
}

/// When a breaker opens, and for how long.
struct Rule {
    failures: u32,
    share: f64,
    of: u32,
    rest_ms: u64,
    longest_ms: u64,
}

impl Rule {
    fn find(policy: &Policy, source: &str, proxy: Option<&str>) -> Option<Self> {
        match proxy {
            None => policy.queue(source).and_then(|spec| Self::of_source(&spec.limits.breaker)),
            Some(name) => policy.document.proxies.get(name.split_once('/')?.0).map(Self::of_pool),
        }
    }

    fn of_source(spec: &BreakerSpec) -> Option<Self> {
        let BreakerSpec { failures, share, of, rest, longest, .. } = *spec;
        (failures > 0).then_some(Self { failures, share, of, rest_ms: rest.0, longest_ms: longest.0 })
    }

    fn of_pool(pool: &ProxyPoolSpec) -> Self {
        let rest_ms = pool.cool_down.0;
        let longest_ms = rest_ms.saturating_mul(LONGEST_COOL_DOWN);
        Self { failures: pool.failures, share: f64::INFINITY, of: 0, rest_ms, longest_ms }
    }

    fn opens(&self, row: &BreakerRow) -> bool {
        let (failed, of) = row.failed_of(self.of);
        let share = self.of > 0 && of >= self.of && f64::from(failed) >= self.share * f64::from(of);
        share || row.run() >= self.failures
    }

    /// How long the `times`-th rest in a row is.
    fn rest_ms(&self, times: u32) -> u64 {
        let factor = 1u64 << times.saturating_sub(1).min(32);
        self.rest_ms.saturating_mul(factor).min(self.longest_ms.max(self.rest_ms))
    }
}

/// After an attempt that says something of its source: opens or closes the breakers of the source and of the proxy.
/// `failed`: it came to nothing, and how. The events of the attempt are decided already.
pub(super) fn after(
    decision: &mut Decision<'_>,
    source: &str,
    attempt: &Attempt,
    failed: Option<(Outcome, &str)>,
) -> Result<(), DecideError> {
    turn(decision, source, attempt, None, failed)?;
    let Some(proxy) = attempt.proxy.as_deref() else { return Ok(()) };
    // While the source itself does not answer, no proxy is to blame.
    let down = source_row(decision, source)?.breakers.get("").is_some_and(|own| own.open.is_some());
    if failed.is_some() && down {
        return Ok(());
    }
    turn(decision, source, attempt, Some(proxy), failed)
}

/// After an attempt that its proxy did not let through: the source was not asked, so its own breaker stays as it is.
pub(super) fn after_lost_to(
    decision: &mut Decision<'_>,
    source: &str,
    attempt: &Attempt,
    proxy: &str,
    failed: (Outcome, &str),
) -> Result<(), DecideError> {
    turn(decision, source, attempt, Some(proxy), Some(failed))
}

/// Opens or closes one breaker, by what was noted of it.
fn turn(
    decision: &mut Decision<'_>,
    source: &str,
    attempt: &Attempt,
    proxy: Option<&str>,
    failed: Option<(Outcome, &str)>,
) -> Result<(), DecideError> {
    let Some(rule) = Rule::find(decision.ctx.policy, source, proxy) else { return Ok(()) };
    let row = source_row(decision, source)?;
    let Some(breaker) = row.breakers.get(proxy.unwrap_or_default()) else { return Ok(()) };
    let saw = breaker.open.as_ref().is_some_and(|open| attempt.started_at >= open.until);
    match (&breaker.open, failed) {
        (None, Some(failed)) if rule.opens(breaker) => open(decision, source, proxy, &rule, failed),
        (Some(_), Some(failed)) if saw => open(decision, source, proxy, &rule, failed),
        (Some(open), None) if saw => {
            let proxy = proxy.map(str::to_owned);
            decision.emit(BreakerClosed { source: source.to_owned(), proxy, since: open.since })
        }
        // What was begun before the rest, and ends during it, tells nothing new.
        _ => Ok(()),
    }
}

fn open(
    decision: &mut Decision<'_>,
    source: &str,
    proxy: Option<&str>,
    rule: &Rule,
    (outcome, cause): (Outcome, &str),
) -> Result<(), DecideError> {
    let row = source_row(decision, source)?;
    let breaker = row.breakers.get(proxy.unwrap_or_default());
    let times = breaker.and_then(|row| row.open.as_ref()).map_or(0, |open| open.times).saturating_add(1);
    let (failed, of) = breaker.map_or((0, 0), |row| row.failed_of(rule.of.max(rule.failures)));
    decision.emit(BreakerOpened {
        source: source.to_owned(),
        proxy: proxy.map(str::to_owned),
        until: decision.ctx.now().plus_ms(rule.rest_ms(times)),
        times,
        failed,
        of,
        outcome,
        cause: cause.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::policy::DurationMs;

    fn row(outcomes: &[bool]) -> BreakerRow {
        let mut row = BreakerRow::default();
        outcomes.iter().for_each(|failed| row.note(*failed));
        row
    }

    #[test]
    fn a_run_or_a_share_opens_it() {
        let spec = BreakerSpec { failures: 4, share: 0.5, of: 8, ..BreakerSpec::default() };
        let rule = Rule::of_source(&spec).expect("on");
        assert!(!rule.opens(&row(&[])));
        assert!(!rule.opens(&row(&[true; 3])));
        assert!(rule.opens(&row(&[true; 4])));
        // Half of eight, never more than one in a row; half of six says nothing yet.
        assert!(rule.opens(&row(&[true, false, true, false, true, false, true, false])));
        assert!(!rule.opens(&row(&[true, false, true, false, true, false])));
        assert!(!rule.opens(&row(&[false, false, true, false, true, false, true, false])));
        assert!(Rule::of_source(&BreakerSpec { failures: 0, ..spec }).is_none());
    }

    #[test]
    fn rests_double_up_to_the_longest() {
        let spec = BreakerSpec { rest: DurationMs(30_000), longest: DurationMs(100_000), ..BreakerSpec::default() };
        let rule = Rule::of_source(&spec).expect("on");
        let rests: Vec<u64> = [1, 2, 3, 4, 60, u32::MAX].into_iter().map(|times| rule.rest_ms(times)).collect();
        assert_eq!(rests, [30_000, 60_000, 100_000, 100_000, 100_000, 100_000]);
    }

    #[test]
    fn it_half_opens_by_itself() {
        let mut row = BreakerRow::default();
        let state = |row: &BreakerRow, at| State::of(Some(row), Timestamp(at));
        assert_eq!(state(&row, 0), State::Closed);
        row.open = Some(OpenRow { since: Timestamp(10), until: Timestamp(20), times: 1 });
        assert_eq!([state(&row, 19), state(&row, 20)], [State::Open(Timestamp(20)), State::HalfOpen]);
    }
}
