//! A job as it is shown: its row joined with its tasks, at one time.

use super::Context;
use super::model::*;
use super::risk;
use super::row::{self, Joined};
use super::sentences::honesty;
use super::time::rfc3339;
use crate::core::job::status::status;
use crate::core::job::{Roots, roots};
use mirano_replay::rows::{JobRow, SnapshotRef};
use mirano_replay::store::StoreError;
use mirano_schemas::{JobStatus, Origin, Outcome, Receipt, Subject};

/// A job, ready to be shown.
pub struct Shown {
    /// The job.
    pub view: JobView,
    /// Persons whose parameters were opened for it: each reading goes to the access log.
    pub opened: Vec<Subject>,
}

/// The job as it stands.
pub fn job(ctx: &Context<'_>, job: &JobRow) -> Result<Shown, StoreError> {
    let rows = joined(ctx, job)?;
    let (status, is_final) = job_status(ctx, job, &rows);
    let mut opened = Vec::new();
    let sources = rows.iter().map(|row| row::view(ctx, job, row, &mut opened)).collect::<Result<Vec<_>, _>>()?;
    let created = &job.created;
    let address = &created.address;
    let mut view = JobView {
        job_id: created.job.to_string(),
        status,
        r#final: is_final,
        profile: created.profile.clone(),
        created_at: rfc3339(job.created_at),
        completed_at: job.completed_at.map(rfc3339),
        address: AddressView {
            input: address.input.clone(),
            canonical: address.canonical.clone(),
            building: address.building.clone(),
            flat: address.flat.clone(),
            cadastral: address.cadastral.clone(),
            confidence: address.confidence.clone(),
            subject: address.subject.to_string(),
            building_subject: address.building_subject.to_string(),
            warnings: address.warnings.clone(),
        },
        progress: progress(&rows),
        sources,
        risk: risk::view(ctx, job, &rows),
        snapshots: job.snapshots.iter().map(snapshot).collect(),
        honesty: Vec::new(),
        position: job.position.to_string(),
    };
    view.honesty = honesty(ctx, &view).iter().map(|honest| honest.text.get(ctx.lang).to_owned()).collect();
    Ok(Shown { view, opened })
}

/// The job as a list shows it.
pub fn summary(ctx: &Context<'_>, job: &JobRow) -> Result<JobSummary, StoreError> {
    let rows = joined(ctx, job)?;
    let (status, is_final) = job_status(ctx, job, &rows);
    let risk = risk::view(ctx, job, &rows);
    Ok(JobSummary {
        job_id: job.created.job.to_string(),
        status,
        r#final: is_final,
        profile: job.created.profile.clone(),
        created_at: rfc3339(job.created_at),
        address: job.created.address.canonical.clone(),
        subject: job.created.address.subject.to_string(),
        progress: progress(&rows),
        risk_level: risk.as_ref().map(|risk| risk.level.clone()),
        risk_score: risk.map(|risk| risk.score),
        position: job.position.to_string(),
    })
}

fn joined<'a>(ctx: &Context<'_>, job: &'a JobRow) -> Result<Vec<Joined<'a>>, StoreError> {
    job.needs.iter().map(|need| Joined::load(ctx, job, need)).collect()
}

fn job_status(ctx: &Context<'_>, job: &JobRow, rows: &[Joined<'_>]) -> (Status, bool) {
    let started = |need: &mirano_replay::rows::NeedRow| {
        rows.iter().any(|row| row.need.need.need_id == need.need.need_id && row.started())
    };
    let (word, is_final) = status(job, ctx.now, started);
    (status_word(word), is_final)
}

/// The word of a status.
pub fn status_word(status: JobStatus) -> Status {
    match status {
        JobStatus::Created => Status::Created,
        JobStatus::InProgress => Status::InProgress,
        JobStatus::Partial => Status::Partial,
        JobStatus::Completed => Status::Completed,
        JobStatus::Failed => Status::Failed,
    }
}

fn progress(rows: &[Joined<'_>]) -> Progress {
    let mut progress = Progress::default();
    for row in rows.iter().filter(|row| row.state != RowState::NotApplicable) {
        progress.total += 1;
        if let Some(receipt) = row.shown() {
            progress.answered += 1;
            progress.reused += u32::from(matches!(receipt.origin, Origin::Reused | Origin::ServedStale));
            progress.nothing_found += u32::from(receipt.outcome == Outcome::NothingFound);
            progress.stale += u32::from(row.freshness == crate::core::freshness::Freshness::Stale);
        }
        progress.updating += u32::from(row.updating());
        progress.failed += u32::from(row.state == RowState::Failed);
    }
    progress
}

/// The latest snapshot, if it holds just what the job shows; none while something else is shown than was sealed.
pub fn sealed<'a>(
    ctx: &Context<'_>,
    job: &JobRow,
    view: &'a JobView,
) -> Result<Option<&'a SnapshotRefView>, StoreError> {
    let (Some(last), Some(told)) = (job.snapshots.last(), view.snapshots.last()) else { return Ok(None) };
    let shown = job.needs.iter().zip(&view.sources).filter(|(_, row)| row.receipt_id.is_some());
    let mut receipts: Vec<&Receipt> = shown.filter_map(|(need, _)| need.receipt.as_ref()).collect();
    receipts.sort_by_key(|receipt| receipt.need_id);
    let Roots { facts_root, receipts_root, .. } = roots(ctx.rows, &receipts)?;
    let same = (facts_root, receipts_root) == (last.facts_root, last.receipts_root);
    Ok(Some(told).filter(|_| same))
}

/// A snapshot as its job lists it.
pub fn snapshot(snapshot: &SnapshotRef) -> SnapshotRefView {
    SnapshotRefView {
        snapshot_id: snapshot.snapshot.to_string(),
        facts_root: snapshot.facts_root.to_string(),
        receipts_root: snapshot.receipts_root.to_string(),
        status: status_word(snapshot.status),
        missing: snapshot.missing.iter().map(ToString::to_string).collect(),
        sealed_at: rfc3339(snapshot.sealed_at),
    }
}
