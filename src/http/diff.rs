//! `GET /v1/diff`: what two snapshots, or two moments of a job, a subject or the whole base, differ in.

use super::answer;
use super::auth::User;
use super::error::{Code, Problem, Result};
use super::query::{At, Query, cursor, limit, place};
use super::state::{AppState, log_access};
use crate::history::model::DiffView;
use crate::history::side::Side;
use crate::history::{compare, render};
use axum::extract::State;
use axum::response::Response;
use mirano_schemas::{Level, Subject};
use serde::Deserialize;

/// Which two sides.
#[derive(Debug, Clone, Deserialize)]
pub struct DiffQuery {
    from: Option<String>,
    to: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Compare two moments
///
/// A side is a snapshot's id, `job:<id>@<at>`, `<subject>@<at>` or `world@<cut>`; the last `@` splits, `<at>` is a time, a
/// position or `now`. Only what has a complete answer on both sides is compared; the rest is listed in `not_compared`. The
/// whole base needs the role `auditor`.
#[utoipa::path(get, path = "/v1/diff", tag = "snapshots",
    params(("from" = String, Query, description = "The earlier side"), ("to" = String, Query, description = "The later side"),
           ("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, description = "A page of differences, and all that belongs to the whole", body = DiffView),
              (status = 400, description = "`bad_time`, `bad_cursor`", body = super::error::ProblemBody),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody),
              (status = 404, description = "`not_found`", body = super::error::ProblemBody),
              (status = 410, description = "`erased`", body = super::error::ProblemBody),
              (status = 422, description = "`not_comparable`", body = super::error::ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<DiffQuery>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let side = |name: &str, text: Option<String>| {
        text.filter(|text| !text.is_empty()).ok_or_else(|| {
            Problem::new(Code::InputMissing, format!("`{name}` is missing"))
                .at(name, "is required")
                .fix("Name both sides: a snapshot's id, `job:<id>@<at>`, `<subject>@<at>` or `world@<cut>`.")
        })
    };
    let (from, to) = (side("from", query.from)?, side("to", query.to)?);
    let view = tokio::task::spawn_blocking(move || -> Result<DiffView> {
        let policy = state.policy()?;
        state.history(&caller, |book| {
            let open = |name: &str, text: &str| {
                Side::open(book, text).map_err(|error| Problem::from(error).at(name, "is no such side"))
            };
            let (from, to) = (open("from", &from)?, open("to", &to)?);
            // Moments are written out, so that a page that was begun now goes on as it began.
            let list = format!("diff of {} and {}", from.view.r#ref, to.view.r#ref);
            let skip = match query.cursor.as_deref().map(|cursor| place(&list, cursor)).transpose()? {
                Some(place) => place.first_chunk().map_or(0, |place| u64::from_be_bytes(*place)),
                None => 0,
            };
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let comparison = compare(book, from, to)?;
            let mut view = render::page(book, &policy, &comparison, skip, limit)?;
            if comparison.items.len() > skip.saturating_add(limit) {
                view.next_cursor = Some(cursor(&list, &((skip + limit) as u64).to_be_bytes()));
            }
            let persons: Vec<Subject> = comparison
                .items
                .iter()
                .filter_map(|item| item.thing.as_ref().map(|thing| thing.subject.clone()))
                .filter(|subject| subject.level() == Level::Person)
                .collect();
            log_access(&caller, "diff", &list, &persons);
            Ok(view)
        })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &view))
}
