//! `/v1/notifications`: what a tenant was told, newest first, and what of it was read.

use super::answer;
use super::auth::User;
use super::body::Body;
use super::error::{Code, Problem, ProblemBody, Result, refused};
use super::query::{At, Query, behind, limit, start};
use super::state::AppState;
use crate::core::command::Command;
use crate::core::notify::NotifyCommand;
use crate::explain::time::rfc3339;
use crate::explain::words::Lang;
use crate::notify::{Check, Data, data, words};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mirano_replay::rows::{JobRow, NotificationRow, key};
use mirano_replay::store::{Read, ReadExt, StoreError, Table};
use mirano_schemas::{NotificationId, NotificationType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Notifications that one call looks through.
const LOOKED_THROUGH: usize = 10_000;
/// The mark of what was read.
const READ: &[u8] = &[1];
/// Ids in one command.
const AT_ONCE: usize = 500;

/// A notification.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NotificationView {
    /// Its id: a hash of its cause.
    pub notification_id: String,
    /// `job.first_result` `job.final` `risk.level_changed` `facts.changed` `source.recovered` `report.stale`.
    pub r#type: String,
    /// When.
    pub timestamp: String,
    /// Whether it was read.
    pub read: bool,
    /// What happened, in words.
    pub text: String,
    /// What happened, as webhooks are told.
    pub data: Data,
}

/// The list, and how much of it is unread.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Notifications {
    /// The items.
    pub items: Vec<NotificationView>,
    /// Send it as `?cursor=` for the next page; `null`: this was the last.
    pub next_cursor: Option<String>,
    /// How many are unread; at 10000 they are not counted further.
    pub unread: usize,
}

/// Which ones.
#[derive(Debug, Clone, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    unread: bool,
    r#type: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// List notifications
///
/// Newest first: what somebody of the tenant asked to be told of, by a check's `notify` or a channel's events.
#[utoipa::path(get, path = "/v1/notifications", tag = "notifications",
    params(("unread" = Option<bool>, Query, description = "`true`: only those"), ("type" = Option<String>, Query),
           ("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query, description = "50; 500 at most"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 200, description = "A page", body = Notifications),
              (status = 400, description = "`bad_cursor`", body = ProblemBody)))]
pub async fn list(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    at: At,
    Query(query): Query<ListQuery>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let what = query.r#type.as_deref().map(|word| {
        let unknown =
            || Problem::said(Code::InputInvalid, "type", &[("given", word.into())]).at("type", refused("type_at", &[]));
        NotificationType::of_word(word).ok_or_else(unknown)
    });
    let what = what.transpose()?;
    let list = format!("notifications of {}", caller.tenant);
    let prefix = key::notification_by_tenant(&caller.tenant, None);
    let from = start(&list, &prefix, query.cursor.as_deref())?;
    let page = tokio::task::spawn_blocking(move || -> Result<Notifications> {
        let (views, policy) = (state.engine().views(), state.policy()?);
        let mut items = Vec::new();
        let mut jobs: BTreeMap<_, Option<JobRow>> = BTreeMap::new();
        let looked = look(&**views, &prefix, &from, query.unread, LOOKED_THROUGH)?;
        // Where the next page goes on: behind what this one shows or passes over, else behind what was looked at.
        let (mut last, mut end) = (Vec::new(), looked.end);
        for place in looked.places {
            if items.len() == limit {
                end = Some(last);
                break;
            }
            let Some(id) = key::tail(&place).map(NotificationId) else { continue };
            last = place;
            let row: Option<NotificationRow> = views.row(id.as_bytes())?;
            let Some(row) = row.filter(|row| what.is_none_or(|what| row.raised.what == what)) else { continue };
            if let Some(job) = row.raised.job.filter(|job| !jobs.contains_key(job)) {
                jobs.insert(job, views.row(job.as_bytes())?);
            }
            let job = row.raised.job.and_then(|job| jobs.get(&job)?.as_ref());
            let check = job.map(|job| Check::of(&**views, &row, job)).transpose()?;
            items.push(NotificationView {
                notification_id: id.to_string(),
                r#type: row.raised.what.word().to_owned(),
                timestamp: rfc3339(row.at),
                read: row.read,
                text: words::line(&row, check.as_ref(), &policy.document, lang),
                data: data(&row),
            });
        }
        let next_cursor = end.and_then(|end| behind(&list, &prefix, &end));
        Ok(Notifications { items, next_cursor, unread: unread(&state, &caller.tenant)?.len() })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &page))
}

