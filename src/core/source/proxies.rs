//! Which proxy an attempt goes through, and the limits that hold on it: for each source by itself, and for all sources of its
//! pool together.
//!
//! The first kind is kept in the row of the source's queue, which has its part of it where the source has several. The second is kept in a row for each partition and proxy, and each partition
//! that has a source of the pool holds an equal part of it, so that no decision waits for another partition's.

use super::breaker::{self, State};
use super::limits;
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::{PolicyDocument, Rate, SourceSpec, TotalSpec};
use mirano_replay::rows::{ProxyTotalRow, RateRow, SourceRow, TOTAL, key};
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

/// The proxy that is used least and rests not; else when one may be used again.
pub(super) fn choose(
    decision: &Decision<'_>,
    source: &SourceSpec,
    pool: &str,
    row: &SourceRow,
) -> Result<Choice, DecideError> {
    let Some(spec) = decision.ctx.policy.document.proxies.get(pool) else { return Ok(Choice::Event) };
    let (now, pools) = (decision.ctx.now(), Pools::of(decision));
    let all = pools.total_of(pool);
    let (mut wait, mut best) = (None::<Timestamp>, None);
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
        if most.is_none_or(|most| health.in_use < most) {
            let rank = (health.in_use, health.last_used, full);
            best = Some(best.map_or(rank.clone(), |other: (u32, Option<Timestamp>, String)| other.min(rank)));
        }
    }
    Ok(match (best, wait) {
        (Some((_, _, name)), _) => Choice::Proxy(name),
        (None, Some(until)) => Choice::At(until),
        (None, None) => Choice::Event,
    })
}

/// A limit on requests through a proxy.
pub(super) struct Limited {
    key: String,
    rate: Rate,
    row: Option<RateRow>,
}

impl Limited {
    pub fn next(&self, from: Timestamp) -> (Permit, Charge) {
        limits::next(&self.key, self.rate, 1, self.row.as_ref(), from)
    }

    /// Between two requests.
    pub fn interval_ms(&self) -> u64 {
        limits::interval_ms(self.rate)
    }

    /// Whether it is the one of all sources together.
    pub fn is_total(&self) -> bool {
        self.key.starts_with(TOTAL)
    }
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
    pub fn total_of(self, pool: &str) -> TotalSpec {
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
        let own = self.policy.proxies.get(pool).and_then(|spec| spec.rate);
        let own = own.map(|rate| Limited {
            key: name.to_owned(),
            rate: Rate { requests: source.part(rate.requests), ..rate },
            row: row.rates.get(name).cloned(),
        });
        let all = match self.total_of(pool).rate {
            Some(rate) => {
                let row = Some(self.row(rows, name)?.rate);
                Some(Limited { key: format!("{TOTAL}{name}"), rate, row })
            }
            None => None,
        };
        Ok(own.into_iter().chain(all).collect())
    }
}
