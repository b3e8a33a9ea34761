//! SearchTasks of a job, under the job's own names for them.

use super::answer;
use super::auth::User;
use super::error::{Code, Problem, Result};
use super::jobs::list::ListQuery;
use super::query::{At, Page, Query, cursor, limit, place};
use super::state::{AppState, log_access};
use crate::explain::words::Lang;
use crate::explain::{self, TaskView};
use axum::extract::{Path, State};
use axum::response::Response;
use mirano_replay::rows::{AliasRow, JobRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{Level, Subject, TaskAlias};

/// Tasks of a job
///
/// All that its needs ever waited for: need by need, the latest of each first.
#[utoipa::path(get, path = "/v1/jobs/{id}/tasks", tag = "jobs",
    params(("id" = String, Path), ("cursor" = Option<String>, Query),
           ("limit" = Option<usize>, Query, description = "50; 500 at most")),
    responses((status = 200, description = "A page", body = Page<TaskView>),
              (status = 400, description = "`bad_cursor`", body = super::error::ProblemBody)))]
pub async fn of_job(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<ListQuery>,
    Path(id): Path<String>,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let (limit, list) = (limit(query.limit)?, format!("tasks of {}", job.created.job));
    let after = query.cursor.as_deref().map(|cursor| place(&list, cursor)).transpose()?;
    let after = after.map(|place| place.try_into().map(TaskAlias)).transpose();
    let after = after.map_err(|_| Problem::new(Code::BadCursor, "the cursor was not made by this list"))?;
    let policy = state.policy()?;
    let ctx = state.context(&policy, Lang::default(), state.engine().now());
    let (items, more) = explain::tasks_of(&ctx, &job, after, limit)?;
    log_access(&caller, "tasks", &id, &persons(&job));
    let last = items.last().filter(|_| more).and_then(|last| last.task_id.parse::<TaskAlias>().ok());
    let next_cursor = last.map(|last| cursor(&list, last.as_bytes()));
    Ok(answer::json(&at, &Page { items, next_cursor }))
}

/// Read a task
#[utoipa::path(get, path = "/v1/tasks/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, description = "The task with its attempts", body = TaskView),
              (status = 404, description = "`not_found`", body = super::error::ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Path(id): Path<String>,
) -> Result<Response> {
    let missing = || Problem::not_found("task");
    let alias: TaskAlias = id.parse().map_err(|_| missing())?;
    let alias: AliasRow = state.engine().views().row(alias.as_bytes())?.ok_or_else(missing)?;
    let job = state.job(&caller, &alias.job.to_string()).map_err(|_| missing())?;
    let policy = state.policy()?;
    let ctx = state.context(&policy, Lang::default(), state.engine().now());
    let task = explain::task(&ctx, &job, &alias)?.ok_or_else(missing)?;
    log_access(&caller, "task", &id, &persons(&job));
    Ok(answer::json(&at, &task))
}

/// Persons whose parameters the tasks of a job show.
fn persons(job: &JobRow) -> Vec<Subject> {
    let needs = job.needs.iter().map(|need| &need.need);
    needs.filter(|need| need.level == Level::Person).map(|need| need.subject.clone()).collect()
}
