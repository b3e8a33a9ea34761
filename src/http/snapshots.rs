//! Sealed snapshots: what a report rested on, fixed.

use super::answer;
use super::auth::{Caller, Role, User};
use super::error::{Problem, Result};
use super::query::{At, Page, Query, cursor, fact_place, limit};
use super::state::{AppState, log_access};
use super::world::{WorldView, of_world};
use crate::explain::model::{ReceiptView, SnapshotRefView};
use crate::explain::words::Lang;
use crate::explain::{self, FactView};
use crate::history::known;
use axum::extract::{Path, State};
use axum::response::Response;
use mirano_replay::rows::{JobRow, ObservationRow, SnapshotRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{Level, Receipt, SnapshotId, Subject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A sealed snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SnapshotView {
    /// Its id: the hash of its content.
    pub snapshot_id: String,
    /// The job.
    pub job_id: String,
    /// The object.
    pub subject: String,
    /// The profile.
    pub profile: String,
    /// Root over the facts.
    pub facts_root: String,
    /// How many facts.
    pub facts: u32,
    /// Root over the receipts.
    pub receipts_root: String,
    /// The log's positions that it rests on.
    pub cut: Vec<String>,
    /// The status at the seal.
    pub status: explain::model::Status,
    /// Needs without an answer.
    pub missing: Vec<String>,
    /// How each need was answered.
    pub receipts: Vec<ReceiptView>,
    /// The score at the seal.
    pub risk_score: u8,
    /// The level at the seal.
    pub risk_level: String,
    /// The ruleset.
    pub ruleset: String,
    /// The policy in force.
    pub policy_version: u64,
    /// The schema that wrote it.
    pub schema_version: u16,
    /// When.
    pub sealed_at: String,
    /// Seconds since then.
    pub age_s: u64,
    /// The commit that holds it.
    pub position: String,
}

/// A snapshot of the caller's tenant, and its row.
pub fn snapshot(state: &AppState, caller: &Caller, id: &str) -> Result<(SnapshotView, SnapshotRow)> {
    let id: SnapshotId = id.parse().map_err(|_| Problem::not_found("snapshot"))?;
    let views = state.engine().views();
    let row: SnapshotRow = views.row(id.as_bytes())?.ok_or_else(|| Problem::not_found("snapshot"))?;
    let job: Option<JobRow> = views.row(row.body.job.as_bytes())?;
    let job = job.filter(|job| job.created.tenant == caller.tenant).ok_or_else(|| Problem::not_found("snapshot"))?;
    let body = &row.body;
    let mut receipts = Vec::new();
    for id in &body.receipts {
        if let Some(receipt) = views.row::<Receipt>(id.as_bytes())? {
            let need = job.needs.iter().find(|need| need.need.need_id == receipt.need_id);
            let subject = need.map(|need| need.need.subject.to_string()).unwrap_or_default();
            receipts.push(explain::receipt_view(&receipt, &subject));
        }
    }
    let now = state.engine().now();
    let view = SnapshotView {
        snapshot_id: id.to_string(),
        job_id: body.job.to_string(),
        subject: body.subject.to_string(),
        profile: body.profile.clone(),
        facts_root: body.facts_root.to_string(),
        facts: body.facts,
        receipts_root: body.receipts_root.to_string(),
        cut: body.cut.iter().map(ToString::to_string).collect(),
        status: explain::status_word(body.status),
        missing: body.missing.iter().map(ToString::to_string).collect(),
        receipts,
        risk_score: body.risk.score,
        risk_level: body.risk.level.clone(),
        ruleset: body.risk.ruleset.clone(),
        policy_version: body.policy_version,
        schema_version: body.schema_version,
        sealed_at: explain::time::rfc3339(body.sealed_at),
        age_s: explain::time::seconds(now.since_ms(body.sealed_at)),
        position: row.position.to_string(),
    };
    Ok((view, row))
}

/// Snapshots of a job
#[utoipa::path(get, path = "/v1/jobs/{id}/snapshots", tag = "snapshots", params(("id" = String, Path)),
    responses((status = 200, description = "Oldest first", body = Page<SnapshotRefView>)))]
pub async fn of_job(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Path(id): Path<String>,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let items: Vec<SnapshotRefView> = job.snapshots.iter().map(explain::snapshot_ref).collect();
    Ok(answer::json(&at, &Page { items, next_cursor: None }))
}

/// Read a snapshot
///
/// Of a job; or of the whole base, for auditors: then what `POST /v1/world/seal` gave.
#[utoipa::path(get, path = "/v1/snapshots/{id}", tag = "snapshots", params(("id" = String, Path)),
    responses((status = 200, description = "The snapshot", body = SnapshotView),
              (status = 404, description = "`not_found`", body = super::error::ProblemBody)))]
pub async fn get(State(state): State<AppState>, caller: Caller, at: At, Path(id): Path<String>) -> Result<Response> {
    if let Some(world) = of_world(&state, &caller, &id)? {
        return Ok(answer::json(&at, &WorldView::of(&id, &world)));
    }
    caller.need(Role::User)?;
    let (view, _) = snapshot(&state, &caller, &id)?;
    Ok(answer::json(&at, &view))
}

/// Which page of facts.
#[derive(Debug, Clone, Deserialize)]
pub struct FactsQuery {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Facts of a snapshot
///
/// The union of the observations that its receipts name, in the order of their ids.
#[utoipa::path(get, path = "/v1/snapshots/{id}/facts", tag = "snapshots",
    params(("id" = String, Path), ("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, description = "A page", body = Page<FactView>)))]
pub async fn facts_of(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<FactsQuery>,
    Path(id): Path<String>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let (_, row) = snapshot(&state, &caller, &id)?;
    let list = format!("facts of {id}");
    let after = query.cursor.as_deref().map(|cursor| fact_place(&list, cursor)).transpose()?;
    let page = tokio::task::spawn_blocking(move || -> Result<Page<FactView>> {
        let views = state.engine().views();
        let policy = state.policy()?;
        let ctx = state.context(&policy, Lang::default(), state.engine().now());
        let mut answers = Vec::new();
        for id in &row.body.receipts {
            if let Some(receipt) = views.row::<Receipt>(id.as_bytes())? {
                answers.extend(views.row::<ObservationRow>(receipt.observation.as_bytes())?);
            }
        }
        let page = known::facts_page(&ctx, &answers, after, limit, |_| true)?;
        let shown = page.shown_by.iter().filter_map(|at| answers.get(*at)).map(|answer| &answer.recorded.subject);
        let persons: Vec<Subject> = shown.filter(|subject| subject.level() == Level::Person).cloned().collect();
        log_access(&caller, "snapshot_facts", &row.body.job.to_string(), &persons);
        let (items, next_cursor) = (page.items, page.next.map(|last| cursor(&list, &last.0)));
        Ok(Page { items, next_cursor })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &page))
}
