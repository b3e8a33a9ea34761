//! `GET /v1/jobs/{id}`: one job, now or as it was.

use crate::core::policy::Policy;
use crate::explain::model::{FreshnessWord, JobView, RowState, RowView, Status};
use crate::explain::words::Lang;
use crate::explain::{self, Context};
use crate::http::answer;
use crate::http::auth::{Caller, User};
use crate::http::error::Result;
use crate::http::query::{At, Query};
use crate::http::state::{AppState, log_access};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mirano_replay::history::Moment;
use mirano_replay::rows::JobRow;
use mirano_schemas::Timestamp;
use serde::{Deserialize, Serialize};

/// A job as it is answered, and what its entity tag covers.
pub struct JobAnswer {
    /// The job.
    pub view: JobView,
    /// Position, language and states.
    pub covers: Covers,
}

/// What makes an answer another one: not the ages in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covers {
    position: String,
    lang: &'static str,
    status: Status,
    rows: Vec<(RowState, FreshnessWord, u32, bool, Option<String>)>,
    risk: Option<(String, String)>,
    policy: u64,
    as_of: Option<String>,
}

impl Covers {
    /// Of a job as it is shown; `as_of` as the caller wrote it.
    pub fn of(view: &JobView, lang: Lang, policy: u64, as_of: Option<String>) -> Self {
        let reason = |row: &RowView| row.blocked_on.as_ref().map(|blocked| blocked.reason.clone());
        let row = |row: &RowView| (row.state, row.freshness, row.attempts, row.joined, reason(row));
        Self {
            position: view.position.clone(),
            lang: lang.code(),
            status: view.status,
            rows: view.sources.iter().map(row).collect(),
            risk: view.risk.as_ref().map(|risk| (risk.score_is.clone(), risk.level.clone())),
            policy,
            as_of,
        }
    }
}

/// The job at `now`, for its own tenant.
pub fn answer(state: &AppState, caller: &Caller, job: &JobRow, lang: Lang, now: Timestamp) -> Result<JobAnswer> {
    let policy = state.policy()?;
    answer_in(caller, job, &policy, &state.context(&policy, lang, now))
}

/// The job as it was known at a moment: its needs, their tasks and answers, the policy, the ages.
pub fn answer_at(state: &AppState, caller: &Caller, job: &JobRow, lang: Lang, moment: Moment) -> Result<JobAnswer> {
    let policy = state.policy_at(&moment)?;
    let then = state.job_at(job, &moment)?;
    answer_in(caller, &then, &policy, &state.context_at(&policy, lang, Some(moment)))
}

fn answer_in(caller: &Caller, job: &JobRow, policy: &Policy, ctx: &Context<'_>) -> Result<JobAnswer> {
    let shown = explain::job(ctx, job)?;
    let view = shown.view;
    log_access(caller, "job", &view.job_id, &shown.opened);
    let covers = Covers::of(&view, ctx.lang, policy.version, None);
    Ok(JobAnswer { view, covers })
}

/// When a job is to be read.
#[derive(Debug, Clone, Deserialize)]
pub struct AsOf {
    /// A time, a position or a cut.
    pub as_of: Option<String>,
}

/// Read a job
///
/// Status and ages are computed at the time of the read, or as of the moment that is asked for: what was then unknown, stale
/// or being updated is told so.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path), ("as_of" = Option<String>, Query, description = "A time, a position or a cut: what was known then"),
           ("min_position" = Option<String>, Query, description = "Waits up to 5 s until the views show it"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 200, description = "The job", body = JobView), (status = 304, description = "The caller has it already"),
              (status = 400, description = "`bad_time`: no moment of this log", body = crate::http::error::ProblemBody),
              (status = 404, description = "`not_found`: no such job, or none yet then", body = crate::http::error::ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    at: At,
    Query(query): Query<AsOf>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let JobAnswer { view, mut covers } = match &query.as_of {
        Some(text) => answer_at(&state, &caller, &job, lang, state.moment("as_of", text)?)?,
        None => self::answer(&state, &caller, &job, lang, state.engine().now())?,
    };
    covers.as_of = query.as_of;
    Ok(answer::tagged(&at, &headers, &covers, &view))
}
