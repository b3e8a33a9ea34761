//! Jobs: rows of `job/<id>` streams.

use super::{ApplyError, At, dangling, demand};
use crate::history;
use crate::rows::*;
use crate::store::{ReadExt, Table, Write, WriteExt};
use mirano_schemas::*;

/// The latest re-checks whose commands are remembered, so that a repeat is known.
const MOST_RECHECKS: usize = 100;

fn need_row(need: &Need) -> NeedRow {
    NeedRow {
        need: need.clone(),
        receipt: None,
        pending: None,
        last_failure: None,
        not_applicable: None,
        withdrawn: false,
    }
}

pub(super) fn created(store: &mut impl Write, at: At, event: &JobCreated) -> Result<(), ApplyError> {
    let row = JobRow {
        needs: event.needs.iter().map(need_row).collect(),
        created: event.clone(),
        created_at: at.recorded_at,
        status: JobStatus::Created,
        is_final: false,
        completed_at: None,
        risk: None,
        snapshots: Vec::new(),
        rechecks: Vec::new(),
        position: at.position,
        updated_at: at.recorded_at,
    };
    store.put(Table::JobByTenant, &key::job_by_tenant(&event.tenant, at.recorded_at, event.job), Vec::new());
    for (subject, label) in
        [(&event.address.subject, &event.address.canonical), (&event.address.building_subject, &event.address.building)]
    {
        store.put_row(subject.0.as_bytes(), &LabelRow { label: label.clone() })?;
        for word in words(label) {
            store.put(Table::SubjectWord, &key::subject_word(&word, subject), Vec::new());
        }
    }
    let of_address = [&event.address.subject, &event.address.building_subject];
    for subject in of_address.into_iter().chain(event.needs.iter().map(|need| &need.subject)) {
        store.put(
            Table::AskedAbout,
            &key::asked_about(&event.tenant, subject, Some((at.recorded_at, event.job))),
            Vec::new(),
        );
    }
    store.put_last(event.job.as_bytes(), row)?;
    event.needs.iter().try_for_each(|need| demand::needed(store, at, event.job, need))
}

/// The words under which a label is found: lower case, letters and digits, ё as е.
pub fn words(label: &str) -> Vec<String> {
    let lower = label.to_lowercase().replace('ё', "е");
    let mut words: Vec<String> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    words.sort();
    words.dedup();
    words
}

/// Changes a job's row and notes the commit that did.
fn change(
    store: &mut impl Write,
    at: At,
    event: &'static str,
    job: JobId,
    change: impl FnOnce(&mut JobRow) -> Option<()>,
) -> Result<(), ApplyError> {
    let mut row: JobRow = store.row_to_change(job.as_bytes())?.ok_or_else(|| dangling(at, event, job))?;
    change(&mut row).ok_or_else(|| dangling(at, event, "a need"))?;
    row.position = at.position;
    row.updated_at = at.recorded_at;
    Ok(store.put_last(job.as_bytes(), row)?)
}

fn need(row: &mut JobRow, need_id: NeedId) -> Option<&mut NeedRow> {
    row.needs.iter_mut().find(|row| row.need.need_id == need_id)
}

pub(super) fn discovered(store: &mut impl Write, at: At, event: &NeedDiscovered) -> Result<(), ApplyError> {
    let mut asked = None;
    change(store, at, "NeedDiscovered", event.job, |row| {
        let by = Some((row.created_at, event.job));
        asked = Some(key::asked_about(&row.created.tenant, &event.need.subject, by));
        if let Some(again) = need(row, event.need.need_id).filter(|row| row.withdrawn) {
            again.withdrawn = false;
            return Some(());
        }
        // The row that waited for a subject gives its place to the first need that was discovered for it.
        let waiting = row.needs.iter().position(|row| {
            row.need.entry == event.need.entry
                && row.need.query.is_none()
                && !matches!(row.not_applicable, Some(NotApplicable::OverMax(_)))
        });
        match waiting.and_then(|index| row.needs.get_mut(index)) {
            Some(waiting) => *waiting = need_row(&event.need),
            None => {
                let after = row.needs.iter().rposition(|row| row.need.entry == event.need.entry);
                row.needs.insert(after.map_or(row.needs.len(), |index| index + 1), need_row(&event.need));
            }
        }
        Some(())
    })?;
    if let Some(asked) = asked {
        store.put(Table::AskedAbout, &asked, Vec::new());
    }
    demand::needed(store, at, event.job, &event.need)
}

pub(super) fn not_applicable(store: &mut impl Write, at: At, event: &NeedNotApplicable) -> Result<(), ApplyError> {
    change(store, at, "NeedNotApplicable", event.job, |row| {
        let need = need(row, event.need_id)?;
        need.not_applicable = Some(event.reason.clone());
        need.pending = None;
        Some(())
    })
}

/// What it waited for is no longer waited for, unless another need of the job asks the same.
pub(super) fn withdrawn(store: &mut impl Write, at: At, event: &NeedWithdrawn) -> Result<(), ApplyError> {
    let mut query = None;
    change(store, at, "NeedWithdrawn", event.job, |row| {
        let need = need(row, event.need_id)?;
        need.withdrawn = true;
        need.pending = None;
        let asked = need.need.query;
        query = asked.filter(|_| !row.needs.iter().any(|row| row.pending.is_some() && row.need.query == asked));
        Some(())
    })?;
    forget_waiter(store, at, event.job, query)
}

