//! `GET /v1/jobs/{id}`: one job, now or as it was.

use crate::explain::model::{JobView, RowState, Status};
use crate::explain::words::Lang;
use crate::explain::{self, time};
use crate::http::answer;
use crate::http::auth::{Caller, User};
use crate::http::error::{Code, Problem, Result};
use crate::http::query::{At, Query};
use crate::http::state::{AppState, log_access};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mirano_replay::rows::JobRow;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Position, Timestamp};
use serde::{Deserialize, Serialize};

/// A job as it is answered, and what its entity tag covers.
pub struct JobAnswer {
    /// The job.
    pub view: JobView,
    /// Position, language and states.
    pub covers: Covers,
}

/// What makes an answer another one: not the ages in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covers {
    position: String,
    lang: &'static str,
    status: Status,
    rows: Vec<(RowState, u32, bool, Option<String>)>,
    risk: Option<(String, String)>,
    policy: u64,
    as_of: Option<String>,
}

/// The job at `now`, for its own tenant.
pub fn answer(state: &AppState, caller: &Caller, job: &JobRow, lang: Lang, now: Timestamp) -> Result<JobAnswer> {
    let policy = state.policy()?;
    let shown = explain::job(&state.context(&policy, lang, now), job)?;
    let view = shown.view;
    log_access(caller, "job", &view.job_id, &shown.opened);
    let reason = |row: &explain::model::RowView| row.blocked_on.as_ref().map(|blocked| blocked.reason.clone());
    let covers = Covers {
        position: view.position.clone(),
        lang: lang.code(),
        status: view.status,
        rows: view.sources.iter().map(|row| (row.state, row.attempts, row.joined, reason(row))).collect(),
        risk: view.risk.as_ref().map(|risk| (risk.score_is.clone(), risk.level.clone())),
        policy: policy.version,
        as_of: None,
    };
    Ok(JobAnswer { view, covers })
}

/// When a job is to be read.
#[derive(Debug, Clone, Deserialize)]
pub struct AsOf {
    as_of: Option<String>,
}

/// Read a job
///
/// Status and ages are computed at the time of the read.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path), ("as_of" = Option<String>, Query, description = "A time or a position: ages as they were then"),
           ("min_position" = Option<String>, Query, description = "Waits up to 5 s until the views show it"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 200, description = "The job", body = JobView), (status = 304, description = "The caller has it already"),
              (status = 404, description = "`not_found`", body = crate::http::error::ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    at: At,
    Query(query): Query<AsOf>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let now = match &query.as_of {
        Some(text) => moment(&state, &job, text)?,
        None => state.engine().now(),
    };
    let JobAnswer { view, mut covers } = self::answer(&state, &caller, &job, lang, now)?;
    covers.as_of = query.as_of;
    Ok(answer::tagged(&at, &headers, &covers, &view))
}

/// The time that `as_of` names: not before the job's last change, since the rows show what came of that.
fn moment(state: &AppState, job: &JobRow, text: &str) -> Result<Timestamp> {
    let now = state.engine().now();
    let earlier = |what: String| {
        Problem::new(Code::NotComparable, format!("the job has changed since {text}: {what}"))
            .at("as_of", "lies before the job's last change")
            .fix("Read the snapshot sealed at that time: see `snapshots` of the job and `GET /v1/snapshots/{id}`.")
    };
    if let Ok(position) = text.parse::<Position>() {
        let shown = state.engine().views().anchor(job.position.partition)?.map_or(0, |anchor| anchor.next_seq);
        if position.partition != job.position.partition || shown <= position.seq {
            return Err(Problem::new(Code::BadTime, format!("the job's log has no position {position} yet"))
                .at("as_of", "is not a position of this job's partition"));
        }
        if position < job.position {
            return Err(earlier(format!("its last change is {}", job.position)));
        }
        let commits = state.engine().log().read(position.partition, position.seq, 1).map_err(Problem::internal)?;
        let Some(commit) = commits.first().filter(|commit| commit.position == position) else {
            return Err(Problem::new(Code::BadTime, format!("there is no commit at {position}"))
                .at("as_of", "is not the position of a commit"));
        };
        return Ok(CommitBody::decode(commit.body()).map_err(Problem::internal)?.head.recorded_at);
    }
    let Some(at) = time::parse(text) else {
        return Err(Problem::new(Code::BadTime, format!("{text:?} is neither a time nor a position"))
            .at("as_of", "can't be read"));
    };
    if at > now {
        return Err(Problem::new(Code::BadTime, format!("{text} has not come yet")).at("as_of", "lies in the future"));
    }
    if at < job.updated_at {
        return Err(earlier(format!("its last change was at {}", time::rfc3339(job.updated_at))));
    }
    Ok(at)
}
