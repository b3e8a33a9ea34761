//! `GET /v1/jobs/{id}/events`: a job as it goes on, by server-sent events.
//!
//! Which messages there are, and their ids `partition:seq:n`, is a function of the log, so a listener that comes back
//! with `Last-Event-ID` misses none and gets none twice. What a message says is what the rows say when it is sent. A
//! slow listener holds nobody up: what it missed is read again from the log.
//!
//! With several partitions a source's progress may stand in another partition than the job. Such messages carry no id;
//! who comes back gets the rows that are still open once more, as they stand.

mod follow;
pub mod live;
mod message;
mod pump;

pub use message::{Done, FactsChanged};

use super::auth::User;
use super::error::{Code, Problem, Result};
use super::query::Query;
use super::state::AppState;
use crate::explain::words::Lang;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use mirano_schemas::Position;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument;

/// Messages on their way to one listener.
const BUFFERED: usize = 64;
/// How often a comment says that the stream lives.
const ALIVE: Duration = Duration::from_secs(15);

/// Where a listener stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resume {
    at: Position,
    n: usize,
}

impl std::str::FromStr for Resume {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Problem::new(Code::BadCursor, format!("`Last-Event-ID` {text:?} is not an id of this stream"))
                .at("Last-Event-ID", "is not `partition:seq:n`")
                .fix("Connect without `Last-Event-ID`.")
        };
        let (position, n) = text.rsplit_once(':').ok_or_else(bad)?;
        Ok(Self { at: position.parse().map_err(|_| bad())?, n: n.parse().map_err(|_| bad())? })
    }
}

/// For clients that can't send the header.
#[derive(Debug, Clone, Deserialize)]
pub struct EventsQuery {
    last_event_id: Option<String>,
}

/// Follow a job
///
/// `job` comes first without `Last-Event-ID`, and again when the job has other rows; then `source` (one row), `facts`,
/// `risk`, `snapshot`, and `done` each time the job becomes final. The stream stays open.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path), ("Last-Event-ID" = Option<String>, Header, description = "`partition:seq:n`: goes on behind it"),
           ("last_event_id" = Option<String>, Query, description = "As the header"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream"),
              (status = 404, description = "`not_found`", body = super::error::ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    Query(query): Query<EventsQuery>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let resume: Option<Resume> = header.or(query.last_event_id).map(|text| text.parse()).transpose()?;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Event>(BUFFERED);
    let listener = message::Listener { state, caller, job: id, lang };
    tokio::spawn(pump::run(listener, job, resume, sender).in_current_span());
    let stream = ReceiverStream::new(receiver).map(Ok::<_, Infallible>);
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE).text("alive")).into_response();
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
