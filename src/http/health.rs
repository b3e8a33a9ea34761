//! Whether the process lives, whether it can serve, and its measurements.

use super::error::{Code, Problem, Result};
use super::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use mirano_replay::apply::in_force;
use serde::Serialize;
use utoipa::ToSchema;

/// The process lives.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
    /// The program's version.
    pub version: String,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "It does", body = Health)))]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Whether the node can take jobs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Ready {
    /// Always `ready`; anything else is a problem document.
    pub status: String,
    /// The policy in force.
    pub policy_version: u64,
    /// What the views show.
    pub position: String,
}

/// Whether the node can take jobs
///
/// The views have caught up with the log, and a policy is in force in every partition.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "It can", body = Ready),
              (status = 503, description = "`not_ready`", body = super::error::ProblemBody)))]
pub async fn readyz(State(state): State<AppState>) -> Result<Json<Ready>> {
    let engine = state.engine();
    if let Some((partition, reason)) = engine.stopped() {
        return Err(Problem::new(Code::NotReady, format!("partition {partition} has stopped: {reason}"))
            .fix("Restart the node; if it stops again, see its log."));
    }
    let mut version = None;
    for partition in 0..engine.partitions() {
        let here = in_force(&**engine.views(), partition)?;
        version = Some(here.ok_or_else(|| {
            Problem::new(Code::NotReady, format!("no policy is in force in partition {partition} yet"))
        })?);
        if let Some(shown) = engine.cut().iter().find(|shown| shown.partition == partition)
            && engine.log().head(partition).next_seq > shown.seq + 1 + MOST_BEHIND
        {
            return Err(Problem::new(Code::NotReady, format!("the views of partition {partition} are behind the log")));
        }
    }
    let policy_version = version.unwrap_or(0);
    Ok(Json(Ready { status: "ready".to_owned(), policy_version, position: super::query::cut(engine) }))
}

/// Commits that may be on their way into the views.
const MOST_BEHIND: u64 = 10_000;

/// Measurements
///
/// In the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Measurements", body = String, content_type = "text/plain")))]
pub async fn metrics(State(state): State<AppState>) -> Result<Response> {
    let Some(handle) = state.metrics() else {
        return Err(Problem::not_found("recorder of measurements"));
    };
    super::sources::measure(&state)?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, handle.render()).into_response())
}
