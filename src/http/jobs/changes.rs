//! `GET /v1/jobs/{id}/changes`: the moments of a job that are worth opening.

use crate::explain::model::Status;
use crate::explain::{status_word, time};
use crate::http::answer;
use crate::http::auth::User;
use crate::http::error::{Problem, Result};
use crate::http::query::{At, Page, Query, cursor, limit, place};
use crate::http::state::AppState;
use axum::extract::{Path, State};
use axum::response::Response;
use mirano_replay::history;
use mirano_replay::rows::RiskRow;
use mirano_replay::store::{Read, Table, decode_row};
use mirano_schemas::{ScoreIs, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A change of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeView {
    /// The commit: what `?as_of=` takes.
    pub position: String,
    /// When the log took it.
    pub at: String,
    /// The status after it.
    pub status: Status,
    /// Nothing was pending after it.
    pub r#final: bool,
    /// Needs that had an answer.
    pub answered: usize,
    /// Needs that applied.
    pub total: usize,
    /// The snapshot that it sealed.
    pub snapshot_id: Option<String>,
    /// The risk after it; null: nothing was known yet.
    pub risk: Option<ChangeRisk>,
}

/// The risk at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeRisk {
    /// 0 to 100.
    pub score: u8,
    /// `exact` or `at_least`.
    pub score_is: String,
    /// By the rules of then.
    pub level: String,
}

/// Which page.
#[derive(Debug, Clone, Deserialize)]
pub struct ChangesQuery {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Changes of a job
///
/// Latest first. Each can be opened: `GET /v1/jobs/{id}?as_of=<position>`.
#[utoipa::path(get, path = "/v1/jobs/{id}/changes", tag = "jobs",
    params(("id" = String, Path), ("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, description = "A page", body = Page<ChangeView>),
              (status = 404, description = "`not_found`", body = crate::http::error::ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<ChangesQuery>,
    Path(id): Path<String>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let job = state.job(&caller, &id)?;
    let list = format!("changes of {id}");
    let before = match query.cursor.as_deref().map(|cursor| place(&list, cursor)).transpose()? {
        Some(place) => place
            .split_first_chunk::<8>()
            .and_then(|(at, seq)| Some((Timestamp(i64::from_be_bytes(*at)), u64::from_be_bytes(*seq.first_chunk()?)))),
        None => None,
    };
    let page = tokio::task::spawn_blocking(move || -> Result<Page<ChangeView>> {
        let changes = history::job_changes(&**state.engine().views(), job.created.job, before, limit + 1)?;
        let next_cursor = changes.get(limit).and_then(|_| changes.get(limit - 1)).map(|last| {
            let place = [last.at.0.to_be_bytes(), last.position.seq.to_be_bytes()].concat();
            cursor(&list, &place)
        });
        let sealed = |index: usize| {
            let change = changes.get(index)?;
            let before = changes.get(index + 1).map_or(0, |before| before.snapshots);
            let snapshot = job.snapshots.get((change.snapshots as usize).checked_sub(1)?)?;
            (change.snapshots > before).then(|| snapshot.snapshot.to_string())
        };
        let risk = |change: &history::Changed| -> Result<Option<ChangeRisk>> {
            let place = history::job_key(job.created.job, change.at, change.position.seq);
            let found = state.engine().views().last(Table::JobRisk, job.created.job.as_bytes(), &place)?;
            let row: Option<RiskRow> = found.map(|(_, row)| decode_row(Table::JobRisk, &row)).transpose()?;
            Ok(row.map(|RiskRow { assessment, .. }| ChangeRisk {
                score: assessment.score,
                score_is: if assessment.score_is == ScoreIs::Exact { "exact" } else { "at_least" }.to_owned(),
                level: assessment.level,
            }))
        };
        let items = changes.iter().take(limit).enumerate().map(|(index, change)| {
            Ok(ChangeView {
                position: change.position.to_string(),
                at: time::rfc3339(change.at),
                status: status_word(change.status),
                r#final: change.is_final,
                answered: change.answered,
                total: change.needs,
                snapshot_id: sealed(index),
                risk: risk(change)?,
            })
        });
        Ok(Page { items: items.collect::<Result<_>>()?, next_cursor })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &page))
}
