//! What the log knew at a moment: read from versions of rows that the fold leaves behind, never from a replay.
//!
//! A job's version is small: it names receipts instead of holding them, and leaves out what never changes. Each is written
//! once, with the commit that made it. What is read at a moment is found by one search from behind, so the cost depends
//! neither on the age of the moment nor on the length of the log.

use crate::rows::*;
use crate::store::{Key, Read, ReadExt, Row, StoreError, Table, decode_row};
use mirano_schemas::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Up to where the log is looked at, this place included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The time. What the log took later is not known yet.
    pub at: Timestamp,
    /// For these partitions the exact last seq, and when the log took it.
    pub places: BTreeMap<u32, (Timestamp, u64)>,
}

impl Moment {
    /// All that the log had taken by a time.
    pub fn time(at: Timestamp) -> Self {
        Self { at, places: BTreeMap::new() }
    }

    /// A cut: positions, each with the time when the log took it. A partition that is not named is looked at by the time of
    /// the latest.
    pub fn cut(places: impl IntoIterator<Item = (Position, Timestamp)>) -> Self {
        let places: BTreeMap<u32, (Timestamp, u64)> =
            places.into_iter().map(|(position, at)| (position.partition, (at, position.seq))).collect();
        Self { at: places.values().map(|(at, _)| *at).max().unwrap_or_default(), places }
    }

    /// The last place of a partition that is looked at; times of a partition never go back.
    pub fn bound(&self, partition: u32) -> (Timestamp, u64) {
        self.places.get(&partition).copied().unwrap_or((self.at, u64::MAX))
    }

    /// Whether a commit was known.
    pub fn knows(&self, position: Position, recorded_at: Timestamp) -> bool {
        (recorded_at, position.seq) <= self.bound(position.partition)
    }
}

/// The whole base as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldRow {
    /// Its content.
    pub body: WorldBody,
    /// The commit that holds it.
    pub position: Position,
}

impl Row for WorldRow {
    const TABLE: Table = Table::World;
}

/// The last snapshot of the whole base.
pub fn last_world(store: &(impl Read + ?Sized)) -> Result<Option<(SnapshotId, WorldRow)>, StoreError> {
    let Some((_, id)) = store.last(Table::WorldSealedAt, &[], &[u8::MAX; 16])? else { return Ok(None) };
    let Some(id) = id.first_chunk().map(|id| SnapshotId(*id)) else { return Ok(None) };
    Ok(store.row(id.as_bytes())?.map(|row| (id, row)))
}

/// A job as it stood after one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionRow {
    needs: Vec<NeedVersion>,
    status: JobStatus,
    is_final: bool,
    completed_at: Option<Timestamp>,
    /// How many snapshots it had; the list only grows.
    snapshots: u32,
    position: Position,
    updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NeedVersion {
    need_id: NeedId,
    receipt: Option<ReceiptId>,
    pending: Option<PendingRow>,
    last_failure: Option<Failure>,
    not_applicable: Option<NotApplicable>,
    withdrawn: bool,
}

impl Row for VersionRow {
    const TABLE: Table = Table::JobVersion;
}

impl Row for RiskRow {
    const TABLE: Table = Table::JobRisk;
}

/// [`Table::JobVersion`] and [`Table::JobRisk`]
pub fn job_key(job: JobId, at: Timestamp, seq: u64) -> Key {
    Key::new().bytes(job.as_bytes()).time(at).u64(seq)
}

/// [`Table::NeedTaskFrom`]
pub(crate) fn need_task_key(job: JobId, need: NeedId, at: Timestamp, seq: u64) -> Key {
    Key::new().bytes(job.as_bytes()).bytes(need.as_bytes()).time(at).u64(seq)
}

/// [`Table::QueryObservation`]
pub(crate) fn observation_key(query: QueryKey, at: Timestamp, seq: u64) -> Key {
    Key::new().bytes(query.as_bytes()).time(at).u64(seq)
}

