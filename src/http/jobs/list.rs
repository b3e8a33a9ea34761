//! `GET /v1/jobs`: the tenant's jobs, newest first.

use crate::explain::model::JobSummary;
use crate::explain::summary;
use crate::explain::words::Lang;
use crate::http::answer;
use crate::http::auth::User;
use crate::http::error::{Problem, Result};
use crate::http::query::{At, Page, Query, behind, limit, start};
use crate::http::state::AppState;
use axum::extract::State;
use axum::response::Response;
use mirano_replay::rows::{JobRow, key};
use mirano_replay::store::{Key, ReadExt, Table};
use mirano_schemas::JobId;
use serde::Deserialize;

const LIST: &str = "jobs";

/// Which page.
#[derive(Debug, Clone, Deserialize)]
pub struct ListQuery {
    /// After which item.
    pub cursor: Option<String>,
    /// How many items.
    pub limit: Option<usize>,
}

/// List jobs
///
/// Newest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs",
    params(("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query, description = "50; 500 at most")),
    responses((status = 200, description = "A page", body = Page<JobSummary>),
              (status = 400, description = "`bad_cursor`", body = crate::http::error::ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    at: At,
    Query(query): Query<ListQuery>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let list = format!("{LIST} of {}", caller.tenant);
    let prefix = Key::new().text(&caller.tenant);
    let from = start(&list, &prefix, query.cursor.as_deref())?;
    let page = tokio::task::spawn_blocking(move || -> Result<Page<JobSummary>> {
        let views = state.engine().views();
        let policy = state.policy()?;
        let ctx = state.context(&policy, lang, state.engine().now());
        let keys = views.keys(Table::JobByTenant, &prefix, &from, limit + 1)?;
        let mut items = Vec::new();
        for place in keys.iter().take(limit) {
            let Some(id) = key::tail(place).map(JobId) else { continue };
            if let Some(row) = views.row::<JobRow>(id.as_bytes())? {
                items.push(summary(&ctx, &row)?);
            }
        }
        let last = keys.get(limit.wrapping_sub(1)).filter(|_| keys.len() > limit);
        let next_cursor = last.and_then(|last| behind(&list, &prefix, last));
        Ok(Page { items, next_cursor })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &page))
}
