//! Pools of proxies, as decisions see them: what goes through one proxy for each source, and what for all together.

use super::shards::part;
use super::{DayHours, DurationMs, Policy, PolicyDocument, Rate};
use crate::core::command::Rejection;
use crate::core::partitioning;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One pool of `proxies.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyPoolSpec {
    /// Names of its proxies; addresses and credentials stay in the file and the environment.
    pub proxies: Vec<String>,
    /// Requests through one proxy, of each source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Requests of these that may follow one another at once; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Tasks through one proxy at once, of each source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Requests through one proxy on a day (UTC), of each source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<u32>,
    /// Hours of each day (UTC) in which no request goes through any of its proxies: `22:00-06:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<DayHours>,
    /// What goes through one proxy for all sources together.
    #[serde(default, skip_serializing_if = "TotalSpec::is_none")]
    pub total: TotalSpec,
    /// Rest after `failures` in a row.
    #[serde(default = "cool_down")]
    pub cool_down: DurationMs,
    /// How many failures in a row make a proxy rest.
    #[serde(default = "failures")]
    pub failures: u32,
}

/// `total = { rate = "600/m", burst = 20, concurrency = 10, daily = 5000 }` of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct TotalSpec {
    /// Requests through one proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Requests of these that may follow one another at once; 1 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Tasks through one proxy at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Requests through one proxy on a day (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<u32>,
}

/// What a partition may send through a proxy of a pool for all of its sources: one of so many equal parts of the pool's total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TotalPart {
    /// Requests through one proxy.
    pub rate: Option<Rate>,
    /// Requests of these that may follow one another at once.
    pub burst: u32,
    /// Tasks through one proxy at once.
    pub concurrency: Option<u32>,
    daily: Option<u32>,
    index: u32,
    of: u32,
}

impl TotalPart {
    /// Requests through one proxy on a day. What can't be divided goes to each partition in turn, day by day.
    pub fn on(&self, day: i64) -> Option<u32> {
        let turn = u32::try_from(day.rem_euclid(i64::from(self.of))).unwrap_or(0);
        self.daily.map(|whole| part(whole, (self.index + turn) % self.of, self.of))
    }
}

fn cool_down() -> DurationMs {
    DurationMs(60_000)
}

fn failures() -> u32 {
    3
}

impl TotalSpec {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The part of one among `of`, the `index`-th. What can't be divided goes to the first ones; a part of less than one request
    /// is one in a longer time, and each may run one task.
    fn part(self, index: u32, of: u32) -> TotalPart {
        let of = of.max(1);
        let share = |whole: u32| part(whole, index, of);
        let rate = self.rate.map(|rate| match share(rate.requests) {
            // Requests that are fewer than those who share them: one each, in so many times the period.
            _ if rate.requests < of => {
                let period = rate.period.0.saturating_mul(u64::from(of)).div_ceil(u64::from(rate.requests.max(1)));
                Rate { requests: 1, period: DurationMs(period) }
            }
            requests => Rate { requests, ..rate },
        });
        TotalPart {
            rate,
            burst: rate.map_or(1, |rate| share(self.burst.unwrap_or(1)).clamp(1, rate.requests)),
            concurrency: self.concurrency.map(|whole| share(whole).max(1)),
            daily: self.daily,
            index: index % of,
            of,
        }
    }
}

impl ProxyPoolSpec {
    /// Whether something holds requests through its proxies back: a rate, a quota, hours of quiet.
    pub fn has_limits(&self) -> bool {
        self.rate.is_some() || self.total.rate.is_some() || self.has_days()
    }

    /// Whether its proxies have quotas or hours of quiet.
    pub fn has_days(&self) -> bool {
        self.daily.is_some() || self.quiet.is_some() || self.total.daily.is_some()
    }

    /// What is wrong, by key.
    pub(super) fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        if self.proxies.is_empty() {
            found.push(("proxies", "a pool has at least one proxy"));
        }
        let total = &self.total;
        let at_least_one = [
            ("concurrency", self.concurrency),
            ("daily", self.daily),
            ("burst", self.burst),
            ("total.concurrency", total.concurrency),
            ("total.daily", total.daily),
            ("total.burst", total.burst),
        ];
        let none = at_least_one.into_iter().filter(|(_, most)| *most == Some(0));
        found.extend(none.map(|(key, _)| (key, "at least 1; leave it out for no such limit")));
        for (key, burst, rate) in [("burst", self.burst, self.rate), ("total.burst", total.burst, total.rate)] {
            match (burst, rate) {
                (Some(_), None) => found.push((key, "a part of `rate`, which is not there")),
                (Some(burst), Some(rate)) if burst > rate.requests => {
                    found.push((key, "more than the rate allows in its period"));
                }
                _ => {}
            }
        }
        if self.failures == 0 {
            found.push(("failures", "at least 1"));
        }
        found
    }
}

impl PolicyDocument {
    /// What a partition may send through a proxy of a pool: an equal part for each partition that has a queue of the pool. Where
    /// a queue stands is the same for all, so each works out the same parts, and holds its own in its own order.
    pub fn total_of(&self, pool: &str, partition: u32, partitions: u32) -> TotalPart {
        let Some(spec) = self.proxies.get(pool).filter(|spec| !spec.total.is_none()) else {
            return TotalSpec::default().part(0, 1);
        };
        let homes = self.homes(pool, partitions);
        let index = homes.iter().take_while(|home| **home < partition).count();
        spec.total.part(u32::try_from(index).unwrap_or(0), u32::try_from(homes.len()).unwrap_or(1))
    }

