//! How fast a source is asked that says it is asked too fast (status 429) or that it can't keep up (503): additive increase, multiplicative decrease.
//!
//! Each such answer halves the rate that is used; it then grows evenly, a twentieth of the configured rate each period, up to
//! all of it and never above: the limits hold in any case, and this only spaces what they let through. Answers to requests
//! from before the last change don't count again. `Retry-After` is obeyed besides.

use super::breaker::Attempt;
use super::{limits, shards, source_row, spec};
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::Rate;
use mirano_replay::rows::SourceRow;
use mirano_schemas::{Slowed, SourceSlowed, Timestamp};

/// Never slower than this part of the rate, in thousandths.
const SLOWEST: u32 = 50;
/// What the pace grows by in a step, in thousandths of the rate.
const STEP: u32 = 50;
/// A step is the rate's period, but no shorter and no longer than this.
const STEP_MS: std::ops::RangeInclusive<u64> = 10_000..=300_000;

/// How many thousandths of its rate a source is asked at.
pub fn permille(row: &SourceRow, now: Timestamp) -> u32 {
    row.pace.map_or(1_000, |pace| pace.at(now))
}

/// Why a source is asked more slowly now: `slowed_down`, it said that we ask too fast; `overloaded`, it said 503, which speaks of its
/// own state and not of us. None: it is asked at its whole rate.
pub fn because(row: &SourceRow, now: Timestamp) -> Option<&'static str> {
    let pace = row.pace.filter(|pace| pace.at(now) < 1_000)?;
    Some(if pace.http_status == Some(503) { "overloaded" } else { "slowed_down" })
}

/// The time between two requests at the pace of now.
pub fn interval_ms(row: &SourceRow, rate: Rate, now: Timestamp) -> u64 {
    let whole = limits::interval_ms(rate).saturating_mul(1_000);
    whole.checked_div(u64::from(permille(row, now))).unwrap_or(whole)
}

/// Not before then may the next request start, as far as the pace is concerned.
pub fn not_before(row: &SourceRow, rate: Rate, now: Timestamp) -> Timestamp {
    let last = row.rates.get("").and_then(|rate| rate.recent.last());
    match last {
        Some(last) if permille(row, now) < 1_000 => now.max(last.plus_ms(interval_ms(row, rate, now))),
        _ => now,
    }
}

/// After an attempt that failed: slows down where the source said so.
pub(super) fn after(
    decision: &mut Decision<'_>,
    source: &str,
    attempt: &Attempt,
    http_status: Option<u16>,
) -> Result<(), DecideError> {
    let limits = match spec(decision, source) {
        Ok(spec) if spec.limits.slow_down && matches!(http_status, Some(429 | 503)) => &spec.limits,
        _ => return Ok(()),
    };
    let (row, now) = (source_row(decision, source)?, decision.ctx.now());
    if row.pace.is_some_and(|pace| attempt.started_at <= pace.since) {
        return Ok(());
    }
    let permille = (permille(&row, now) / 2).max(SLOWEST);
    let step_ms = limits.rate.period.0.clamp(*STEP_MS.start(), *STEP_MS.end());
    let steps = u64::from((1_000 - permille).div_ceil(STEP));
    let full_at = now.plus_ms(steps * step_ms);
    decision.emit(SourceSlowed { source: source.to_owned(), permille, full_at, http_status })?;
    shards::tell(decision, source, None, Some(Slowed { permille, full_at, http_status }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::policy::DurationMs;
    use mirano_replay::rows::{PaceRow, RateRow};
    use proptest::prelude::*;

    proptest! {
        /// Whatever the pace, permits are no denser than the rate allows, and as far apart as the pace says.
        #[test]
        fn a_pace_only_spaces(slowest in 50u32..1_000, whole in 10_000u64..900_000, gaps in prop::collection::vec(0u64..9_000, 1..60)) {
            let rate = Rate { requests: 30, period: DurationMs(60_000) };
            let mut now = Timestamp(1_000_000);
            let pace = PaceRow { permille: slowest, since: now, full_at: now.plus_ms(whole), http_status: None };
            let mut row = SourceRow { pace: Some(pace), ..SourceRow::default() };
            let mut last = None::<Timestamp>;
            for gap in gaps {
                now = now.plus_ms(gap);
                let from = not_before(&row, rate, now);
                prop_assert!(from >= now);
                let kept = row.rates.entry(String::new()).or_insert(RateRow { tat: i64::MIN / 2, ..RateRow::default() });
                let (permit, charge) = limits::next("", rate, 1, Some(kept), from);
                kept.tat = charge.tat;
                kept.recent.push(permit.not_before);
                if let Some(last) = last {
                    let apart = permit.not_before.since_ms(last);
                    prop_assert!(apart >= 2_000, "{apart}");
                    prop_assert!(apart >= 2_000 * 1_000 / u64::from(pace.at(now)), "{apart} at {}", pace.at(now));
                }
                last = Some(permit.not_before);
            }
        }
    }
}
