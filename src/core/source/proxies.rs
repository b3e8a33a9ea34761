//! Which proxy an attempt goes through, and the limits that hold on it: for each source by itself, and for all sources of its
//! pool together.
//!
//! The first kind is kept in the row of the source's queue, which has its part of it where the source has several. The second is
//! kept in a row for each partition and proxy, and each partition that has a source of the pool holds an equal part of it, so
//! that no decision waits for another partition's.

use super::breaker::{self, State};
use super::limits;
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::{DayHours, PolicyDocument, Rate, SourceSpec, TotalPart};
use mirano_replay::rows::{DAY_MS, DAY_OF, DayRow, ProxyTotalRow, RateRow, SourceRow, TOTAL, key};
use mirano_replay::store::{ReadExt, StoreError};
use mirano_schemas::{Charge, Permit, Timestamp};

/// What comes of looking for a proxy.
pub(super) enum Choice {
    /// This one, as pool and name.
    Proxy(String),
    /// None before then.
    At(Timestamp),
    /// None before something happens.
    Event,
}

/// Of the proxies that rest not the one whose limits let a request through first, then the one that is used least; else when one may
/// be used again.
pub(super) fn choose(
    decision: &Decision<'_>,
    source: &SourceSpec,
    pool: &str,
    row: &SourceRow,
) -> Result<Choice, DecideError> {
    let Some(spec) = decision.ctx.policy.document.proxies.get(pool) else { return Ok(Choice::Event) };
    let (now, pools) = (decision.ctx.now(), Pools::of(decision));
    let all = pools.total_of(pool);
    let mut wait = None::<Timestamp>;
    let mut best: Option<(Timestamp, u32, Option<Timestamp>, String)> = None;
    for name in &spec.proxies {
        let full = format!("{pool}/{name}");
        let health = row.proxies.get(&full).cloned().unwrap_or_default();
        let most = match breaker::of_proxy(row, &full, now) {
            State::Open(until) => {
                wait = Some(wait.map_or(until, |other| other.min(until)));
                continue;
            }
            State::HalfOpen => Some(1),
            State::Closed => spec.concurrency.map(|most| source.part(most)),
        };
        let busy = all.concurrency.map(|most| Ok::<_, DecideError>(pools.row(&decision.rows, &full)?.in_use >= most));
        if busy.transpose()?.unwrap_or(false) {
            continue;
        }
        let limits = match spec.has_limits() {
            true => pools.limits(&decision.rows, source, &full, row)?,
            false => Vec::new(),
        };
        if let Some(until) = held_back(&limits, now) {
            wait = Some(wait.map_or(until, |other: Timestamp| other.min(until)));
            continue;
        }
        if most.is_none_or(|most| health.in_use < most) {
            let from = limits.iter().filter_map(|limit| limit.next(now)).map(|(permit, _)| permit.not_before).max();
            best = best.into_iter().chain([(from.unwrap_or(now), health.in_use, health.last_used, full)]).min();
        }
    }
    Ok(match (best, wait) {
        (Some((.., name)), _) => Choice::Proxy(name),
        (None, Some(until)) => Choice::At(until),
        (None, None) => Choice::Event,
    })
}

/// Since when a source leaves each proxy of a pool alone, in the order of the pool; none: it does not.
fn rests(policy: &PolicyDocument, pool: &str, row: &SourceRow) -> Vec<(String, Option<Timestamp>)> {
    let names = policy.proxies.get(pool).map(|spec| spec.proxies.as_slice()).unwrap_or_default();
    let full = names.iter().map(|name| format!("{pool}/{name}"));
    full.map(|name| {
        let open = row.breakers.get(&name).and_then(|row| row.open.as_ref());
        let since = open.map(|open| open.since);
        (name, since)
    })
    .collect()
}

/// Since when all proxies of a source's pool are left alone; none: one of them is not, or the source is asked directly.
pub fn all_rest_since(policy: &PolicyDocument, source: &SourceSpec, row: &SourceRow) -> Option<Timestamp> {
    let rests: Option<Vec<_>> =
        rests(policy, source.limits.proxies.as_ref()?, row).into_iter().map(|(_, since)| since).collect();
    rests?.into_iter().max()
}

/// Since when there has been no other proxy in its pool than this one that is not left alone; none: there is another. Where it is the
/// only one, since ever.
pub(super) fn no_other_since(policy: &PolicyDocument, row: &SourceRow, proxy: &str) -> Option<Timestamp> {
    let (pool, _) = proxy.split_once('/')?;
    // It may be the last that began to rest, and then it was the only one since the last but one did.
    let since = |(name, since): (String, Option<Timestamp>)| since.or((name == proxy).then_some(Timestamp(i64::MAX)));
    let mut rests: Vec<Timestamp> = rests(policy, pool, row).into_iter().map(since).collect::<Option<_>>()?;
    rests.sort_unstable();
    Some(rests.iter().rev().nth(1).copied().unwrap_or(Timestamp(i64::MIN)))
}