/// What a page may show, and where it has to go on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Looked {
    places: Vec<Vec<u8>>,
    /// The last place that was looked at, shown or not, where others may follow.
    end: Option<Vec<u8>>,
}

/// Looks through `most` places of a tenant.
fn look(
    rows: &dyn Read,
    prefix: &[u8],
    from: &[u8],
    only_unread: bool,
    most: usize,
) -> std::result::Result<Looked, StoreError> {
    let (mut looked, mut seen) = (Looked::default(), 0);
    rows.scan(Table::NotificationIndex, prefix, from, &mut |place, mark| {
        seen += 1;
        if !(only_unread && mark == READ) {
            looked.places.push(place.to_vec());
        }
        if seen == most {
            looked.end = Some(place.to_vec());
        }
        seen < most
    })?;
    Ok(looked)
}

/// The tenant's unread notifications, newest first.
fn unread(state: &AppState, tenant: &str) -> Result<Vec<NotificationId>> {
    let prefix = key::notification_by_tenant(tenant, None);
    let mut ids = Vec::new();
    state.engine().views().scan(Table::NotificationIndex, &prefix, &prefix, &mut |place, mark| {
        if mark != READ {
            ids.extend(key::tail(place).map(NotificationId));
        }
        ids.len() < LOOKED_THROUGH
    })?;
    Ok(ids)
}

/// Which were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadBody {
    /// These.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// All of them.
    #[serde(default)]
    pub all: bool,
}

/// Mark notifications as read
#[utoipa::path(post, path = "/v1/notifications/read", tag = "notifications", request_body = ReadBody,
    responses((status = 204, description = "They are read"),
              (status = 404, description = "`not_found`", body = ProblemBody),
              (status = 422, description = "`input_missing`", body = ProblemBody)))]
pub async fn read(State(state): State<AppState>, User(caller): User, Body(body): Body<ReadBody>) -> Result<Response> {
    let ids = match (body.all, body.ids.is_empty()) {
        (true, _) => unread(&state, &caller.tenant)?,
        (false, false) => {
            let parse = |text: &String| text.parse().map_err(|_| Problem::not_found("notification"));
            body.ids.iter().map(parse).collect::<Result<Vec<NotificationId>>>()?
        }
        (false, true) => {
            return Err(Problem::said(Code::InputMissing, "read_nothing", &[])
                .at("/ids", refused("required", &[]))
                .fix(refused("read_nothing_fix", &[])));
        }
    };
    let mut by_partition: BTreeMap<u32, Vec<NotificationId>> = BTreeMap::new();
    for id in ids {
        let row: Option<NotificationRow> = state.engine().views().row(id.as_bytes())?;
        let row = row.filter(|row| row.raised.tenant == caller.tenant);
        let partition = row.ok_or_else(|| Problem::not_found("notification"))?.position.partition;
        by_partition.entry(partition).or_default().push(id);
    }
    for (partition, ids) in by_partition {
        for ids in ids.chunks(AT_ONCE) {
            let tenant = caller.tenant.clone();
            let command = NotifyCommand::Read { partition, tenant, notifications: ids.to_vec() };
            state.engine().submit(Command::Notify(command)).await?;
        }
    }
    let cut = super::query::cut(state.engine());
    Ok(answer::positioned(&cut, StatusCode::NO_CONTENT.into_response()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirano_replay::store::{MemoryStore, Write};
    use mirano_schemas::{Position, Timestamp};

    /// However many of the newest were read, the unread ones behind them are reached.
    #[test]
    fn unread_ones_are_reached_behind_many_that_were_read() {
        let mut store = MemoryStore::default();
        let place = |n: u64| {
            let id = NotificationId::of(&[&n.to_le_bytes()]);
            let at = Timestamp(1_800_000_000_000).plus_ms(n);
            key::notification_by_tenant("t", Some((at, Position { partition: 0, seq: n }, id)))
        };
        for n in 0..10 {
            store.put(Table::NotificationIndex, &place(n), vec![u8::from(n != 0)]);
        }
        let prefix = key::notification_by_tenant("t", None);
        let (mut from, mut found, mut pages) = (prefix.to_vec(), Vec::new(), 0);
        loop {
            let looked = look(&store, &prefix, &from, true, 3).expect("readable");
            found.extend(looked.places);
            pages += 1;
            let Some(end) = looked.end else { break };
            from = [end.as_slice(), &[0]].concat();
        }
        assert_eq!((found, pages), (vec![place(0).to_vec()], 4));
        let looked = look(&store, &prefix, &prefix, false, 100).expect("readable");
        assert_eq!((looked.places.len(), looked.end), (10, None));
    }
}
