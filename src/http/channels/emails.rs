//! `/v1/emails`: addresses to which a tenant is told by mail.

use super::common::{self, Given, digest, muted_still, new_id, open, seal, type_words, types_or_all};
use crate::core::policy::DurationMs;
use crate::explain::time::rfc3339;
use crate::explain::words::Lang;
use crate::http::answer;
use crate::http::auth::User;
use crate::http::body::Body;
use crate::http::error::{Problem, ProblemBody, Result, refused};
use crate::http::jobs::list::ListQuery;
use crate::http::query::{At, IdempotencyKey, Page, Query};
use crate::http::state::AppState;
use crate::notify::mail;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mirano_replay::rows::ChannelRow;
use mirano_schemas::{ChannelKind, ChannelSet, Language};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An address that is to be told.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"address": "ivanov@example.org", "events": ["job.final"], "digest": "1d"}))]
pub struct NewEmail {
    /// One address, without a name.
    pub address: String,
    /// What it hears of every check; left out: everything; `[]`: only what a check's `notify` names it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// What comes within so long is told together: `1h`, `1d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// `ru` or `en`; left out: the language of this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
}

/// An address that is told.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EmailView {
    /// Its id.
    pub email_id: String,
    /// The address.
    pub address: String,
    /// What it hears of every check.
    pub events: Vec<String>,
    /// Over how long is collected; null: each notification is sent at once.
    pub digest: Option<String>,
    /// Its language.
    pub lang: String,
    /// It is sent nothing new before then.
    pub muted_until: Option<String>,
    /// When it was added.
    pub created_at: String,
}

/// What is to be another.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailChange {
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

fn is_email(kind: ChannelKind) -> bool {
    matches!(kind, ChannelKind::Email(_))
}

/// Add an address
#[utoipa::path(post, path = "/v1/emails", tag = "notifications", request_body = NewEmail,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body add one address"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 201, description = "The address", body = EmailView),
              (status = 409, description = "`idempotency_mismatch`", body = ProblemBody),
              (status = 413, description = "`too_large`: a tenant has a hundred channels at most", body = ProblemBody),
              (status = 422, description = "`input_invalid`", body = ProblemBody)))]
pub async fn post(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    key: Option<IdempotencyKey>,
    Body(new): Body<NewEmail>,
) -> Result<Response> {
    let no_address = || Problem::invalid("/address", refused("email", &[])).fix(refused("email_fix", &[]));
    let domain = mail::domain(&new.address).ok_or_else(no_address)?;
    if !state.sends_mail() {
        return Err(Problem::invalid("/address", refused("no_mail", &[])).fix(refused("no_mail_fix", &[])));
    }
    let allowed = &state.policy()?.document.notify.mail_domains;
    if !allowed.is_empty() && !allowed.iter().any(|one| one == domain) {
        return Err(Problem::invalid("/address", refused("email_domain", &[]))
            .fix(refused("email_domain_fix", &[("known", allowed.join(", ").into())])));
    }
    let language = match (new.lang.as_deref(), lang) {
        (Some("ru"), _) | (None, Lang::Ru) => Language::Ru,
        (Some("en"), _) | (None, Lang::En) => Language::En,
        (Some(_), _) => return Err(Problem::invalid("/lang", refused("lang_at", &[])).fix(refused("lang_fix", &[]))),
    };
    let channel = new_id(&caller, "/v1/emails", key.as_ref());
    let set = ChannelSet {
        channel,
        tenant: caller.tenant.clone(),
        kind: ChannelKind::Email(language),
        target: seal(&state, channel, &new.address)?,
        shown: domain.to_owned(),
        types: types_or_all("/events", new.events.as_deref())?,
        secrets: Vec::new(),
        digest_ms: digest(new.digest.as_deref())?,
        muted_until: None,
    };
    let (row, position) = common::set(&state, set, Given::New { secret: false }).await?;
    let view = view(&state, &row)?;
    Ok(answer::positioned(&position.to_string(), (StatusCode::CREATED, Json(view)).into_response()))
}

/// List addresses
#[utoipa::path(get, path = "/v1/emails", tag = "notifications",
    params(("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query, description = "50; 500 at most")),
    responses((status = 200, description = "A page", body = Page<EmailView>)))]
pub async fn list(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<ListQuery>,
) -> Result<Response> {
    let page = common::list(&state, &caller, is_email, &query, |row| view(&state, row))?;
    Ok(answer::json(&at, &page))
}

/// Read an address
#[utoipa::path(get, path = "/v1/emails/{id}", tag = "notifications", params(("id" = String, Path)),
    responses((status = 200, description = "The address", body = EmailView),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Path(id): Path<String>,
) -> Result<Response> {
    Ok(answer::json(&at, &view(&state, &common::find(&state, &caller, &id, is_email, "address")?)?))
}

/// Change an address
///
/// What is left out stays.
#[utoipa::path(patch, path = "/v1/emails/{id}", tag = "notifications", request_body = EmailChange,
    params(("id" = String, Path)),
    responses((status = 200, description = "The address", body = EmailView),
              (status = 404, description = "`not_found`", body = ProblemBody),
              (status = 422, description = "`input_invalid`", body = ProblemBody)))]
pub async fn patch(
    State(state): State<AppState>,
    User(caller): User,
    Path(id): Path<String>,
    Body(change): Body<EmailChange>,
) -> Result<Response> {
    let mut set = common::find(&state, &caller, &id, is_email, "address")?.set;
    let (events, digest, mute) = (change.events.as_deref(), change.digest.as_deref(), change.mute.as_deref());
    common::change(&state, &mut set, events, digest, mute)?;
    let (row, position) = common::set(&state, set, Given::Other).await?;
    Ok(answer::positioned(&position.to_string(), Json(view(&state, &row)?).into_response()))
}

/// Remove an address
#[utoipa::path(delete, path = "/v1/emails/{id}", tag = "notifications", params(("id" = String, Path)),
    responses((status = 204, description = "It is told no more"),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn delete(State(state): State<AppState>, User(caller): User, Path(id): Path<String>) -> Result<Response> {
    common::end(&state, &caller, &id, is_email, "address").await
}

fn view(state: &AppState, row: &ChannelRow) -> Result<EmailView> {
    let set = &row.set;
    let english = matches!(set.kind, ChannelKind::Email(Language::En));
    Ok(EmailView {
        email_id: set.channel.to_string(),
        address: open(state, &set.target)?,
        events: type_words(&set.types),
        digest: set.digest_ms.map(|ms| DurationMs(ms).to_string()),
        lang: if english { "en" } else { "ru" }.to_owned(),
        muted_until: muted_still(state, set.muted_until),
        created_at: rfc3339(row.made_at),
    })
}
