//! `GET /v1/events`, `/v1/subjects/{subject}/events`, `/v1/sources/events`: what happens, by server-sent events, to
//! thousands of listeners.
//!
//! One hub follows the log and makes each message once; a listener only copies it. A listener that is too slow is told so
//! and let go, and holds nobody up; it comes back with `Last-Event-ID` and gets what it missed from the log. The id is a
//! place in the log: a cut, and within the next commit the number of messages that were had.

mod hub;
mod place;
mod topic;

pub use hub::Live;

use super::ALIVE;
use crate::http::auth::{Caller, Role, User};
use crate::http::error::{Problem, Result};
use crate::http::query::Query;
use crate::http::state::AppState;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt};
use hub::Message;
use mirano_schemas::Subject;
use place::Place;
use serde::Deserialize;
use serde_json::json;
use std::convert::Infallible;
use std::iter;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use topic::Topic;

/// When a listener that was let go comes back.
const COME_BACK: Duration = Duration::from_secs(1);

/// For clients that can't send the header; and whose events.
#[derive(Debug, Clone, Deserialize)]
pub struct LiveQuery {
    last_event_id: Option<String>,
    #[serde(default)]
    all: bool,
}

/// Follow everything of a tenant
///
/// `open` (where the stream begins), then `job`, `answer`, `risk`, `snapshot`, `notification` and `policy` as they happen.
/// `behind` ends the stream of a listener that is too slow, `resync` says that too much was missed to be sent: read anew.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "Goes on behind it"),
           ("last_event_id" = Option<String>, Query, description = "As the header"),
           ("all" = Option<bool>, Query, description = "Of all tenants; needs the role `auditor`")),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream"),
              (status = 400, description = "`bad_cursor`", body = crate::http::error::ProblemBody),
              (status = 403, description = "`role_missing`", body = crate::http::error::ProblemBody)))]
pub async fn system(
    State(state): State<AppState>,
    User(caller): User,
    Query(query): Query<LiveQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let topic = if query.all {
        caller.need(Role::Auditor)?;
        Topic::Everybody
    } else {
        Topic::Tenant(caller.tenant.clone())
    };
    follow(&state, topic, &headers, &query).await
}

/// Follow a subject
///
/// `open`, then `observation` with each answer of a source that is about it.
#[utoipa::path(get, path = "/v1/subjects/{subject}/events", tag = "events",
    params(("subject" = String, Path, description = "Percent-encoded"),
           ("Last-Event-ID" = Option<String>, Header, description = "Goes on behind it"),
           ("last_event_id" = Option<String>, Query, description = "As the header")),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream"),
              (status = 400, description = "`bad_cursor`", body = crate::http::error::ProblemBody),
              (status = 404, description = "`not_found`", body = crate::http::error::ProblemBody),
              (status = 410, description = "`erased`", body = crate::http::error::ProblemBody)))]
pub async fn subject(
    State(state): State<AppState>,
    User(caller): User,
    Path(subject): Path<String>,
    Query(query): Query<LiveQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let subject = Subject(subject);
    crate::http::subjects::may_read(&state, &caller, &subject)?;
    follow(&state, Topic::Subject(subject.0), &headers, &query).await
}

/// Follow the sources
///
/// `open`, then `source` with a row of `GET /v1/sources`: all of them at first, then each that is another, twice a second at
/// most. With `Last-Event-ID`: those that were touched since.
#[utoipa::path(get, path = "/v1/sources/events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "Goes on behind it"),
           ("last_event_id" = Option<String>, Query, description = "As the header")),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream"),
              (status = 400, description = "`bad_cursor`", body = crate::http::error::ProblemBody)))]
pub async fn sources(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<LiveQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let exact = caller.roles.contains(&Role::Operator);
    follow(&state, Topic::Sources { exact }, &headers, &query).await
}

