//! `/v1/worker/…`: leases and results for workers in any language. How one is written is told in `docs/workers.md`.
//!
//! A late call gets `409 lease_lost` and changes nothing; a repeat of one that was accepted gets the same answer.

mod shapes;

use super::auth::{Caller, Role};
use super::body::Body;
use super::error::{Code, Problem, Result};
use super::state::{AppState, log_access};
use crate::core::command::Reply;
use crate::core::source::MOST_PERMITS;
use crate::explain::time::rfc3339;
use crate::sources::connector::iso_date;
use crate::work::remote::{Failed, RemoteError, Told};
use axum::Json;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use mirano_schemas::{EvidenceId, LeaseToken, Level, Outcome, Permit, TaskId, Timestamp};
use shapes::*;
use std::time::Duration;

/// The header that carries a lease beside a raw body.
const LEASE: &str = "mirano-lease";
/// The longest that a lease waits for work, in seconds.
const LONGEST_WAIT_S: u64 = 60;
/// Tasks that one call leases at most.
const MOST_TASKS: usize = 100;
/// A raw answer has to arrive within this.
const EVIDENCE_PATIENCE: Duration = Duration::from_secs(120);
/// The longest cause that is kept, in characters.
const LONGEST_CAUSE: usize = 500;

/// A caller with the role `worker`.
#[derive(Debug, Clone)]
pub struct Worker(Caller);

impl FromRequestParts<AppState> for Worker {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.need(Role::Worker)?;
        Ok(Self(caller))
    }
}

/// Lease tasks
///
/// Waits up to `wait_s` for work, and answers with an empty list when there is none.
#[utoipa::path(post, path = "/v1/worker/lease", tag = "workers", request_body = LeaseBody,
    responses((status = 200, description = "Tasks, each under a lease", body = Leases),
              (status = 422, description = "`source_unknown`", body = super::error::ProblemBody)))]
pub async fn lease(
    State(state): State<AppState>,
    Worker(caller): Worker,
    Body(body): Body<LeaseBody>,
) -> Result<Json<Leases>> {
    let policy = state.policy()?;
    let sources = body.sources.unwrap_or_else(|| policy.document.sources.keys().cloned().collect());
    if let Some(index) = sources.iter().position(|source| !policy.document.sources.contains_key(source)) {
        let name = sources.get(index).cloned().unwrap_or_default();
        return Err(Problem::new(Code::SourceUnknown, format!("there is no source {name:?}"))
            .at(format!("/sources/{index}"), "is not in the policy"));
    }
    if !(1..=MOST_TASKS).contains(&body.max) {
        return Err(Problem::invalid("/max", format!("is not 1 to {MOST_TASKS}")));
    }
    let worker = body.worker.filter(|name| !name.is_empty()).unwrap_or_else(|| caller.key.clone());
    if worker.chars().count() > 100 {
        return Err(Problem::invalid("/worker", "is longer than 100 characters"));
    }
    let patience = Duration::from_secs(body.wait_s.min(LONGEST_WAIT_S));
    let offers = tokio::select! {
        offers = state.remote().lease(&sources, body.max, &worker, patience) => offers?,
        () = state.stop().cancelled() => Vec::new(),
    };
    for offer in offers.iter().filter(|offer| offer.task.subject.level() == Level::Person) {
        log_access(&caller, "task", &offer.task.task.to_string(), std::slice::from_ref(&offer.task.subject));
    }
    Ok(Json(Leases { tasks: offers.into_iter().map(leased).collect() }))
}

/// Ask for permits
///
/// One for each HTTP request: a further page, a redirect, a repeat. With `unused` it gives permits back instead.
#[utoipa::path(post, path = "/v1/worker/tasks/{id}/permit", tag = "workers", request_body = PermitBody, params(("id" = String, Path)),
    responses((status = 200, description = "Windows in which requests may start", body = Granted),
              (status = 409, description = "`lease_lost`", body = super::error::ProblemBody),
              (status = 422, description = "`input_invalid`", body = super::error::ProblemBody)))]
