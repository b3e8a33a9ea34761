//! `notify`: who is told of one check, and of what.

use crate::core::command::Command;
use crate::core::notify::{NotifyCommand, SetNotify};
use crate::explain::time::rfc3339;
use crate::http::answer;
use crate::http::auth::{Caller, User};
use crate::http::body::Body;
use crate::http::channels::{muted_still, muted_until, type_words, types_or_all};
use crate::http::error::{Code, Problem, ProblemBody, Result, refused};
use crate::http::query::At;
use crate::http::state::AppState;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use mirano_replay::rows::NotifyRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::{ChannelId, JobId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who is told of a check, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"events": ["job.final", "risk.level_changed"]}))]
pub struct Notify {
    /// Of what; left out: of everything; `[]`: only what a channel hears of every check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Ids of webhooks and addresses; left out: all that there are. Without any, it is in the list of notifications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// For how long nobody is told, from now on; what happens is still listed. `0s`, or left out: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<String>,
}

/// Who is told of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotifyView {
    /// The check.
    pub job_id: String,
    /// Of what, besides what channels hear of every check.
    pub events: Vec<String>,
    /// Who; empty: all channels that there are.
    pub channels: Vec<String>,
    /// Nobody is told before then.
    pub muted_until: Option<String>,
    /// When the report will be stale, while that is watched.
    pub stale_at: Option<String>,
}

impl Notify {
    /// What it asks of the engine.
    pub(in crate::http) fn command(&self, state: &AppState, caller: &Caller, job: JobId) -> Result<SetNotify> {
        let channel = |(index, id): (usize, &String)| {
            id.parse::<ChannelId>().map_err(|_| {
                Problem::said(Code::InputInvalid, "channel", &[])
                    .at(format!("/notify/channels/{index}"), refused("channel_at", &[]))
                    .fix(refused("channel_fix", &[]))
            })
        };
        Ok(SetNotify {
            job,
            tenant: caller.tenant.clone(),
            types: types_or_all("/notify/events", self.events.as_deref())?,
            channels: self.channels.iter().flatten().enumerate().map(channel).collect::<Result<_>>()?,
            muted_until: self.mute.as_deref().map(|text| muted_until(state, text)).transpose()?.flatten(),
        })
    }
}

/// Who is told of a check
#[utoipa::path(get, path = "/v1/jobs/{id}/notify", tag = "notifications", params(("id" = String, Path)),
    responses((status = 200, description = "Who, and of what", body = NotifyView),
              (status = 404, description = "`not_found`", body = ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Path(id): Path<String>,
) -> Result<Response> {
    let job = state.job(&caller, &id)?.created.job;
    Ok(answer::json(&at, &view(&state, job)?))
}

/// Set who is told of a check
#[utoipa::path(put, path = "/v1/jobs/{id}/notify", tag = "notifications", request_body = Notify,
    params(("id" = String, Path)),
    responses((status = 200, description = "Who, and of what", body = NotifyView),
              (status = 404, description = "`not_found`: the check, or a channel", body = ProblemBody),
              (status = 422, description = "`input_invalid`", body = ProblemBody)))]
pub async fn put(
    State(state): State<AppState>,
    User(caller): User,
    Path(id): Path<String>,
    Body(notify): Body<Notify>,
) -> Result<Response> {
    let job = state.job(&caller, &id)?.created.job;
    let command = NotifyCommand::SetJob(notify.command(&state, &caller, job)?);
    let decided = state.engine().submit(Command::Notify(command)).await?;
    Ok(answer::positioned(&decided.position.to_string(), Json(view(&state, job)?).into_response()))
}

fn view(state: &AppState, job: JobId) -> Result<NotifyView> {
    let row: Option<NotifyRow> = state.engine().views().row(job.as_bytes())?;
    let set = row.as_ref().map(|row| &row.set);
    Ok(NotifyView {
        job_id: job.to_string(),
        events: set.map(|set| type_words(&set.types)).unwrap_or_default(),
        channels: set.map(|set| set.channels.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        muted_until: muted_still(state, set.and_then(|set| set.muted_until)),
        stale_at: row.as_ref().and_then(|row| row.stale_at).map(rfc3339),
    })
}
