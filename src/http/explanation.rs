//! `GET /v1/jobs/{id}/explain`: the job in sentences, each with its receipts. `POST /v1/jobs/{id}/review`: a draft held against
//! them.

use super::answer;
use super::auth::User;
use super::body::Body;
use super::error::{Code, Problem, ProblemBody, Result, refused};
use super::jobs::read::AsOf;
use super::query::{At, Query};
use super::state::{AppState, log_access};
use crate::explain::model::Explanation;
use crate::explain::words::Lang;
use crate::explain::{self, Review};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest draft, in Unicode code points.
const MAX_DRAFT: usize = 50_000;

/// Explain a job
///
/// Speaks from receipts only; `why_fast` and `why_updating` always have an answer.
#[utoipa::path(get, path = "/v1/jobs/{id}/explain", tag = "jobs",
    params(("id" = String, Path), ("as_of" = Option<String>, Query, description = "A time, a position or a cut: what was known then"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 200, description = "Sentences and receipts", body = Explanation)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    at: At,
    Query(query): Query<AsOf>,
    Path(id): Path<String>,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let moment = state.as_of(query.as_of.as_deref())?;
    let (job, policy) = match &moment {
        Some(moment) => (state.job_at(&job, moment)?, state.policy_at(moment)?),
        None => (job, state.policy()?),
    };
    let ctx = state.context_at(&policy, lang, moment);
    let shown = explain::job(&ctx, &job)?;
    log_access(&caller, "explain", &id, &shown.opened);
    Ok(answer::json(&at, &explain::explain(&ctx, &job, &shown.view)?))
}

/// A draft about a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The text, in Russian, English or both; 50,000 characters at most.
    pub text: String,
}

/// Review a draft
///
/// Which claims of a text about the job (of time, completeness, absence, numbers, risk) its receipts do not support, and what can
/// be said instead. By rules, in Russian and English; `start` and `end` count Unicode code points.
#[utoipa::path(post, path = "/v1/jobs/{id}/review", tag = "jobs", request_body = Draft, params(("id" = String, Path)),
    responses((status = 200, description = "The claims that do not hold; `ok` when none was found", body = Review),
              (status = 404, description = "`not_found`", body = ProblemBody),
              (status = 413, description = "`too_large`: more than 50,000 characters", body = ProblemBody)))]
pub async fn review(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Path(id): Path<String>,
    Body(draft): Body<Draft>,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    if draft.text.chars().count() > MAX_DRAFT {
        return Err(Problem::said(Code::TooLarge, "draft", &[("most", MAX_DRAFT.into())])
            .at("/text", refused("draft_at", &[]))
            .fix(refused("draft_fix", &[])));
    }
    let reviewed = tokio::task::spawn_blocking(move || -> Result<Review> {
        let policy = state.policy()?;
        // Claims carry the language they are written in.
        let ctx = state.context(&policy, Lang::default(), state.engine().now());
        let shown = explain::job(&ctx, &job)?;
        log_access(&caller, "review", &id, &shown.opened);
        Ok(explain::review(&ctx, &job, &shown.view, &draft.text)?)
    });
    Ok(answer::json(&at, &reviewed.await.map_err(Problem::internal)??))
}
