//! The log: its latest commits, and verifying all of it.

use super::{Data, Reader, Stop};
use crate::ui::Visitor;
use crate::ui::view::{self, Context};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Commits on a page.
const COMMITS: usize = 50;

pub(super) async fn log(
    State(data): State<Data>,
    reader: Reader,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    page(&data, &reader, &visitor, &query, Value::Null).await
}

/// The button that verifies the log. A script follows the events; without one the page comes when all is done.
pub(super) async fn verify(State(data): State<Data>, reader: Reader) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    let mut events = data.verify(&visitor, reader.lang).await.map_err(reader.problem())?;
    let accept = reader.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        let body = Body::from_stream(events.map(Ok::<_, std::convert::Infallible>));
        return Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response());
    }
    let mut told = Vec::new();
    while let Some(chunk) = events.next().await {
        told.extend_from_slice(&chunk);
    }
    let context = Context { lang: reader.lang, titles: &Value::Null };
    let verified = view::verified(context, &String::from_utf8_lossy(&told))?;
    page(&data, &reader, &visitor, &BTreeMap::new(), verified).await
}

/// The log, latest commits first, and what a verification came to; for auditors.
async fn page(
    data: &Data,
    reader: &Reader,
    visitor: &Visitor,
    query: &BTreeMap<String, String>,
    verified: Value,
) -> Result<Response, Stop> {
    let refused = reader.problem();
    let titles = data.titles().await.map_err(&refused)?;
    let context = Context { lang: reader.lang, titles: &titles };
    let heads = data.heads(visitor, reader.lang).await.map_err(&refused)?;
    let heads = heads.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
    let partition = number("partition").unwrap_or(0);
    let covers = |head: &Value| Some((head.get("partition")?.as_u64()?, head.get("commits")?.as_u64()?));
    let commits = heads.iter().filter_map(covers).find(|(of, _)| *of == partition).map_or(0, |(_, commits)| commits);
    // `before` is the oldest commit of the page that was looked at.
    let end = number("before").map_or(commits, |before| before.min(commits));
    let from = end.saturating_sub(COMMITS as u64);
    let limit = usize::try_from(end - from).unwrap_or(COMMITS);
    let mut rows = Vec::new();
    if limit > 0 {
        let place = format!("{partition}:{from}");
        rows = view::commits(context, &data.log(visitor, &place, limit, reader.lang).await.map_err(&refused)?)?;
        rows.reverse();
    }
    let partitions: Vec<u64> = heads.iter().filter_map(covers).map(|(of, _)| of).collect();
    let page = json!({
        "rows": rows, "heads": heads, "partition": partition, "partitions": partitions,
        "older": (from > 0).then_some(from), "newest": end == commits, "verified": verified,
    });
    reader.page("log.html", data, Some(visitor), page)
}
