//! Proofs: that a fact is or is not in a snapshot, that the snapshot is in the log, that the log only grew.

use super::answer;
use super::auth::{Caller, Role};
use super::error::{Code, Problem, Result};
use super::query::{At, Page, Query};
use super::snapshots::snapshot;
use super::state::AppState;
use super::world::of_world;
use crate::audit::proofs::{self, ProveError};
use crate::audit::text::ProofText;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use mirano_replay::proof::{Anchor, Proof, ProofError};
use mirano_schemas::FactId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a proof in its binary form.
const BINARY: &str = "application/octet-stream";

/// What the proof is to hold.
#[derive(Debug, Clone, Deserialize)]
pub struct ProofQuery {
    #[serde(default)]
    log: bool,
    head: Option<u64>,
}

/// Prove that a fact is, or is not, in a snapshot
///
/// The snapshot is of a job, or of the whole base (role `auditor`; reads all of it). Check the proof with
/// `mirano verify-proof`, or with the program in `docs/verify`. With `log=true` it also proves that the
/// commit which sealed the snapshot is in the log; that part holds the whole commit, and needs the role `auditor`.
#[utoipa::path(get, path = "/v1/snapshots/{id}/proof/{fact_id}", tag = "snapshots",
    params(("id" = String, Path), ("fact_id" = String, Path),
           ("log" = Option<bool>, Query, description = "also that the snapshot is in the log"),
           ("head" = Option<u64>, Query, description = "under the head over so many commits; now, when left out")),
    responses((status = 200, description = "The proof; in its binary form for `Accept: application/octet-stream`", body = ProofText),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody),
              (status = 404, description = "`not_found`", body = super::error::ProblemBody)))]
pub async fn of_fact(
    State(state): State<AppState>,
    caller: Caller,
    at: At,
    headers: HeaderMap,
    Query(query): Query<ProofQuery>,
    Path((id, fact)): Path<(String, String)>,
) -> Result<Response> {
    if query.log || query.head.is_some() {
        caller.need(Role::Auditor)?;
    }
    let fact: FactId = fact.parse().map_err(|_| Problem::not_found("fact"))?;
    let world = of_world(&state, &caller, &id)?;
    let job = match world {
        Some(_) => None,
        None => {
            caller.need(Role::User)?;
            Some(snapshot(&state, &caller, &id)?.1)
        }
    };
    // Of the whole base all facts are read.
    let permit = world.as_ref().map(|_| state.long_answer()).transpose()?;
    let made = tokio::task::spawn_blocking(move || -> Result<Proof> {
        let _permit = permit;
        let engine = state.engine();
        let (views, log) = (&**engine.views(), &**engine.log());
        let (mut proof, position) = match (&world, &job) {
            (Some(row), _) => (proofs::world_fact(views, log, row, fact)?, row.position),
            (None, Some(row)) => (proofs::fact(views, row, fact)?, row.position),
            (None, None) => return Err(Problem::not_found("snapshot")),
        };
        if query.log || query.head.is_some() {
            proof.log = Some(proofs::log_part(log, state.commit_trees(), position, query.head)?);
        }
        Ok(Proof::Fact(proof.into()))
    });
    let proof = made.await.map_err(Problem::internal)??;
    answer_with(&at, &headers, &proof)
}

/// A head of each partition of the log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HeadView {
    /// The head in one line: keep it, to see later that nothing before it was changed.
    pub head: String,
    /// The partition.
    pub partition: u32,
    /// How many commits it covers.
    pub commits: u64,
    /// The hash of the last one.
    pub hash: String,
}

/// Read the heads of the log
///
/// Needs the role `auditor`.
#[utoipa::path(get, path = "/v1/log/heads", tag = "log",
    responses((status = 200, description = "One for each partition", body = Page<HeadView>),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody)))]
pub async fn heads(State(state): State<AppState>, caller: Caller, at: At) -> Result<Response> {
    caller.need(Role::Auditor)?;
    let items = tokio::task::spawn_blocking(move || -> Result<Vec<HeadView>> {
        let log = state.engine().log();
        let anchors = (0..log.partitions()).map(|partition| state.commit_trees().anchor(&**log, partition, None));
        let anchors = anchors.collect::<std::result::Result<Vec<_>, _>>().map_err(ProveError::from)?;
        let view = |anchor: Anchor| HeadView {
            head: anchor.to_string(),
            partition: anchor.partition,
            commits: anchor.size,
            hash: anchor.hash.to_string(),
        };
        Ok(anchors.into_iter().flatten().map(view).collect())
    });
    let items = items.await.map_err(Problem::internal)??;
    Ok(answer::json(&at, &Page { items, next_cursor: None }))
}

/// Which head.
#[derive(Debug, Clone, Deserialize)]
pub struct ExtensionQuery {
    from: String,
}

/// Prove that the log only grew since an earlier head
///
/// Needs the role `auditor`.
#[utoipa::path(get, path = "/v1/log/extension", tag = "log",
    params(("from" = String, Query, description = "a head as `GET /v1/log/heads` gave it")),
    responses((status = 200, description = "The proof; in its binary form for `Accept: application/octet-stream`", body = ProofText),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody),
              (status = 422, description = "`not_comparable`: the log does not extend this head", body = super::error::ProblemBody)))]
pub async fn extension(
    State(state): State<AppState>,
    caller: Caller,
    at: At,
    headers: HeaderMap,
    Query(query): Query<ExtensionQuery>,
) -> Result<Response> {
    caller.need(Role::Auditor)?;
    let from: Anchor = query.from.parse().map_err(|_| {
        Problem::new(Code::BadTime, "this is not a head")
            .at("from", "is no `mirano-head-1:…`")
            .fix("Send a head as `GET /v1/log/heads` gives it.")
    })?;
    let made = tokio::task::spawn_blocking(move || {
        state.commit_trees().extension(&**state.engine().log(), &from).map_err(ProveError::from)
    });
    let proof = made.await.map_err(Problem::internal)??.ok_or_else(|| {
        Problem::new(
            Code::NotComparable,
            "this log does not extend that head: it is of another log, or of another history",
        )
        .at("from", "is not a head of this log")
        .fix("Find out which of the two is right; `mirano verify --head` names the place.")
    })?;
    answer_with(&at, &headers, &Proof::Extension(proof.into()))
}

fn answer_with(at: &At, headers: &HeaderMap, proof: &Proof) -> Result<Response> {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.split(',').any(|one| one.trim().starts_with(BINARY)) {
        let response = ([(header::CONTENT_TYPE, BINARY)], proof.to_bytes()).into_response();
        return Ok(answer::positioned(&at.cut, response));
    }
    // What goes out was checked as whoever gets it will.
    let text = ProofText::of(proof).map_err(|error: ProofError| Problem::internal(error))?;
    Ok(answer::json(at, &text))
}

impl From<ProveError> for Problem {
    fn from(error: ProveError) -> Self {
        match &error {
            ProveError::NoCommit(_) => Self::new(Code::NotFound, error.to_string())
                .fix("Ask for a head that covers the snapshot, or leave `head` out."),
            _ => Self::internal(error),
        }
    }
}
