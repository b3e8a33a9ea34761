//! `/v1/webhooks`: where a tenant's own programs are told, by the Standard Webhooks spec.

use super::common::{self, Given, digest, duration, muted_still, new_id, open, seal, type_words, types_or_all};
use crate::core::policy::DurationMs;
use crate::explain::time::rfc3339;
use crate::http::answer;
use crate::http::auth::User;
use crate::http::body::Body;
use crate::http::error::{Problem, ProblemBody, Result, refused};
use crate::http::jobs::list::ListQuery;
use crate::http::query::{At, IdempotencyKey, Page, Query};
use crate::http::state::AppState;
use crate::notify::sign;
use crate::work::fetch::is_private_host;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mirano_replay::rows::ChannelRow;
use mirano_schemas::{ChannelKind, ChannelSecret, ChannelSet};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest URL.
const LONGEST_URL: usize = 2_048;
/// How long a rotated secret signs beside its successor when the caller does not say.
const OVERLAP_MS: u64 = 24 * 3_600_000;
/// The longest.
const LONGEST_OVERLAP_MS: u64 = 31 * 86_400_000;

/// A webhook that is to be.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://example.org/mirano", "events": ["job.final", "facts.changed"]}))]
pub struct NewWebhook {
    /// `https` or `http`. Loopback and private addresses are refused, unless `notify.toml` allows them.
    pub url: String,
    /// What it hears of every check; left out: everything; `[]`: only what a check's `notify` names it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// `whsec_` and base64 of 24 to 64 bytes; left out: one is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What comes within so long is told together: `1h`, `1d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A webhook.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookView {
    /// Its id.
    pub webhook_id: String,
    /// Where it leads.
    pub url: String,
    /// What it hears of every check.
    pub events: Vec<String>,
    /// Over how long is collected; null: each notification is sent at once.
    pub digest: Option<String>,
    /// It is sent nothing new before then.
    pub muted_until: Option<String>,
    /// When its receiver answered 410; since then it is sent nothing, until its `url` is given anew.
    pub stopped_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// What signs. Told once: when it is made or rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// What is to be another.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    /// Where it leads; the same once more ends a stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it hears of every check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Over how long is collected; `0s`: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// For how long it is sent nothing new, from now on; `0s` ends that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<String>,
}

/// A secret that follows another.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Left out: one is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How long the old one signs as well; left out: `1d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
}

fn is_webhook(kind: ChannelKind) -> bool {
    kind == ChannelKind::Webhook
}

/// Add a webhook
#[utoipa::path(post, path = "/v1/webhooks", tag = "notifications", request_body = NewWebhook,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body make one webhook")),
    responses((status = 201, description = "The webhook, with its secret", body = WebhookView),
              (status = 409, description = "`idempotency_mismatch`", body = ProblemBody),
              (status = 413, description = "`too_large`: a tenant has a hundred at most", body = ProblemBody),
              (status = 422, description = "`input_invalid`", body = ProblemBody)))]
pub async fn post(
    State(state): State<AppState>,
    User(caller): User,
    key: Option<IdempotencyKey>,
    Body(new): Body<NewWebhook>,
) -> Result<Response> {
    let url = judged(&state, &new.url)?;
    let types = types_or_all("/events", new.events.as_deref())?;
    let secret = new.secret.as_deref().map(checked).transpose()?;
    let channel = new_id(&caller, "/v1/webhooks", key.as_ref());
    let (given, secret) = (secret.is_some(), secret.unwrap_or_else(drawn));
    let set = ChannelSet {
        channel,
        tenant: caller.tenant.clone(),
        kind: ChannelKind::Webhook,
        target: seal(&state, channel, url.as_str())?,
        shown: url.origin().ascii_serialization(),
        types,
        secrets: vec![ChannelSecret { sealed: seal(&state, channel, &secret)?, until: None }],
        digest_ms: digest(new.digest.as_deref())?,
        muted_until: None,
    };
    let (row, position) = common::set(&state, set, Given::New { secret: given }).await?;
    // A repeat is told the secret that there is.
    let view = with_secret(&state, &row)?;
    Ok(answer::positioned(&position.to_string(), (StatusCode::CREATED, Json(view)).into_response()))
}

/// List webhooks
#[utoipa::path(get, path = "/v1/webhooks", tag = "notifications",
    params(("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query, description = "50; 500 at most")),
    responses((status = 200, description = "A page", body = Page<WebhookView>)))]
pub async fn list(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<ListQuery>,
) -> Result<Response> {
    let page = common::list(&state, &caller, is_webhook, &query, |row| view(&state, row))?;
    Ok(answer::json(&at, &page))
}

/// Read a webhook
#[utoipa::path(get, path = "/v1/webhooks/{id}", tag = "notifications", params(("id" = String, Path)),
    responses((status = 200, description = "The webhook", body = WebhookView),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Path(id): Path<String>,
) -> Result<Response> {
    Ok(answer::json(&at, &view(&state, &common::find(&state, &caller, &id, is_webhook, "webhook")?)?))
}

/// Change a webhook
///
/// What is left out stays. What was raised before is sent as it was to be. A `url`, also the one that it has, has a webhook told again
/// whose receiver answered 410.
#[utoipa::path(patch, path = "/v1/webhooks/{id}", tag = "notifications", request_body = WebhookChange,
    params(("id" = String, Path)),
    responses((status = 200, description = "The webhook", body = WebhookView),
              (status = 404, description = "`not_found`", body = ProblemBody),
              (status = 422, description = "`input_invalid`", body = ProblemBody)))]