pub(super) fn wanted(store: &mut impl Write, at: At, event: &TaskWanted) -> Result<(), ApplyError> {
    store.put(Table::Waiter, &key::waiter(at.position.partition, event.query, Some(event.job)), Vec::new());
    store.delete(Table::FailedNeed, &key::failed_need(at.position.partition, event.query, Some(event.job)));
    change(store, at, "TaskWanted", event.job, |row| {
        need(row, event.need_id)?.pending = Some(PendingRow { since: event.asked_at, reason: event.reason });
        row.is_final = false;
        Some(())
    })
}

pub(super) fn answered(
    store: &mut impl Write,
    at: At,
    job: JobId,
    receipt: &Receipt,
    ends: bool,
) -> Result<(), ApplyError> {
    store.put_row(receipt.receipt_id.as_bytes(), receipt)?;
    let (mut query, mut asked) = (None, None);
    change(store, at, "NeedAnswered", job, |row| {
        let need = need(row, receipt.need_id)?;
        need.receipt = Some(receipt.clone());
        asked = need.need.query;
        if ends {
            need.last_failure = None;
            need.pending = None;
            query = asked;
        }
        Some(())
    })?;
    if let Some(asked) = asked {
        demand::answered(store, at, asked, receipt)?;
    }
    forget_waiter(store, at, job, query)
}

pub(super) fn failed(store: &mut impl Write, at: At, event: &NeedFailed) -> Result<(), ApplyError> {
    let mut query = None;
    change(store, at, "NeedFailed", event.job, |row| {
        let need = need(row, event.need_id)?;
        need.last_failure = Some(event.failure.clone());
        need.pending = None;
        query = need.need.query;
        Some(())
    })?;
    if let Some(query) = query {
        store.put(Table::FailedNeed, &key::failed_need(at.position.partition, query, Some(event.job)), Vec::new());
    }
    forget_waiter(store, at, event.job, query)
}

fn forget_waiter(store: &mut impl Write, at: At, job: JobId, query: Option<QueryKey>) -> Result<(), ApplyError> {
    if let Some(query) = query {
        store.delete(Table::Waiter, &key::waiter(at.position.partition, query, Some(job)));
    }
    Ok(())
}

pub(super) fn status(store: &mut impl Write, at: At, event: &JobStatusChanged) -> Result<(), ApplyError> {
    change(store, at, "JobStatusChanged", event.job, |row| {
        row.status = event.status;
        row.is_final = event.is_final;
        let shown = row.needs.iter().any(|need| need.receipt.is_some());
        if event.is_final && shown && row.completed_at.is_none() {
            row.completed_at = Some(at.recorded_at);
        }
        Some(())
    })
}

pub(super) fn risk(store: &mut impl Write, at: At, event: &RiskRecomputed) -> Result<(), ApplyError> {
    let risk =
        RiskRow { assessment: event.assessment.clone(), policy_version: event.policy_version, at: at.recorded_at };
    store.put_row(&history::job_key(event.job, at.recorded_at, at.position.seq), &risk)?;
    change(store, at, "RiskRecomputed", event.job, |row| {
        row.risk = Some(risk);
        Some(())
    })
}

/// Keeps the version of a job that a commit made.
pub(super) fn keep_version(store: &mut impl Write, at: At, job: JobId) -> Result<(), ApplyError> {
    if let Some(row) = store.shared::<JobRow>(job.as_bytes())? {
        let version = history::version_of(&row);
        store.put_last(&history::job_key(job, at.recorded_at, at.position.seq), version)?;
    }
    Ok(())
}

/// The job that an event changes.
pub(super) fn changed(event: &Event) -> Option<JobId> {
    match event {
        Event::JobCreated(event) => Some(event.job),
        Event::NeedDiscovered(event) => Some(event.job),
        Event::NeedNotApplicable(event) => Some(event.job),
        Event::NeedWithdrawn(event) => Some(event.job),
        Event::FactsReused(event) => Some(event.job),
        Event::TaskWanted(event) => Some(event.job),
        Event::NeedAnswered(event) => Some(event.job),
        Event::NeedFailed(event) => Some(event.job),
        Event::JobStatusChanged(event) => Some(event.job),
        Event::RiskRecomputed(event) => Some(event.job),
        Event::SnapshotSealed(event) => Some(event.body.job),
        Event::RecheckPlanned(event) => Some(event.job),
        _ => None,
    }
}

pub(super) fn sealed(store: &mut impl Write, at: At, event: &SnapshotSealed) -> Result<(), ApplyError> {
    let body = &event.body;
    // The union is not stored: its parts are rows of other partitions, which a rebuild may not have folded yet.
    store.put_last(event.snapshot.as_bytes(), SnapshotRow { body: body.clone(), position: at.position })?;
    change(store, at, "SnapshotSealed", body.job, |row| {
        row.snapshots.push(SnapshotRef {
            snapshot: event.snapshot,
            facts_root: body.facts_root,
            receipts_root: body.receipts_root,
            status: body.status,
            missing: body.missing.clone(),
            sealed_at: body.sealed_at,
        });
        Some(())
    })
}

pub(super) fn recheck(store: &mut impl Write, at: At, event: &RecheckPlanned) -> Result<(), ApplyError> {
    change(store, at, "RecheckPlanned", event.job, |row| {
        // A key is good for a day; a watched job is checked for years.
        let old = (row.rechecks.len() + 1).saturating_sub(MOST_RECHECKS);
        row.rechecks.drain(..old);
        row.rechecks.push(event.command);
        Some(())
    })
}
