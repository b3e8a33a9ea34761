//! Replaying the log on request, verifying on the way: what it costs beforehand, and its progress as it goes.

use super::answer;
use super::auth::{Caller, Role};
use super::body::Body;
use super::error::{Code, Problem, Result};
use super::query::{At, Query};
use super::slow::Reader;
use super::state::AppState;
use crate::audit::quote::{Quote, quote};
use crate::audit::replay::{Replayed, Step, replay_to};
use crate::audit::rows;
use crate::audit::until::{Until, UntilError, ends};
use crate::audit::verify::{FindingText, Keys};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::sync::mpsc::channel;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

/// How often a comment says that the stream lives.
const ALIVE: Duration = Duration::from_secs(15);
/// Messages on their way to the listener: one that does not read holds its replay up for a while, then it ends.
const BUFFERED: usize = 16;
/// So many rows of a stream are shown at most.
const MOST_ROWS: usize = 10_000;

/// Up to when.
#[derive(Debug, Clone, Deserialize)]
pub struct QuoteQuery {
    until: Option<String>,
}

/// What to replay.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct ReplayRequest {
    /// A time, a position or a cut; everything when left out.
    pub until: Option<String>,
    /// Show the rows of this stream at the end: `job/<id>`, `source/<id>` or `policy`.
    pub stream: Option<String>,
}

/// How far a replay is: the data of the event `progress`, and of `done` with what follows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProgressView {
    /// Commits folded.
    pub commits: u64,
    /// Commits in all.
    pub of: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Events in them.
    pub events: u64,
    /// Facts whose id was recomputed.
    pub facts: u64,
    /// Findings so far.
    pub findings: u64,
}

/// The end of a replay.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DoneView {
    /// What was folded.
    #[serde(flatten)]
    pub progress: ProgressView,
    /// Whether nothing wrong was found.
    pub ok: bool,
    /// The positions of the last commits.
    pub cut: Vec<String>,
    /// The digest of all rows: the same commits give the same.
    pub digest: String,
    /// The rows of the stream that was asked for.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<Json>,
}

/// Ask what a replay costs
///
/// Needs the role `auditor`.
#[utoipa::path(get, path = "/v1/audit/quote", tag = "log",
    params(("until" = Option<String>, Query, description = "a time, a position or a cut")),
    responses((status = 200, description = "Commits, bytes and seconds", body = Quote),
              (status = 400, description = "`bad_time`", body = super::error::ProblemBody),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody)))]
pub async fn get_quote(
    State(state): State<AppState>,
    caller: Caller,
    at: At,
    Query(query): Query<QuoteQuery>,
) -> Result<Response> {
    caller.need(Role::Auditor)?;
    let until = moment(query.until.as_deref())?;
    let quoted = tokio::task::spawn_blocking(move || quote(&**state.engine().log(), until.as_ref()));
    let quoted = quoted.await.map_err(Problem::internal)??;
    Ok(answer::json(&at, &quoted))
}

/// Replay the log
///
/// Folds the commits up to a moment and recomputes facts and observations on the way. The answer is a stream of events:
/// `progress`, `finding` for each thing that does not fit, at last `done`. One replay at a time. Needs the role `auditor`.
#[utoipa::path(post, path = "/v1/audit/replay", tag = "log", request_body = ReplayRequest,
    responses((status = 200, description = "Server-sent events; the data of `done`", body = DoneView, content_type = "text/event-stream"),
              (status = 400, description = "`bad_time`", body = super::error::ProblemBody),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody),
              (status = 429, description = "`too_many`: a replay is under way", body = super::error::ProblemBody)))]
pub async fn post_replay(
    State(state): State<AppState>,
    caller: Caller,
    Body(request): Body<ReplayRequest>,
) -> Result<Response> {
    caller.need(Role::Auditor)?;
    let until = moment(request.until.as_deref())?;
    let known = |stream: &String| stream == "policy" || stream.starts_with("job/") || stream.starts_with("source/");
    if let Some(stream) = request.stream.as_ref().filter(|stream| !known(stream)) {
        return Err(Problem::new(Code::InputInvalid, format!("there is no stream {stream:?}"))
            .at("/stream", "is not `job/<id>`, `source/<id>` or `policy`"));
    }
    let log = state.engine().log().clone();
    let ends = tokio::task::spawn_blocking(move || ends(&*log, until.as_ref())).await.map_err(Problem::internal)??;
    let Ok(permit) = state.replays().clone().try_acquire_owned() else {
        return Err(Problem::new(Code::TooMany, "a replay is under way; there is one at a time"));
    };
    tracing::info!(target: "access", key = caller.key, tenant = caller.tenant, until = request.until, "the log was replayed");
    let (send, receive) = channel(BUFFERED);
    let send = Reader::new(send);
    let stop = state.stop().clone();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let persons = Keys(Some(state.engine().vault().clone()));
        let replayed = replay_to(&**state.engine().log(), &ends, &persons, |step| {
            let gone = !send.take(event("progress", &progress(step)));
            if gone || stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if !replayed.broken_off {
            tell(&send, &replayed, request.stream.as_deref());
        }
    });
    let stream = Sse::new(ReceiverStream::new(receive)).keep_alive(KeepAlive::new().interval(ALIVE));
    let mut response = stream.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn tell(send: &Reader<std::result::Result<Event, Infallible>>, replayed: &Replayed, stream: Option<&str>) {
    for finding in &replayed.findings {
        if !send.take(event("finding", &FindingText::of(finding))) {
            return;
        }
    }
    let rows = stream.into_iter().flat_map(|stream| {
        let mine = replayed.store.iter().filter(move |(table, key, bytes)| rows::belongs(stream, *table, key, bytes));
        mine.map(|(table, key, bytes)| rows::row(table, key, bytes)).take(MOST_ROWS)
    });
    let done = DoneView {
        progress: progress(&replayed.step),
        ok: replayed.findings.is_empty(),
        cut: replayed.cut().iter().map(ToString::to_string).collect(),
        digest: data_encoding::HEXLOWER.encode(&replayed.store.digest()),
        rows: rows.collect(),
    };
    // A listener that went away needs no end.
    let _ = send.take(event("done", &done));
}

fn event(name: &str, data: &impl Serialize) -> std::result::Result<Event, Infallible> {
    let text = serde_json::to_string(data).unwrap_or_default();
    Ok(Event::default().event(name).data(text))
}

fn progress(step: &Step) -> ProgressView {
    let Step { commits, of, bytes, events, facts, findings } = *step;
    ProgressView { commits, of, bytes, events, facts, findings }
}

fn moment(text: Option<&str>) -> Result<Option<Until>> {
    let read = |text: &str| {
        text.parse::<Until>().map_err(|error| {
            Problem::new(Code::BadTime, error.to_string()).at("until", "is neither a time, a position nor a cut")
        })
    };
    text.map(read).transpose()
}

impl From<UntilError> for Problem {
    fn from(error: UntilError) -> Self {
        match &error {
            UntilError::NotThere(_) => Self::new(Code::BadTime, error.to_string()).at("until", "is not in this log"),
            UntilError::Read(_) => Self::internal(error),
        }
    }
}