pub async fn permits(
    State(state): State<AppState>,
    _worker: Worker,
    Path(id): Path<String>,
    Body(body): Body<PermitBody>,
) -> Result<Json<Granted>> {
    let (task, lease) = (task(&id)?, token(&body.lease_token)?);
    if let Some(unused) = body.unused {
        if body.n.is_some() {
            return Err(Problem::invalid("/n", "can't stand beside `unused`"));
        }
        let permits = unused.iter().enumerate().map(|(index, window)| {
            let at = |name: &str| format!("/unused/{index}/{name}");
            Ok(Permit {
                not_before: time(&at("not_before"), &window.not_before)?,
                not_after: time(&at("not_after"), &window.not_after)?,
            })
        });
        state.remote().give_back(task, lease, permits.collect::<Result<_>>()?).await?;
        return Ok(Json(Granted { granted: 0, not_before: None, permits: Vec::new(), deadline: None }));
    }
    let n = body.n.unwrap_or(1);
    if !(1..=MOST_PERMITS).contains(&n) {
        return Err(Problem::invalid("/n", format!("is not 1 to {MOST_PERMITS}")));
    }
    match state.remote().permit(task, lease, n).await?.reply {
        Reply::Permits { permits, deadline } => Ok(Json(Granted {
            granted: u32::try_from(permits.len()).unwrap_or(u32::MAX),
            not_before: permits.first().map(|permit| rfc3339(permit.not_before)),
            permits: permits.iter().map(permit).collect(),
            deadline: Some(rfc3339(deadline)),
        })),
        Reply::Noted(_) => {
            Err(Problem::new(Code::LeaseLost, "the source may not be asked on for long; the task was put off"))
        }
        other => Err(Problem::internal(format!("{other:?}"))),
    }
}

/// Keep a lease
#[utoipa::path(post, path = "/v1/worker/tasks/{id}/heartbeat", tag = "workers", request_body = HeartbeatBody, params(("id" = String, Path)),
    responses((status = 200, description = "How the lease stands", body = Kept),
              (status = 409, description = "`lease_lost`", body = super::error::ProblemBody)))]
pub async fn heartbeat(
    State(state): State<AppState>,
    _worker: Worker,
    Path(id): Path<String>,
    Body(body): Body<HeartbeatBody>,
) -> Result<Json<Kept>> {
    let kept = state.remote().heartbeat(task(&id)?, token(&body.lease_token)?).await?;
    let rests_until = kept.rests_until.map(rfc3339);
    Ok(Json(Kept { deadline: rfc3339(kept.deadline), cancel: kept.cancel, rests_until }))
}

/// Keep a raw answer
///
/// The body as the source sent it, its `Content-Type`, and the lease in the header `Mirano-Lease`. Durable on return.
#[utoipa::path(post, path = "/v1/worker/tasks/{id}/evidence", tag = "workers",
    params(("id" = String, Path), ("Mirano-Lease" = String, Header, description = "The lease")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "Kept", body = EvidenceKept),
              (status = 409, description = "`lease_lost`", body = super::error::ProblemBody),
              (status = 413, description = "`too_large`", body = super::error::ProblemBody)))]
pub async fn evidence(
    State(state): State<AppState>,
    _worker: Worker,
    Path(id): Path<String>,
    headers: HeaderMap,
    sent: Request,
) -> Result<Json<EvidenceKept>> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let lease = text(LEASE).ok_or_else(|| {
        Problem::invalid("Mirano-Lease", "is missing").fix("Send the lease's token in the header `Mirano-Lease`.")
    })?;
    let (task, lease) = (task(&id)?, token(lease)?);
    let most = state.remote().most_bytes(task, lease)?;
    let sent = tokio::time::timeout(EVIDENCE_PATIENCE, axum::body::to_bytes(sent.into_body(), most)).await;
    let late = format!("did not arrive within {} seconds", EVIDENCE_PATIENCE.as_secs());
    let body = sent.map_err(|_| Problem::invalid("", late))?.map_err(|error| {
        Problem::new(Code::TooLarge, format!("the body has more than {most} bytes, or ends too early")).private(error)
    })?;
    let content_type = text(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let kept = state.remote().keep(task, lease, body, content_type).await?;
    Ok(Json(EvidenceKept { evidence_id: kept.to_string() }))
}

/// Ask for the next page
///
/// The server reads the pages by the source's file and says what follows them. A worker that reads pages itself needs no such call.
#[utoipa::path(post, path = "/v1/worker/tasks/{id}/next", tag = "workers", request_body = NextBody, params(("id" = String, Path)),
    responses((status = 200, description = "The next request, or none", body = NextRequest),
              (status = 409, description = "`lease_lost`", body = super::error::ProblemBody)))]
