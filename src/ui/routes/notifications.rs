//! What the visitor was told, and by which channels.

use super::{Data, Reader, Stop};
use crate::ui::data::{ChannelAt, NewChannel};
use crate::ui::view::{self, Context};
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) async fn notifications(State(data): State<Data>, reader: Reader) -> Result<Response, Stop> {
    page(&data, &reader, &Value::Null, &Value::Null, &json!({})).await
}

/// The page; with a channel that was just made, whose secret is told this once, or with what was wrong with one.
async fn page(data: &Data, reader: &Reader, made: &Value, problem: &Value, typed: &Value) -> Result<Response, Stop> {
    let visitor = reader.visitor(data).await?;
    let refused = reader.problem();
    let titles = data.titles().await.map_err(&refused)?;
    let context = Context { lang: reader.lang, titles: &titles };
    let told = data.notifications(&visitor, reader.lang).await.map_err(&refused)?;
    let channels = data.channels(&visitor, reader.lang).await.map_err(&refused)?;
    let page = json!({
        "rows": view::notifications(context, &told)?,
        "unread": told.get("unread").cloned().unwrap_or_default(),
        "channels": view::channels(context, &channels)?,
        "made": made,
        "problem": problem,
        "typed": typed,
        "form_key": format!("page-{:032x}", rand::random::<u128>()),
    });
    reader.page("notifications.html", data, Some(&visitor), page)
}

/// The button that marks all as read.
pub(super) async fn read(State(data): State<Data>, reader: Reader) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    data.mark_read(&visitor, reader.lang).await.map_err(reader.problem())?;
    Ok(Redirect::to("/notifications").into_response())
}

/// The form of a new channel: `webhooks` or `emails`.
pub(super) async fn add(
    State(data): State<Data>,
    reader: Reader,
    Path(kind): Path<String>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    known(&reader, &kind)?;
    let of = |name: &str| form.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let new = NewChannel {
        kind: kind.clone(),
        target: of("target").unwrap_or_default(),
        digest: of("digest"),
        idempotency_key: of("form_key"),
    };
    let typed = json!({"kind": kind, "target": new.target});
    match data.add_channel(&visitor, new, reader.lang).await {
        // An address is simply in the list; the secret of a webhook is shown this once.
        Ok(made) if made.get("secret").is_some() => page(&data, &reader, &made, &Value::Null, &json!({})).await,
        Ok(_) => Ok(Redirect::to("/notifications").into_response()),
        Err(problem) if problem.status() < 500 => {
            let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            let page = page(&data, &reader, &Value::Null, &problem.0, &typed).await?;
            Ok((status, page).into_response())
        }
        Err(problem) => Err(reader.problem()(problem)),
    }
}

/// The button that has a channel told nothing for a while, or again.
pub(super) async fn mute(
    State(data): State<Data>,
    reader: Reader,
    Path((kind, id)): Path<(String, String)>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    known(&reader, &kind)?;
    let time = form.get("for").map_or("8h", String::as_str);
    data.mute_channel(&visitor, ChannelAt { kind: &kind, id: &id }, time, reader.lang)
        .await
        .map_err(reader.problem())?;
    Ok(Redirect::to("/notifications").into_response())
}

/// The button that removes a channel.
pub(super) async fn end(
    State(data): State<Data>,
    reader: Reader,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    known(&reader, &kind)?;
    data.end_channel(&visitor, ChannelAt { kind: &kind, id: &id }, reader.lang).await.map_err(reader.problem())?;
    Ok(Redirect::to("/notifications").into_response())
}

/// What a channel was sent.
pub(super) async fn deliveries(
    State(data): State<Data>,
    reader: Reader,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    known(&reader, &kind)?;
    let refused = reader.problem();
    let titles = data.titles().await.map_err(&refused)?;
    let context = Context { lang: reader.lang, titles: &titles };
    let at = ChannelAt { kind: &kind, id: &id };
    let (channel, sent) = data.deliveries(&visitor, at, reader.lang).await.map_err(&refused)?;
    let (channel, rows) = (view::channel(context, &kind, &channel)?, view::deliveries(context, &sent)?);
    reader.page("deliveries.html", &data, Some(&visitor), json!({"channel": channel, "rows": rows}))
}

/// The button that sends a delivery again.
pub(super) async fn send_again(
    State(data): State<Data>,
    reader: Reader,
    Path((kind, id, delivery)): Path<(String, String, String)>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    known(&reader, &kind)?;
    data.send_again(&visitor, ChannelAt { kind: &kind, id: &id }, &delivery, reader.lang)
        .await
        .map_err(reader.problem())?;
    let id = percent_encoding::utf8_percent_encode(&id, percent_encoding::NON_ALPHANUMERIC);
    Ok(Redirect::to(&format!("/channels/{kind}/{id}")).into_response())
}

fn known(reader: &Reader, kind: &str) -> Result<(), Stop> {
    if matches!(kind, "webhooks" | "emails") { Ok(()) } else { Err(reader.nothing("page_not_found")) }
}
