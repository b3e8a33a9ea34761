//! Tasks that waited too long for somebody who did not answer all the while: they are given up, so that their checks end.
//!
//! Who does not answer is the source, or each proxy of its pool; the cause says which. Without this a queue would wait for days,
//! since of what is left alone one task at a time tries again.

use super::breaker::open_of;
use super::{proxies, source_row};
use crate::core::decision::{DecideError, Decision};
use crate::core::policy::SourceSpec;
use mirano_replay::rows::{SourceRow, TaskRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::*;

/// Tasks of one queue that are looked at for those that waited too long.
const GIVEN_UP_AT_ONCE: usize = 128;
/// Places of a queue that are looked through for the tasks that came first.
const LOOKED_THROUGH: usize = 4_096;

/// Somebody who does not answer.
enum Silent<'a> {
    Source,
    /// Each proxy of this pool.
    Pool(&'a str),
}

impl<'a> Silent<'a> {
    /// Who does not answer, and since when; of both the one for longer.
    fn find(decision: &Decision<'_>, spec: &'a SourceSpec, row: &SourceRow) -> Option<(Timestamp, Self)> {
        let source = open_of(spec, row).map(|open| (open.since, Self::Source));
        let pool = spec.limits.proxies.as_deref();
        let pool = pool.and_then(|pool| {
            let since = proxies::all_rest_since(&decision.ctx.policy.document, spec, row)?;
            Some((since, Self::Pool(pool)))
        });
        source.into_iter().chain(pool).min_by_key(|(since, _)| *since)
    }

    /// What a task ends with that waited for it.
    fn cause(&self, row: &SourceRow, task: &TaskRow, seconds: u64) -> (Outcome, String) {
        match self {
            Self::Source => {
                let (outcome, cause) = match &row.last_outcome {
                    Some((outcome, _, cause)) if !outcome.is_answer() => (*outcome, cause.as_str()),
                    _ => (Outcome::Unavailable, ""),
                };
                (outcome, format!("breaker_open: it has not answered for {seconds} s; {cause}"))
            }
            Self::Pool(pool) => {
                // One that was never tried has no cause of its own.
                let last = task.attempts.iter().rev().find_map(|attempt| attempt.cause.as_deref());
                let last = last.map(|cause| format!("; {cause}")).unwrap_or_default();
                let cause =
                    format!("proxies_down: for {seconds} s no proxy of `{pool}` has let anything through{last}");
                (Outcome::Unavailable, cause)
            }
        }
    }
}

/// The tasks of a queue that have waited longest, of those that are not being tried again; and of those the ones that are due first.
fn oldest(decision: &Decision<'_>, queue: &str) -> Result<Vec<TaskId>, DecideError> {
    let prefix = key::source_prefix(queue);
    // A place names the turn, the priority, and when the task came.
    let came = |place: &Vec<u8>| place.get(prefix.len() + 9..prefix.len() + 17).map(mirano_replay::apply::be_u64);
    let mut waiting = decision.rows.keys(Table::Ready, &prefix, &[], LOOKED_THROUGH)?;
    if waiting.len() > GIVEN_UP_AT_ONCE {
        waiting.sort_by_key(came);
        waiting.truncate(GIVEN_UP_AT_ONCE);
    }
    waiting.extend(decision.rows.keys(Table::Delayed, &prefix, &[], GIVEN_UP_AT_ONCE)?);
    Ok(waiting.iter().filter_map(|place| key::tail(place).map(TaskId)).collect())
}

/// Gives up the tasks that waited too long for a source that has not answered all the while, or for a pool through which nothing
/// came. Returns when to look again: none where there is an answer.
pub(super) fn give_up(decision: &mut Decision<'_>, spec: &SourceSpec) -> Result<Option<Timestamp>, DecideError> {
    let row = source_row(decision, &spec.id)?;
    let Some((since, silent)) = Silent::find(decision, spec, &row) else { return Ok(None) };
    let (now, limit) = (decision.ctx.now(), spec.limits.breaker.give_up.0);
    if now.since_ms(since) < limit {
        return Ok(Some(since.plus_ms(limit)));
    }
    let (mut next, mut ended) = (None::<Timestamp>, 0);
    for task in oldest(decision, &spec.id)? {
        let Some(waits) = decision.task(task)? else { continue };
        let end = waits.enqueued_at.max(since).plus_ms(limit);
        if end > now {
            next = Some(next.map_or(end, |next| next.min(end)));
            continue;
        }
        if ended == GIVEN_UP_AT_ONCE {
            break;
        }
        ended += 1;
        let (outcome, cause) = silent.cause(&row, &waits, now.since_ms(since) / 1_000);
        let query = waits.scheduled.query;
        decision.emit(TaskFailed { task, source: spec.id.clone(), query, outcome, cause })?;
    }
    Ok(if ended >= GIVEN_UP_AT_ONCE { Some(now) } else { next })
}