pub async fn patch(
    State(state): State<AppState>,
    User(caller): User,
    Path(id): Path<String>,
    Body(change): Body<WebhookChange>,
) -> Result<Response> {
    let mut set = common::find(&state, &caller, &id, is_webhook, "webhook")?.set;
    if let Some(url) = &change.url {
        let url = judged(&state, url)?;
        (set.target, set.shown) = (seal(&state, set.channel, url.as_str())?, url.origin().ascii_serialization());
    }
    let (events, digest, mute) = (change.events.as_deref(), change.digest.as_deref(), change.mute.as_deref());
    common::change(&state, &mut set, events, digest, mute)?;
    let given = if change.url.is_some() { Given::Target } else { Given::Other };
    let (row, position) = common::set(&state, set, given).await?;
    Ok(answer::positioned(&position.to_string(), Json(view(&state, &row)?).into_response()))
}

/// Rotate the secret of a webhook
///
/// For the time of the overlap each message carries a signature of both.
#[utoipa::path(post, path = "/v1/webhooks/{id}/rotate", tag = "notifications", request_body = Rotation,
    params(("id" = String, Path)),
    responses((status = 200, description = "The webhook, with its new secret", body = WebhookView),
              (status = 404, description = "`not_found`", body = ProblemBody),
              (status = 422, description = "`input_invalid`", body = ProblemBody)))]
pub async fn rotate(
    State(state): State<AppState>,
    User(caller): User,
    Path(id): Path<String>,
    Body(rotation): Body<Rotation>,
) -> Result<Response> {
    let mut set = common::find(&state, &caller, &id, is_webhook, "webhook")?.set;
    let secret = rotation.secret.as_deref().map(checked).transpose()?.unwrap_or_else(drawn);
    let overlap = rotation.overlap.as_deref().map_or(Ok(OVERLAP_MS), |text| duration("/overlap", text))?;
    if overlap > LONGEST_OVERLAP_MS {
        return Err(Problem::invalid("/overlap", refused("overlap", &[])).fix(refused("overlap_fix", &[])));
    }
    let now = state.engine().now();
    // The one in use until now signs on for a while; those before it end when they were to.
    set.secrets.retain(|old| old.until.is_none_or(|until| now < until));
    for old in set.secrets.iter_mut().filter(|old| old.until.is_none()) {
        old.until = Some(now.plus_ms(overlap));
    }
    set.secrets.insert(0, ChannelSecret { sealed: seal(&state, set.channel, &secret)?, until: None });
    set.secrets.truncate(MOST_SECRETS);
    let (row, position) = common::set(&state, set, Given::Other).await?;
    Ok(answer::positioned(&position.to_string(), Json(with_secret(&state, &row)?).into_response()))
}

/// Secrets that sign side by side.
const MOST_SECRETS: usize = 4;

/// Remove a webhook
///
/// What was not delivered yet is given up.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", tag = "notifications", params(("id" = String, Path)),
    responses((status = 204, description = "It is no more"),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn delete(State(state): State<AppState>, User(caller): User, Path(id): Path<String>) -> Result<Response> {
    common::end(&state, &caller, &id, is_webhook, "webhook").await
}

/// A URL that may be called, as far as can be told before its name is looked up.
fn judged(state: &AppState, text: &str) -> Result<url::Url> {
    let wrong = |word, fix| Problem::invalid("/url", refused(word, &[])).fix(refused(fix, &[]));
    if text.len() > LONGEST_URL || text.chars().any(char::is_control) {
        return Err(wrong("url_form", "url_form_fix"));
    }
    let url = url::Url::parse(text).map_err(|_| wrong("url", "url_fix"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("url_scheme", "url_fix"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("url_user", "url_user_fix"));
    }
    if is_private_host(&url) && !state.policy()?.document.notify.allow_private {
        return Err(wrong("url_private", "url_private_fix"));
    }
    Ok(url)
}

fn checked(secret: &str) -> Result<String> {
    match sign::parse(secret) {
        Some(_) => Ok(secret.to_owned()),
        // What was sent is not repeated: it may be a secret all the same.
        None => Err(Problem::invalid("/secret", refused("secret", &[])).fix(refused("secret_fix", &[]))),
    }
}

fn drawn() -> String {
    let bytes: [u8; 32] = rand::random();
    sign::secret(&bytes)
}

fn view(state: &AppState, row: &ChannelRow) -> Result<WebhookView> {
    let set = &row.set;
    Ok(WebhookView {
        webhook_id: set.channel.to_string(),
        url: open(state, &set.target)?,
        events: type_words(&set.types),
        digest: set.digest_ms.map(|ms| DurationMs(ms).to_string()),
        muted_until: muted_still(state, set.muted_until),
        stopped_at: row.stopped_at.map(rfc3339),
        created_at: rfc3339(row.made_at),
        secret: None,
    })
}

fn with_secret(state: &AppState, row: &ChannelRow) -> Result<WebhookView> {
    let first = row.set.secrets.first().ok_or_else(|| Problem::internal("a webhook has a secret"))?;
    Ok(WebhookView { secret: Some(open(state, &first.sealed)?), ..view(state, row)? })
}
