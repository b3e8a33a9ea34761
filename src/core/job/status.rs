//! The status of a job: a function of its needs and of now.

use crate::core::freshness::Freshness;
use mirano_replay::rows::{JobRow, NeedRow};
use mirano_schemas::{JobStatus, Timestamp};

/// Over applicable needs, at the time of the read: all fresh and none pending, COMPLETED; else something shown, now or
/// ever, PARTIAL; else nothing pending, FAILED; else a request was started, IN_PROGRESS; else CREATED.
///
/// `started` says whether a need's source was asked; the job's own stream does not know, so the reader does.
pub fn status(job: &JobRow, now: Timestamp, started: impl Fn(&NeedRow) -> bool) -> (JobStatus, bool) {
    let needs = || job.needs.iter().filter(|need| need.applicable());
    let is_final = !needs().any(NeedRow::open);
    let status = if needs().any(|need| need.receipt.is_some()) {
        let fresh = |need: &NeedRow| Freshness::of_receipt(need.receipt.as_ref(), now) == Freshness::Fresh;
        if is_final && needs().all(fresh) { JobStatus::Completed } else { JobStatus::Partial }
    } else if is_final {
        JobStatus::Failed
    } else if needs().any(|need| need.pending.is_some() && started(need)) {
        JobStatus::InProgress
    } else {
        JobStatus::Created
    };
    (status, is_final)
}
