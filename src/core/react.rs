//! What a partition must decide because of a commit of another, or of its own.
//!
//! A commit that concerns a partition leads to exactly one reaction, in one commit or, where very many jobs wait, in
//! several pages. Every step is idempotent, so that the next page simply goes on with what is still waiting.

use super::decision::{DecideError, Decision};
use super::paging::{PAGE_BYTES, each_job};
use super::{job, partitioning, policy, source};
use mirano_replay::rows::{NeedTaskRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::*;

/// Whether an event may concern a partition: a frozen function of the event and the partition count.
pub fn concerns(event: &Event, own: u32, partition: u32, partitions: u32) -> bool {
    match event {
        Event::TaskWanted(event) => partitioning::of_source(&event.source, partitions) == partition,
        Event::WantSatisfied(WantSatisfied { requester, .. }) | Event::WantRefused(WantRefused { requester, .. }) => {
            partitioning::of_job(requester.job, partitions) == partition
        }
        Event::SourceTold(event) => source::told_to(event, partition, partitions).next().is_some(),
        Event::ObservationRecorded(_) | Event::TaskFailed(_) | Event::TaskRevived(_) => true,
        Event::PolicyAdopted(_) => own == 0 && partition != 0,
        _ => false,
    }
}

/// Decides the reaction to the events of a commit at `cause`. Returns whether it is done, or has another page.
pub fn react(decision: &mut Decision<'_>, cause: Position, events: &[Event]) -> Result<bool, DecideError> {
    let (partition, partitions) = (decision.ctx.partition(), decision.ctx.partitions);
    for event in events.iter().filter(|event| concerns(event, cause.partition, partition, partitions)) {
        if decision.size() > PAGE_BYTES {
            return Ok(false);
        }
        let done = match event {
            Event::TaskWanted(event) => source::want(decision, event).map(|()| true)?,
            Event::WantSatisfied(event) => {
                job::observed(decision, event.requester.job, event.query, true)?;
                true
            }
            Event::WantRefused(event) => {
                let failure =
                    Failure { outcome: Some(Outcome::Refused), cause: event.cause.clone(), at: decision.ctx.now() };
                job::need_failed(decision, event.requester.job, event.query, &failure)?;
                true
            }
            Event::ObservationRecorded(event) => for_waiting(decision, event.query, event.task, |decision, job| {
                job::observed(decision, job, event.query, false)
            })?,
            Event::TaskFailed(event) => {
                let failure =
                    Failure { outcome: Some(event.outcome), cause: event.cause.clone(), at: decision.ctx.now() };
                for_waiting(decision, event.query, event.task, |decision, job| {
                    job::need_failed(decision, job, event.query, &failure)
                })?
            }
            Event::TaskRevived(event) => source::revived(decision, event)?,
            Event::SourceTold(event) => {
                source::obey(decision, event)?;
                true
            }
            Event::PolicyAdopted(event) => {
                policy::follow(decision, event)?;
                true
            }
            _ => true,
        };
        if !done {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tells each job of this partition that waits for a task, as far as a commit holds; they stop waiting by being told.
///
/// A job that waits for the query but has no part in this task, because its want has not reached the source yet, is
/// passed over: the source looks at its want, and answers it by what is known then, or by another task.
fn for_waiting(
    decision: &mut Decision<'_>,
    query: QueryKey,
    task: TaskId,
    mut tell: impl FnMut(&mut Decision<'_>, JobId) -> Result<(), DecideError>,
) -> Result<bool, DecideError> {
    let prefix = key::waiter(decision.ctx.partition(), query, None);
    each_job(decision, Table::Waiter, &prefix, |decision, job| match waits_for(decision, job, query, task)? {
        true => tell(decision, job),
        false => Ok(()),
    })
}

/// Whether a need of the job that waits for the query has part in the task.
fn waits_for(decision: &Decision<'_>, job: JobId, query: QueryKey, task: TaskId) -> Result<bool, DecideError> {
    let Some(row) = decision.job(job)? else { return Ok(false) };
    for need in row.needs.iter().filter(|need| need.pending.is_some() && need.need.query == Some(query)) {
        let part: Option<NeedTaskRow> = decision.rows.row(&key::need_task(job, need.need.need_id))?;
        if part.is_some_and(|part| part.task == task) {
            return Ok(true);
        }
    }
    Ok(false)
}
