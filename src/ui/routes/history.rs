//! A check as it was known at a moment, and two moments side by side.

use super::{Data, Reader, Stop};
use crate::ui::Visitor;
use crate::ui::view::{self, Context};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// `/compare?from=&to=`: without a side, or with one that can't be used, the form says what is wrong.
pub(super) async fn compare(
    State(data): State<Data>,
    reader: Reader,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    let of = |name: &str| query.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (from, to) = (of("from"), of("to"));
    let (mut diff, mut problem, mut choices) = (Value::Null, Value::Null, Vec::new());
    let mut status = StatusCode::OK;
    if !from.is_empty() && !to.is_empty() {
        let cursor = query.get("cursor").map(String::as_str).filter(|cursor| !cursor.is_empty());
        match data.diff(&visitor, &from, &to, cursor, reader.lang).await {
            Ok(found) => {
                let titles = data.titles().await.map_err(reader.problem())?;
                let context = Context { lang: reader.lang, titles: &titles };
                diff = view::compare(context, &found)?;
                if let Some(job) = one_job(&found) {
                    let changes = data.changes(&visitor, job, MOMENTS, reader.lang).await.map_err(reader.problem())?;
                    choices = view::moments(context, job, &changes)?;
                }
            }
            Err(refused) if refused.status() < 500 => {
                status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
                problem = refused.0;
            }
            Err(refused) => return Err(reader.problem()(refused)),
        }
    }
    let page = json!({"diff": diff, "problem": problem, "typed": {"from": from, "to": to}, "choices": choices});
    Ok((status, reader.page("compare.html", &data, Some(&visitor), page)?).into_response())
}

/// The check that both sides are moments of: another two of its moments can then be chosen, not only typed.
fn one_job(diff: &Value) -> Option<&str> {
    let job = |name: &str| diff.get(name)?.get("job_id")?.as_str();
    job("from").filter(|from| job("to") == Some(*from))
}

/// `/snapshots/{id}`: what a printed report is compared with.
pub(super) async fn snapshot(
    State(data): State<Data>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    let found = data.snapshot(&visitor, &id, reader.lang).await.map_err(reader.problem())?;
    let found = found.ok_or_else(|| reader.nothing("snapshot_not_found"))?;
    // Of the whole base there is no job, and no root over receipts.
    let of = |name: &str| found.get(name).cloned().unwrap_or_default();
    let position = found.get("position").and_then(Value::as_str).unwrap_or_default();
    let as_of = utf8_percent_encode(position, NON_ALPHANUMERIC).to_string();
    let shown = json!({
        "id": of("snapshot_id"), "facts_root": of("facts_root"), "receipts_root": of("receipts_root"), "facts": of("facts"),
        "position": of("position"), "as_of": as_of, "sealed_at": of("sealed_at"), "job": of("job_id"),
    });
    reader.page("snapshot.html", &data, Some(&visitor), json!({"snapshot": shown}))
}

/// Moments on the page of a check's way.
const MOMENTS: usize = 200;

/// Moments of which it is told what came and went.
const COUNTED: usize = 20;

/// What came, went and changed with each of the latest moments: the counts of a difference, by position. A difference that
/// can't be told (its moment is no longer kept) is left out; the moment itself says so when it is opened.
async fn moved(data: &Data, reader: &Reader, visitor: &Visitor, id: &str, changes: &Value) -> BTreeMap<String, Value> {
    let positions: Vec<&str> = changes
        .get("items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|moment| moment.get("position")?.as_str())
        .take(COUNTED + 1)
        .collect();
    let mut counts = BTreeMap::new();
    for (after, before) in positions.iter().zip(positions.iter().skip(1)) {
        let side = |at: &str| format!("job:{id}@{at}");
        let Ok(mut diff) = data.diff(visitor, &side(before), &side(after), None, reader.lang).await else { continue };
        let mut told = diff.get_mut("counts").map(Value::take).unwrap_or_default();
        let silent = silent_before(&diff);
        if !silent.is_empty()
            && let Ok(Some(then)) = data.job_at(visitor, id, after, reader.lang).await
            && let Some(told) = told.as_object_mut()
        {
            let rows = then.get("sources").and_then(Value::as_array).into_iter().flatten();
            let rows: Vec<&Value> = rows.filter(|row| silent.contains(&of(row))).collect();
            told.insert("answered".to_owned(), json!(rows));
        }
        counts.insert((*after).to_owned(), told);
    }
    counts
}

/// Of what a difference could not compare: who had given no answer on the earlier side, and has on the later one.
fn silent_before(diff: &Value) -> BTreeSet<(String, String)> {
    let is = |one: &&Value, name: &str, words: &[&str]| {
        one.get(name).and_then(Value::as_str).is_some_and(|word| words.contains(&word))
    };
    let skipped = diff.get("not_compared").and_then(Value::as_array).into_iter().flatten();
    skipped.filter(|one| is(one, "side", &["from"]) && is(one, "reason", &["missing", "failed"])).map(of).collect()
}

/// Whom it is about: a source, and the subject that it is asked about.
fn of(one: &Value) -> (String, String) {
    let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("source"), text("subject"))
}

/// `/jobs/{id}/timeline`: how a check went, and how its risk moved.
pub(super) async fn timeline(
    State(data): State<Data>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Stop> {
    let (visitor, check) = super::view_of(&data, &reader, &id).await?;
    let refused = reader.problem();
    let changes = data.changes(&visitor, &id, MOMENTS, reader.lang).await.map_err(&refused)?;
    let titles = data.titles().await.map_err(&refused)?;
    let moved = moved(&data, &reader, &visitor, &id, &changes).await;
    let line = view::timeline(Context { lang: reader.lang, titles: &titles }, &id, &changes, &moved)?;
    reader.page("timeline.html", &data, Some(&visitor), json!({"check": check, "line": line}))
}
