//! `POST /v1/jobs`: a check is asked for. The answer holds what is known already.

use super::notify::Notify;
use super::read::{JobAnswer, answer};
use crate::core::command::{Command, CreateJob, InputFault, Rejection, Reply};
use crate::core::notify::NotifyCommand;
use crate::core::policy::DurationMs;
use crate::engine::EngineError;
use crate::explain::model::JobView;
use crate::explain::words::Lang;
use crate::http::auth::{Caller, User};
use crate::http::body::Body;
use crate::http::error::{Code, Problem, Result, no_duration, refused};
use crate::http::query::IdempotencyKey;
use crate::http::state::AppState;
use crate::sources::address;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::{AddressRecord, JobId, Position, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How long an idempotency key is remembered.
const KEY_LIVES_MS: u64 = 24 * 3_600 * 1_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"address": "г Москва, ул Тверская 7, кв 12", "profile": "standard", "max_age": {"courts": "1d"}}))]
pub struct NewJob {
    /// One line, as people write it; or a cadastral number.
    pub address: String,
    /// One of `GET /v1/profiles`.
    pub profile: String,
    /// Further inputs of the profile.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// 1 (most urgent) to 5; 3 when left out, unless the policy says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 5)]
    pub priority: Option<u8>,
    /// The oldest data accepted, by source or `*`: the smaller of it and the TTL counts; `0s` forces.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub max_age: BTreeMap<String, String>,
    /// Who is told of it, and of what, from its first moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
}

impl NewJob {
    /// An address and a profile, and nothing else.
    pub fn of(address: String, profile: String) -> Self {
        let (inputs, max_age) = (BTreeMap::new(), BTreeMap::new());
        Self { address, profile, inputs, priority: None, max_age, notify: None }
    }
}

/// Start a check
///
/// Facts that are fresh are in the very first answer; the rest arrives in `GET /v1/jobs/{id}/events`.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", request_body = NewJob,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body give the first answer for 24 hours"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 202, description = "The job as it stands after reuse", body = JobView),
              (status = 409, description = "`idempotency_mismatch`", body = crate::http::error::ProblemBody),
              (status = 422, description = "`address_empty` `address_unusable` `profile_unknown` `input_invalid` `input_missing` `source_unknown`",
               body = crate::http::error::ProblemBody)))]
pub async fn post(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    key: Option<IdempotencyKey>,
    Body(new): Body<NewJob>,
) -> Result<Response> {
    let (id, position) = start(&state, &caller, "/v1/jobs", key, &new).await?;
    let job = state.job(&caller, &id.to_string())?;
    let JobAnswer { view, .. } = answer(&state, &caller, &job, lang, state.engine().now())?;
    let mut response = (StatusCode::ACCEPTED, axum::Json(view)).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/jobs/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(crate::http::answer::positioned(&position.to_string(), response))
}

/// Starts a check, or finds the one that this key started by a request to the same path; and the commit that it rests on.
pub async fn start(
    state: &AppState,
    caller: &Caller,
    path: &str,
    key: Option<IdempotencyKey>,
    new: &NewJob,
) -> Result<(JobId, Position)> {
    let command = command(state, caller, path, key, new)?;
    let id = command.job;
    let command = match &new.notify {
        None => Command::CreateJob(command),
        Some(notify) => {
            let notify = notify.command(state, caller, id)?;
            Command::Notify(NotifyCommand::Create { create: Box::new(command), notify })
        }
    };
    let decided = match state.engine().submit(command).await {
        Err(EngineError::Rejected(rejection)) => return Err(refusal(state, &new.profile, rejection)?),
        decided => decided?,
    };
    let Reply::Job(..) = decided.reply else { return Err(Problem::internal(format!("{:?}", decided.reply))) };
    metrics::counter!("mirano_jobs_asked_total").increment(1);
    Ok((id, decided.position))
}

/// A refusal in words; of an input that the profile has not it names those that it has.
fn refusal(state: &AppState, profile: &str, rejection: Rejection) -> Result<Problem> {
    let unknown = matches!(rejection, Rejection::InputInvalid(_, InputFault::Unknown));
    let problem = Problem::from(rejection);
    let policy = state.policy()?;
    let Some(profile) = policy.document.profiles.get(profile).filter(|_| unknown) else { return Ok(problem) };
    let known: Vec<&str> = profile.inputs.keys().map(String::as_str).collect();
    Ok(problem.fix(match known.is_empty() {
        true => refused("inputs_none_fix", &[]),
        false => refused("one_of", &[("known", known.join(", ").into())]),
    }))
}

