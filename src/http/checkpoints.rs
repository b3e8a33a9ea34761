//! `/v1/checkpoints`: what was kept of the log, for nodes that begin later.

use super::answer;
use super::auth::{Caller, Role};
use super::error::{Code, Problem, Result};
use super::query::{At, Page};
use super::state::AppState;
use crate::checkpoint::CheckpointError;
use crate::explain::time::rfc3339;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use mirano_replay::checkpoint::{self, CheckpointRow};
use mirano_schemas::CheckpointTaken;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A checkpoint that the log names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckpointView {
    /// The commit that names it.
    pub position: String,
    /// When it was named.
    pub taken_at: String,
    /// The node that took it.
    pub node: String,
    /// For each partition, in order, so many commits are in it, and the hash of the last: `7:abc…`.
    pub heads: Vec<String>,
    /// How many rows of the views.
    pub rows: u64,
    /// Their digest, as `mirano rebuild --digest-only` gives it.
    pub rows_digest: String,
    /// Its list of contents in the store of checkpoints.
    pub place: String,
}

/// A checkpoint that was just taken.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TakenView {
    /// The checkpoint.
    #[serde(flatten)]
    pub checkpoint: CheckpointView,
    /// Bytes of commits and rows in it, before they were packed.
    pub bytes: u64,
    /// Those of them that were not in the store yet.
    pub new_bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

impl CheckpointView {
    fn of(taken: &CheckpointTaken, position: String, taken_at: String) -> Self {
        Self {
            position,
            taken_at,
            node: taken.node.clone(),
            heads: taken.heads.iter().map(|head| format!("{}:{}", head.next_seq, head.hash)).collect(),
            rows: taken.rows,
            rows_digest: HEXLOWER.encode(&taken.rows_digest),
            place: taken.place.clone(),
        }
    }
}

/// List checkpoints
///
/// Those that the log names, the newest first; older ones may have been removed from the store. Needs the role `auditor`.
#[utoipa::path(get, path = "/v1/checkpoints", tag = "log",
    responses((status = 200, description = "The newest first", body = Page<CheckpointView>),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody)))]
pub async fn list(State(state): State<AppState>, caller: Caller, at: At) -> Result<Response> {
    caller.need(Role::Auditor)?;
    let rows = checkpoint::all(&**state.engine().views())?;
    let view = |row: CheckpointRow| CheckpointView::of(&row.taken, row.at.to_string(), rfc3339(row.recorded_at));
    let items: Vec<CheckpointView> = rows.into_iter().rev().map(view).collect();
    Ok(answer::json(&at, &Page { items, next_cursor: None }))
}

/// Take a checkpoint
///
/// Keeps the log and the views in the store of checkpoints, and names them in the log. A node with an empty data folder begins
/// with the newest one. Takes as long as reading all rows and what is new of the log. Needs the role `operator`.
#[utoipa::path(post, path = "/v1/checkpoints", tag = "log",
    responses((status = 200, description = "It is named in the log", body = TakenView),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody),
              (status = 404, description = "`not_found`: the server keeps none", body = super::error::ProblemBody),
              (status = 429, description = "`too_many`: one is being taken", body = super::error::ProblemBody),
              (status = 503, description = "`not_ready`: the store does not answer", body = super::error::ProblemBody)))]
pub async fn take(State(state): State<AppState>, caller: Caller) -> Result<Response> {
    caller.need(Role::Operator)?;
    let taker = state.checkpoints().cloned().ok_or_else(|| {
        Problem::not_found("store of checkpoints").fix("Start the server with `--checkpoints PLACE`.")
    })?;
    let now = Arc::clone(&taker);
    // A caller that goes away leaves nothing half done.
    let taken = tokio::spawn(async move { now.take().await }).await.map_err(Problem::internal)??;
    let position = taken.position.to_string();
    let checkpoint = CheckpointView::of(&taken.taken, position.clone(), rfc3339(taker.engine().now()));
    let seconds = taken.took.as_secs_f64();
    let view = TakenView { checkpoint, bytes: taken.bytes, new_bytes: taken.new_bytes, seconds };
    Ok(answer::positioned(&position, Json(view).into_response()))
}

impl From<CheckpointError> for Problem {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::UnderWay => Self::new(Code::TooMany, error.to_string()),
            CheckpointError::Engine(error) => error.into(),
            error if error.retryable() => {
                Self::new(Code::NotReady, "the store of checkpoints does not answer, or the node has just begun")
                    .private(error)
            }
            error => Self::internal(error),
        }
    }
}
