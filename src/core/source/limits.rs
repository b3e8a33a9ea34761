//! Permits: when the next HTTP request may start.
//!
//! Two limits hold together. *GCRA* (ITU-T I.371) spaces requests: at most `burst` at once, then one each
//! `period / requests`. A *sliding window* keeps any stretch of one period at no more than `requests`, which GCRA alone
//! exceeds by the burst.
//!
//! A permit is a window, not a moment: the worker may start its request up to [`jitter_ms`]`/2` late. For the limit to
//! hold **at the source**, whatever lateness each request picks, the schedule pays for it: with lateness in `[0, J]`
//! between two starts at least `d` apart stay at least `d - J`; so the window is stretched by `J`, and GCRA's tolerance
//! shrinks by `J`. The second half of `J` is left for the way to the source.

use crate::core::policy::{DayHours, LimitsSpec, Rate};
use mirano_replay::rows::{DAY, DAY_MS, DayRow, RateRow};
use mirano_schemas::{Charge, Permit, Timestamp};

/// Lateness below this can't be told from none: timers and threads are no finer on a busy machine.
const RESOLUTION_MS: u64 = 20;
/// The most permits that are remembered for a window; a rate above it is held by GCRA alone.
const MOST_REMEMBERED: u32 = 10_000;

/// The lateness that the schedule pays for, in milliseconds: so much that at least 96 % of the rate can be used.
pub fn jitter_ms(rate: Rate, burst: u32) -> u64 {
    let (interval, period) = (interval_ms(rate), rate.period.0);
    match tolerance_ms(rate, burst) {
        0 if interval >= 26 * RESOLUTION_MS => (interval / 26).min(1_000),
        0 => (period / 26).min(interval).max(RESOLUTION_MS),
        tolerance => (tolerance / 2).min(period / 26).clamp(RESOLUTION_MS, 2_000),
    }
}

/// How much earlier than evenly spaced a burst lets a request start.
fn tolerance_ms(rate: Rate, burst: u32) -> u64 {
    u64::from(burst.saturating_sub(1)) * interval_ms(rate)
}

/// What is added to the space between two requests, so that lateness brings them no closer than the burst allows. Where that
/// would cost more than a twenty-fifth of the rate, spacing is kept to [`jitter_ms`] only; the number in a period is kept.
fn stretch_ms(rate: Rate, burst: u32) -> u64 {
    let short = jitter_ms(rate, burst).saturating_sub(tolerance_ms(rate, burst));
    if short * 25 > interval_ms(rate) { 0 } else { short }
}

pub(super) fn interval_ms(rate: Rate) -> u64 {
    rate.period.0.div_ceil(u64::from(rate.requests.max(1)))
}

/// The longest window of a permit, in milliseconds: the half of what the schedule pays for that is the worker's.
pub fn window_ms(rate: Rate, burst: u32) -> u64 {
    jitter_ms(rate, burst) / 2
}

/// Whether a permit that was given back may be granted again for a request from `from` on. It comes as a worker said it: never
/// is its window longer than the schedule pays for. One that has begun is left, since `from` may be the end of a rest.
fn good(permit: &Permit, from: Timestamp, window: u64) -> bool {
    let long = permit.not_before.0.checked_add(signed(window));
    permit.not_before >= from
        && permit.not_after > permit.not_before
        && long.is_some_and(|end| permit.not_after.0 <= end)
}

/// The next permit under one limit, and what it costs. It begins at `now` or later.
pub fn next(key: &str, rate: Rate, burst: u32, row: Option<&RateRow>, now: Timestamp) -> (Permit, Charge) {
    let jitter = jitter_ms(rate, burst);
    let keep = rate.requests.min(MOST_REMEMBERED);
    let window = window_ms(rate, burst);
    let permit = |at: i64| Permit { not_before: Timestamp(at), not_after: Timestamp(at).plus_ms(window) };
    if let Some(returned) = row.and_then(|row| row.returned.iter().find(|permit| good(permit, now, window))) {
        return (*returned, Charge { key: key.to_owned(), tat: 0, keep, reused: true });
    }
    let tolerance = tolerance_ms(rate, burst).saturating_sub(jitter);
    let interval = signed(interval_ms(rate) + stretch_ms(rate, burst));
    let tat = row.map_or(i64::MIN / 2, |row| row.tat);
    let mut at = now.0.max(tat.saturating_sub(signed(tolerance)));
    if rate.requests <= MOST_REMEMBERED
        && let Some(oldest) =
            row.and_then(|row| row.recent.len().checked_sub(rate.requests as usize).and_then(|i| row.recent.get(i)))
    {
        at = at.max(oldest.plus_ms(rate.period.0 + jitter).0);
    }
    (permit(at), Charge { key: key.to_owned(), tat: tat.max(at) + interval, keep, reused: false })
}

