//! Needs are asked again, even if fresh; the job stays the same job.

use super::{answer, settle};
use crate::core::command::{Recheck, Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
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
    let ids: Vec<NeedId> = needs.iter().map(|need| need.need_id).collect();
    if row.rechecks.contains(&command.command) {
        return Ok(Reply::Rechecked(ids));
    }
    decision.emit(RecheckPlanned {
        job: command.job,
        command: command.command,
        needs: ids.clone(),
        reason: command.reason.clone(),
    })?;
    for need in &needs {
        let pending = row.needs.iter().any(|row| row.need.need_id == need.need_id && row.pending.is_some());
        if !pending {
            answer::want(decision, &row, need, WantReason::Recheck, 0)?;
        }
    }
    settle::settle(decision, command.job, &[])?;
    Ok(Reply::Rechecked(ids))
}
