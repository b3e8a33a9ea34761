//! SearchTasks under the names that one job has for them.
//!
//! Another tenant's task shows only what happened since this job asked: nothing of when or how it began (I9).

use super::Context;
use super::model::OutcomeWord;
use super::row::{level_word, outcome_word};
use super::time::rfc3339;
use crate::core::persons;
use mirano_replay::rows::{AliasRow, AttemptRow, JobRow, NeedTaskRow, TaskRow, TaskState, key, task_alias};
use mirano_replay::store::{ReadExt, StoreError, Table, decode_row};
use mirano_schemas::{NeedId, TaskAlias, Timestamp, source_of};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// A SearchTask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    /// The job's own name for it.
    pub task_id: String,
    /// The need that waits for it.
    pub need_id: String,
    /// Names the query: source and canonical parameters.
    pub key: String,
    /// The source.
    pub source: String,
    /// `property`, `developer`, `person` or `source`.
    pub level: String,
    /// The query's parameters; `null` when they were erased with their person.
    pub params: Option<BTreeMap<String, String>>,
    /// `queued`, `running`, `retrying`, `done` or `failed`.
    pub status: String,
    /// What it brought.
    pub observation_id: Option<String>,
    /// Its attempts.
    pub attempts: Vec<AttemptView>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// Counted from 1.
    pub n: u32,
    /// When it was leased.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Who worked.
    pub worker: String,
    /// Pool and name of the proxy; never its address.
    pub proxy: Option<String>,
    /// What came of it.
    pub outcome: Option<OutcomeWord>,
    /// Why.
    pub cause: Option<String>,
    /// The HTTP status.
    pub http_status: Option<u16>,
}

/// The tasks of a job, need by need, the latest of each need first; after one of them, up to `limit`, and whether there are more.
pub fn tasks_of(
    ctx: &Context<'_>,
    job: &JobRow,
    after: Option<TaskAlias>,
    limit: usize,
) -> Result<(Vec<TaskView>, bool), StoreError> {
    let mut named: Vec<(NeedId, NeedTaskRow)> = Vec::new();
    for need in &job.needs {
        let (need_id, mut seen) = (need.need.need_id, BTreeSet::new());
        let of_need = of_need(ctx, job, need_id)?.into_iter().rev();
        // A need may have come back to a task that it had joined before.
        named.extend(of_need.filter(|row| seen.insert(row.task)).map(|row| (need_id, row)));
    }
    let skip = after
        .map_or(0, |after| named.iter().position(|(_, row)| row.alias == after).map_or(named.len(), |place| place + 1));
    let mut out = Vec::new();
    for (need_id, row) in named.iter().skip(skip).take(limit) {
        out.extend(ctx.rows.row::<TaskRow>(row.task.as_bytes())?.map(|row| view(ctx, job, *need_id, &row)));
    }
    Ok((out, named.len() > skip.saturating_add(limit)))
}

/// The tasks that a need ever waited for, oldest first.
fn of_need(ctx: &Context<'_>, job: &JobRow, need: NeedId) -> Result<Vec<NeedTaskRow>, StoreError> {
    let prefix = key::need_task(job.created.job, need);
    let (mut rows, mut failed) = (Vec::new(), None);
    ctx.rows.scan(Table::NeedTaskFrom, &prefix, &prefix, &mut |_, bytes| {
        match decode_row::<NeedTaskRow>(Table::NeedTaskFrom, bytes) {
            Ok(row) => rows.push(row),
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(rows), Err)
}

/// The task that an alias of this job names.
pub fn task(ctx: &Context<'_>, job: &JobRow, alias: &AliasRow) -> Result<Option<TaskView>, StoreError> {
    let row: Option<TaskRow> = ctx.rows.row(alias.task.as_bytes())?;
    Ok(row.map(|row| view(ctx, job, alias.need_id, &row)))
}

fn view(ctx: &Context<'_>, job: &JobRow, need: NeedId, row: &TaskRow) -> TaskView {
    let scheduled = &row.scheduled;
    let since = since(job, row);
    let status = match row.state {
        TaskState::Queued => "queued",
        TaskState::Running { .. } => "running",
        TaskState::Retrying { .. } => "retrying",
        TaskState::Done { .. } => "done",
        TaskState::Failed { .. } => "failed",
    };
    TaskView {
        task_id: task_alias(job.created.job, need, scheduled.task).to_string(),
        need_id: need.to_string(),
        key: scheduled.query.to_string(),
        source: source_of(&scheduled.source).to_owned(),
        level: level_word(scheduled.subject.level()).to_owned(),
        params: persons::open(ctx.vault, &scheduled.params),
        status: status.to_owned(),
        observation_id: match row.state {
            TaskState::Done { observation } => Some(observation.to_string()),
            _ => None,
        },
        attempts: (1..).zip(seen(job, row)).map(|(n, attempt)| attempt_view(n, attempt, since)).collect(),
    }
}

/// From when on this job may know of the task.
fn since(job: &JobRow, row: &TaskRow) -> Timestamp {
    let foreign = row.scheduled.requester.tenant != job.created.tenant;
    if foreign { job.created_at } else { Timestamp(i64::MIN) }
}

fn seen<'a>(job: &JobRow, row: &'a TaskRow) -> impl Iterator<Item = &'a AttemptRow> {
    let since = since(job, row);
    row.attempts.iter().filter(move |attempt| attempt.ended_at.is_none_or(|ended| ended >= since))
}

/// How many attempts of the task this job may know of.
pub(super) fn attempts_seen(job: &JobRow, row: &TaskRow) -> u32 {
    u32::try_from(seen(job, row).count()).unwrap_or(u32::MAX)
}

fn attempt_view(n: u32, attempt: &AttemptRow, since: Timestamp) -> AttemptView {
    AttemptView {
        n,
        started_at: rfc3339(attempt.started_at.max(since)),
        ended_at: attempt.ended_at.map(rfc3339),
        worker: attempt.worker.clone(),
        proxy: attempt.proxy.clone(),
        outcome: attempt.outcome.map(outcome_word),
        cause: attempt.cause.clone(),
        http_status: attempt.http_status,
    }
}
