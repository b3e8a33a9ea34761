//! `GET /v1/diff`: what two snapshots, or two moments of a job, a subject or the whole base, differ in.

use super::auth::{Caller, Role};
use super::error::{Code, Problem, Result, refused};
use super::query::{At, Query, cursor, limit, place};
use super::state::{AppState, log_access};
use super::{answer, lines};
use crate::history::compare::Ids;
use crate::history::model::{DiffView, SideKind};
use crate::history::side::{Side, is_check};
use crate::history::{Book, Comparison, HELD, HistoryError, part, render, survey};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use mirano_schemas::{FactId, Subject};
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
/// whole base needs the role `auditor`. With `Accept: application/x-ndjson` all differences come as they are found, one JSON
/// object a line: first all that belongs to the whole, then each difference, at last `{"end": true, "items": n}`.
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
    caller: Caller,
    at: At,
    headers: HeaderMap,
    Query(query): Query<DiffQuery>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let side = |name: &str, text: Option<String>| {
        text.filter(|text| !text.is_empty()).ok_or_else(|| {
            Problem::said(Code::InputMissing, "side_missing", &[("name", name.into())])
                .at(name, refused("required", &[]))
                .fix(refused("side_fix", &[]))
        })
    };
    let (from, to) = (side("from", query.from)?, side("to", query.to)?);
    if lines::wanted(&headers) {
        return streamed(state, caller, at, from, to).await;
    }
    let view = tokio::task::spawn_blocking(move || -> Result<DiffView> {
        let policy = state.policy()?;
        state.history(&caller, |book| {
            let (from, to) = sides(book, &caller, &from, &to)?;
            // Moments are written out, so that a page that was begun now goes on as it began.
            let list = list(&from, &to);
            let behind = query.cursor.as_deref().map(|cursor| named(&list, cursor)).transpose()?;
            let comparison = part(book, from, to, behind, limit)?;
            let mut view = render::page(book, &policy, &comparison)?;
            let last = comparison.items.last().filter(|_| comparison.more);
            view.next_cursor = last.map(|last| cursor(&list, &naming((last.from, last.to))));
            noted(&caller, &comparison);
            Ok(view)
        })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &view))
}

/// Both sides, as far as the caller may see them: the whole base is for auditors, all else for users.
fn sides(book: &Book<'_>, caller: &Caller, from: &str, to: &str) -> Result<(Side, Side)> {
    let (from, to) = (open(book, "from", from)?, open(book, "to", to)?);
    if [&from, &to].iter().any(|side| side.view.kind != SideKind::World) {
        caller.need(Role::User)?;
    }
    Ok((from, to))
}

fn open(book: &Book<'_>, name: &str, text: &str) -> Result<Side> {
    let error = match Side::open(book, text) {
        Ok(side) => return Ok(side),
        Err(error) => error,
    };
    // Of a bare id it is not known what it was meant to be; a side that says so is right but for its id.
    let bare = !text.contains(':') && matches!(error, HistoryError::NotFound(_) | HistoryError::Unnamed { .. });
    let problem = Problem::from(error).at(name, refused("side_at", &[("given", text.into())]));
    Err(match bare {
        true if is_check(book, text)? => problem.fix(refused("side_check_fix", &[("id", text.into())])),
        true => problem.fix(refused("bare_side_fix", &[])),
        false => problem,
    })
}

fn list(from: &Side, to: &Side) -> String {
    format!("diff of {} and {}", from.view.r#ref, to.view.r#ref)
}

/// Differences of persons enter the access log.
fn noted(caller: &Caller, comparison: &Comparison) {
    let persons: Vec<Subject> = comparison.persons.iter().cloned().collect();
    log_access(caller, "diff", &list(&comparison.from, &comparison.to), &persons);
}

/// All differences as lines.
async fn streamed(state: AppState, caller: Caller, at: At, from: String, to: String) -> Result<Response> {
    let asked = state.clone();
    lines::stream(&asked, &at, move |lines| {
        let policy = state.policy()?;
        state.history(&caller, |book| {
            let (from, to) = sides(book, &caller, &from, &to)?;
            let survey = survey(book, from, to, HELD)?;
            noted(&caller, &survey);
            lines.begin();
            Ok(render::lines(book, &policy, &survey, &mut |line| lines.line(&line))?)
        })
    })
    .await
}

/// The difference that a cursor names: which of its two facts there are, and these.
fn named(list: &str, text: &str) -> Result<Ids> {
    let place = place(list, text)?;
    let bad =
        || Problem::new(Code::BadCursor, "the cursor was not made by this list").at("cursor", "names no difference");
    let (sides, ids) = place.split_first().ok_or_else(bad)?;
    let mut ids = ids.chunks_exact(32).filter_map(|id| id.try_into().ok()).map(FactId);
    let from = if sides & 1 != 0 { Some(ids.next().ok_or_else(bad)?) } else { None };
    let to = if sides & 2 != 0 { Some(ids.next().ok_or_else(bad)?) } else { None };
    Ok((from, to))
}

fn naming((from, to): Ids) -> Vec<u8> {
    let mut place = vec![u8::from(from.is_some()) | (u8::from(to.is_some()) << 1)];
    from.into_iter().chain(to).for_each(|id| place.extend_from_slice(&id.0));
    place
}
