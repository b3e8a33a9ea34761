//! What a channel was sent, and how that went; dead letters among it, which can be sent again.

use super::common;
use crate::core::command::Command;
use crate::core::notify::NotifyCommand;
use crate::core::policy::Policy;
use crate::explain::time::rfc3339;
use crate::explain::words::Lang;
use crate::http::answer;
use crate::http::auth::{Caller, User};
use crate::http::error::{Problem, ProblemBody, Result};
use crate::http::query::{At, Page, Query, behind, limit, start};
use crate::http::state::AppState;
use crate::notify::{Check, words};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mirano_replay::rows::{DeliveryRow, DeliveryState, JobRow, NotificationRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::{ChannelId, DeliveryId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What a channel is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id.
    pub delivery_id: String,
    /// `collecting`, `waiting`, `sending`, `delivered` or `dead`.
    pub state: String,
    /// The notifications that it tells.
    pub notifications: Vec<String>,
    /// What the first five of them say.
    pub tells: Vec<Told>,
    /// So many more found no room in it.
    pub left_out: u32,
    /// When the first of them was raised.
    pub created_at: String,
    /// When it is sent next.
    pub next_at: Option<String>,
    /// When it was delivered or given up.
    pub ended_at: Option<String>,
    /// What was tried, oldest first.
    pub attempts: Vec<AttemptView>,
}

/// One notification of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Told {
    /// Its type.
    pub r#type: String,
    /// The check that it is about; null: about none.
    pub job_id: Option<String>,
    /// What happened, in the language asked for.
    pub text: String,
}

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttemptView {
    /// Counted from 1.
    pub n: u32,
    /// When it began.
    pub started_at: String,
    /// When it ended; null: it has not, or nobody heard how.
    pub ended_at: Option<String>,
    /// The HTTP status, or the reply code of the mail server.
    pub status: Option<u16>,
    /// What went wrong.
    pub cause: Option<String>,
}

