//! `/v1/dead-letters`: tasks that were given up, for operators: tried again, or dropped.

use super::answer;
use super::auth::{Caller, Role};
use super::error::{Problem, ProblemBody, Result};
use super::query::{At, Page, Query, cursor, limit, place};
use super::state::AppState;
use crate::core::command::Command;
use crate::explain::time::rfc3339;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mirano_replay::apply::be_u64;
use mirano_replay::facts;
use mirano_replay::rows::{JobRow, NeedRow, NeedTaskRow, QueryRow, TaskRow, TaskState, key};
use mirano_replay::store::{ReadExt, StoreError, Table};
use mirano_schemas::{JobId, QueryKey, TaskId, Timestamp, source_of};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const LIST: &str = "dead letters";
/// Jobs that are named of a letter.
const MOST_WAITING: usize = 20;

/// A task that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// The task.
    pub task_id: String,
    /// Its source.
    pub source: String,
    /// About whom.
    pub subject: String,
    /// What went wrong last.
    pub outcome: String,
    /// Why.
    pub cause: String,
    /// How many attempts were made.
    pub attempts: usize,
    /// When it was given up.
    pub failed_at: String,
    /// What was received at the last attempt.
    pub evidence: Vec<String>,
    /// How many askers went without an answer.
    pub requesters: u32,
    /// The jobs that wait for it still; 20 at most.
    pub waiting: Vec<DeadWaiter>,
}

/// A need of a job that has no answer because of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadWaiter {
    /// The job.
    pub job_id: String,
    /// Its need.
    pub need_id: String,
    /// What the job calls the task; `null` where it never had one.
    pub task_id: Option<String>,
}

/// Which ones.
#[derive(Debug, Clone, Deserialize)]
pub struct DeadQuery {
    source: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// List dead letters
///
/// Oldest first, by source. One whose question was answered since is none. Needs the role `operator`.
#[utoipa::path(get, path = "/v1/dead-letters", tag = "sources",
    params(("source" = Option<String>, Query), ("cursor" = Option<String>, Query),
           ("limit" = Option<usize>, Query, description = "50; 500 at most")),
    responses((status = 200, description = "A page", body = Page<DeadLetter>),
              (status = 403, description = "`role_missing`", body = ProblemBody)))]
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    at: At,
    Query(query): Query<DeadQuery>,
) -> Result<Response> {
    caller.need(Role::Operator)?;
    let limit = limit(query.limit)?;
    let views = state.engine().views();
    // A source's letters lie queue by queue.
    let prefixes: Vec<Vec<u8>> = match query.source.as_deref() {
        Some(source) => {
            facts::queues(&**views, source)?.iter().map(|queue| key::source_prefix(queue).to_vec()).collect()
        }
        None => vec![Vec::new()],
    };
    let mut from = query.cursor.as_deref().map(|cursor| place(LIST, cursor)).transpose()?.unwrap_or_default();
    let mut items = Vec::new();
    let mut next_cursor = None;
    'pages: for prefix in &prefixes {
        loop {
            let keys = views.keys(Table::DeadLetter, prefix, &from, limit)?;
            for place in &keys {
                if items.len() == limit {
                    next_cursor = Some(cursor(LIST, place));
                    break 'pages;
                }
                items.extend(letter(&state, place)?);
            }
            let Some(last) = keys.last().filter(|_| keys.len() == limit) else { break };
            from = [last.as_slice(), &[0]].concat();
        }
    }
    Ok(answer::json(&at, &Page { items, next_cursor }))
}

