//! `[prefetch]` of a source: whether popular objects are asked again before their answers become stale.

use super::{DurationMs, LimitsSpec, Policy};
use serde::{Deserialize, Serialize};

const HOUR_MS: u64 = 3_600_000;

/// `[prefetch]`; without it a source is only asked when somebody needs an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrefetchSpec {
    /// At most this part of the source's budget, by the hour.
    pub share: f64,
    /// Only what will be asked for so often within a further TTL, as far as can be told.
    pub asks: f64,
}

impl Default for PrefetchSpec {
    fn default() -> Self {
        Self { share: 0.2, asks: 1.0 }
    }
}

impl PrefetchSpec {
    /// What is wrong, by key.
    pub(super) fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        if !(0.0..=1.0).contains(&self.share) {
            found.push(("share", "from 0 to 1"));
        }
        if !self.asks.is_finite() || self.asks <= 0.0 {
            found.push(("asks", "more than 0"));
        }
        found
    }

    /// The least asks, in thousandths.
    pub fn asks_permille(&self) -> u64 {
        (self.asks * 1_000.0) as u64
    }

    /// How many queries may be asked ahead in an hour by one of `partitions`: each has its part, rounded up.
    pub fn hourly(&self, limits: &LimitsSpec, partitions: u32) -> u32 {
        let DurationMs(period) = limits.rate.period;
        let by_rate = u64::from(limits.rate.requests).saturating_mul(HOUR_MS).checked_div(period).unwrap_or(0);
        let by_day = limits.daily.map_or(u64::MAX, |daily| u64::from(daily) / 24);
        let part = by_rate.min(by_day) as f64 * self.share / f64::from(partitions.max(1));
        part.ceil() as u32
    }
}

impl Policy {
    /// Whether any source is asked ahead.
    pub fn prefetches(&self) -> bool {
        self.document.sources.values().any(|spec| spec.prefetch.is_some())
    }
}