/// Whether a permit fits the day's quota and keeps the hours of quiet: what it costs, or from when to look again.
///
/// All of a permit's window lies on one day and outside of the quiet, so that its request does, whenever it starts.
pub fn of_day(
    daily: Option<u32>,
    quiet: Option<DayHours>,
    counted: Option<DayRow>,
    permit: Permit,
) -> Result<Option<Charge>, Timestamp> {
    if let Some(quiet) = quiet
        && [permit.not_before, permit.not_after].into_iter().any(|at| quiet.hold(at))
    {
        return Err(quiet.end_after(permit.not_before));
    }
    let Some(daily) = daily else { return Ok(None) };
    let day = permit.not_before.0.div_euclid(DAY_MS);
    let used = match counted {
        // A later page of a task has a permit for a later day: this one was used up.
        Some(counted) if counted.day > day => return Err(Timestamp(counted.day * DAY_MS)),
        Some(counted) if counted.day == day => counted.used,
        _ => 0,
    };
    if used >= daily || permit.not_after.0.div_euclid(DAY_MS) != day {
        return Err(Timestamp((day + 1) * DAY_MS));
    }
    // What day that is, and that it is one more, the permit says.
    Ok(Some(Charge { key: DAY.to_owned(), tat: 0, keep: 0, reused: false }))
}

