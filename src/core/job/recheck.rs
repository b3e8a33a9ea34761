//! Needs are asked again, even if fresh; the job stays the same job.

use super::{answer, settle};
use crate::core::command::{Recheck, Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use mirano_replay::rows::{JobRow, NeedRow};
use mirano_schemas::*;

/// Decides `Recheck`: joins tasks in flight, and schedules the others.
pub fn recheck(decision: &mut Decision<'_>, command: &Recheck) -> Result<Reply, DecideError> {
    let row = decision.job(command.job)?.ok_or(Rejection::JobNotFound)?;
    if command.tenant.as_ref().is_some_and(|tenant| *tenant != row.created.tenant) {
        return Err(Rejection::JobNotFound.into());
    }
    let matches = |need: &Need, wanted: &String| need.source == *wanted || need.need_id.to_string() == *wanted;
    if let Some(unknown) =
        command.selected.iter().find(|wanted| !row.needs.iter().any(|row| matches(&row.need, wanted)))
    {
        return Err(Rejection::SourceUnknown(unknown.clone()).into());
    }
    let needs: Vec<Need> = row
        .needs
        .iter()
        .filter(|row| row.applicable() && row.need.query.is_some())
        .filter(|row| command.selected.is_empty() || command.selected.iter().any(|wanted| matches(&row.need, wanted)))
        .map(|row| row.need.clone())
        .collect();
    if row.rechecks.contains(&command.command) {
        return Ok(Reply::Rechecked(ids(&needs)));
    }
    let priority = row.created.priority;
    let why = Why { command: command.command, reason: &command.reason, priority, max_age_ms: 0 };
    Ok(Reply::Rechecked(plan(decision, &row, &needs, &why)?))
}

/// Asks every need of a job again because its time has come, behind everything that somebody waits for.
pub fn recheck_by_itself(
    decision: &mut Decision<'_>,
    job: JobId,
    command: CommandId,
    reason: &str,
    priority: u8,
) -> Result<(), DecideError> {
    let row = decision.job(job)?.ok_or(Rejection::JobNotFound)?;
    let askable = |row: &&NeedRow| row.applicable() && row.need.query.is_some();
    let needs: Vec<Need> = row.needs.iter().filter(askable).map(|row| row.need.clone()).collect();
    plan(decision, &row, &needs, &Why { command, reason, priority, max_age_ms: 0 })?;
    Ok(())
}

/// Asks the needs of a job again that went without an answer to a query.
pub fn ask_again(
    decision: &mut Decision<'_>,
    job: JobId,
    query: QueryKey,
    command: CommandId,
) -> Result<(), DecideError> {
    let row = decision.job(job)?.ok_or(Rejection::JobNotFound)?;
    let unanswered = |row: &&NeedRow| {
        row.applicable() && row.need.query == Some(query) && row.pending.is_none() && row.last_failure.is_some()
    };
    let needs: Vec<Need> = row.needs.iter().filter(unanswered).map(|row| row.need.clone()).collect();
    if needs.is_empty() || row.rechecks.contains(&command) {
        return Ok(());
    }
    let priority = row.created.priority;
    plan(decision, &row, &needs, &Why { command, reason: "tried again by hand", priority, max_age_ms: 0 })?;
    Ok(())
}

/// Whether a job shows an answer to a need and waits for no other: what may be asked ahead.
pub fn may_ask(decision: &Decision<'_>, job: JobId, need_id: NeedId) -> Result<bool, DecideError> {
    let row = decision.job(job)?;
    let shows = |row: &&NeedRow| row.need.need_id == need_id && row.applicable() && row.pending.is_none();
    Ok(row.is_some_and(|row| row.needs.iter().find(shows).is_some_and(|need| need.need.query.is_some())))
}

/// Asks one need of a job again before its answer becomes stale, behind everything that somebody waits for. A younger answer
/// than that will do.
pub fn ask_ahead(
    decision: &mut Decision<'_>,
    job: JobId,
    need_id: NeedId,
    command: CommandId,
    max_age_ms: u64,
) -> Result<(), DecideError> {
    let row = decision.job(job)?.ok_or(Rejection::JobNotFound)?;
    let needs: Vec<Need> =
        row.needs.iter().filter(|row| row.need.need_id == need_id).map(|row| row.need.clone()).collect();
    let priority = decision.ctx.policy.document.queue.prefetch;
    plan(decision, &row, &needs, &Why { command, reason: "prefetch", priority, max_age_ms })?;
    Ok(())
}

/// Why needs are asked again, and how urgently.
struct Why<'a> {
    command: CommandId,
    reason: &'a str,
    priority: u8,
    /// The oldest answer that will do.
    max_age_ms: u64,
}

fn ids(needs: &[Need]) -> Vec<NeedId> {
    needs.iter().map(|need| need.need_id).collect()
}

fn plan(decision: &mut Decision<'_>, row: &JobRow, needs: &[Need], why: &Why<'_>) -> Result<Vec<NeedId>, DecideError> {
    let (job, ids) = (row.created.job, ids(needs));
    let Why { command, priority, max_age_ms, .. } = *why;
    decision.emit(RecheckPlanned { job, command, needs: ids.clone(), reason: why.reason.to_owned() })?;
    for need in needs {
        let pending = row.needs.iter().any(|row| row.need.need_id == need.need_id && row.pending.is_some());
        if !pending {
            answer::want(decision, row, need, WantReason::Recheck, max_age_ms, priority)?;
        }
    }
    settle::settle(decision, job, &[])?;
    Ok(ids)
}