pub async fn next(
    State(state): State<AppState>,
    _worker: Worker,
    Path(id): Path<String>,
    Body(body): Body<NextBody>,
) -> Result<Json<NextRequest>> {
    let (task, lease, evidence) = (task(&id)?, token(&body.lease_token)?, evidence_ids("/evidence", &body.evidence)?);
    let next = state.remote().next(task, lease, &evidence, body.http_status).await?;
    Ok(Json(NextRequest { request: next.map(request) }))
}

/// Tell some of an answer's facts
///
/// For long answers, page by page: each part is held against the source's file at once, and durable on return. `complete` names
/// the parts; nobody is shown them before.
#[utoipa::path(post, path = "/v1/worker/tasks/{id}/facts", tag = "workers", request_body = PartBody, params(("id" = String, Path)),
    responses((status = 200, description = "Kept", body = PartKept),
              (status = 409, description = "`lease_lost`", body = super::error::ProblemBody),
              (status = 422, description = "`input_invalid`: what does not fit the source's file", body = super::error::ProblemBody)))]
pub async fn facts(
    State(state): State<AppState>,
    _worker: Worker,
    Path(id): Path<String>,
    Body(body): Body<PartBody>,
) -> Result<Json<PartKept>> {
    let (task, lease) = (task(&id)?, token(&body.lease_token)?);
    if body.facts.is_empty() {
        return Err(Problem::invalid("/facts", "is empty"));
    }
    let facts = body.facts.len();
    let kept = state.remote().keep_part(task, lease, given(body.facts)).await?;
    Ok(Json(PartKept { part_id: kept.to_string(), facts }))
}

fn recorded(reply: Reply) -> Result<Json<Recorded>> {
    Ok(Json(match reply {
        Reply::Observed(observation) => Recorded { observation_id: Some(observation.to_string()), retry_at: None },
        Reply::Noted(retry_at) => Recorded { observation_id: None, retry_at: retry_at.map(rfc3339) },
        other => return Err(Problem::internal(format!("{other:?}"))),
    }))
}

/// Tell what came of a task
///
/// With `facts`, they are held against the source's file; without, the server reads the evidence as its own workers do. A
/// page that is no answer is recorded as a failed attempt, and said so by `observation_id: null`.
#[utoipa::path(post, path = "/v1/worker/tasks/{id}/complete", tag = "workers", request_body = CompleteBody, params(("id" = String, Path)),
    responses((status = 200, description = "What was recorded", body = Recorded),
              (status = 409, description = "`lease_lost`", body = super::error::ProblemBody),
              (status = 422, description = "`input_invalid`: what does not fit the source's file", body = super::error::ProblemBody)))]
pub async fn complete(
    State(state): State<AppState>,
    _worker: Worker,
    Path(id): Path<String>,
    Body(body): Body<CompleteBody>,
) -> Result<Json<Recorded>> {
    let (task, lease) = (task(&id)?, token(&body.lease_token)?);
    let outcome = match body.outcome.as_deref() {
        None => None,
        Some("found") => Some(Outcome::Found),
        Some("nothing_found") => Some(Outcome::NothingFound),
        Some(_) => return Err(Problem::invalid("/outcome", "is neither `found` nor `nothing_found`")),
    };
    if body.evidence.is_empty() {
        return Err(Problem::invalid("/evidence", "is empty").fix("Keep the raw answer first: POST …/evidence."));
    }
    match (outcome, body.facts.as_ref().map(Vec::len)) {
        (Some(Outcome::NothingFound), Some(1..)) => {
            return Err(Problem::invalid("/facts", "there are facts, though `outcome` is `nothing_found`"));
        }
        (Some(Outcome::NothingFound), None) if !body.parts.is_empty() => {
            return Err(Problem::invalid("/parts", "there are facts, though `outcome` is `nothing_found`"));
        }
        (Some(Outcome::Found), Some(0)) if body.parts.is_empty() => {
            return Err(Problem::invalid("/facts", "there are no facts, though `outcome` is `found`"));
        }
        _ => {}
    }
    let told = Told {
        outcome,
        complete: body.complete,
        as_of: body.as_of.as_deref().map(date).transpose()?,
        observed_at: body.observed_at.as_deref().map(|text| time("/observed_at", text)).transpose()?,
        evidence: evidence_ids("/evidence", &body.evidence)?,
        facts: body.facts.map(given),
        parts: evidence_ids("/parts", &body.parts)?,
        http_status: body.http_status,
    };
    recorded(state.remote().complete(task, lease, told).await?.reply)
}