    /// The partitions that have a queue of a pool.
    fn homes(&self, pool: &str, partitions: u32) -> BTreeSet<u32> {
        let sources = self.sources.values().filter(|source| source.limits.proxies.as_deref() == Some(pool));
        let queues = sources.flat_map(|source| source.queues());
        queues.map(|queue| partitioning::of_source(&queue, partitions)).collect()
    }
}

/// Refuses a pool whose total is less than one for each partition that has a part of it: the parts would be more than the whole.
/// A `daily` goes round by days instead.
pub(super) fn divisible(document: &PolicyDocument, partitions: u32) -> Result<(), Rejection> {
    for (pool, spec) in &document.proxies {
        let homes = u32::try_from(document.homes(pool, partitions).len()).unwrap_or(u32::MAX);
        let TotalSpec { rate, burst, concurrency, .. } = spec.total;
        let divided = [("rate", rate.map(|rate| rate.requests)), ("burst", burst), ("concurrency", concurrency)];
        for (key, whole) in divided {
            if let Some(whole) = whole.filter(|whole| *whole < homes) {
                return Err(Rejection::PolicyInvalid(format!(
                    "proxies.{pool}.total.{key}: is {whole}, and its sources stand in {homes} of the log's {partitions} partitions: each \
                     needs 1 at least"
                )));
            }
        }
    }
    Ok(())
}

impl Policy {
    /// The other queues that share their proxies with this one, and so may go on when it lets one go.
    pub fn sharing_proxies<'p>(&'p self, queue: &str) -> impl Iterator<Item = &'p str> {
        let pool = self.queue(queue).and_then(|spec| spec.limits.proxies.as_ref());
        let pool = pool.filter(|pool| self.document.proxies.get(*pool).is_some_and(|spec| !spec.total.is_none()));
        let own = queue.to_owned();
        let sharing =
            move |spec: &&super::SourceSpec| pool.is_some() && spec.limits.proxies.as_ref() == pool && spec.id != own;
        self.queues().filter(sharing).map(|spec| spec.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_that_partitions_can_t_divide_is_refused() {
        let source = |id: &str, shards: u32| {
            serde_json::json!({
                "id": id, "title": {"ru": "р", "en": "r"}, "level": "property", "ttl": "1d", "params": ["name"],
                "limits": {"shards": shards, "rate": "90/s", "burst": 90, "concurrency": 90, "proxies": "ru"},
                "request": {"url": "http://x/"}, "answer": {"format": "json"},
            })
        };
        let refused = |total: serde_json::Value, partitions: u32| {
            let pool = serde_json::json!({"proxies": ["a"], "total": total});
            let document = serde_json::json!({"sources": {"wide": source("wide", 4)}, "profiles": {}, "risk": {}, "proxies": {"ru": pool}});
            let document = serde_json::from_value(document).expect("a document");
            divisible(&document, partitions).err().map(|why| why.to_string())
        };
        for total in [
            serde_json::json!({"concurrency": 3}),
            serde_json::json!({"rate": "3/m"}),
            serde_json::json!({"rate": "60/m", "burst": 3}),
        ] {
            let why = refused(total.clone(), 4).expect("three can't be divided by four");
            assert!(
                why.contains("proxies.ru.total.") && why.contains("is 3,") && why.contains("4 partitions"),
                "{why}"
            );
            assert_eq!(refused(total, 1), None, "one partition has all of it");
        }
        for total in [
            serde_json::json!({"concurrency": 4}),
            serde_json::json!({"rate": "60/m"}),
            serde_json::json!({"daily": 3}),
            serde_json::json!({}),
        ] {
            assert_eq!(refused(total.clone(), 4), None, "{total}");
        }
    }

    #[test]
    fn parts_make_the_whole_and_no_more() {
        let whole = |rate: &str, concurrency| TotalSpec {
            rate: rate.parse().ok(),
            burst: Some(5),
            concurrency: Some(concurrency),
            daily: Some(2),
        };
        for (rate, concurrency, of) in [("10/m", 7, 3), ("60/m", 4, 4), ("9/s", 1, 1)] {
            let total = whole(rate, concurrency);
            let parts: Vec<TotalPart> = (0..of).map(|index| total.part(index, of)).collect();
            let requests: u32 = parts.iter().filter_map(|part| part.rate).map(|rate| rate.requests).sum();
            assert_eq!(Some(requests), total.rate.map(|rate| rate.requests), "{rate}");
            assert_eq!(parts.iter().filter_map(|part| part.concurrency).sum::<u32>(), concurrency);
            assert_eq!(parts.iter().map(|part| part.burst).sum::<u32>(), 5);
            for day in -3..9 {
                assert_eq!(parts.iter().filter_map(|part| part.on(day)).sum::<u32>(), 2);
            }
            let had = |part: &TotalPart| (0..i64::from(of)).filter_map(|day| part.on(day)).sum::<u32>();
            assert!(parts.iter().all(|part| had(part) == 2), "each in its turn: {parts:?}");
        }
        // Two a minute for three: each one in a minute and a half.
        let parts: Vec<TotalPart> = (0..3).map(|index| whole("2/m", 1).part(index, 3)).collect();
        assert!(parts.iter().all(|part| part.rate == "1/90s".parse().ok() && part.burst == 1), "{parts:?}");
    }
}
