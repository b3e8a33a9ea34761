//! `GET /v1/diff`: what two snapshots, or two moments of a job, a subject or the whole base, differ in.

use super::answer;
use super::auth::{Caller, Role};
use super::error::{Code, Problem, Result};
use super::query::{At, Query, cursor, limit, place};
use super::slow::Reader;
use super::state::{AppState, log_access};
use crate::history::model::{DiffView, SideKind};
use crate::history::side::Side;
use crate::history::{Book, Comparison, HELD, HistoryError, compare, render, survey};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mirano_schemas::Subject;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

/// The media type of an answer of any size, a line for each difference.
const LINES: &str = "application/x-ndjson";
/// Lines are sent in pieces of about so many bytes.
const PIECE: usize = 64 * 1024;
/// Pieces on their way to the reader: one that does not read holds its answer up for a while, then it ends.
const BUFFERED: usize = 4;

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
            Problem::new(Code::InputMissing, format!("`{name}` is missing"))
                .at(name, "is required")
                .fix("Name both sides: a snapshot's id, `job:<id>@<at>`, `<subject>@<at>` or `world@<cut>`.")
        })
    };
    let (from, to) = (side("from", query.from)?, side("to", query.to)?);
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.split(',').any(|one| one.trim().starts_with(LINES)) {
        return streamed(state, caller, at, from, to).await;
    }
    let view = tokio::task::spawn_blocking(move || -> Result<DiffView> {
        let policy = state.policy()?;
        state.history(&caller, |book| {
            let (from, to) = sides(book, &caller, &from, &to)?;
            // Moments are written out, so that a page that was begun now goes on as it began.
            let list = list(&from, &to);
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
    Side::open(book, text).map_err(|error| Problem::from(error).at(name, "is no such side"))
}

fn list(from: &Side, to: &Side) -> String {
    format!("diff of {} and {}", from.view.r#ref, to.view.r#ref)
}

/// Differences of persons enter the access log.
fn noted(caller: &Caller, comparison: &Comparison) {
    let persons: Vec<Subject> = comparison.persons.iter().cloned().collect();
    log_access(caller, "diff", &list(&comparison.from, &comparison.to), &persons);
}

/// All differences as lines. What can be refused is refused before the first; later errors cut the answer, which then has no end.
async fn streamed(state: AppState, caller: Caller, at: At, from: String, to: String) -> Result<Response> {
    let (send, pieces) = mpsc::channel::<std::result::Result<Bytes, HistoryError>>(BUFFERED);
    let send = Reader::new(send);
    let (begun, begins) = oneshot::channel::<Result<()>>();
    let permit = state.long_answer()?;
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut begun = Some(begun);
        let whole = state.policy().and_then(|policy| {
            state.history(&caller, |book| {
                let (from, to) = sides(book, &caller, &from, &to)?;
                let survey = survey(book, from, to, HELD)?;
                noted(&caller, &survey);
                // Nobody waits any more only if the reader went away, and then no piece is taken either.
                if let Some(begun) = begun.take() {
                    drop(begun.send(Ok(())));
                }
                let mut piece = Vec::with_capacity(PIECE);
                render::lines(book, &policy, &survey, &mut |line| {
                    piece.extend_from_slice(line.as_bytes());
                    piece.push(b'\n');
                    if piece.len() < PIECE {
                        return Ok(());
                    }
                    let full = Bytes::from(std::mem::replace(&mut piece, Vec::with_capacity(PIECE)));
                    send.take(Ok(full)).then_some(()).ok_or(HistoryError::NobodyReads)
                })?;
                send.take(Ok(Bytes::from(piece))).then_some(()).ok_or(HistoryError::NobodyReads)?;
                Ok(())
            })
        });
        if let Err(problem) = whole {
            match begun.take() {
                Some(begun) => drop(begun.send(Err(problem))),
                // The reader sees that the answer has no end.
                None => _ = send.take(Err(HistoryError::Log("the answer was broken off".to_owned()))),
            }
        }
    });
    begins.await.map_err(Problem::internal)??;
    let mut response = Body::from_stream(ReceiverStream::new(pieces)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(LINES));
    Ok(answer::positioned(&at.cut, response))
}
