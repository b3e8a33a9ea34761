//! `GET /v1/jobs/{id}/explain`: the job in sentences, each with its receipts.

use super::answer;
use super::auth::User;
use super::error::Result;
use super::query::At;
use super::state::{AppState, log_access};
use crate::explain;
use crate::explain::model::Explanation;
use crate::explain::words::Lang;
use axum::extract::{Path, State};
use axum::response::Response;

/// Explain a job
///
/// Speaks from receipts only; `why_fast` and `why_updating` always have an answer.
#[utoipa::path(get, path = "/v1/jobs/{id}/explain", tag = "jobs",
    params(("id" = String, Path), ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 200, description = "Sentences and receipts", body = Explanation)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    at: At,
    Path(id): Path<String>,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let policy = state.policy()?;
    let ctx = state.context(&policy, lang, state.engine().now());
    let shown = explain::job(&ctx, &job)?;
    log_access(&caller, "explain", &id, &shown.opened);
    Ok(answer::json(&at, &explain::explain(&ctx, &job, &shown.view)))
}
