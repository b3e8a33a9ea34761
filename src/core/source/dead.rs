//! Dead letters: tasks that were given up, tried again or dropped by hand.

use crate::core::command::{Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use crate::core::job;
use crate::core::paging::each_job;
use mirano_replay::rows::{TaskRow, TaskState, key};
use mirano_replay::store::{Read, ReadExt, Table};
use mirano_schemas::*;

/// The task, and when it was given up; refuses one that is no dead letter.
fn dead(decision: &Decision<'_>, task: TaskId) -> Result<(TaskRow, Timestamp), DecideError> {
    let row: Option<TaskRow> = decision.rows.row(task.as_bytes())?;
    let row = row.filter(|row| matches!(row.state, TaskState::Failed { .. })).ok_or(Rejection::NoDeadLetter)?;
    let prefix = key::source_prefix(&row.scheduled.source);
    let mut failed_at = None;
    decision.rows.scan(Table::DeadLetter, &prefix, &[], &mut |place, _| {
        if key::tail(place).map(TaskId) == Some(task) {
            let at = place.get(prefix.len()..prefix.len() + 8).map_or(0, mirano_replay::apply::be_u64);
            failed_at = Some(Timestamp(i64::try_from(at).unwrap_or(i64::MAX)));
        }
        failed_at.is_none()
    })?;
    Ok((row, failed_at.ok_or(Rejection::NoDeadLetter)?))
}

/// Decides `Revive`: whoever went without an answer because of this task asks again.
pub fn revive(decision: &mut Decision<'_>, task: TaskId) -> Result<Reply, DecideError> {
    let (row, failed_at) = dead(decision, task)?;
    decision.emit(TaskRevived { task, source: row.scheduled.source, query: row.scheduled.query, failed_at })?;
    Ok(Reply::Done)
}

/// Decides `DropDead`: it is known, and nothing is to be done about it.
pub fn drop_dead(decision: &mut Decision<'_>, task: TaskId) -> Result<Reply, DecideError> {
    let (row, failed_at) = dead(decision, task)?;
    decision.emit(TaskDropped { task, source: row.scheduled.source, failed_at })?;
    Ok(Reply::Done)
}

/// Reacts to `TaskRevived`: the jobs of this partition whose need has no answer to the query want one again. Returns
/// whether that is all, or another page follows.
pub fn revived(decision: &mut Decision<'_>, event: &TaskRevived) -> Result<bool, DecideError> {
    let prefix = key::failed_need(decision.ctx.partition(), event.query, None);
    each_job(decision, Table::FailedNeed, &prefix, |decision, job| {
        job::ask_again(decision, job, event.query, CommandId::of(&[event.task.as_bytes(), job.as_bytes()]))
    })
}
