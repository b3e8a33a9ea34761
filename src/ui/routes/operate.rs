//! Sources, watches and the log.

use super::{Data, Reader, Stop};
use crate::ui::view::{self, Context};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Commits on a page.
const COMMITS: usize = 50;

pub(super) async fn sources(State(data): State<Data>, reader: Reader) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    let refused = reader.problem();
    let (sources, titles) = (data.sources(&visitor).await.map_err(&refused)?, data.titles().await.map_err(&refused)?);
    let context = Context { lang: reader.lang, titles: &titles };
    let rows = view::sources(context, &sources)?;
    let dead = match visitor.operator {
        true => Some(view::dead_letters(context, &data.dead_letters(&visitor).await.map_err(&refused)?)?),
        false => None,
    };
    reader.page("sources.html", &data, Some(&visitor), json!({ "rows": rows, "dead": dead }))
}

/// The buttons of a dead letter: `retry` and `drop`.
pub(super) async fn see_to(
    State(data): State<Data>,
    reader: Reader,
    Path((id, what)): Path<(String, String)>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    if !matches!(what.as_str(), "retry" | "drop") {
        return Err(reader.not_found());
    }
    data.see_to(&visitor, &id, what == "retry").await.map_err(reader.problem())?;
    Ok(Redirect::to("/sources").into_response())
}

pub(super) async fn watches(State(data): State<Data>, reader: Reader) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    let refused = reader.problem();
    let titles = data.titles().await.map_err(&refused)?;
    let watches = data.watches(&visitor, reader.lang).await.map_err(&refused)?;
    let mut jobs = Map::new();
    for watch in watches.get("items").and_then(Value::as_array).into_iter().flatten() {
        let id = watch.get("job_id").and_then(Value::as_str).unwrap_or_default();
        if let Some(job) = data.job(&visitor, id, reader.lang).await.map_err(&refused)? {
            jobs.insert(id.to_owned(), job);
        }
    }
    let rows = view::watches(Context { lang: reader.lang, titles: &titles }, &watches, &Value::Object(jobs))?;
    reader.page("watches.html", &data, Some(&visitor), json!({ "rows": rows }))
}

/// The button of a check: have it checked again by itself.
pub(super) async fn watch(
    State(data): State<Data>,
    reader: Reader,
    Path(id): Path<String>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    let every = form.get("every").map_or("1d", String::as_str);
    data.watch(&visitor, &id, every, reader.lang).await.map_err(reader.problem())?;
    Ok(Redirect::to("/watches").into_response())
}

pub(super) async fn end_watch(
    State(data): State<Data>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    data.end_watch(&visitor, &id, reader.lang).await.map_err(reader.problem())?;
    Ok(Redirect::to("/watches").into_response())
}

/// The log, latest commits first; for auditors.
pub(super) async fn log(
    State(data): State<Data>,
    reader: Reader,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    let refused = reader.problem();
    let titles = data.titles().await.map_err(&refused)?;
    let context = Context { lang: reader.lang, titles: &titles };
    let heads = data.heads(&visitor, reader.lang).await.map_err(&refused)?;
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
        rows = view::commits(context, &data.log(&visitor, &place, limit, reader.lang).await.map_err(&refused)?)?;
        rows.reverse();
    }
    let partitions: Vec<u64> = heads.iter().filter_map(covers).map(|(of, _)| of).collect();
    let page = json!({
        "rows": rows, "heads": heads, "partition": partition, "partitions": partitions,
        "older": (from > 0).then_some(from), "newest": end == commits,
    });
    reader.page("log.html", &data, Some(&visitor), page)
}
