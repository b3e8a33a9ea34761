//! `GET /v1/sources/outcomes`: what came of the latest attempts of every source, read from the end of the log.
//!
//! Who asked a source when is nobody's business but the operator's, so it takes that role.

use super::answer;
use super::auth::{Caller, Role};
use super::error::{Problem, Result};
use super::query::{At, Page};
use super::state::AppState;
use crate::explain::time::rfc3339;
use crate::sequencer::Sequencer;
use axum::extract::State;
use axum::response::Response;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::HEADER_LEN;
use mirano_schemas::{Event, Outcome, Timestamp, source_of};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use utoipa::ToSchema;

/// Commits of each partition that are looked through, from its end.
const LOOKED_THROUGH: u64 = 2_000;
/// Attempts that are told of each source.
const MOST: usize = 60;
/// Bytes of the log that are read at once.
const AT_ONCE: usize = 1 << 20;

/// The latest attempts of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceOutcomes {
    /// The source.
    pub source: String,
    /// What came of them, oldest first; 60 at most.
    pub outcomes: Vec<AttemptOutcome>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttemptOutcome {
    /// When the log took it.
    pub at: String,
    /// `found`, `nothing_found`, or what went wrong.
    pub outcome: String,
    /// Why, where it failed.
    pub cause: Option<String>,
}

/// What came of the latest attempts
///
/// Of every source that was asked within the last 2,000 commits of a partition. Needs the role `operator`.
#[utoipa::path(get, path = "/v1/sources/outcomes", tag = "sources",
    responses((status = 200, description = "Sources with their latest attempts", body = Page<SourceOutcomes>),
              (status = 403, description = "`role_missing`", body = super::error::ProblemBody)))]
pub async fn get(State(state): State<AppState>, caller: Caller, at: At) -> Result<Response> {
    caller.need(Role::Operator)?;
    let found = tokio::task::spawn_blocking(move || latest(&**state.engine().log()));
    let items = found.await.map_err(Problem::internal)??;
    Ok(answer::json(&at, &Page { items, next_cursor: None }))
}

fn latest(log: &dyn Sequencer) -> Result<Vec<SourceOutcomes>> {
    let mut by_source: BTreeMap<String, VecDeque<AttemptOutcome>> = BTreeMap::new();
    for partition in 0..log.partitions() {
        let end = log.head(partition).next_seq;
        let mut next = end.saturating_sub(LOOKED_THROUGH);
        while next < end {
            let commits = log.read(partition, next, AT_ONCE).map_err(|error| Problem::internal(error.to_string()))?;
            let Some(last) = commits.last() else { break };
            next = last.position.seq + 1;
            for commit in &commits {
                // A body of a version that is not known yet tells nothing here; `GET /v1/log` says so.
                let Ok(body) = CommitBody::decode(commit.record.get(HEADER_LEN..).unwrap_or_default()) else {
                    continue;
                };
                for event in &body.events {
                    let Some((source, outcome)) = attempt(event, body.head.recorded_at) else { continue };
                    let outcomes = by_source.entry(source.to_owned()).or_default();
                    outcomes.push_back(outcome);
                    if outcomes.len() > MOST {
                        outcomes.pop_front();
                    }
                }
            }
        }
    }
    let told = |(source, outcomes): (String, VecDeque<_>)| SourceOutcomes { source, outcomes: outcomes.into() };
    Ok(by_source.into_iter().map(told).collect())
}

/// The source of an attempt that ended, and what came of it.
fn attempt(event: &Event, at: Timestamp) -> Option<(&str, AttemptOutcome)> {
    let told = |outcome: Outcome, cause: Option<&String>| AttemptOutcome {
        at: rfc3339(at),
        outcome: outcome.code().to_owned(),
        cause: cause.cloned(),
    };
    match event {
        Event::ObservationRecorded(one) => Some((one.source.as_str(), told(one.outcome, None))),
        Event::TaskAttemptFailed(one) => Some((source_of(&one.source), told(one.outcome, Some(&one.cause)))),
        _ => None,
    }
}