/// Which deliveries.
#[derive(Debug, Clone, Deserialize)]
pub struct DeliveriesQuery {
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Deliveries that are looked through for one page.
const LOOKED_THROUGH: usize = 10_000;
/// Notifications of one delivery whose words are shown with it.
const TOLD: usize = 5;

/// List deliveries
///
/// Newest first; of a webhook or an address. `state=dead` lists dead letters.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries", tag = "notifications",
    params(("id" = String, Path), ("state" = Option<String>, Query, description = "One of the states"),
           ("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query, description = "50; 500 at most"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 200, description = "A page", body = Page<DeliveryView>),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn of_webhook(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    at: At,
    Path(id): Path<String>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Response> {
    list(&state, &caller, lang, &at, &id, &query)
}

/// List deliveries of an address
#[utoipa::path(get, path = "/v1/emails/{id}/deliveries", tag = "notifications",
    params(("id" = String, Path), ("state" = Option<String>, Query, description = "One of the states"),
           ("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query, description = "50; 500 at most"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 200, description = "A page", body = Page<DeliveryView>),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn of_email(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    at: At,
    Path(id): Path<String>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Response> {
    list(&state, &caller, lang, &at, &id, &query)
}

/// Send a delivery again
///
/// Also one that was taken. It keeps its `webhook-id`, so that a receiver knows it again.
#[utoipa::path(post, path = "/v1/webhooks/{id}/deliveries/{delivery_id}/retry", tag = "notifications",
    params(("id" = String, Path), ("delivery_id" = String, Path)),
    responses((status = 202, description = "It is sent", body = DeliveryView),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn retry_webhook(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Response> {
    retry(&state, &caller, lang, &id, &delivery).await
}

/// Send a message again
#[utoipa::path(post, path = "/v1/emails/{id}/deliveries/{delivery_id}/retry", tag = "notifications",
    params(("id" = String, Path), ("delivery_id" = String, Path)),
    responses((status = 202, description = "It is sent", body = DeliveryView),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn retry_email(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Response> {
    retry(&state, &caller, lang, &id, &delivery).await
}

fn list(state: &AppState, caller: &Caller, lang: Lang, at: &At, id: &str, query: &DeliveriesQuery) -> Result<Response> {
    let channel = common::find(state, caller, id, |_| true, "channel")?.set.channel;
    let limit = limit(query.limit)?;
    let list = format!("deliveries of {channel}");
    let prefix = key::delivery_by_channel(channel, None);
    let from = start(&list, &prefix, query.cursor.as_deref())?;
    let views = state.engine().views();
    let teller = Teller { state, policy: state.policy()?, lang };
    let wanted = |row: &DeliveryRow| query.state.as_ref().is_none_or(|state| word(row) == state);
    let (mut items, mut last) = (Vec::new(), None);
    let keys = views.keys(Table::NotificationIndex, &prefix, &from, LOOKED_THROUGH)?;
    let mut rest = keys.len() == LOOKED_THROUGH;
    for place in &keys {
        if items.len() == limit {
            rest = true;
            break;
        }
        last = Some(place);
        let Some(delivery) = key::tail(place).map(DeliveryId) else { continue };
        let row: Option<DeliveryRow> = views.row(delivery.as_bytes())?;
        if let Some(row) = row.filter(wanted) {
            items.push(teller.view(delivery, &row)?);
        }
    }
    let next_cursor = last.filter(|_| rest).and_then(|last| behind(&list, &prefix, last));
    Ok(answer::json(at, &Page { items, next_cursor }))
}

async fn retry(state: &AppState, caller: &Caller, lang: Lang, id: &str, delivery: &str) -> Result<Response> {
    let channel = common::find(state, caller, id, |_| true, "channel")?.set.channel;
    let (delivery, row) = find(state, channel, delivery)?;
    let command = NotifyCommand::SendAgain { partition: row.partition, delivery, tenant: caller.tenant.clone() };
    let decided = state.engine().submit(Command::Notify(command)).await?;
    let (_, row) = find(state, channel, &delivery.to_string())?;
    let teller = Teller { state, policy: state.policy()?, lang };
    let shown = (StatusCode::ACCEPTED, axum::Json(teller.view(delivery, &row)?)).into_response();
    Ok(answer::positioned(&decided.position.to_string(), shown))
}

fn find(state: &AppState, channel: ChannelId, id: &str) -> Result<(DeliveryId, DeliveryRow)> {
    let missing = || Problem::not_found("delivery");
    let delivery: DeliveryId = id.parse().map_err(|_| missing())?;
    let row: Option<DeliveryRow> = state.engine().views().row(delivery.as_bytes())?;
    row.filter(|row| row.channel == channel).map(|row| (delivery, row)).ok_or_else(missing)
}

/// Where a delivery is, as a word.
fn word(row: &DeliveryRow) -> &'static str {
    match row.state {
        DeliveryState::Waiting { .. } if row.digest && row.attempts.is_empty() => "collecting",
        DeliveryState::Waiting { .. } => "waiting",
        DeliveryState::Sending { .. } => "sending",
        DeliveryState::Delivered { .. } => "delivered",
        DeliveryState::Dead { .. } => "dead",
    }
}

/// Says what deliveries tell, in a language.
struct Teller<'a> {
    state: &'a AppState,
    policy: Arc<Policy>,
    lang: Lang,
}

impl Teller<'_> {
    fn told(&self, row: &DeliveryRow) -> Result<Vec<Told>> {
        let views = self.state.engine().views();
        let mut told = Vec::new();
        for id in row.items.iter().take(TOLD) {
            let Some(row) = views.row::<NotificationRow>(id.as_bytes())? else { continue };
            let job: Option<JobRow> = match row.raised.job {
                Some(job) => views.row(job.as_bytes())?,
                None => None,
            };
            let check = job.map(|job| Check::of(&**views, &row, &job)).transpose()?;
            told.push(Told {
                r#type: row.raised.what.word().to_owned(),
                job_id: row.raised.job.map(|job| job.to_string()),
                text: words::line(&row, check.as_ref(), &self.policy.document, self.lang),
            });
        }
        Ok(told)
    }

    fn view(&self, delivery: DeliveryId, row: &DeliveryRow) -> Result<DeliveryView> {
        let (next, ended) = match row.state {
            DeliveryState::Waiting { due } => (Some(due), None),
            DeliveryState::Sending { .. } => (None, None),
            DeliveryState::Delivered { at } | DeliveryState::Dead { at } => (None, Some(at)),
        };
        let attempts = row.attempts.iter().map(|attempt| AttemptView {
            n: attempt.n,
            started_at: rfc3339(attempt.started_at),
            ended_at: attempt.ended_at.map(rfc3339),
            status: attempt.status,
            cause: attempt.cause.clone(),
        });
        Ok(DeliveryView {
            delivery_id: delivery.to_string(),
            state: word(row).to_owned(),
            notifications: row.items.iter().map(ToString::to_string).collect(),
            tells: self.told(row)?,
            left_out: row.left_out,
            created_at: rfc3339(row.made_at),
            next_at: next.map(rfc3339),
            ended_at: ended.map(rfc3339),
            attempts: attempts.collect(),
        })
    }
}
