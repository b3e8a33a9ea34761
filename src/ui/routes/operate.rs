//! Sources and watches.

use super::{Data, Reader, Stop};
use crate::ui::view::{self, Context};
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) async fn sources(State(data): State<Data>, reader: Reader) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    let refused = reader.problem();
    let (sources, titles) =
        (data.sources(&visitor, reader.lang).await.map_err(&refused)?, data.titles().await.map_err(&refused)?);
    let context = Context { lang: reader.lang, titles: &titles };
    let (mut outcomes, mut dead) = (Value::Null, None);
    if visitor.operator {
        outcomes = data.outcomes(&visitor, reader.lang).await.map_err(&refused)?;
        let given_up = data.dead_letters(&visitor, reader.lang).await.map_err(&refused)?;
        dead = Some(view::dead_letters(context, &given_up)?);
    }
    let rows = view::sources(context, &sources, &outcomes)?;
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
        return Err(reader.nothing("page_not_found"));
    }
    data.see_to(&visitor, &id, what == "retry", reader.lang).await.map_err(reader.problem())?;
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
        if let Some(mut job) = data.job(&visitor, id, reader.lang).await.map_err(&refused)? {
            let told = data.told_of(&visitor, id, reader.lang).await.map_err(&refused)?;
            if let (Some(job), Some(until)) = (job.as_object_mut(), told.get("muted_until")) {
                job.insert("muted_until".to_owned(), until.clone());
            }
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
