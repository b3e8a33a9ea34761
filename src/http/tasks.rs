//! SearchTasks of a job, under the job's own names for them.

use super::answer;
use super::auth::User;
use super::error::{Problem, Result};
use super::query::{At, Page};
use super::state::{AppState, log_access};
use crate::explain::words::Lang;
use crate::explain::{self, TaskView};
use axum::extract::{Path, State};
use axum::response::Response;
use mirano_replay::rows::{AliasRow, JobRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{Level, Subject, TaskAlias};

/// Tasks of a job
#[utoipa::path(get, path = "/v1/jobs/{id}/tasks", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, description = "The latest task of each need", body = Page<TaskView>)))]
pub async fn of_job(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Path(id): Path<String>,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let policy = state.policy()?;
    let ctx = state.context(&policy, Lang::default(), state.engine().now());
    let items = explain::tasks_of(&ctx, &job)?;
    log_access(&caller, "tasks", &id, &persons(&job));
    Ok(answer::json(&at, &Page { items, next_cursor: None }))
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