/// A letter, unless its question was answered since.
fn letter(state: &AppState, place: &[u8]) -> std::result::Result<Option<DeadLetter>, StoreError> {
    let views = state.engine().views();
    let Some(task) = key::tail(place).map(TaskId) else { return Ok(None) };
    let Some(row) = views.row::<TaskRow>(task.as_bytes())? else { return Ok(None) };
    let TaskState::Failed { outcome, cause } = &row.state else { return Ok(None) };
    let at = place.len().checked_sub(24).and_then(|from| place.get(from..from + 8)).map_or(0, be_u64);
    let failed_at = Timestamp(i64::try_from(at).unwrap_or(i64::MAX));
    let known: Option<QueryRow> = views.row(row.scheduled.query.as_bytes())?;
    if known.and_then(|known| known.last).is_some_and(|last| last.observed_at > failed_at) {
        return Ok(None);
    }
    let word = serde_json::to_value(outcome).ok().and_then(|word| word.as_str().map(str::to_owned));
    Ok(Some(DeadLetter {
        task_id: task.to_string(),
        source: source_of(&row.scheduled.source).to_owned(),
        subject: row.scheduled.subject.0.clone(),
        outcome: word.unwrap_or_default(),
        cause: cause.clone(),
        attempts: row.attempts.len(),
        failed_at: rfc3339(failed_at),
        evidence: row
            .attempts
            .last()
            .map(|last| last.evidence.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        requesters: row.requesters,
        waiting: waiting(state, row.scheduled.query)?,
    }))
}

/// Who would ask again.
fn waiting(state: &AppState, query: QueryKey) -> std::result::Result<Vec<DeadWaiter>, StoreError> {
    let views = state.engine().views();
    let mut found = Vec::new();
    for partition in 0..state.engine().partitions() {
        let prefix = key::failed_need(partition, query, None);
        for place in views.keys(Table::FailedNeed, &prefix, &[], MOST_WAITING - found.len().min(MOST_WAITING))? {
            let Some(job) = key::tail(&place).map(JobId) else { continue };
            let Some(row) = views.row::<JobRow>(job.as_bytes())? else { continue };
            let asks = |row: &&NeedRow| {
                let unanswered = row.applicable() && row.pending.is_none() && row.last_failure.is_some();
                unanswered && row.need.query == Some(query)
            };
            for need in row.needs.iter().filter(asks) {
                let need_id = need.need.need_id;
                let named: Option<NeedTaskRow> = views.row(&key::need_task(job, need_id))?;
                found.push(DeadWaiter {
                    job_id: job.to_string(),
                    need_id: need_id.to_string(),
                    task_id: named.map(|named| named.alias.to_string()),
                });
            }
        }
    }
    found.truncate(MOST_WAITING);
    Ok(found)
}

/// Try a dead letter again
///
/// Whoever went without its answer asks anew, as by a re-check. Needs the role `operator`.
#[utoipa::path(post, path = "/v1/dead-letters/{id}/retry", tag = "sources", params(("id" = String, Path)),
    responses((status = 204, description = "It is tried again"),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn retry(State(state): State<AppState>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    see_to(&state, &caller, &id, |source, task| Command::Revive { source, task }).await
}

/// Drop a dead letter
///
/// It is known, and nothing is to be done about it. Needs the role `operator`.
#[utoipa::path(delete, path = "/v1/dead-letters/{id}", tag = "sources", params(("id" = String, Path)),
    responses((status = 204, description = "It is no longer listed"),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn drop(State(state): State<AppState>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    see_to(&state, &caller, &id, |source, task| Command::DropDead { source, task }).await
}

async fn see_to(
    state: &AppState,
    caller: &Caller,
    id: &str,
    how: impl FnOnce(String, TaskId) -> Command,
) -> Result<Response> {
    caller.need(Role::Operator)?;
    let missing = || Problem::not_found("dead letter");
    let task: TaskId = id.parse().map_err(|_| missing())?;
    let row: TaskRow = state.engine().views().row(task.as_bytes())?.ok_or_else(missing)?;
    let decided = state.engine().submit(how(row.scheduled.source, task)).await?;
    Ok(answer::positioned(&decided.position.to_string(), StatusCode::NO_CONTENT.into_response()))
}
