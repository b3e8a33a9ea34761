//! What a pool of proxies lets through, as a forecast sees it: for the task's own source, and of what all sources of the pool
//! share.

use super::Forecast;
use crate::core::policy::SourceSpec;
use crate::core::source::breaker::{self, State};
use crate::core::source::proxies::{Limited, Pools, held_back};
use mirano_replay::rows::SourceRow;
use mirano_replay::store::{ReadExt, StoreError};
use mirano_schemas::Timestamp;

/// Nanoseconds in a millisecond: rates are added up in requests for so many milliseconds.
const SCALE: u64 = 1_000_000;

/// A proxy that a task may take now.
struct Way {
    /// From when its limits let a request through.
    from: Timestamp,
    /// Whether it is the limit of all sources together that says so.
    by_total: bool,
    /// Between two requests, milliseconds; 0: no limit.
    interval_ms: u64,
}

impl Way {
    fn of(limits: &[Limited], now: Timestamp) -> Self {
        let mut way = Self { from: now, by_total: false, interval_ms: 0 };
        for limit in limits {
            let from = limit.next(now).map_or(now, |(permit, _)| permit.not_before);
            if from > way.from {
                (way.from, way.by_total) = (from, limit.is_total);
            }
            way.interval_ms = way.interval_ms.max(limit.interval_ms());
        }
        way
    }
}

/// A source's pool.
pub(super) struct Pool {
    ways: Vec<Way>,
    /// When the first of those that rest may be used again, and why it rests.
    rest: Option<(Timestamp, &'static str)>,
    /// Tasks of all sources that hold a proxy which has its total of them.
    taken: u64,
}

impl Pool {
    /// The pool of a source as it is now; none: it is asked directly.
    pub fn look(
        rows: &(impl ReadExt + ?Sized),
        pools: Pools<'_>,
        spec: &SourceSpec,
        row: &SourceRow,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let Some((name, pool)) =
            spec.limits.proxies.as_ref().and_then(|name| Some((name, pools.policy.proxies.get(name)?)))
        else {
            return Ok(None);
        };
        let total = pools.total_of(name);
        let mut found = Self { ways: Vec::new(), rest: None, taken: 0 };
        for proxy in &pool.proxies {
            let full = format!("{name}/{proxy}");
            let most = match breaker::of_proxy(row, &full, now) {
                State::Open(until) => {
                    found.rests(until, "breaker_open");
                    continue;
                }
                State::HalfOpen => Some(1),
                State::Closed => pool.concurrency.map(|most| spec.part(most)),
            };
            let own = row.proxies.get(&full).map_or(0, |health| health.in_use);
            match total.concurrency {
                Some(all) if pools.row(rows, &full)?.in_use >= all => found.taken += u64::from(all),
                _ if most.is_some_and(|most| own >= most) => {}
                _ => {
                    let limits = pools.limits(rows, spec, &full, row)?;
                    match held_back(&limits, now) {
                        Some(until) if pool.quiet.is_some_and(|quiet| quiet.hold(now)) => {
                            found.rests(until, "quiet_hours");
                        }
                        Some(until) => found.rests(until, "daily_quota"),
                        None => found.ways.push(Way::of(&limits, now)),
                    }
                }
            }
        }
        Ok(Some(found))
    }

    fn rests(&mut self, until: Timestamp, why: &'static str) {
        self.rest = self.rest.into_iter().chain([(until, why)]).min();
    }

    /// Why no task can take a proxy now; none: one can. `tasks` stand before, and an attempt takes about `attempt_ms` (0: not
    /// known), also of the pool's other sources.
    pub fn held(&self, tasks: u64, attempt_ms: u64, now: Timestamp) -> Option<Forecast> {
        if !self.ways.is_empty() {
            return None;
        }
        let rested = self.rest.map(|(until, _)| until.since_ms(now));
        if self.taken > 0 {
            let rounds = (tasks + 1).div_ceil(self.taken);
            let ended = (attempt_ms > 0).then(|| rounds * attempt_ms);
            let eta = ended.into_iter().chain(rested).min();
            return Some(Forecast::by("proxy", eta).because("proxy_total"));
        }
        let held = Forecast::by("proxy", rested);
        Some(match self.rest {
            Some((_, why)) => held.because(why),
            None => held,
        })
    }

    /// How long until the request after so many others goes through.
    pub fn wait_ms(&self, requests: u64, now: Timestamp) -> u64 {
        let first = self.ways.iter().map(|way| way.from).min().map_or(0, |from| from.since_ms(now));
        let together: Option<u64> = self.ways.iter().map(|way| SCALE.checked_div(way.interval_ms)).sum();
        // A proxy without a limit lets all of them through.
        first + together.map_or(0, |together| requests.saturating_mul(SCALE) / together.max(1))
    }

    /// Whether what holds the first request back is the limit of all sources together.
    pub fn by_total(&self) -> bool {
        self.ways.iter().min_by_key(|way| way.from).is_some_and(|way| way.by_total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(ways: &[(i64, bool, u64)]) -> Pool {
        let way = |(from, by_total, interval_ms): &(i64, bool, u64)| Way {
            from: Timestamp(*from),
            by_total: *by_total,
            interval_ms: *interval_ms,
        };
        Pool { ways: ways.iter().map(way).collect(), rest: None, taken: 0 }
    }

    #[test]
    fn proxies_let_through_what_they_do_together() {
        let now = Timestamp(1_000);
        let two = pool(&[(5_000, true, 3_000), (9_000, false, 6_000)]);
        assert_eq!((two.wait_ms(0, now), two.by_total()), (4_000, true));
        assert_eq!(two.wait_ms(10, now) / 100, 240, "three in six seconds");
        assert_eq!(pool(&[(1_000, false, 0), (9_000, true, 6_000)]).wait_ms(10, now), 0, "one has no limit");
    }

    #[test]
    fn a_full_total_is_waited_for_in_rounds() {
        let now = Timestamp(1_000);
        let full = Pool { taken: 2, ..pool(&[]) };
        let told = |tasks, attempt_ms| full.held(tasks, attempt_ms, now).map(|held| (held.cause, held.eta_ms));
        assert_eq!(told(0, 700), Some((Some("proxy_total"), Some(700))));
        assert_eq!(told(4, 700), Some((Some("proxy_total"), Some(2_100))));
        assert_eq!(told(0, 0), Some((Some("proxy_total"), None)), "nobody knows how long an attempt takes");
        assert_eq!(pool(&[(1_000, false, 0)]).held(0, 700, now), None);
    }
}
