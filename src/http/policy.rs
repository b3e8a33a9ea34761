//! The policy in force: read by all, changed by operators, and only by who has read it.

use super::answer::{self, positioned};
use super::auth::{Caller, Role};
use super::body::Body;
use super::error::{Code, Problem, Result};
use super::query::At;
use super::state::AppState;
use crate::core::command::{AdoptPolicy, Command, Reply};
use crate::core::policy::PolicyDocument;
use crate::core::policy::digest::canonical_json;
use crate::explain::time::rfc3339;
use crate::sources::config;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mirano_replay::apply::in_force;
use mirano_replay::rows::{PolicyRow, key};
use mirano_replay::store::ReadExt;
use mirano_schemas::PolicyOrigin;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// How long an answer may wait until all partitions decide by a new policy.
const PATIENCE: Duration = Duration::from_secs(5);

/// A policy.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PolicyView {
    /// Its version: its place in partition 0 of the log.
    pub version: u64,
    /// BLAKE3 of the document.
    pub digest: String,
    /// `files` or `api`.
    pub origin: String,
    /// When it came into force.
    pub adopted_at: String,
    /// The version of each source's connector.
    pub connectors: BTreeMap<String, u32>,
    /// Sources, profiles, risk rules and proxy pools, as the configuration files say them.
    pub document: serde_json::Value,
}

/// A policy to adopt. What `GET` gives may be sent back: other members are left aside.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct NewPolicy {
    /// The whole document.
    pub document: serde_json::Value,
}

fn current(state: &AppState) -> Result<PolicyView> {
    let views = state.engine().views();
    let none = || Problem::new(Code::NotReady, "no policy is in force yet");
    let version = in_force(&**views, 0)?.ok_or_else(none)?;
    let row: PolicyRow = views.row(&key::policy(version))?.ok_or_else(none)?;
    Ok(PolicyView {
        version,
        digest: blake3::Hash::from_bytes(row.adopted.digest).to_hex().to_string(),
        origin: match row.adopted.origin {
            PolicyOrigin::Files => "files".to_owned(),
            PolicyOrigin::Api => "api".to_owned(),
        },
        adopted_at: rfc3339(row.at),
        connectors: row.adopted.connectors,
        document: serde_json::from_str(&row.adopted.document).map_err(Problem::internal)?,
    })
}

fn with_tag(version: u64, mut response: Response) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Read the policy
#[utoipa::path(get, path = "/v1/policy", tag = "policy",
    responses((status = 200, description = "The whole document; its version is the ETag", body = PolicyView),
              (status = 304, description = "The caller has it already")))]
pub async fn get(State(state): State<AppState>, _caller: Caller, at: At, headers: HeaderMap) -> Result<Response> {
    let view = current(&state)?;
    if answer::known(&headers, &view.version.to_string()) {
        return Ok(with_tag(view.version, positioned(&at.cut, StatusCode::NOT_MODIFIED.into_response())));
    }
    Ok(with_tag(view.version, answer::json(&at, &view)))
}

/// Change the policy
///
/// A change is an event: it applies to what comes after.
#[utoipa::path(put, path = "/v1/policy", tag = "policy", request_body = NewPolicy,
    params(("If-Match" = String, Header, description = "The ETag of the policy that this one replaces")),
    responses((status = 200, description = "The policy in force now", body = PolicyView),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody),
              (status = 412, description = "`version_changed`", body = super::error::ProblemBody),
              (status = 422, description = "`policy_invalid`", body = super::error::ProblemBody),
              (status = 428, description = "`if_match_missing`", body = super::error::ProblemBody)))]
pub async fn put(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Body(new): Body<NewPolicy>,
) -> Result<Response> {
    caller.need(Role::Operator)?;
    let expected = expected(&state, &headers)?;
    let document: PolicyDocument = serde_path_to_error::deserialize(new.document).map_err(|error| {
        let at = error.path().to_string();
        Problem::new(Code::PolicyInvalid, "the document does not have the shape of a policy")
            .at(at, error.into_inner().to_string())
    })?;
    let problems = config::check(&document);
    if !problems.is_empty() {
        let count = problems.len();
        let mut refused = Problem::new(Code::PolicyInvalid, format!("{count} place(s) of the document are wrong"));
        for problem in problems {
            let detail = match problem.fix {
                Some(fix) => format!("{}; {fix}", problem.detail),
                None => problem.detail,
            };
            refused = refused.at(problem.at, detail);
        }
        return Err(refused);
    }
    let document = canonical_json(&document).map_err(Problem::internal)?;
    let command = AdoptPolicy { document, origin: PolicyOrigin::Api, expected: Some(expected) };
    let decided = state.engine().submit(Command::AdoptPolicy(command)).await?;
    let Reply::Policy(version) = decided.reply else { return Err(Problem::internal(format!("{:?}", decided.reply))) };
    tracing::info!(key = caller.key, version, "the policy was changed");
    // The next job of the caller may fall into any partition.
    tokio::time::timeout(PATIENCE, state.engine().policy_everywhere(version)).await.map_err(|_| {
        Problem::new(
            Code::PositionTimeout,
            format!("version {version} is adopted, but not every partition decides by it yet"),
        )
        .fix("Wait until `/readyz` answers 200; there is nothing to send again.")
    })??;
    let view = current(&state)?;
    Ok(positioned(&decided.position.to_string(), with_tag(view.version, Json(view).into_response())))
}

/// The version that the caller has read.
fn expected(state: &AppState, headers: &HeaderMap) -> Result<u64> {
    let Some(given) = headers.get(header::IF_MATCH) else {
        return Err(Problem::new(Code::IfMatchMissing, "there is no `If-Match`"));
    };
    let now = current(state)?.version;
    let given = given.to_str().unwrap_or_default();
    let matches = given.split(',').any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.trim_matches('"') == now.to_string()
    });
    if matches {
        Ok(now)
    } else {
        Err(Problem::new(Code::VersionChanged, format!("the version in force is {now}, not {given}")))
    }
}
