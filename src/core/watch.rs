//! Watches: a job is checked again by itself, at its times. It stays the same job; each time that changes something seals
//! a snapshot, as every re-check does.

use super::command::{InputFault, Rejection, Reply, SetWatch};
use super::decision::{DecideError, Decision};
use super::policy::DayHours;
use super::{job, prefetch};
use mirano_replay::rows::{WatchRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::*;

/// The shortest time between two re-checks of a watch.
pub const SHORTEST_MS: u64 = 60_000;
/// Watches that one commit rings.
const PAGE: usize = 16;
/// Times are drawn over this part of the interval, so that watches set together do not ring together.
const JITTER: u64 = 10;

/// Decides `SetWatch`. The same again gives the watch that there is; another under its id is refused.
pub fn set(decision: &mut Decision<'_>, command: &SetWatch) -> Result<Reply, DecideError> {
    let row = decision.job(command.job)?.filter(|row| row.created.tenant == command.tenant);
    if row.is_none() {
        return Err(Rejection::JobNotFound.into());
    }
    if command.every_ms < SHORTEST_MS {
        return Err(Rejection::FieldInvalid("every".to_owned(), InputFault::TooOften).into());
    }
    let known: Option<WatchRow> = decision.rows.row(command.watch.as_bytes())?;
    if let Some(known) = known {
        let same = (known.set.job, known.set.every_ms, known.set.hours, known.set.reason)
            == (command.job, command.every_ms, command.hours, command.reason);
        return if same { Ok(Reply::Watch(command.watch)) } else { Err(Rejection::IdempotencyMismatch.into()) };
    }
    let next_at = next(decision.ctx.now(), command.every_ms, command.hours, decision.ctx.entropy);
    decision.emit(WatchSet {
        watch: command.watch,
        job: command.job,
        tenant: command.tenant.clone(),
        every_ms: command.every_ms,
        hours: command.hours,
        reason: command.reason,
        next_at,
    })?;
    Ok(Reply::Watch(command.watch))
}

/// Decides `EndWatch`. A watch that is not there has ended.
pub fn end(decision: &mut Decision<'_>, watch: WatchId) -> Result<Reply, DecideError> {
    if let Some(row) = decision.rows.row::<WatchRow>(watch.as_bytes())? {
        decision.emit(WatchEnded { watch, job: row.set.job })?;
    }
    Ok(Reply::Done)
}

/// Decides `RingWatches`: those whose time has come have their jobs checked again. A job that is being checked anyway is
/// left alone until the next time; one whose hours have passed meanwhile, until they begin again.
pub fn ring(decision: &mut Decision<'_>) -> Result<Reply, DecideError> {
    let now = decision.ctx.now();
    let prefix = decision.ctx.partition().to_be_bytes();
    for place in decision.rows.keys(Table::WatchDue, &prefix, &[], PAGE)? {
        let due = place.get(4..12).map_or(u64::MAX, mirano_replay::apply::be_u64);
        let (Some(watch), true) = (key::tail(&place).map(WatchId), due <= u64::try_from(now.0).unwrap_or(0)) else {
            break;
        };
        let Some(row) = decision.rows.row::<WatchRow>(watch.as_bytes())? else { continue };
        let WatchSet { job, every_ms, hours, .. } = row.set;
        // Another number for each watch of the commit: the draw is one for all.
        let drawn = decision.ctx.entropy.wrapping_add(u64::from_le_bytes(*watch.0.first_chunk().unwrap_or(&[0; 8])));
        // Nobody was there to ring it in its hours: it waits for the next ones.
        if let Some(next_at) = missed(now, hours, drawn) {
            decision.emit(WatchRang { watch, job, next_at })?;
            continue;
        }
        decision.emit(WatchRang { watch, job, next_at: next(now, every_ms, hours, drawn) })?;
        // What is watched because it is popular is left alone while nobody asks for it.
        let wanted = row.set.reason != WatchReason::Popular || prefetch::is_asked_for(decision, job)?;
        if wanted && decision.job(job)?.is_some_and(|row| row.is_final) {
            let command = CommandId::of(&[watch.as_bytes(), &due.to_le_bytes()]);
            // Nobody waits for it; what is paid for goes before what is not.
            let queue = &decision.ctx.policy.document.queue;
            let priority = if row.set.reason == WatchReason::Paid { queue.paid } else { queue.watch };
            job::recheck_by_itself(decision, job, command, "watch", priority)?;
        }
    }
    Ok(Reply::Done)
}

/// Where the hours of the day are over by now: a time in those that begin next.
fn missed(now: Timestamp, hours: Option<Hours>, drawn: u64) -> Option<Timestamp> {
    hours.map(DayHours).filter(|hours| !hours.hold(now)).map(|hours| next_in(hours, now, drawn))
}

/// A moment of the hours that begin next.
fn next_in(hours: DayHours, at: Timestamp, drawn: u64) -> Timestamp {
    hours.begin_after(at).plus_ms(drawn.checked_rem(hours.long_ms()).unwrap_or(0))
}

/// The next time: after the interval, a tenth of it earlier or later, moved into the hours of the day.
fn next(now: Timestamp, every_ms: u64, hours: Option<Hours>, drawn: u64) -> Timestamp {
    let spread = (every_ms / JITTER).max(1);
    let at = now.plus_ms(every_ms - spread / 2 + drawn.checked_rem(spread).unwrap_or(0));
    match hours.map(DayHours) {
        // Where in the hours that begin next is drawn as well.
        Some(hours) if !hours.hold(at) => next_in(hours, at, drawn),
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn times_are_spread_over_a_tenth_of_the_interval() {
        let now = Timestamp(1_800_000_000_000);
        for drawn in [0, 1, 12_345_678, u64::MAX] {
            let wait = next(now, DAY_MS, None, drawn).since_ms(now);
            assert!((DAY_MS * 95 / 100..=DAY_MS * 105 / 100).contains(&wait), "{drawn}: {wait}");
        }
        assert_ne!(next(now, DAY_MS, None, 1), next(now, DAY_MS, None, 2));
    }

    #[test]
    fn times_are_within_the_hours_of_the_day() {
        let now = Timestamp(1_800_000_000_000);
        for (from, to) in [(60, 120), (22 * 60, 6 * 60), (0, 1), (23 * 60 + 59, 0)] {
            for drawn in (0..200).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
                let at = next(now, DAY_MS, Some(Hours { from, to }), drawn);
                assert!(DayHours(Hours { from, to }).hold(at), "{from}..{to}: {at:?}");
                assert!(at.since_ms(now) <= 2 * DAY_MS + DAY_MS / 20, "{from}..{to}");
            }
        }
    }

    #[test]
    fn who_missed_its_hours_waits_for_the_next() {
        let midnight = Timestamp(1_800_057_600_000);
        let at = |hour: u64| midnight.plus_ms(hour * 3_600_000);
        let night = Some(Hours { from: 2 * 60, to: 4 * 60 });
        assert_eq!(missed(at(3), night, 7), None, "late, and still within");
        assert_eq!(missed(at(10), None, 7), None, "any hour is good");
        for drawn in [0, 1, 12_345_678, u64::MAX] {
            let next = missed(at(10), night, drawn).expect("they are over");
            assert!((at(26)..at(28)).contains(&next), "{next:?}");
        }
    }
}
