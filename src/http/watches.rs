//! `/v1/watches`: checks that are made again by themselves.

use super::answer;
use super::auth::{Caller, User};
use super::body::Body;
use super::error::{Code, Problem, ProblemBody, Result, no_duration, refused};
use super::jobs::create::{self, NewJob};
use super::jobs::notify::Notify;
use super::query::{At, IdempotencyKey, Page, Query, behind, limit, start};
use super::state::AppState;
use crate::core::command::{Command, InputFault, Rejection, Reply, SetWatch};
use crate::core::notify::NotifyCommand;
use crate::core::policy::{DayHours, DurationMs};
use crate::core::watch::SHORTEST_MS;
use crate::explain::time::rfc3339;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mirano_replay::rows::{WatchRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::{JobId, WatchId, WatchReason};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const LIST: &str = "watches";
/// Keys are remembered by tenant and path.
const PATH: &str = "/v1/watches";

/// What is to be watched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"address": "г Москва, ул Тверская 7, кв 12", "profile": "standard", "every": "1d", "reason": "key"}))]
pub struct NewWatch {
    /// A check that there is; or an address and a profile, which make one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// One line, as people write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// One of `GET /v1/profiles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// How often: `12h`, `1d`; a minute at least. Times are spread over a tenth of it.
    pub every: String,
    /// Hours of the day in which a re-check may begin, UTC: `22:00-06:00`. Left out: at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
    /// `key` (it matters), `popular` or `paid`.
    pub reason: String,
    /// Who is told of the check, and of what, from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
}

/// A watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WatchView {
    /// Its id.
    pub watch_id: String,
    /// The check that is made again.
    pub job_id: String,
    /// How often.
    pub every: String,
    /// When in the day, UTC.
    pub hours: Option<String>,
    /// Why.
    pub reason: String,
    /// The next time.
    pub next_at: String,
    /// The last time; null: not yet.
    pub last_at: Option<String>,
}

/// Watch a check
///
/// The check stays the same check: each re-check that changes something seals a further snapshot.
#[utoipa::path(post, path = "/v1/watches", tag = "watches", request_body = NewWatch,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body set one watch for 24 hours")),
    responses((status = 201, description = "The watch", body = WatchView),
              (status = 404, description = "`not_found`", body = ProblemBody),
              (status = 409, description = "`idempotency_mismatch`", body = ProblemBody),
              (status = 422, description = "`input_invalid` `input_missing`, and what a check is refused with", body = ProblemBody)))]
pub async fn post(
    State(state): State<AppState>,
    User(caller): User,
    key: Option<IdempotencyKey>,
    Body(new): Body<NewWatch>,
) -> Result<Response> {
    let every: DurationMs = new
        .every
        .parse()
        .map_err(|error| Problem::invalid("/every", no_duration(error)).fix(refused("every_fix", &[])))?;
    if every.0 < SHORTEST_MS {
        // Before a check is made for the watch.
        return Err(Rejection::FieldInvalid("every".to_owned(), InputFault::TooOften).into());
    }
    let hours = new.hours.as_deref().map(|text| {
        text.parse().map(|DayHours(hours)| hours).map_err(|error: crate::core::policy::ParseHoursError| {
            Problem::invalid("/hours", refused("hours", &[("given", error.0.into())])).fix(refused("hours_fix", &[]))
        })
    });
    let hours = hours.transpose()?;
    let reason = match new.reason.as_str() {
        "key" => WatchReason::Key,
        "popular" => WatchReason::Popular,
        "paid" => WatchReason::Paid,
        _ => return Err(Problem::invalid("/reason", refused("reason", &[]))),
    };
    let job = job(&state, &caller, key.as_ref(), &new).await?;
    let watch = watch_id(&state, &caller, key.as_ref())?;
    if let Some(notify) = &new.notify {
        let notify = NotifyCommand::SetJob(notify.command(&state, &caller, job)?);
        state.engine().submit(Command::Notify(notify)).await?;
    }
    let set = SetWatch { watch, job, tenant: caller.tenant.clone(), every_ms: every.0, hours, reason };
    let decided = state.engine().submit(Command::SetWatch(set)).await?;
    let Reply::Watch(watch) = decided.reply else { return Err(Problem::internal(format!("{:?}", decided.reply))) };
    let row: Option<WatchRow> = state.engine().views().row(watch.as_bytes())?;
    let view = view(watch, &row.ok_or_else(|| Problem::not_found("watch"))?);
    Ok(answer::positioned(&decided.position.to_string(), (StatusCode::CREATED, Json(view)).into_response()))
}

