//! After every change of a job: risk, status, the seal of a final report, and who is to be told.

use super::{assess, discover, seal, status};
use crate::core::decision::{DecideError, Decision};
use crate::core::notify;
use mirano_schemas::*;

/// Recomputes what follows from the needs, and seals when the job became final with something shown.
pub(super) fn settle(decision: &mut Decision<'_>, job: JobId, touched: &[NeedId]) -> Result<(), DecideError> {
    discover::end_waiting(decision, job)?;
    let Some(row) = decision.job(job)? else { return Ok(()) };
    let assessed = assess::assess(decision, &row, touched)?;
    let (now, is_final) = status::status(&row, decision.ctx.now(), |_| false);
    let before = (row.status, row.is_final);
    let shown = row.needs.iter().any(|need| need.receipt.is_some());
    // Nobody else holds the row then, so that it need not be copied to be changed.
    drop(row);
    if let Some(assessed) = assessed {
        decision.emit(assessed)?;
    }
    // Whether a request was started is the source's to know; IN_PROGRESS is shown by the read.
    if (now, is_final) != before {
        decision.emit(JobStatusChanged { job, status: now, is_final })?;
    }
    if is_final && shown {
        seal::seal_unless_same(decision, job)?;
    }
    notify::job_changed(decision, job)
}