/// The version to be kept of a job.
pub(crate) fn version_of(row: &JobRow) -> VersionRow {
    let need = |row: &NeedRow| NeedVersion {
        need_id: row.need.need_id,
        receipt: row.receipt.as_ref().map(|receipt| receipt.receipt_id),
        pending: row.pending.clone(),
        last_failure: row.last_failure.clone(),
        not_applicable: row.not_applicable.clone(),
        withdrawn: row.withdrawn,
    };
    VersionRow {
        needs: row.needs.iter().map(need).collect(),
        status: row.status,
        is_final: row.is_final,
        completed_at: row.completed_at,
        snapshots: u32::try_from(row.snapshots.len()).unwrap_or(u32::MAX),
        position: row.position,
        updated_at: row.updated_at,
    }
}

/// A job as the log knew it; none before it was asked for. `now` is its row as it stands.
pub fn job_at(store: &(impl Read + ?Sized), now: &JobRow, moment: &Moment) -> Result<Option<JobRow>, StoreError> {
    if moment.knows(now.position, now.updated_at) {
        return Ok(Some(now.clone()));
    }
    let job = now.created.job;
    let (at, seq) = moment.bound(now.position.partition);
    let bound = job_key(job, at, seq);
    let Some((_, bytes)) = store.last(Table::JobVersion, job.as_bytes(), &bound)? else { return Ok(None) };
    let version: VersionRow = decode_row(Table::JobVersion, &bytes)?;
    let risk = match store.last(Table::JobRisk, job.as_bytes(), &bound)? {
        Some((_, bytes)) => Some(decode_row(Table::JobRisk, &bytes)?),
        None => None,
    };
    let mut needs = Vec::with_capacity(version.needs.len());
    for then in version.needs {
        // A need that waited for its subject gave its place to those discovered; it stands where the job was made.
        let stated = now.needs.iter().map(|row| &row.need).chain(&now.created.needs);
        let need = stated.into_iter().find(|need| need.need_id == then.need_id).ok_or_else(|| StoreError::Row {
            table: Table::JobVersion,
            detail: format!("job {job} has no need {}", then.need_id),
        })?;
        let receipt = match then.receipt {
            Some(id) => store.row::<Receipt>(id.as_bytes())?,
            None => None,
        };
        needs.push(NeedRow {
            need: need.clone(),
            receipt,
            pending: then.pending,
            last_failure: then.last_failure,
            not_applicable: then.not_applicable,
            withdrawn: then.withdrawn,
        });
    }
    Ok(Some(JobRow {
        created: now.created.clone(),
        created_at: now.created_at,
        needs,
        status: version.status,
        is_final: version.is_final,
        completed_at: version.completed_at,
        risk,
        snapshots: now.snapshots.iter().take(version.snapshots as usize).cloned().collect(),
        rechecks: now.rechecks.clone(),
        position: version.position,
        updated_at: version.updated_at,
    }))
}

/// When a job changed, and whether it was final then: latest first, before a place, up to `limit`.
pub fn job_changes(
    store: &(impl Read + ?Sized),
    job: JobId,
    before: Option<(Timestamp, u64)>,
    limit: usize,
) -> Result<Vec<Changed>, StoreError> {
    let (mut at, mut seq) = before.unwrap_or((Timestamp(i64::MAX), u64::MAX));
    let mut out = Vec::new();
    while out.len() < limit {
        // The place before this one.
        (at, seq) = match seq.checked_sub(1) {
            Some(seq) => (at, seq),
            None => (Timestamp(at.0 - 1), u64::MAX),
        };
        let Some((_, bytes)) = store.last(Table::JobVersion, job.as_bytes(), &job_key(job, at, seq))? else { break };
        let version: VersionRow = decode_row(Table::JobVersion, &bytes)?;
        (at, seq) = (version.updated_at, version.position.seq);
        out.push(Changed {
            position: version.position,
            at,
            status: version.status,
            is_final: version.is_final,
            answered: version.needs.iter().filter(|need| need.receipt.is_some()).count(),
            needs: version.needs.iter().filter(|need| need.not_applicable.is_none() && !need.withdrawn).count(),
            snapshots: version.snapshots,
        });
    }
    Ok(out)
}

/// A change of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The commit.
    pub position: Position,
    /// When the log took it.
    pub at: Timestamp,
    /// The status after it.
    pub status: JobStatus,
    /// Whether nothing was pending after it.
    pub is_final: bool,
    /// Needs that had an answer.
    pub answered: usize,
    /// Needs that applied.
    pub needs: usize,
    /// Snapshots it had.
    pub snapshots: u32,
}

