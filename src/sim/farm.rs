//! Twenty sources more, each under limits of its own and with its own way to misbehave, for an hour around a midnight: quotas
//! end and begin, hours are quiet, proxies are shared, half of all answers are none, nodes crash and take over.

use super::policy::Limits;
use super::rng::Rng;
use super::source::Said;
use mirano_schemas::Outcome;

pub const FARM: [&str; 20] = [
    "farm00", "farm01", "farm02", "farm03", "farm04", "farm05", "farm06", "farm07", "farm08", "farm09", "farm10",
    "farm11", "farm12", "farm13", "farm14", "farm15", "farm16", "farm17", "farm18", "farm19",
];

/// Half an hour before a midnight, UTC.
pub const START: i64 = 20_718 * 86_400_000 - 1_800_000;
pub const HOUR: i64 = 3_600_000;

/// Jobs that come one by one, over the whole hour.
pub const ALONE: u64 = 12;
/// Jobs that come together at each of some moments: then each source has more to do than its rate lets through.
pub const TOGETHER: u64 = 10;
/// Those moments.
pub const RUSHES: [i64; 3] = [600_000, 1_500_000, 2_700_000];
/// Within so long they come.
const RUSH: u64 = 20_000;
/// Objects that are asked about.
pub const OBJECTS: u64 = 24;

/// When a job is asked for.
pub fn comes_at(number: u64, rng: &mut Rng) -> i64 {
    match number.checked_sub(ALONE).map(|later| later / TOGETHER) {
        None => 1_000 + rng.below(HOUR as u64) as i64,
        Some(rush) => RUSHES[rush as usize % RUSHES.len()] + rng.below(RUSH) as i64,
    }
}

/// Which of them a source is.
pub fn number(source: &str) -> Option<usize> {
    source.strip_prefix("farm")?.parse().ok()
}

pub fn limits(n: usize) -> Limits {
    let (requests, period_ms, burst) =
        [(5, 10_000, 2), (3, 10_000, 1), (10, 20_000, 3), (20, 60_000, 1), (2, 2_000, 2)][n % 5];
    Limits {
        requests,
        period_ms,
        burst,
        concurrency: 1 + n as u32 % 3,
        timeout_ms: 8_000,
        daily: (n % 4 == 2).then_some(15),
        quiet: (n % 6 == 5).then_some((23 * 60 + 45, 15)),
    }
}

/// Whether it is asked through the pool that others use as well.
pub fn through_proxies(n: usize) -> bool {
    n % 7 == 3
}

/// When it is left alone; see `policy::breaker`.
pub fn breaker(n: usize) -> (usize, usize, usize) {
    if n.is_multiple_of(3) { (4, 100, 20) } else { (0, 100, 20) }
}

/// How it misbehaves, each in one way.
pub fn fails(n: usize, rng: &mut Rng) -> Said {
    let (outcome, cause, retry_after_ms, http_status) = match n % 7 {
        0 => (Outcome::Unavailable, "timeout", None, None),
        1 => (Outcome::Unavailable, "http_status: 500", None, Some(500)),
        2 => (Outcome::Unavailable, "http_status: 503", Some(1_000 * (1 + rng.below(40))), Some(503)),
        3 => (Outcome::Blocked, "captcha", None, Some(200)),
        4 => (Outcome::Blocked, "too_many_requests", Some(1_000 * (1 + rng.below(90))), Some(429)),
        5 => (Outcome::Unparsable, "bad_json", None, Some(200)),
        _ => (Outcome::Unparsable, "not_valid", None, Some(200)),
    };
    Said::Fails { outcome, cause, retry_after_ms, http_status }
}
