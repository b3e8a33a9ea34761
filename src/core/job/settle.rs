//! After every change of a job: risk, status, the seal of a final report, and who is to be told.

use super::{assess, discover, seal, status};
use crate::core::decision::{DecideError, Decision};
use crate::core::notify;
use mirano_schemas::*;

/// Recomputes what follows from the needs, and seals when the job became final with something shown.
pub(super) fn settle(decision: &mut Decision<'_>, job: JobId, touched: &[NeedId]) -> Result<(), DecideError> {
    discover::end_waiting(decision, job)?;
    let Some(before) = decision.job(job)? else { return Ok(()) };
    assess::assess(decision, &before, touched)?;
    let (now, is_final) = status::status(&before, decision.ctx.now(), |_| false);
    // Whether a request was started is the source's to know; IN_PROGRESS is shown by the read.
    if (now, is_final) != (before.status, before.is_final) {
        decision.emit(JobStatusChanged { job, status: now, is_final })?;
    }
    let shown = before.needs.iter().any(|need| need.receipt.is_some());
    if is_final && shown {
        seal::seal_unless_same(decision, job)?;
    }
    notify::job_changed(decision, job)
}
