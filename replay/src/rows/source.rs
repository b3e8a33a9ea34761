//! What leasing decides from: the limits, leases and health of a queue of a source.

use super::{BreakerRow, DayRow, PaceRow, ProxyRow, RateRow};
use mirano_schemas::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The limits, leases and health of a source's queue: all that leasing decides from. Its key is the queue's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct SourceRow {
    /// Permits for each rate-limited key: the source itself (`""`) and each proxy (`pool/name`).
    pub rates: BTreeMap<String, RateRow>,
    /// Leases that are held.
    pub leases: BTreeMap<LeaseToken, LeaseRow>,
    /// How many tasks may run.
    pub queued: u64,
    /// How many wait for their next attempt.
    pub delayed: u64,
    /// The source asked to be left alone until then.
    pub rest_until: Option<Timestamp>,
    /// Health of each proxy.
    pub proxies: BTreeMap<String, ProxyRow>,
    /// What came of the last attempt that was not lost to its proxy.
    pub last_outcome: Option<(Outcome, Timestamp, String)>,
    /// When it last answered.
    pub last_answer: Option<Timestamp>,
    /// Attempts that failed since; those that were lost to their proxy are not among them.
    pub failures: u32,
    /// Smoothed duration of an attempt, milliseconds (1/8 weight for the last).
    pub attempt_ms: u64,
    /// Smoothed number of permits that an attempt takes, in thousandths (1/8 weight for the last); 0: none has ended.
    pub permits_milli: u64,
    /// The turn of the task that was started last.
    pub turn: u64,
    /// Of each tenant and priority with tasks ahead, when the next one begins.
    pub flows: BTreeMap<String, BTreeMap<u8, u64>>,
    /// What came of the last attempts at the source itself (`""`) and through each proxy, and whether it is left alone.
    pub breakers: BTreeMap<String, BreakerRow>,
    /// The source said that it is asked too fast.
    pub pace: Option<PaceRow>,
    /// The day's requests.
    pub day: Option<DayRow>,
    /// The day's requests through each proxy, where one has a quota.
    pub days: BTreeMap<String, DayRow>,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    /// The task.
    pub task: TaskId,
    /// The attempt.
    pub attempt: u32,
    /// Until when.
    pub deadline: Timestamp,
    /// When it was granted.
    pub started_at: Timestamp,
    /// Permits granted under it.
    pub permits: u32,
    /// Whether it has given some back: it does so once.
    pub gave_back: bool,
    /// The proxy.
    pub proxy: Option<String>,
}

/// A lease that ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseEndRow {
    /// The source.
    pub source: String,
    /// The task.
    pub task: TaskId,
}