fn command(
    state: &AppState,
    caller: &Caller,
    path: &str,
    key: Option<IdempotencyKey>,
    new: &NewJob,
) -> Result<CreateJob> {
    let policy = state.policy()?;
    if policy.document.sources.is_empty() {
        return Err(Problem::said(Code::NotReady, "no_policy", &[]));
    }
    if !policy.document.profiles.contains_key(&new.profile) {
        let known: Vec<&str> = policy.document.profiles.keys().map(String::as_str).collect();
        return Err(Problem::said(Code::ProfileUnknown, "profile", &[("given", new.profile.as_str().into())])
            .at("/profile", refused("profile_at", &[]))
            .fix(refused("one_of", &[("known", known.join(", ").into())])));
    }
    let priority = new.priority.unwrap_or(policy.document.queue.interactive);
    if !(1..=5).contains(&priority) {
        return Err(Problem::said(Code::InputInvalid, "priority", &[("given", priority.to_string().into())])
            .at("/priority", refused("priority_at", &[]))
            .fix(refused("priority_fix", &[])));
    }
    let mut max_age_ms = BTreeMap::new();
    for (source, text) in &new.max_age {
        let at = format!("/max_age/{}", source.replace('~', "~0").replace('/', "~1"));
        if source != "*" && !policy.document.sources.contains_key(source) {
            let known: Vec<&str> = policy.document.sources.keys().map(String::as_str).collect();
            return Err(Problem::said(Code::SourceUnknown, "source", &[("given", source.as_str().into())])
                .at(at, refused("source_at", &[]))
                .fix(refused("one_of", &[("known", format!("*, {}", known.join(", ")).into())])));
        }
        let age: DurationMs = text.parse().map_err(|error: crate::core::policy::duration::ParseDurationError| {
            let why = no_duration(error);
            Problem::said(Code::InputInvalid, "max_age", &[("source", source.as_str().into()), ("why", (&why).into())])
                .at(at, why)
                .fix(refused("duration_fix", &[]))
        })?;
        max_age_ms.insert(source.clone(), age.0);
    }
    let address = read_address(&new.address)?;
    let request = serde_json::to_vec(new).map_err(Problem::internal)?;
    Ok(CreateJob {
        job: job_id(state, caller, path, key)?,
        tenant: caller.tenant.clone(),
        profile: new.profile.clone(),
        address,
        inputs: new.inputs.clone(),
        priority,
        max_age_ms,
        request_digest: *blake3::hash(&request).as_bytes(),
    })
}

fn read_address(line: &str) -> Result<AddressRecord> {
    let read = address::canonicalise(line).map_err(|error| {
        use address::{AddressError, Unusable};
        let (code, word) = match error {
            AddressError::Empty => (Code::AddressEmpty, "address_empty"),
            AddressError::Unusable { reason: Unusable::Nowhere } => (Code::AddressUnusable, "address_nowhere"),
            AddressError::Unusable { reason: Unusable::TooLong } => (Code::AddressUnusable, "address_too_long"),
        };
        Problem::said(code, word, &[]).at("/address", refused(word, &[]))
    })?;
    let confidence = match read.confidence {
        address::Confidence::Exact => "exact",
        address::Confidence::High => "high",
        address::Confidence::Medium => "medium",
        address::Confidence::Low => "low",
        address::Confidence::Unknown => "unknown",
    };
    Ok(AddressRecord {
        input: read.input,
        canonical: read.canonical,
        building: read.building,
        flat: read.flat,
        cadastral: read.cadastral,
        postcode: read.postcode,
        confidence: confidence.to_owned(),
        subject: read.subject,
        building_subject: read.building_subject,
        warnings: read.warnings.iter().map(|warning| warning.code().to_owned()).collect(),
    })
}

/// The job's id. With a key: the hash of tenant, path, key and how often the key has run out; without: a fresh one.
fn job_id(state: &AppState, caller: &Caller, path: &str, key: Option<IdempotencyKey>) -> Result<JobId> {
    let tenant = caller.tenant.as_bytes();
    let Some(IdempotencyKey(key)) = key else {
        let fresh: [u8; 32] = rand::random();
        return Ok(JobId::of(&[tenant, b"", &fresh]));
    };
    let now = state.engine().now();
    for n in 0u64.. {
        let id = JobId::of(&[tenant, path.as_bytes(), key.as_bytes(), &n.to_le_bytes()]);
        let row: Option<JobRow> = state.engine().views().row(id.as_bytes())?;
        if row.is_none_or(|row| lives(row.created_at, now)) {
            return Ok(id);
        }
    }
    Err(Problem::internal("idempotency keys ran out"))
}

/// Whether a key that was first used then is remembered now.
pub fn lives(first_used: Timestamp, now: Timestamp) -> bool {
    now.since_ms(first_used) < KEY_LIVES_MS
}
