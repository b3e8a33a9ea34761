//! How often each query is asked for, as the jobs of one partition show it.

use mirano_schemas::{JobId, NeedId, Timestamp};
use serde::{Deserialize, Serialize};

/// One ask, as scores count it.
pub const ONE_ASK: u64 = 1_000_000;
/// After so long an ask counts half. Part of the fold: it never changes.
pub const HALF_LIFE_MS: u64 = 7 * 86_400_000;
/// So many asks, as they count now, make a query popular: below this nobody looks whether it is worth a request.
pub const POPULAR: u64 = 2 * ONE_ASK;

/// The demand for one query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemandRow {
    /// Its source.
    pub source: String,
    /// The job that asked last.
    pub job: JobId,
    /// Its need.
    pub need_id: NeedId,
    /// Asks in millionths, each counting less with time; as of `at`.
    pub score: u64,
    /// When it was last asked for.
    pub at: Timestamp,
    /// When the answer that the job shows was made, and how long it is fresh.
    pub known: Option<(Timestamp, u64)>,
    /// When it is looked at whether to ask again.
    pub due: Option<Timestamp>,
}

impl DemandRow {
    /// The score as it counts later.
    pub fn score_at(&self, now: Timestamp) -> u64 {
        decayed(self.score, now.since_ms(self.at))
    }
}

/// How long before its answer becomes stale a query is looked at: a tenth of its TTL.
pub fn lead_ms(ttl_ms: u64) -> u64 {
    ttl_ms / 10
}

/// 2^(-k/16) in units of 2^-32, for k from 0 to 16: the shape of the decay within a half-life.
const POWERS: [u64; 17] = [
    4_294_967_296,
    4_112_874_773,
    3_938_502_376,
    3_771_522_796,
    3_611_622_603,
    3_458_501_653,
    3_311_872_529,
    3_171_459_999,
    3_037_000_500,
    2_908_241_642,
    2_784_941_738,
    2_666_869_345,
    2_553_802_834,
    2_445_529_972,
    2_341_847_524,
    2_242_560_872,
    2_147_483_648,
];

/// What is left of a score: half after each half-life. In between it follows the exponential by sixteen straight pieces, so
/// that it hardly matters in how many steps the time passes; whole numbers only, so that each machine folds the same.
pub fn decayed(score: u64, elapsed_ms: u64) -> u64 {
    let halvings = u32::try_from(elapsed_ms / HALF_LIFE_MS).unwrap_or(u32::MAX);
    let whole = score.checked_shr(halvings).unwrap_or(0);
    let sixteenths = elapsed_ms % HALF_LIFE_MS * 16;
    let at = usize::try_from(sixteenths / HALF_LIFE_MS).unwrap_or(0);
    let power = |k: usize| u128::from(POWERS.get(k).copied().unwrap_or(0));
    let fall = (power(at) - power(at + 1)) * u128::from(sixteenths % HALF_LIFE_MS) / u128::from(HALF_LIFE_MS);
    u64::try_from((u128::from(whole) * (power(at) - fall)) >> 32).unwrap_or(whole)
}

/// Requests made for popular queries of one source in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PrefetchedRow {
    /// The hour, counted from 1970-01-01.
    pub hour: i64,
    /// How many queries were asked.
    pub asked: u32,
}

/// An hour, in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_halves_each_week_and_never_grows() {
        assert_eq!(decayed(8 * ONE_ASK, 0), 8 * ONE_ASK);
        assert_eq!(decayed(8 * ONE_ASK, HALF_LIFE_MS), 4 * ONE_ASK);
        assert_eq!(decayed(8 * ONE_ASK, 3 * HALF_LIFE_MS), ONE_ASK);
        assert_eq!(decayed(8 * ONE_ASK, HALF_LIFE_MS / 2), 5_656_854);
        let days = (0..7).fold(8 * ONE_ASK, |score, _| decayed(score, HALF_LIFE_MS / 7));
        assert!((4 * ONE_ASK..4 * ONE_ASK + 10_000).contains(&days), "day by day it is about the same: {days}");
        assert_eq!((decayed(u64::MAX, u64::MAX), decayed(ONE_ASK, 64 * HALF_LIFE_MS)), (0, 0));
        let steps: Vec<u64> = (0..400).map(|n| decayed(u64::MAX, n * HALF_LIFE_MS / 9)).collect();
        assert!(steps.is_sorted_by(|a, b| a >= b));
    }
}