/// A limit on requests through a proxy, of one source or of all together.
pub(super) struct Limited {
    name: String,
    /// Whether it is the one of all sources together.
    pub is_total: bool,
    rate: Option<(Rate, u32)>,
    row: Option<RateRow>,
    daily: Option<Daily>,
    counted: Option<DayRow>,
    quiet: Option<DayHours>,
}

/// How many requests a day allows.
enum Daily {
    Same(u32),
    Part(TotalPart),
}

impl Daily {
    fn on(&self, day: i64) -> Option<u32> {
        match self {
            Self::Same(most) => Some(*most),
            Self::Part(part) => part.on(day),
        }
    }
}

impl Limited {
    fn key(&self, what: &str) -> String {
        let total = if self.is_total { TOTAL.to_string() } else { String::new() };
        format!("{total}{what}{}", self.name)
    }

    /// The next permit under its rate, and what it costs; none: it has no rate.
    pub fn next(&self, from: Timestamp) -> Option<(Permit, Charge)> {
        let (rate, burst) = self.rate?;
        Some(limits::next(&self.key(""), rate, burst, self.row.as_ref(), from))
    }

    /// Whether a permit fits the day's quota and keeps the hours of quiet: as of [`limits::of_day`].
    pub fn of_day(&self, permit: Permit) -> Result<Option<Charge>, Timestamp> {
        let day = permit.not_before.0.div_euclid(DAY_MS);
        let daily = self.daily.as_ref().and_then(|daily| daily.on(day));
        let charge = limits::of_day(daily, self.quiet, self.counted, permit)?;
        Ok(charge.map(|charge| Charge { key: self.key(DAY_OF), ..charge }))
    }

    /// The longest window of its permits, in milliseconds; none: it has no rate.
    pub fn window_ms(&self) -> Option<u64> {
        self.rate.map(|(rate, burst)| limits::window_ms(rate, burst))
    }

    /// Between two requests; 0: no rate.
    pub fn interval_ms(&self) -> u64 {
        self.rate.map_or(0, |(rate, _)| limits::interval_ms(rate))
    }
}

/// From when a proxy may be used again, where its day's quota is used up or its hours are quiet.
pub(super) fn held_back(through: &[Limited], now: Timestamp) -> Option<Timestamp> {
    let permit = Permit { not_before: now, not_after: now };
    through.iter().filter_map(|limit| limit.of_day(permit).err()).max()
}

/// The limits on requests through a proxy, given by pool and name.
pub(super) fn limits_of(
    decision: &Decision<'_>,
    source: &SourceSpec,
    name: &str,
    row: &SourceRow,
) -> Result<Vec<Limited>, DecideError> {
    Ok(Pools::of(decision).limits(&decision.rows, source, name, row)?)
}

/// Pools as one partition sees them, which holds its part of what they allow in all.
#[derive(Clone, Copy)]
pub(super) struct Pools<'a> {
    pub policy: &'a PolicyDocument,
    pub partition: u32,
    pub partitions: u32,
}

impl<'a> Pools<'a> {
    fn of(decision: &Decision<'a>) -> Self {
        let ctx = decision.ctx;
        Self { policy: &ctx.policy.document, partition: ctx.partition(), partitions: ctx.partitions }
    }

    /// What may go through one proxy of the pool for all sources of the partition.
    pub fn total_of(self, pool: &str) -> TotalPart {
        self.policy.total_of(pool, self.partition, self.partitions)
    }

    /// What goes through a proxy for all sources of the partition.
    pub fn row(self, rows: &(impl ReadExt + ?Sized), name: &str) -> Result<ProxyTotalRow, StoreError> {
        Ok(rows.row(&key::proxy_total(self.partition, name))?.unwrap_or_default())
    }

    /// The limits on requests through a proxy, given by pool and name.
    pub fn limits(
        self,
        rows: &(impl ReadExt + ?Sized),
        source: &SourceSpec,
        name: &str,
        row: &SourceRow,
    ) -> Result<Vec<Limited>, StoreError> {
        let Some((pool, _)) = name.split_once('/') else { return Ok(Vec::new()) };
        let Some(spec) = self.policy.proxies.get(pool) else { return Ok(Vec::new()) };
        let part = |whole: Option<u32>| whole.map(|whole| source.part(whole));
        let rate = spec.rate.map(|rate| Rate { requests: source.part(rate.requests), ..rate });
        let own = Limited {
            name: name.to_owned(),
            is_total: false,
            rate: rate.map(|rate| (rate, part(spec.burst).unwrap_or(1))),
            row: rate.and_then(|_| row.rates.get(name).cloned()),
            daily: part(spec.daily).map(Daily::Same),
            counted: row.days.get(name).copied(),
            quiet: spec.quiet,
        };
        let mut found = vec![own];
        let total = self.total_of(pool);
        if spec.total.rate.is_some() || spec.total.daily.is_some() {
            let row = self.row(rows, name)?;
            found.push(Limited {
                name: name.to_owned(),
                is_total: true,
                rate: total.rate.map(|rate| (rate, total.burst)),
                row: Some(row.rate),
                daily: Some(Daily::Part(total)),
                counted: row.day,
                quiet: None,
            });
        }
        Ok(found)
    }
}
