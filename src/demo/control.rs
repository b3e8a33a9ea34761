//! The controls: counters, the clock, orders of faults. They are no part of any source, and are not counted.

use super::counters::RequestCount;
use super::fault::Order;
use super::server::{Shared, held};
use super::sites::site;
use super::world::Showcase;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{Duration, NaiveDate};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /control/requests`
pub async fn requests(State(state): State<Arc<Shared>>) -> Json<RequestCount> {
    Json(held(&state.counters).shown())
}

/// `POST /control/reset`: counters from zero; orders taken back.
pub async fn reset(State(state): State<Arc<Shared>>) -> Json<Value> {
    held(&state.counters).reset();
    *held(&state.orders) = Default::default();
    Json(json!({"reset": true}))
}

/// `GET /control/clock`
pub async fn clock(State(state): State<Arc<Shared>>) -> Json<Value> {
    let dates = state.folder.as_ref().map(|folder| folder.dates()).unwrap_or_default();
    let dates: Vec<String> = dates.iter().map(NaiveDate::to_string).collect();
    Json(json!({"date": state.date().to_string(), "data_dates": dates}))
}

/// `{"date": "2026-03-01"}` or `{"advance_days": 30}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetClock {
    date: Option<String>,
    advance_days: Option<i64>,
}

/// `POST /control/clock`
pub async fn set_clock(State(state): State<Arc<Shared>>, body: Result<Json<SetClock>, JsonRejection>) -> Response {
    let order = match body {
        Ok(Json(order)) => order,
        Err(error) => return wrong(&error.body_text()),
    };
    let date = match (order.date, order.advance_days) {
        (Some(date), None) => date.parse::<NaiveDate>().ok(),
        (None, Some(days)) => Duration::try_days(days).and_then(|days| state.date().checked_add_signed(days)),
        _ => return wrong("give either `date` or `advance_days`"),
    };
    let in_range = |date: &NaiveDate| {
        let year = chrono::Datelike::year(date);
        (1970..=2100).contains(&year)
    };
    match date.filter(in_range) {
        Some(date) => *held(&state.clock) = date,
        None => return wrong("the date is to be YYYY-MM-DD, between 1970 and 2100"),
    }
    clock(State(state)).await.into_response()
}

/// `GET /control/fault`: how many orders each source still has.
pub async fn faults(State(state): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"left": held(&state.orders).left(), "seeded": state.faults}))
}

/// `POST /control/fault`
pub async fn order_fault(State(state): State<Arc<Shared>>, body: Result<Json<Order>, JsonRejection>) -> Response {
    let order = match body {
        Ok(Json(order)) => order,
        Err(error) => return wrong(&error.body_text()),
    };
    let known = |id: &str| id == "*" || site(id).is_some() || state.folder.as_ref().is_some_and(|f| f.has_source(id));
    if !known(&order.source) {
        return wrong(&format!("no source {:?}", order.source));
    }
    held(&state.orders).add(&order);
    faults(State(state)).await.into_response()
}

/// `GET /control/showcases`: addresses with a story.
pub async fn showcases() -> Json<Value> {
    let items: Vec<Value> = Showcase::ALL
        .iter()
        .map(|case| json!({"address": case.address(), "ru": case.story().0, "en": case.story().1}))
        .collect();
    Json(json!({"items": items}))
}

fn wrong(detail: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": detail}))).into_response()
}