async fn follow(state: &AppState, topic: Topic, headers: &HeaderMap, query: &LiveQuery) -> Result<Response> {
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let partitions = state.engine().partitions();
    let resume = header.or_else(|| query.last_event_id.clone()).filter(|text| !text.is_empty());
    let resume = resume.map(|text| Place::parse(&text, partitions)).transpose()?;
    let begins = resume.is_none();
    // Subscribed first: what comes while the log is read is not lost.
    let (receiver, place) = state.live().subscribe(state, &topic);
    // Who begins now missed nothing: thousands come at once after a restart, and each thread that reads has a heap of its own.
    let before = match (&resume, &topic) {
        (None, topic) if !matches!(topic, Topic::Sources { .. }) => Vec::new(),
        _ => {
            let (state, topic, place) = (state.clone(), topic.clone(), place.clone());
            let read = tokio::task::spawn_blocking(move || hub::before(&state, &topic, resume.as_ref(), &place));
            read.await.map_err(Problem::internal)??
        }
    };
    let opened = Event::default().event("open").retry(COME_BACK).id(place.to_string());
    let opened = opened.json_data(json!({"position": place.cut()})).map_err(Problem::internal)?;
    // Where the stream begins is told before what was missed: whoever is cut off in between has the id of what it had.
    let first = match (before.is_empty(), begins) {
        (true, _) => vec![opened],
        // Without an id: cut off among the rows, a listener has none yet, and gets all of them once more.
        (false, true) => {
            let opened = Event::default().event("open").retry(COME_BACK).json_data(json!({"position": place.cut()}));
            iter::once(opened.map_err(Problem::internal)?).chain(before.iter().map(event)).collect()
        }
        (false, false) => before.iter().map(event).collect(),
    };
    let stop = state.stop().clone();
    let live = live(receiver, Counted::new()).take_until(stop.cancelled_owned());
    let whole = stream::iter(first).chain(live).map(Ok::<_, Infallible>);
    let mut response = Sse::new(whole).keep_alive(KeepAlive::new().interval(ALIVE).text("alive")).into_response();
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// What comes, until the listener is too far behind.
fn live(receiver: Receiver<Arc<Message>>, counted: Counted) -> impl Stream<Item = Event> {
    stream::unfold(Some((receiver, counted)), |state| async move {
        let (mut receiver, counted) = state?;
        match receiver.recv().await {
            Ok(message) => Some((event(&message), Some((receiver, counted)))),
            Err(RecvError::Lagged(missed)) => {
                metrics::counter!("mirano_listeners_lagged_total").increment(1);
                // Without an id: it comes back with that of the last message that it had.
                let behind = Event::default().event("behind").retry(COME_BACK).data(format!("{{\"missed\":{missed}}}"));
                Some((behind, None))
            }
            Err(RecvError::Closed) => None,
        }
    })
}

fn event(message: &Message) -> Event {
    Event::default().event(message.name).id(&message.id).data(&message.data)
}

/// A listener, as measured.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("mirano_listeners").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("mirano_listeners").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast::Sender;

    fn message(n: usize) -> Arc<Message> {
        Arc::new(Message { name: "job", data: format!("{{\"n\":{n}}}"), id: format!("0:{n}") })
    }

    /// Nobody waits for a listener: a sender of a broadcast never does.
    #[tokio::test]
    async fn a_listener_that_is_too_slow_is_let_go_with_a_hint() {
        let sender = Sender::new(4);
        let (slow, quick) = (sender.subscribe(), sender.subscribe());
        for n in 0..3 {
            sender.send(message(n)).expect("two listen");
        }
        let mut quick = Box::pin(live(quick, Counted::new()));
        for _ in 0..3 {
            assert!(quick.next().await.is_some());
        }
        for n in 3..9 {
            sender.send(message(n)).expect("two listen");
            assert!(quick.next().await.is_some(), "who keeps up gets all");
        }
        let told = Sse::new(live(slow, Counted::new()).map(Ok::<_, Infallible>)).into_response().into_body();
        let told = axum::body::to_bytes(told, 1 << 16).await.expect("it ends");
        let told = String::from_utf8(told.to_vec()).expect("text");
        assert!(told.contains("event: behind") && told.contains("{\"missed\":5}"), "{told}");
        assert!(!told.contains("id:") && told.contains("retry: 1000"), "{told}");
    }
}
