//! `POST /v1/jobs/{id}/recheck` and `/seal`.

use super::read;
use crate::core::command::{Command, Recheck, Reply};
use crate::explain::model::JobView;
use crate::explain::words::Lang;
use crate::http::answer::positioned;
use crate::http::auth::User;
use crate::http::body::Body;
use crate::http::error::{Code, Problem, Result, refused};
use crate::http::query::IdempotencyKey;
use crate::http::snapshots::{SnapshotView, snapshot};
use crate::http::state::AppState;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mirano_schemas::CommandId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to be asked again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecheckBody {
    /// Sources or need ids, at least one; left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<String>>,
    /// Why, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Ask again
///
/// Asks every need named even if it is fresh, joining tasks in flight; the job stays the same job.
#[utoipa::path(post, path = "/v1/jobs/{id}/recheck", tag = "jobs", request_body = RecheckBody,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "The same key and body ask once")),
    responses((status = 202, description = "The job as it stands now", body = JobView),
              (status = 404, description = "`not_found`", body = crate::http::error::ProblemBody),
              (status = 422, description = "`source_unknown` `input_invalid`", body = crate::http::error::ProblemBody)))]
pub async fn recheck(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    key: Option<IdempotencyKey>,
    Path(id): Path<String>,
    Body(body): Body<RecheckBody>,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    if body.sources.as_ref().is_some_and(Vec::is_empty) {
        return Err(Problem::said(Code::InputInvalid, "recheck_nothing", &[])
            .at("/sources", refused("recheck_nothing_at", &[]))
            .fix(refused("recheck_nothing_fix", &[])));
    }
    let request = serde_json::to_vec(&body).map_err(Problem::internal)?;
    let command = command_id(&caller.tenant, &id, key, &request);
    // Ids of one key begin alike and end with a digest of the body: see `command_id`.
    if job.rechecks.iter().any(|known| known.0.first_chunk::<12>() == command.0.first_chunk() && *known != command) {
        return Err(Problem::said(Code::IdempotencyMismatch, "recheck_other", &[]));
    }
    let decided = state
        .engine()
        .submit(Command::Recheck(Recheck {
            command,
            job: job.created.job,
            tenant: Some(caller.tenant.clone()),
            selected: body.sources.unwrap_or_default(),
            reason: body.reason.unwrap_or_else(|| "asked".to_owned()),
        }))
        .await?;
    let job = state.job(&caller, &id)?;
    let view = read::answer(&state, &caller, &job, lang, state.engine().now())?.view;
    Ok(positioned(&decided.position.to_string(), (StatusCode::ACCEPTED, Json(view)).into_response()))
}

/// 12 bytes of tenant, path and key, then 4 of the body: so that the job's row tells a repeat from another request.
fn command_id(tenant: &str, job: &str, key: Option<IdempotencyKey>, request: &[u8]) -> CommandId {
    let fresh: [u8; 16] = rand::random();
    let Some(IdempotencyKey(key)) = key else { return CommandId(fresh) };
    let path = format!("/v1/jobs/{job}/recheck");
    let mut id = CommandId::of(&[tenant.as_bytes(), path.as_bytes(), key.as_bytes()]).0;
    let digest = blake3::hash(request);
    for (byte, of_body) in id.iter_mut().skip(12).zip(digest.as_bytes()) {
        *byte = *of_body;
    }
    CommandId(id)
}

/// Seal a snapshot
///
/// Fixes the facts that the job shows now; an unchanged job gives the snapshot that it has.
#[utoipa::path(post, path = "/v1/jobs/{id}/seal", tag = "snapshots", params(("id" = String, Path)),
    responses((status = 200, description = "The snapshot", body = SnapshotView),
              (status = 404, description = "`not_found`: no such job, or nothing is known yet", body = crate::http::error::ProblemBody)))]
pub async fn seal(State(state): State<AppState>, User(caller): User, Path(id): Path<String>) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let command = Command::Seal { job: job.created.job, tenant: caller.tenant.clone() };
    let decided = state.engine().submit(command).await?;
    let Reply::Sealed(sealed) = decided.reply else { return Err(Problem::internal(format!("{:?}", decided.reply))) };
    let (view, _) = snapshot(&state, &caller, &sealed.to_string())?;
    Ok(positioned(&decided.position.to_string(), Json(view).into_response()))
}