/// Until when nothing begins that nobody waits for, since what is left of the day is kept for people.
pub fn kept(limits: &LimitsSpec, counted: Option<DayRow>, now: Timestamp) -> Option<Timestamp> {
    let most = limits.for_background()?;
    let day = now.0.div_euclid(DAY_MS);
    let used = counted.filter(|counted| counted.day == day).map_or(0, |counted| counted.used);
    (used >= most).then_some(Timestamp((day + 1) * DAY_MS))
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::policy::DurationMs;
    use proptest::prelude::*;

    fn take(row: &mut RateRow, charge: &Charge, permit: Permit) {
        row.tat = charge.tat;
        row.recent.push(permit.not_before);
        let excess = row.recent.len().saturating_sub(charge.keep as usize);
        row.recent.drain(..excess);
    }

    proptest! {
        /// Whatever lateness the worker and the way add within the paid jitter, the source counts no more than its limit.
        #[test]
        fn source_never_sees_more(
            requests in 1u32..40, period in 1_000u64..60_000, burst in 1u32..10, gaps in prop::collection::vec(0u64..3_000, 1..120),
            lateness in prop::collection::vec(0u32..=1_000, 120),
        ) {
            let rate = Rate { requests, period: DurationMs(period) };
            let jitter = jitter_ms(rate, burst);
            let paid = stretch_ms(rate, burst) + tolerance_ms(rate, burst) >= jitter;
            let (mut row, mut now) = (RateRow::default(), Timestamp(1_000_000));
            row.tat = i64::MIN / 2;
            let mut arrivals = Vec::new();
            for (gap, late) in gaps.iter().zip(&lateness) {
                now = now.plus_ms(*gap);
                let (permit, charge) = next("", rate, burst, Some(&row), now);
                prop_assert!(permit.not_before >= now);
                prop_assert!(permit.not_after > permit.not_before);
                take(&mut row, &charge, permit);
                arrivals.push(permit.not_before.plus_ms(jitter * u64::from(*late) / 1_000).0);
            }
            arrivals.sort_unstable();
            for (i, first) in arrivals.iter().enumerate() {
                let in_period = arrivals[i..].iter().take_while(|at| **at - first < signed(period)).count();
                prop_assert!(in_period <= requests as usize, "{in_period} in a period of {period}");
                for (k, later) in arrivals[i..].iter().enumerate() {
                    let fine = if paid { 0 } else { signed(jitter) };
                    let allowed = i64::from(burst) + (later - first + fine) / signed(interval_ms(rate)).max(1);
                    prop_assert!((k as i64) < allowed, "{} requests in {} ms, burst {burst}", k + 1, later - first);
                }
            }
        }
    }

    #[test]
    fn a_day_has_its_quota_and_its_hours_of_quiet() {
        let midnight = Timestamp(20_000 * DAY_MS);
        let quiet: DayHours = "02:00-03:00".parse().expect("hours");
        let rate = Rate { requests: 60, period: DurationMs(60_000) };
        let mut row = RateRow { tat: i64::MIN / 2, ..RateRow::default() };
        let mut counted = None::<DayRow>;
        let (mut now, mut by_day) = (midnight.plus_ms(7_199_000), std::collections::BTreeMap::<i64, u32>::new());
        for _ in 0..250 {
            let (permit, charge) = next("", rate, 5, Some(&row), now);
            match of_day(Some(100), Some(quiet), counted, permit) {
                Err(later) => {
                    assert!(later > now, "{later:?} at {now:?}");
                    now = later;
                }
                Ok(charged) => {
                    assert_eq!(charged.expect("counted").key, DAY);
                    take(&mut row, &charge, permit);
                    let day = permit.not_before.0.div_euclid(DAY_MS);
                    let used = counted.filter(|counted| counted.day == day).map_or(0, |counted| counted.used);
                    counted = Some(DayRow { day, used: used + 1 });
                    for at in [permit.not_before, permit.not_after] {
                        assert!(!quiet.hold(at), "{at:?}");
                    }
                    *by_day.entry(permit.not_before.0.div_euclid(DAY_MS)).or_default() += 1;
                    now = permit.not_before;
                }
            }
        }
        assert_eq!(by_day.values().copied().take(2).collect::<Vec<_>>(), [100, 100], "{by_day:?}");
        assert!(by_day.len() == 3, "{by_day:?}");
        // A permit for tomorrow was granted: nothing more is for today.
        let today = Permit { not_before: midnight, not_after: midnight.plus_ms(10) };
        let tomorrow = DayRow { day: 20_001, used: 1 };
        assert_eq!(of_day(Some(100), None, Some(tomorrow), today), Err(Timestamp(20_001 * DAY_MS)));
    }

    /// Of each rate, over twenty of its periods, while work waits all the time.
    #[test]
    fn the_budget_is_used() {
        let rates = [
            ("1/m", 1),
            ("60/m", 1),
            ("20/m", 1),
            ("30/m", 5),
            ("600/m", 20),
            ("6/20s", 1),
            ("5/10s", 2),
            ("10/10s", 2),
            ("25/10s", 2),
            ("1/s", 1),
            ("3/s", 1),
            ("10/s", 2),
            ("50/s", 1),
            ("100/s", 20),
            ("1000/s", 1),
            ("1000/h", 10),
        ];
        for (text, burst) in rates {
            let rate: Rate = text.parse().expect("a rate");
            let period = rate.period.0;
            let (mut row, mut now) = (RateRow { tat: i64::MIN / 2, ..RateRow::default() }, Timestamp(0));
            let mut starts = Vec::new();
            while now.0 <= signed(21 * period) {
                let (permit, charge) = next("", rate, burst, Some(&row), now);
                take(&mut row, &charge, permit);
                now = permit.not_before;
                starts.push(now.0);
            }
            // The burst of the beginning is left out.
            let steady = starts.iter().filter(|at| (signed(period)..signed(21 * period)).contains(*at)).count();
            let used = steady as f64 / (20.0 * f64::from(rate.requests));
            println!("{text}, burst {burst}: {:.1} % of the rate", used * 100.0);
            assert!((0.95..=1.0).contains(&used), "{text}, burst {burst}: {used:.3}");
        }
    }
}