/// The last observation of a query that was known.
pub fn observation_at(
    store: &(impl Read + ?Sized),
    query: QueryKey,
    moment: Option<&Moment>,
) -> Result<Option<ObservationRow>, StoreError> {
    let Some(last) = store.row::<QueryRow>(query.as_bytes())?.and_then(|row| row.last) else { return Ok(None) };
    let newest: Option<ObservationRow> = store.row(last.observation.as_bytes())?;
    let Some(moment) = moment else { return Ok(newest) };
    if let Some(newest) = newest.filter(|newest| moment.knows(newest.at, newest.recorded_at)) {
        return Ok(Some(newest));
    }
    let (at, seq) = moment.bound(last.at.partition);
    let found = store.last(Table::QueryObservation, query.as_bytes(), &observation_key(query, at, seq))?;
    match found {
        Some((_, id)) => store.row(&id),
        None => Ok(None),
    }
}

/// All facts that any query showed at a moment, in no order and some perhaps twice, and how many queries had been answered.
/// Reads all of it: the facts of a million queries are held at once.
pub fn facts_at(store: &(impl Read + ?Sized), moment: &Moment) -> Result<(Vec<[u8; 32]>, u64), StoreError> {
    let mut keys = Vec::new();
    store.scan(Table::Query, &[], &[], &mut |key, _| {
        keys.extend(key.first_chunk::<16>().map(|id| QueryKey(*id)));
        true
    })?;
    let (mut ids, mut queries) = (Vec::new(), 0u64);
    for query in keys {
        if let Some(found) = observation_at(store, query, Some(moment))? {
            queries += 1;
            ids.extend(crate::facts::set(store, found.recorded.facts_root)?.into_iter().map(|id| id.0));
        }
    }
    Ok((ids, queries))
}

/// The task that a need waited for, or had waited for last.
pub fn need_task_at(
    store: &(impl Read + ?Sized),
    job: JobId,
    need: NeedId,
    moment: &Moment,
) -> Result<Option<NeedTaskRow>, StoreError> {
    // Tasks are written by their source's partition, which the job does not know: by time.
    let bound = need_task_key(job, need, moment.at, u64::MAX);
    let prefix = Key::new().bytes(job.as_bytes()).bytes(need.as_bytes());
    match store.last(Table::NeedTaskFrom, &prefix, &bound)? {
        Some((_, bytes)) => Ok(Some(decode_row(Table::NeedTaskFrom, &bytes)?)),
        None => Ok(None),
    }
}

/// A task as it stood; none before it was scheduled.
pub fn task_at(mut task: TaskRow, moment: &Moment) -> Option<TaskRow> {
    let bound = moment.bound(task.partition);
    let known = task.moves.partition_point(|one| (one.at, one.seq) <= bound);
    task.moves.truncate(known);
    task.state = task.moves.last()?.state.clone();
    let started = task.moves.iter().filter(|one| matches!(one.state, TaskState::Running { .. })).count();
    task.attempts.truncate(started);
    if let (TaskState::Running { .. }, Some(last)) = (&task.state, task.attempts.last_mut()) {
        // What came of it was not known.
        *last = AttemptRow {
            ended_at: None,
            outcome: None,
            cause: None,
            http_status: None,
            evidence: Vec::new(),
            ..last.clone()
        };
    }
    Some(task)
}

/// The policy that was in force.
pub fn policy_at(store: &(impl Read + ?Sized), moment: &Moment) -> Result<Option<PolicyRow>, StoreError> {
    let mut found = None;
    let mut failed = None;
    store.scan(Table::Policy, &[], &[], &mut |_, bytes| {
        match decode_row::<PolicyRow>(Table::Policy, bytes) {
            Ok(row) if row.at <= moment.at => found = Some(row),
            Ok(_) => return false,
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(found), Err)
}

/// Queries that ever showed a fact about a subject, or asked about it.
pub fn queries_about(store: &(impl Read + ?Sized), subject: &Subject) -> Result<BTreeSet<QueryKey>, StoreError> {
    let places = store.keys(Table::SubjectQuery, &key::subject_query(subject, None), &[], usize::MAX)?;
    Ok(places.iter().filter_map(|place| key::tail(place).map(QueryKey)).collect())
}