/// Tell that an attempt failed
#[utoipa::path(post, path = "/v1/worker/tasks/{id}/fail", tag = "workers", request_body = FailBody, params(("id" = String, Path)),
    responses((status = 200, description = "What was recorded", body = Recorded),
              (status = 409, description = "`lease_lost`", body = super::error::ProblemBody),
              (status = 422, description = "`input_invalid`", body = super::error::ProblemBody)))]
pub async fn fail(
    State(state): State<AppState>,
    _worker: Worker,
    Path(id): Path<String>,
    Body(body): Body<FailBody>,
) -> Result<Json<Recorded>> {
    let (task, lease) = (task(&id)?, token(&body.lease_token)?);
    let outcome = match body.outcome.as_str() {
        "unavailable" => Outcome::Unavailable,
        "blocked" => Outcome::Blocked,
        "unparsable" => Outcome::Unparsable,
        "refused" => Outcome::Refused,
        _ => return Err(Problem::invalid("/outcome", "is none of `unavailable`, `blocked`, `unparsable`, `refused`")),
    };
    if body.cause.trim().is_empty() || body.cause.chars().count() > LONGEST_CAUSE {
        return Err(Problem::invalid("/cause", format!("is empty or longer than {LONGEST_CAUSE} characters")));
    }
    let failed = Failed {
        outcome,
        cause: body.cause,
        http_status: body.http_status,
        evidence: evidence_ids("/evidence", &body.evidence)?,
        retry_after_ms: body.retry_after_s.map(|seconds| seconds.min(86_400) * 1_000),
    };
    let failed = state.remote().fail(task, lease, failed).await?;
    recorded(failed.reply)
}

fn task(id: &str) -> Result<TaskId> {
    id.parse().map_err(|_| Problem::not_found("task"))
}

fn token(text: &str) -> Result<LeaseToken> {
    text.parse()
        .map_err(|_| Problem::new(Code::LeaseLost, "this is no lease").at("/lease_token", "is no token of ours"))
}

fn time(at: &str, text: &str) -> Result<Timestamp> {
    let parsed = chrono::DateTime::parse_from_rfc3339(text);
    let bad = |_| Problem::new(Code::BadTime, format!("{text:?} is no time")).at(at, "is not RFC 3339");
    parsed.map(|at| Timestamp(at.timestamp_millis())).map_err(bad)
}

/// A source's own date: ISO, as a page's would be read.
fn date(text: &str) -> Result<String> {
    iso_date(text).ok_or_else(|| {
        Problem::invalid("/as_of", "is no date YYYY-MM-DD").fix("Send an ISO date, or leave `as_of` out.")
    })
}

fn evidence_ids(at: &str, ids: &[String]) -> Result<Vec<EvidenceId>> {
    let one = |(index, id): (usize, &String)| {
        id.parse().map_err(|_| Problem::invalid(&format!("{at}/{index}"), "is no id of what was kept"))
    };
    ids.iter().enumerate().map(one).collect()
}

impl From<RemoteError> for Problem {
    fn from(error: RemoteError) -> Self {
        let said = error.to_string();
        match error {
            RemoteError::Engine(error) => error.into(),
            RemoteError::Store(error) => error.into(),
            RemoteError::Evidence(crate::work::evidence::EvidenceError::NotFound(id)) => {
                Problem::invalid("/evidence", format!("{id} is not kept"))
                    .fix("Keep the raw answer first: POST …/evidence.")
            }
            RemoteError::Evidence(error) => error.into(),
            RemoteError::NoTask => Self::not_found("task"),
            RemoteError::LeaseLost => Self::new(Code::LeaseLost, said),
            RemoteError::OurWord => Self::invalid("/cause", said),
            RemoteError::TooEarly => Self::invalid("/observed_at", said),
            RemoteError::Erased => Self::new(Code::Erased, said),
            RemoteError::Source(_) => Self::new(Code::SourceUnknown, said),
            RemoteError::Facts(problems) => problems
                .into_iter()
                .fold(Self::new(Code::InputInvalid, said), |problem, found| problem.at(found.at, found.detail)),
        }
    }
}