/// The watch's id. With a key: the hash of tenant, path, key and how often the key has run out; without: a fresh one.
fn watch_id(state: &AppState, caller: &Caller, key: Option<&IdempotencyKey>) -> Result<WatchId> {
    let tenant = caller.tenant.as_bytes();
    let Some(IdempotencyKey(key)) = key else {
        let fresh: [u8; 16] = rand::random();
        return Ok(WatchId::of(&[tenant, b"", &fresh]));
    };
    let now = state.engine().now();
    // A watch that was ended leaves a gap, behind which there may be the one that the key set since.
    let mut gap = None;
    for n in 0u64.. {
        let watch = WatchId::of(&[tenant, PATH.as_bytes(), key.as_bytes(), &n.to_le_bytes()]);
        let row: Option<WatchRow> = state.engine().views().row(watch.as_bytes())?;
        match (row, gap) {
            (Some(row), _) if create::lives(row.set_at, now) => return Ok(watch),
            (Some(_), _) => gap = None,
            (None, Some(gap)) => return Ok(gap),
            (None, None) => gap = Some(watch),
        }
    }
    Err(Problem::internal("idempotency keys ran out"))
}

/// The check to be watched: one that there is, or one that is made for it.
async fn job(state: &AppState, caller: &Caller, key: Option<&IdempotencyKey>, new: &NewWatch) -> Result<JobId> {
    match (&new.job_id, &new.address, &new.profile) {
        (Some(id), None, None) => Ok(state.job(caller, id)?.created.job),
        (None, Some(address), Some(profile)) => {
            // Who is told is set with the check, so that its first answers are told as well.
            let asked = NewJob { notify: new.notify.clone(), ..NewJob::of(address.clone(), profile.clone()) };
            Ok(create::start(state, caller, PATH, key.cloned(), &asked).await?.0)
        }
        (None, Some(_), None) => Err(missing("/profile")),
        (None, None, _) => Err(missing("/job_id")),
        _ => Err(Problem::invalid("/job_id", refused("watch_of_both", &[])).fix(refused("watch_of_both_fix", &[]))),
    }
}

fn missing(at: &str) -> Problem {
    Problem::said(Code::InputMissing, "watch_of", &[]).at(at, refused("required", &[]))
}

/// List watches
#[utoipa::path(get, path = "/v1/watches", tag = "watches",
    params(("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query, description = "50; 500 at most")),
    responses((status = 200, description = "A page", body = Page<WatchView>)))]
pub async fn list(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<super::jobs::list::ListQuery>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let list = format!("{LIST} of {}", caller.tenant);
    let prefix = key::watch_by_tenant(&caller.tenant, None);
    let from = start(&list, &prefix, query.cursor.as_deref())?;
    let views = state.engine().views();
    let keys = views.keys(Table::WatchByTenant, &prefix, &from, limit + 1)?;
    let mut items = Vec::new();
    for watch in keys.iter().take(limit).filter_map(|place| key::tail(place)).map(WatchId) {
        items.extend(views.row::<WatchRow>(watch.as_bytes())?.map(|row| view(watch, &row)));
    }
    let last = keys.get(limit.wrapping_sub(1)).filter(|_| keys.len() > limit);
    let next_cursor = last.and_then(|last| behind(&list, &prefix, last));
    Ok(answer::json(&at, &Page { items, next_cursor }))
}

/// Read a watch
#[utoipa::path(get, path = "/v1/watches/{id}", tag = "watches", params(("id" = String, Path)),
    responses((status = 200, description = "The watch", body = WatchView),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Path(id): Path<String>,
) -> Result<Response> {
    let (watch, row) = find(&state, &caller, &id)?;
    Ok(answer::json(&at, &view(watch, &row)))
}

/// End a watch
#[utoipa::path(delete, path = "/v1/watches/{id}", tag = "watches", params(("id" = String, Path)),
    responses((status = 204, description = "It is no more"),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn delete(State(state): State<AppState>, User(caller): User, Path(id): Path<String>) -> Result<Response> {
    let (watch, row) = find(&state, &caller, &id)?;
    let decided = state.engine().submit(Command::EndWatch { watch, job: row.set.job }).await?;
    Ok(answer::positioned(&decided.position.to_string(), StatusCode::NO_CONTENT.into_response()))
}

fn find(state: &AppState, caller: &Caller, id: &str) -> Result<(WatchId, WatchRow)> {
    let missing = || Problem::not_found("watch");
    let watch: WatchId = id.parse().map_err(|_| missing())?;
    let row: Option<WatchRow> = state.engine().views().row(watch.as_bytes())?;
    row.filter(|row| row.set.tenant == caller.tenant).map(|row| (watch, row)).ok_or_else(missing)
}

fn view(watch: WatchId, row: &WatchRow) -> WatchView {
    let reason = match row.set.reason {
        WatchReason::Key => "key",
        WatchReason::Popular => "popular",
        WatchReason::Paid => "paid",
    };
    WatchView {
        watch_id: watch.to_string(),
        job_id: row.set.job.to_string(),
        every: DurationMs(row.set.every_ms).to_string(),
        hours: row.set.hours.map(|hours| DayHours(hours).to_string()),
        reason: reason.to_owned(),
        next_at: rfc3339(row.next_at),
        last_at: row.last_at.map(rfc3339),
    }
}
