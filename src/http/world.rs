//! `POST /v1/world/seal`: the whole base, fixed at a cut.

use super::auth::{Caller, Role};
use super::error::{Problem, Result};
use super::state::AppState;
use crate::explain::time::rfc3339;
use crate::history::schedule::{self, SealError};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use mirano_replay::history::WorldRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::SnapshotId;
use serde::Serialize;
use utoipa::ToSchema;

/// A snapshot of the whole base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorldView {
    /// Its id: the hash of its content. `GET /v1/diff` takes it.
    pub snapshot_id: String,
    /// For each partition the last position in it.
    pub cut: Vec<String>,
    /// Root over the facts.
    pub facts_root: String,
    /// How many facts.
    pub facts: u64,
    /// How many queries had been answered.
    pub queries: u64,
    /// The policy in force.
    pub policy_version: u64,
    /// The schema that wrote it.
    pub schema_version: u16,
    /// When.
    pub sealed_at: String,
    /// The commit that holds it.
    pub position: String,
}

/// Seal the whole base
///
/// Fixes all facts that any query shows, at a cut of the log that is closed under causes. An unchanged base gives the snapshot
/// that it has. Needs the role `auditor`; reads everything, so that it takes seconds for a million facts.
#[utoipa::path(post, path = "/v1/world/seal", tag = "snapshots",
    responses((status = 200, description = "The snapshot", body = WorldView),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody)))]
pub async fn seal(State(state): State<AppState>, caller: Caller) -> Result<Response> {
    caller.need(Role::Auditor)?;
    let engine = state.engine();
    let (id, at) = schedule::seal(engine).await?;
    let row: Option<WorldRow> = engine.views().row(id.as_bytes())?;
    let row = row.ok_or_else(|| Problem::not_found("snapshot"))?;
    let view = WorldView::of(&id.to_string(), &row);
    Ok(super::answer::positioned(&at.to_string(), Json(view).into_response()))
}

/// The snapshot of the whole base with this id, for auditors; none if it is of a job, or of none.
pub fn of_world(state: &AppState, caller: &Caller, id: &str) -> Result<Option<WorldRow>> {
    let Ok(id) = id.parse::<SnapshotId>() else { return Ok(None) };
    let row: Option<WorldRow> = state.engine().views().row(id.as_bytes())?;
    if row.is_some() {
        caller.need(Role::Auditor)?;
    }
    Ok(row)
}

impl WorldView {
    /// Of a sealed one.
    pub fn of(id: &str, WorldRow { body, position }: &WorldRow) -> Self {
        Self {
            snapshot_id: id.to_owned(),
            cut: body.cut.iter().map(ToString::to_string).collect(),
            facts_root: body.facts_root.to_string(),
            facts: body.facts,
            queries: body.queries,
            policy_version: body.policy_version,
            schema_version: body.schema_version,
            sealed_at: rfc3339(body.sealed_at),
            position: position.to_string(),
        }
    }
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        match error {
            SealError::History(error) => error.into(),
            SealError::Engine(error) => error.into(),
            SealError::Reader(_) => Self::internal(error),
        }
    }
}
