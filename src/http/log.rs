//! `GET /v1/log`: the log itself, record by record, for auditors. Void records too.

use super::answer;
use super::auth::{Caller, Role};
use super::error::{Code, Problem, Result, refused};
use super::query::{At, Page, Query, cursor, limit, no_cursor, place};
use super::state::AppState;
use crate::audit::json::{readable, stream};
use crate::explain::time::rfc3339;
use crate::sequencer::Record;
use axum::extract::State;
use axum::response::Response;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::{Envelope, HEADER_LEN};
use mirano_schemas::{Event, Position};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

/// So many records are looked at for one page, however few of them fit.
const MOST_LOOKED_AT: usize = 20_000;

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordView {
    /// Where it stands, or where it would.
    pub position: String,
    /// Whether it counts. A record that does not is void for every reader, for ever.
    pub counts: bool,
    /// Its hash: what the next commit names as `prev`.
    pub hash: Option<String>,
    /// The hash of the commit that it was decided upon.
    pub prev: Option<String>,
    /// Bytes of the record.
    pub bytes: usize,
    /// When the log took it.
    pub recorded_at: Option<String>,
    /// The commit that it reacts to.
    pub cause: Option<String>,
    /// Why its body can't be shown.
    pub unreadable: Option<String>,
    /// What happened.
    pub events: Vec<EventView>,
}

/// One event of a commit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventView {
    /// Its name.
    pub r#type: String,
    /// The version of its schema.
    pub version: u16,
    /// The stream that it belongs to.
    pub stream: String,
    /// What it says; ids in their text form, sealed bytes in base32.
    pub body: Json,
}

/// Which records.
#[derive(Debug, Clone, Deserialize)]
pub struct LogQuery {
    from: Option<String>,
    limit: Option<usize>,
    stream: Option<String>,
    r#type: Option<String>,
    cursor: Option<String>,
}

/// Read the log
///
/// Needs the role `auditor`. One partition after the other; where one ends, `next_cursor` leads to the next.
#[utoipa::path(get, path = "/v1/log", tag = "log",
    params(("from" = Option<String>, Query, description = "`partition:seq`; from the start of partition 0 when left out"),
           ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query),
           ("stream" = Option<String>, Query, description = "`job/<id>`, `source/<id>`, `policy` or `world`"),
           ("type" = Option<String>, Query, description = "An event's name, `FactObserved`")),
    responses((status = 200, description = "A page of records", body = Page<RecordView>),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    caller: Caller,
    at: At,
    Query(query): Query<LogQuery>,
) -> Result<Response> {
    caller.need(Role::Auditor)?;
    let limit = limit(query.limit)?;
    let from = start(&query)?;
    if let Some(name) = &query.r#type
        && !Event::is_known(name)
    {
        return Err(
            Problem::new(Code::InputInvalid, format!("there is no event {name:?}")).at("type", "is not an event")
        );
    }
    if from.partition >= state.engine().partitions() {
        let last = state.engine().partitions().saturating_sub(1);
        return Err(Problem::said(Code::BadTime, "partition", &[("n", from.partition.into())])
            .at("from", refused("partition_at", &[("last", last.into())])));
    }
    let page =
        tokio::task::spawn_blocking(move || page(&state, &query, from, limit)).await.map_err(Problem::internal)??;
    tracing::info!(target: "access", key = caller.key, tenant = caller.tenant, from = %from, "the log was read");
    Ok(answer::json(&at, &page))
}

const LIST: &str = "log";

fn start(query: &LogQuery) -> Result<Position> {
    let bad = no_cursor;
    let read = |text: &str| {
        text.parse::<Position>().map_err(|_| {
            Problem::said(Code::BadTime, "position", &[("given", text.into())]).at("from", refused("position_at", &[]))
        })
    };
    match (&query.cursor, &query.from) {
        (Some(cursor), _) => {
            let text = String::from_utf8(place(LIST, cursor)?).map_err(|_| bad())?;
            text.parse().map_err(|_| bad())
        }
        (None, Some(from)) => read(from),
        (None, None) => Ok(Position { partition: 0, seq: 0 }),
    }
}

fn page(state: &AppState, query: &LogQuery, from: Position, limit: usize) -> Result<Page<RecordView>> {
    let log = state.engine().log();
    let (mut items, mut looked_at, mut next) = (Vec::new(), 0, from.seq);
    loop {
        let batch = (limit - items.len()).clamp(64, 1_024);
        let records = log.records(from.partition, next, batch).map_err(|error| Problem::internal(error.to_string()))?;
        if records.is_empty() {
            return Ok(Page { items, next_cursor: behind(state, from.partition) });
        }
        // Records judged at one head are not parted: a page ends only where the head moved.
        for record in records {
            if record.upon > next && (items.len() >= limit || looked_at >= MOST_LOOKED_AT) {
                let next = Position { partition: from.partition, seq: record.upon };
                return Ok(Page { items, next_cursor: Some(cursor(LIST, next.to_string().as_bytes())) });
            }
            looked_at += 1;
            next = record.upon;
            items.extend(Some(view(from.partition, &record)).filter(|view| fits(view, query)));
        }
        next += 1;
    }
}

/// Where the partition behind this one begins; none behind the last.
fn behind(state: &AppState, partition: u32) -> Option<String> {
    let next = Position { partition: partition + 1, seq: 0 };
    (next.partition < state.engine().partitions()).then(|| cursor(LIST, next.to_string().as_bytes()))
}

fn fits(view: &RecordView, query: &LogQuery) -> bool {
    if query.stream.is_none() && query.r#type.is_none() {
        return true;
    }
    view.events.iter().any(|event| {
        query.stream.as_ref().is_none_or(|stream| event.stream == *stream)
            && query.r#type.as_ref().is_none_or(|name| event.r#type == *name)
    })
}

fn view(partition: u32, record: &Record) -> RecordView {
    let envelope = Envelope::parse(&record.record).ok();
    let position = Position { partition, seq: record.upon };
    let body = CommitBody::decode(record.record.get(HEADER_LEN..).unwrap_or_default());
    let (head, events, unreadable) = match body {
        Ok(body) => (Some(body.head), body.events, None),
        Err(error) => (None, Vec::new(), Some(error.to_string())),
    };
    RecordView {
        position: position.to_string(),
        counts: record.counts.is_some(),
        hash: record.counts.map(|hash| hash.to_string()),
        prev: envelope.map(|envelope| envelope.prev.to_string()),
        bytes: record.record.len(),
        recorded_at: head.as_ref().map(|head| rfc3339(head.recorded_at)),
        cause: head.and_then(|head| head.cause).map(|cause| cause.to_string()),
        unreadable,
        events: events.iter().map(event_view).collect(),
    }
}

fn event_view(event: &Event) -> EventView {
    let body = match serde_json::to_value(event) {
        Ok(Json::Object(map)) => map.into_iter().next().map_or(Json::Null, |(_, body)| readable(body)),
        _ => Json::Null,
    };
    EventView { r#type: event.name().to_owned(), version: event.version(), stream: stream(event), body }
}
