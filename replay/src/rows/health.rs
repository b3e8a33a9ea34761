//! How a source and its proxies are: the parts of a source's row that limits and breakers are decided from.

use mirano_schemas::{Permit, Timestamp};
use serde::{Deserialize, Serialize};

/// The permits that were granted for one limited thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct RateRow {
    /// GCRA: theoretical arrival time of the next request, milliseconds since the epoch.
    pub tat: i64,
    /// `not_before` of the latest permits, oldest first: as many as a period may hold.
    pub recent: Vec<Timestamp>,
    /// Permits given back that may still be used, earliest first.
    pub returned: Vec<Permit>,
}

/// The health of one proxy, as one source sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ProxyRow {
    /// Failures in a row.
    pub failures: u32,
    /// Tasks that go through it now.
    pub in_use: u32,
    /// When it was last leased.
    pub last_used: Option<Timestamp>,
}

/// What goes through one proxy for all sources of a partition together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ProxyTotalRow {
    /// Its permits, where all sources together are limited.
    pub rate: RateRow,
    /// The day's requests, where all sources together have a quota.
    pub day: Option<DayRow>,
    /// Tasks that go through it now.
    pub in_use: u32,
}

/// What the key of a charge begins with that is for all sources of a proxy: no pool's name does.
pub const TOTAL: char = '*';

/// The key under which a permit is charged to its day.
pub const DAY: &str = "day";
/// What the key of a charge to the day of a proxy begins with, behind [`TOTAL`] where it is for all sources.
pub const DAY_OF: &str = "day:";
/// A day, in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// The requests of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRow {
    /// The day, counted from 1970-01-01, UTC.
    pub day: i64,
    /// The requests that may start on it.
    pub used: u32,
}

/// What came of the last attempts at one thing, and whether it is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct BreakerRow {
    /// The last attempts, the latest in the lowest bit: set where one came to nothing.
    pub outcomes: u64,
    /// How many of the bits say something: 64 at most.
    pub known: u32,
    /// It is left alone.
    pub open: Option<OpenRow>,
}

/// A breaker that is open, or lets one attempt through to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRow {
    /// Since when.
    pub since: Timestamp,
    /// No attempt before then; afterwards one at a time.
    pub until: Timestamp,
    /// How often it has opened since it was last closed.
    pub times: u32,
}

impl BreakerRow {
    /// Notes an attempt.
    pub fn note(&mut self, failed: bool) {
        self.outcomes = self.outcomes << 1 | u64::from(failed);
        self.known = (self.known + 1).min(64);
    }

    /// How many of the last `of` attempts came to nothing, and of how many that is known.
    pub fn failed_of(&self, of: u32) -> (u32, u32) {
        let of = of.min(self.known);
        let mask = if of >= 64 { u64::MAX } else { (1 << of) - 1 };
        ((self.outcomes & mask).count_ones(), of)
    }

    /// How many attempts in a row came to nothing.
    pub fn run(&self) -> u32 {
        self.outcomes.trailing_ones().min(self.known)
    }

    /// Until when no attempt is made; none: one may be made.
    pub fn rests(&self, now: Timestamp) -> Option<Timestamp> {
        self.open.as_ref().map(|open| open.until).filter(|until| *until > now)
    }

    /// Whether attempts are made one at a time, to see.
    pub fn probes(&self, now: Timestamp) -> bool {
        self.open.as_ref().is_some_and(|open| open.until <= now)
    }
}

/// How fast a source is asked that said it was asked too fast, or that it is overloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceRow {
    /// So many thousandths of its rate are used.
    pub permille: u32,
    /// From then on.
    pub since: Timestamp,
    /// Until then that grows evenly to the whole rate.
    pub full_at: Timestamp,
    /// The status that said so: 429 speaks of us, 503 of the source.
    pub http_status: Option<u16>,
}

impl PaceRow {
    /// How many thousandths of the rate are used now.
    pub fn at(&self, now: Timestamp) -> u32 {
        let (whole, gone) = (self.full_at.since_ms(self.since), now.since_ms(self.since));
        if gone >= whole {
            return 1_000;
        }
        let missing = u64::from(1_000u32.saturating_sub(self.permille));
        let grown = missing.saturating_mul(gone).checked_div(whole).unwrap_or(missing);
        self.permille + u32::try_from(grown).unwrap_or(1_000)
    }
}

/// The code of an attempt that was put off: its source may not be asked on for long, by no fault of anybody's.
pub const PUT_OFF: &str = "put_off";
/// The code of an attempt whose node does not know the proxy that it was to go through. (Before it was `proxy_unknown`, and the
/// source's failure.)
pub const PROXY_NOT_HERE: &str = "proxy_not_here";
/// The codes of what goes wrong on our side: what a cause begins with. It says nothing about the source.
const OURS: [&str; 5] = ["lease_expired", "evidence_store", "key_store", PROXY_NOT_HERE, PUT_OFF];

/// Whether an attempt was lost on our side, and not by the source's doing.
pub fn lost_on_our_side(cause: &str) -> bool {
    cause.split(':').next().is_some_and(|code| OURS.contains(&code))
}

/// The code of an attempt that its proxy did not let through: it could not be reached, or refused us.
pub const BY_PROXY: &str = "proxy";

/// The proxy that an attempt was lost to: the source was not asked, so this says nothing of the source. `proxy`: the one that the
/// attempt went through.
pub fn lost_to_proxy<'p>(cause: &str, proxy: Option<&'p str>) -> Option<&'p str> {
    proxy.filter(|_| cause.split(':').next() == Some(BY_PROXY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_remembered_as_bits() {
        let mut row = BreakerRow::default();
        assert_eq!((row.run(), row.failed_of(20)), (0, (0, 0)));
        [true, false, true, true].into_iter().for_each(|failed| row.note(failed));
        assert_eq!((row.run(), row.failed_of(20), row.failed_of(3)), (2, (3, 4), (2, 3)));
        (0..100).for_each(|_| row.note(true));
        assert_eq!((row.run(), row.failed_of(100)), (64, (64, 64)));
        row.note(false);
        assert_eq!((row.run(), row.failed_of(64)), (0, (63, 64)));
    }

    #[test]
    fn what_is_lost_on_our_side_is_told_by_its_code() {
        assert!(lost_on_our_side("proxy_not_here: this node's proxies.toml has no ru/one"));
        assert!(lost_on_our_side("lease_expired"));
        assert!(!lost_on_our_side("proxy_unknown: an older version said so, and it counted as the source's"));
    }

    #[test]
    fn what_is_lost_to_a_proxy_is_told_by_its_code_and_needs_a_proxy() {
        let of = |cause| lost_to_proxy(cause, Some("ru/one"));
        assert_eq!(of("proxy: courts.example by proxy ru/one: Connection refused"), Some("ru/one"));
        assert_eq!(lost_to_proxy("proxy: no such thing", None), None, "it was asked directly");
        for other in ["timeout: no answer", "no_tunnel: courts.example by proxy ru/one", "proxy_not_here: ru/one"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_slow_pace_grows_evenly() {
        let pace = PaceRow { permille: 200, since: Timestamp(1_000), full_at: Timestamp(9_000), http_status: None };
        let at = |at| pace.at(Timestamp(at));
        assert_eq!(
            [at(0), at(1_000), at(2_000), at(5_000), at(8_999), at(9_000), at(99_000)],
            [200, 200, 300, 600, 999, 1_000, 1_000]
        );
    }
}
